//! Entries as rows: written with a seal, and read back only if the seal is whole. Must not know transactions, pages or
//! positions.

use hub::effect::Record;
use hub::input::Stored;
use protocol::chat::event::Kind;
use protocol::chat::id::{Epoch, RequestId, UserId};
use protocol::chat::name::RoomName;
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::fault::Trouble;
use super::seal::Seal;

/// The columns of an entry, in the order in which [`Entry::read`] takes them.
macro_rules! entry {
    ($rest:literal) => {
        concat!(
            "SELECT room_id, seq, epoch, kind, user, nick, id, ref, time, body, seal FROM entries ",
            $rest
        )
    };
}
pub(super) use entry;

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
    pub(super) fn find(conn: &Connection, name: &RoomName<'_>) -> Result<Option<Self>, Trouble> {
        let mut find = conn.prepare_cached(
            "SELECT room_id, topic, floor, seal,
                 (SELECT min(seq) FROM entries WHERE entries.room_id = rooms.room_id),
                 (SELECT max(seq) FROM entries WHERE entries.room_id = rooms.room_id),
                 (SELECT time FROM entries WHERE entries.room_id = rooms.room_id ORDER BY seq DESC LIMIT 1)
             FROM rooms WHERE name = ?",
        )?;
        let mut rows = find.query([name.as_str()])?;
        let Some(row) = rows.next()? else { return Ok(None) };
        let (key, floor) = (row.get(0)?, row.get(2)?);
        let topic = row.get_ref(1)?.as_str().map_err(rusqlite::Error::from)?;
        if row.get::<_, i64>(3)? != room_seal(key, name.as_str(), topic, floor) {
            return Err(Trouble::damaged("a room is not as it was written"));
        }
        let count = |at| Ok::<_, Trouble>(unsigned(row.get::<_, Option<i64>>(at)?.unwrap_or(0)));
        let floor = unsigned(floor);
        let last = count(5)?.max(floor);
        Ok(Some(Self { key, topic: topic.into(), floor, first: count(4)?, last, time: count(6)? }))
    }

    /// Makes a room whose first entry will have the number behind `floor`.
    pub(super) fn make(conn: &Connection, name: &str, topic: &str, floor: u64) -> Result<Self, Trouble> {
        let key: i64 = conn
            .prepare_cached("SELECT coalesce(max(room_id), 0) + 1 FROM rooms")?
            .query_row([], |row| row.get(0))?;
        let seal = room_seal(key, name, topic, signed(floor));
        conn.prepare_cached("INSERT INTO rooms (room_id, name, topic, floor, seal) VALUES (?, ?, ?, ?, ?)")?
            .execute(params![key, name, topic, signed(floor), seal])?;
        Ok(Self { key, topic: topic.into(), floor, first: 0, last: floor, time: 0 })
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

    pub(super) fn set_topic(&self, conn: &Connection, name: &str, topic: &str) -> Result<(), Trouble> {
        let seal = room_seal(self.key, name, topic, signed(self.floor));
        conn.prepare_cached("UPDATE rooms SET topic = ?, seal = ? WHERE room_id = ?")?
            .execute(params![topic, seal, self.key])?;
        Ok(())
    }
}

/// An entry, and what is kept with it.
#[derive(Debug)]
pub(super) struct Entry {
    /// Of its room.
    pub(super) room: i64,
    /// The ordinal of its epoch.
    pub(super) epoch: i64,
    pub(super) stored: Stored,
}

impl Entry {
    /// What a new entry will be.
    pub(super) fn new(room: &Room, epoch: i64, record: &Record, time: u64) -> Self {
        let stored = Stored {
            seq: room.last + 1,
            time,
            kind: record.kind,
            user: record.user,
            nick: record.nick.clone(),
            text: record.text.clone(),
            id: record.id.clone(),
        };
        Self { room: room.key, epoch, stored }
    }

    /// Reads what [`entry!`] has selected.
    pub(super) fn read(row: &Row<'_>) -> Result<Self, Trouble> {
        let text = |at| row.get_ref(at)?.as_str().map_err(rusqlite::Error::from);
        let user = row.get_ref(4)?.as_blob().map_err(rusqlite::Error::from)?;
        let id = row.get_ref(6)?.as_str_or_null().map_err(rusqlite::Error::from)?;
        let (room, seq, epoch, kind, time) =
            (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(8)?);
        let raw =
            Raw { room, seq, epoch, kind, user, nick: text(5)?, id, of: row.get(7)?, time, body: text(9)? };
        if row.get::<_, i64>(10)? != raw.seal() {
            return Err(Trouble::damaged("an entry is not as it was written"));
        }
        let stored = Stored {
            seq: unsigned(seq),
            time: unsigned(time),
            kind: kind_of(kind),
            user: UserId(user.try_into().map_err(|_| Trouble::damaged("a user of another length"))?),
            nick: raw.nick.into(),
            text: raw.body.into(),
            id: id.and_then(|id| RequestId::new(id.to_owned())),
        };
        Ok(Self { room, epoch, stored })
    }

