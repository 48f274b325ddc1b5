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
use super::{ANSWERS_AT_ONCE, Answer, Engine, Letter};

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
    /// Where the entry of a person's id is, for as long as it is kept.
    ids: HashMap<(UserId, RequestId<'static>), (RoomName<'static>, u64)>,
    /// All kept entries in the order they came, and some that are forgotten already.
    order: VecDeque<(RoomName<'static>, u64)>,
    /// How many entries are kept.
    count: usize,
    bytes: usize,
    /// The highest number of any room that was forgotten whole. A new room begins behind it, as it may have had that
    /// name: a number is never given twice.
    floor: u64,
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
        Self {
            epoch,
            ring,
            rooms: HashMap::new(),
            ids: HashMap::new(),
            order: VecDeque::new(),
            count: 0,
            bytes: 0,
            floor: 0,
        }
    }

    fn record(&mut self, wall: u64, record: Record) -> Answer {
        if let Some(id) = &record.id {
            if let Some((room, seq)) = self.ids.get(&(record.user, id.clone())) {
                return self.resent(room.clone(), *seq, record);
            }
        }
        let entry = self.number(wall, &record);
        self.keep(record.room.clone(), entry.clone());
        Answer::Applied(Applied { room: record.room, entry, origin: record.origin, dup: false })
    }

    fn number(&mut self, wall: u64, record: &Record) -> Stored {
        let (floor, bytes) = (self.floor, &mut self.bytes);
        let log = self.rooms.entry(record.room.clone()).or_insert_with(|| {
            *bytes += ROOM_COST;
            Log { last: floor, ..Log::default() }
        });
        log.last += 1;
        log.time = stamp(wall, log.time);
        if record.kind == Kind::Topic {
            log.topic = record.text.clone();
        }
        Stored {
            seq: log.last,
            time: log.time,
            kind: record.kind,
            user: record.user,
            nick: record.nick.clone(),
            text: record.text.clone(),
            id: record.id.clone(),
        }
    }

    /// Keeps an entry, and forgets those that it pushes over a limit.
    fn keep(&mut self, room: RoomName<'static>, entry: Stored) {
        if let Some(id) = &entry.id {
            self.ids.insert((entry.user, id.clone()), (room.clone(), entry.seq));
        }
        self.order.push_back((room.clone(), entry.seq));
        self.count += 1;
        self.bytes += cost(&entry);
        if let Some(log) = self.rooms.get_mut(&room) {
            log.bytes += cost(&entry);
            log.entries.push_back(entry);
        }
        let over = |log: &Log, ring: &Ring| log.entries.len() > ring.entries || log.bytes > ring.bytes;
        while self.rooms.get(&room).is_some_and(|log| over(log, &self.ring)) {
            self.forget_oldest(&room);
        }
        // The newest entry always stays, so the last of a room is never forgotten in the turn it came.
        while self.bytes > self.ring.total && self.count > 1 {
            let Some((oldest, seq)) = self.order.pop_front() else { break };
            if self.rooms.get(&oldest).is_some_and(|log| log.first() == seq) {
                self.forget_oldest(&oldest);
            }
        }
        if self.order.len() > 2 * self.count + 64 {
            let rooms = &self.rooms;
            self.order.retain(|(room, seq)| {
                rooms.get(room).is_some_and(|log| log.first() <= *seq && log.first() > 0)
            });
        }
    }

    fn forget_oldest(&mut self, room: &RoomName<'static>) {
        let Some(log) = self.rooms.get_mut(room) else { return };
        let Some(entry) = log.entries.pop_front() else { return };
        let freed = cost(&entry);
        log.bytes -= freed;
        self.bytes -= freed;
        self.count -= 1;
        if let Some(id) = entry.id {
            self.ids.remove(&(entry.user, id));
        }
        if log.entries.is_empty() {
            self.floor = self.floor.max(log.last);
            self.rooms.remove(room);
            self.bytes -= ROOM_COST;
        }
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
        let mut bytes = 0;
        while bytes < ANSWERS_AT_ONCE {
            let Some(letter) = letters.pop_front() else { break };
            let answer = match letter {
                Letter::Record(record) => self.record(wall, record),
                Letter::Recall(recall) => Answer::Recalled(self.recall(recall)),
            };
            bytes += answer.bytes();
            answers.push_back(answer);
        }
    }

    fn epoch(&self) -> Epoch {
        self.epoch
    }

    fn held(&self) -> usize {
        self.bytes
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
