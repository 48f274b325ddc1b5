//! What may happen, by chance: people call, speak, stammer, stall and go, the store takes its time, and the poll tells
//! what is not so. After each turn everything is looked at, at the end nobody has missed anything, and nothing is left.

use std::collections::BTreeMap;

use protocol::chat::id::{RequestId, SessionKey};
use protocol::chat::request::{Envelope, Request};
use protocol::chat::wire;
use protocol::time::Span;
use protocol::ws::encode::{self, Opcode};
use rustix::io::Errno;

use super::caller::Caller;
use super::dice::Dice;
use super::witness::{Chronicle, Witness};
use super::{House, Stage};

/// What there was, and how often.
pub type Tally = BTreeMap<&'static str, u64>;

const MOST_CALLERS: usize = 10;

/// See the module's head.
#[derive(Debug)]
pub struct Play<'a> {
    dice: Dice<'a>,
    stage: Stage,
    callers: Vec<Caller>,
    chronicle: Chronicle,
    /// How many have called.
    count: usize,
    /// Keys of persons who were there.
    sessions: Vec<SessionKey>,
    /// Some send whatever bytes they like.
    may_be_careless: bool,
    tally: Tally,
}

impl<'a> Play<'a> {
    /// An empty house. If nobody may be careless, all keep to the protocol.
    #[must_use]
    pub fn new(dice: Dice<'a>, may_be_careless: bool) -> Self {
        Self {
            dice,
            stage: Stage::new(House::tight()),
            callers: Vec::new(),
            chronicle: Chronicle::default(),
            count: 0,
            sessions: Vec::new(),
            may_be_careless,
            tally: Tally::new(),
        }
    }

    /// Something happens. `false` if no choice is left.
    pub fn step(&mut self) -> bool {
        if self.dice.is_cold() {
            return false;
        }
        match self.dice.below(64) {
            0..4 => self.call(),
            4..30 => self.ask(),
            30..32 => self.ping(),
            32 => self.go(),
            33..36 => self.somebody(|caller, _| caller.peer.stall()),
            36..40 => self.make_room(),
            40..46 => self.pass(),
            46..51 => self.tend_the_gate(),
            51 => self.tend_the_door(),
            52..55 => self.rumour(),
            55..57 if self.may_be_careless => self.stammer(),
            57..59 if self.may_be_careless => self.frame(),
            _ => self.somebody(|caller, _| caller.deliver(usize::MAX)),
        }
        if self.dice.below(2) == 0 {
            self.turn();
        }
        true
    }

    /// All are patient again, and all is told. Then everybody goes, or the server stops.
    ///
    /// # Panics
    /// If anybody has missed anything, or anything is left.
    pub fn end(mut self) -> Tally {
        self.stage.gate.open();
        self.stage.gate.fill(false);
        self.stage.door.fail(None);
        for caller in &mut self.callers {
            caller.peer.make_room(usize::MAX);
            caller.deliver(usize::MAX);
        }
        // Whoever sent too fast is read to the end, and pings are answered in time.
        for _ in 0..3 {
            self.stage.pass(Span::secs(10));
            self.listen();
        }
        for caller in self.callers.iter().filter(|caller| caller.is_careful_and_there()) {
            caller.witness.has_missed_nothing(&self.chronicle);
        }
        match self.dice.below(2) {
            0 => self.callers.iter().for_each(|caller| caller.peer.reset()),
            _ => self.stage.signal(),
        }
        // The longest wait is that of a connection that has gone while it was not read.
        self.stage.pass(Span::secs(600));
        self.listen();
        self.check_nothing_is_left();
        self.tally
    }

    fn check_nothing_is_left(&self) {
        assert!(self.callers.is_empty(), "all are gone: {:?}", self.callers);
        let levels = self.stage.metrics().levels;
        assert_eq!((levels.connections, levels.unsent), (0, 0), "and nothing waits for them");
        let counts = self.stage.counts();
        assert_eq!(
            (counts.connections, counts.persons, counts.rooms),
            (0, 0, 0),
            "nor does the hub know them"
        );
    }

