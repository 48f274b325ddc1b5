//! One evening in a small house, made of choices: connections come and go, in both dialects, some of them of one
//! person; slots are used again; everybody reads as slowly as they like, and some are said to lag; who is cut off comes
//! back and goes on from where it was; the store takes its time, refuses, and forgets. After each step the hub's
//! invariants and everybody's view are checked (`model.rs`), and what each program has taken in (`reader.rs`). The
//! choices come from a seed, or from a fuzzer's bytes.

use std::collections::BTreeMap;
use std::mem;

use hub::Settings;
use hub::effect::{Purpose, Range, Recall};
use hub::input::{ConnId, Dialect};
use protocol::chat::event::{Durability, Event};
use protocol::chat::id::{Epoch, SessionKey};
use protocol::chat::name::{Nick, RoomName, Text};
use protocol::chat::request::{Request, Since};
use protocol::time::Span;

use super::dice::Dice;
use super::model::{Model, Tally};
use super::reader::{Progress, Reader};
use super::store::Left;
use super::{EPOCH, Letter, World};

const MOST_CONNECTIONS: usize = 10;

/// How many programs want to come back, at most.
const MOST_AWAY: usize = 4;

/// When so many letters wait for the store, who has one among them is not read.
const MAILBOX: usize = 6;

/// When more than this waits for a connection, the desk may say so.
const MOST_UNREAD: usize = 6;

pub struct Evening<'a> {
    dice: Dice<'a>,
    world: World,
    model: Model,
    /// Who reads what comes by a connection.
    readers: BTreeMap<ConnId, Reader>,
    /// Those whose connection broke.
    away: Vec<Reader>,
    sessions: u64,
    starts: u16,
    /// How much of the mail the model has read.
    read: usize,
}

impl<'a> Evening<'a> {
    pub fn new(dice: Dice<'a>) -> Self {
        let mut world = World::with(settings(EPOCH));
        world.are_slow = true;
        let (readers, away) = (BTreeMap::new(), Vec::new());
        Self { dice, world, model: Model::default(), readers, away, sessions: 0, starts: 0, read: 0 }
    }

    /// Something happens. `false` if no choice is left.
    pub fn step(&mut self) -> bool {
        if self.dice.is_cold() {
            return false;
        }
        match self.dice.below(100) {
            0..10 => self.open(),
            10..14 => self.close(),
            14..17 => self.come_back(),
            17..31 => self.answer(),
            31..37 => self.world.pass(Span([0, 1, 100, 250, 1000][self.dice.below(5)])),
            37..38 => self.disk(),
            38..40 => self.forget(),
            40..55 => self.read(),
            55..61 => self.judge_readers(),
            _ => self.ask(),
        }
        self.learn();
        true
    }

    /// The store answers all, everybody takes all, everything due happens, and nobody has missed anything. Then
    /// everybody goes. Gives what there was, and how often.
    pub fn end(mut self) -> Tally {
        for _ in 0..10_000 {
            if self.is_quiet() {
                break;
            }
            self.answer();
            let conns: Vec<ConnId> = self.readers.keys().copied().collect();
            conns.into_iter().for_each(|conn| self.take(conn, usize::MAX));
            self.world.pass(Span::secs(1));
            self.learn();
        }
        assert!(self.is_quiet(), "it becomes quiet at last");
        assert_eq!(self.world.hub.counts().behind, 0, "nobody stays behind");
        self.check_readers();
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
        let conn = self.connect(dialect, nick, room, last);
        self.readers.insert(conn, Reader::default());
    }

    fn connect(&mut self, dialect: Dialect, nick: Option<&str>, room: Option<&str>, last: u32) -> ConnId {
        let mut secret = [9; 16];
        secret[..8].copy_from_slice(&self.sessions.to_le_bytes());
        let secret = SessionKey(secret);
        let before = self.world.hub.counts().persons;
        let conn = self.world.open(dialect, nick, room, last, secret);
        let is_named = self.world.hub.counts().persons > before;
        self.model.opened(conn, dialect, secret, nick, is_named);
        self.sessions += 1;
        conn
    }

    fn close(&mut self) {
        let Some(conn) = self.somebody() else { return };
        self.end_connection(conn);
    }

    /// What is on the way to its program is lost. The program may come back.
    fn end_connection(&mut self, conn: ConnId) {
        let reader = self.readers.remove(&conn).expect("every connection has a reader");
        if reader.key.is_some() && self.away.len() < MOST_AWAY {
            self.away.push(reader);
        }
        self.model.closed(conn);
        self.world.close(conn);
    }

    /// A program whose connection broke has another, and goes on in its rooms from where it was.
    fn come_back(&mut self) {
        if self.away.is_empty() || self.model.clients.len() == MOST_CONNECTIONS {
            return;
        }
        let reader = self.away.swap_remove(self.dice.below(self.away.len()));
        let conn = self.connect(Dialect::V1, None, None, 0);
        let rooms: Vec<String> = reader.rooms.keys().cloned().collect();
        let session = reader.key;
        self.readers.insert(conn, reader);
        self.world.ask(conn, None, Request::Hello { nick: None, session });
        self.learn();
        for room in rooms {
            let since = self.since(conn, &room);
            self.world.ask(conn, None, Request::Join { room: RoomName::new(room).unwrap(), since });
            self.learn();
        }
        self.model.count("come back");
    }

    fn answer(&mut self) {
        for _ in 0..=self.dice.below(4) {
            let page = self.world.mail.front().and_then(page_for);
            if !self.world.answer() {
                return;
            }
            self.read -= 1;
            if let Some((conn, room)) = page {
                let is_reset = self.world.told.iter().any(|(_, event)| matches!(event, Event::Reset(_)));
                is_reset.then(|| self.model.count("reset while behind"));
                self.world.is_live(conn, &room).then(|| self.model.count("caught up"));
            }
            self.learn();
        }
    }

