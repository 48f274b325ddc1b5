//! All that can happen to the hub. Must not know where it came from.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;

use protocol::chat::event::{Kind, ResetReason};
use protocol::chat::id::{Epoch, RequestId, SessionKey, UserId};
use protocol::chat::name::RoomName;
use protocol::chat::request::Envelope;

use crate::effect::Purpose;
use crate::nick::SmallNick;

/// A connection: the slot it lives in, and which tenant of that slot it is. Slots are small and dense, they index
/// tables; the generation keeps a late answer from reaching the next tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnId {
    /// Where it lives.
    pub slot: u32,
    /// Which tenant of that slot it is.
    pub generation: u32,
}

/// Something that happened.
#[derive(Debug)]
pub enum Input<'a> {
    /// A connection was upgraded to a WebSocket. Its slot holds no other session: `Closed` came before.
    Opened {
        /// The new connection.
        conn: ConnId,
        /// Fresh random bytes: the key of the person this may become.
        secret: SessionKey,
        /// What its first request line said.
        greeting: Greeting<'a>,
    },
    /// A connection asks for something.
    Asked {
        /// Who asks.
        conn: ConnId,
        /// What it asks.
        envelope: Envelope<'a>,
    },
    /// A connection is gone.
    Closed {
        /// Which one.
        conn: ConnId,
    },
    /// More waits unsent for a connection than should. From now on the entries of its rooms come to it by page, as it
    /// takes them. To be said where nothing that was told in a room is still to be made due to its members: after the
    /// flush, before anything else happens.
    Lagging {
        /// Which one.
        conn: ConnId,
    },
    /// All that was sent to a connection has left. The answer to [`crate::effect::Effect::AwaitDrain`].
    Drained {
        /// Which one.
        conn: ConnId,
    },
    /// The store has stored an entry and numbered it.
    Applied(Applied),
    /// The store has found what was asked for.
    Recalled(Recalled),
    /// The store did surely not store an entry.
    Refused {
        /// Who sent it.
        conn: ConnId,
        /// Of the request.
        id: Option<RequestId<'static>>,
        /// Why not.
        reason: Refusal,
    },
    /// Nobody knows what became of what a connection asked of the store: the disk failed. It is hung up on, so that its
    /// client comes back, and sends again what has no tick.
    Unknown {
        /// Who asked.
        conn: ConnId,
    },
    /// The logs are not what they were: the disk has lost some of them. Everybody is hung up on, so that all come back
    /// and are told by a reset.
    NewEpoch {
        /// To which numbers belong from now on.
        epoch: Epoch,
    },
    /// Time has passed. One thing that is due is done; there may be more ([`crate::Hub::next_deadline`]), so that the
    /// effects of one input stay few.
    Tick,
}

/// What a connection's first request line said: not yet judged, since a browser cannot see a refusal at that point.
#[derive(Clone, Copy, Debug)]
pub struct Greeting<'a> {
    /// Which dialect it speaks.
    pub dialect: Dialect,
    /// `?nick=`.
    pub nick: Option<&'a str>,
    /// The room in the path.
    pub room: Option<&'a str>,
    /// `?last=`: how many of the latest entries to bring.
    pub last: u32,
}

/// The two ways to write what is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// Lines of text, no subprotocol. Joins at once.
    Plain,
    /// JSON, subprotocol `snug.v1`. Joins after its `hello`.
    V1,
}

/// An entry that is stored. It carries all that telling it needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied {
    /// The room.
    pub room: RoomName<'static>,
    /// The entry.
    pub entry: Stored,
    /// The connection it came by, if it came by one of ours.
    pub origin: Option<ConnId>,
    /// It had been stored before: tick it, tell it to nobody.
    pub dup: bool,
}

/// An entry as the store keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Its number in the room.
    pub seq: u64,
    /// When, in milliseconds since 1970; decoration.
    pub time: u64,
    /// What sort of entry it is.
    pub kind: Kind,
    /// Who said it.
    pub user: UserId,
    /// Under which nick, at that time.
    pub nick: SmallNick,
    /// What was said. Whoever keeps, tells or reads the entry shares it.
    pub text: Arc<str>,
    /// The id it was sent with.
    pub id: Option<RequestId<'static>>,
}

/// The answer to [`crate::effect::Recall`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recalled {
    /// Whose question it was.
    pub conn: ConnId,
    /// The room that was asked about.
    pub room: RoomName<'static>,
    /// What it was asked for.
    pub purpose: Purpose,
    /// The room's topic, from the store; empty if it has none.
    pub topic: Box<str>,
    /// The number of the oldest entry that is kept; 0 if there is none.
    pub first: u64,
    /// The number of the newest entry; 0 if there is none. For a join or a page: every `Applied` of this room that came
    /// earlier in the mail has this number or a lower one, every one that comes later has a higher one.
    pub last: u64,
    /// The position that was asked for could not be used.
    pub reset: Option<ResetReason>,
    /// The entries, in the order of their numbers.
    pub entries: Vec<Stored>,
    /// There are more behind the last of `entries`, of which there is one at least; ask again from there.
    pub more: bool,
}

/// Why an entry was surely not stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The same person used the same id for something else.
    IdConflict,
    /// No space left.
    StorageFull,
}