    fn turn(&mut self) {
        self.stage.begin_with(self.count % MOST_CALLERS);
        self.stage.turn();
        self.listen();
    }

    /// Everybody hears what has come, and answers pings.
    fn listen(&mut self) {
        for caller in &mut self.callers {
            let bytes = caller.peer.hear();
            let pings = caller.witness.heard.get("ping").copied();
            caller.witness.hears(&bytes, &mut self.chronicle);
            if caller.witness.heard.get("ping").copied() != pings && !caller.has_gone {
                caller.send(Opcode::Pong, b"");
                caller.deliver(usize::MAX);
            }
            let session = caller.witness.session.as_deref().and_then(SessionKey::parse);
            if let Some(session) = session.filter(|session| !self.sessions.contains(session)) {
                self.sessions.push(session);
            }
        }
        let tally = &mut self.tally;
        self.callers.retain(|caller| {
            let is_over = caller.peer.is_closed();
            if is_over {
                caller
                    .witness
                    .heard
                    .iter()
                    .for_each(|(what, count)| *tally.entry(what).or_default() += count);
            }
            !is_over
        });
    }

    fn call(&mut self) {
        if self.callers.len() == MOST_CALLERS {
            return;
        }
        let number = self.count;
        self.count += 1;
        let peer = self.stage.call(self.dice.below(3) as u8);
        let mut witness = Witness::new(number);
        if self.dice.below(8) == 0 {
            let (request, answers) = self.request();
            witness.answers = answers;
            let mut caller = Caller::without_websocket(peer, witness, request);
            caller.chop(&mut self.dice);
            return self.callers.push(caller);
        }
        let (path, is_plain) = match self.dice.below(12) {
            0..5 => ("/ws".into(), false),
            5 => (format!("/ws/lobby?nick=n{number}"), false),
            6 | 7 => (format!("/ws/lobby?nick=n{number}&ack=1"), true),
            8 | 9 => (format!("/ws/den?nick=n{number}&last=3"), true),
            10 => (["/", "/metrics", "/healthz", "/nobody"][self.dice.below(4)].into(), true),
            _ => ("/ws".into(), true),
        };
        witness.enters_by_path = path.starts_with("/ws/");
        let mut caller = Caller::new(peer, witness, is_plain, &path);
        caller.chop(&mut self.dice);
        self.callers.push(caller);
    }