    /// The entry that a user's id has made, if any.
    pub(super) fn by_id(
        conn: &Connection,
        user: UserId,
        id: &RequestId<'_>,
    ) -> Result<Option<(String, Self)>, Trouble> {
        let key: Option<(i64, i64)> = conn
            .prepare_cached("SELECT room_id, seq FROM entries WHERE user = ? AND id = ?")?
            .query_row(params![user.0, id.as_str()], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        let Some((room, seq)) = key else { return Ok(None) };
        let Some(entry) = Self::find(conn, room, unsigned(seq))? else {
            return Err(Trouble::damaged("an entry is not there, although its id is"));
        };
        let name = conn
            .prepare_cached("SELECT name FROM rooms WHERE room_id = ?")?
            .query_row([room], |row| row.get(0))?;
        Ok(Some((name, entry)))
    }

    pub(super) fn find(conn: &Connection, room: i64, seq: u64) -> Result<Option<Self>, Trouble> {
        let mut find = conn.prepare_cached(entry!("WHERE room_id = ? AND seq = ?"))?;
        let mut rows = find.query(params![room, signed(seq)])?;
        rows.next()?.map(Self::read).transpose()
    }

    pub(super) fn insert(&self, conn: &Connection) -> Result<(), Trouble> {
        let Self { room, epoch, stored } = self;
        let raw = Raw {
            room: *room,
            seq: signed(stored.seq),
            epoch: *epoch,
            kind: code_of(stored.kind),
            user: &stored.user.0,
            nick: &stored.nick,
            id: stored.id.as_ref().map(RequestId::as_str),
            of: None,
            time: signed(stored.time),
            body: &stored.text,
        };
        let seal = raw.seal();
        let Raw { room, seq, epoch, kind, user, nick, id, of, time, body } = raw;
        conn.prepare_cached(
            "INSERT INTO entries (room_id, seq, epoch, kind, user, nick, id, ref, time, body, seal)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )?
        .execute(params![room, seq, epoch, kind, user, nick, id, of, time, body, seal])?;
        Ok(())
    }
}

/// The row of an entry.
struct Raw<'a> {
    room: i64,
    seq: i64,
    epoch: i64,
    kind: i64,
    user: &'a [u8],
    nick: &'a str,
    id: Option<&'a str>,
    of: Option<i64>,
    time: i64,
    body: &'a str,
}

impl Raw<'_> {
    fn seal(&self) -> i64 {
        let numbers = [self.room, self.seq, self.epoch, self.kind, self.of.unwrap_or(-1), self.time];
        let texts = [self.user, self.nick.as_bytes(), self.id.unwrap_or("").as_bytes(), self.body.as_bytes()];
        let seal = numbers.into_iter().fold(Seal::new(), Seal::number);
        texts.into_iter().fold(seal, Seal::bytes).value()
    }
}

/// A start of a server.
pub(super) fn insert_epoch(conn: &Connection, epoch: Epoch, started: u64) -> Result<i64, Trouble> {
    let ordinal: i64 =
        conn.query_row("SELECT coalesce(max(ordinal), 0) + 1 FROM epochs", [], |row| row.get(0))?;
    let started = signed(started);
    conn.execute(
        "INSERT INTO epochs (ordinal, epoch, started, seal) VALUES (?, ?, ?, ?)",
        params![ordinal, epoch.0, started, epoch_seal(ordinal, &epoch.0, started)],
    )?;
    Ok(ordinal)
}

/// The ordinal of an epoch, if this database knows it.
pub(super) fn ordinal_of(conn: &Connection, epoch: Epoch) -> Result<Option<i64>, Trouble> {
    let mut find = conn.prepare_cached("SELECT ordinal FROM epochs WHERE epoch = ?")?;
    Ok(find.query_row(params![epoch.0], |row| row.get(0)).optional()?)
}

/// Reads all rooms and epochs, which are few.
pub(super) fn check_small_tables(conn: &Connection) -> Result<(), Trouble> {
    let mut epochs = conn.prepare("SELECT ordinal, epoch, started, seal FROM epochs ORDER BY ordinal")?;
    let mut rows = epochs.query([])?;
    let mut next = 1;
    while let Some(row) = rows.next()? {
        let ordinal: i64 = row.get(0)?;
        let epoch = row.get_ref(1)?.as_blob().map_err(rusqlite::Error::from)?;
        if ordinal != next || row.get::<_, i64>(3)? != epoch_seal(ordinal, epoch, row.get(2)?) {
            return Err(Trouble::damaged("an epoch is not as it was written"));
        }
        next += 1;
    }
    let mut rooms = conn.prepare("SELECT room_id, name, topic, floor, seal FROM rooms ORDER BY room_id")?;
    let mut rows = rooms.query([])?;
    let mut next = 1;
    while let Some(row) = rows.next()? {
        let key: i64 = row.get(0)?;
        let text = |at| row.get_ref(at)?.as_str().map_err(rusqlite::Error::from);
        if key != next || row.get::<_, i64>(4)? != room_seal(key, text(1)?, text(2)?, row.get(3)?) {
            return Err(Trouble::damaged("a room is not as it was written"));
        }
        next += 1;
    }
    Ok(())
}

pub(super) fn room_seal(key: i64, name: &str, topic: &str, floor: i64) -> i64 {
    Seal::new().number(key).number(floor).bytes(name.as_bytes()).bytes(topic.as_bytes()).value()
}

fn epoch_seal(ordinal: i64, epoch: &[u8], started: i64) -> i64 {
    Seal::new().number(ordinal).number(started).bytes(epoch).value()
}

/// SQLite's numbers have a sign. Ours stay below 2^53.
pub(super) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

pub(super) fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

const TALK: i64 = 0;
const ME: i64 = 1;
const TOPIC: i64 = 2;
/// Kept for edit, delete, react and kick: 3 to 6. A kind without a name has this one.
const UNKNOWN: i64 = 255;

fn code_of(kind: Kind) -> i64 {
    match kind {
        Kind::Talk => TALK,
        Kind::Me => ME,
        Kind::Topic => TOPIC,
        Kind::Unknown => UNKNOWN,
    }
}

fn kind_of(code: i64) -> Kind {
    match code {
        TALK => Kind::Talk,
        ME => Kind::Me,
        TOPIC => Kind::Topic,
        _ => Kind::Unknown,
    }
}
