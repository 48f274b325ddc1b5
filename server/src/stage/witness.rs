//! Who sits behind one connection and complains: what it hears must be an answer to what it asked, once, or an entry of
//! a room it is in, in its turn. What others were told is in the [`Chronicle`], and has to be the same.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use protocol::chat::event::{Entry, Event, Joined, Stored};
use protocol::chat::request::{Envelope, Request, Since};

use super::ear::{Ear, Heard};

/// What was said in all rooms, as far as anybody was told.
#[derive(Debug, Default)]
pub struct Chronicle {
    /// Who said what, by room and number.
    entries: BTreeMap<(String, u64), (String, String)>,
    /// The highest number anybody was told of.
    last: BTreeMap<String, u64>,
}

/// See the module's head.
#[derive(Debug, Default)]
pub struct Witness {
    ear: Ear,
    /// What was asked and not answered, by id.
    asked: BTreeMap<String, VecDeque<Request<'static>>>,
    /// The payloads of the pings that were sent and not answered.
    pings: VecDeque<Vec<u8>>,
    /// Its number among all who ever called.
    pub number: usize,
    /// It enters a room by its path, without asking.
    pub enters_by_path: bool,
    /// It asks by one HTTP request, to which an answer is one of these; empty for who wants a WebSocket.
    pub answers: &'static [(u16, &'static str)],
    /// Lines of the plain dialect, each of which may be ticked or refused.
    pub lines: usize,
    /// It says whatever comes to its mind, so it may be told things it did not mean to ask.
    pub is_careless: bool,
    /// Who it is, by `welcome`.
    user: Option<String>,
    /// The key of its person.
    pub session: Option<String>,
    rooms: BTreeMap<String, Progress>,
    /// By author: the last word a plain connection has heard.
    words: BTreeMap<usize, usize>,
    /// It is told nothing more.
    pub has_ended: bool,
    /// How much it was told of each thing.
    pub heard: BTreeMap<&'static str, u64>,
}

/// How far a room's log has been read: PROTOCOL.md, section 5.
#[derive(Debug, Default)]
struct Progress {
    seq: Option<u64>,
    /// Its own entries of which it had the tick and not the entry, which may come or not.
    ticked: BTreeSet<u64>,
}

impl Chronicle {
    fn entry(&mut self, room: &str, seq: u64, user: &str, text: &str) {
        self.reaches(room, seq);
        let said = (user.to_owned(), text.to_owned());
        let known = self.entries.entry((room.to_owned(), seq)).or_insert_with(|| said.clone());
        assert_eq!(*known, said, "all are told the same of {room} {seq}");
    }

    fn reaches(&mut self, room: &str, seq: u64) {
        let last = self.last.entry(room.to_owned()).or_default();
        *last = seq.max(*last);
    }
}

impl Witness {
    /// The `number`-th who calls.
    #[must_use]
    pub fn new(number: usize) -> Self {
        // The path of a plain connection may be refused like a line.
        Self { number, lines: 1, ..Self::default() }
    }

    /// It asks for something.
    pub fn asks(&mut self, envelope: Envelope<'static>) {
        if let Some(id) = envelope.id {
            self.asked.entry(id.to_string()).or_default().push_back(envelope.request);
        }
    }

    /// It sends a ping.
    pub fn pings(&mut self, payload: &[u8]) {
        self.pings.push_back(payload.to_vec());
    }

    /// Whether it is in any room.
    #[must_use]
    pub fn is_inside(&self) -> bool {
        !self.rooms.is_empty()
    }

    /// How far it has read there.
    #[must_use]
    pub fn position(&self, room: &str) -> Option<u64> {
        self.rooms.get(room)?.seq
    }

