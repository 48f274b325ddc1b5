//! How vectors grow that there is one entry in for each connection, and what vectors keep that a turn has filled.
//! A tool for all above; must not know what lies in them.
//!
//! A vector left alone doubles, and never gives anything back. For a server that is up for months, that would be the
//! memory of its busiest second.

use std::collections::VecDeque;

/// How many entries a table of this length grows by: a sixteenth. Each entry is then copied 16 times while a server
/// fills up, once; what is gained is a third of the table, from then on.
pub(crate) fn steps(length: usize) -> usize {
    (length / 16).max(8)
}

/// Makes a table so long that it has an entry at `index`.
pub(crate) fn reach<T: Clone>(table: &mut Vec<T>, index: usize, entry: T) {
    if index < table.len() {
        return;
    }
    if index >= table.capacity() {
        table.reserve_exact(index + steps(index) - table.len());
    }
    table.resize(index + 1, entry);
}

/// How many bytes of memory a vector of a turn keeps for the next one, and so many entries at least. Enough for the turns
/// of a busy evening, and for the 64 who are let in in one turn, so that they ask the allocator for nothing.
pub(crate) const KEPT: usize = 4 * 1024;
const FEWEST: usize = 64;

/// How many entries are kept.
pub(crate) const fn kept<T>() -> usize {
    let fit = if size_of::<T>() == 0 { KEPT } else { KEPT / size_of::<T>() };
    if fit < FEWEST { FEWEST } else { fit }
}

/// Empties a vector that a turn has filled, and gives back what was unusual.
pub(crate) fn empty<T>(vec: &mut Vec<T>) {
    vec.clear();
    vec.shrink_to(kept::<T>());
}

/// A queue that has what it keeps from the start, so that this does not come to lie between what comes and goes.
pub(crate) fn queue<T>() -> VecDeque<T> {
    VecDeque::with_capacity(kept::<T>())
}

/// Gives back what was unusual of a queue.
pub(crate) fn shrink<T>(queue: &mut VecDeque<T>) {
    queue.shrink_to(kept::<T>());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_table_has_little_slack() {
        let mut table = Vec::new();
        for index in 0..10_000 {
            reach(&mut table, index, 7_u32);
            assert_eq!(table.len(), index + 1);
        }
        reach(&mut table, 3, 8);
        assert_eq!((table.len(), table[9_999]), (10_000, 7));
        assert!(table.capacity() <= 10_000 * 17 / 16, "room for {}", table.capacity());
    }

    #[test]
    fn a_turn_leaves_no_more_than_is_kept() {
        let (mut small, mut large) = (vec![0_u64; 100_000], vec![[0_u8; 200]; 100_000]);
        empty(&mut small);
        empty(&mut large);
        assert_eq!((small.len(), small.capacity() * 8), (0, KEPT));
        assert_eq!((large.len(), large.capacity()), (0, FEWEST));
    }
}
