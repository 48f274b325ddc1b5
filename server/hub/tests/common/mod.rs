//! A small world around the hub: a store that answers when it is told to, and a desk that carries effects out by the
//! rules of `effect.rs`. It checks what any desk may rely on, and writes down who was told what.

// Each test file uses its part of it, none is a library, and a test may unwrap.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used)]

pub mod evening;
pub mod model;
pub mod teller;

use std::collections::{BTreeMap, VecDeque};

use hub::effect::{Audience, Effect, Purpose, Range, Recall, Record};
use hub::input::{Applied, ConnId, Dialect, Greeting, Input, Recalled, Refusal, Stored};
use hub::{Hub, RoomId, Settings};
use protocol::chat::event::{Durability, Entry, Event, Kind, Message, ResetReason, Stored as Tick};
use protocol::chat::id::{Epoch, RequestId, SessionKey, UserId, text};
use protocol::chat::request::{Envelope, Request, Since};
use protocol::time::{Millis, Span};

pub const EPOCH: Epoch = Epoch([7; 8]);

/// How many entries the store gives after a reset.
pub const AFTER_RESET: u64 = 3;

pub struct World {
    pub hub: Hub,
    pub now: Millis,
    pub store: Store,
    /// What the store has been asked and not answered, oldest first.
    pub mail: VecDeque<Letter>,
    /// Who was told what, and hung up on, since it was last taken out.
    pub told: Vec<(ConnId, Event<'static>)>,
    pub hung_up: Vec<ConnId>,
    /// What was published when and where, since it was last taken out.
    pub published: Vec<(Millis, String, Event<'static>)>,
    generations: BTreeMap<u32, u32>,
    tenants: BTreeMap<u32, u32>,
}

pub enum Letter {
    Record(Record),
    Recall(Recall),
}

impl World {
    pub fn new() -> Self {
        Self::with(Settings::new(EPOCH, Durability::Memory, "snug 0.1.0", 1))
    }

    pub fn with(settings: Settings) -> Self {
        Self {
            hub: Hub::new(settings),
            now: Millis(0),
            store: Store { page: 2, ..Store::default() },
            mail: VecDeque::new(),
            told: Vec::new(),
            hung_up: Vec::new(),
            published: Vec::new(),
            generations: BTreeMap::new(),
            tenants: BTreeMap::new(),
        }
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
        self.happens(Input::Opened { conn, secret, greeting: Greeting { dialect, nick, room, last } });
        conn
    }

    pub fn ask(&mut self, conn: ConnId, id: Option<&str>, request: Request<'_>) {
        let id = id.map(|id| RequestId::new(id.to_string()).unwrap());
        self.happens(Input::Asked { conn, envelope: Envelope { id, request } });
    }

    pub fn close(&mut self, conn: ConnId) {
        self.tenants.remove(&conn.slot);
        self.happens(Input::Closed { conn });
    }

    pub fn is_alive(&self, conn: ConnId) -> bool {
        self.tenants.get(&conn.slot) == Some(&conn.generation)
    }

    /// Lets time pass, and whatever becomes due in it happen when it is due.
    pub fn pass(&mut self, span: Span) {
        let end = self.now.plus(span);
        while let Some(due) = self.hub.next_deadline().filter(|due| *due <= end) {
            self.now = self.now.max(due);
            self.happens(Input::Tick);
            assert!(
                self.hub.next_deadline().is_none_or(|next| next > self.now),
                "a tick does all that is due"
            );
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
                let recalled = self.store.recall(recall);
                self.happens(Input::Recalled(recalled));
            }
        }
        true
    }

    /// Takes out who was told what.
    pub fn take_told(&mut self) -> Vec<(ConnId, Event<'static>)> {
        std::mem::take(&mut self.told)
    }

    /// The hub handles one input, and all its effects are carried out.
    pub fn happens(&mut self, input: Input<'_>) {
        let mut effects = Vec::new();
        self.hub.handle(self.now, input, &mut effects);
        self.hub.check_invariants();
        for effect in effects {
            self.carry_out(effect);
        }
    }

    fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::Send { to, event } => self.tell(to, event),
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
            }
            Effect::Record(record) => self.mail.push_back(Letter::Record(record)),
            Effect::Recall(recall) => self.mail.push_back(Letter::Recall(recall)),
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

