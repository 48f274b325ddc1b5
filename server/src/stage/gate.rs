//! A gate before a storage engine: answers pass when the script lets them. So the store takes its time, without a
//! thread. Must not know what is stored.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hub::input::{ConnId, Refusal};
use protocol::chat::id::Epoch;

use crate::store::{Answer, Engine, Letter};

/// The engine with the gate before it.
#[derive(Debug)]
pub struct Gate<E> {
    engine: E,
    state: Arc<Mutex<State>>,
}

/// The script's hand at the gate.
#[derive(Debug)]
pub struct Key(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    /// How many letters may still pass.
    may_pass: usize,
    is_full: bool,
    /// Whose letters wait, as far as they have an owner.
    waiting: Vec<ConnId>,
}

impl<E> Gate<E> {
    /// An open gate before an engine, and its key.
    pub(super) fn before(engine: E) -> (Self, Key) {
        let state = State { may_pass: usize::MAX, is_full: false, waiting: Vec::new() };
        let state = Arc::new(Mutex::new(state));
        (Self { engine, state: Arc::clone(&state) }, Key(state))
    }
}

impl<E: Engine> Engine for Gate<E> {
    fn work(&mut self, wall: u64, letters: &mut VecDeque<Letter>, answers: &mut VecDeque<Answer>) {
        let state = &mut lock(&self.state);
        let count = letters.len().min(state.may_pass);
        if state.may_pass < usize::MAX {
            state.may_pass -= count;
        }
        let mut passing: VecDeque<Letter> = letters.drain(..count).collect();
        state.waiting = letters.iter().filter_map(owner).collect();
        // Each call may do only a part of them.
        while !state.is_full && !passing.is_empty() {
            self.engine.work(wall, &mut passing, answers);
        }
        // One by one, since refusals keep their place among the answers.
        for letter in passing {
            match letter {
                Letter::Record(record) => answers.push_back(Answer::Refused {
                    conn: record.origin,
                    id: record.id,
                    reason: Refusal::StorageFull,
                }),
                recall @ Letter::Recall(_) => self.engine.work(wall, &mut [recall].into(), answers),
            }
        }
    }

    fn epoch(&self) -> Epoch {
        self.engine.epoch()
    }

    fn held(&self) -> usize {
        self.engine.held()
    }
}

impl Key {
    /// From now on nothing passes.
    pub fn shut(&self) {
        lock(&self.0).may_pass = 0;
    }

    /// So many letters more may pass.
    pub fn let_pass(&self, count: usize) {
        let state = &mut lock(&self.0);
        state.may_pass = state.may_pass.saturating_add(count);
    }

    /// From now on all may pass.
    pub fn open(&self) {
        lock(&self.0).may_pass = usize::MAX;
    }

    /// From now on there is no space for entries; or there is again.
    pub fn fill(&self, is_full: bool) {
        lock(&self.0).is_full = is_full;
    }

    /// Whose letters waited when the server last looked.
    #[must_use]
    pub fn waiting(&self) -> Vec<ConnId> {
        lock(&self.0).waiting.clone()
    }
}

fn owner(letter: &Letter) -> Option<ConnId> {
    match letter {
        Letter::Record(record) => record.origin,
        Letter::Recall(recall) => Some(recall.conn),
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
