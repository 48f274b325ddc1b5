//! What happens in an evening: who comes, what is sent and how, who reads how much, what the store does, and how it ends.
//! Makes all of it of the input's bytes, and asks the programs for what they know.

use std::collections::BTreeMap;
use std::mem;
use std::rc::Rc;

use hub::input::{ConnId, Dialect};
use protocol::chat::id::{Epoch, RequestId, SessionKey};
use protocol::chat::name::{Nick, RoomName, Text};
use protocol::chat::request::{Envelope, Request, Since};
use protocol::chat::wire;
use protocol::time::Span;
use protocol::ws::CloseCode;
use protocol::ws::encode::{self, Opcode};
use server::conn::Desk;
use server::store::Ring;

use super::Tally;
use super::house::{ALL, House};
use super::notary::{EPOCH, Leave};
use super::program::{Program, Truth};
use super::witness::{Witness, after};

/// How many connections there are at once, at most.
const MOST: usize = 8;

/// How many programs want to come back, at most.
const MOST_AWAY: usize = 4;

const ROOMS: [&str; 6] = ["lobby", "lobby", "ops", "den", "attic", "küche"];

const NICKS: [&str; 8] = ["anna", "Anna", "bob", "carol", "dan", "Ωμέγα", "guest-0001", "in"];

pub struct Evening<'a> {
    dice: Dice<'a>,
    house: House,
    leave: Rc<Leave>,
    /// How many letters the store answers in a turn.
    diligence: usize,
    programs: BTreeMap<ConnId, Program>,
    /// Those whose connection broke.
    away: Vec<Program>,
    /// What was said with which id, to be said again.
    said: Vec<(String, String, String)>,
    ids: u32,
    tally: Tally,
}

impl<'a> Evening<'a> {
    pub fn new(data: &'a [u8]) -> Self {
        let mut dice = Dice(data);
        // The second forgets whole rooms.
        let total = [64_000, 4000][dice.below(2)];
        let leave = Rc::new(Leave::default());
        let witness = Witness::new(Ring { entries: 10, bytes: 16_000, total }, leave.clone());
        Self {
            dice,
            house: House::new(witness),
            leave,
            diligence: ALL,
            programs: BTreeMap::new(),
            away: Vec::new(),
            said: Vec::new(),
            ids: 0,
            tally: Tally::new(),
        }
    }

    /// Something happens. `false` if no choice is left.
    pub fn step(&mut self) -> bool {
        if self.dice.is_cold() {
            return false;
        }
        match self.dice.below(64) {
            0..7 => self.open(),
            7..9 => self.end_somebody(),
            9..12 => self.come_back(),
            12..17 => self.change_appetite(),
            17..21 => self.diligence = [ALL, 0, 1, 2, 5][self.dice.below(5)],
            21 => self.leave.is_full.set(self.dice.below(4) == 0),
            22..25 => self.house.now = self.house.now.plus(Span([0, 1, 100, 250, 1000][self.dice.below(5)])),
            25 => self.garbage(),
            26..28 => self.ping(),
            28 => self.flood(),
            _ => self.ask(),
        }
        if self.dice.below(4) > 0 {
            self.turn();
        }
        true
    }

    /// Everybody takes everything, the store answers everything, everything due happens: then nobody has anything to
    /// hope for. Then everybody goes. Gives what there was, and how often.
    pub fn end(mut self) -> Tally {
        self.diligence = ALL;
        for _ in 0..5000 {
            if self.house.is_quiet() {
                break;
            }
            self.house.lines.values_mut().for_each(|line| (line.appetite, line.haste) = (ALL, ALL));
            self.house.now = self.house.now.plus(Span::secs(1));
            self.turn();
        }
        assert!(self.house.is_quiet(), "it becomes quiet at last");
        self.check_that_nothing_is_missing();
        for slot in self.house.lines.keys().copied().collect::<Vec<_>>() {
            self.house.lost(slot);
        }
        self.turn();
        assert!(self.house.witness.members.is_empty(), "nobody is left");
        assert_eq!(self.house.witness.deadline(), None, "nobody is left to be told anything");
        self.tally.insert("slot used again", self.house.used_again);
        self.tally.insert("lagging", self.house.lags);
        self.tally
    }

