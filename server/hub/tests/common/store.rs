//! A store in memory, as slow as one likes: it answers when it is told to, and it can live through the end of a server,
//! or be put back from an old copy. Must not know the hub's state.

use std::collections::BTreeMap;
use std::mem;

use hub::effect::{Purpose, Range, Recall, Record};
use hub::input::{Applied, ConnId, Recalled, Refusal, Stored};
use protocol::chat::event::{Kind, ResetReason};
use protocol::chat::id::{Epoch, RequestId, UserId};
use protocol::chat::request::Since;

use super::EPOCH;

/// How many entries the store gives after a reset.
pub const AFTER_RESET: u64 = 3;

/// All rooms' logs.
pub struct Store {
    pub book: Book,
    copied: Option<Book>,
    /// How many entries there ever were: each has another time.
    clock: u64,
    /// Entries a page.
    pub page: usize,
    /// Refuses everything.
    pub is_full: bool,
}

/// What a store keeps.
#[derive(Clone)]
pub struct Book {
    pub logs: BTreeMap<String, Log>,
    pub epoch: Epoch,
    /// The earlier epochs that are known, and where each room stood when they ended.
    ended: BTreeMap<[u8; 8], BTreeMap<String, u64>>,
}

/// A room's log.
#[derive(Clone, Default)]
pub struct Log {
    pub topic: Box<str>,
    /// How many of the oldest are no longer kept.
    pub forgotten: u64,
    pub entries: Vec<Stored>,
}

impl Log {
    pub fn last(&self) -> u64 {
        self.entries.len() as u64
    }

    /// Zero if there is none.
    pub fn first(&self) -> u64 {
        if self.forgotten < self.last() { self.forgotten + 1 } else { 0 }
    }
}

impl Default for Book {
    fn default() -> Self {
        Self { logs: BTreeMap::new(), epoch: EPOCH, ended: BTreeMap::new() }
    }
}

impl Default for Store {
    fn default() -> Self {
        Self { book: Book::default(), copied: None, clock: 0, page: 2, is_full: false }
    }
}

/// What a store has left when its server starts again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Left {
    /// All of it, as on a disk.
    All,
    /// The copy that was made some time ago: somebody put it back.
    OldCopy,
    /// Nothing, as in memory.
    Nothing,
}

/// What the store is asked.
pub enum Letter {
    Record(Record),
    Recall(Recall),
}

type Refused = (ConnId, Option<RequestId<'static>>, Refusal);

impl Store {
    pub fn record(&mut self, record: Record) -> Result<Applied, Refused> {
        let Record { room, user, nick, kind, text, id, origin } = record;
        if self.is_full {
            return Err((origin.unwrap(), id, Refusal::StorageFull));
        }
        if let Some((earlier_room, earlier)) = id.as_ref().and_then(|id| self.earlier(user, id)) {
            if earlier_room != room.as_str() || earlier.text != text || earlier.kind != kind {
                return Err((origin.unwrap(), id, Refusal::IdConflict));
            }
            return Ok(Applied { room, entry: earlier.clone(), origin, dup: true });
        }
        let log = self.book.logs.entry(room.to_string()).or_default();
        if kind == Kind::Topic {
            log.topic = (&*text).into();
        }
        self.clock += 1;
        let entry = Stored { seq: log.last() + 1, time: self.clock, kind, user, nick, text, id };
        log.entries.push(entry.clone());
        Ok(Applied { room, entry, origin, dup: false })
    }

    fn earlier(&self, user: UserId, id: &RequestId<'_>) -> Option<(&str, &Stored)> {
        let all =
            self.book.logs.iter().flat_map(|(room, log)| log.entries.iter().map(|e| (room.as_str(), e)));
        all.into_iter().find(|(_, entry)| entry.user == user && entry.id.as_ref() == Some(id))
    }

    /// Somebody makes a copy of all of it.
    pub fn copy(&mut self) {
        self.copied = Some(self.book.clone());
    }

    /// The server has ended, and another one starts with what is left. Without a copy, that is all.
    pub fn restart(&mut self, epoch: Epoch, left: Left) {
        match left {
            Left::All => {}
            Left::OldCopy => self.book = self.copied.clone().unwrap_or_else(|| self.book.clone()),
            Left::Nothing => self.book = Book::default(),
        }
        let rooms = self.book.logs.iter().map(|(room, log)| (room.clone(), log.last())).collect();
        let ended = mem::replace(&mut self.book.epoch, epoch);
        self.book.ended.insert(ended.0, rooms);
    }

    /// Why a position cannot be gone on from, if it cannot.
    fn judge(&self, room: &str, epoch: Epoch, seq: u64) -> Option<ResetReason> {
        let log = &self.book.logs[room];
        let held = match self.book.ended.get(&epoch.0) {
            Some(rooms) => rooms.get(room).copied().unwrap_or(0),
            None if epoch == self.book.epoch => log.last(),
            None => return Some(ResetReason::Epoch),
        };
        match seq {
            _ if seq > held => Some(ResetReason::Ahead),
            _ if seq < log.forgotten => Some(ResetReason::Gone),
            _ => None,
        }
    }

    pub fn recall(&mut self, recall: Recall) -> Recalled {
        let Recall { conn, room, purpose, span } = recall;
        self.book.logs.entry(room.to_string()).or_default();
        let reset = match span {
            Range::Since(Since::After { epoch, seq }) => self.judge(room.as_str(), epoch, seq),
            Range::From(seq) => self.judge(room.as_str(), self.book.epoch, seq - 1),
            _ => None,
        };
        let log = &self.book.logs[room.as_str()];
        let (first, last) = (log.first(), log.last());
        let latest = |count: u64| last.saturating_sub(count) + 1;
        let (from, below) = match span {
            _ if reset.is_some() => (latest(AFTER_RESET), last + 1),
            Range::Since(Since::Last(count)) => (latest(count.into()), last + 1),
            Range::Since(Since::After { seq, .. }) => (seq + 1, last + 1),
            Range::From(seq) => (seq, last + 1),
            Range::Before { seq, limit } => (seq.saturating_sub(limit.into()).max(1), seq),
        };
        let kept = |entry: &&Stored| entry.seq > log.forgotten && entry.seq >= from && entry.seq < below;
        let mut entries: Vec<Stored> = log.entries.iter().filter(kept).cloned().collect();
        let more = entries.len() > self.page && !matches!(purpose, Purpose::History { .. });
        if more {
            entries.truncate(self.page);
        }
        Recalled { conn, room, purpose, topic: log.topic.clone(), first, last, reset, entries, more }
    }
}

impl Letter {
    /// Whether it was posted for this connection.
    pub fn is_of(&self, conn: ConnId) -> bool {
        match self {
            Self::Record(record) => record.origin == Some(conn),
            Self::Recall(recall) => recall.conn == conn,
        }
    }

    /// Whether it is a question of the same connection about the same room, for the same purpose.
    pub fn asks_the_same(&self, recall: &Recall) -> bool {
        let Self::Recall(other) = self else { return false };
        (other.conn, &other.room, &other.purpose) == (recall.conn, &recall.room, &recall.purpose)
    }
}
