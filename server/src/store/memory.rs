//! Keeps the latest entries of each room in memory. Owns them; must not know when they are asked for.
//!
//! When the server stops they are gone, and `welcome` says so. Numbers and epochs mean the same as on a disk.

use std::collections::VecDeque;
use std::fmt;
use std::hash::BuildHasher as _;

use foldhash::quality::RandomState;
use hashbrown::HashTable;
use hub::effect::{Range, Recall, Record};
use hub::input::{Applied, Recalled, Refusal, Stored};
use protocol::chat::event::{Kind, ResetReason};
use protocol::chat::id::{Epoch, RequestId, UserId};
use protocol::chat::name::RoomName;
use protocol::chat::request::Since;
use slab::Slab;

use super::page::{Page, cost, stamp};
use super::{Answer, Engine, Letter};

/// How much is kept.
#[derive(Clone, Copy, Debug)]
pub struct Ring {
    /// Entries of one room: what a screen and some scrolling show.
    pub entries: usize,
    /// Bytes of one room: the same, if all of it is long.
    pub bytes: usize,
    /// Bytes of all rooms together: a quarter of what the server may take in all.
    pub total: usize,
}

impl Default for Ring {
    fn default() -> Self {
        Self { entries: 256, bytes: 256 * 1024, total: 16 * 1024 * 1024 }
    }
}

/// What a room costs beside its entries, about.
const ROOM_COST: usize = 256;

/// See the module's head.
pub struct Memory {
    epoch: Epoch,
    ring: Ring,
    rooms: Rooms,
    /// All kept entries in the order they came, by room and number, and some that are forgotten already.
    order: VecDeque<(u32, u64)>,
    kept: Kept,
    /// The highest number of any room that was forgotten whole. A new room begins behind it, as it may have had that
    /// name: a number is never given twice.
    floor: u64,
}

/// The logs, by small numbers, which are given again when a room was forgotten.
#[derive(Default)]
struct Rooms {
    logs: Slab<Log>,
    /// Their numbers, by name. The hash of the standard library took a seventeenth of all that a message takes in a small
    /// room; this one is seeded at random too.
    index: HashTable<u32>,
    hasher: RandomState,
}

/// What is kept, over all rooms.
#[derive(Default)]
struct Kept {
    /// Where the entry of a person's id is, for as long as it is kept. The entry has both: a map that had them too took
    /// 100 bytes more for each, and two allocations for each line.
    ids: HashTable<Known>,
    hasher: RandomState,
    /// How many entries.
    count: usize,
    bytes: usize,
}

/// An entry that has an id.
struct Known {
    /// Of its author and its id.
    hash: u64,
    number: u32,
    seq: u64,
}

struct Log {
    room: RoomName<'static>,
    /// The number of the newest entry.
    last: u64,
    /// The time of the newest entry.
    time: u64,
    /// The newest entries, with numbers up to `last` without a hole.
    entries: VecDeque<Stored>,
    bytes: usize,
    topic: Box<str>,
}

impl Memory {
    /// An empty store that begins a new life of the logs.
    #[must_use]
    pub fn new(epoch: Epoch, ring: Ring) -> Self {
        Self { epoch, ring, rooms: Rooms::default(), order: VecDeque::new(), kept: Kept::default(), floor: 0 }
    }

    fn record(&mut self, wall: u64, record: Record) -> Answer {
        if let Some(known) = self.known(&record) {
            return self.resent(known.number, known.seq, record);
        }
        let Record { room, user, nick, kind, text, id, origin } = record;
        // The room is looked up once: to do so at each step took a tenth of all that a message takes.
        let number = match self.rooms.find(&room) {
            Some(number) => number,
            None => {
                self.kept.bytes += ROOM_COST;
                self.rooms.insert(Log::new(room.clone(), self.floor))
            }
        };
        let log = &mut self.rooms.logs[number as usize];
        log.last += 1;
        log.time = stamp(wall, log.time);
        if kind == Kind::Topic {
            log.topic = (&*text).into();
        }
        let entry = Stored { seq: log.last, time: log.time, kind, user, nick, text, id };
        let told = entry.clone();
        self.order.push_back((number, entry.seq));
        self.kept.add(log, number, entry);
        while log.entries.len() > self.ring.entries || log.bytes > self.ring.bytes {
            self.kept.forget_oldest(log, number);
        }
        if log.entries.is_empty() {
            self.forget_room(number);
        }
        self.forget_oldest_of_all();
        Answer::Applied(Applied { room, entry: told, origin, dup: false })
    }

