//! Takes out of a damaged database what can be read, into a new one. Must not know why it is damaged, or where either
//! lies.
//!
//! Only entries whose seal is whole are taken, and they keep their numbers. Where the tree of pages is broken, reading
//! goes on behind the break: after one number, two, four, eight ... until it succeeds, and then back to the break. The
//! old epochs are forgotten: nobody can be sure that what he has is what is here.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use protocol::chat::id::Epoch;
use protocol::chat::name::RoomName;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use super::fault::Trouble;
use super::folder::{beside, remove};
use super::rooms::{Room, room_seal};
use super::rows::{self, Entry, Insert, Raw, entry, entry_key, room_of, signed, unsigned};

/// How many entries are held in memory at a time: a megabyte, if they are as long as can be.
const CHUNK: i64 = 64;

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Salvaged {
    pub(super) kept: u64,
    /// Numbers that are missing between others.
    pub(super) missing: u64,
    /// Reading came to its end everywhere.
    pub(super) whole: bool,
}

/// Copies what can be read of the database at `from` into the empty `to`.
///
/// # Errors
/// What goes wrong with `to`. What goes wrong with `from` is no error here.
pub(super) fn salvage(from: &Path, to: &Connection, epoch: Epoch) -> Result<Salvaged, Trouble> {
    let ordinal = rows::insert_epoch(to, epoch, 0)?;
    let (insert, found) = (Insert::new(to)?, Salvaged { whole: true, ..Salvaged::default() });
    let mut salvage = Salvage { to, insert, ordinal, found };
    match open(from) {
        Ok(conn) => salvage.rooms(&conn)?,
        Err(_) => salvage.found.whole = false,
    }
    // SQLite made them to read. If they stay nothing is harmed.
    let _ = remove(&beside(from, "-shm"));
    let log = beside(from, "-wal");
    if std::fs::metadata(&log).is_ok_and(|log| log.len() == 0) {
        let _ = remove(&log);
    }
    Ok(salvage.found)
}

fn open(path: &Path) -> rusqlite::Result<Connection> {
    // Read-only, SQLite would not read a log that nobody has open. What is open can write, but is never told to.
    let conn = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    // So that a file that is too short is read as far as it goes.
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_WRITABLE_SCHEMA, true)?;
    conn.execute_batch("PRAGMA query_only = ON; PRAGMA cell_size_check = ON; PRAGMA cache_size = -1024;")?;
    Ok(conn)
}

struct Salvage<'a> {
    to: &'a Connection,
    insert: Insert<'a>,
    ordinal: i64,
    found: Salvaged,
}

/// What was read of a room beside its entries.
struct Head {
    name: String,
    topic: String,
    floor: u64,
}

impl Salvage<'_> {
    fn rooms(&mut self, from: &Connection) -> Result<(), Trouble> {
        let mut heads = BTreeMap::new();
        for order in ["ASC", "DESC"] {
            self.found.whole &= read_heads(from, order, &mut heads).is_ok();
        }
        let mut keys: BTreeSet<i64> = heads.keys().copied().collect();
        self.found.whole &= read_keys(from, &mut keys).is_ok();
        for key in keys {
            let lost = || Head { name: format!("recovered-{key}"), topic: String::new(), floor: 0 };
            let mut head = heads.remove(&key).unwrap_or_else(|| {
                self.found.whole = false;
                lost()
            });
            if RoomName::new(head.name.as_str()).is_err() {
                head = lost();
            }
            self.room(from, key, &head)?;
        }
        Ok(())
    }

    fn room(&mut self, from: &Connection, key: i64, head: &Head) -> Result<(), Trouble> {
        let room = match Room::make(self.to, &head.name, &head.topic, 0) {
            Err(Trouble::Damaged(_)) => {
                self.found.whole = false;
                return Ok(()); // a second room of that name
            }
            made => made?,
        };
        let (mut kept, mut highest) = (0, head.floor);
        // Where to read on, how far to go over a break, and where the break began.
        let (mut next, mut step, mut gap) = (1_i64, 1_i64, None);
        loop {
            let (entries, end) = chunk(from, key, next, i64::MAX, "ASC");
            let above = entries.first().map_or(next, |entry| signed(entry.stored.seq)) - 1;
            let is_over = !entries.is_empty() || matches!(end, End::Reached);
            if let Some(low) = gap.take_if(|_| is_over) {
                kept += self.back(from, &room, key, (low, above), head.floor)?;
                step = 1;
            }
            for entry in entries {
                next = signed(entry.stored.seq) + 1;
                highest = highest.max(entry.stored.seq);
                kept += self.keep(entry, &room, head.floor)?;
            }
            match end {
                End::Reached => break,
                End::More => {}
                End::Broken => {
                    self.found.whole = false;
                    gap.get_or_insert(next);
                    let Some(over) = next.checked_add(step) else { break };
                    (next, step) = (over, step.saturating_mul(2));
                }
            }
        }
        self.found.missing += (highest - head.floor).saturating_sub(kept);
        room.set_floor(self.to, &head.name, highest)
    }

    /// Reads backwards what lies between two numbers.
    fn back(
        &mut self,
        from: &Connection,
        room: &Room,
        key: i64,
        (low, mut high): (i64, i64),
        floor: u64,
    ) -> Result<u64, Trouble> {
        let mut kept = 0;
        loop {
            let (entries, end) = chunk(from, key, low, high, "DESC");
            for entry in entries {
                high = signed(entry.stored.seq) - 1;
                kept += self.keep(entry, room, floor)?;
            }
            if !matches!(end, End::More) {
                return Ok(kept);
            }
        }
    }

    /// Keeps an entry. Tells how many of those are kept by it that are to be counted: 1 or 0.
    fn keep(&mut self, entry: Entry, room: &Room, floor: u64) -> Result<u64, Trouble> {
        let entry = Entry { room: room.key, epoch: self.ordinal, ..entry };
        match self.insert.entry(&Raw::from(&entry)) {
            Ok(true) => {
                self.found.kept += 1;
                Ok(u64::from(entry.stored.seq > floor))
            }
            // A number or an id that was there already: one of the two was written by nobody.
            Ok(false) | Err(Trouble::Damaged(_)) => {
                self.found.whole = false;
                Ok(0)
            }
            Err(trouble) => Err(trouble),
        }
    }
}

