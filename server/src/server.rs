//! The desk: the only place where the hub meets connections and the store. It reads requests, hands them to the hub,
//! and does what the hub wants done. Must not know sockets or the poll. Rooms without a WebSocket are in `posts.rs`.
//!
//! One input, full drain: after each call of the hub all its effects are carried out before the next.

mod answers;
mod secrets;

use hub::effect::{Audience, Effect};
use hub::input::{Applied, ConnId, Dialect, Greeting, Input};
use hub::{Hub, RoomId};
use protocol::chat::event::Event;
use protocol::chat::id::SessionKey;
use protocol::chat::request::Envelope;
use protocol::chat::{id, plain, wire};
use protocol::http::{Head, Refusal};
use protocol::time::Millis;
use protocol::upgrade::{self, Origins};

use self::secrets::Secrets;
use crate::clock::Clock;
use crate::conn::cause::Cause;
use crate::conn::outbox::{LogId, Offset, Outbox};
use crate::conn::{Desk, Message, Verdict};
use crate::fan_out::FanOut;
use crate::metrics::{Chat, Outcome};
use crate::posts::{Post, Posts, Reading};
use crate::store::{Letter, Store};
use crate::telling::{frame, message, tick};
use crate::thrift;
use crate::web;

/// The subprotocol of the JSON dialect.
pub const SUBPROTOCOL: &str = "snug.v1";

/// With so many bytes of pages in a turn, what the store has found beyond them waits for the next: a thousand who ask at
/// once do not have all their pages in memory at the same time.
const PAGES_AT_ONCE: Offset = 1024 * 1024;

/// In so many rooms it is told in a turn who came and went. When a thousand come at once to hundreds of rooms, their news
/// are not all in memory at the same time.
const NEWS_AT_ONCE: usize = 8;

/// See the module's head.
#[derive(Debug)]
pub struct Server {
    hub: Hub,
    store: Store,
    /// For new persons.
    secrets: Secrets,
    /// Which pages the server's WebSocket may be opened from.
    origins: Origins,
    /// By slot: how a connection is spoken to.
    speech: Vec<Speech>,
    rooms: FanOut,
    /// Who waits for the store without a WebSocket.
    posts: Posts,
    effects: Vec<Effect>,
    /// One event as text, before it is framed.
    scratch: String,
}

/// How a connection is spoken to.
#[derive(Clone, Copy, Debug)]
struct Speech {
    dialect: Dialect,
    /// A plain connection that asked for ticks.
    ticks: bool,
}

const V1: Speech = Speech { dialect: Dialect::V1, ticks: true };

impl Server {
    /// A desk before this hub and this store. `random` fills with random bytes, for the secrets of new persons.
    #[must_use]
    pub fn new(hub: Hub, store: Store, random: fn(&mut [u8]), origins: Origins) -> Self {
        Self {
            hub,
            store,
            secrets: Secrets::new(random),
            origins,
            speech: Vec::new(),
            rooms: FanOut::default(),
            posts: Posts::default(),
            effects: Vec::with_capacity(thrift::kept::<Effect>()),
            scratch: String::new(),
        }
    }

    fn upgrade(
        &mut self,
        now: Millis,
        conn: ConnId,
        head: &Head<'_>,
        room: Option<&str>,
        outbox: &mut Outbox,
    ) -> Result<(), Refusal> {
        let upgrade = upgrade::judge(head)?;
        self.origins.judge(head)?;
        let v1 = upgrade.protocols().any(|protocol| protocol == SUBPROTOCOL);
        outbox.send(conn.slot, |log| upgrade.accept(v1.then_some(SUBPROTOCOL), log));

        let nick = head.query("nick");
        let greeting = Greeting {
            dialect: if v1 { Dialect::V1 } else { Dialect::Plain },
            nick: nick.as_deref(),
            room,
            last: head.query("last").and_then(|last| last.parse().ok()).unwrap_or(0),
        };
        let ticks = head.query("ack").is_some_and(|ack| ack == "1");
        self.learn(conn.slot, if v1 { V1 } else { Speech { dialect: Dialect::Plain, ticks } });
        let secret = SessionKey(self.secrets.next());
        self.tell_hub(now, Input::Opened { conn, secret, greeting }, outbox);
        Ok(())
    }

