//! One connection, as the chat sees it: who it is and where it is. Must not know other connections.
//!
//! There is one for every idle connection of the server, so it is packed: 40 bytes, and nothing on the heap as long
//! as it is in two rooms at most.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::{mem, slice};

use protocol::chat::id::SessionKey;
use protocol::chat::name::{NameFault, Nick, RoomName};

use crate::dense;
use crate::input::Dialect;
use crate::person::PersonId;
use crate::room::RoomId;

/// What lives in a slot.
#[derive(Debug)]
pub(crate) struct Session {
    /// Which tenant of the slot this is.
    pub(crate) generation: u32,
    pub(crate) dialect: Dialect,
    pub(crate) state: State,
}

#[derive(Debug)]
pub(crate) enum State {
    /// Not yet anybody: `hello` has not been said, or the nick was no good. Boxed, since this is short.
    Stranger(Box<Stranger>),
    /// One of a person's connections.
    Named(Named),
}

/// What the first request line said, judged, until the connection is somebody.
#[derive(Debug)]
pub(crate) struct Stranger {
    /// The key of the person this may become.
    pub(crate) secret: SessionKey,
    pub(crate) nick: Option<Result<Nick<'static>, NameFault>>,
    pub(crate) room: Option<Result<RoomName<'static>, NameFault>>,
    pub(crate) last: u32,
}

#[derive(Debug)]
pub(crate) struct Named {
    pub(crate) person: PersonId,
    /// The person's next connection: a person's connections are a list through their sessions.
    pub(crate) next: Link,
    pub(crate) rooms: Memberships,
}

/// A slot, or the end of a list. (`Option<u32>` takes twice the space.)
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Link(u32);

impl Link {
    pub(crate) const END: Self = Self(u32::MAX);

    pub(crate) fn to(slot: u32) -> Self {
        Self(slot)
    }

    pub(crate) fn slot(self) -> Option<u32> {
        (self != Self::END).then_some(self.0)
    }
}

/// That a connection is in a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Membership {
    pub(crate) room: RoomId,
    /// A new one for each join, so that a page asked for by an earlier join cannot serve a later one.
    pub(crate) number: u32,
}

/// The rooms a connection is in, in the order it joined them.
#[derive(Debug, Default)]
pub(crate) enum Memberships {
    #[default]
    None,
    One(Membership),
    Two([Membership; 2]),
    /// A boxed vector, so that the usual session does not have to hold the three words of one.
    #[expect(clippy::box_collection)]
    Many(Box<Vec<Membership>>),
}

impl Memberships {
    pub(crate) fn as_slice(&self) -> &[Membership] {
        match self {
            Self::None => &[],
            Self::One(one) => slice::from_ref(one),
            Self::Two(two) => two,
            Self::Many(many) => many,
        }
    }

    pub(crate) fn find(&self, room: RoomId) -> Option<Membership> {
        self.as_slice().iter().find(|membership| membership.room == room).copied()
    }

    pub(crate) fn push(&mut self, new: Membership) {
        *self = match mem::take(self) {
            Self::None => Self::One(new),
            Self::One(first) => Self::Two([first, new]),
            Self::Two([first, second]) => Self::Many(Box::new([first, second, new].into())),
            Self::Many(mut many) => {
                dense::push(&mut many, new);
                Self::Many(many)
            }
        };
    }

    pub(crate) fn remove(&mut self, room: RoomId) {
        let rest = mem::take(self);
        rest.as_slice().iter().filter(|membership| membership.room != room).for_each(|left| self.push(*left));
    }

    /// Gives the membership of a room another number.
    pub(crate) fn renumber(&mut self, room: RoomId, number: u32) {
        let all = match self {
            Self::None => &mut [],
            Self::One(one) => slice::from_mut(one),
            Self::Two(two) => two.as_mut_slice(),
            Self::Many(many) => many.as_mut_slice(),
        };
        all.iter_mut().filter(|membership| membership.room == room).for_each(|found| found.number = number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_pointer_width = "64")]
    fn a_session_is_small() {
        assert_eq!(size_of::<Option<Session>>(), 40);
    }

    #[test]
    fn rooms_stay_in_the_order_they_were_joined() {
        let room = |number| Membership { room: RoomId::new(number), number: number * 10 };
        let mut rooms = Memberships::default();
        for number in [4, 2, 7, 1] {
            rooms.push(room(number));
        }
        assert_eq!(rooms.as_slice(), [room(4), room(2), room(7), room(1)]);
        rooms.remove(RoomId::new(2));
        rooms.remove(RoomId::new(99));
        assert_eq!(rooms.as_slice(), [room(4), room(7), room(1)]);
        rooms.renumber(RoomId::new(7), 5);
        assert_eq!(rooms.find(RoomId::new(7)), Some(Membership { room: RoomId::new(7), number: 5 }));
        rooms.remove(RoomId::new(4));
        rooms.remove(RoomId::new(1));
        assert!(matches!(rooms, Memberships::One(Membership { number: 5, .. })));
        rooms.remove(RoomId::new(7));
        assert_eq!(rooms.find(RoomId::new(7)), None);
    }
}
