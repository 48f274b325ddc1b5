//! All that a server can tell. Must not know how it is written: [`super::wire`] writes it as JSON and reads it back,
//! [`super::plain`] writes it as lines.
//!
//! Text is [`Cow`]: the server writes what it borrows, the client keeps what it has read.

use alloc::borrow::Cow;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use serde::Deserialize;

use super::people::People;

/// What a server tells one client, or all in a room.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
#[non_exhaustive]
pub enum Event<'a> {
    /// The answer to `hello`.
    Welcome(Welcome<'a>),
    /// The answer to `join`: who and what is there. What was missed follows as `message`s.
    Joined(Joined<'a>),
    /// What was missed cannot be told in full; the latest entries follow as `message`s.
    Reset(Reset<'a>),
    /// An entry of a room's log.
    Message(Message<'a>),
    /// The tick: this entry is stored.
    Stored(Stored<'a>),
    /// The answer to `leave`.
    Left {
        /// Of the request.
        id: Option<Cow<'a, str>>,
        /// The room that was left.
        room: Cow<'a, str>,
    },
    /// A person has another nick: the answer to `nick`, and news in each room the person is in.
    Renamed(Renamed<'a>),
    /// The answer to `who`.
    Who {
        /// Of the request.
        id: Option<Cow<'a, str>>,
        /// The room that was asked about.
        room: Cow<'a, str>,
        /// Who is there; absent in a room that is too large to list. One list may be told to many.
        people: Option<Arc<People>>,
        /// How many persons are there.
        count: u32,
    },
    /// The answer to `rooms`.
    Rooms {
        /// Of the request.
        id: Option<Cow<'a, str>>,
        /// The rooms that have people in them, by name.
        rooms: Vec<RoomInfo<'a>>,
    },
    /// Somebody is typing.
    Typing {
        /// The room that is typed in.
        room: Cow<'a, str>,
        /// Who types.
        user: Cow<'a, str>,
        /// Under which nick.
        nick: Cow<'a, str>,
    },
    /// Who came and went since the last time.
    Presence(Presence<'a>),
    /// The answer to `history`: entries in the order of their numbers.
    History {
        /// Of the request.
        id: Option<Cow<'a, str>>,
        /// The room that was asked about.
        room: Cow<'a, str>,
        /// The entries.
        entries: Vec<Entry<'a>>,
    },
    /// The thing asked for was surely not done.
    Error(Failure<'a>),
    /// A room's topic, told to one who asked. Only the plain dialect has it; `snug.v1` learns it in `joined`.
    #[serde(skip_deserializing)]
    Topic {
        /// The room.
        room: Cow<'a, str>,
        /// Its topic; empty if it has none.
        text: Cow<'a, str>,
    },
    /// What can be asked. Only the plain dialect has it.
    #[serde(skip_deserializing)]
    Help,
    /// An event that this version does not know. A client ignores it.
    #[serde(other)]
    Unknown,
}

/// See [`Event::Welcome`].
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Welcome<'a> {
    /// Of the request.
    pub id: Option<Cow<'a, str>>,
    /// The nick this person has now.
    pub nick: Cow<'a, str>,
    /// Its public identity.
    pub user: Cow<'a, str>,
    /// Its secret key, to be kept and sent in the next `hello`.
    pub session: Cow<'a, str>,
    /// The life of the logs to which numbers belong from now on.
    pub epoch: Cow<'a, str>,
    /// The server's name and version, to be shown to people only.
    pub version: Cow<'a, str>,
    /// What this server can do beyond the base, by name.
    pub features: Vec<Cow<'a, str>>,
    /// What a tick means here.
    pub durability: Durability,
    /// What this server accepts.
    pub limits: Bounds,
}

/// What a tick promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Durability {
    /// The entry is on the disk.
    Disk,
    /// The entry is in memory and gone when the server stops.
    Memory,
    /// Something that this version does not know.
    #[serde(other)]
    Unknown,
}

/// The limits a client should know before it meets them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub struct Bounds {
    /// The longest text of an entry, in bytes.
    pub text: u32,
    /// The longest message (one WebSocket message, all its JSON), in bytes.
    pub message: u32,
    /// How many rooms one connection may be in.
    pub rooms: u32,
}

/// See [`Event::Joined`].
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Joined<'a> {
    /// Of the request.
    pub id: Option<Cow<'a, str>>,
    /// The room, as its name is written from now on.
    pub room: Cow<'a, str>,
    /// Who is there; absent in a room that is too large to list. One list may be told to many.
    pub people: Option<Arc<People>>,
    /// How many persons are there, this one included.
    pub count: u32,
    /// The topic; absent if there is none.
    pub topic: Option<Cow<'a, str>>,
    /// The number of the oldest entry that is kept; 0 if there is none.
    pub first: u64,
    /// The number of the newest entry; 0 if there is none.
    pub last: u64,
}

/// See [`Event::Reset`].
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Reset<'a> {
    /// The room.
    pub room: Cow<'a, str>,
    /// Why the position was of no use.
    pub reason: ResetReason,
    /// The number of the oldest entry that is kept; 0 if there is none.
    pub first: u64,
    /// The number of the newest entry; 0 if there is none.
    pub last: u64,
}

/// Why a position was of no use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ResetReason {
    /// The server does not know that epoch: it lost its log, or has an older one.
    Epoch,
    /// The entries behind that position are no longer kept.
    Gone,
    /// The position lies beyond the end of the log.
    Ahead,
    /// A reason that this version does not know.
    #[serde(other)]
    Unknown,
}

/// See [`Event::Message`].
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Message<'a> {
    /// The room.
    pub room: Cow<'a, str>,
    /// The entry.
    #[serde(flatten)]
    pub entry: Entry<'a>,
}

