//! The state of the chat as a whole, and its one door. Owns who is in which slot; what is asked is carried out in
//! [`crate::command`], who is where is changed in [`crate::membership`]. Must not know bytes, frames or files.

use alloc::boxed::Box;
use alloc::collections::BTreeSet;
use alloc::sync::Arc;
use alloc::vec::Vec;

use protocol::chat::event::{Event, Kind, Stored as Tick};
use protocol::chat::id::{Epoch, SessionKey};
use protocol::chat::name::{Nick, RoomName};
use protocol::chat::people::People;
use protocol::time::Millis;
use protocol::ws::CloseCode;

use crate::command;
use crate::dense;
use crate::effect::{Audience, Effect};
use crate::fault::{Fault, echo};
use crate::input::{Applied, ConnId, Dialect, Greeting, Input};
use crate::limits::Settings;
use crate::person::Persons;
use crate::room::{RoomId, Rooms};
use crate::session::{Named, Session, State, Stranger};
use crate::tell;

/// All persons, connections and rooms of one server.
#[derive(Debug)]
pub struct Hub {
    pub(crate) settings: Settings,
    /// At each connection's slot, its session.
    pub(crate) sessions: Vec<Option<Session>>,
    pub(crate) persons: Persons,
    pub(crate) rooms: Rooms,
    /// The rooms that have something to tell about comers and goers, by the time it is due.
    pub(crate) due: BTreeSet<(Millis, RoomId)>,
    /// The list of people that was told last, for as long as it must still be true. Many join at once, and then the
    /// store answers all of them: to list a room of thirty anew for each took two fifths of a handshake's instructions.
    pub(crate) listed: Option<(RoomId, Arc<People>)>,
    /// How many sessions there are.
    connections: u32,
    /// How many joins there were. May wrap: no page is late by four billion joins.
    pub(crate) joins: u32,
}

/// How much there is of everything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Connections that were opened and not closed, named or not.
    pub connections: u32,
    /// Persons, each with at least one connection.
    pub persons: u32,
    /// Rooms with somebody in them.
    pub rooms: u32,
    /// Members that are behind, each counted once for each room in which it is.
    pub behind: u32,
}

