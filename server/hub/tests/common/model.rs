//! What the people believe: each connection's view of its rooms, made of nothing but what it was told. The model knows
//! what must be true of these views, and must not ask the hub how it came to tell something.

use std::collections::{BTreeMap, BTreeSet};

use hub::input::{ConnId, Dialect};
use protocol::chat::event::{Entry, Event, Joined, Presence};
use protocol::chat::id::{SessionKey, text};
use protocol::chat::name::fold;
use protocol::chat::people::People;
use protocol::chat::request::Since;
use protocol::time::Millis;

use super::World;

/// What there was, and how often: a simulation in which something never happens says nothing about it.
pub type Tally = BTreeMap<&'static str, u64>;

/// Everybody's view.
#[derive(Default)]
pub struct Model {
    pub tally: Tally,
    pub clients: BTreeMap<ConnId, Client>,
    /// The nick of each person that lives, by user.
    nicks: BTreeMap<String, String>,
    /// When a room was last told of comers and goers.
    presence: BTreeMap<String, Millis>,
}

/// What one connection knows.
pub struct Client {
    pub dialect: Dialect,
    pub secret: SessionKey,
    pub user: Option<String>,
    pub views: BTreeMap<String, View>,
}

/// What one connection knows of a room.
pub struct View {
    since: Since,
    /// Whether the join was answered.
    is_told: bool,
    /// The number of the entry it has to see next.
    pub next: u64,
    people: BTreeMap<String, String>,
}

impl Model {
    /// A connection was opened. A plain one is somebody at once, unless its nick is no good.
    pub fn opened(
        &mut self,
        conn: ConnId,
        dialect: Dialect,
        secret: SessionKey,
        nick: Option<&str>,
        is_named: bool,
    ) {
        let mut client = Client { dialect, secret, user: None, views: BTreeMap::new() };
        if is_named {
            let user = text(secret.user());
            nick.map(|nick| self.nicks.insert(user.clone(), nick.into()));
            client.user = Some(user);
        }
        assert!(self.clients.insert(conn, client).is_none());
    }

    pub fn closed(&mut self, conn: ConnId) {
        let client = self.clients.remove(&conn).expect("only the living are closed");
        let Some(user) = client.user else { return };
        if !self.clients.values().any(|other| other.user.as_ref() == Some(&user)) {
            self.nicks.remove(&user);
        }
    }

    /// The server has ended, and everybody's connection with it.
    pub fn ended(&mut self) {
        self.clients.clear();
        self.nicks.clear();
        self.presence.clear();
    }

    /// A connection has asked for a room, and the hub has asked the store.
    pub fn joins(&mut self, conn: ConnId, room: &str, since: Since) {
        let client = self.clients.get_mut(&conn).expect("only the living join");
        if client.dialect == Dialect::Plain {
            client.views.retain(|other, _| other == room);
        }
        let view = View { since, is_told: false, next: 0, people: BTreeMap::new() };
        client.views.insert(room.into(), view);
    }

