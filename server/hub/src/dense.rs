//! Tables that are indexed by small numbers, and sets of such numbers. Must not know what lies in them.
//!
//! They grow by a sixteenth instead of doubling. That costs a few more copies while a server fills up, once, and saves
//! a third of the memory it holds from then on.

use alloc::vec::Vec;
use core::hash::{Hash, Hasher};
use core::ops::{Index, IndexMut};

use foldhash::SharedSeed;
use foldhash::quality::FoldHasher;

/// A table whose entries keep their number. A number is given again after its entry was removed.
#[derive(Debug)]
pub(crate) struct Dense<T> {
    entries: Vec<Option<T>>,
    free: Vec<u32>,
}

impl<T> Dense<T> {
    pub(crate) fn with_capacity(entries: usize) -> Self {
        Self { entries: Vec::with_capacity(entries), free: Vec::new() }
    }

    /// Puts an entry in and gives its number.
    pub(crate) fn insert(&mut self, entry: T) -> u32 {
        if let Some(number) = self.free.pop() {
            self.entries[number as usize] = Some(entry);
            return number;
        }
        let number = self.entries.len() as u32;
        push(&mut self.entries, Some(entry));
        number
    }

    pub(crate) fn remove(&mut self, number: u32) -> Option<T> {
        let entry = self.entries.get_mut(number as usize)?.take()?;
        push(&mut self.free, number);
        Some(entry)
    }

    pub(crate) fn get(&self, number: u32) -> Option<&T> {
        self.entries.get(number as usize)?.as_ref()
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len() - self.free.len()
    }

    /// All entries with their numbers, in the order of the numbers.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, &T)> {
        (0..).zip(&self.entries).filter_map(|(number, entry)| Some((number, entry.as_ref()?)))
    }
}

/// For numbers that this table gave out and that nobody has taken back.
impl<T> Index<u32> for Dense<T> {
    type Output = T;

    fn index(&self, number: u32) -> &T {
        self.entries[number as usize].as_ref().expect("a number is used only while its entry lives")
    }
}

impl<T> IndexMut<u32> for Dense<T> {
    fn index_mut(&mut self, number: u32) -> &mut T {
        self.entries[number as usize].as_mut().expect("a number is used only while its entry lives")
    }
}

/// A set of slots, sorted: four bytes each, and iterated in order.
#[derive(Debug, Default)]
pub(crate) struct Slots(Vec<u32>);

impl Slots {
    pub(crate) fn insert(&mut self, slot: u32) {
        let Err(place) = self.0.binary_search(&slot) else { return };
        reserve(&mut self.0);
        self.0.insert(place, slot);
    }

    pub(crate) fn remove(&mut self, slot: u32) {
        if let Ok(place) = self.0.binary_search(&slot) {
            self.0.remove(place);
        }
    }

    pub(crate) fn contains(&self, slot: u32) -> bool {
        self.0.binary_search(&slot).is_ok()
    }

    pub(crate) fn as_slice(&self) -> &[u32] {
        &self.0
    }
}

/// Appends to a vector that grows by a sixteenth.
pub(crate) fn push<T>(vec: &mut Vec<T>, entry: T) {
    reserve(vec);
    vec.push(entry);
}

/// Makes room for one more entry, in steps of a sixteenth.
pub(crate) fn reserve<T>(vec: &mut Vec<T>) {
    if vec.len() == vec.capacity() {
        vec.reserve_exact((vec.len() / 16).max(4));
    }
}

/// What keys are hashed with. Tables of numbers are looked up in, never iterated: so the seed changes no outcome.
#[derive(Debug)]
pub(crate) struct Seed(SharedSeed);

impl Seed {
    pub(crate) fn new(seed: u64) -> Self {
        Self(SharedSeed::from_u64(seed))
    }

    pub(crate) fn hash(&self, key: impl Hash) -> u64 {
        let mut hasher = FoldHasher::with_seed(0, &self.0);
        key.hash(&mut hasher);
        hasher.finish()
    }

    /// Hashes a name so that names which differ in case alone hash alike.
    pub(crate) fn hash_folded(&self, name: &str) -> u64 {
        let mut hasher = FoldHasher::with_seed(0, &self.0);
        if name.is_ascii() {
            name.bytes().for_each(|byte| hasher.write_u32(byte.to_ascii_lowercase().into()));
        } else {
            protocol::chat::name::fold(name).for_each(|c| hasher.write_u32(c.into()));
        }
        hasher.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_stays_until_its_entry_goes() {
        let mut table = Dense::with_capacity(0);
        let (a, b) = (table.insert('a'), table.insert('b'));
        assert_eq!((table[a], table[b], table.len()), ('a', 'b', 2));
        assert_eq!(table.remove(a), Some('a'));
        assert_eq!(table.remove(a), None);
        assert_eq!((table.get(a), table.get(99)), (None, None));
        assert_eq!(table.insert('c'), a);
        assert_eq!(table.iter().collect::<Vec<_>>(), [(a, &'c'), (b, &'b')]);
    }

    #[test]
    fn slots_are_a_sorted_set() {
        let mut slots = Slots::default();
        for slot in [5, 1, 3, 1] {
            slots.insert(slot);
        }
        slots.remove(3);
        slots.remove(4);
        assert_eq!(slots.as_slice(), [1, 5]);
        assert!(slots.contains(5) && !slots.contains(3));
    }

    #[test]
    fn a_large_table_has_little_slack() {
        let mut vec = Vec::new();
        (0..10_000_u32).for_each(|n| push(&mut vec, n));
        assert!(vec.capacity() <= 10_000 * 17 / 16, "room for {}", vec.capacity());
    }
}
