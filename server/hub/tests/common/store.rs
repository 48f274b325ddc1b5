//! A store in memory, as slow as one likes: it answers when it is told to. Must not know the hub's state.

use std::collections::BTreeMap;

use hub::effect::{Purpose, Range, Recall, Record};
use hub::input::{Applied, ConnId, Recalled, Refusal, Stored};
use protocol::chat::event::{Kind, ResetReason};
use protocol::chat::id::{RequestId, UserId};
use protocol::chat::request::Since;

use super::EPOCH;

/// How many entries the store gives after a reset.
pub const AFTER_RESET: u64 = 3;

/// All rooms' logs.
#[derive(Default)]
pub struct Store {
    pub logs: BTreeMap<String, Log>,
    /// Entries a page.
    pub page: usize,
    /// Refuses everything.
    pub is_full: bool,
}

/// A room's log.
#[derive(Default)]
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
        let log = self.logs.entry(room.to_string()).or_default();
        if kind == Kind::Topic {
            log.topic = text.clone();
        }
        let entry = Stored { seq: log.last() + 1, time: 0, kind, user, nick, text, id };
        log.entries.push(entry.clone());
        Ok(Applied { room, entry, origin, dup: false })
    }

    fn earlier(&self, user: UserId, id: &RequestId<'_>) -> Option<(&str, &Stored)> {
        let all = self.logs.iter().flat_map(|(room, log)| log.entries.iter().map(|e| (room.as_str(), e)));
        all.into_iter().find(|(_, entry)| entry.user == user && entry.id.as_ref() == Some(id))
    }

    pub fn recall(&mut self, recall: Recall) -> Recalled {
        let Recall { conn, room, purpose, span } = recall;
        let log = self.logs.entry(room.to_string()).or_default();
        let (first, last) = (log.first(), log.last());
        let latest = |count: u64| last.saturating_sub(count) + 1;
        let (from, below, reset) = match span {
            Range::Since(Since::Last(count)) => (latest(count.into()), last + 1, None),
            Range::Since(Since::After { epoch, .. }) if epoch != EPOCH => {
                (latest(AFTER_RESET), last + 1, Some(ResetReason::Epoch))
            }
            Range::Since(Since::After { seq, .. }) if seq > last => {
                (latest(AFTER_RESET), last + 1, Some(ResetReason::Ahead))
            }
            Range::Since(Since::After { seq, .. }) if seq < log.forgotten => {
                (latest(AFTER_RESET), last + 1, Some(ResetReason::Gone))
            }
            Range::Since(Since::After { seq, .. }) => (seq + 1, last + 1, None),
            Range::From(seq) if seq <= log.forgotten => {
                (latest(AFTER_RESET), last + 1, Some(ResetReason::Gone))
            }
            Range::From(seq) => (seq, last + 1, None),
            Range::Before { seq, limit } => (seq.saturating_sub(limit.into()).max(1), seq, None),
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
