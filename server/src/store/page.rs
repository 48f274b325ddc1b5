//! What every engine counts alike: how much one page holds, and which time is to be believed. Must not know where
//! entries are kept.

use std::ops::Range;

use hub::input::Stored;

/// How many bytes of entries one page holds at most; always one entry at least. What a page holds waits in the
/// reader's connection, so a page is a fraction of what may wait there.
const PAGE_BYTES: usize = 64 * 1024;

/// What an entry costs beside its text and names, about: its place in the log, in the order of all, and by its id.
const ENTRY_COST: usize = 160;

/// The times that a clock can tell, in milliseconds since 1970: from 2026, when this was written, for forty years. A
/// board without a battery begins in 1970, and a time that was never right would hold up all later ones for years,
/// since time never goes back within a room.
const BELIEVABLE: Range<u64> = 1_767_225_600_000..3_029_529_600_000;

/// How full a page is.
#[derive(Debug, Default)]
pub(super) struct Page {
    bytes: usize,
}

impl Page {
    /// Whether there is room for one more entry, which is then counted.
    pub(super) fn takes(&mut self, entry: &Stored) -> bool {
        let empty = self.bytes == 0;
        self.bytes += cost(entry);
        empty || self.bytes <= PAGE_BYTES
    }
}

/// How many bytes of memory an entry takes, about.
pub(super) fn cost(entry: &Stored) -> usize {
    entry.text.len() + entry.nick.size() + entry.id.as_ref().map_or(0, |id| id.as_str().len()) + ENTRY_COST
}

/// The time of a new entry: the clock's, if that can be; never less than `last`, the time of the entry before. 0 means
/// that it was never known.
pub(super) fn stamp(wall: u64, last: u64) -> u64 {
    believed(wall).max(last)
}

/// The clock's time, or 0 if it cannot be.
pub(super) fn believed(wall: u64) -> u64 {
    if BELIEVABLE.contains(&wall) { wall } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_never_goes_back_and_never_runs_away() {
        let noon = 1_800_000_000_000;
        let fifty_years = 50 * 365 * 86_400_000;
        assert_eq!(stamp(noon, 0), noon);
        assert_eq!(stamp(0, 0), 0, "a clock at 1970 tells nothing");
        assert_eq!(stamp(12_345, noon), noon, "a clock that fell back to 1970");
        assert_eq!(
            stamp(noon + fifty_years, noon),
            noon,
            "a clock that ran ahead does not hold up the others"
        );
        assert_eq!(stamp(noon - 5, noon), noon, "a clock that was set back a little");
        assert_eq!(stamp(noon + 5, noon), noon + 5);
        assert_eq!(stamp(u64::MAX, noon), noon);
    }
}