    fn check_that_nothing_is_missing(&mut self) {
        let witness = &self.house.witness;
        for (conn, member) in &witness.members {
            let (due, program) = (&witness.due[conn], &self.programs[conn]);
            assert!(due.is_empty(), "{conn:?} was not told {due:?}");
            assert!(program.errors >= due.errors, "{conn:?} was told of {} errors", program.errors);
            if program.is_honest {
                assert!(program.sent.is_empty(), "the desk was not told {:?} of {conn:?}", program.sent);
                assert!(program.pings.is_empty(), "{conn:?} has pings that were not answered");
            }
            for (room, place) in &member.rooms {
                assert!(place.is_live, "{conn:?} stays behind in {room}");
                if due.dialect == Dialect::Plain {
                    continue;
                }
                let view = &program.views[room];
                assert!(view.is_inside, "{conn:?} does not know that it is in {room}");
                let missing = after(&witness.logs, room, view.position);
                assert_eq!(missing, None, "{conn:?} has {room} up to {}", view.position);
            }
        }
    }

    fn turn(&mut self) {
        self.leave.letters.set(self.diligence);
        let first = self.dice.below(MOST) as u32;
        self.house.turn(first);
        for (conn, text) in mem::take(&mut self.house.witness.heard) {
            let program = self.programs.get_mut(&conn).expect("each connection has a program");
            let sent = program.sent.pop_front();
            assert!(!program.is_honest || sent.as_ref() == Some(&text), "{conn:?} sent {sent:?}, not {text:?}");
        }
        for (conn, bytes) in mem::take(&mut self.house.taken) {
            let program = self.programs.get_mut(&conn).expect("each connection has a program");
            let Witness { due, logs, .. } = &mut self.house.witness;
            let mut truth = Truth { due: due.get_mut(&conn), logs, tally: &mut self.tally };
            let was_closed = program.is_closed();
            program.takes(bytes, &mut truth);
            if program.is_closed() && !was_closed && self.dice.below(2) == 0 {
                self.answer_close(conn);
            }
        }
    }

    /// Somebody connects, to chat or for something else, with a good request or a damaged one.
    fn open(&mut self) {
        if self.house.lines.len() == MOST {
            return;
        }
        let dialect = [Dialect::V1, Dialect::Plain][self.dice.below(5) / 3];
        let room = ["", "/lobby", "/ops", "/k%C3%BCche", "/no%20room"][self.dice.below(8).min(4)];
        let nick = ["", "nick=anna&", "nick=bob&", "nick=no%20nick&", "nick=in&"][self.dice.below(5)];
        let last = self.dice.below(6);
        let ack = ["ack=1", "ack=0"][self.dice.below(2)];
        let path = match self.dice.below(24) {
            0 => "/metrics".into(),
            1 => "/".into(),
            2 => "/nowhere".into(),
            _ => format!("/ws{room}?{nick}last={last}&{ack}"),
        };
        let conn = self.connect(dialect, &path);
        if self.dice.below(16) == 0 {
            self.damage(conn);
        }
        self.chop(conn);
    }

    fn connect(&mut self, dialect: Dialect, path: &str) -> ConnId {
        let conn = self.house.greet();
        let protocol = match dialect {
            Dialect::V1 => "Sec-WebSocket-Protocol: snug.v1\r\n",
            Dialect::Plain => "",
        };
        let head = format!(
            "GET {path} HTTP/1.1\r\nHost: board\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{protocol}\r\n"
        );
        self.programs.insert(conn, Program::new(conn, dialect));
        self.post(conn, head.into_bytes());
        conn
    }

    /// A program says goodbye, or its connection breaks. Then it may come back.
    fn end_somebody(&mut self) {
        let Some(conn) = self.somebody() else { return };
        if self.dice.below(3) == 0 {
            return self.answer_close(conn);
        }
        self.post(conn, Vec::new());
        let program = self.programs.get(&conn).expect("each connection has a program");
        if program.key.is_some() && self.away.len() < MOST_AWAY {
            let mut away = Program::new(conn, Dialect::V1);
            away.key = program.key;
            let views = program.views.iter().map(|(room, view)| (room.clone(), view.position));
            for (room, position) in views {
                away.views.entry(room).or_default().position = position;
            }
            self.away.push(away);
        }
    }