enum End {
    /// Nothing lies behind.
    Reached,
    /// Ask again, behind the last.
    More,
    /// It cannot be read behind the last.
    Broken,
}

/// Some entries of a room, those with a whole seal.
fn chunk(from: &Connection, key: i64, low: i64, high: i64, order: &str) -> (Vec<Entry>, End) {
    let mut entries = Vec::new();
    let end = read_chunk(from, key, low, high, order, &mut entries).unwrap_or(End::Broken);
    (entries, end)
}

fn read_chunk(
    from: &Connection,
    key: i64,
    low: i64,
    high: i64,
    order: &str,
    entries: &mut Vec<Entry>,
) -> Result<End, Trouble> {
    let up = order == "ASC";
    let sql = if up {
        entry!("WHERE key BETWEEN ? AND ? ORDER BY key LIMIT ?")
    } else {
        entry!("WHERE key BETWEEN ? AND ? ORDER BY key DESC LIMIT ?")
    };
    let mut find = from.prepare_cached(sql)?;
    let mut rows = find.query([entry_key(key, unsigned(low)), entry_key(key, unsigned(high)), CHUNK])?;
    let mut count = 0;
    while let Some(row) = rows.next()? {
        count += 1;
        let entry = Entry::read(row)?;
        let seq = signed(entry.stored.seq);
        let last = entries.last().map(|last| signed(last.stored.seq));
        let in_order = last.is_none_or(|last| if up { seq > last } else { seq < last });
        if !in_order || entry.room != key || !(low..=high).contains(&seq) {
            return Ok(End::Broken);
        }
        entries.push(entry);
    }
    Ok(if count < CHUNK { End::Reached } else { End::More })
}

fn read_heads(from: &Connection, order: &str, heads: &mut BTreeMap<i64, Head>) -> Result<(), Trouble> {
    let sql = format!("SELECT room_id, name, topic, floor, seal FROM rooms ORDER BY room_id {order}");
    let mut find = from.prepare(&sql)?;
    let mut rows = find.query([])?;
    let mut last = None;
    while let Some(row) = rows.next()? {
        let (key, name, topic): (i64, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let floor: i64 = row.get(3)?;
        let up = order == "ASC";
        if last.is_some_and(|last| if up { key <= last } else { key >= last }) {
            return Err(Trouble::damaged("rooms are out of order"));
        }
        last = Some(key);
        if row.get::<_, i64>(4)? != room_seal(key, &name, &topic, floor) {
            return Err(Trouble::damaged("a room is not as it was written"));
        }
        heads.insert(key, Head { name, topic, floor: unsigned(floor) });
    }
    Ok(())
}

/// Which rooms have entries.
fn read_keys(from: &Connection, keys: &mut BTreeSet<i64>) -> Result<(), Trouble> {
    let mut find = from.prepare("SELECT key FROM entries WHERE key >= ? ORDER BY key LIMIT 1")?;
    let mut next = 1;
    loop {
        let mut rows = find.query([entry_key(next, 0)])?;
        let Some(row) = rows.next()? else { return Ok(()) };
        let key = room_of(row.get(0)?);
        if key < next {
            return Err(Trouble::damaged("rooms are out of order"));
        }
        keys.insert(key);
        next = key + 1;
    }
}
