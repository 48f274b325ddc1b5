//! The loop in the test's own process, with limits and deadlines that no flag gives, so that nobody has to wait for a
//! minute.

use std::net::SocketAddr;

use protocol::chat::event::Durability;
use protocol::chat::id::Epoch;
use protocol::http::Proxies;
use protocol::limits::MAX_HEAD;
use protocol::time::Span;
use protocol::upgrade::Origins;
use protocol::ws::{Role, Rules};
use server::conn::deadlines::Patience;
use server::conn::{MAX_UNSENT, Manners, Pace};
use server::listeners::Place;
use server::reactor::{Reactor, Settings};
use server::store::{Memory, Ring, Store};
use server::worker::Bell;

/// All deadlines are far away.
pub(crate) fn patient() -> Patience {
    let long = Span::secs(3600);
    Patience {
        handshake: long,
        idle: long,
        pong: long,
        close: long,
        message: long,
        progress: long,
        answer: long,
    }
}

/// A chat on a thread of this process; where it listens.
pub(crate) fn run(patience: Patience, rules: Rules) -> SocketAddr {
    let epoch = Epoch([0; 8]);
    run_with(patience, rules, epoch, |_| Store::new(Memory::new(epoch, Ring::default())))
}

/// The same, with a store of the test's own.
pub(crate) fn run_with(
    patience: Patience,
    rules: Rules,
    epoch: Epoch,
    store: impl FnOnce(Bell) -> Store,
) -> SocketAddr {
    start(patience, Manners { head: MAX_HEAD, rules, pace: None, max_unsent: MAX_UNSENT }, epoch, store)
}

/// The same, where nobody may send faster than so many frames a second.
pub(crate) fn run_at_pace(patience: Patience, frames: u32) -> SocketAddr {
    let epoch = Epoch([0; 8]);
    let pace = Pace::per_second(frames);
    let manners = Manners { head: MAX_HEAD, rules: RULES, pace, max_unsent: MAX_UNSENT };
    start(patience, manners, epoch, |_| Store::new(Memory::new(epoch, Ring::default())))
}

fn start(
    patience: Patience,
    manners: Manners,
    epoch: Epoch,
    store: impl FnOnce(Bell) -> Store,
) -> SocketAddr {
    let hub = hub::Hub::new(hub::limits::Settings::new(epoch, Durability::Memory, "snug", 0));
    let desk = |bell| Ok(server::server::Server::new(hub, store(bell), secrets, Origins::default()));
    let settings = Settings {
        manners,
        patience,
        connections: None,
        per_address: None,
        proxies: Proxies::default(),
        memory: None,
    };
    let loopback = Place::Tcp(SocketAddr::from(([127, 0, 0, 1], 0)));
    let mut reactor = Reactor::bind(&[loopback], settings, desk).expect("a port");
    let Some(Place::Tcp(address)) = reactor.places().next() else { panic!("it does not listen") };
    std::thread::spawn(move || reactor.run());
    address
}

/// What a server usually asks of frames.
pub(crate) const RULES: Rules = Rules {
    role: Role::Server,
    message: protocol::limits::MAX_MESSAGE,
    fragments: protocol::limits::MAX_FRAGMENTS,
};

fn secrets(bytes: &mut [u8]) {
    getrandom::fill(bytes).expect("random numbers");
}
