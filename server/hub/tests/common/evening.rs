//! One evening in a small house, made of choices: connections come and go, in both dialects, some of them of one
//! person; slots are used again; the store takes its time, refuses, and forgets. After each step the hub's invariants
//! and everybody's view are checked (`model.rs`). The choices come from a seed, or from a fuzzer's bytes.

use std::mem;

use hub::Settings;
use hub::effect::{Purpose, Range};
use hub::input::{ConnId, Dialect};
use protocol::chat::event::Durability;
use protocol::chat::id::{Epoch, SessionKey};
use protocol::chat::name::{Nick, RoomName, Text};
use protocol::chat::request::{Request, Since};
use protocol::time::Span;

use super::model::{Model, Tally};
use super::{EPOCH, Letter, World};

const MOST_CONNECTIONS: usize = 10;

pub struct Evening<'a> {
    dice: Dice<'a>,
    world: World,
    model: Model,
    sessions: u64,
    /// How much of the mail the model has read.
    read: usize,
}

impl<'a> Evening<'a> {
    pub fn new(dice: Dice<'a>) -> Self {
        let settings =
            Settings { rooms_per_connection: 3, ..Settings::new(EPOCH, Durability::Memory, "snug", 1) };
        let world = World::with(settings);
        Self { dice, world, model: Model::default(), sessions: 0, read: 0 }
    }

    /// Something happens. `false` if no choice is left.
    pub fn step(&mut self) -> bool {
        if self.dice.is_cold() {
            return false;
        }
        match self.dice.below(100) {
            0..12 => self.open(),
            12..18 => self.close(),
            18..36 => self.answer(),
            36..44 => self.world.pass(Span([0, 1, 100, 250, 1000][self.dice.below(5)])),
            44..45 => self.world.store.is_full = self.dice.below(8) == 0,
            45..46 => self.forget(),
            _ => self.ask(),
        }
        self.learn();
        true
    }

    /// The store answers all, everything due happens, everybody goes. Gives what there was, and how often.
    pub fn end(mut self) -> Tally {
        while !self.world.mail.is_empty() {
            self.answer();
            self.learn();
        }
        self.world.pass(Span::secs(1));
        self.learn();
        while !self.model.clients.is_empty() {
            self.close();
            self.learn();
        }
        *self.model.tally.entry("session").or_default() += self.sessions;
        self.model.tally
    }

    fn open(&mut self) {
        if self.model.clients.len() == MOST_CONNECTIONS {
            return;
        }
        let dialect = [Dialect::Plain, Dialect::V1][self.dice.below(2)];
        let nick = [None, Some(self.dice.nick()), Some("no nick")][(self.dice.below(12) + 5) / 8];
        let room = [Some(self.dice.room()), None, Some("no room")][(self.dice.below(16) + 3) / 9];
        let last = self.dice.below(6) as u32;
        let mut secret = [9; 16];
        secret[..8].copy_from_slice(&self.sessions.to_le_bytes());
        let secret = SessionKey(secret);
        let before = self.world.hub.counts().persons;
        let conn = self.world.open(dialect, nick, room, last, secret);
        let is_named = self.world.hub.counts().persons > before;
        self.model.opened(conn, dialect, secret, nick, is_named);
        self.sessions += 1;
    }

    fn close(&mut self) {
        let Some(conn) = self.somebody() else { return };
        self.model.closed(conn);
        self.world.close(conn);
    }

    fn answer(&mut self) {
        for _ in 0..=self.dice.below(4) {
            if self.world.answer() {
                self.read -= 1;
                self.learn();
            }
        }
    }

    /// The store drops its oldest entries.
    fn forget(&mut self) {
        let room = self.dice.room();
        let Some(log) = self.world.store.logs.get_mut(room) else { return };
        log.forgotten += (log.last() - log.forgotten) / 2;
    }

    fn ask(&mut self) {
        let Some(conn) = self.somebody() else { return };
        let request = self.request(conn);
        let id = ["1", "2", "3", "4", "5"].get(self.dice.below(16)).copied();
        self.world.ask(conn, id, request);
    }

