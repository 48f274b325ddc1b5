//! Sends back every message: the server's reactor, handshake, decoder and outbox with another desk, for conformance
//! suites. `cargo run --release -p snug-server --example echo -- 127.0.0.1:9001`
//!
//! The limits of the chat are lifted as far as the Autobahn suite needs: messages of 16 MiB, in 64-byte fragments.

use std::process::ExitCode;

use hub::input::ConnId;
use protocol::http::{Head, Proxies};
use protocol::limits::MAX_HEAD;
use protocol::time::Millis;
use protocol::upgrade;
use protocol::ws::encode::{self, Opcode};
use protocol::ws::{Role, Rules};
use server::conn::deadlines::Patience;
use server::conn::outbox::Outbox;
use server::conn::{Desk, Manners, Message, Verdict};
use server::listeners::Place;
use server::reactor::{Reactor, Settings};

/// The longest message of the suite, and what may wait for a reader that takes it slowly.
const MAX_MESSAGE: usize = 16 * 1024 * 1024;

struct Echo;

impl Desk for Echo {
    fn request(&mut self, _: Millis, conn: ConnId, head: &Head<'_>, outbox: &mut Outbox) -> Verdict {
        match upgrade::judge(head) {
            Ok(upgrade) => {
                outbox.send(conn.slot, |log| upgrade.accept(None, log));
                Verdict::Upgraded
            }
            Err(refusal) => {
                outbox.send(conn.slot, |log| refusal.respond(log));
                Verdict::Answered
            }
        }
    }

    fn message(&mut self, _: Millis, conn: ConnId, message: Message<'_>, outbox: &mut Outbox) {
        let (opcode, payload) = match message {
            Message::Text(text) => (Opcode::Text, text.as_bytes()),
            Message::Binary(bytes) => (Opcode::Binary, bytes),
        };
        outbox.send(conn.slot, |log| encode::frame(opcode, payload, log));
    }

    fn closed(&mut self, _: Millis, _: ConnId, _: &mut Outbox) {}

    fn lagging(&mut self, _: Millis, _: ConnId, _: &mut Outbox) {}

    fn drained(&mut self, _: Millis, _: ConnId, _: &mut Outbox) {}

    fn mail(&mut self, _: Millis, _: &mut Outbox) -> bool {
        false
    }

    fn expire(&mut self, _: Millis, _: &mut Outbox) {}

    fn held(&self) -> usize {
        0
    }

    fn deadline(&self) -> Option<Millis> {
        None
    }

    fn fan_out(&mut self, _: &mut Outbox) {}
}

fn main() -> ExitCode {
    let Some(Ok(address)) = std::env::args().nth(1).map(|address| address.parse()) else {
        eprintln!("usage: echo ADDR:PORT");
        return ExitCode::from(2);
    };
    let settings = Settings {
        manners: Manners {
            head: MAX_HEAD,
            rules: Rules { role: Role::Server, message: MAX_MESSAGE, fragments: u32::MAX },
            pace: None,
            max_unsent: 2 * MAX_MESSAGE,
        },
        patience: Patience::default(),
        connections: None,
        per_address: None,
        proxies: Proxies::default(),
        memory: None,
    };
    let outcome = Reactor::bind(&[Place::Tcp(address)], settings, |_| Ok(Echo))
        .and_then(|mut reactor| reactor.run().map_err(|error| error.to_string()));
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            eprintln!("echo: {fault}");
            ExitCode::FAILURE
        }
    }
}
