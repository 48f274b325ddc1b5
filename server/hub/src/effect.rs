//! All that the hub can want done. Must not know how it is done.

use alloc::sync::Arc;
use alloc::vec::Vec;

use protocol::chat::event::{Event, Kind};
use protocol::chat::id::{RequestId, UserId};
use protocol::chat::name::RoomName;
use protocol::chat::request::Since;
use protocol::ws::CloseCode;

use crate::input::{Applied, ConnId};
use crate::nick::SmallNick;
use crate::room::RoomId;

/// Something to be done, in the order of the list.
#[derive(Debug)]
pub enum Effect {
    /// Tell one connection something.
    Send {
        /// Whom.
        to: ConnId,
        /// What.
        event: Event<'static>,
    },
    /// Tell all live members of a room something that is not kept: presence, a new nick, typing. Members that are
    /// behind are not told: they are sent a list of the people before they go live.
    Publish {
        /// Where.
        room: RoomId,
        /// What.
        event: Event<'static>,
        /// The live members that are not told, by slot, sorted.
        except: Vec<u32>,
    },
    /// Tell all live members of a room an entry that is new there. [`Audience`] says who is told it otherwise. Members
    /// that are behind get it by page. (If nobody is there, or it had been stored before, there is no such effect: its
    /// author is sent the tick.)
    Deliver {
        /// Where.
        room: RoomId,
        /// The entry.
        applied: Applied,
        /// Who is told it otherwise.
        audience: Audience,
    },
    /// From this point of the turn on, a member that was behind gets what is told in the room.
    Live {
        /// Where.
        room: RoomId,
        /// The member's slot.
        slot: u32,
    },
    /// Store an entry.
    Record(Record),
    /// Ask the store for the past.
    Recall(Recall),
    /// What a connection has just asked costs so many messages beyond its own, at the rate it is held to.
    Charge {
        /// Who asked.
        conn: ConnId,
        /// How many.
        messages: u32,
    },
    /// Say [`crate::input::Input::Drained`] when all that was sent to this connection has left; at the next occasion if
    /// nothing waits. To ask again before that is to ask once.
    AwaitDrain {
        /// Which one.
        conn: ConnId,
    },
    /// End a connection, after what is due to it has been sent.
    Hangup {
        /// Which one.
        conn: ConnId,
        /// The close code to end it with.
        code: CloseCode,
        /// For people, at most 123 bytes.
        reason: &'static str,
    },
}

/// Who is told an entry otherwise than the room. Empty for almost every entry but for its author.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Audience {
    /// The author's connection: gets the tick ([`Event::Stored`]), wherever it is. `None` if it is gone.
    pub author: Option<ConnId>,
    /// Whether the author's connection is a live member of the room: then the tick stands in the entry's place. (One
    /// that is behind gets the tick now and the entry by page; one that has left gets the tick alone.)
    pub author_inside: bool,
    /// The author's other connections that are live in this room, sorted: get the entry with its `id`.
    pub twins: Vec<u32>,
}

/// An entry to be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The room.
    pub room: RoomName<'static>,
    /// Who said it.
    pub user: UserId,
    /// Under which nick.
    pub nick: SmallNick,
    /// What sort of entry it is.
    pub kind: Kind,
    /// What was said. The entry takes it over.
    pub text: Arc<str>,
    /// The id it was sent with: the same id from the same user never makes a second entry.
    pub id: Option<RequestId<'static>>,
    /// The connection it came by: where the tick goes.
    pub origin: Option<ConnId>,
}

/// A question about the past. Answered by [`crate::input::Recalled`], in the order of the mail: after everything that
/// was recorded before it was asked, before everything recorded later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recall {
    /// Who asks.
    pub conn: ConnId,
    /// Which room.
    pub room: RoomName<'static>,
    /// What for.
    pub purpose: Purpose,
    /// From where on.
    pub span: Range,
}

/// What a question about the past is for; comes back with the answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// The first page of a join.
    Join {
        /// Of the request.
        id: Option<RequestId<'static>>,
        /// Which membership it is, so that a late page cannot serve a later join.
        membership: u32,
    },
    /// A further page for a member that is behind; or, after it lagged, the first. Asked for when all that was sent to
    /// the member has left, and one at a time for each room.
    Page {
        /// Which membership it is.
        membership: u32,
    },
    /// The answer to `history`.
    History {
        /// Of the request.
        id: Option<RequestId<'static>>,
    },
}

/// Which entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Range {
    /// From a join's position on.
    Since(Since),
    /// From this number on: a position the server itself has reached. If the entry of this number was, but is no longer
    /// kept, the answer is a reset ([`protocol::chat::event::ResetReason::Gone`]) and the latest entries.
    From(u64),
    /// The latest below a number.
    Before {
        /// Below this one.
        seq: u64,
        /// At most so many.
        limit: u32,
    },
}