    fn request(&mut self, conn: ConnId) -> Request<'static> {
        let client = &self.model.clients[&conn];
        if client.user.is_none() && self.dice.below(8) > 0 {
            return match client.dialect {
                Dialect::Plain => Request::Nick { nick: Nick::new(self.dice.nick()).unwrap() },
                Dialect::V1 => self.hello(),
            };
        }
        if client.views.is_empty() && self.dice.below(4) > 0 {
            let room = RoomName::new(self.dice.room()).unwrap();
            return Request::Join { room, since: Since::Last(self.dice.below(8) as u32) };
        }
        let inside: Vec<&String> = client.views.keys().collect();
        let room = match inside.as_slice() {
            [_, ..] if self.dice.below(8) > 0 => inside[self.dice.below(inside.len())].clone(),
            _ => self.dice.room().to_string(),
        };
        let name = RoomName::new(room.clone()).unwrap();
        let any = if self.dice.below(4) == 0 { None } else { Some(name.clone()) };
        let text = ["hello", "tea?", "two\nlines"][self.dice.below(3)];
        match self.dice.below(32) {
            0..5 => Request::Join { room: RoomName::new(self.dice.room()).unwrap(), since: Since::Last(3) },
            5..8 => Request::Join { room: name, since: self.since(conn, &room) },
            8..10 => Request::Leave { room: any },
            10..20 => {
                Request::Say { room: any, text: Text::new(text).unwrap(), action: self.dice.below(4) == 0 }
            }
            20..23 => Request::Nick { nick: Nick::new(self.dice.nick()).unwrap() },
            23 => Request::Topic { room: any, text: None },
            24 => Request::Topic { room: any, text: Some(Text::topic("tea").unwrap()) },
            25 => Request::Who { room: any },
            26 => Request::Rooms,
            27 => Request::Typing { room: any },
            28 => Request::History { room: name, before: 5, limit: 3 },
            29 => Request::Help,
            30 => Request::Quit,
            _ => self.hello(),
        }
    }

    /// With a key of its own, of somebody who may be there already, or of somebody of an earlier server.
    fn hello(&mut self) -> Request<'static> {
        let nick = [None, Some(Nick::new(self.dice.nick()).unwrap())][self.dice.below(2)].clone();
        let secrets: Vec<SessionKey> = self.model.clients.values().map(|client| client.secret).collect();
        let session = match self.dice.below(3) {
            0 => None,
            1 => Some(secrets[self.dice.below(secrets.len())]),
            _ => Some(SessionKey([self.dice.below(3) as u8; 16])),
        };
        Request::Hello { nick, session }
    }

    /// The latest, or what comes after what it has seen, or a position that is of no use.
    fn since(&mut self, conn: ConnId, room: &str) -> Since {
        let seen = self.model.clients[&conn].views.get(room).map_or(0, |view| view.next.saturating_sub(1));
        match self.dice.below(8) {
            0..3 => Since::Last(self.dice.below(8) as u32),
            3..7 => Since::After { epoch: EPOCH, seq: seen },
            _ => Since::After { epoch: Epoch([self.dice.below(2) as u8 * 7; 8]), seq: seen + 1 },
        }
    }

    /// The model learns what has been going on, and everything is checked.
    fn learn(&mut self) {
        for letter in self.world.mail.iter().skip(self.read) {
            let Letter::Recall(recall) = letter else { continue };
            if let (Purpose::Join { .. }, Range::Since(since)) = (&recall.purpose, recall.span) {
                self.model.joins(recall.conn, recall.room.as_str(), since);
            }
        }
        self.read = self.world.mail.len();
        for (conn, event) in self.world.take_told() {
            self.model.hears(&self.world, conn, &event);
        }
        for (time, room, event) in mem::take(&mut self.world.published) {
            self.model.published(time, &room, &event);
        }
        self.model.check(&self.world);
    }

    fn somebody(&mut self) -> Option<ConnId> {
        let conns: Vec<ConnId> = self.model.clients.keys().copied().collect();
        (!conns.is_empty()).then(|| conns[self.dice.below(conns.len())])
    }
}

/// What happens by chance.
pub enum Dice<'a> {
    /// For ever, from a seed (SplitMix64, by Sebastiano Vigna).
    Seed(u64),
    /// As long as there are bytes, one for each throw.
    Bytes(&'a [u8]),
}

impl Dice<'_> {
    /// A number below `bound`, which is at most 256; 0 when nothing is left.
    fn below(&mut self, bound: usize) -> usize {
        match self {
            Self::Seed(state) => {
                *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
                let z = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
                let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
                ((z ^ (z >> 31)) % bound as u64) as usize
            }
            Self::Bytes(bytes) => {
                let Some((first, rest)) = bytes.split_first() else { return 0 };
                *bytes = rest;
                usize::from(*first) % bound
            }
        }
    }

    fn is_cold(&self) -> bool {
        matches!(self, Self::Bytes([]))
    }

    fn room(&mut self) -> &'static str {
        ["lobby", "ops", "den", "attic", "küche"][(self.below(5) * self.below(5)) / 4]
    }

    fn nick(&mut self) -> &'static str {
        ["anna", "Anna", "bob", "carol", "dan", "eve", "Ωμέγα", "guest-0001", "zoe"][self.below(9)]
    }
}
