//! What must hold at all times, between any two inputs. For tests and debug builds: looks at everything.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use crate::behind::Wait;
use crate::hub::Hub;
use crate::input::Dialect;
use crate::person::PersonId;
use crate::presence::Step;
use crate::room::{Room, RoomId};
use crate::session::State;

impl Hub {
    /// Looks whether all tables agree with each other.
    ///
    /// # Panics
    /// With a sentence, if they do not.
    pub fn check_invariants(&self) {
        self.check_sessions();
        self.check_persons();
        self.check_rooms();
    }

    fn check_sessions(&self) {
        let living = || self.sessions.iter().flatten();
        assert_eq!(self.counts().connections as usize, living().count(), "the count of connections is right");
        for (slot, session) in (0..).zip(&self.sessions) {
            let Some(session) = session else { continue };
            let State::Named(named) = &session.state else { continue };
            let places = named.rooms.as_slice();
            let most = match session.dialect {
                Dialect::Plain => 1,
                Dialect::V1 => self.settings.rooms_per_connection,
            };
            assert!(
                most == 0 || places.len() <= most as usize,
                "slot {slot} is in {} rooms, but {most} is the limit",
                places.len()
            );
            let distinct: BTreeSet<RoomId> = places.iter().map(|place| place.room).collect();
            assert_eq!(distinct.len(), places.len(), "slot {slot} is in each of its rooms once");
            for place in places {
                assert!(self.members(place.room).contains(&slot), "slot {slot} is a member of its rooms");
            }
            let siblings = self.connections_of(named.person).count();
            let limit = self.settings.connections_per_person;
            assert!(
                limit == 0 || siblings <= limit as usize,
                "{siblings} connections, but {limit} is the limit"
            );
            let mentions = self.connections_of(named.person).filter(|other| *other == slot).count();
            assert_eq!(mentions, 1, "slot {slot} is one of its person's connections");
        }
    }

    fn check_persons(&self) {
        assert_eq!(self.persons.len(), self.persons.iter().count(), "the count of persons is right");
        assert_eq!(
            self.persons.indexed(),
            (self.persons.len(), self.persons.len()),
            "each person is indexed once"
        );
        for (id, person) in self.persons.iter() {
            let nick = &*person.nick;
            assert_eq!(self.persons.by_nick(nick), Some(id), "{nick} is found by nick");
            assert_eq!(self.persons.by_user(person.user), Some(id), "{nick} is found by user");
            assert!(person.first.slot().is_some(), "{nick} has a connection");
            for slot in self.connections_of(id).take(self.sessions.len() + 1) {
                let owner = self.named(slot).map(|named| named.person);
                assert_eq!(owner, Some(id), "slot {slot} knows that it is one of {nick}'s connections");
            }
        }
    }

    fn check_rooms(&self) {
        assert_eq!(self.rooms.len(), self.rooms.iter().count(), "the count of rooms is right");
        assert_eq!(self.rooms.indexed(), self.rooms.len(), "each room is indexed once");
        let limit = self.settings.rooms;
        assert!(
            limit == 0 || self.rooms.len() <= limit as usize,
            "{} rooms, but {limit} is the limit",
            self.rooms.len()
        );
        let pending = self.rooms.iter().filter_map(|(id, room)| Some((room.presence.due()?, id)));
        assert!(pending.collect::<BTreeSet<_>>() == self.due, "each room that has news is scheduled once");
        for (id, room) in self.rooms.iter() {
            let name = room.name.as_str();
            assert_eq!(self.rooms.find(name), Some(id), "{name} is found by name");
            self.check_members(id, room);
            self.check_presence(id, room);
        }
    }

    fn check_members(&self, id: RoomId, room: &Room) {
        let name = room.name.as_str();
        let members = &room.members;
        assert!(!members.as_slice().is_empty(), "{name} has a member, or it would be gone");
        let behind: Vec<u32> = room.behind.iter().map(|(slot, _)| slot).collect();
        for slots in [members.as_slice(), &behind] {
            assert!(slots.is_sorted_by(|a, b| a < b), "the slots of {name} are sorted: {slots:?}");
        }
        for (slot, wait) in room.behind.iter() {
            assert!(members.contains(slot), "who is behind in {name} is in it");
            if let Wait::Drain { next } = wait {
                assert!(next <= room.last + 1, "what comes next for {slot} in {name} is known");
            }
        }
        for slot in members.as_slice() {
            assert!(self.is_inside(*slot, id), "member {slot} of {name} knows that it is");
        }
        let v1: u32 = members.as_slice().iter().map(|slot| self.count_v1(*slot)).sum();
        assert_eq!(v1, room.v1, "the count of those in {name} that speak snug.v1 is right");
        assert_eq!(
            self.persons_in(room).len(),
            room.persons as usize,
            "the count of persons in {name} is right"
        );
    }

    fn check_presence(&self, id: RoomId, room: &Room) {
        let name = room.name.as_str();
        assert_eq!(
            room.presence.is_pending(),
            room.presence.due().is_some(),
            "news in {name} are due sometime"
        );
        let mut named = BTreeSet::new();
        for change in room.presence.changes() {
            let user = change.user;
            assert!(named.insert(user), "{user} is mentioned once in the news of {name}");
            let person = self.persons.by_user(user);
            let is_here = person.is_some_and(|person| !self.slots_inside(person, id).is_empty());
            let is_said_to_be = change.step == Step::Entered;
            assert_eq!(is_here, is_said_to_be, "what the news of {name} say about {user} is so");
        }
    }

    fn persons_in(&self, room: &Room) -> BTreeSet<PersonId> {
        let members = room.members.as_slice().iter();
        members.filter_map(|slot| Some(self.named(*slot)?.person)).collect()
    }
}