    /// A program whose connection broke has another, and goes on in its rooms from where it was.
    fn come_back(&mut self) {
        if self.away.is_empty() || self.house.lines.len() == MOST {
            return;
        }
        let away = self.away.swap_remove(self.dice.below(self.away.len()));
        let conn = self.connect(Dialect::V1, "/ws");
        self.request(conn, Request::Hello { nick: None, session: away.key });
        for (room, view) in away.views {
            let since = Since::After { epoch: EPOCH, seq: view.position };
            let room = RoomName::new(room).expect("it was there");
            self.request(conn, Request::Join { room, since });
        }
        self.chop(conn);
        *self.tally.entry("come back").or_default() += 1;
    }

    fn answer_close(&mut self, conn: ConnId) {
        let mut payload = CloseCode::NORMAL.0.to_be_bytes().to_vec();
        payload.extend_from_slice("bye".as_bytes());
        self.frame(conn, Opcode::Close, &payload);
    }

    fn change_appetite(&mut self) {
        let Some(conn) = self.somebody() else { return };
        let appetite = [ALL, 0, 0, 1, 100, 700][self.dice.below(6)];
        if let Some(line) = self.house.lines.get_mut(&conn.slot) {
            line.appetite = appetite;
        }
    }

    /// Bytes that mean nothing, or a text that is no request, or something else than text.
    fn garbage(&mut self) {
        let Some(conn) = self.somebody() else { return };
        match self.dice.below(4) {
            0 => {
                let count = self.dice.below(16);
                let bytes = (0..count).map(|_| self.dice.below(256) as u8).collect::<Vec<_>>();
                self.programs.get_mut(&conn).expect("it lives").is_honest = false;
                self.post(conn, bytes);
            }
            1 => self.frame(conn, Opcode::Binary, b"bytes"),
            2 => {
                let texts = [
                    "", "{", "{}", r#"{"type":"dance","id":"d"}"#, r#"{"type":"say","room":"lobby","text":"x"}"#,
                    r#"{"type":"join","id":"j","room":"no room"}"#, r#"{"type":"quit","id":"q"}"#, "/dance", "/join",
                    r#"{"type":"say","id":"s","room":"lobby","text":"\u0000"}"#, "//x", "<eve> hello\r\n* x",
                ];
                let text = texts[self.dice.below(texts.len())];
                self.text(conn, text);
            }
            _ => {
                // Somebody who does not know what it should know sends what others may.
                self.damage(conn);
            }
        }
    }

    fn ping(&mut self) {
        let Some(conn) = self.somebody() else { return };
        let payload = vec![b'p'; self.dice.below(126)];
        self.programs.get_mut(&conn).expect("it lives").pings.push_back(payload.clone());
        self.frame(conn, Opcode::Ping, &payload);
    }

    /// More in one turn than a room is told in one.
    fn flood(&mut self) {
        let Some(conn) = self.somebody() else { return };
        let text = "x".repeat([40, 14_000][self.dice.below(2)]);
        for _ in 0..self.dice.below(10) {
            let room = self.a_room_of(conn);
            self.say(conn, &room, &text, false);
        }
    }

    fn ask(&mut self) {
        let Some(conn) = self.somebody() else { return };
        match self.programs[&conn].dialect {
            Dialect::V1 => self.ask_v1(conn),
            Dialect::Plain => self.type_a_line(conn),
        }
        if self.dice.below(40) == 0 {
            self.damage(conn);
        }
        if self.dice.below(4) == 0 {
            self.chop(conn);
        }
    }

