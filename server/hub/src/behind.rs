//! The members of one room that are not live, and what each of them waits for. Must not know what they are sent.
//!
//! It is a list beside the room: a live member, which almost all are, costs nothing here. When the last one has caught
//! up the list gives its memory back, so that a herd which came at once leaves nothing behind.

use alloc::vec::Vec;

use crate::dense;

/// What has to happen next to a member that is behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wait {
    /// The store has to answer its join.
    Join,
    /// What was sent to it has to leave. Then the store is asked for a page.
    Drain {
        /// The number that the page begins with.
        next: u64,
    },
    /// The store has to answer with a page.
    Page,
}

/// Sorted by slot.
#[derive(Debug, Default)]
pub(crate) struct Behind(Vec<(u32, Wait)>);

impl Behind {
    /// The member is behind, and waits for this from now on.
    pub(crate) fn set(&mut self, slot: u32, wait: Wait) {
        match self.place(slot) {
            Ok(place) => self.0[place].1 = wait,
            Err(place) => {
                dense::reserve(&mut self.0);
                self.0.insert(place, (slot, wait));
            }
        }
    }

    /// The member is live, or gone.
    pub(crate) fn remove(&mut self, slot: u32) {
        if let Ok(place) = self.place(slot) {
            self.0.remove(place);
        }
        if self.0.is_empty() {
            self.0 = Vec::new();
        }
    }

    /// What a member waits for; `None` if it is not behind.
    pub(crate) fn get(&self, slot: u32) -> Option<Wait> {
        Some(self.0[self.place(slot).ok()?].1)
    }

    pub(crate) fn contains(&self, slot: u32) -> bool {
        self.place(slot).is_ok()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// All of them, by slot.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, Wait)> + '_ {
        self.0.iter().copied()
    }

    fn place(&self, slot: u32) -> Result<usize, usize> {
        self.0.binary_search_by_key(&slot, |(slot, _)| *slot)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_member_waits_for_one_thing() {
        let mut behind = Behind::default();
        behind.set(5, Wait::Join);
        behind.set(2, Wait::Drain { next: 7 });
        behind.set(5, Wait::Page);
        assert_eq!(behind.iter().collect::<Vec<_>>(), [(2, Wait::Drain { next: 7 }), (5, Wait::Page)]);
        assert_eq!((behind.get(5), behind.get(3)), (Some(Wait::Page), None));
        behind.remove(3);
        behind.remove(5);
        assert_eq!((behind.contains(5), behind.contains(2), behind.len()), (false, true, 1));
    }

    #[test]
    fn a_herd_that_has_caught_up_leaves_nothing() {
        let mut behind = Behind::default();
        (0..4000).for_each(|slot| behind.set(slot, Wait::Join));
        (0..4000).for_each(|slot| behind.remove(slot));
        assert_eq!(behind.0.capacity(), 0);
    }
}