    /// What was asked of a room without a WebSocket.
    fn open_room(
        &mut self,
        conn: ConnId,
        head: &Head<'_>,
        room: &str,
        outbox: &mut Outbox,
    ) -> Result<Verdict, Refusal> {
        if head.method() == "POST" {
            self.origins.judge(head)?;
            // Asked before the body is there, so that nobody sends it in vain.
            return Ok(match Post::read(head, room) {
                Ok(_) => Verdict::Content,
                Err(fault) => Posts::refuse(conn, head, &fault, outbox),
            });
        }
        self.origins.judge_reader(head)?;
        Ok(match Reading::read(head, room, self.store.epoch()) {
            Ok(reading) => self.ask_store(conn, head, Letter::Recall(reading.recall(conn)), outbox),
            Err(fault) => Posts::refuse(conn, head, &fault, outbox),
        })
    }

    /// The answer comes with the store's.
    fn ask_store(&mut self, conn: ConnId, head: &Head<'_>, letter: Letter, outbox: &mut Outbox) -> Verdict {
        outbox.metrics.requests.add("http");
        self.posts.wait(conn, head, self.store.epoch());
        self.store.post(outbox.metrics.now, letter);
        Verdict::Waiting
    }

    fn learn(&mut self, slot: u32, speech: Speech) {
        thrift::reach(&mut self.speech, slot as usize, V1);
        self.speech[slot as usize] = speech;
    }

    fn speech(&self, slot: u32) -> Speech {
        self.speech.get(slot as usize).copied().unwrap_or(V1)
    }

    /// One input, full drain.
    fn tell_hub(&mut self, now: Millis, input: Input<'_>, outbox: &mut Outbox) {
        let mut effects = std::mem::take(&mut self.effects);
        self.hub.handle(now, input, &mut effects);
        let mut hung_up = Vec::new();
        for effect in effects.drain(..) {
            if let Effect::Hangup { conn, .. } = &effect {
                hung_up.push(*conn);
            }
            self.carry_out(effect, outbox);
        }
        thrift::empty(&mut effects);
        self.effects = effects;
        for conn in hung_up {
            // For the chat it has ended, so nothing is said to it behind the close frame.
            self.tell_hub(now, Input::Closed { conn }, outbox);
        }
    }

    fn carry_out(&mut self, effect: Effect, outbox: &mut Outbox) {
        match effect {
            Effect::Send { to, event } => {
                outbox.metrics.paged += u64::from(matches!(event, Event::Message(_)));
                self.send(to.slot, &event, outbox);
            }
            Effect::Publish { room, event, except } => self.publish(room, &event, &except, outbox),
            Effect::Deliver { room, applied, audience } => self.deliver(room, &applied, &audience, outbox),
            Effect::Live { room, slot } => self.rooms.live_from_here(outbox, room, slot),
            Effect::Record(record) => self.store.post(outbox.metrics.now, Letter::Record(record)),
            Effect::Recall(recall) => self.store.post(outbox.metrics.now, Letter::Recall(recall)),
            Effect::Charge { messages, .. } => outbox.charge(messages),
            Effect::AwaitDrain { conn } => outbox.await_drain(conn.slot),
            Effect::Hangup { conn, code, reason } => outbox.hang_up(conn.slot, Cause::Desk { code, reason }),
        }
    }

    fn send(&mut self, slot: u32, event: &Event<'_>, outbox: &mut Outbox) {
        let speech = self.speech(slot);
        if matches!(event, Event::Stored(_)) && !speech.ticks {
            return;
        }
        let scratch = &mut self.scratch;
        outbox.send(slot, |log| frame(speech.dialect, event, scratch, log));
    }

