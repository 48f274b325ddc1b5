//! Rooms as rows, and where the log of each stands: looked up once and then known, so that neither who speaks nor who
//! joins asks the database for it. Must not know entries' words, or what is asked.

use std::collections::HashMap;

use protocol::chat::name::RoomName;
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::fault::Trouble;
use super::rows::{MOST_ROOMS, entry_key, signed, unsigned};
use super::seal::Seal;

/// So many rooms are known at the same time: with the longest topics a third of a megabyte.
const MOST_KNOWN: usize = 512;

/// A room, and where its log stands.
#[derive(Debug)]
pub(super) struct Room {
    pub(super) key: i64,
    pub(super) topic: Box<str>,
    /// Entries above this number are all there.
    pub(super) floor: u64,
    /// The number of the oldest entry; 0 if there is none.
    pub(super) first: u64,
    /// The number of the newest entry; `floor` if there is none.
    pub(super) last: u64,
    /// The time of the newest entry.
    pub(super) time: u64,
}

impl Room {
    fn find(conn: &Connection, name: &RoomName<'_>) -> Result<Option<Self>, Trouble> {
        let mut find = conn.prepare_cached("SELECT room_id, topic, floor, seal FROM rooms WHERE name = ?")?;
        let mut rows = find.query([name.as_str()])?;
        let Some(row) = rows.next()? else { return Ok(None) };
        let (key, floor) = (row.get(0)?, row.get(2)?);
        let topic = row.get_ref(1)?.as_str().map_err(rusqlite::Error::from)?;
        if row.get::<_, i64>(3)? != room_seal(key, name.as_str(), topic, floor) {
            return Err(Trouble::damaged("a room is not as it was written"));
        }
        let mut room = Self { key, topic: topic.into(), floor: unsigned(floor), first: 0, last: 0, time: 0 };
        let all = params![entry_key(key, 0), entry_key(key, u64::MAX)];
        let first = "SELECT seq FROM entries WHERE key BETWEEN ? AND ? ORDER BY key LIMIT 1";
        let first = conn.prepare_cached(first)?.query_row(all, |row| row.get::<_, i64>(0)).optional()?;
        let last = "SELECT seq, time FROM entries WHERE key BETWEEN ? AND ? ORDER BY key DESC LIMIT 1";
        let both = |row: &Row<'_>| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?));
        let last = conn.prepare_cached(last)?.query_row(all, both).optional()?;
        if let (Some(first), Some((last, time))) = (first, last) {
            (room.first, room.last, room.time) = (unsigned(first), unsigned(last), unsigned(time));
        }
        room.last = room.last.max(room.floor);
        Ok(Some(room))
    }

    /// The names of all rooms.
    pub(super) fn names(conn: &Connection) -> Result<Vec<RoomName<'static>>, Trouble> {
        let mut rooms = conn.prepare("SELECT name FROM rooms ORDER BY room_id")?;
        let names = rooms.query_map([], |row| row.get::<_, String>(0))?;
        Ok(names
            .collect::<Result<Vec<_>, _>>()?
            .into_iter()
            .filter_map(|name| RoomName::new(name).ok())
            .collect())
    }

    /// Makes a room whose first entry will have the number behind `floor`.
    pub(super) fn make(conn: &Connection, name: &str, topic: &str, floor: u64) -> Result<Self, Trouble> {
        let key: i64 = conn
            .prepare_cached("SELECT coalesce(max(room_id), 0) + 1 FROM rooms")?
            .query_row([], |row| row.get(0))?;
        if key > MOST_ROOMS {
            return Err(Trouble::Full);
        }
        let seal = room_seal(key, name, topic, signed(floor));
        conn.prepare_cached("INSERT INTO rooms (room_id, name, topic, floor, seal) VALUES (?, ?, ?, ?, ?)")?
            .execute(params![key, name, topic, signed(floor), seal])?;
        Ok(Self { key, topic: topic.into(), floor, first: 0, last: floor, time: 0 })
    }

    /// Its next entry is written.
    pub(super) fn grow(&mut self, time: u64) {
        self.last += 1;
        self.time = time;
        if self.first == 0 {
            self.first = self.last;
        }
    }

    /// Nothing up to this number is given again.
    pub(super) fn set_floor(&self, conn: &Connection, name: &str, floor: u64) -> Result<(), Trouble> {
        let seal = room_seal(self.key, name, &self.topic, signed(floor));
        conn.prepare_cached("UPDATE rooms SET floor = ?, seal = ? WHERE room_id = ?")?.execute(params![
            signed(floor),
            seal,
            self.key
        ])?;
        Ok(())
    }

    pub(super) fn set_topic(&mut self, conn: &Connection, name: &str, topic: &str) -> Result<(), Trouble> {
        let seal = room_seal(self.key, name, topic, signed(self.floor));
        conn.prepare_cached("UPDATE rooms SET topic = ?, seal = ? WHERE room_id = ?")?
            .execute(params![topic, seal, self.key])?;
        self.topic = topic.into();
        Ok(())
    }
}

pub(super) fn room_seal(key: i64, name: &str, topic: &str, floor: i64) -> i64 {
    Seal::new().number(key).number(floor).bytes(name.as_bytes()).bytes(topic.as_bytes()).value()
}

/// The rooms that are known. To look one up takes three questions of the database, which took half of the
/// instructions for storing an entry.
#[derive(Debug, Default)]
pub(super) struct Rooms {
    known: HashMap<RoomName<'static>, Room>,
    /// The version of the database in which they are known.
    version: i64,
}

impl Rooms {
    /// Whether another program has changed the database; then nothing is known any more. To be asked in each transaction,
    /// before anything else.
    pub(super) fn are_outdated(&mut self, conn: &Connection) -> Result<bool, Trouble> {
        let version = conn.prepare_cached("PRAGMA data_version")?.query_row([], |row| row.get(0))?;
        let is_other = std::mem::replace(&mut self.version, version) != version;
        if is_other {
            self.known.clear();
        }
        Ok(is_other)
    }

    /// The room of this name, if there is one.
    pub(super) fn find(
        &mut self,
        conn: &Connection,
        name: &RoomName<'static>,
    ) -> Result<Option<&mut Room>, Trouble> {
        if self.known.contains_key(name) {
            return Ok(self.known.get_mut(name));
        }
        Ok(Room::find(conn, name)?.map(|room| self.learn(name, room)))
    }

    /// Makes the room of this name, which is not there yet.
    pub(super) fn make(&mut self, conn: &Connection, name: &RoomName<'static>) -> Result<&mut Room, Trouble> {
        let room = Room::make(conn, name.as_str(), "", 0)?;
        Ok(self.learn(name, room))
    }

    /// Nothing is known any more: what was done to the rooms since the last commit is undone.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }

    fn learn(&mut self, name: &RoomName<'static>, room: Room) -> &mut Room {
        if self.known.len() >= MOST_KNOWN {
            self.known.clear();
        }
        self.known.entry(name.clone()).insert_entry(room).into_mut()
    }
}
