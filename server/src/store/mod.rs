//! Where entries are kept: a mailbox with an engine behind it. Must not know connections, frames or rooms' members.
//!
//! Letters go in, answers come out in the order of the letters, through the mailbox and never at once. So every engine
//! takes one path: one that answers within the turn (memory) and one that waits for a disk on a thread of its own.
//!
//! The mailbox has a depth. It refuses nothing; whoever posts asks [`Store::allowance`] first, and a connection that
//! has too much in a full mailbox is not read until there is room. So a disk that stalls slows those who write.

mod memory;
mod page;
mod sqlite;

use std::collections::VecDeque;
use std::io;

use hub::effect::{Recall, Record};
use hub::input::{Applied, ConnId, Recalled, Refusal};
use protocol::chat::id::{Epoch, RequestId};

use crate::clock::Clock;
use crate::worker::{Bell, Worker};

pub use memory::{Memory, Ring};
pub use sqlite::{Epochs, Fault, Notice, Sqlite};

/// How many bytes of letters fit in a mailbox, for each letter of its depth: a long line of talk.
const BYTES_PER_LETTER: usize = 1024;

/// When the mailbox is full, a connection that has less in it than this may still be read, a little at a time: who
/// says a line now and then, asks something or sends a ping does not feel that others send without end.
const SMALL_SHARE: Share = Share { letters: 16, bytes: 4096 };

/// How many bytes are read at once from such a connection.
const LITTLE: usize = 4096;

/// An engine begins no further letter when its answers take this many bytes: a thousand that join at once do not have
/// all their pages in memory at the same time.
const ANSWERS_AT_ONCE: usize = 256 * 1024;

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
    /// Answers no letter: an entry has turned out to be kept after its letter was answered with [`Answer::Unknown`]. It
    /// has no origin, and comes before all entries with higher numbers.
    Late(Applied),
}

/// Keeps entries.
pub trait Engine: std::fmt::Debug + Send {
    /// Does what `letters` ask, in their order, takes out those that are done and answers each of them; entries as one
    /// transaction. May leave letters for the next call, but does one at least.
    ///
    /// A room's numbers are 1, 2, 3 … without a hole, given in the transaction. An entry whose `(user, id)` is kept
    /// already is not kept again: same content, and the first numbers are answered with `dup`; other content, and it
    /// is refused. `wall` is the time by the clock on the wall, in milliseconds since 1970, for decoration: an entry's
    /// time never goes back within its room, and is 0 while no believable time is known.
    fn work(&mut self, wall: u64, letters: &mut VecDeque<Letter>, answers: &mut VecDeque<Answer>);

    /// The life of the logs to which the numbers given now belong. If [`Self::work`] has changed it, the logs are not
    /// what they were: every connection is to be ended (1012), so that all come back and are told by a reset.
    fn epoch(&self) -> Epoch;

    /// How many bytes of memory the kept entries take, about.
    fn held(&self) -> usize;
}

/// The mailbox before an engine.
#[derive(Debug)]
pub struct Store {
    place: Place,
    epoch: Epoch,
    answers: VecDeque<Answer>,
    /// The letters whose answers have not been taken, in their order.
    posted: VecDeque<Posted>,
    /// What those take.
    waiting: Share,
    /// How many letters the mailbox holds; `None` for any number.
    depth: Option<usize>,
    /// What the engine held when it last answered.
    kept: usize,
}

/// Where the engine works.
#[derive(Debug)]
enum Place {
    /// In the loop, when the answers are taken: it never waits.
    Here { engine: Box<dyn Engine>, letters: VecDeque<Letter> },
    /// On a thread of its own.
    Thread(Worker<Letter, Batch>),
}

/// What an engine on a thread has answered at one time.
#[derive(Debug)]
struct Batch {
    answers: VecDeque<Answer>,
    kept: usize,
}

#[derive(Clone, Copy, Debug)]
struct Posted {
    /// When, in microseconds of the clock.
    at: u64,
    conn: Option<ConnId>,
    bytes: usize,
}

/// So much of a mailbox.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Share {
    letters: usize,
    bytes: usize,
}

impl Share {
    fn add(&mut self, posted: Posted) {
        self.letters += 1;
        self.bytes += posted.bytes;
    }

    fn take(&mut self, posted: Posted) {
        self.letters -= 1;
        self.bytes -= posted.bytes;
    }

    fn is_below(self, other: Self) -> bool {
        self.letters < other.letters && self.bytes < other.bytes
    }
}

impl Store {
    /// An empty mailbox before an engine that answers at once.
    pub fn new(engine: impl Engine + 'static) -> Self {
        let (epoch, kept) = (engine.epoch(), engine.held());
        Self::at(Place::Here { engine: Box::new(engine), letters: VecDeque::new() }, epoch, kept)
    }

