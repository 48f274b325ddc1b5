//! Where entries are kept: a mailbox with an engine behind it. Must not know connections, frames or rooms' members.
//!
//! Letters go in, answers come out in the order of the letters, through the mailbox and never at once. So every engine
//! takes one path: one that answers within the turn (memory) and one that waits for a disk on a thread of its own.

mod memory;
mod page;
mod sqlite;

use std::collections::VecDeque;

use hub::effect::{Recall, Record};
use hub::input::{Applied, ConnId, Recalled, Refusal};
use protocol::chat::id::{Epoch, RequestId};

pub use memory::{Memory, Ring};
pub use sqlite::{Epochs, Fault, Notice, Sqlite};

/// What is asked of the store.
#[derive(Clone, Debug)]
pub enum Letter {
    /// Keep this entry, and number it.
    Record(Record),
    /// Find entries.
    Recall(Recall),
}

/// What the store answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The entry is kept, as safely as this engine can.
    Applied(Applied),
    /// The entries that were found.
    Recalled(Recalled),
    /// The entry is surely not kept.
    Refused {
        /// Who sent it, if it came by one of our connections.
        conn: Option<ConnId>,
        /// Of the request.
        id: Option<RequestId<'static>>,
        /// Why not.
        reason: Refusal,
    },
    /// The disk failed: the entry may be kept or not, or what was asked for could not be read. Nothing is to be said:
    /// the connection is to be ended (1011), so that its client comes back, asks again and sends again what had no
    /// tick.
    Unknown {
        /// Whose letter it was, if it came by one of our connections.
        conn: Option<ConnId>,
    },
}

/// Keeps entries.
pub trait Engine {
    /// Does all that `letters` ask, entries as one transaction, and answers each of them, in their order.
    ///
    /// A room's numbers are 1, 2, 3 … without a hole, given in the transaction. An entry whose `(user, id)` is kept
    /// already is not kept again: same content, and the first numbers are answered with `dup`; other content, and it
    /// is refused. `wall` is the time by the clock on the wall, in milliseconds since 1970, for decoration: an entry's
    /// time never goes back within its room, and is 0 while no believable time is known.
    ///
    /// After a failure there may be answers before those: entries that turned out to be kept after their letters had
    /// been answered with [`Answer::Unknown`]. They have no origin.
    fn work(&mut self, wall: u64, letters: &mut VecDeque<Letter>, answers: &mut VecDeque<Answer>);

    /// The life of the logs to which the numbers given now belong. If [`Self::work`] has changed it, the logs are not
    /// what they were: every connection is to be ended (1012), so that all come back and are told by a reset.
    fn epoch(&self) -> Epoch;

    /// How many bytes of memory the kept entries take, about.
    fn held(&self) -> usize;
}

/// The mailbox before an engine.
#[derive(Debug)]
pub struct Store<E> {
    engine: E,
    letters: VecDeque<Letter>,
    answers: VecDeque<Answer>,
    /// When each letter was posted whose answer has not been taken.
    posted: VecDeque<u64>,
}

impl<E: Engine> Store<E> {
    /// A mailbox with nothing in it.
    pub fn new(engine: E) -> Self {
        Self { engine, letters: VecDeque::new(), answers: VecDeque::new(), posted: VecDeque::new() }
    }

    /// Puts a letter in. `now`, in microseconds of any clock, comes back with its answer.
    pub fn post(&mut self, now: u64, letter: Letter) {
        self.letters.push_back(letter);
        self.posted.push_back(now);
    }

    /// Takes the next answer out, and when its letter was posted.
    pub fn next(&mut self, wall: impl FnOnce() -> u64) -> Option<(Answer, u64)> {
        if self.answers.is_empty() && !self.letters.is_empty() {
            self.engine.work(wall(), &mut self.letters, &mut self.answers);
        }
        let answer = self.answers.pop_front()?;
        Some((answer, self.posted.pop_front().unwrap_or(0)))
    }

    /// How many letters were posted whose answers have not been taken.
    pub fn mail(&self) -> usize {
        self.posted.len()
    }

    /// How many bytes of memory the kept entries take, about.
    pub fn kept(&self) -> usize {
        self.engine.held()
    }

    /// Whether an answer waits, or will without anybody's doing.
    pub fn has_more(&self) -> bool {
        !self.answers.is_empty() || !self.letters.is_empty()
    }

    /// How many bytes of memory letters, answers and kept entries take, about.
    pub fn held(&self) -> usize {
        self.engine.held() + (self.letters.len() + self.answers.len()) * size_of::<Answer>()
    }

    /// See [`Engine::epoch`].
    pub fn epoch(&self) -> Epoch {
        self.engine.epoch()
    }
}

#[cfg(test)]
mod tests;