    fn ask_v1(&mut self, conn: ConnId) {
        let program = &self.programs[&conn];
        let is_stranger = program.key.is_none() && program.sent.is_empty();
        if is_stranger && self.dice.below(8) > 0 {
            let hello = self.hello();
            return self.request(conn, hello);
        }
        let is_homeless = program.views.values().all(|view| !view.is_inside);
        if is_homeless && self.dice.below(4) > 0 {
            let room = RoomName::new(self.room()).expect("a good name");
            let since = self.since(conn, room.as_str());
            return self.request(conn, Request::Join { room, since });
        }
        let room = self.a_room_of(conn);
        let name = RoomName::new(room.clone()).expect("a good name");
        let request = match self.dice.below(32) {
            0..4 => Request::Join { room: name, since: self.since(conn, &room) },
            4..6 => {
                let room = RoomName::new(self.room()).expect("a good name");
                let since = self.since(conn, room.as_str());
                Request::Join { room, since }
            }
            6..8 => Request::Leave { room: Some(name) },
            8..18 => {
                let text = ["hello", "tea?", "two\nlines", "/me", "<eve> x"][self.dice.below(5)];
                let action = self.dice.below(4) == 0;
                return self.say(conn, &room, text, action);
            }
            18..20 => return self.say_again(conn),
            20..22 => Request::Nick { nick: self.nick() },
            22 => Request::Topic { room: Some(name), text: Some(Text::topic("tea").expect("a good text")) },
            23 => Request::Topic { room: Some(name), text: Some(Text::topic("").expect("a good text")) },
            24..26 => Request::Who { room: Some(name) },
            26 => Request::Rooms,
            27..29 => Request::Typing { room: Some(name) },
            29 => Request::History { room: name, before: self.dice.below(30) as u64, limit: 3 },
            30 => self.hello(),
            _ => Request::Nick { nick: self.nick() },
        };
        self.request(conn, request);
    }

    fn type_a_line(&mut self, conn: ConnId) {
        let lines = [
            "hello", "two\nlines", "//slash", "/me waves", "/topic tea", "/topic", "/who", "/rooms", "/help", "hi\r\n",
            "tea?", "<eve> hello", "/quit", "/leave", "", "hello",
        ];
        let line = match self.dice.below(24) {
            0..4 => format!("/join {}", self.room()),
            4..6 => format!("/nick {}", self.nick()),
            _ => lines[self.dice.below(lines.len())].into(),
        };
        self.text(conn, &line);
    }