/// One entry of a room's log.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Entry<'a> {
    /// Its number in the room: 1, 2, 3 …
    pub seq: u64,
    /// Who said it.
    pub user: Cow<'a, str>,
    /// Under which nick, at that time.
    pub nick: Cow<'a, str>,
    /// What was said.
    pub text: Cow<'a, str>,
    /// When, in milliseconds since 1970 by the server's clock. Decoration: it orders nothing.
    pub time: u64,
    /// What sort of entry it is.
    #[serde(default)]
    pub kind: Kind,
    /// The `id` it was sent with. Told only to the author's own connections.
    pub id: Option<Cow<'a, str>>,
}

/// What sort of entry it is. Absent on the wire means talk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Something said.
    #[default]
    Talk,
    /// An action, as in `/me waves`.
    Me,
    /// A new topic.
    Topic,
    /// A kind this version does not know. A client counts the entry and shows nothing.
    #[serde(other)]
    Unknown,
}

/// See [`Event::Stored`].
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Stored<'a> {
    /// Of the request. Absent only if it had none, which the plain dialect's have not.
    pub id: Option<Cow<'a, str>>,
    /// The room.
    pub room: Cow<'a, str>,
    /// The number the entry was given.
    pub seq: u64,
    /// When, as in [`Entry::time`].
    pub time: u64,
    /// It had been stored before, by an earlier try with the same id.
    #[serde(default)]
    pub dup: bool,
}

/// See [`Event::Renamed`].
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Renamed<'a> {
    /// Of the request.
    pub id: Option<Cow<'a, str>>,
    /// The room it is news in; absent in the answer to the request.
    pub room: Option<Cow<'a, str>>,
    /// Who it is, which stays.
    pub user: Cow<'a, str>,
    /// The nick until now.
    pub was: Cow<'a, str>,
    /// The nick from now on.
    pub nick: Cow<'a, str>,
}

/// See [`Event::Presence`].
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Presence<'a> {
    /// The room.
    pub room: Cow<'a, str>,
    /// Who came; empty in a room that is too large to list.
    #[serde(default)]
    pub entered: People,
    /// Who went; empty in a room that is too large to list.
    #[serde(default)]
    pub left: People,
    /// How many persons are there now.
    pub count: u32,
}

/// Somebody, as told to others.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Person<'a> {
    /// Who it is, which stays.
    pub user: Cow<'a, str>,
    /// The nick at this time.
    pub nick: Cow<'a, str>,
}

/// A room, in the answer to `rooms`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct RoomInfo<'a> {
    /// Its name.
    pub room: Cow<'a, str>,
    /// How many persons are there.
    pub count: u32,
    /// Its topic; absent if there is none.
    pub topic: Option<Cow<'a, str>>,
}

/// See [`Event::Error`].
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Failure<'a> {
    /// For programs.
    pub code: ErrorCode,
    /// For people: what went wrong and what to do.
    pub text: Cow<'a, str>,
    /// Of the request, if it had one.
    pub id: Option<Cow<'a, str>>,
}

/// What went wrong, for programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    /// Not JSON, not an object, a field missing or of the wrong sort.
    BadRequest,
    /// No such request in this version.
    UnknownRequest,
    /// `hello` has to come first, or was said twice.
    HelloFirst,
    /// The nick breaks the rules of names.
    BadNick,
    /// Another person has that nick.
    NickTaken,
    /// The room name breaks the rules of names.
    BadRoom,
    /// One has to be in a room to do this.
    NotInRoom,
    /// The text breaks the rules of texts.
    BadText,
    /// The same id was used before for something else.
    IdConflict,
    /// This connection is in as many rooms as it may be, or the server has as many as it can have.
    TooManyRooms,
    /// This person has as many connections as it may have.
    TooManyConnections,
    /// The store is full; reading goes on.
    StorageFull,
    /// A code that this version does not know.
    #[serde(other)]
    Unknown,
}

impl ErrorCode {
    /// As it is written on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BadRequest => "bad_request",
            Self::UnknownRequest => "unknown_request",
            Self::HelloFirst => "hello_first",
            Self::BadNick => "bad_nick",
            Self::NickTaken => "nick_taken",
            Self::BadRoom => "bad_room",
            Self::NotInRoom => "not_in_room",
            Self::BadText => "bad_text",
            Self::IdConflict => "id_conflict",
            Self::TooManyRooms => "too_many_rooms",
            Self::TooManyConnections => "too_many_connections",
            Self::StorageFull => "storage_full",
            Self::Unknown => "unknown",
        }
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