    /// A connection is told something.
    pub fn hears(&mut self, world: &World, conn: ConnId, event: &Event<'static>) {
        self.count(kind_of(event));
        let people_of = |room: &str| self.people_of(room);
        match event {
            Event::Joined(e) => {
                assert_eq!(e.count as usize, people_of(&e.room).len());
                assert_eq!(listed(e.people.as_deref()), people_of(&e.room));
                self.view(conn, &e.room).joined(world, e);
            }
            Event::Who { room, people, count, .. } => {
                assert_eq!(*count as usize, people_of(room).len());
                assert_eq!(listed(people.as_deref()), people_of(room));
                self.view(conn, room).people = listed(people.as_deref());
            }
            Event::Presence(e) => {
                assert_eq!(e.count as usize, people_of(&e.room).len());
                let named = listed(Some(&e.entered)).into_keys().chain(listed(Some(&e.left)).into_keys());
                assert_ne!(named.collect::<Vec<_>>(), Vec::from_iter(self.clients[&conn].user.clone()));
                self.view(conn, &e.room).notices(e);
            }
            Event::Rooms { rooms, .. } => {
                let told: Vec<_> = rooms.iter().map(|info| info.room.to_string()).collect();
                assert_eq!(told, Vec::from_iter(self.rooms()));
                for info in rooms {
                    assert_eq!(info.count as usize, people_of(&info.room).len());
                }
            }
            Event::Reset(e) => {
                let log = &world.store.book.logs[&*e.room];
                let latest = log.last().saturating_sub(super::store::AFTER_RESET).max(log.forgotten);
                self.view(conn, &e.room).next = latest + 1;
            }
            Event::Message(e) => {
                let user = self.clients[&conn].user.clone();
                let log = &world.store.book.logs[&*e.room];
                let kept = &log.entries[e.entry.seq as usize - 1];
                assert_eq!((&*kept.text, &*kept.nick), (&*e.entry.text, &*e.entry.nick));
                assert!(e.entry.id.is_none() || user.as_deref() == Some(&*e.entry.user), "ids are one's own");
                self.view(conn, &e.room).sees(&e.entry);
            }
            Event::Stored(e) if !e.dup => {
                let views = self.clients.get_mut(&conn).map(|client| &mut client.views);
                if let Some(view) = views.and_then(|views| views.get_mut(&*e.room)) {
                    let is_live = world.is_live(conn, &e.room);
                    view.ticked(e.seq, is_live);
                    self.count(if is_live { "tick while live" } else { "tick while behind" });
                }
            }
            Event::Renamed(e) => match &e.room {
                Some(room) => {
                    assert_ne!(self.clients[&conn].user.as_deref(), Some(&*e.user), "it is news to others");
                    let known = self.view(conn, room).people.get_mut(&*e.user);
                    known.into_iter().for_each(|nick| *nick = e.nick.to_string());
                }
                None => {
                    assert_eq!(self.clients[&conn].user.as_deref(), Some(&*e.user));
                    self.is_called(&e.user, &e.nick);
                }
            },
            Event::Welcome(e) => {
                let client = self.clients.get_mut(&conn).expect("only the living are welcomed");
                let key = SessionKey::parse(&e.session).expect("a key");
                assert_eq!(text(key.user()), e.user);
                client.user = Some(e.user.to_string());
                self.nicks.insert(e.user.to_string(), e.nick.to_string());
            }
            Event::Left { room, .. } => {
                let client = self.clients.get_mut(&conn).expect("only the living leave");
                assert!(client.views.remove(&**room).is_some(), "one leaves the rooms one is in");
            }
            Event::Typing { room, .. } => assert!(self.view(conn, room).is_told),
            Event::History { room, entries, .. } => {
                let log = &world.store.book.logs[&**room];
                assert!(entries.iter().all(|entry| *log.entries[entry.seq as usize - 1].text == *entry.text));
            }
            _ => {}
        }
    }

    pub fn count(&mut self, what: &'static str) {
        *self.tally.entry(what).or_default() += 1;
    }

    /// Something was told in a room. Comers and goers at most four times a second.
    pub fn published(&mut self, now: Millis, room: &str, event: &Event<'_>) {
        let Event::Presence(_) = event else { return };
        if let Some(last) = self.presence.insert(room.into(), now) {
            assert!(now.since(last).0 >= 250, "presence in {room} at {last:?} and at {now:?}");
        }
    }

    /// What must be so between any two steps.
    pub fn check(&mut self, world: &World) {
        let rooms = self.rooms();
        self.presence.retain(|room, _| rooms.contains(room));
        let counts = world.hub.counts();
        assert_eq!(counts.connections as usize, self.clients.len());
        assert_eq!(counts.persons as usize, self.nicks.len());
        assert_eq!(counts.rooms as usize, rooms.len());
        let folded: BTreeSet<String> = self.nicks.values().map(|nick| fold(nick).collect()).collect();
        assert_eq!(folded.len(), self.nicks.len(), "no two persons have the same nick");
        for room in &rooms {
            let is_inside = |(_, client): &(&ConnId, &Client)| client.views.contains_key(room);
            let slots: BTreeSet<u32> =
                self.clients.iter().filter(is_inside).map(|(conn, _)| conn.slot).collect();
            let id = world.hub.room(room).expect("a room with people in it is resident");
            assert_eq!(world.hub.members(id), Vec::from_iter(slots), "the members of {room}");
        }
        if world.mail.is_empty() {
            self.check_nothing_is_missing(world);
        }
        if world.hub.next_deadline().is_none() {
            self.check_everybody_knows_everybody(world);
        }
    }

    /// Nothing is under way: so everybody has been told each entry up to the last, or has still to take some of it.
    fn check_nothing_is_missing(&self, world: &World) {
        for (conn, client) in &self.clients {
            for (room, view) in &client.views {
                assert!(view.is_told, "the join of {conn:?} to {room} was answered");
                if !world.is_live(*conn, room) {
                    assert!(world.is_awaited(*conn), "nobody waits until {conn:?} goes on in {room}");
                    continue;
                }
                let log = &world.store.book.logs[room];
                assert_eq!(view.next, log.last() + 1, "{conn:?} has seen all of {room}");
            }
        }
    }

