//! Finds what is asked for of the past, and judges positions. Must not know how rows are written.

use hub::effect::{Range, Recall};
use hub::input::{Recalled, Stored};
use protocol::chat::event::ResetReason;
use protocol::chat::id::Epoch;
use protocol::chat::request::Since;
use protocol::limits::DEFAULT_LAST;
use rusqlite::Connection;

use super::super::page::Page;
use super::fault::Trouble;
use super::recent::Recent;
use super::rooms::{Room, Rooms};
use super::rows::{Entry, entry, entry_key, ordinal_of};
use crate::faults::{self, Fault};

/// Answers a question. Reads only.
pub(super) fn recall(
    conn: &Connection,
    rooms: &mut Rooms,
    recent: &Recent,
    recall: &Recall,
) -> Result<Recalled, Trouble> {
    let room = rooms.find(conn, &recall.room)?.map(|room| &*room);
    let past = Past { conn, recent, room };
    let (first, last) = past.ends();
    let mut reset = None;
    let mut or_reset = |judged: Option<ResetReason>, good: (u64, u64), bad: (u64, u64)| {
        reset = judged;
        if judged.is_none() { good } else { bad }
    };
    let entries;
    let mut more = false;
    if let Range::Before { seq, limit } = recall.span {
        entries = past.backwards(seq.saturating_sub(1).min(last), limit)?;
    } else {
        let (from, to) = match recall.span {
            Range::Since(Since::After { epoch, seq }) => {
                let latest = past.latest(DEFAULT_LAST)?;
                let next = seq.saturating_add(1 + u64::from(faults::has(Fault::OffByOne)));
                or_reset(past.judge(Some(epoch), seq)?, (next, last), (latest, last))
            }
            Range::From(seq) => {
                or_reset(past.judge(None, seq.saturating_sub(1))?, (seq, last), (first, last))
            }
            Range::Since(Since::Last(count)) => (past.latest(count)?, last),
            Range::Before { .. } => (0, 0),
        };
        entries = past.forwards(from, to)?;
        more = entries.last().is_some_and(|entry| entry.seq < to);
    }
    Ok(Recalled {
        conn: recall.conn,
        room: recall.room.clone(),
        purpose: recall.purpose.clone(),
        topic: room.map(|room| room.topic.clone()).unwrap_or_default(),
        first,
        last,
        reset,
        entries,
        more,
    })
}

/// The log of a room, which may not be there yet.
struct Past<'a> {
    conn: &'a Connection,
    recent: &'a Recent,
    room: Option<&'a Room>,
}

