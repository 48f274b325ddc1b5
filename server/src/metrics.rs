//! What is counted, for whoever runs the server: plain numbers that only the loop's own thread adds to. Must not know
//! who counts, nor names of rooms or people: whoever reaches the port can read it.
//!
//! The numbers travel with the outbox, so that whoever has something to say can also count. Counting is an addition;
//! all that takes longer (walking through rooms, writing text) is done in `text.rs`, when somebody asks.

mod histogram;
mod text;

use hub::Counts;
use protocol::chat::event::Kind;

pub use self::histogram::Histogram;

/// The answers' statuses that a counter is shown for even before there was one.
const STATUSES: [u16; 15] = [400, 403, 404, 405, 409, 411, 413, 414, 422, 426, 431, 500, 503, 504, 507];

/// What became of those who connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It became a WebSocket.
    Upgraded,
    /// It got a page.
    Answered,
    /// Its request was refused.
    Refused,
    /// It ended before its request was whole.
    Unfinished,
    /// It was answered 503 at the door.
    TurnedAway,
}

/// Why somebody was turned away at the door.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Full {
    /// Its address has as many connections as it may.
    Address,
    /// There are as many connections as there may be.
    Connections,
    /// Memory is short.
    Memory,
}

/// See the module's head. Everything counts from the start; a `_total` never falls.
#[derive(Debug, Default)]
pub struct Metrics {
    /// How everything stood when the last turn ended.
    pub levels: Levels,
    /// What the server was told to keep to.
    pub bounds: Bounds,
    /// The beginning of this turn, in microseconds of the clock.
    pub now: u64,
    /// Connections by what became of them.
    pub outcomes: Tally<Outcome>,
    /// Those turned away, by reason.
    pub turned_away: Tally<Full>,
    /// Refused requests, by HTTP status.
    pub refusals: Tally<u16>,
    /// Connections that the server ended, by reason.
    pub hangups: Tally<&'static str>,
    /// Failures to accept, by the name of the error.
    pub accept_errors: Tally<&'static str>,
    /// Bytes that came in, below WebSocket.
    pub received: u64,
    /// Bytes that the kernel took.
    pub sent: u64,
    /// WebSocket frames that came in, of every kind.
    pub frames: u64,
    /// How often reading was put off for sending too fast.
    pub pauses: u64,
    /// How often a connection began to read more slowly than it was told things.
    pub lags: u64,
    /// How long the turns took.
    pub turns: Histogram,
    /// Messages that asked for something, by dialect; "http" for rooms posted to and read without a WebSocket.
    pub requests: Tally<&'static str>,
    /// Entries that were stored, by kind.
    pub entries: Tally<&'static str>,
    /// Entries that had been stored before.
    pub resent: u64,
    /// Entries that the store refused.
    pub unstored: u64,
    /// What the store was asked and could not do, since the disk failed.
    pub unknown: u64,
    /// Entries told as they were said, each once for each connection.
    pub told: u64,
    /// Entries told by page, each once for each connection.
    pub paged: u64,
    /// How long the store took to answer.
    pub store: Histogram,
}

/// How everything stands in the loop.
#[derive(Clone, Copy, Debug, Default)]
pub struct Levels {
    /// Connections.
    pub connections: usize,
    /// Those whose reading is put off.
    pub paused: usize,
    /// Bytes that wait for the kernel.
    pub unsent: usize,
    /// Bytes of everything that grows.
    pub held: usize,
}

/// What the server keeps to; `None` for as much as there is.
#[derive(Clone, Copy, Debug, Default)]
pub struct Bounds {
    /// Connections.
    pub connections: Option<u32>,
    /// Bytes of everything that grows.
    pub memory: Option<usize>,
}

/// How everything stands in the chat; looked at when somebody asks.
#[derive(Clone, Copy, Debug, Default)]
pub struct Chat {
    /// Persons, rooms and who is behind.
    pub counts: Counts,
    /// Bytes of the latest entries, kept in memory.
    pub ring: usize,
    /// Letters to the store and answers from it that nobody has taken yet.
    pub mail: usize,
}

impl Metrics {
    /// All at zero. The names of `hangups` are shown from the beginning, so that the first one is seen as a change.
    #[must_use]
    pub fn new(hangups: impl IntoIterator<Item = &'static str>) -> Self {
        use Outcome::{Answered, Refused, TurnedAway, Unfinished, Upgraded};
        Self {
            outcomes: Tally::of([Upgraded, Answered, Refused, Unfinished, TurnedAway]),
            turned_away: Tally::of([Full::Address, Full::Connections, Full::Memory]),
            refusals: Tally::of(STATUSES),
            hangups: Tally::of(hangups),
            accept_errors: Tally::of(["EMFILE", "ENFILE", "ENOBUFS", "ENOMEM", "ECONNABORTED", "other"]),
            requests: Tally::of(["plain", "snug.v1", "http"]),
            entries: Tally::of(["talk", "me", "topic"]),
            ..Self::default()
        }
    }

    /// A request was refused with this status.
    pub fn refused(&mut self, status: u16) {
        self.outcomes.add(Outcome::Refused);
        self.refusals.add(status);
    }

    /// Somebody was turned away, with this status.
    pub fn turned_away(&mut self, why: Full, status: u16) {
        self.outcomes.add(Outcome::TurnedAway);
        self.turned_away.add(why);
        self.refusals.add(status);
    }

    /// The store has answered to an entry that was posted at `posted`, in microseconds of the clock.
    pub fn stored(&mut self, posted: u64, outcome: Stored) {
        self.store.observe(self.now.saturating_sub(posted));
        match outcome {
            Stored::New(kind) => self.entries.add(match kind {
                Kind::Talk => "talk",
                Kind::Me => "me",
                Kind::Topic => "topic",
                Kind::Unknown => "other",
            }),
            Stored::Before => self.resent += 1,
            Stored::Refused => self.unstored += 1,
            Stored::Unknown => self.unknown += 1,
        }
    }
}

/// What the store made of an entry.
#[derive(Clone, Copy, Debug)]
pub enum Stored {
    /// It is a new one of this kind.
    New(Kind),
    /// It had been stored before.
    Before,
    /// It is not stored.
    Refused,
    /// Nobody knows, since the disk failed.
    Unknown,
}

/// How often each of a few things happened. The things are constants of the code, never words from outside.
#[derive(Debug)]
pub struct Tally<K>(Vec<(K, u64)>);

impl<K> Default for Tally<K> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<K: PartialEq> Tally<K> {
    /// None of these has happened yet.
    pub fn of(keys: impl IntoIterator<Item = K>) -> Self {
        Self(keys.into_iter().map(|key| (key, 0)).collect())
    }

    /// It has happened once more.
    pub fn add(&mut self, key: K) {
        match self.0.iter_mut().find(|(other, _)| *other == key) {
            Some((_, count)) => *count += 1,
            None => self.0.push((key, 1)),
        }
    }
}