    fn tell(&mut self, to: ConnId, event: Event<'static>) {
        assert!(self.is_alive(to), "{to:?} is told {event:?}, but it is gone");
        self.told.push((to, event));
    }

    fn live(&self, room: RoomId) -> Vec<u32> {
        let behind = self.hub.behind(room);
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
    let (user, nick, said) = (text(user).into(), String::from(nick).into(), String::from(said).into());
    let entry = Entry { seq, user, nick, text: said, time, kind, id };
    Event::Message(Message { room: applied.room.to_string().into(), entry })
}

/// A store in memory, as slow as one likes.
#[derive(Default)]
pub struct Store {
    pub logs: BTreeMap<String, Log>,
    /// Entries a page.
    pub page: usize,
    /// Refuses everything.
    pub is_full: bool,
}

#[derive(Default)]
pub struct Log {
    pub topic: Box<str>,
    /// How many of the oldest are no longer kept.
    pub forgotten: u64,
    pub entries: Vec<Stored>,
}

impl Log {
    pub fn last(&self) -> u64 {
        self.entries.len() as u64
    }

    /// Zero if there is none.
    pub fn first(&self) -> u64 {
        if self.forgotten < self.last() { self.forgotten + 1 } else { 0 }
    }
}

type Refused = (ConnId, Option<RequestId<'static>>, Refusal);

impl Store {
    fn record(&mut self, record: Record) -> Result<Applied, Refused> {
        let Record { room, user, nick, kind, text, id, origin } = record;
        if self.is_full {
            return Err((origin.unwrap(), id, Refusal::StorageFull));
        }
        if let Some((earlier_room, earlier)) = id.as_ref().and_then(|id| self.earlier(user, id)) {
            if earlier_room != room.as_str() || earlier.text != text || earlier.kind != kind {
                return Err((origin.unwrap(), id, Refusal::IdConflict));
            }
            return Ok(Applied { room, entry: earlier.clone(), origin, dup: true });
        }
        let log = self.logs.entry(room.to_string()).or_default();
        if kind == Kind::Topic {
            log.topic = text.clone();
        }
        let entry = Stored { seq: log.last() + 1, time: 0, kind, user, nick, text, id };
        log.entries.push(entry.clone());
        Ok(Applied { room, entry, origin, dup: false })
    }

    fn earlier(&self, user: UserId, id: &RequestId<'_>) -> Option<(&str, &Stored)> {
        let all = self.logs.iter().flat_map(|(room, log)| log.entries.iter().map(|e| (room.as_str(), e)));
        all.into_iter().find(|(_, entry)| entry.user == user && entry.id.as_ref() == Some(id))
    }

    fn recall(&mut self, recall: Recall) -> Recalled {
        let Recall { conn, room, purpose, span } = recall;
        let log = self.logs.entry(room.to_string()).or_default();
        let (first, last) = (log.first(), log.last());
        let latest = |count: u64| last.saturating_sub(count) + 1;
        let (from, below, reset) = match span {
            Range::Since(Since::Last(count)) => (latest(count.into()), last + 1, None),
            Range::Since(Since::After { epoch, .. }) if epoch != EPOCH => {
                (latest(AFTER_RESET), last + 1, Some(ResetReason::Epoch))
            }
            Range::Since(Since::After { seq, .. }) if seq > last => {
                (latest(AFTER_RESET), last + 1, Some(ResetReason::Ahead))
            }
            Range::Since(Since::After { seq, .. }) if seq < log.forgotten => {
                (latest(AFTER_RESET), last + 1, Some(ResetReason::Gone))
            }
            Range::Since(Since::After { seq, .. }) => (seq + 1, last + 1, None),
            Range::From(seq) if seq <= log.forgotten => {
                (latest(AFTER_RESET), last + 1, Some(ResetReason::Gone))
            }
            Range::From(seq) => (seq, last + 1, None),
            Range::Before { seq, limit } => (seq.saturating_sub(limit.into()).max(1), seq, None),
        };
        let kept = |entry: &&Stored| entry.seq > log.forgotten && entry.seq >= from && entry.seq < below;
        let mut entries: Vec<Stored> = log.entries.iter().filter(kept).cloned().collect();
        let more = entries.len() > self.page && !matches!(purpose, Purpose::History { .. });
        if more {
            entries.truncate(self.page);
        }
        Recalled { conn, room, purpose, topic: log.topic.clone(), first, last, reset, entries, more }
    }
}