impl Past<'_> {
    /// The numbers of the oldest and of the newest entry.
    fn ends(&self) -> (u64, u64) {
        self.room.map_or((0, 0), |room| (room.first, room.last))
    }

    /// The number of the entry with which the latest so many begin.
    fn latest(&self, count: u32) -> Result<u64, Trouble> {
        let (first, last) = self.ends();
        let from = last.saturating_sub(count.into()) + 1;
        let Some(room) = self.room.filter(|room| from <= room.floor && from > room.first) else {
            return Ok(from);
        };
        // Where some may be missing they have to be counted.
        let (from_key, to_key) = (entry_key(room.key, 0), entry_key(room.key, u64::MAX));
        let found = self
            .conn
            .prepare_cached(
                "SELECT seq FROM entries WHERE key BETWEEN ? AND ? ORDER BY key DESC LIMIT 1 OFFSET ?",
            )?
            .query_row([from_key, to_key, i64::from(count) - 1], |row| row.get::<_, i64>(0));
        match found {
            Ok(seq) => Ok(u64::try_from(seq).unwrap_or(first)),
            Err(rusqlite::Error::QueryReturnedNoRows) => Ok(first),
            Err(error) => Err(error.into()),
        }
    }

    /// Whether a position can be resumed from, and if not, why. `None` is the epoch that runs.
    fn judge(&self, epoch: Option<Epoch>, seq: u64) -> Result<Option<ResetReason>, Trouble> {
        let (first, last) = self.ends();
        let ordinal = match epoch.map(|epoch| ordinal_of(self.conn, epoch)).transpose()? {
            Some(None) => return Ok(Some(ResetReason::Epoch)),
            Some(Some(ordinal)) => Some(ordinal),
            None => None,
        };
        if seq > last {
            return Ok(Some(ResetReason::Ahead));
        }
        if seq < last && (first == 0 || seq + 1 < first) {
            return Ok(Some(ResetReason::Gone));
        }
        let (Some(ordinal), Some(room)) = (ordinal, self.room.filter(|room| seq > room.floor)) else {
            return Ok(None);
        };
        // The entry of this number must be the one that the asker had: numbered in that epoch, or before.
        match Entry::find(self.conn, room.key, seq)? {
            Some(entry) if entry.epoch > ordinal => Ok(Some(ResetReason::Ahead)),
            Some(_) => Ok(None),
            None => Ok(Some(ResetReason::Gone)),
        }
    }

    /// The entries with numbers `from..=to`, as many as a page holds.
    fn forwards(&self, from: u64, to: u64) -> Result<Vec<Stored>, Trouble> {
        let Some(room) = self.room.filter(|_| from <= to) else { return Ok(Vec::new()) };
        let sql = entry!("WHERE key BETWEEN ? AND ? ORDER BY key LIMIT ?");
        let (entries, full) = match self.recent.forwards(room.key, from, to) {
            Some(recent) => recent,
            None => self.page(sql, [entry_key(room.key, from), entry_key(room.key, to), -1])?,
        };
        let end = if full { entries.last().map_or(0, |entry| entry.seq) } else { to };
        whole(room, entries, from.max(room.first), end)
    }

    /// The latest entries with numbers up to `to`, at most `limit`, as many as a page holds.
    fn backwards(&self, to: u64, limit: u32) -> Result<Vec<Stored>, Trouble> {
        let Some(room) = self.room.filter(|_| limit > 0) else { return Ok(Vec::new()) };
        if let Some(recent) = self.recent.backwards(room.key, to, limit) {
            return Ok(recent);
        }
        let sql = entry!("WHERE key BETWEEN ? AND ? ORDER BY key DESC LIMIT ?");
        let (mut entries, full) =
            self.page(sql, [entry_key(room.key, 0), entry_key(room.key, to), limit.into()])?;
        entries.reverse();
        let all = !full && entries.len() < limit as usize;
        let from = entries.first().filter(|_| !all).map_or(room.first.max(1), |entry| entry.seq);
        whole(room, entries, from, to)
    }

    /// The entries that a query finds, as many as a page holds, and whether there were more.
    fn page(&self, sql: &str, parameters: [i64; 3]) -> Result<(Vec<Stored>, bool), Trouble> {
        let mut find = self.conn.prepare_cached(sql)?;
        let mut rows = find.query(parameters)?;
        let (mut page, mut entries) = (Page::default(), Vec::new());
        while let Some(row) = rows.next()? {
            let Entry { stored, .. } = Entry::read(row)?;
            if !page.takes(&stored) {
                return Ok((entries, true));
            }
            entries.push(stored);
        }
        Ok((entries, false))
    }
}

/// The entries, if none between `from` and `to` is missing that must be there: SQLite does not notice all that damage
/// can do to a tree of pages.
fn whole(room: &Room, entries: Vec<Stored>, from: u64, to: u64) -> Result<Vec<Stored>, Trouble> {
    let from = from.max(room.floor + 1);
    let expected = (to + 1).saturating_sub(from);
    let above = entries.iter().filter(|entry| entry.seq > room.floor);
    let in_order = above.clone().zip(from..).all(|(entry, seq)| entry.seq == seq);
    if in_order && above.count() as u64 == expected {
        return Ok(entries);
    }
    Err(Trouble::damaged("an entry is missing between others"))
}
