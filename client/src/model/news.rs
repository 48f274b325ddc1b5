//! The words the model speaks: what can happen to it, what it wants done, what it has to tell. Must not know how any
//! of it is done or shown.

use protocol::chat::event::{Durability, Kind, ResetReason};
use protocol::chat::id::RequestId;
use protocol::chat::name::{Nick, RoomName};
use protocol::chat::request::{Envelope, Request};
use protocol::time::Span;

/// Something happened.
#[derive(Debug)]
pub enum Msg<'a> {
    /// The program has started.
    Start,
    /// The link that was asked for is open.
    Opened,
    /// The server said this.
    Heard(&'a str),
    /// There is no link any more, or it never came to be.
    Lost(Loss),
    /// The person asks for something; a room that is `None` is the current one.
    Asked(Request<'a>),
    /// The person wants to be in another of the rooms.
    Switch(Turn),
    /// The person wants to leave for good.
    Leave,
    /// Time has passed.
    Tick,
}

/// Why a link is gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loss {
    /// A sentence for people.
    pub why: String,
    /// Whether another try can help.
    pub again: Again,
}

/// Whether another try can help.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Again {
    /// Yes.
    Soon,
    /// Yes, but all other clients will try too; over so long, if the server has said it.
    Spread(Option<Span>),
    /// No.
    Never,
}

/// To which room a person turns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// The one with this number, from 0, in the order they were joined.
    To(usize),
    /// The next one.
    Next,
    /// The one before.
    Previous,
}

/// What the model wants done, in the order of the list.
#[derive(Debug, PartialEq, Eq)]
pub enum Ask {
    /// Open a link.
    Connect,
    /// Keep this in a safe place until [`Ask::Forget`]: it must be there before anything is sent that comes later in
    /// the list.
    Keep(Envelope<'static>),
    /// What was kept under this id is answered, or given up.
    Forget(RequestId<'static>),
    /// Send this over the link.
    Send(String),
    /// End the link in good order (close code 1000).
    HangUp,
    /// Drop the link: it is of no use.
    Drop,
    /// Tell the person.
    Tell(News),
    /// The end.
    Stop(Stop),
}

/// How it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stop {
    /// As the person wanted. Says how many things were never confirmed.
    Left {
        /// How many.
        unconfirmed: usize,
    },
    /// It cannot go on; a sentence that says why and what to do.
    Failed(String),
}

/// What there is to tell. All text is as the server sent it; whoever shows it makes it harmless first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// The server knows us now.
    Welcome {
        /// Our nick.
        nick: String,
        /// What a tick means there.
        durability: Durability,
        /// Whether we have been there before, in this run.
        again: bool,
        /// The nick that was wanted but is taken.
        taken: Option<Nick<'static>>,
    },
    /// The connection is gone, and is tried again after a while.
    Lost {
        /// A sentence.
        why: String,
        /// When the next try is.
        retry: Span,
        /// Over how long the server asked all its clients to spread their return.
        spread: Option<Span>,
    },
    /// We are in a room.
    Joined {
        /// Which.
        room: RoomName<'static>,
        /// The nicks of those who are there, ourselves among them; `None` if they are too many to list.
        people: Option<Vec<String>>,
        /// How many they are.
        count: u32,
        /// The topic; empty if there is none.
        topic: String,
        /// Whether we have been there before, in this run.
        again: bool,
    },
    /// A room did not let us in.
    NotJoined {
        /// Which.
        room: RoomName<'static>,
        /// The server's sentence.
        why: String,
    },
    /// We have left a room.
    Left {
        /// Which.
        room: RoomName<'static>,
    },
    /// We look at another room now.
    Switched {
        /// Which.
        room: RoomName<'static>,
    },
    /// What was missed in a room cannot be told in full.
    Reset {
        /// Which room.
        room: RoomName<'static>,
        /// Why.
        reason: ResetReason,
    },
    /// An entry of a room's log, in the order of the log.
    Said {
        /// Which room.
        room: RoomName<'static>,
        /// The entry.
        said: Said,
    },
    /// Somebody came.
    Entered {
        /// Where.
        room: RoomName<'static>,
        /// Under which nicks.
        nicks: Vec<String>,
    },
    /// Somebody went.
    Went {
        /// From where.
        room: RoomName<'static>,
        /// Under which nicks.
        nicks: Vec<String>,
    },
    /// Somebody has another nick.
    Renamed {
        /// The old one.
        was: String,
        /// The new one.
        nick: String,
        /// Whether it is ourselves.
        me: bool,
    },
    /// Who is in a room.
    People {
        /// Which.
        room: RoomName<'static>,
        /// Nicks; `None` if they are too many to list.
        people: Option<Vec<String>>,
        /// How many they are.
        count: u32,
    },
    /// Which rooms there are.
    Rooms(Vec<RoomLine>),
    /// The topic of a room.
    Topic {
        /// Which room.
        room: RoomName<'static>,
        /// Its topic; empty if it has none.
        text: String,
    },
    /// An earlier run in these rooms was cut short, by a crash or a power cut.
    CutShort,
    /// Something is to be said, and not confirmed yet. It is followed by one of [`News::Said`],
    /// [`News::Unsaid`] and [`News::Unsure`].
    Pending {
        /// The id it has from the first try to the last.
        id: RequestId<'static>,
        /// Where.
        room: RoomName<'static>,
        /// What.
        text: String,
    },
    /// Something was surely not said.
    Unsaid {
        /// The id it had; `None` if it never got one.
        id: Option<RequestId<'static>>,
        /// Where.
        room: RoomName<'static>,
        /// What.
        text: String,
        /// Why not.
        why: String,
    },
    /// Something was sent, but nobody knows whether it arrived, and it cannot be sent again.
    Unsure {
        /// The id it had.
        id: RequestId<'static>,
        /// Where.
        room: RoomName<'static>,
        /// What.
        text: String,
        /// Why not.
        why: String,
    },
    /// Something did not work; a sentence.
    Trouble(String),
}

/// An entry of a room's log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// Its number in the room.
    pub seq: u64,
    /// Who said it, as they were called then.
    pub nick: String,
    /// What was said.
    pub text: String,
    /// What sort of entry it is.
    pub kind: Kind,
    /// Whether we said it ourselves, here or on another screen.
    pub mine: bool,
}

/// A room in the list of rooms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomLine {
    /// Its name.
    pub room: String,
    /// How many people are there.
    pub count: u32,
    /// Its topic; empty if it has none.
    pub topic: String,
}