    /// With a key of its own, of somebody who may be there already, or of one of two who are known to all.
    fn hello(&mut self) -> Request<'static> {
        let nick = [None, Some(self.nick())][self.dice.below(2)].clone();
        let keys: Vec<SessionKey> = self.programs.values().filter_map(|program| program.key).collect();
        let session = match self.dice.below(4) {
            0 => None,
            1 if !keys.is_empty() => Some(keys[self.dice.below(keys.len())]),
            _ => Some(SessionKey([self.dice.below(2) as u8; 16])),
        };
        Request::Hello { nick, session }
    }

    /// The latest, or what comes after what it has, or a position that is of no use.
    fn since(&mut self, conn: ConnId, room: &str) -> Since {
        let position = self.programs[&conn].views.get(room).map(|view| view.position);
        match (self.dice.below(8), position) {
            (0, _) => Since::After { epoch: EPOCH, seq: self.dice.below(20) as u64 },
            (1, _) => Since::After { epoch: Epoch([1; 8]), seq: self.dice.below(4) as u64 },
            (2..6, Some(seq)) => Since::After { epoch: EPOCH, seq },
            _ => Since::Last(self.dice.below(12) as u32),
        }
    }

    fn say(&mut self, conn: ConnId, room: &str, text: &str, action: bool) {
        if self.programs[&conn].dialect == Dialect::Plain {
            return self.text(conn, text);
        }
        let name = RoomName::new(room.to_owned()).expect("a good name");
        let said = Text::new(text.to_owned()).expect("a good text");
        self.request(conn, Request::Say { room: Some(name), text: said, action });
        let id = format!("r{}", self.ids);
        self.said.push((id, room.into(), text.into()));
    }

    /// With the id of something that was said before: the same, by the same person or by another; or something else.
    fn say_again(&mut self, conn: ConnId) {
        let from = self.said.len().saturating_sub(8);
        let index = from + self.dice.below(self.said.len() - from);
        let Some((id, room, text)) = self.said.get(index).cloned() else { return };
        let text = if self.dice.below(4) == 0 { "something else".into() } else { text };
        let room = RoomName::new(room).expect("it was good");
        let text = Text::new(text).expect("it was good");
        self.envelope(conn, &id, Request::Say { room: Some(room), text, action: false });
    }

    fn request(&mut self, conn: ConnId, request: Request<'_>) {
        self.ids += 1;
        let id = format!("r{}", self.ids);
        self.envelope(conn, &id, request);
    }

    fn envelope(&mut self, conn: ConnId, id: &str, request: Request<'_>) {
        let mut json = String::new();
        wire::write_request(&Envelope { id: RequestId::new(id), request }, &mut json);
        self.text(conn, &json);
    }

    /// Sends a message, sometimes in fragments with a ping between them.
    fn text(&mut self, conn: ConnId, text: &str) {
        self.programs.get_mut(&conn).expect("it lives").sent.push_back(text.into());
        if self.dice.below(12) > 0 {
            return self.frame(conn, Opcode::Text, text.as_bytes());
        }
        let (first, rest) = text.as_bytes().split_at(self.dice.below(text.len() + 1));
        let mut bytes = masked(Opcode::Text, first);
        bytes[0] &= 0x7f;
        self.post(conn, bytes);
        self.ping_between(conn);
        self.frame(conn, Opcode::Continuation, rest);
    }

    fn ping_between(&mut self, conn: ConnId) {
        self.programs.get_mut(&conn).expect("it lives").pings.push_back(b"between".to_vec());
        self.frame(conn, Opcode::Ping, b"between");
    }

    fn frame(&mut self, conn: ConnId, opcode: Opcode, payload: &[u8]) {
        self.post(conn, masked(opcode, payload));
    }

    /// Puts bytes on their way; none are the end.
    fn post(&mut self, conn: ConnId, bytes: Vec<u8>) {
        let line = self.house.lines.get_mut(&conn.slot).filter(|line| line.id == conn);
        line.into_iter().for_each(|line| line.incoming.push_back(bytes.clone()));
    }

    /// What is on its way from somebody arrives in pieces.
    fn chop(&mut self, conn: ConnId) {
        let size = 1 + self.dice.below(120);
        let haste = [1, 2, ALL][self.dice.below(3)];
        let Some(line) = self.house.lines.get_mut(&conn.slot) else { return };
        let is_end = line.incoming.back().is_some_and(Vec::is_empty);
        let bytes = line.incoming.drain(..).collect::<Vec<_>>().concat();
        line.incoming.extend(bytes.chunks(size).map(<[u8]>::to_vec));
        line.incoming.extend(is_end.then(Vec::new));
        line.haste = haste;
    }

    /// A byte of what is on its way from somebody is turned, lost or put in.
    fn damage(&mut self, conn: ConnId) {
        let (at, how, byte) = (self.dice.below(256), self.dice.below(3), self.dice.below(256) as u8);
        self.programs.get_mut(&conn).expect("it lives").is_honest = false;
        let Some(line) = self.house.lines.get_mut(&conn.slot) else { return };
        let Some(bytes) = line.incoming.back_mut().filter(|bytes| !bytes.is_empty()) else { return };
        let at = at % bytes.len();
        match how {
            0 => bytes[at] ^= byte,
            1 if bytes.len() > 1 => drop(bytes.remove(at)),
            _ => bytes.insert(at, byte),
        }
        *self.tally.entry("damaged").or_default() += 1;
    }

    fn somebody(&mut self) -> Option<ConnId> {
        let conns: Vec<ConnId> = self.house.lines.values().map(|line| line.id).collect();
        (!conns.is_empty()).then(|| conns[self.dice.below(conns.len())])
    }

    /// A room it believes to be in, mostly.
    fn a_room_of(&mut self, conn: ConnId) -> String {
        let views = self.programs[&conn].views.iter();
        let inside: Vec<String> = views.filter(|(_, view)| view.is_inside).map(|(room, _)| room.clone()).collect();
        match inside.len() {
            0 => self.room().into(),
            _ if self.dice.below(12) == 0 => self.room().into(),
            count => inside[self.dice.below(count)].clone(),
        }
    }

    fn room(&mut self) -> &'static str {
        ROOMS[self.dice.below(ROOMS.len())]
    }

    fn nick(&mut self) -> Nick<'static> {
        Nick::new(NICKS[self.dice.below(NICKS.len())]).expect("a good nick")
    }
}

/// A frame as a client sends it.
fn masked(opcode: Opcode, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode::masked_frame(opcode, [0x37, 0xfa, 0x21, 0x3d], payload, &mut bytes);
    bytes
}

/// What happens by chance: one byte for each throw.
struct Dice<'a>(&'a [u8]);

impl Dice<'_> {
    /// A number below `bound`, which is at most 256; 0 when nothing is left.
    fn below(&mut self, bound: usize) -> usize {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        usize::from(*first) % bound.max(1)
    }

    fn is_cold(&self) -> bool {
        self.0.is_empty()
    }
}