    /// It hears bytes.
    ///
    /// # Panics
    /// At whatever it must not hear.
    pub fn hears(&mut self, bytes: &[u8], chronicle: &mut Chronicle) {
        for heard in self.ear.hear(bytes) {
            assert!(!self.has_ended, "after the end: {heard:?}");
            let what = match heard {
                Heard::Answer(status) => {
                    self.has_ended = status != 101;
                    match self.answers.iter().find(|(known, _)| *known == status) {
                        Some((_, what)) => what,
                        // Or it was turned away at the door, or memory was short.
                        None if self.answers.is_empty() || status == 503 => {
                            if self.has_ended {
                                "page"
                            } else {
                                "upgrade"
                            }
                        }
                        None => panic!("it is answered with {status}"),
                    }
                }
                Heard::Close(_) => {
                    self.has_ended = true;
                    "close"
                }
                Heard::Ping(_) => "ping",
                Heard::Pong(payload) => {
                    self.pong(&payload);
                    "pong"
                }
                Heard::Line(line) => self.line(&line),
                Heard::Event(event) => self.event(&event, chronicle),
            };
            *self.heard.entry(what).or_default() += 1;
        }
    }

    /// Nothing is under way any more, so whoever has a position has the last.
    ///
    /// # Panics
    /// If it has not.
    pub fn has_missed_nothing(&self, chronicle: &Chronicle) {
        for (room, progress) in &self.rooms {
            let last = chronicle.last.get(room).copied().unwrap_or_default();
            assert!(progress.seq.is_none_or(|seq| seq == last), "{:?} of {last} in {room}", progress.seq);
        }
    }

    /// Not every ping is answered, but each answer is to one of its own pings, in their order.
    fn pong(&mut self, payload: &[u8]) {
        let place = self.pings.iter().position(|ping| ping == payload);
        assert!(place.is_some() || self.is_careless, "a pong for another: {}", payload.escape_ascii());
        self.pings.drain(..place.map_or(0, |place| place + 1));
    }

