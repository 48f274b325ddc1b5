//! The whole server on a stage: reactor, connections, hub and memory store, but a script in the place of the kernel, the
//! peers, the clock and the disk. Only tests and fuzz targets have it. The same script plays the same for ever.
//!
//! What may happen by chance is in `play.rs`; who hears it, and complains, in `witness.rs`.

mod caller;
mod dice;
mod ear;
mod gate;
mod play;
mod witness;

use std::cell::Cell;

use hub::input::ConnId;
use hub::{Counts, Hub};
use protocol::chat::event::Durability;
use protocol::chat::id::Epoch;
use protocol::http::Proxies;
use protocol::limits::{MAX_FRAGMENTS, MAX_HEAD, MAX_MESSAGE};
use protocol::time::{Millis, Span};
use protocol::upgrade::Origins;
use protocol::ws::{Role, Rules};

use crate::conn::deadlines::Patience;
use crate::conn::{Manners, Pace};
use crate::fake::{Door, Peer};
use crate::metrics::Metrics;
use crate::reactor::{Reactor, Settings};
use crate::server::Server;
use crate::source::{Happened, Source};
use crate::store::{Memory, Ring, Store};

pub use self::dice::Dice;
pub use self::ear::{Ear, Heard};
pub use self::gate::Gate;
pub use self::play::{Play, Tally};
pub use self::witness::{Chronicle, Witness};

/// The life of the logs.
pub const EPOCH: Epoch = Epoch([7; 8]);

/// A server that still has something to do at once after so many turns would never wait again.
const MOST_TURNS: usize = 10_000;

/// See the module's head.
#[derive(Debug)]
pub struct Stage {
    reactor: Reactor<Server>,
    /// Where people call.
    pub door: Door,
    /// Holds the store's answers back.
    pub gate: gate::Key,
    /// Microseconds since the beginning.
    now: u64,
    /// All whose socket is open.
    peers: Vec<Peer>,
    /// What is also told in the next turn, before all else: true or not.
    rumours: Vec<Happened>,
    /// With whom the poll begins.
    begin_with: usize,
}

/// What the server on the stage is held to.
#[derive(Clone, Debug)]
pub struct House {
    /// The loop.
    pub settings: Settings,
    /// What is kept of what was said.
    pub ring: Ring,
    /// How many letters the mailbox of the store holds.
    pub mail: Option<usize>,
}

impl House {
    /// One in which every limit is met soon.
    #[must_use]
    pub fn tight() -> Self {
        let rules = Rules { role: Role::Server, message: MAX_MESSAGE, fragments: MAX_FRAGMENTS };
        let settings = Settings {
            manners: Manners { head: MAX_HEAD, rules, pace: Pace::per_second(20), max_unsent: 4 * 1024 },
            patience: Patience::default(),
            connections: Some(12),
            per_address: Some(6),
            proxies: Proxies::default(),
            memory: Some(48 * 1024),
        };
        Self { settings, ring: Ring { entries: 12, bytes: 2 * 1024, total: 12 * 1024 }, mail: Some(8) }
    }
}

impl Stage {
    /// An empty house.
    ///
    /// # Panics
    /// If the system gives no epoll instance.
    #[must_use]
    pub fn new(House { settings, ring, mail }: House) -> Self {
        NEXT_SECRET.set(1);
        let mut limits = hub::limits::Settings::new(EPOCH, Durability::Memory, "snug", 1);
        (limits.rooms_per_connection, limits.connections_per_person, limits.rooms) = (3, 3, 4);
        let (engine, gate) = Gate::before(Memory::new(EPOCH, ring));
        let desk =
            Server::new(Hub::new(limits), Store::new(engine).with_depth(mail), secrets, Origins::default());
        let door = Door::new();
        let reactor = Reactor::scripted(door.clone(), settings, desk).expect("an epoll instance");
        Self { reactor, door, gate, now: 0, peers: Vec::new(), rumours: Vec::new(), begin_with: 0 }
    }

    /// Somebody calls from 10.0.0.`from`.
    pub fn call(&mut self, from: u8) -> Peer {
        let peer = self.door.call(from);
        self.peers.push(peer.clone());
        peer
    }

