//! Entries as rows: written with a seal, and read back only if the seal is whole. Must not know transactions, pages or
//! positions.

use hub::effect::Record;
use hub::input::Stored;
use protocol::chat::event::Kind;
use protocol::chat::id::{Epoch, RequestId, UserId};
use rusqlite::{CachedStatement, Connection, OptionalExtension as _, Row, params};

use super::fault::Trouble;
use super::rooms::{Room, room_seal};
use super::seal::Seal;

/// The columns of an entry, in the order in which [`Entry::read`] takes them.
macro_rules! entry {
    ($rest:literal) => {
        concat!("SELECT key, epoch, kind, user, nick, id, ref, time, body, seal FROM entries ", $rest)
    };
}
pub(super) use entry;

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
    /// Reads what [`entry!`] has selected.
    pub(super) fn read(row: &Row<'_>) -> Result<Self, Trouble> {
        let text = |at| row.get_ref(at)?.as_str().map_err(rusqlite::Error::from);
        let user = row.get_ref(3)?.as_blob().map_err(rusqlite::Error::from)?;
        let id = row.get_ref(5)?.as_str_or_null().map_err(rusqlite::Error::from)?;
        let (key, epoch, kind, time) = (row.get(0)?, row.get(1)?, row.get(2)?, row.get(7)?);
        let raw = Raw { key, epoch, kind, user, nick: text(4)?, id, of: row.get(6)?, time, body: text(8)? };
        if row.get::<_, i64>(9)? != raw.seal() {
            return Err(Trouble::damaged("an entry is not as it was written"));
        }
        let stored = Stored {
            seq: unsigned(key) & LARGEST_SEQ,
            time: unsigned(time),
            kind: kind_of(kind),
            user: UserId(user.try_into().map_err(|_| Trouble::damaged("a user of another length"))?),
            nick: raw.nick.into(),
            text: raw.body.into(),
            id: id.and_then(|id| RequestId::new(id.to_owned())),
        };
        Ok(Self { room: room_of(key), epoch, stored })
    }

    /// The entry that a user's id has made, if any.
    pub(super) fn by_id(
        conn: &Connection,
        user: UserId,
        id: &RequestId<'_>,
    ) -> Result<Option<(String, Self)>, Trouble> {
        let mut find = conn.prepare_cached(entry!("WHERE user = ? AND id = ?"))?;
        let mut rows = find.query(params![user.0, id.as_str()])?;
        let Some(row) = rows.next()? else { return Ok(None) };
        let entry = Self::read(row)?;
        let name = conn
            .prepare_cached("SELECT name FROM rooms WHERE room_id = ?")?
            .query_row([entry.room], |row| row.get(0))?;
        Ok(Some((name, entry)))
    }

    pub(super) fn find(conn: &Connection, room: i64, seq: u64) -> Result<Option<Self>, Trouble> {
        let mut find = conn.prepare_cached(entry!("WHERE key = ?"))?;
        let mut rows = find.query([entry_key(room, seq)])?;
        rows.next()?.map(Self::read).transpose()
    }
}

/// Writes entries. The statement is found once for all entries of a transaction: to find it, give it back and empty it
/// for each took a tenth of what storing one took.
pub(super) struct Insert<'a>(CachedStatement<'a>);

impl<'a> Insert<'a> {
    pub(super) fn new(conn: &'a Connection) -> Result<Self, Trouble> {
        Ok(Self(conn.prepare_cached(
            "INSERT OR IGNORE INTO entries (key, epoch, kind, user, nick, id, ref, time, body, seal)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )?))
    }

    /// False if its number or its id is there already.
    pub(super) fn entry(&mut self, raw: &Raw<'_>) -> Result<bool, Trouble> {
        let seal = raw.seal();
        let Raw { key, epoch, kind, user, nick, id, of, time, body } = raw;
        Ok(self.0.execute(params![key, epoch, kind, user, nick, id, of, time, body, seal])? > 0)
    }
}

/// The row of an entry.
pub(super) struct Raw<'a> {
    key: i64,
    epoch: i64,
    kind: i64,
    user: &'a [u8],
    nick: &'a str,
    id: Option<&'a str>,
    of: Option<i64>,
    time: i64,
    body: &'a str,
}

impl<'a> Raw<'a> {
    /// What a new entry of a room will be.
    pub(super) fn new(room: &Room, epoch: i64, record: &'a Record, time: u64) -> Self {
        Self {
            key: entry_key(room.key, room.last + 1),
            epoch,
            kind: code_of(record.kind),
            user: &record.user.0,
            nick: &record.nick,
            id: record.id.as_ref().map(RequestId::as_str),
            of: None,
            time: signed(time),
            body: &record.text,
        }
    }
}

impl<'a> From<&'a Entry> for Raw<'a> {
    fn from(Entry { room, epoch, stored }: &'a Entry) -> Self {
        Self {
            key: entry_key(*room, stored.seq),
            epoch: *epoch,
            kind: code_of(stored.kind),
            user: &stored.user.0,
            nick: &stored.nick,
            id: stored.id.as_ref().map(RequestId::as_str),
            of: None,
            time: signed(stored.time),
            body: &stored.text,
        }
    }
}

impl Raw<'_> {
    fn seal(&self) -> i64 {
        let numbers = [self.key, self.epoch, self.kind, self.of.unwrap_or(-1), self.time];
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

fn epoch_seal(ordinal: i64, epoch: &[u8], started: i64) -> i64 {
    Seal::new().number(ordinal).number(started).bytes(epoch).value()
}

/// A room's number and an entry's number are one key: see `schema/1.sql`.
const SEQ_BITS: u32 = 40;
const LARGEST_SEQ: u64 = (1 << SEQ_BITS) - 1;
pub(super) const MOST_ROOMS: i64 = (1 << (62 - SEQ_BITS)) - 1;

/// The key of an entry; of the last that a room could have, if the number is larger than that.
pub(super) fn entry_key(room: i64, seq: u64) -> i64 {
    room << SEQ_BITS | signed(seq.min(LARGEST_SEQ))
}

/// The room in which a key lies.
pub(super) fn room_of(key: i64) -> i64 {
    key >> SEQ_BITS
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