    /// Until all of them together are within their limit.
    fn forget_oldest_of_all(&mut self) {
        // The newest entry always stays, so the last of a room is never forgotten in the turn it came.
        while self.kept.bytes > self.ring.total && self.kept.count > 1 {
            let Some((number, seq)) = self.order.pop_front() else { break };
            // Another room that has this number by now begins behind this one.
            let log = self.rooms.logs.get_mut(number as usize);
            let Some(log) = log.filter(|log| log.first() == seq) else { continue };
            self.kept.forget_oldest(log, number);
            if log.entries.is_empty() {
                self.forget_room(number);
            }
        }
        if self.order.len() > 2 * self.kept.count + 64 {
            let logs = &self.rooms.logs;
            self.order.retain(|(number, seq)| {
                logs.get(*number as usize).is_some_and(|log| log.first() <= *seq && log.first() > 0)
            });
        }
    }

    fn forget_room(&mut self, number: u32) {
        let log = self.rooms.remove(number);
        self.floor = self.floor.max(log.last);
        self.kept.bytes -= ROOM_COST;
    }

    /// The entry that its author sent with the same id before.
    fn known(&self, record: &Record) -> Option<&Known> {
        let hash = self.kept.hash(record.user, record.id.as_ref()?);
        self.kept.ids.find(hash, |known| {
            let log = self.rooms.logs.get(known.number as usize);
            let entry = log.and_then(|log| log.entry(known.seq));
            entry.is_some_and(|entry| entry.user == record.user && entry.id == record.id)
        })
    }

    /// The same id came again: the first answer again, unless it was something else that was said.
    fn resent(&self, number: u32, seq: u64, record: Record) -> Answer {
        let Record { room, kind, text, id, origin, .. } = record;
        let log = self.rooms.logs.get(number as usize).filter(|log| log.room == room);
        match log.and_then(|log| log.entry(seq)).filter(|first| first.text == text && first.kind == kind) {
            Some(first) => Answer::Applied(Applied { room, entry: first.clone(), origin, dup: true }),
            None => Answer::Refused { conn: origin, id, reason: Refusal::IdConflict },
        }
    }

    fn recall(&self, recall: Recall) -> Recalled {
        // A room that nobody spoke in, or that was forgotten, stands where a new one would begin.
        let known = self.rooms.find(&recall.room).and_then(|number| self.rooms.logs.get(number as usize));
        let empty;
        let log = match known {
            Some(log) => log,
            None => {
                empty = Log::new(recall.room.clone(), self.floor);
                &empty
            }
        };
        let latest = |count: u32| log.last.saturating_sub(u64::from(count)) + 1;
        let mut reset = None;
        let (from, to) = match recall.span {
            Range::Since(Since::Last(count)) => (latest(count), log.last),
            Range::Since(Since::After { epoch, seq }) => match self.judge(log, epoch, seq) {
                None => (seq + 1, log.last),
                Some(reason) => {
                    reset = Some(reason);
                    (latest(protocol::limits::DEFAULT_LAST), log.last)
                }
            },
            Range::From(seq) => match self.judge(log, self.epoch, seq.saturating_sub(1)) {
                None => (seq, log.last),
                Some(reason) => {
                    reset = Some(reason);
                    (log.first(), log.last)
                }
            },
            Range::Before { seq, limit } => {
                let to = seq.saturating_sub(1).min(log.last);
                (to.saturating_sub(u64::from(limit)) + 1, to)
            }
        };
        let backwards = matches!(recall.span, Range::Before { .. });
        let entries = log.page(from, to, backwards);
        let more = !backwards && entries.last().is_some_and(|entry| entry.seq < to);
        Recalled {
            conn: recall.conn,
            room: recall.room,
            purpose: recall.purpose,
            topic: log.topic.clone(),
            first: log.first(),
            last: log.last,
            reset,
            entries,
            more,
        }
    }

    /// Whether a position can be resumed from, and if not, why.
    fn judge(&self, log: &Log, epoch: Epoch, seq: u64) -> Option<ResetReason> {
        if epoch != self.epoch {
            return Some(ResetReason::Epoch);
        }
        if seq > log.last {
            return Some(ResetReason::Ahead);
        }
        if seq < log.last && (log.first() == 0 || seq + 1 < log.first()) {
            return Some(ResetReason::Gone);
        }
        None
    }
}