    /// Somebody takes something of what it was told, or all.
    fn read(&mut self) {
        let Some(conn) = self.somebody() else { return };
        let count = [usize::MAX, usize::MAX, 1, 3, 8][self.dice.below(5)];
        self.take(conn, count);
    }

    fn take(&mut self, conn: ConnId, count: usize) {
        let reader = self.readers.get_mut(&conn).expect("every connection has a reader");
        self.world.take(conn, count).iter().for_each(|parcel| reader.reads(parcel));
    }

    /// The desk looks at who does not read. Most plain ones are hung up on.
    fn judge_readers(&mut self) {
        let is_slow = |conn: &ConnId| self.world.unread(*conn) > MOST_UNREAD;
        let slow: Vec<ConnId> = self.readers.keys().copied().filter(is_slow).collect();
        for conn in slow {
            if self.model.clients[&conn].dialect == Dialect::Plain && self.dice.below(4) > 0 {
                self.end_connection(conn);
                self.model.count("hung up on");
            } else {
                self.world.lag(conn);
                self.model.count("lagging");
            }
            self.learn();
        }
    }

    /// The store drops its oldest entries.
    fn forget(&mut self) {
        let room = self.dice.room();
        let Some(log) = self.world.store.book.logs.get_mut(room) else { return };
        log.forgotten += (log.last() - log.forgotten) / 2;
    }

    /// The disk becomes full, or has room again. Now and then it is copied; and now and then the server ends, and
    /// another one starts, with the disk or without, or with the copy in its place.
    fn disk(&mut self) {
        match self.dice.below(16) {
            0..3 => self.world.store.copy(),
            3 => self.restart(Left::All),
            4 => self.restart(Left::OldCopy),
            5 => self.restart(Left::Nothing),
            _ => self.world.store.is_full = self.dice.below(8) == 0,
        }
    }

    /// Everybody's connection ends, and some programs want to come back.
    fn restart(&mut self, left: Left) {
        self.starts += 1;
        // The store may have done some of what it was asked, and nobody has heard of it.
        for _ in 0..self.dice.below(4) {
            if let Some(Letter::Record(record)) = self.world.mail.pop_front() {
                let _ = self.world.store.record(record);
            }
        }
        let mut epoch = [9; 8];
        epoch[..2].copy_from_slice(&self.starts.to_le_bytes());
        self.world.restart(settings(Epoch(epoch)), left);
        self.model.ended();
        self.read = 0;
        for reader in mem::take(&mut self.readers).into_values() {
            if reader.key.is_some() && self.away.len() < MOST_AWAY {
                self.away.push(reader);
            }
        }
        self.model.count(match left {
            Left::All => "restart",
            Left::OldCopy => "restart with an old copy",
            Left::Nothing => "restart with nothing",
        });
    }

    fn ask(&mut self) {
        let Some(conn) = self.somebody() else { return };
        if self.world.mail.len() >= MAILBOX && self.world.mail.iter().any(|letter| letter.is_of(conn)) {
            // The desk does not read it before the store has answered.
            return self.model.count("left unread");
        }
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
        let position = |progress: &Progress| Some((progress.epoch?, progress.seq?));
        let Some((epoch, seq)) = self.readers[&conn].rooms.get(room).and_then(position) else {
            return Since::Last(self.dice.below(8) as u32);
        };
        match self.dice.below(8) {
            0 => Since::Last(self.dice.below(8) as u32),
            1..7 => Since::After { epoch, seq },
            _ => {
                let epoch = Epoch([[7, 7, 0, 1][self.dice.below(4)]; 8]);
                Since::After { epoch, seq: seq + self.dice.below(20) as u64 }
            }
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

    /// Nothing is under way any more.
    fn is_quiet(&self) -> bool {
        let is_done = |conn: &ConnId| self.world.unread(*conn) == 0 && !self.world.is_awaited(*conn);
        self.world.mail.is_empty()
            && self.world.hub.next_deadline().is_none()
            && self.readers.keys().all(is_done)
    }

    /// It is quiet: so whoever has a position in a room where it is, has it at the end.
    fn check_readers(&self) {
        for (conn, client) in &self.model.clients {
            for room in client.views.keys() {
                let Some(progress) = self.readers[conn].rooms.get(room) else { continue };
                let log = &self.world.store.book.logs[room];
                let (seq, last) = (progress.seq, log.last());
                assert!(seq.is_none_or(|seq| seq == last), "{conn:?} has {seq:?} of {last} in {room}");
                for (seq, time) in &progress.entries {
                    let kept = log.entries.get(*seq as usize - 1).map(|entry| entry.time);
                    assert_eq!(kept, Some(*time), "what {conn:?} has as {seq} in {room}");
                }
            }
        }
    }

    fn somebody(&mut self) -> Option<ConnId> {
        let conns: Vec<ConnId> = self.model.clients.keys().copied().collect();
        (!conns.is_empty()).then(|| conns[self.dice.below(conns.len())])
    }
}

fn settings(epoch: Epoch) -> Settings {
    Settings {
        rooms_per_connection: 3,
        connections_per_person: 3,
        rooms: 4,
        ..Settings::new(epoch, Durability::Memory, "snug", 1)
    }
}

/// Whom a page goes to, and of which room, if that is what the store is asked for.
fn page_for(letter: &Letter) -> Option<(ConnId, String)> {
    match letter {
        Letter::Recall(Recall { conn, room, purpose: Purpose::Page { .. }, .. }) => {
            Some((*conn, room.to_string()))
        }
        _ => None,
    }
}
