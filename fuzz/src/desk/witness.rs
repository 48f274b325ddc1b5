//! The desk with a witness: whatever is asked of it is also written down, and so is what of it follows for everybody.
//! Owns what each connection is due. Knows who is in which room, and who is live there, from the requests, the store's
//! mail and the rules of PROTOCOL.md; must not ask the hub.
//!
//! What is due is told in two ways, each in order: what concerns one connection, at once; what is said in a room, at the
//! end of the turn. So there is a queue for what comes at once, and one for each room.

use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;
use std::sync::mpsc::{Receiver, channel};

use hub::effect::{Purpose, Range, Recall};
use hub::input::{Applied, ConnId, Dialect, Recalled, Stored};
use hub::{Hub, Settings};
use protocol::chat::event::{Durability, Failure, Kind, ResetReason};
use protocol::chat::id::RequestId;
use protocol::chat::request::{Envelope, Request, Since};
use protocol::chat::{plain, wire};
use protocol::http::Head;
use protocol::time::Millis;
use protocol::upgrade::Origins;
use server::conn::outbox::Outbox;
use server::conn::{Desk, Message, Verdict};
use server::server::{SUBPROTOCOL, Server};
use server::store::{Answer, Letter, Ring, Store};

use super::notary::{EPOCH, Leave, Notary, Note};

/// A room's log: all entries that ever were.
pub type Log = BTreeMap<u64, Stored>;

pub struct Witness {
    desk: Server<Notary>,
    notes: Receiver<Note>,
    leave: Rc<Leave>,
    /// How many letters wait for their answer.
    pub mail: usize,
    pub logs: BTreeMap<String, Log>,
    /// The connections that the chat has.
    pub members: BTreeMap<ConnId, Member>,
    /// What each connection has still to be told, even when it has ended.
    pub due: BTreeMap<ConnId, Due>,
    /// The texts that connections have sent, as they reached the desk.
    pub heard: Vec<(ConnId, String)>,
}

/// Where a connection is.
#[derive(Debug, Default)]
pub struct Member {
    pub rooms: BTreeMap<String, Place>,
}

/// How it is in a room.
#[derive(Debug)]
pub struct Place {
    membership: u32,
    /// What its join asked for.
    since: Since,
    pub is_live: bool,
}

/// What a connection has still to be told.
#[derive(Debug)]
pub struct Due {
    pub dialect: Dialect,
    has_ticks: bool,
    /// At once.
    pub own: VecDeque<Own>,
    /// By room.
    pub rooms: BTreeMap<String, VecDeque<Item>>,
    /// How many errors at least, in the plain dialect, where nothing says what an error is for.
    pub errors: u32,
}

/// What concerns one connection.
#[derive(Debug, PartialEq)]
pub enum Own {
    /// The answer to a request: what it asked for, or an error.
    Answer { id: String },
    /// The answer to a request that cannot be carried out.
    Error { id: String },
    /// The tick of an entry that does not stand in the entry's place.
    Tick { room: String, seq: u64, dup: bool },
    History { id: Option<String>, room: String, entries: Vec<u64> },
}

/// What is told of a room.
#[derive(Debug, PartialEq)]
pub enum Item {
    Joined { id: Option<String>, since: Since, first: u64, last: u64 },
    Reset { reason: ResetReason, first: u64, last: u64 },
    Entry(u64),
    /// The tick in the entry's place.
    Tick(u64),
    /// A list of who is there, since it was behind.
    CaughtUp,
    Left { id: Option<String> },
}

thread_local! {
    /// How many secrets were made: as good as random ones here, and the same in each evening.
    static SECRETS: std::cell::Cell<u64> = const { std::cell::Cell::new(0) };
}

fn secret() -> [u8; 16] {
    let mut secret = [9; 16];
    secret[..8].copy_from_slice(&SECRETS.replace(SECRETS.get() + 1).to_le_bytes());
    secret
}

