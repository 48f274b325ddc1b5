//! A disk that stalls for as long as the test likes: the memory store, to be put on a thread, behind a lock that the test
//! holds.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use protocol::chat::id::Epoch;
use server::store::{Answer, Engine, Letter, Memory, Ring};

/// The test's hand on the disk.
#[derive(Debug, Default)]
pub(crate) struct Hand {
    stall: Mutex<()>,
    is_at_work: AtomicBool,
}

impl Hand {
    /// The disk stalls until what this gives is dropped.
    pub(crate) fn stall(&self) -> MutexGuard<'_, ()> {
        let stalled = self.stall.lock().expect("the disk lives");
        self.is_at_work.store(false, Ordering::Relaxed);
        stalled
    }

    /// Whether the disk has begun with something since it was last made to stall.
    pub(crate) fn is_at_work(&self) -> bool {
        self.is_at_work.load(Ordering::Relaxed)
    }
}

/// See the module's head.
#[derive(Debug)]
pub(crate) struct Disk {
    memory: Memory,
    hand: Arc<Hand>,
}

impl Disk {
    pub(crate) fn new(epoch: Epoch, ring: Ring, hand: &Arc<Hand>) -> Self {
        Self { memory: Memory::new(epoch, ring), hand: Arc::clone(hand) }
    }
}

impl Engine for Disk {
    fn work(&mut self, wall: u64, letters: &mut VecDeque<Letter>, answers: &mut VecDeque<Answer>) {
        self.hand.is_at_work.store(true, Ordering::Relaxed);
        let _goes_on = self.hand.stall.lock().expect("the test lives");
        self.memory.work(wall, letters, answers);
    }

    fn epoch(&self) -> Epoch {
        self.memory.epoch()
    }

    fn held(&self) -> usize {
        self.memory.held()
    }
}
