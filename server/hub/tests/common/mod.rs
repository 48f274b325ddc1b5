//! A small world around the hub: a store that answers when it is told to, and a desk that carries effects out by the
//! rules of `effect.rs`. It checks what any desk may rely on, and writes down who was told what.
//!
//! Connections take what they are told at once, but for those that are *slow*: these take it when [`World::take`] says.

// Each test file uses its part of it, none is a library, and a test may unwrap.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used)]

pub mod dice;
pub mod evening;
pub mod model;
pub mod reader;
pub mod store;
pub mod teller;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use hub::effect::{Audience, Effect, Purpose, Range, Recall};
use hub::input::{Applied, ConnId, Dialect, Greeting, Input, Stored};
use hub::{Hub, RoomId, Settings};
use protocol::chat::event::{Durability, Entry, Event, Message, Stored as Tick};
use protocol::chat::id::{Epoch, RequestId, SessionKey, text};
use protocol::chat::request::{Envelope, Request, Since};
use protocol::time::{Millis, Span};

pub use store::Letter;
use store::{Left, Store};

pub const EPOCH: Epoch = Epoch([7; 8]);

pub struct World {
    pub hub: Hub,
    pub now: Millis,
    pub store: Store,
    /// What the store has been asked and not answered, oldest first.
    pub mail: VecDeque<Letter>,
    /// Who was told what, and hung up on, since it was last taken out.
    pub told: Vec<(ConnId, Event<'static>)>,
    pub hung_up: Vec<ConnId>,
    /// What was charged for what was asked.
    pub charged: Vec<(ConnId, u32)>,
    /// What was published when and where, since it was last taken out.
    pub published: Vec<(Millis, String, Event<'static>)>,
    /// Whether connections are slow from their beginning.
    pub are_slow: bool,
    /// What each slow connection was told and has not taken.
    unread: BTreeMap<ConnId, VecDeque<Parcel>>,
    /// Who is to be reported when it has taken everything.
    awaited: BTreeSet<ConnId>,
    /// Who is live where, as the effects have it. (It may name rooms that were left; who comes back is behind.)
    live: BTreeMap<ConnId, BTreeSet<String>>,
    generations: BTreeMap<u32, u32>,
    tenants: BTreeMap<u32, u32>,
}

/// What a connection is told, on its way.
pub struct Parcel {
    pub event: Event<'static>,
    /// If it is a `joined`: which past was asked for.
    pub since: Option<Since>,
}

/// What is happening: the effects depend on it.
#[derive(Clone, Copy)]
enum Cause {
    Other,
    /// The store answers a question.
    Page(ConnId, Range),
    /// This connection has taken everything.
    Drained(ConnId),
}

impl World {
    pub fn new() -> Self {
        Self::with(Settings::new(EPOCH, Durability::Memory, "snug 0.1.0", 1))
    }

    pub fn with(settings: Settings) -> Self {
        Self {
            hub: Hub::new(settings),
            now: Millis(0),
            store: Store::default(),
            mail: VecDeque::new(),
            told: Vec::new(),
            hung_up: Vec::new(),
            charged: Vec::new(),
            published: Vec::new(),
            are_slow: false,
            unread: BTreeMap::new(),
            awaited: BTreeSet::new(),
            live: BTreeMap::new(),
            generations: BTreeMap::new(),
            tenants: BTreeMap::new(),
        }
    }

    /// The server ends and another one starts, with what the store has left. Nobody is connected any more, and what the
    /// store was asked is asked no more.
    pub fn restart(&mut self, settings: Settings, left: Left) {
        self.store.restart(settings.epoch, left);
        self.hub = Hub::new(settings);
        self.mail.clear();
        self.told.clear();
        self.published.clear();
        self.unread.clear();
        self.awaited.clear();
        self.live.clear();
        self.tenants.clear();
    }

    /// A new connection, in the lowest free slot.
    pub fn open(
        &mut self,
        dialect: Dialect,
        nick: Option<&str>,
        room: Option<&str>,
        last: u32,
        secret: SessionKey,
    ) -> ConnId {
        let slot = (0..).find(|slot| !self.tenants.contains_key(slot)).unwrap();
        let generation = self.generations.entry(slot).and_modify(|generation| *generation += 1).or_insert(0);
        let conn = ConnId { slot, generation: *generation };
        self.tenants.insert(slot, conn.generation);
        if self.are_slow {
            self.slow_down(conn);
        }
        self.happens(Input::Opened { conn, secret, greeting: Greeting { dialect, nick, room, last } });
        conn
    }

    pub fn ask(&mut self, conn: ConnId, id: Option<&str>, request: Request<'_>) {
        let id = id.map(|id| RequestId::new(id.to_string()).unwrap());
        self.happens(Input::Asked { conn, envelope: Envelope { id, request } });
    }

    pub fn close(&mut self, conn: ConnId) {
        self.tenants.remove(&conn.slot);
        self.unread.remove(&conn);
        self.awaited.remove(&conn);
        self.live.remove(&conn);
        self.happens(Input::Closed { conn });
    }

    pub fn is_alive(&self, conn: ConnId) -> bool {
        self.tenants.get(&conn.slot) == Some(&conn.generation)
    }

    /// From now on a connection takes what it is told when [`World::take`] says.
    pub fn slow_down(&mut self, conn: ConnId) {
        self.unread.entry(conn).or_default();
    }

    /// From now on it takes it at once again, and what waits first.
    pub fn speed_up(&mut self, conn: ConnId) {
        self.unread.remove(&conn);
        self.drain(conn);
    }

    /// A slow connection takes as much; at most what there is.
    pub fn take(&mut self, conn: ConnId, count: usize) -> Vec<Parcel> {
        let Some(unread) = self.unread.get_mut(&conn) else { return Vec::new() };
        let taken = unread.drain(..count.min(unread.len())).collect();
        self.drain(conn);
        taken
    }

    /// How much waits for a connection.
    pub fn unread(&self, conn: ConnId) -> usize {
        self.unread.get(&conn).map_or(0, VecDeque::len)
    }

    pub fn lag(&mut self, conn: ConnId) {
        self.live.remove(&conn);
        self.happens(Input::Lagging { conn });
    }

    /// What the hub waits for is reported, if it is so.
    fn drain(&mut self, conn: ConnId) {
        if self.unread(conn) == 0 && self.awaited.remove(&conn) {
            self.happens_by(Cause::Drained(conn), Input::Drained { conn });
        }
    }

    /// Whether the hub waits for a connection to take what it was told.
    pub fn is_awaited(&self, conn: ConnId) -> bool {
        self.awaited.contains(&conn)
    }

    /// Whether what is told in a room reaches the connection.
    pub fn is_live(&self, conn: ConnId, room: &str) -> bool {
        self.live.get(&conn).is_some_and(|rooms| rooms.contains(room))
    }

    /// Lets time pass, and whatever becomes due in it happen when it is due.
    pub fn pass(&mut self, span: Span) {
        let end = self.now.plus(span);
        while let Some(due) = self.hub.next_deadline().filter(|due| *due <= end) {
            self.now = self.now.max(due);
            let rooms = self.hub.counts().rooms;
            (0..rooms).for_each(|_| self.happens(Input::Tick));
            let next = self.hub.next_deadline();
            assert!(next.is_none_or(|next| next > self.now), "a tick for each room does all that is due");
        }
        self.now = end;
    }

    /// The store answers the oldest letter. A living author is ticked, or told why not, exactly once.
    pub fn answer(&mut self) -> bool {
        let Some(letter) = self.mail.pop_front() else { return false };
        match letter {
            Letter::Record(record) => {
                let origin = record.origin.filter(|conn| self.is_alive(*conn));
                let start = self.told.len();
                match self.store.record(record) {
                    Ok(applied) => self.happens(Input::Applied(applied)),
                    Err((conn, id, reason)) => self.happens(Input::Refused { conn, id, reason }),
                }
                let is_verdict = |event: &Event<'_>| matches!(event, Event::Stored(_) | Event::Error(_));
                let verdicts = self.told[start..].iter().filter(|(_, event)| is_verdict(event));
                let hearers: Vec<ConnId> = verdicts.map(|(conn, _)| *conn).collect();
                assert_eq!(
                    hearers,
                    Vec::from_iter(origin),
                    "the author, if alive, and nobody else is ticked once"
                );
            }
            Letter::Recall(recall) => {
                let cause = Cause::Page(recall.conn, recall.span);
                let recalled = self.store.recall(recall);
                self.happens_by(cause, Input::Recalled(recalled));
            }
        }
        true
    }

    /// Takes out who was told what.
    pub fn take_told(&mut self) -> Vec<(ConnId, Event<'static>)> {
        std::mem::take(&mut self.told)
    }

    /// The hub handles one input, and all its effects are carried out. Who takes everything at once has drained.
    pub fn happens(&mut self, input: Input<'_>) {
        self.happens_by(Cause::Other, input);
    }

    fn happens_by(&mut self, cause: Cause, input: Input<'_>) {
        let mut effects = Vec::new();
        self.hub.handle(self.now, input, &mut effects);
        self.hub.check_invariants();
        for effect in effects {
            self.carry_out(cause, effect);
        }
        self.check_who_is_live();
        let quick = |conn: &&ConnId| !self.unread.contains_key(conn);
        if let Some(conn) = self.awaited.iter().find(quick).copied() {
            self.drain(conn);
        }
    }

    /// Those that were behind are live from their `Live` until they join again or lag; and the hub knows it.
    fn check_who_is_live(&self) {
        for name in self.store.book.logs.keys() {
            let Some(room) = self.hub.room(name) else { continue };
            let slots = self.hub.members(room).iter().copied();
            let live: Vec<u32> = slots.filter(|slot| self.is_live(self.tenant(*slot), name)).collect();
            assert_eq!(self.live(room), live, "who is live in {name}");
        }
    }

    fn carry_out(&mut self, cause: Cause, effect: Effect) {
        match effect {
            Effect::Send { to, event } => self.send(cause, to, event),
            Effect::Publish { room, event, except } => {
                let live = self.live(room);
                assert!(except.is_sorted() && except.iter().all(|slot| live.contains(slot)));
                for slot in live {
                    if !except.contains(&slot) {
                        self.tell(self.tenant(slot), event.clone());
                    }
                }
                self.published.push((self.now, self.hub.room_name(room).into(), event));
            }
            Effect::Deliver { room, applied, audience } => self.deliver(room, &applied, &audience),
            Effect::Live { room, slot } => {
                assert!(self.live(room).contains(&slot), "who goes live is a member and not behind");
                let rooms = self.live.entry(self.tenant(slot)).or_default();
                let is_new = rooms.insert(self.hub.room_name(room).into());
                assert!(is_new, "who goes live was behind");
            }
            Effect::Record(record) => self.mail.push_back(Letter::Record(record)),
            Effect::Recall(recall) => self.recall(cause, recall),
            Effect::Charge { conn, messages } => {
                assert!(self.is_alive(conn) && messages > 0);
                self.charged.push((conn, messages));
            }
            Effect::AwaitDrain { conn } => {
                assert!(self.is_alive(conn));
                self.awaited.insert(conn);
            }
            Effect::Hangup { conn, reason, .. } => {
                assert!(self.is_alive(conn) && reason.len() <= 123);
                self.hung_up.push(conn);
            }
        }
    }

    fn deliver(&mut self, room: RoomId, applied: &Applied, audience: &Audience) {
        assert!(!applied.dup, "what was stored before is told to nobody");
        assert_eq!(self.hub.room_name(room), applied.room.as_str());
        let live = self.live(room);
        assert!(audience.twins.is_sorted());
        assert!(audience.twins.iter().all(|twin| live.contains(twin)), "twins are live members");
        let author = audience.author.map(|author| author.slot);
        assert_eq!(audience.author_inside, author.is_some_and(|slot| live.contains(&slot)));
        assert!(author.is_none_or(|slot| !audience.twins.contains(&slot)), "nobody is its own twin");
        if let Some(author) = audience.author {
            self.tell(author, tick(applied));
        }
        for slot in live.into_iter().filter(|slot| Some(*slot) != author) {
            let is_twin = audience.twins.contains(&slot);
            self.tell(self.tenant(slot), message(applied, is_twin));
        }
    }

    /// A page is asked for when there is room for it, and one at a time.
    fn recall(&mut self, cause: Cause, recall: Recall) {
        match recall.purpose {
            Purpose::Page { .. } => {
                assert!(
                    matches!(cause, Cause::Drained(conn) if conn == recall.conn),
                    "a page is asked for when all that was sent before has left"
                );
                assert!(
                    !self.mail.iter().any(|letter| letter.asks_the_same(&recall)),
                    "{recall:?} is asked twice"
                );
            }
            Purpose::Join { .. } => {
                self.live.entry(recall.conn).or_default().remove(recall.room.as_str());
            }
            Purpose::History { .. } => {}
        }
        self.mail.push_back(Letter::Recall(recall));
    }

    /// What goes to one connection. What is news in a room goes to all that are live there, or comes by page.
    fn send(&mut self, cause: Cause, to: ConnId, event: Event<'static>) {
        match &event {
            Event::Message(_) | Event::Joined(_) | Event::Reset(_) | Event::History { .. } => {
                let is_asked = matches!(cause, Cause::Page(conn, _) if conn == to);
                assert!(is_asked, "{to:?} is told {event:?}, which it has not asked for");
            }
            Event::Presence(_) | Event::Typing { .. } => panic!("{to:?} is told {event:?} singly"),
            Event::Renamed(e) => assert!(e.room.is_none(), "{to:?} is told {event:?} singly"),
            _ => {}
        }
        let since = match (&event, cause) {
            (Event::Joined(_), Cause::Page(_, Range::Since(since))) => Some(since),
            _ => None,
        };
        self.put(to, Parcel { event, since });
    }

    fn tell(&mut self, to: ConnId, event: Event<'static>) {
        self.put(to, Parcel { event, since: None });
    }

    fn put(&mut self, to: ConnId, parcel: Parcel) {
        assert!(self.is_alive(to), "{to:?} is told {:?}, but it is gone", parcel.event);
        self.told.push((to, parcel.event.clone()));
        if let Some(unread) = self.unread.get_mut(&to) {
            unread.push_back(parcel);
        }
    }

    fn live(&self, room: RoomId) -> Vec<u32> {
        let behind: Vec<u32> = self.hub.behind(room).collect();
        self.hub.members(room).iter().copied().filter(|slot| !behind.contains(slot)).collect()
    }

    fn tenant(&self, slot: u32) -> ConnId {
        ConnId { slot, generation: self.tenants[&slot] }
    }
}

fn tick(applied: &Applied) -> Event<'static> {
    let Stored { seq, time, id, .. } = applied.entry.clone();
    let id = id.map(|id| id.as_str().to_string().into());
    Event::Stored(Tick { id, room: applied.room.to_string().into(), seq, time, dup: false })
}

fn message(applied: &Applied, is_twin: bool) -> Event<'static> {
    let Stored { seq, time, kind, user, nick, text: said, id } = applied.entry.clone();
    let id = id.filter(|_| is_twin).map(|id| id.as_str().to_string().into());
    let (user, nick, said) = (text(user).into(), nick.to_string().into(), said.to_string().into());
    let entry = Entry { seq, user, nick, text: said, time, kind, id };
    Event::Message(Message { room: applied.room.to_string().into(), entry })
}
