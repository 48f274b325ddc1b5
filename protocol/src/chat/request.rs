//! All that a client can ask. Must not know how it was written: [`super::wire`] reads it from JSON, [`super::plain`]
//! from lines.
//!
//! To add a command: a variant here, one file in `server/hub/src/command/`, one row in `slash.rs`, one line in
//! PROTOCOL.md. The compiler points at the other places.

use super::id::{Epoch, RequestId, SessionKey};
use super::name::{Nick, RoomName, Text};

/// A request and the `id` that its answer echoes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope<'a> {
    /// Chosen by the client. In `say` and `topic` also the key of resending.
    pub id: Option<RequestId<'a>>,
    /// What is asked.
    pub request: Request<'a>,
}

/// What a client asks.
///
/// A `room` that is `None` is the room the connection is in; only the plain dialect leaves it out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request<'a> {
    /// Says who this is. The first request of a `snug.v1` connection.
    Hello {
        /// The wanted nick; without one the server gives a guest name.
        nick: Option<Nick<'a>>,
        /// The key of a person that is known, or that this client wants to become.
        session: Option<SessionKey>,
    },
    /// Enters a room, or asks again for what was missed.
    Join {
        /// The room to enter.
        room: RoomName<'a>,
        /// What it shall bring of the past.
        since: Since,
    },
    /// Leaves a room.
    Leave {
        /// The room to leave.
        room: Option<RoomName<'a>>,
    },
    /// Says something in a room.
    Say {
        /// The room it is said in.
        room: Option<RoomName<'a>>,
        /// What is said.
        text: Text<'a>,
        /// `/me waves` is an action, everything else is talk.
        action: bool,
    },
    /// Takes another nick.
    Nick {
        /// The new nick.
        nick: Nick<'a>,
    },
    /// Sets a room's topic, or asks for it.
    Topic {
        /// The room whose topic it is.
        room: Option<RoomName<'a>>,
        /// The new topic; empty takes it away, `None` asks for it (plain dialect only).
        text: Option<Text<'a>>,
    },
    /// Who is in a room?
    Who {
        /// The room that is asked about.
        room: Option<RoomName<'a>>,
    },
    /// Which rooms have people in them?
    Rooms,
    /// Somebody is typing. Not kept, not answered.
    Typing {
        /// The room that is typed in.
        room: Option<RoomName<'a>>,
    },
    /// Asks for older entries.
    History {
        /// The room that is asked about.
        room: RoomName<'a>,
        /// Entries with numbers below this one.
        before: u64,
        /// At most so many.
        limit: u32,
    },
    /// What can be asked? (Plain dialect only; a `snug.v1` client has its own help.)
    Help,
    /// Ends the connection politely (plain dialect only).
    Quit,
}

/// From where on a join wants the past.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Since {
    /// The latest so many entries.
    Last(u32),
    /// All that came after entry `seq`, in the epoch in which the client learnt that number.
    After {
        /// The epoch of the `welcome` under which `seq` was learnt.
        epoch: Epoch,
        /// The last entry the client has; 0 for none.
        seq: u64,
    },
}
