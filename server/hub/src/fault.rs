//! What can be wrong with a request: one variant a fault, and the fault knows its answer.
//! Must not know how a request is carried out.

use alloc::borrow::Cow;
use alloc::string::ToString;
use core::fmt;

use protocol::chat::event::{ErrorCode, Event, Failure};
use protocol::chat::id::RequestId;
use protocol::chat::name::{NameFault, Nick, RoomName};

use crate::input::Refusal;

/// Why a request was not carried out. Displayed as a sentence for people: what went wrong, and what to do.
#[derive(Debug)]
pub(crate) enum Fault {
    /// `snug.v1`: something came before `hello`.
    HelloFirst,
    /// `snug.v1`: this connection has said `hello` already.
    HelloTwice,
    /// Plain: the nick of the first request line was no good, and no other has been given.
    Nameless,
    BadNick(NameFault),
    NickTaken(Nick<'static>),
    BadRoom(NameFault),
    /// The room that was meant, or `None`: the connection is in no room at all.
    NotInRoom(Option<RoomName<'static>>),
    /// This connection is in so many, the limit.
    TooManyRooms(u32),
    /// The server has so many, the limit.
    FullOfRooms(u32),
    /// This person has so many, the limit.
    TooManyConnections(u32),
    /// The store refused it.
    Refused(Refusal),
}

impl Fault {
    /// What programs are told.
    fn code(&self) -> ErrorCode {
        match self {
            Self::HelloFirst | Self::HelloTwice | Self::Nameless => ErrorCode::HelloFirst,
            Self::BadNick(_) => ErrorCode::BadNick,
            Self::NickTaken(_) => ErrorCode::NickTaken,
            Self::BadRoom(_) => ErrorCode::BadRoom,
            Self::NotInRoom(_) => ErrorCode::NotInRoom,
            Self::TooManyRooms(_) | Self::FullOfRooms(_) => ErrorCode::TooManyRooms,
            Self::TooManyConnections(_) => ErrorCode::TooManyConnections,
            Self::Refused(Refusal::IdConflict) => ErrorCode::IdConflict,
            Self::Refused(Refusal::StorageFull) => ErrorCode::StorageFull,
        }
    }

    /// The answer to the request that had this `id`.
    pub(crate) fn event(&self, id: Option<&RequestId<'_>>) -> Event<'static> {
        Event::Error(Failure { code: self.code(), text: Cow::Owned(self.to_string()), id: echo(id) })
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::HelloFirst => f.write_str("the first request has to be hello"),
            Self::HelloTwice => {
                f.write_str("hello was said before on this connection; ask for nick to take another name")
            }
            Self::Nameless => f.write_str("you have no nick yet; type /nick NAME to choose one"),
            Self::BadNick(fault) => write!(f, "{fault}; type /nick NAME to choose another nick"),
            Self::NickTaken(nick) => {
                write!(f, "the nick {nick} is taken; type /nick NAME to choose another")
            }
            Self::BadRoom(fault) => write!(f, "{fault}; type /join ROOM to go to another room"),
            Self::NotInRoom(Some(room)) => write!(f, "you are not in {room}; type /join {room} first"),
            Self::NotInRoom(None) => f.write_str("you are in no room; type /join ROOM first"),
            Self::TooManyRooms(limit) => {
                write!(f, "one connection can be in {limit} rooms; type /leave to leave one first")
            }
            Self::FullOfRooms(limit) => {
                write!(
                    f,
                    "this server is full: it has {limit} rooms; type /rooms to see those that are there"
                )
            }
            Self::TooManyConnections(limit) => {
                write!(
                    f,
                    "you have {limit} connections here, which is all one person may have; close one first"
                )
            }
            Self::Refused(Refusal::IdConflict) => {
                f.write_str("that id was used before for another text; send it again with a new id")
            }
            Self::Refused(Refusal::StorageFull) => {
                f.write_str("not stored: the server's storage is full; reading goes on, try again later")
            }
        }
    }
}

/// The `id` of a request as its answer carries it.
pub(crate) fn echo(id: Option<&RequestId<'_>>) -> Option<Cow<'static, str>> {
    id.map(|id| Cow::Owned(id.as_str().to_string()))
}