    /// A line of the plain dialect. Words are `AUTHOR:NUMBER`, and nobody hears its own.
    fn line(&mut self, line: &str) -> &'static str {
        let said = line.strip_prefix('<').and_then(|line| line.split_once("> "));
        if let Some((_, text)) = said {
            let word = text.split_once(':').and_then(|(a, n)| Some((a.parse().ok()?, n.parse().ok()?)));
            let Some((author, number)) = word else { return "line" };
            assert!(author != self.number || self.is_careless, "its own word: {line}");
            let last = self.words.insert(author, number);
            assert!(last.is_none_or(|last| last < number), "{author}:{number} after {last:?}");
            return "line";
        }
        if line.starts_with("* ") {
            return "notice";
        }
        let is_answer = self.lines > 0;
        assert!(is_answer || self.is_careless, "an answer to nothing: {line}");
        self.lines = self.lines.saturating_sub(1);
        if line.starts_with("+ ") { "plain tick" } else { "plain error" }
    }

    fn event(&mut self, event: &Event<'_>, chronicle: &mut Chronicle) -> &'static str {
        match event {
            Event::Welcome(e) => {
                let asked = self.answered(e.id.as_deref(), event);
                if let Some(Request::Hello { session: Some(key), .. }) = asked {
                    assert_eq!(e.session, key.to_string(), "the person it wanted to be");
                }
                self.user = Some(e.user.to_string());
                self.session = Some(e.session.to_string());
                "welcome"
            }
            Event::Joined(e) => {
                let by_path = e.id.is_none() && std::mem::take(&mut self.enters_by_path);
                let asked = if by_path { None } else { self.answered(e.id.as_deref(), event) };
                self.joined(e, asked, chronicle);
                "joined"
            }
            Event::Stored(e) => {
                let asked = self.answered(e.id.as_deref(), event);
                self.stored(e, asked, chronicle);
                if e.dup { "resent" } else { "tick" }
            }
            Event::Left { id, room } => {
                self.answered(id.as_deref(), event);
                self.rooms.remove(&**room);
                "left"
            }
            Event::Renamed(e) if e.id.is_none() => "renamed",
            Event::Renamed(e) => {
                self.answered(e.id.as_deref(), event);
                "new nick"
            }
            Event::Who { id: None, .. } => "who, caught up",
            Event::Who { id, .. } | Event::Rooms { id, .. } => {
                self.answered(id.as_deref(), event);
                "list"
            }
            Event::History { id, room, entries } => {
                self.answered(id.as_deref(), event);
                entries.iter().for_each(|entry| self.entry(room, entry, chronicle));
                "history"
            }
            Event::Error(e) => {
                self.answered(e.id.as_deref(), event);
                e.code.as_str()
            }
            Event::Reset(e) => {
                *self.room(&e.room) = Progress::default();
                "reset"
            }
            Event::Message(e) => {
                self.entry(&e.room, &e.entry, chronicle);
                self.room(&e.room).message(e.entry.seq);
                "message"
            }
            Event::Presence(e) => {
                self.room(&e.room);
                "presence"
            }
            Event::Typing { room, .. } => {
                self.room(room);
                "typing"
            }
            other => panic!("it is told {other:?}"),
        }
    }

    /// What it had asked with this id, and not been told before.
    fn answered(&mut self, id: Option<&str>, event: &Event<'_>) -> Option<Request<'static>> {
        let waiting = id.and_then(|id| self.asked.get_mut(id));
        let asked = waiting.and_then(|waiting| {
            // Errors overtake what waits for the store.
            let fits = |asked: &Request<'_>| matches!(event, Event::Error(_)) || answers(event, asked);
            let place = waiting.iter().position(fits)?;
            waiting.remove(place)
        });
        assert!(asked.is_some() || self.is_careless, "it has not asked for {event:?}");
        asked
    }

    fn joined(&mut self, e: &Joined<'_>, asked: Option<Request<'static>>, chronicle: &mut Chronicle) {
        chronicle.reaches(&e.room, e.last);
        let seq = match asked {
            Some(Request::Join { room, since }) => {
                assert_eq!(room.as_str(), e.room);
                match since {
                    Since::After { seq, .. } => Some(seq),
                    Since::Last(_) => None,
                }
            }
            _ => None,
        };
        self.rooms.entry(e.room.to_string()).or_default().seq = seq;
    }

    fn stored(&mut self, e: &Stored<'_>, asked: Option<Request<'static>>, chronicle: &mut Chronicle) {
        chronicle.reaches(&e.room, e.seq);
        let said = match &asked {
            Some(Request::Say { room: Some(room), text, .. }) => Some((room, text)),
            Some(Request::Topic { room: Some(room), text: Some(text) }) => Some((room, text)),
            _ => None,
        };
        if let Some((room, text)) = said {
            assert_eq!(room.as_str(), e.room);
            let user = self.user.clone().expect("who says something is somebody");
            chronicle.entry(&e.room, e.seq, &user, text.as_str());
        }
        if let Some(progress) = self.rooms.get_mut(&*e.room) {
            progress.tick(e.seq);
        }
    }

    fn entry(&self, room: &str, entry: &Entry<'_>, chronicle: &mut Chronicle) {
        chronicle.entry(room, entry.seq, &entry.user, &entry.text);
        let is_own = self.user.as_deref() == Some(&*entry.user);
        assert!(is_own || entry.id.is_none(), "the id of another's entry: {entry:?}");
    }

    fn room(&mut self, name: &str) -> &mut Progress {
        let is_inside = self.rooms.contains_key(name);
        assert!(is_inside, "it is not in {name}");
        self.rooms.entry(name.to_owned()).or_default()
    }
}

impl Progress {
    fn message(&mut self, seq: u64) {
        let had_the_tick = self.ticked.remove(&seq);
        match self.seq {
            Some(last) if seq <= last => assert!(had_the_tick, "{seq} came again after {last}"),
            Some(last) => {
                assert_eq!(seq, last + 1, "nothing is missing between {last} and {seq}");
                self.seq = Some(seq);
            }
            None => self.seq = Some(seq),
        }
    }

    fn tick(&mut self, seq: u64) {
        self.ticked.insert(seq);
        if self.seq.is_some_and(|last| seq == last + 1) {
            self.seq = Some(seq);
        }
    }
}

fn answers(event: &Event<'_>, asked: &Request<'_>) -> bool {
    use Request::{Hello, History, Join, Leave, Nick, Rooms, Say, Topic, Who};
    match event {
        Event::Welcome(_) => matches!(asked, Hello { .. }),
        Event::Joined(_) => matches!(asked, Join { .. }),
        Event::Stored(_) => matches!(asked, Say { .. } | Topic { .. }),
        Event::Left { .. } => matches!(asked, Leave { .. }),
        Event::Renamed(_) => matches!(asked, Nick { .. }),
        Event::Who { .. } => matches!(asked, Who { .. }),
        Event::Rooms { .. } => matches!(asked, Rooms),
        Event::History { .. } => matches!(asked, History { .. }),
        _ => false,
    }
}