    fn publish(&mut self, room: RoomId, event: &Event<'_>, except: &[u32], outbox: &mut Outbox) {
        let (scratch, hub) = (&mut self.scratch, &self.hub);
        let range = self.rooms.append(outbox, room, |dialect, log| {
            if hub.is_spoken(room, dialect) {
                frame(dialect, event, scratch, log);
            }
        });
        for &slot in except {
            self.rooms.except(outbox, room, slot, range, 0..0);
        }
    }

    fn deliver(&mut self, room: RoomId, applied: &Applied, audience: &Audience, outbox: &mut Outbox) {
        let (scratch, hub) = (&mut self.scratch, &self.hub);
        // Lines do not say it.
        let mut user = String::new();
        if hub.is_spoken(room, Dialect::V1) {
            applied.entry.user.append_to(&mut user);
        }
        // In a room where all speak one dialect, to write it in the other too took a fifth of all that a message takes.
        let range = self.rooms.append(outbox, room, |dialect, log| {
            if hub.is_spoken(room, dialect) {
                frame(dialect, &message(&applied.room, &applied.entry, &user, None), scratch, log);
            }
        });
        self.rooms.is_entry(room, u64::from(audience.author_inside));

        if let Some(author) = audience.author {
            let tick = tick(applied);
            if !audience.author_inside {
                self.send(author.slot, &tick, outbox);
            } else {
                let speech = self.speech(author.slot);
                let scratch = &mut self.scratch;
                let instead = match speech.ticks {
                    true => outbox.append(LogId::PRIVATE, |log| frame(speech.dialect, &tick, scratch, log)),
                    false => 0..0,
                };
                self.rooms.except(outbox, room, author.slot, range, instead);
            }
        }
        if audience.twins.is_empty() {
            return;
        }
        let scratch = &mut self.scratch;
        let id = applied.entry.id.as_ref().map(id::RequestId::as_str);
        let event = message(&applied.room, &applied.entry, &user, id);
        let with_id = outbox.append(LogId::PRIVATE, |log| frame(Dialect::V1, &event, scratch, log));
        for &slot in &audience.twins {
            self.rooms.except(outbox, room, slot, range, with_id.clone());
        }
    }

    #[cfg(any(test, feature = "scripted"))]
    pub(crate) fn hub(&self) -> &Hub {
        &self.hub
    }

    /// How everything stands, for whoever asks for the counters.
    fn chat(&self) -> Chat {
        Chat { counts: self.hub.counts(), ring: self.store.kept(), mail: self.store.mail() }
    }

    fn ask(&mut self, now: Millis, conn: ConnId, text: &str, outbox: &mut Outbox) {
        let envelope = match self.speech(conn.slot).dialect {
            Dialect::V1 => {
                outbox.metrics.requests.add(SUBPROTOCOL);
                wire::read_request(text)
            }
            Dialect::Plain => {
                outbox.metrics.requests.add("plain");
                plain::read(text).map(|request| Envelope { id: None, request })
            }
        };
        match envelope {
            Ok(envelope) => self.tell_hub(now, Input::Asked { conn, envelope }, outbox),
            Err(failure) => self.send(conn.slot, &Event::Error(failure), outbox),
        }
    }
}

impl Desk for Server {
    fn request(&mut self, now: Millis, conn: ConnId, head: &Head<'_>, outbox: &mut Outbox) -> Verdict {
        let answer = match web::route(head) {
            web::Route::Chat { room } => {
                self.upgrade(now, conn, head, room.as_deref(), outbox).map(|()| Verdict::Upgraded)
            }
            web::Route::Room(room) => self.open_room(conn, head, &room, outbox),
            web::Route::Page(page) => Ok(show(conn, head, &page, outbox)),
            web::Route::Metrics => {
                let page = web::Page::metrics(outbox.metrics.text(&self.chat()));
                Ok(show(conn, head, &page, outbox))
            }
            web::Route::Refused(refusal) => Err(refusal),
        };
        answer.unwrap_or_else(|refusal| {
            log::debug!("conn {}: refused with {}: {refusal}", conn.slot, refusal.status());
            outbox.metrics.refused(refusal.status());
            outbox.send(conn.slot, |log| refusal.respond(log));
            Verdict::Answered
        })
    }