    /// An empty mailbox before an engine that waits, on a thread of its own. The bell is rung when it has answered.
    ///
    /// # Errors
    /// If the system gives no thread.
    pub fn on_a_thread(mut engine: impl Engine + 'static, bell: Bell) -> io::Result<Self> {
        let (epoch, kept) = (engine.epoch(), engine.held());
        let worker = Worker::start("store", bell, move |letters: &mut VecDeque<Letter>| {
            let mut answers = VecDeque::new();
            engine.work(Clock::wall(), letters, &mut answers);
            Batch { answers, kept: engine.held() }
        })?;
        Ok(Self::at(Place::Thread(worker), epoch, kept))
    }

    fn at(place: Place, epoch: Epoch, kept: usize) -> Self {
        let (answers, posted) = (VecDeque::new(), VecDeque::new());
        Self { place, epoch, answers, posted, waiting: Share::default(), depth: None, kept }
    }

    /// With room for so many letters; `None` for any number.
    #[must_use]
    pub fn with_depth(self, depth: Option<usize>) -> Self {
        Self { depth, ..self }
    }

    /// Puts a letter in. `now`, in microseconds of any clock, comes back with its answer.
    pub fn post(&mut self, now: u64, letter: Letter) {
        let posted = Posted { at: now, conn: letter.conn(), bytes: letter.bytes() };
        self.posted.push_back(posted);
        self.waiting.add(posted);
        match &mut self.place {
            Place::Here { letters, .. } => letters.push_back(letter),
            Place::Thread(worker) => worker.ask(letter),
        }
    }

    /// Takes the next answer out, and when its letter was posted (0 if it answers none). `wall` is for an engine in the loop.
    pub fn next(&mut self, wall: impl FnOnce() -> u64) -> Option<(Answer, u64)> {
        if self.answers.is_empty() {
            match &mut self.place {
                Place::Here { engine, letters } if !letters.is_empty() => {
                    engine.work(wall(), letters, &mut self.answers);
                    self.kept = engine.held();
                }
                Place::Here { .. } => {}
                Place::Thread(worker) => {
                    let batch = worker.answer()?;
                    self.answers = batch.answers;
                    self.kept = batch.kept;
                }
            }
        }
        let answer = self.answers.pop_front()?;
        if matches!(answer, Answer::Late(_)) {
            return Some((answer, 0));
        }
        let posted = self.posted.pop_front()?;
        self.waiting.take(posted);
        Some((answer, posted.at))
    }

    /// How many bytes may be read from a connection, as far as the mailbox goes: any number while it has room; when it
    /// is full, a little from those who have little in it; and none from the others.
    pub fn allowance(&self, conn: ConnId) -> usize {
        let Some(depth) = self.depth else { return usize::MAX };
        let all = Share { letters: depth, bytes: depth.saturating_mul(BYTES_PER_LETTER) };
        if self.waiting.is_below(all) {
            return usize::MAX;
        }
        let mut share = Share::default();
        self.posted.iter().filter(|posted| posted.conn == Some(conn)).for_each(|posted| share.add(*posted));
        if share.is_below(SMALL_SHARE) { LITTLE } else { 0 }
    }

    /// How many letters were posted whose answers have not been taken.
    pub fn mail(&self) -> usize {
        self.waiting.letters
    }

    /// How many bytes of memory the kept entries take, about.
    pub fn kept(&self) -> usize {
        self.kept
    }

    /// How many bytes of memory letters, answers and kept entries take, about.
    pub fn held(&self) -> usize {
        self.kept + self.waiting.bytes
    }

    /// See [`Engine::epoch`].
    pub fn epoch(&self) -> Epoch {
        self.epoch
    }
}

impl Letter {
    /// Whose it is, if it came by one of our connections.
    fn conn(&self) -> Option<ConnId> {
        match self {
            Self::Record(record) => record.origin,
            Self::Recall(recall) => Some(recall.conn),
        }
    }

    /// How many bytes of memory it takes, about.
    fn bytes(&self) -> usize {
        let text = match self {
            Self::Record(record) => record.text.len() + record.nick.len(),
            Self::Recall(_) => 0,
        };
        size_of::<Self>() + text
    }
}

impl Answer {
    /// How many bytes of memory it takes, about.
    fn bytes(&self) -> usize {
        let text = match self {
            Self::Applied(applied) | Self::Late(applied) => applied.entry.text.len(),
            Self::Recalled(recalled) => recalled.entries.iter().map(|entry| entry.text.len() + 128).sum(),
            Self::Refused { .. } | Self::Unknown { .. } => 0,
        };
        size_of::<Self>() + text
    }
}

#[cfg(test)]
mod tests;