    /// No news of comers and goers wait: so everybody's list of people is right who is live.
    fn check_everybody_knows_everybody(&self, world: &World) {
        for (conn, client) in &self.clients {
            for (room, view) in client.views.iter().filter(|(room, _)| world.is_live(*conn, room)) {
                assert_eq!(view.people, self.people_of(room), "whom {conn:?} believes in {room}");
            }
        }
    }

    fn view(&mut self, conn: ConnId, room: &str) -> &mut View {
        let view = self.clients.get_mut(&conn).and_then(|client| client.views.get_mut(room));
        view.unwrap_or_else(|| panic!("{conn:?} is told something in {room}, where it is not"))
    }

    fn rooms(&self) -> BTreeSet<String> {
        self.clients.values().flat_map(|client| client.views.keys().cloned()).collect()
    }

    fn people_of(&self, room: &str) -> BTreeMap<String, String> {
        let inside = self.clients.values().filter(|client| client.views.contains_key(room));
        let users = inside.filter_map(|client| client.user.clone());
        users.map(|user| (user.clone(), self.nicks[&user].clone())).collect()
    }

    /// A person has a new nick, and so has it in its own lists.
    fn is_called(&mut self, user: &str, nick: &str) {
        self.nicks.insert(user.into(), nick.into());
        let own = self.clients.values_mut().filter(|client| client.user.as_deref() == Some(user));
        for view in own.flat_map(|client| client.views.values_mut()) {
            view.people.get_mut(user).into_iter().for_each(|known| *known = nick.into());
        }
    }
}

impl View {
    fn joined(&mut self, world: &World, joined: &Joined<'_>) {
        assert!(!self.is_told, "a join is answered once");
        self.is_told = true;
        self.people = listed(joined.people.as_deref());
        let log = &world.store.book.logs[&*joined.room];
        assert_eq!((joined.first, joined.last), (log.first(), log.last()));
        assert_eq!(joined.topic.as_deref().unwrap_or_default(), &*log.topic);
        self.next = 1 + match self.since {
            Since::Last(count) => log.last().saturating_sub(count.into()).max(log.forgotten),
            Since::After { seq, .. } => seq,
        };
    }

    /// Each entry once, in order, with no gap.
    fn sees(&mut self, entry: &Entry<'_>) {
        assert!(self.is_told, "nothing before joined");
        assert_eq!(entry.seq, self.next);
        self.next += 1;
    }

    /// A tick stands for the entry itself if the connection is live. Otherwise the entry comes by page too.
    fn ticked(&mut self, seq: u64, is_live: bool) {
        if is_live {
            assert_eq!(seq, self.next, "a tick in its place");
            self.next += 1;
            return;
        }
        assert!(!self.is_told || seq >= self.next, "the tick of {seq} after {}", self.next - 1);
    }

    fn notices(&mut self, news: &Presence<'_>) {
        self.people.extend(listed(Some(&news.entered)));
        for person in news.left.iter() {
            self.people.remove(&*person.user);
        }
    }
}

fn listed(people: Option<&People>) -> BTreeMap<String, String> {
    let people = people.expect("these rooms are small enough to list");
    people.iter().map(|person| (person.user.to_string(), person.nick.to_string())).collect()
}

fn kind_of(event: &Event<'_>) -> &'static str {
    match event {
        Event::Welcome(_) => "welcome",
        Event::Joined(_) => "joined",
        Event::Reset(_) => "reset",
        Event::Message(e) if e.entry.id.is_some() => "message of one's own",
        Event::Message(_) => "message",
        Event::Stored(e) if e.dup => "tick again",
        Event::Stored(_) => "tick",
        Event::Left { .. } => "left",
        Event::Renamed(e) if e.room.is_none() => "renamed oneself",
        Event::Renamed(_) => "renamed",
        Event::Who { .. } => "who",
        Event::Rooms { .. } => "rooms",
        Event::Typing { .. } => "typing",
        Event::Presence(_) => "presence",
        Event::History { .. } => "history",
        Event::Error(e) => e.code.as_str(),
        Event::Topic { .. } => "topic",
        Event::Help => "help",
        _ => panic!("the hub tells no such thing"),
    }
}