    fn content(
        &mut self,
        _: Millis,
        conn: ConnId,
        head: &Head<'_>,
        body: &[u8],
        outbox: &mut Outbox,
    ) -> Verdict {
        let web::Route::Room(room) = web::route(head) else { return Verdict::Answered };
        let record = Post::read(head, &room).and_then(|post| post.record(conn, body, &self.hub));
        match record {
            Ok(record) => self.ask_store(conn, head, Letter::Record(record), outbox),
            Err(fault) => Posts::refuse(conn, head, &fault, outbox),
        }
    }

    fn message(&mut self, now: Millis, conn: ConnId, message: Message<'_>, outbox: &mut Outbox) {
        match message {
            Message::Text(text) => self.ask(now, conn, text, outbox),
            Message::Binary(_) => outbox.hang_up(conn.slot, Cause::NotText),
        }
    }

    fn closed(&mut self, now: Millis, conn: ConnId, outbox: &mut Outbox) {
        self.posts.forget(conn);
        self.tell_hub(now, Input::Closed { conn }, outbox);
    }

    fn allowance(&self, conn: ConnId) -> usize {
        self.store.allowance(conn)
    }

    fn lagging(&mut self, now: Millis, conn: ConnId, outbox: &mut Outbox) {
        // Plain has no position to go on from, so nothing can be left out: it reads, or it is hung up on.
        if self.speech(conn.slot).dialect == Dialect::V1 {
            self.tell_hub(now, Input::Lagging { conn }, outbox);
        }
    }

    fn drained(&mut self, now: Millis, conn: ConnId, outbox: &mut Outbox) {
        self.tell_hub(now, Input::Drained { conn }, outbox);
    }

    fn mail(&mut self, now: Millis, outbox: &mut Outbox) -> bool {
        loop {
            let Some((answer, posted)) = self.store.next(Clock::wall) else { return false };
            let posted = posted.unwrap_or(outbox.metrics.now);
            if let Some(input) = self.take_in(answer, posted, outbox) {
                self.tell_hub(now, input, outbox);
            }
            if self.rooms.is_full() || outbox.end(LogId::PRIVATE) > PAGES_AT_ONCE {
                // There may be more, and nothing else would wake the loop up for it.
                return self.store.mail() > 0;
            }
        }
    }

    fn is_settled(&self) -> bool {
        self.store.mail() == 0
    }

    fn expire(&mut self, now: Millis, outbox: &mut Outbox) {
        for _ in 0..NEWS_AT_ONCE {
            if self.hub.next_deadline().is_none_or(|due| due > now) {
                break;
            }
            self.tell_hub(now, Input::Tick, outbox);
        }
    }

    fn held(&self) -> usize {
        self.store.held()
    }

    fn deadline(&self) -> Option<Millis> {
        self.hub.next_deadline()
    }

    fn fan_out(&mut self, outbox: &mut Outbox) {
        // The last call of a turn that may find letters which were put in behind the mail.
        self.store.hand_over();
        let speech = &self.speech;
        self.rooms.deliver(outbox, &self.hub, |slot| {
            speech.get(slot as usize).map_or(Dialect::V1, |speech| speech.dialect)
        });
        self.scratch.shrink_to(thrift::KEPT);
    }
}

fn show(conn: ConnId, head: &Head<'_>, page: &web::Page, outbox: &mut Outbox) -> Verdict {
    outbox.metrics.outcomes.add(Outcome::Answered);
    outbox.send(conn.slot, |log| page.respond(head, log));
    Verdict::Answered
}