    /// In the next turn the poll also tells this of a slot, whether it is so or not.
    pub fn rumour(&mut self, slot: u32, readable: bool, writable: bool, ended: bool) {
        self.rumours.push(Happened { source: Source::Conn(slot), readable, writable, ended });
    }

    /// In the next turn a signal comes that ends the server.
    pub fn signal(&mut self) {
        self.rumours.push(Happened {
            source: Source::Signals,
            readable: true,
            writable: false,
            ended: false,
        });
    }

    /// The poll is free in whom it tells of first.
    pub fn begin_with(&mut self, peer: usize) {
        self.begin_with = peer;
    }

    /// One turn, with all that the poll knows. Then everything is looked at.
    ///
    /// # Panics
    /// If the reactor or the hub finds something that must not be.
    pub fn turn(&mut self) {
        self.play();
        self.check();
    }

    fn play(&mut self) {
        let mut happened = std::mem::take(&mut self.rumours);
        happened.extend(self.door.edge());
        self.peers.retain(|peer| !peer.is_closed());
        let (behind, before) = self.peers.split_at(self.begin_with.min(self.peers.len()));
        happened.extend(before.iter().chain(behind).filter_map(Peer::edge));
        self.reactor.play(self.now, happened.into_iter());
    }

    fn check(&mut self) {
        self.reactor.check();
        self.reactor.desk().hub().check_invariants();
    }

    /// Turns until there is nothing left to do at once.
    ///
    /// # Panics
    /// If that does not end.
    pub fn settle(&mut self) {
        for _ in 0..MOST_TURNS {
            self.play();
            let is_quiet = self.wait() != Some(Span(0)) && !self.something_happened();
            if is_quiet || self.is_over() {
                return self.check();
            }
        }
        panic!("after {MOST_TURNS} turns there is still something to do at once");
    }

    /// Lets time pass; the loop wakes whenever it wanted to be woken.
    pub fn pass(&mut self, span: Span) {
        let end = self.time().plus(span);
        self.settle();
        while let Some(wait) = self.wait().filter(|wait| !self.is_over() && self.time().plus(*wait) <= end) {
            self.now += wait.0 * 1000;
            self.settle();
        }
        self.now = end.0 * 1000;
        self.settle();
    }

    /// Time passes without a turn: the system was busy with something else.
    pub fn skip(&mut self, span: Span) {
        self.now += span.0 * 1000;
    }

    /// How long the poll would wait if nothing happened; `None` for ever.
    #[must_use]
    pub fn wait(&self) -> Option<Span> {
        self.reactor.waits(self.time())
    }

    /// What time it is.
    #[must_use]
    pub fn time(&self) -> Millis {
        Millis(self.now / 1000)
    }

    /// Who has a slot now.
    pub(crate) fn tenant(&mut self, slot: u32) -> Option<ConnId> {
        self.reactor.tenant(slot)
    }

    /// What is counted.
    #[must_use]
    pub fn metrics(&self) -> &Metrics {
        self.reactor.metrics()
    }

    /// How much there is in the hub.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.reactor.desk().hub().counts()
    }

    /// Whether the server has stopped.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.reactor.is_over()
    }

    fn something_happened(&self) -> bool {
        self.peers.iter().any(Peer::has_edge) || self.door.has_edge()
    }
}

thread_local! {
    /// Counts the secrets of this thread's stage, so that they are new each time and the same in each play.
    static NEXT_SECRET: Cell<u64> = const { Cell::new(1) };
}

fn secrets(bytes: &mut [u8]) {
    for secret in bytes.chunks_exact_mut(16) {
        let count = NEXT_SECRET.get();
        NEXT_SECRET.set(count + 1);
        // Nobody guesses one by chance.
        let (low, high) =
            (count.wrapping_mul(0x9e37_79b9_7f4a_7c15), count.wrapping_mul(0xd134_2543_de82_ef95));
        secret.copy_from_slice(&(u128::from(high) << 64 | u128::from(low)).to_be_bytes());
    }
}
