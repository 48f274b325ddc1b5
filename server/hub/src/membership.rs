//! Who enters and leaves what: connections a person, connections rooms, and through them persons rooms.
//! The only file that changes who is where. Must not know who is told of it.

use alloc::vec::Vec;
use core::{iter, mem};

use protocol::chat::id::UserId;
use protocol::time::Millis;

use crate::behind::Wait;
use crate::hub::Hub;
use crate::nick::SmallNick;
use crate::person::PersonId;
use crate::room::RoomId;
use crate::session::{Link, Membership, Memberships, Named, State};

impl Hub {
    /// Makes a connection that is nobody yet one of a person's. Gives what it was.
    pub(crate) fn attach(&mut self, slot: u32, person: PersonId) -> Option<State> {
        let session = self.sessions.get_mut(slot as usize)?.as_mut()?;
        let next = mem::replace(&mut self.persons[person].first, Link::to(slot));
        Some(mem::replace(&mut session.state, State::Named(Named { person, next, rooms: Memberships::None })))
    }

    /// Takes a connection from its rooms and its person. The last one takes the person with it.
    pub(crate) fn detach(&mut self, now: Millis, slot: u32) {
        let Some(named) = self.named(slot) else { return };
        let (person, next) = (named.person, named.next);
        while let Some(room) = self.first_room(slot) {
            self.leave(now, slot, room);
        }
        let before = self.connections_of(person).find(|other| self.next_of(*other) == Link::to(slot));
        match before.and_then(|before| self.named_mut(before)) {
            Some(before) => before.next = next,
            None => self.persons[person].first = next,
        }
        if self.persons[person].first == Link::END {
            self.persons.remove(person);
        }
    }

    /// A connection of somebody joins a room it is not in: a member from now on, and behind. Gives the number of the
    /// membership.
    pub(crate) fn enter(&mut self, now: Millis, slot: u32, room: RoomId) -> u32 {
        let Some(person) = self.named(slot).map(|named| named.person) else { return 0 };
        let is_new = !self.is_person_inside(person, room);
        let number = self.next_membership();
        if let Some(named) = self.named_mut(slot) {
            named.rooms.push(Membership { room, number });
        }
        self.rooms[room].members.insert(slot);
        self.rooms[room].v1 += self.count_v1(slot);
        self.rooms[room].behind.set(slot, Wait::Join);
        if is_new {
            let (user, nick) = self.face(person);
            self.rooms[room].persons += 1;
            self.rooms[room].presence.entered(user, nick);
            self.reschedule(now, room);
        }
        number
    }

    /// A member joins again: it is behind from now on, under a new number.
    pub(crate) fn enter_again(&mut self, slot: u32, room: RoomId) -> u32 {
        let number = self.next_membership();
        if let Some(named) = self.named_mut(slot) {
            named.rooms.renumber(room, number);
        }
        self.rooms[room].behind.set(slot, Wait::Join);
        number
    }

    /// A member leaves. The last one takes the room with it.
    pub(crate) fn leave(&mut self, now: Millis, slot: u32, room: RoomId) {
        let Some(named) = self.named_mut(slot) else { return };
        let person = named.person;
        named.rooms.remove(room);
        self.rooms[room].members.remove(slot);
        self.rooms[room].v1 -= self.count_v1(slot);
        self.rooms[room].behind.remove(slot);
        if self.rooms[room].members.as_slice().is_empty() {
            if let Some(due) = self.rooms[room].presence.due() {
                self.due.remove(&(due, room));
            }
            self.rooms.remove(room);
            return;
        }
        if !self.is_person_inside(person, room) {
            let (user, nick) = self.face(person);
            self.rooms[room].persons -= 1;
            self.rooms[room].presence.left(user, nick);
            self.reschedule(now, room);
        }
    }

    /// The slots of a person's connections.
    pub(crate) fn connections_of(&self, person: PersonId) -> impl Iterator<Item = u32> + '_ {
        iter::successors(self.persons[person].first.slot(), |slot| self.next_of(*slot).slot())
    }

    /// The slots of a person's connections that are in a room, sorted.
    pub(crate) fn slots_inside(&self, person: PersonId, room: RoomId) -> Vec<u32> {
        let mut slots: Vec<u32> =
            self.connections_of(person).filter(|slot| self.is_inside(*slot, room)).collect();
        slots.sort_unstable();
        slots
    }

    pub(crate) fn is_inside(&self, slot: u32, room: RoomId) -> bool {
        self.named(slot).is_some_and(|named| named.rooms.find(room).is_some())
    }

    /// Whether what is told in the room reaches the connection.
    pub(crate) fn is_live(&self, slot: u32, room: RoomId) -> bool {
        self.is_inside(slot, room) && !self.rooms[room].behind.contains(slot)
    }

    fn is_person_inside(&self, person: PersonId, room: RoomId) -> bool {
        self.connections_of(person).any(|slot| self.is_inside(slot, room))
    }

    /// Notes when the room's comers and goers are told, after a change of them.
    fn reschedule(&mut self, now: Millis, room: RoomId) {
        let most = self.settings.changes_named();
        let presence = &mut self.rooms[room].presence;
        let before = presence.due();
        presence.reschedule(now, most);
        if before == presence.due() {
            return;
        }
        if let Some(due) = before {
            self.due.remove(&(due, room));
        }
        if let Some(due) = presence.due() {
            self.due.insert((due, room));
        }
    }

    /// The room that a connection joined first, of those where it is.
    pub(crate) fn first_room(&self, slot: u32) -> Option<RoomId> {
        Some(self.named(slot)?.rooms.as_slice().first()?.room)
    }

    fn next_of(&self, slot: u32) -> Link {
        self.named(slot).map_or(Link::END, |named| named.next)
    }

    fn face(&self, person: PersonId) -> (UserId, SmallNick) {
        let person = &self.persons[person];
        (person.user, person.nick.clone())
    }

    fn next_membership(&mut self) -> u32 {
        self.joins = self.joins.wrapping_add(1);
        self.joins
    }
}
