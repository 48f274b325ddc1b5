//! Turns by script: any events, also stale ones, at any time, with the whole chat behind them.

mod accept;
mod posts;
mod readers;
mod schedules;
mod slots;

use protocol::chat::event::Event;
use protocol::time::Span;
use protocol::ws::encode::{self, Opcode};

use crate::conn::Pace;
use crate::fake::Peer;
use crate::stage::{Ear, Heard, House, Stage};

const V1: &str = "GET /ws HTTP/1.1\r\nHost: snug\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Protocol: snug.v1\r\n\r\n";

/// A house with place enough, where only a reader's patience is short.
fn spacious() -> House {
    let mut house = House::tight();
    (house.settings.memory, house.mail) = (None, None);
    (house.settings.manners.pace, house.settings.manners.max_unsent) = (Pace::per_second(10), 8 * 1024);
    house.ring.bytes = 4 * 1024;
    house
}

fn house() -> Stage {
    Stage::new(spacious())
}

/// Somebody who speaks `snug.v1`.
struct Actor {
    peer: Peer,
    ear: Ear,
}

impl Actor {
    /// Calls, and is at the door.
    fn calls(stage: &mut Stage) -> Self {
        Self { peer: stage.call(1), ear: Ear::default() }
    }

    /// Calls, says hello and enters the lobby.
    fn enters(stage: &mut Stage, nick: &str) -> Self {
        let mut actor = Self::calls(stage);
        actor.greets(nick);
        actor.says(r#"{"type":"join","room":"lobby","id":"j"}"#);
        stage.settle();
        assert_eq!(actor.hears().get(..3), Some(&["101", "welcome h", "joined j"].map(String::from)[..]));
        actor
    }

    fn greets(&self, nick: &str) {
        self.peer.send(V1.as_bytes());
        self.says(&format!(r#"{{"type":"hello","nick":"{nick}","id":"h"}}"#));
    }

    fn says(&self, json: &str) {
        self.frame(Opcode::Text, json.as_bytes());
    }

    fn frame(&self, opcode: Opcode, payload: &[u8]) {
        let mut frame = Vec::new();
        encode::masked_frame(opcode, [0; 4], payload, &mut frame);
        self.peer.send(&frame);
    }

    /// What it has heard since it was last asked, in short.
    fn hears(&mut self) -> Vec<String> {
        self.ear.hear(&self.peer.hear()).iter().map(short).collect()
    }

    fn slot(&self) -> u32 {
        self.peer.slot().expect("it was accepted")
    }
}

fn short(heard: &Heard) -> String {
    let event = match heard {
        Heard::Answer(status) => return status.to_string(),
        Heard::Line(line) => return line.clone(),
        Heard::Ping(_) => return "ping".into(),
        Heard::Pong(payload) => return format!("pong {}", payload.escape_ascii()),
        Heard::Close(code) => return format!("close {}", code.unwrap_or_default()),
        Heard::Event(event) => event,
    };
    match event {
        Event::Welcome(e) => format!("welcome {}", e.id.as_deref().unwrap_or_default()),
        Event::Joined(e) => format!("joined {}", e.id.as_deref().unwrap_or_default()),
        Event::Stored(e) => format!("stored {}", e.id.as_deref().unwrap_or_default()),
        Event::Error(e) => format!("{} {}", e.code, e.id.as_deref().unwrap_or_default()),
        Event::History { id, .. } => format!("history {}", id.as_deref().unwrap_or_default()),
        Event::Message(e) => format!("{} {}: {}", e.entry.seq, e.entry.nick, e.entry.text),
        Event::Presence(e) => format!("presence {}", e.count),
        other => format!("{other:?}"),
    }
}

#[test]
fn the_stage_is_the_chat() {
    let mut stage = house();
    let mut anna = Actor::enters(&mut stage, "anna");
    let mut ben = Actor::enters(&mut stage, "ben");
    anna.says(r#"{"type":"say","room":"lobby","id":"a1","text":"tea?"}"#);
    ben.frame(Opcode::Ping, b"ben");
    stage.settle();
    assert_eq!(anna.hears(), ["presence 2", "stored a1"]);
    assert_eq!(ben.hears(), ["pong ben", "1 anna: tea?"]);

    ben.frame(Opcode::Close, &1000_u16.to_be_bytes());
    stage.settle();
    assert_eq!(ben.hears(), ["close 1000"]);
    assert!(ben.peer.is_closed(), "the server closes first (RFC 6455, section 7.1.1)");
    stage.pass(Span(250));
    assert_eq!(anna.hears(), ["presence 1"]);
}

/// SIGTERM: everybody is told, nobody is let in, and after a second and a half it has stopped, whatever they do.
#[test]
fn a_signal_ends_it() {
    let mut stage = house();
    let mut anna = Actor::enters(&mut stage, "anna");
    let ben = Actor::enters(&mut stage, "ben");
    let stranger = Actor::calls(&mut stage);
    stage.settle();
    ben.peer.stall();
    stage.signal();
    stage.settle();
    assert_eq!(anna.hears().last().map(String::as_str), Some("close 1012"));
    assert!(stranger.peer.is_closed() && !ben.peer.is_closed());
    let _late = stage.call(1);
    stage.settle();
    assert_eq!(stage.door.backlog(), 1, "nobody opens any more");

    anna.frame(Opcode::Close, &1012_u16.to_be_bytes());
    stage.pass(Span(1499));
    assert!(anna.peer.is_closed() && !stage.is_over());
    stage.pass(Span(1));
    assert!(stage.is_over());
}
