//! The mailbox before an engine: letters wait in it for the engine, answers for the loop. Must not know what they say.
//!
//! It has a depth. It refuses nothing; whoever posts asks [`Store::allowance`] first, and a connection that has too much
//! in a full mailbox is not read until there is room. So a disk that stalls slows those who write.

use std::collections::VecDeque;
use std::io;

use hub::input::ConnId;
use protocol::chat::id::Epoch;

use super::{Answer, Engine, Letter};
use crate::clock::Clock;
use crate::thrift;
pub use crate::worker::Rhythm;
use crate::worker::{Bell, Worker};

/// How many bytes of letters fit in a mailbox, for each letter of its depth: a long line of talk.
const BYTES_PER_LETTER: usize = 1024;

/// When the mailbox is full, a connection that has less in it than this may still be read, a little at a time: who
/// says a line now and then, asks something or sends a ping does not feel that others send without end.
const SMALL_SHARE: Share = Share { letters: 16, bytes: 4096 };

/// How many bytes are read at once from such a connection.
const LITTLE: usize = 4096;

/// The mailbox before an engine.
#[derive(Debug)]
pub struct Store {
    place: Place,
    epoch: Epoch,
    pub(super) answers: VecDeque<Answer>,
    /// The letters whose answers have not been taken, in their order.
    posted: VecDeque<Posted>,
    /// What those take.
    pub(super) waiting: Share,
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
pub(super) struct Share {
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
        Self::at(Place::Here { engine: Box::new(engine), letters: thrift::queue() }, epoch, kept)
    }

    /// An empty mailbox before an engine that waits, on a thread of its own. The bell is rung when it has answered.
    ///
    /// # Errors
    /// If the system gives no thread.
    pub fn on_a_thread(mut engine: impl Engine + 'static, rhythm: Rhythm, bell: Bell) -> io::Result<Self> {
        let (epoch, kept) = (engine.epoch(), engine.held());
        let worker = Worker::start("store", bell, rhythm, Letter::is_patient, move |letters| {
            let mut answers = VecDeque::new();
            if letters.is_empty() {
                engine.idle();
            } else {
                engine.work(Clock::wall(), letters, &mut answers);
            }
            engine.complaints(Clock::wall()).iter().for_each(|complaint| log::error!("{complaint}"));
            Batch { answers, kept: engine.held() }
        })?;
        Ok(Self::at(Place::Thread(worker), epoch, kept))
    }

    fn at(place: Place, epoch: Epoch, kept: usize) -> Self {
        let (answers, posted) = (thrift::queue(), thrift::queue());
        Self { place, epoch, answers, posted, waiting: Share::default(), depth: None, kept }
    }

    /// With room for so many letters; `None` for any number.
    #[must_use]
    pub fn with_depth(self, depth: Option<usize>) -> Self {
        Self { depth, ..self }
    }

    /// Puts a letter in, to go with the next [`Self::hand_over`]. `now`, in microseconds of any clock, comes back with its answer.
    pub fn post(&mut self, now: u64, letter: Letter) {
        let posted = Posted { at: now, conn: letter.conn(), bytes: letter.bytes() };
        self.posted.push_back(posted);
        self.waiting.add(posted);
        match &mut self.place {
            Place::Here { letters, .. } => letters.push_back(letter),
            Place::Thread(worker) => worker.ask(letter),
        }
    }

    /// Gives an engine on a thread the letters that were put in. To be called when all of a turn are there; letters that
    /// come while answers are taken may go earlier.
    pub fn hand_over(&mut self) {
        if let Place::Thread(worker) = &mut self.place {
            worker.hand_over();
        }
    }

    /// Takes the next answer out, and when its letter was posted, if it belongs to one. `wall` is for an engine in the loop.
    pub fn next(&mut self, wall: impl FnOnce() -> u64) -> Option<(Answer, Option<u64>)> {
        self.hand_over();
        if self.answers.is_empty() {
            match &mut self.place {
                Place::Here { engine, letters } if !letters.is_empty() => {
                    engine.work(wall(), letters, &mut self.answers);
                    self.kept = engine.held();
                }
                Place::Here { .. } => {}
                // A batch may have no answers: the engine was idle.
                Place::Thread(worker) => {
                    while self.answers.is_empty() {
                        let Some(batch) = worker.answer() else { break };
                        self.answers = batch.answers;
                        self.kept = batch.kept;
                    }
                }
            }
        }
        let Some(answer) = self.answers.pop_front() else {
            self.tidy_up();
            return None;
        };
        if let Answer::NewEpoch(epoch) = &answer {
            self.epoch = *epoch;
        }
        if !answer.is_asked() {
            return Some((answer, None));
        }
        let posted = self.posted.pop_front()?;
        self.waiting.take(posted);
        Some((answer, Some(posted.at)))
    }

    /// There is nothing to take out. What an unusual number of letters has needed is given back.
    fn tidy_up(&mut self) {
        thrift::shrink(&mut self.answers);
        thrift::shrink(&mut self.posted);
        if let Place::Here { letters, .. } = &mut self.place {
            thrift::shrink(letters);
        }
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