impl Witness {
    pub fn new(ring: Ring, leave: Rc<Leave>) -> Self {
        SECRETS.set(0);
        let settings = Settings {
            rooms_per_connection: 3,
            connections_per_person: 3,
            rooms: 4,
            ..Settings::new(EPOCH, Durability::Memory, "snug", 1)
        };
        let (sender, notes) = channel();
        let store = Store::new(Notary::new(ring, leave.clone(), sender));
        Self {
            desk: Server::new(Hub::new(settings), store, secret, Origins { allowed: vec![], names: vec![] }),
            notes,
            leave,
            mail: 0,
            logs: BTreeMap::new(),
            members: BTreeMap::new(),
            due: BTreeMap::new(),
            heard: Vec::new(),
        }
    }

    /// What the store was asked just now. (When it may answer nothing, it only looks at its mail.)
    fn posted(&mut self, now: Millis, outbox: &mut Outbox) -> Vec<Letter> {
        let leave = self.leave.letters.take();
        self.desk.mail(now, outbox);
        self.leave.letters.set(leave);
        let letters: Vec<Letter> = self.notes.try_iter().map(|note| match note {
            Note::Posted(letter) => letter,
            Note::Answered(answer) => panic!("an answer that was not allowed: {answer:?}"),
        }).collect();
        self.mail += letters.len();
        for letter in &letters {
            match letter {
                Letter::Recall(recall) => self.asked_for_past(recall),
                Letter::Record(record) => {
                    let member = &self.members[&record.origin.expect("everything comes by a connection")];
                    assert!(member.rooms.contains_key(record.room.as_str()), "one speaks where one is");
                }
            }
        }
        letters
    }

    fn asked_for_past(&mut self, recall: &Recall) {
        let member = self.members.get_mut(&recall.conn).expect("only the living ask");
        let room = recall.room.as_str();
        match (&recall.purpose, recall.span) {
            (Purpose::Join { membership, .. }, Range::Since(since)) => {
                if self.due[&recall.conn].dialect == Dialect::Plain {
                    member.rooms.clear();
                }
                let place = Place { membership: *membership, since, is_live: false };
                member.rooms.insert(room.into(), place);
            }
            (Purpose::Page { .. }, Range::From(_)) => {
                assert!(!member.rooms[room].is_live, "only who is behind gets pages");
            }
            (Purpose::History { .. }, Range::Before { .. }) => {
                assert!(member.rooms.contains_key(room), "the past of rooms where one is");
            }
            other => panic!("no such question: {other:?}"),
        }
    }

    /// What follows of a request in JSON.
    fn asked(&mut self, conn: ConnId, asked: Result<Envelope<'_>, Failure<'_>>, letters: &[Letter]) {
        let own = &mut self.due.get_mut(&conn).expect("known").own;
        let (id, request) = match asked {
            Ok(Envelope { id, request }) => (id.map(owned), request),
            Err(failure) => {
                own.extend(failure.id.map(|id| Own::Error { id: id.into() }));
                return;
            }
        };
        let error = id.clone().map(|id| Own::Error { id });
        let is_inside = |room: &str| self.members[&conn].rooms.contains_key(room);
        match &request {
            Request::Say { .. } | Request::Topic { text: Some(_), .. } => match letters {
                [] => own.extend(error),
                [Letter::Record(record)] => assert_is_said(record, &request),
                other => panic!("{request:?} makes {other:?}"),
            },
            Request::Join { .. } | Request::History { .. } => match letters {
                [] => own.extend(error),
                [Letter::Recall(_)] => {}
                other => panic!("{request:?} makes {other:?}"),
            },
            Request::Leave { room: Some(room) } if is_inside(room.as_str()) => {
                self.members.get_mut(&conn).expect("it is inside").rooms.remove(room.as_str());
                self.item(conn, room.as_str(), Item::Left { id });
            }
            Request::Leave { .. } => own.extend(error),
            Request::Typing { room: Some(room) } if is_inside(room.as_str()) => {}
            Request::Typing { .. } => own.extend(error),
            _ => own.extend(id.map(|id| Own::Answer { id })),
        }
    }

