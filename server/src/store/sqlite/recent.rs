//! The latest entries of each room that was spoken in since the start, so that who joins or lags reads them without the
//! database. Must not know what is asked; what it does not have all of, it does not have.

use std::collections::{HashMap, VecDeque};

use hub::input::Stored;

use super::super::page::{Page, cost};

/// Entries of one room: what a screen and some scrolling show.
const MOST_ENTRIES: usize = 256;

/// Bytes of one room: the same, if all of it is long.
const MOST_BYTES: usize = 256 * 1024;

/// Bytes of all rooms together. Less than a server without a disk keeps, since here nothing is lost by forgetting.
const MOST_IN_ALL: usize = 4 * 1024 * 1024;

/// See the module's head.
#[derive(Debug, Default)]
pub(super) struct Recent {
    /// By the key of the room.
    rooms: HashMap<i64, Log>,
    bytes: usize,
    /// How many entries there ever were.
    count: u64,
}

/// The latest entries of a room, without a hole.
#[derive(Debug, Default)]
struct Log {
    entries: VecDeque<Stored>,
    bytes: usize,
    /// The place of the newest among all that there ever were.
    spoken: u64,
}

impl Recent {
    /// An entry was stored.
    pub(super) fn push(&mut self, room: i64, entry: Stored) {
        self.count += 1;
        let log = self.rooms.entry(room).or_default();
        self.bytes -= log.bytes;
        if log.entries.back().is_some_and(|last| last.seq + 1 != entry.seq) {
            *log = Log::default();
        }
        log.push(entry, self.count);
        self.bytes += log.bytes;
        while self.bytes > MOST_IN_ALL && self.rooms.len() > 1 {
            self.forget_quietest();
        }
    }

    /// Nothing is known any more.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// How many bytes of memory the entries take, about.
    pub(super) fn held(&self) -> usize {
        self.bytes
    }

    /// The entries with numbers `from..=to`, as many as a page holds, and whether there were more. `None` if they are
    /// not all here.
    pub(super) fn forwards(&self, room: i64, from: u64, to: u64) -> Option<(Vec<Stored>, bool)> {
        let entries = &self.rooms.get(&room)?.entries;
        let start = usize::try_from(from.checked_sub(entries.front()?.seq)?).ok()?;
        if entries.back()?.seq < to || start >= entries.len() {
            return None;
        }
        let mut page = Page::default();
        let asked = || entries.range(start..).take_while(|entry| entry.seq <= to);
        let found: Vec<Stored> = asked().take_while(|entry| page.takes(entry)).cloned().collect();
        let is_full = found.len() < asked().count();
        Some((found, is_full))
    }

    /// The latest entries with numbers up to `to`, at most `limit`, as many as a page holds. `None` if they are not all
    /// here.
    pub(super) fn backwards(&self, room: i64, to: u64, limit: u32) -> Option<Vec<Stored>> {
        let entries = &self.rooms.get(&room)?.entries;
        if entries.back()?.seq < to {
            return None;
        }
        let mut page = Page::default();
        let asked = || entries.iter().rev().skip_while(|entry| entry.seq > to);
        let mut found: Vec<Stored> =
            asked().take(limit as usize).take_while(|entry| page.takes(entry)).cloned().collect();
        // Before the oldest that is here there may be others.
        let is_enough = found.len() == limit as usize || found.len() < asked().count();
        found.reverse();
        is_enough.then_some(found)
    }

    fn forget_quietest(&mut self) {
        let quietest = self.rooms.iter().min_by_key(|(_, log)| log.spoken).map(|(room, _)| *room);
        if let Some(log) = quietest.and_then(|room| self.rooms.remove(&room)) {
            self.bytes -= log.bytes;
        }
    }
}

impl Log {
    fn push(&mut self, entry: Stored, count: u64) {
        self.spoken = count;
        self.bytes += cost(&entry);
        self.entries.push_back(entry);
        // The newest always stays.
        while self.entries.len() > 1 && (self.entries.len() > MOST_ENTRIES || self.bytes > MOST_BYTES) {
            let Some(oldest) = self.entries.pop_front() else { return };
            self.bytes -= cost(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::chat::event::Kind;
    use protocol::chat::id::UserId;

    const LOBBY: i64 = 1;

    fn entry(seq: u64, length: usize) -> Stored {
        let (user, nick, text) = (UserId([1; 10]), "anna".into(), "x".repeat(length).into());
        Stored { seq, time: 0, kind: Kind::Talk, user, nick, text, id: None }
    }

    fn spoken(numbers: std::ops::RangeInclusive<u64>, length: usize) -> Recent {
        let mut recent = Recent::default();
        numbers.for_each(|seq| recent.push(LOBBY, entry(seq, length)));
        recent
    }

    fn seqs(entries: &[Stored]) -> Vec<u64> {
        entries.iter().map(|entry| entry.seq).collect()
    }

    #[test]
    fn what_is_here_is_found() {
        let recent = spoken(5..=9, 10);
        let forwards = |from, to| recent.forwards(LOBBY, from, to).map(|(found, full)| (seqs(&found), full));
        assert_eq!(forwards(5, 9), Some((vec![5, 6, 7, 8, 9], false)));
        assert_eq!(forwards(7, 8), Some((vec![7, 8], false)));
        assert_eq!((forwards(4, 9), forwards(5, 10), forwards(10, 10)), (None, None, None));
        let backwards = |to, limit| recent.backwards(LOBBY, to, limit).map(|found| seqs(&found));
        assert_eq!(backwards(9, 3), Some(vec![7, 8, 9]));
        assert_eq!(backwards(8, 4), Some(vec![5, 6, 7, 8]));
        assert_eq!(
            (backwards(8, 5), backwards(10, 1), backwards(4, 1)),
            (None, None, None),
            "there may be more"
        );
        assert_eq!(recent.forwards(2, 5, 9), None, "another room");
    }

    #[test]
    fn a_page_is_a_page() {
        let recent = spoken(1..=20, 10_000);
        let (found, is_full) = recent.forwards(LOBBY, 1, 20).expect("it is all here");
        assert_eq!((seqs(&found), is_full), (vec![1, 2, 3, 4, 5, 6], true));
        assert_eq!(seqs(&recent.backwards(LOBBY, 20, 20).expect("so many fit")), [15, 16, 17, 18, 19, 20]);
    }

    #[test]
    fn after_a_gap_it_begins_anew() {
        let mut recent = spoken(1..=3, 10);
        recent.push(LOBBY, entry(5, 10));
        assert_eq!(recent.forwards(LOBBY, 3, 5), None);
        assert_eq!(recent.forwards(LOBBY, 5, 5).map(|(found, _)| seqs(&found)), Some(vec![5]));
    }

    #[test]
    fn it_forgets_the_oldest_and_the_quietest() {
        let recent = spoken(1..=1000, 10);
        assert_eq!(recent.rooms[&LOBBY].entries.len(), MOST_ENTRIES);
        let recent = spoken(1..=1000, 10_000);
        assert!(recent.held() <= MOST_BYTES && recent.forwards(LOBBY, 1000, 1000).is_some());

        let mut recent = Recent::default();
        for room in 1..=100 {
            (1..=20).for_each(|seq| recent.push(room, entry(seq, 10_000)));
        }
        assert!(recent.held() <= MOST_IN_ALL);
        assert!(recent.forwards(1, 20, 20).is_none() && recent.forwards(100, 1, 2).is_some());
        let sum: usize = recent.rooms.values().map(|log| log.bytes).sum();
        assert_eq!(sum, recent.held());
    }
}
