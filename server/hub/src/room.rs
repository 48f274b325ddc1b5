//! One room, and all rooms by name. Must not know persons beyond their number.
//!
//! A room is *resident* while somebody is in it. What was said in it lies in the store and outlives it.

use alloc::boxed::Box;
use core::ops::{Index, IndexMut};

use hashbrown::HashTable;
use protocol::chat::name::RoomName;

use crate::behind::Behind;
use crate::dense::{Dense, Seed, Slots};
use crate::presence::Presence;

/// The number of a resident room. It is given again when the room is empty, possibly in the same turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RoomId(u32);

impl RoomId {
    #[cfg(test)]
    pub(crate) fn new(number: u32) -> Self {
        Self(number)
    }

    /// Small and dense, to index tables with.
    #[must_use]
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

#[derive(Debug)]
pub(crate) struct Room {
    pub(crate) name: RoomName<'static>,
    /// As of the last thing the store said about this room; empty if it has none.
    pub(crate) topic: Box<str>,
    /// The slots of all members.
    pub(crate) members: Slots,
    /// How many of them speak `snug.v1`.
    pub(crate) v1: u32,
    /// The members that are not live: what is told in the room does not reach them.
    pub(crate) behind: Behind,
    /// The number up to which live members have been told all; 0 if nothing was ever said.
    pub(crate) last: u64,
    /// How many persons are here.
    pub(crate) persons: u32,
    pub(crate) presence: Presence,
}

impl Room {
    /// The live members have been told all up to this number.
    pub(crate) fn told_up_to(&mut self, seq: u64) {
        self.last = self.last.max(seq);
    }
}

/// All resident rooms.
#[derive(Debug)]
pub(crate) struct Rooms {
    table: Dense<Room>,
    by_name: HashTable<u32>,
    seed: Seed,
}

impl Rooms {
    /// None, and the table laid out for so many.
    pub(crate) fn new(seed: u64, laid_out: usize) -> Self {
        Self { table: Dense::with_capacity(laid_out), by_name: HashTable::new(), seed: Seed::new(seed) }
    }

    pub(crate) fn len(&self) -> usize {
        self.table.len()
    }

    /// How many entries the index has.
    pub(crate) fn indexed(&self) -> usize {
        self.by_name.len()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (RoomId, &Room)> {
        self.table.iter().map(|(number, room)| (RoomId(number), room))
    }

    pub(crate) fn get(&self, room: RoomId) -> Option<&Room> {
        self.table.get(room.0)
    }

    /// The room of this name, which has to be folded, as that of a [`RoomName`] is.
    pub(crate) fn find(&self, name: &str) -> Option<RoomId> {
        let same = |number: &u32| self.table[*number].name.as_str() == name;
        self.by_name.find(self.seed.hash(name), same).copied().map(RoomId)
    }

    pub(crate) fn find_or_insert(&mut self, name: RoomName<'_>) -> RoomId {
        if let Some(room) = self.find(name.as_str()) {
            return room;
        }
        let Self { table, by_name, seed } = self;
        let hash = seed.hash(name.as_str());
        let number = table.insert(Room {
            name: name.into_owned(),
            topic: Box::default(),
            members: Slots::default(),
            v1: 0,
            behind: Behind::default(),
            last: 0,
            persons: 0,
            presence: Presence::default(),
        });
        by_name.insert_unique(hash, number, |other| seed.hash(table[*other].name.as_str()));
        RoomId(number)
    }

    pub(crate) fn remove(&mut self, room: RoomId) {
        let hash = self.seed.hash(self.table[room.0].name.as_str());
        if let Ok(found) = self.by_name.find_entry(hash, |number| *number == room.0) {
            found.remove();
        }
        self.table.remove(room.0);
    }
}

impl Index<RoomId> for Rooms {
    type Output = Room;

    fn index(&self, room: RoomId) -> &Room {
        &self.table[room.0]
    }
}

impl IndexMut<RoomId> for Rooms {
    fn index_mut(&mut self, room: RoomId) -> &mut Room {
        &mut self.table[room.0]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_name_is_one_room() {
        let mut rooms = Rooms::new(7, 0);
        let lobby = rooms.find_or_insert(RoomName::new("Lobby").unwrap());
        assert_eq!(rooms.find_or_insert(RoomName::new("lobby").unwrap()), lobby);
        assert_eq!((rooms.find("lobby"), rooms.find("ops"), rooms.len()), (Some(lobby), None, 1));
        rooms.remove(lobby);
        assert_eq!(
            (rooms.find("lobby"), rooms.get(lobby).map(|room| &room.name), rooms.len()),
            (None, None, 0)
        );
    }
}