impl Hub {
    /// An empty chat.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        let laid_out = settings.laid_out as usize;
        Self {
            persons: Persons::new(settings.hash_seed, laid_out),
            rooms: Rooms::new(settings.hash_seed, laid_out),
            settings,
            sessions: Vec::with_capacity(laid_out),
            due: BTreeSet::new(),
            listed: None,
            connections: 0,
            joins: 0,
        }
    }

    /// Lets something happen. What has to be done now is appended to `effects`, in the order in which it has to be
    /// done; the caller does all of it before the next input. Inputs about connections that are gone do nothing.
    pub fn handle(&mut self, now: Millis, input: Input<'_>, effects: &mut Vec<Effect>) {
        // Only what the store found changes neither who is where nor what anybody is called.
        if !matches!(input, Input::Recalled(_)) {
            self.listed = None;
        }
        match input {
            Input::Opened { conn, secret, greeting } => self.opened(now, conn, secret, greeting, effects),
            Input::Asked { conn, envelope } => command::carry_out(self, now, conn, envelope, effects),
            Input::Closed { conn } => self.closed(now, conn),
            Input::Lagging { conn } => self.lagging(conn, effects),
            Input::Drained { conn } => self.drained(conn, effects),
            Input::Applied(applied) => self.applied(applied, effects),
            Input::Recalled(recalled) => self.recalled(recalled, effects),
            Input::Refused { conn, id, reason } => {
                self.send(conn, Fault::Refused(reason).event(id.as_ref()), effects);
            }
            Input::Unknown { conn } => {
                if self.session(conn).is_some() {
                    let reason = "the disk failed; come back, and send again what has no tick";
                    effects.push(Effect::Hangup { conn, code: CloseCode::INTERNAL, reason });
                }
            }
            Input::NewEpoch { epoch } => self.begin_epoch(epoch, effects),
            Input::Tick => self.tell_presence(now, effects),
        }
    }

    /// When [`Input::Tick`] is due next, if ever: the earliest `presence` that waits.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Millis> {
        self.due.first().map(|(due, _)| *due)
    }

    /// The slots of a room's members, sorted, those that are behind included. Empty if the room is not resident.
    #[must_use]
    pub fn members(&self, room: RoomId) -> &[u32] {
        self.rooms.get(room).map_or(&[], |room| room.members.as_slice())
    }

    /// Whether anybody in a room speaks this dialect: if not, nothing has to be written in it there.
    #[must_use]
    pub fn is_spoken(&self, room: RoomId, dialect: Dialect) -> bool {
        self.rooms.get(room).is_some_and(|room| match dialect {
            Dialect::V1 => room.v1 > 0,
            Dialect::Plain => room.members.as_slice().len() > room.v1 as usize,
        })
    }

    /// The slots of a room's members that are not live, sorted; almost always empty. What is told in the room does
    /// not reach them until their [`Effect::Live`]. A live member that joins again is behind from then on: what was
    /// told before in the same turn and has not yet been sent to it, the answer to its join replaces.
    pub fn behind(&self, room: RoomId) -> impl Iterator<Item = u32> + '_ {
        self.rooms.get(room).into_iter().flat_map(|room| room.behind.iter()).map(|(slot, _)| slot)
    }

    /// A room's name, folded. Empty if the room is not resident.
    #[must_use]
    pub fn room_name(&self, room: RoomId) -> &str {
        self.rooms.get(room).map_or("", |room| room.name.as_str())
    }

    /// The resident room of this name, which has to be folded, as that of a [`RoomName`] is.
    #[must_use]
    pub fn room(&self, name: &str) -> Option<RoomId> {
        self.rooms.find(name)
    }

    /// Whether a person that is here has this nick, in whatever case.
    #[must_use]
    pub fn has_nick(&self, nick: &Nick<'_>) -> bool {
        self.persons.by_nick(nick.as_str()).is_some()
    }

    /// How much there is of everything.
    #[must_use]
    pub fn counts(&self) -> Counts {
        Counts {
            connections: self.connections,
            persons: self.persons.len() as u32,
            rooms: self.rooms.len() as u32,
            behind: self.rooms.iter().map(|(_, room)| room.behind.len() as u32).sum(),
        }
    }

    fn begin_epoch(&mut self, epoch: Epoch, effects: &mut Vec<Effect>) {
        self.settings.epoch = epoch;
        let slots = self.sessions.iter().zip(0..);
        let all = slots.filter_map(|(session, slot)| {
            let generation = session.as_ref()?.generation;
            Some(ConnId { slot, generation })
        });
        let reason = "the disk has lost some of what was said; come back and see";
        effects.extend(all.map(|conn| Effect::Hangup { conn, code: CloseCode::RESTART, reason }));
    }

    fn opened(
        &mut self,
        now: Millis,
        conn: ConnId,
        secret: SessionKey,
        greeting: Greeting<'_>,
        effects: &mut Vec<Effect>,
    ) {
        self.evict(now, conn.slot);
        let stranger = Stranger {
            secret,
            nick: greeting.nick.map(|nick| Nick::new(nick).map(Nick::into_owned)),
            room: greeting.room.map(|room| RoomName::new(room).map(RoomName::into_owned)),
            last: greeting.last,
        };
        let ConnId { slot, generation } = conn;
        while self.sessions.len() <= slot as usize {
            dense::push(&mut self.sessions, None);
        }
        let state = State::Stranger(Box::new(stranger));
        self.sessions[slot as usize] = Some(Session { generation, dialect: greeting.dialect, state });
        self.connections += 1;
        if greeting.dialect == Dialect::Plain {
            command::introduce(self, now, conn, effects);
        }
    }

    fn closed(&mut self, now: Millis, conn: ConnId) {
        if self.session(conn).is_some() {
            self.evict(now, conn.slot);
        }
    }

    /// Whoever lives in the slot leaves all its rooms, and its person if nobody else stands for it.
    fn evict(&mut self, now: Millis, slot: u32) {
        if self.at(slot).is_none() {
            return;
        }
        self.detach(now, slot);
        self.sessions[slot as usize] = None;
        self.connections -= 1;
    }

    /// Not of the order of the room's size: this is the way of everything that is said.
    fn applied(&mut self, applied: Applied, effects: &mut Vec<Effect>) {
        let origin = applied.origin.filter(|conn| self.session(*conn).is_some());
        let room = self.rooms.find(applied.room.as_str()).filter(|_| !applied.dup);
        let Some(room) = room else {
            if let Some(to) = origin {
                effects.push(Effect::Send { to, event: tick(&applied) });
            }
            return;
        };
        self.rooms[room].told_up_to(applied.entry.seq);
        if applied.entry.kind == Kind::Topic {
            self.rooms[room].topic = (&*applied.entry.text).into();
        }
        let audience = Audience {
            author: origin,
            author_inside: origin.is_some_and(|conn| self.is_live(conn.slot, room)),
            twins: self.twins(&applied, origin, room),
        };
        effects.push(Effect::Deliver { room, applied, audience });
    }

    /// The live connections of the author's person in the room, but for the one it came by (`origin`, if it lives).
    fn twins(&self, applied: &Applied, origin: Option<ConnId>, room: RoomId) -> Vec<u32> {
        let Some(person) = self.persons.by_user(applied.entry.user) else { return Vec::new() };
        let is_author = |slot: u32| origin.is_some_and(|author| author.slot == slot);
        let is_twin = |slot: &u32| !is_author(*slot) && self.is_live(*slot, room);
        let mut twins: Vec<u32> = self.connections_of(person).filter(is_twin).collect();
        twins.sort_unstable();
        twins
    }

    /// The session of a connection, if it is still the tenant of its slot.
    pub(crate) fn session(&self, conn: ConnId) -> Option<&Session> {
        self.at(conn.slot).filter(|session| session.generation == conn.generation)
    }

    /// 1 if the connection speaks `snug.v1`.
    pub(crate) fn count_v1(&self, slot: u32) -> u32 {
        self.at(slot).is_some_and(|session| session.dialect == Dialect::V1).into()
    }

    pub(crate) fn at(&self, slot: u32) -> Option<&Session> {
        self.sessions.get(slot as usize)?.as_ref()
    }

    pub(crate) fn named(&self, slot: u32) -> Option<&Named> {
        match &self.at(slot)?.state {
            State::Named(named) => Some(named),
            State::Stranger(_) => None,
        }
    }

    pub(crate) fn named_mut(&mut self, slot: u32) -> Option<&mut Named> {
        match &mut self.sessions.get_mut(slot as usize)?.as_mut()?.state {
            State::Named(named) => Some(named),
            State::Stranger(_) => None,
        }
    }

    /// Tells one connection something, if it is still there.
    pub(crate) fn send(&self, to: ConnId, event: Event<'static>, effects: &mut Vec<Effect>) {
        if self.session(to).is_some() {
            effects.push(Effect::Send { to, event });
        }
    }

    /// Tells one slot's tenant something.
    pub(crate) fn send_to_slot(&self, slot: u32, event: Event<'static>, effects: &mut Vec<Effect>) {
        if let Some(session) = self.at(slot) {
            effects.push(Effect::Send { to: ConnId { slot, generation: session.generation }, event });
        }
    }
}

fn tick(applied: &Applied) -> Event<'static> {
    Event::Stored(Tick {
        id: echo(applied.entry.id.as_ref()),
        room: tell::owned(applied.room.as_str()),
        seq: applied.entry.seq,
        time: applied.entry.time,
        dup: applied.dup,
    })
}