    /// What follows of a plain line, as far as can be told.
    fn typed(&mut self, conn: ConnId, typed: Result<Request<'_>, Failure<'_>>, letters: &[Letter]) {
        let Some(due) = self.due.get_mut(&conn) else { return };
        match typed {
            _ if !self.members.contains_key(&conn) => assert!(letters.is_empty(), "the dead ask nothing"),
            Err(_) => due.errors += 1,
            Ok(Request::Quit) => drop(self.members.remove(&conn)),
            Ok(request @ (Request::Say { .. } | Request::Topic { text: Some(_), .. })) => match letters {
                [] => due.errors += 1,
                [Letter::Record(record)] => assert_is_said(record, &request),
                other => panic!("{request:?} makes {other:?}"),
            },
            Ok(_) => {}
        }
    }

    fn answered(&mut self, answer: Answer) {
        self.mail -= 1;
        match answer {
            Answer::Applied(applied) => self.applied(applied),
            Answer::Recalled(recalled) => self.recalled(recalled),
            Answer::Refused { conn, id, .. } => {
                let Some(conn) = conn.filter(|conn| self.members.contains_key(conn)) else { return };
                let Some(due) = self.due.get_mut(&conn) else { return };
                match id {
                    Some(id) => due.own.push_back(Own::Error { id: owned(id) }),
                    None => due.errors += 1,
                }
            }
        }
    }

    /// An entry was stored: who is live in its room is due it, and its author the tick.
    fn applied(&mut self, applied: Applied) {
        let Applied { room, entry, origin, dup } = applied;
        let (room, seq) = (room.as_str().to_owned(), entry.seq);
        let log = self.logs.entry(room.clone()).or_default();
        if dup {
            assert_eq!(log[&seq], entry, "the first of the same id");
        } else {
            assert!(log.last_key_value().is_none_or(|(last, _)| *last < seq), "numbers are not given again");
            log.insert(seq, entry);
        }

        let mut is_in_place = false;
        if !dup {
            let live = self.members.iter().filter(|(_, member)| member.is_live(&room));
            for conn in live.map(|(conn, _)| *conn).collect::<Vec<_>>() {
                is_in_place |= Some(conn) == origin;
                match Some(conn) == origin {
                    true if !self.due[&conn].has_ticks => {}
                    true => self.item(conn, &room, Item::Tick(seq)),
                    false => self.item(conn, &room, Item::Entry(seq)),
                }
            }
        }
        let Some(author) = origin.filter(|conn| !is_in_place && self.members.contains_key(conn)) else { return };
        let due = self.due.get_mut(&author).expect("known");
        if due.has_ticks {
            due.own.push_back(Own::Tick { room, seq, dup });
        }
    }

    /// The store has found what was asked for, which is of use only to who is still where it asked.
    fn recalled(&mut self, recalled: Recalled) {
        let Recalled { conn, room, purpose, first, last, reset, entries, more, .. } = recalled;
        let Some(member) = self.members.get_mut(&conn) else { return };
        let room = room.as_str().to_owned();
        let seqs: Vec<u64> = entries.iter().map(|entry| entry.seq).collect();
        let (membership, is_page) = match &purpose {
            Purpose::History { id } => {
                let id = id.clone().map(owned);
                let due = self.due.get_mut(&conn).expect("known");
                return due.own.push_back(Own::History { id, room, entries: seqs });
            }
            Purpose::Join { membership, .. } => (*membership, false),
            Purpose::Page { membership } => (*membership, true),
        };
        let Some(place) = member.rooms.get_mut(&room).filter(|place| place.membership == membership) else {
            return;
        };
        assert!(!place.is_live, "only who is behind gets pages");
        place.is_live = !more;
        let mut items = Vec::new();
        if let Purpose::Join { id, .. } = purpose {
            items.push(Item::Joined { id: id.map(owned), since: place.since, first, last });
        }
        items.extend(reset.map(|reason| Item::Reset { reason, first, last }));
        items.extend(seqs.into_iter().map(Item::Entry));
        if is_page && !more && self.due[&conn].dialect == Dialect::V1 {
            items.push(Item::CaughtUp);
        }
        items.into_iter().for_each(|item| self.item(conn, &room, item));
    }

    fn item(&mut self, conn: ConnId, room: &str, item: Item) {
        let due = self.due.get_mut(&conn).expect("known");
        due.rooms.entry(room.into()).or_default().push_back(item);
    }
}