/// In one line: what would show all that is kept took 24 KiB of the program.
impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Memory({} entries, {} bytes)", self.kept.count, self.kept.bytes)
    }
}

impl Engine for Memory {
    fn work(&mut self, wall: u64, letters: &mut VecDeque<Letter>, answers: &mut VecDeque<Answer>) {
        // One is enough, since nothing is waited for: so the answers to a thousand letters are not in memory at once.
        let Some(letter) = letters.pop_front() else { return };
        answers.push_back(match letter {
            Letter::Record(record) => self.record(wall, record),
            Letter::Recall(recall) => Answer::Recalled(self.recall(recall)),
        });
    }

    fn epoch(&self) -> Epoch {
        self.epoch
    }

    fn held(&self) -> usize {
        self.kept.bytes
    }
}

impl Rooms {
    fn find(&self, room: &RoomName<'_>) -> Option<u32> {
        let same = |number: &u32| self.logs[*number as usize].room == *room;
        self.index.find(self.hasher.hash_one(room), same).copied()
    }

    /// There must be no log of that room.
    fn insert(&mut self, log: Log) -> u32 {
        // Far fewer than 2^32 fit in memory.
        let number = self.logs.insert(log) as u32;
        let Self { logs, index, hasher } = self;
        let hash = |number: &u32| hasher.hash_one(&logs[*number as usize].room);
        index.insert_unique(hash(&number), number, hash);
        number
    }

    /// The number must be of a log that is there.
    fn remove(&mut self, number: u32) -> Log {
        let log = self.logs.remove(number as usize);
        if let Ok(found) = self.index.find_entry(self.hasher.hash_one(&log.room), |other| *other == number) {
            found.remove();
        }
        log
    }
}

impl Kept {
    fn add(&mut self, log: &mut Log, number: u32, entry: Stored) {
        if let Some(id) = &entry.id {
            let known = Known { hash: self.hash(entry.user, id), number, seq: entry.seq };
            self.ids.insert_unique(known.hash, known, |known| known.hash);
        }
        let taken = cost(&entry);
        log.bytes += taken;
        self.bytes += taken;
        self.count += 1;
        // There are many logs, and of vectors that double a third would be empty.
        if log.entries.len() == log.entries.capacity() {
            log.entries.reserve_exact((log.entries.len() / 4).max(2));
        }
        log.entries.push_back(entry);
    }

    fn forget_oldest(&mut self, log: &mut Log, number: u32) {
        let Some(entry) = log.entries.pop_front() else { return };
        let freed = cost(&entry);
        log.bytes -= freed;
        self.bytes -= freed;
        self.count -= 1;
        let Some(id) = entry.id else { return };
        let same = |known: &Known| (known.number, known.seq) == (number, entry.seq);
        if let Ok(known) = self.ids.find_entry(self.hash(entry.user, &id), same) {
            known.remove();
        }
    }

    fn hash(&self, user: UserId, id: &RequestId<'_>) -> u64 {
        self.hasher.hash_one((user, id.as_str()))
    }
}

impl Log {
    /// An empty log whose entries are numbered from behind `last`.
    fn new(room: RoomName<'static>, last: u64) -> Self {
        Self { room, last, time: 0, entries: VecDeque::new(), bytes: 0, topic: "".into() }
    }

    /// The number of the oldest entry that is kept; 0 if there is none.
    fn first(&self) -> u64 {
        self.entries.front().map_or(0, |entry| entry.seq)
    }

    fn entry(&self, seq: u64) -> Option<&Stored> {
        let index = usize::try_from(seq.checked_sub(self.first())?).ok()?;
        self.entries.get(index)
    }

    /// The kept entries with numbers `from..=to`, as many as a page holds: the first of them, or, `backwards`, the last.
    fn page(&self, from: u64, to: u64, backwards: bool) -> Vec<Stored> {
        let index = |seq: u64| {
            usize::try_from(seq.saturating_sub(self.first())).unwrap_or(usize::MAX).min(self.entries.len())
        };
        let (start, end) = (index(from), index(to.saturating_add(1)));
        let asked = self.entries.range(start.min(end)..end);
        let mut page = Page::default();
        let fits = |entry: &&Stored| page.takes(entry);
        if !backwards {
            return asked.take_while(fits).cloned().collect();
        }
        let mut page: Vec<_> = asked.rev().take_while(fits).cloned().collect();
        page.reverse();
        page
    }
}
