//! Somebody who has called: what it sends, by chance, and with its number on all it says. What it hears is the matter of
//! its witness.

use protocol::chat::id::SessionKey;
use protocol::chat::name::{Nick, RoomName, Text};
use protocol::chat::request::{Envelope, Request, Since};
use protocol::ws::encode::{self, Opcode};

use super::EPOCH;
use super::dice::Dice;
use super::witness::Witness;
use crate::fake::Peer;

/// Somebody who has called.
#[derive(Debug)]
pub(super) struct Caller {
    pub(super) peer: Peer,
    pub(super) witness: Witness,
    pub(super) is_plain: bool,
    /// On its way to the server.
    pub(super) outgoing: Vec<u8>,
    /// How many things it has asked.
    pub(super) asked: usize,
    /// What it last said, for saying it again.
    pub(super) said: Option<Envelope<'static>>,
    /// It sends no more.
    pub(super) has_gone: bool,
}

impl Caller {
    /// Sends a request head first, or some of it.
    pub(super) fn new(peer: Peer, witness: Witness, is_plain: bool, path: &str) -> Self {
        let outgoing = head(path, is_plain).into_bytes();
        Self { peer, witness, is_plain, outgoing, asked: 0, said: None, has_gone: false }
    }

    /// Sends one request, and whatever it says later stands behind that.
    pub(super) fn without_websocket(peer: Peer, witness: Witness, request: String) -> Self {
        let outgoing = request.into_bytes();
        Self { peer, witness, is_plain: true, outgoing, asked: 0, said: None, has_gone: false }
    }

    pub(super) fn send(&mut self, opcode: Opcode, payload: &[u8]) {
        if !self.has_gone {
            let key = (self.asked as u32).wrapping_mul(0x9e37_79b9).to_be_bytes();
            encode::masked_frame(opcode, key, payload, &mut self.outgoing);
        }
    }

    pub(super) fn deliver(&mut self, count: usize) {
        let count = count.min(self.outgoing.len());
        self.peer.send(&self.outgoing[..count]);
        self.outgoing.drain(..count);
    }

    /// All of it arrives, or not all of it yet.
    pub(super) fn chop(&mut self, dice: &mut Dice<'_>) {
        let count = [usize::MAX, usize::MAX, usize::MAX, self.outgoing.len() / 2, 1, 0][dice.below(6)];
        self.deliver(count);
    }

    pub(super) fn is_careful_and_there(&self) -> bool {
        !self.witness.is_careless && !self.witness.has_ended && !self.has_gone && !self.peer.is_ended()
    }

    /// What somebody of the plain dialect types.
    pub(super) fn line(&self, dice: &mut Dice<'_>) -> String {
        let (number, asked) = (self.witness.number, self.asked);
        match dice.below(12) {
            0 => format!("/join {}", room(dice)),
            1 => format!("/nick n{number}x{asked}"),
            2 => ["/who", "/rooms", "/topic", "/help", "/unknown", "/quit"][dice.below(6)].into(),
            3 => format!("/topic {number} {asked}"),
            _ => format!("{number}:{asked}"),
        }
    }

    pub(super) fn request(&self, dice: &mut Dice<'_>, sessions: &[SessionKey]) -> Request<'static> {
        let Witness { number, session, .. } = &self.witness;
        let nick = Nick::new(format!("n{number}x{}", self.asked)).expect("a nick");
        let room = room(dice);
        if session.is_none() && dice.below(8) > 0 {
            let session = (!sessions.is_empty() && dice.below(3) == 0).then(|| dice.pick(sessions));
            return Request::Hello { nick: Some(nick).filter(|_| dice.below(4) > 0), session };
        }
        if !self.witness.is_inside() && dice.below(4) > 0 {
            return Request::Join { room: name(room), since: since(self, dice, room) };
        }
        let text = match dice.below(2) {
            0 => format!("x{number}.{}{}", self.asked, "x".repeat(500)),
            _ => format!("{number}:{}", self.asked),
        };
        match dice.below(24) {
            0..3 => Request::Join { room: name(room), since: since(self, dice, room) },
            3 => Request::Leave { room: Some(name(room)) },
            4 => Request::Nick { nick },
            5 => {
                Request::Topic { room: Some(name(room)), text: Text::topic(format!("{number} {room}")).ok() }
            }
            6 => Request::Who { room: Some(name(room)) },
            7 => Request::Rooms,
            8 => Request::Typing { room: Some(name(room)) },
            12 => Request::History {
                room: name(room),
                before: dice.below(40) as u64,
                limit: dice.below(9) as u32,
            },
            10 => Request::Hello { nick: Some(nick), session: None },
            action => Request::Say {
                room: Some(name(room)),
                text: Text::new(text).expect("a text"),
                action: action == 11,
            },
        }
    }
}

fn head(path: &str, is_plain: bool) -> String {
    let protocol = if is_plain { "" } else { "Sec-WebSocket-Protocol: snug.v1\r\n" };
    let upgrade = "Host: snug\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
                   Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    format!("GET {path} HTTP/1.1\r\n{upgrade}{protocol}\r\n")
}

fn since(caller: &Caller, dice: &mut Dice<'_>, room: &str) -> Since {
    match (dice.below(4), caller.witness.position(room)) {
        (0, _) => Since::Last(dice.below(9) as u32),
        (1, _) => Since::After { epoch: EPOCH, seq: dice.below(30) as u64 },
        (_, Some(seq)) => Since::After { epoch: EPOCH, seq },
        (_, None) => Since::After { epoch: EPOCH, seq: 0 },
    }
}

fn room(dice: &mut Dice<'_>) -> &'static str {
    ["lobby", "lobby", "lobby", "den", "den", "attic"][dice.below(6)]
}

fn name(room: &'static str) -> RoomName<'static> {
    RoomName::new(room).expect("a name")
}