impl Desk for Witness {
    fn request(&mut self, now: Millis, conn: ConnId, head: &Head<'_>, outbox: &mut Outbox) -> Verdict {
        let verdict = self.desk.request(now, conn, head, outbox);
        if verdict == Verdict::Upgraded {
            let is_v1 = head.list("Sec-WebSocket-Protocol").any(|protocol| protocol == SUBPROTOCOL);
            let due = Due {
                dialect: if is_v1 { Dialect::V1 } else { Dialect::Plain },
                has_ticks: is_v1 || head.query("ack").is_some_and(|ack| ack == "1"),
                own: VecDeque::new(),
                rooms: BTreeMap::new(),
                errors: 0,
            };
            assert!(self.due.insert(conn, due).is_none(), "each connection has a name of its own");
            self.members.insert(conn, Member::default());
        }
        self.posted(now, outbox);
        verdict
    }

    fn message(&mut self, now: Millis, conn: ConnId, message: Message<'_>, outbox: &mut Outbox) {
        self.desk.message(now, conn, message, outbox);
        let letters = self.posted(now, outbox);
        let Message::Text(text) = message else { return };
        self.heard.push((conn, text.into()));
        match self.due[&conn].dialect {
            Dialect::V1 => self.asked(conn, wire::read_request(text), &letters),
            Dialect::Plain => self.typed(conn, plain::read(text), &letters),
        }
    }

    fn closed(&mut self, now: Millis, conn: ConnId, outbox: &mut Outbox) {
        self.desk.closed(now, conn, outbox);
        self.members.remove(&conn);
        assert!(self.posted(now, outbox).is_empty());
    }

    fn lagging(&mut self, now: Millis, conn: ConnId, outbox: &mut Outbox) {
        self.desk.lagging(now, conn, outbox);
        assert!(self.posted(now, outbox).is_empty());
        if self.due[&conn].dialect == Dialect::V1 {
            let places = self.members.get_mut(&conn).into_iter().flat_map(|member| member.rooms.values_mut());
            places.for_each(|place| place.is_live = false);
        }
    }

    fn drained(&mut self, now: Millis, conn: ConnId, outbox: &mut Outbox) {
        self.desk.drained(now, conn, outbox);
        self.posted(now, outbox);
    }

    fn mail(&mut self, now: Millis, outbox: &mut Outbox) -> bool {
        let is_left = self.desk.mail(now, outbox);
        for note in self.notes.try_iter().collect::<Vec<_>>() {
            match note {
                Note::Answered(answer) => self.answered(answer),
                Note::Posted(letter) => panic!("an answer makes no letter: {letter:?}"),
            }
        }
        is_left
    }

    fn expire(&mut self, now: Millis, outbox: &mut Outbox) {
        self.desk.expire(now, outbox);
    }

    fn held(&self) -> usize {
        self.desk.held()
    }

    fn deadline(&self) -> Option<Millis> {
        self.desk.deadline()
    }

    fn fan_out(&mut self, outbox: &mut Outbox) {
        self.desk.fan_out(outbox);
    }
}

impl Member {
    fn is_live(&self, room: &str) -> bool {
        self.rooms.get(room).is_some_and(|place| place.is_live)
    }
}

impl Due {
    /// Whether it has been told everything.
    pub fn is_empty(&self) -> bool {
        self.own.is_empty() && self.rooms.values().all(VecDeque::is_empty)
    }
}

/// The entry after a number.
pub fn after(logs: &BTreeMap<String, Log>, room: &str, seq: u64) -> Option<u64> {
    logs.get(room)?.range(seq + 1..).next().map(|(seq, _)| *seq)
}

fn assert_is_said(record: &hub::effect::Record, request: &Request<'_>) {
    let (text, kind) = match request {
        Request::Say { text, action: true, .. } => (text, Kind::Me),
        Request::Say { text, .. } => (text, Kind::Talk),
        Request::Topic { text: Some(text), .. } => (text, Kind::Topic),
        other => panic!("{other:?} says nothing"),
    };
    assert_eq!((&*record.text, record.kind), (text.as_str(), kind));
}

fn owned(id: RequestId<'_>) -> String {
    id.as_str().into()
}

