//! Keeps the latest entries of each room in memory. Owns them; must not know when they are asked for.
//!
//! When the server stops they are gone, and `welcome` says so. Numbers and epochs mean the same as on a disk.

use std::collections::{HashMap, VecDeque};

use hub::effect::{Range, Recall, Record};
use hub::input::{Applied, Recalled, Refusal, Stored};
use protocol::chat::event::{Kind, ResetReason};
use protocol::chat::id::{Epoch, RequestId, UserId};
use protocol::chat::name::RoomName;
use protocol::chat::request::Since;

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
#[derive(Debug)]
pub struct Memory {
    epoch: Epoch,
    ring: Ring,
    rooms: HashMap<RoomName<'static>, Log>,
    /// All kept entries in the order they came, and some that are forgotten already.
    order: VecDeque<(RoomName<'static>, u64)>,
    kept: Kept,
    /// The highest number of any room that was forgotten whole. A new room begins behind it, as it may have had that
    /// name: a number is never given twice.
    floor: u64,
}

/// What is kept, over all rooms.
#[derive(Debug, Default)]
struct Kept {
    /// Where the entry of a person's id is, for as long as it is kept.
    ids: HashMap<(UserId, RequestId<'static>), (RoomName<'static>, u64)>,
    /// How many entries.
    count: usize,
    bytes: usize,
}

#[derive(Debug, Default)]
struct Log {
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
        Self { epoch, ring, rooms: HashMap::new(), order: VecDeque::new(), kept: Kept::default(), floor: 0 }
    }

    fn record(&mut self, wall: u64, record: Record) -> Answer {
        if let Some(id) = &record.id {
            if let Some((room, seq)) = self.kept.ids.get(&(record.user, id.clone())) {
                return self.resent(room.clone(), *seq, record);
            }
        }
        let Record { room, user, nick, kind, text, id, origin } = record;
        // The room is looked up once: to do so at each step took a tenth of all that a message takes.
        let log = match self.rooms.get_mut(&room) {
            Some(log) => log,
            None => {
                self.kept.bytes += ROOM_COST;
                self.rooms.entry(room.clone()).or_insert(Log { last: self.floor, ..Log::default() })
            }
        };
        log.last += 1;
        log.time = stamp(wall, log.time);
        if kind == Kind::Topic {
            log.topic = text.clone();
        }
        let entry = Stored { seq: log.last, time: log.time, kind, user, nick, text, id };
        let told = entry.clone();
        self.order.push_back((room.clone(), entry.seq));
        self.kept.add(log, &room, entry);
        while log.entries.len() > self.ring.entries || log.bytes > self.ring.bytes {
            self.kept.forget_oldest(log);
        }
        if log.entries.is_empty() {
            self.forget_room(&room);
        }
        self.forget_oldest_of_all();
        Answer::Applied(Applied { room, entry: told, origin, dup: false })
    }

    /// Until all of them together are within their limit.
    fn forget_oldest_of_all(&mut self) {
        // The newest entry always stays, so the last of a room is never forgotten in the turn it came.
        while self.kept.bytes > self.ring.total && self.kept.count > 1 {
            let Some((room, seq)) = self.order.pop_front() else { break };
            let Some(log) = self.rooms.get_mut(&room).filter(|log| log.first() == seq) else { continue };
            self.kept.forget_oldest(log);
            if log.entries.is_empty() {
                self.forget_room(&room);
            }
        }
        if self.order.len() > 2 * self.kept.count + 64 {
            let rooms = &self.rooms;
            self.order.retain(|(room, seq)| {
                rooms.get(room).is_some_and(|log| log.first() <= *seq && log.first() > 0)
            });
        }
    }

    fn forget_room(&mut self, room: &RoomName<'static>) {
        let Some(log) = self.rooms.remove(room) else { return };
        self.floor = self.floor.max(log.last);
        self.kept.bytes -= ROOM_COST;
    }

    /// The same id came again: the first answer again, unless it was something else that was said.
    fn resent(&self, room: RoomName<'static>, seq: u64, record: Record) -> Answer {
        let Record { room: asked, kind, text, id, origin, .. } = record;
        let first = self.rooms.get(&room).and_then(|log| log.entry(seq));
        match first.filter(|first| room == asked && first.text == text && first.kind == kind) {
            Some(first) => Answer::Applied(Applied { room, entry: first.clone(), origin, dup: true }),
            None => Answer::Refused { conn: origin, id, reason: Refusal::IdConflict },
        }
    }

    fn recall(&self, recall: Recall) -> Recalled {
        // A room that nobody spoke in, or that was forgotten, stands where a new one would begin.
        let empty = Log { last: self.floor, ..Log::default() };
        let log = self.rooms.get(&recall.room).unwrap_or(&empty);
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

impl Kept {
    fn add(&mut self, log: &mut Log, room: &RoomName<'static>, entry: Stored) {
        if let Some(id) = &entry.id {
            self.ids.insert((entry.user, id.clone()), (room.clone(), entry.seq));
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

    fn forget_oldest(&mut self, log: &mut Log) {
        let Some(entry) = log.entries.pop_front() else { return };
        let freed = cost(&entry);
        log.bytes -= freed;
        self.bytes -= freed;
        self.count -= 1;
        if let Some(id) = entry.id {
            self.ids.remove(&(entry.user, id));
        }
    }
}

impl Log {
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