    /// What is asked without a WebSocket, and how it may be answered.
    fn request(&mut self) -> (String, &'static [(u16, &'static str)]) {
        let room = ["lobby", "lobby", "den"][self.dice.below(3)];
        let (query, seq) = (["last", "after"][self.dice.below(2)], self.dice.below(30));
        if self.dice.below(3) == 0 {
            let head = format!("GET /rooms/{room}?{query}={seq} HTTP/1.1\r\nHost: localhost\r\n\r\n");
            return (head, &[(200, "read"), (504, "not read in time")]);
        }
        // Now and then the same is posted again; or something else with the same key.
        let (key, text) = (self.dice.below(2), self.dice.below(2));
        let text = format!("{key} {}", if text == 0 { "otherwise" } else { "as ever" });
        let length = text.len();
        let head = format!(
            "POST /rooms/{room}?nick=poster HTTP/1.1\r\nHost: snug\r\nIdempotency-Key: k{key}\r\n\
             Content-Length: {length}\r\n\r\n{text}"
        );
        (head, &[(200, "posted"), (409, "conflict"), (507, "full"), (504, "not posted in time")])
    }

    fn ask(&mut self) {
        let Some(index) = self.anybody() else { return };
        let caller = &mut self.callers[index];
        caller.asked += 1;
        if caller.is_plain {
            let line = caller.line(&mut self.dice);
            caller.witness.lines += 1;
            caller.send(Opcode::Text, line.as_bytes());
        } else {
            let again = caller.said.clone().filter(|_| self.dice.below(8) == 0);
            let envelope = again.unwrap_or_else(|| {
                let request = caller.request(&mut self.dice, &self.sessions);
                Envelope {
                    id: RequestId::new(format!("c{}.{}", caller.witness.number, caller.asked)),
                    request,
                }
            });
            // Only long texts are said again, never words, which are counted: what the ring has forgotten is said anew.
            if matches!(&envelope.request, Request::Say { text, .. } if text.as_str().starts_with('x')) {
                caller.said = Some(envelope.clone());
            }
            let mut json = String::new();
            wire::write_request(&envelope, &mut json);
            caller.witness.asks(envelope);
            caller.send(Opcode::Text, json.as_bytes());
        }
        caller.chop(&mut self.dice);
    }

    fn ping(&mut self) {
        self.somebody(|caller, dice| {
            caller.asked += 1;
            let payload = format!("c{}.{}", caller.witness.number, caller.asked);
            for _ in 0..[1, 1, 1, 1, 1, 30][dice.below(6)] {
                caller.witness.pings(payload.as_bytes());
                caller.send(Opcode::Ping, payload.as_bytes());
            }
            caller.chop(dice);
        });
    }

    /// A frame of any sort, with any payload.
    fn frame(&mut self) {
        self.somebody(|caller, dice| {
            caller.witness.is_careless = true;
            let first = dice.below(256) as u8;
            let count = dice.below(126);
            let payload = dice.bytes(count);
            let mut frame = Vec::new();
            encode::masked_frame(Opcode::Text, [0; 4], &payload, &mut frame);
            frame[0] = if first & 0x30 == 0 { first & 0x8f } else { 0x80 | first & 0x0f };
            caller.outgoing.extend(frame);
            caller.chop(dice);
        });
    }

    /// Any bytes at all.
    fn stammer(&mut self) {
        self.somebody(|caller, dice| {
            caller.witness.is_careless = true;
            let count = dice.below(64);
            caller.outgoing.extend(dice.bytes(count));
            caller.chop(dice);
        });
    }

    fn go(&mut self) {
        self.somebody(|caller, dice| match dice.below(4) {
            0 => caller.peer.reset(),
            1 => caller.peer.end(),
            2 => {
                caller.send(Opcode::Close, &1000_u16.to_be_bytes());
                caller.deliver(usize::MAX);
                caller.has_gone = true;
            }
            _ => {
                caller.deliver(usize::MAX);
                caller.peer.end();
            }
        });
    }

    fn make_room(&mut self) {
        self.somebody(|caller, dice| {
            let bytes = [1, 20, 300, 2000, usize::MAX, usize::MAX][dice.below(6)];
            caller.peer.make_room(bytes);
        });
    }

    fn pass(&mut self) {
        let span = [1, 50, 250, 250, 1000, 1000, 3000, 31_000][self.dice.below(8)];
        self.stage.pass(Span(span));
        self.listen();
    }

    fn tend_the_gate(&mut self) {
        match self.dice.below(6) {
            0 | 1 => self.stage.gate.shut(),
            2 => self.stage.gate.open(),
            3 => self.stage.gate.fill(self.dice.below(4) == 0),
            count => self.stage.gate.let_pass(count - 3),
        }
        for conn in self.stage.gate.waiting() {
            if self.stage.tenant(conn.slot).is_some_and(|tenant| tenant != conn) {
                *self.tally.entry("a late answer, another tenant").or_default() += 1;
            }
        }
    }

    fn tend_the_door(&mut self) {
        match self.dice.below(4) {
            0 => self.stage.door.call_and_go(),
            1 => self.stage.door.fail(Some(Errno::MFILE)),
            _ => self.stage.door.fail(None),
        }
    }

    /// The poll tells something of any slot: it is late, or not so.
    fn rumour(&mut self) {
        let slot = self.dice.below(MOST_CALLERS) as u32;
        let flags = 1 + self.dice.below(7);
        self.stage.rumour(slot, flags & 1 > 0, flags & 2 > 0, flags & 4 > 0);
    }

    fn somebody(&mut self, does: impl FnOnce(&mut Caller, &mut Dice<'a>)) {
        if let Some(index) = self.anybody() {
            does(&mut self.callers[index], &mut self.dice);
        }
    }

    fn anybody(&mut self) -> Option<usize> {
        (!self.callers.is_empty()).then(|| self.dice.below(self.callers.len()))
    }
}
