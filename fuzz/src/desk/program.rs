//! The program at the other end of a connection. It takes the bytes it gets, as they come, for what RFC 6455 and
//! PROTOCOL.md say they are, and panics at what may not be: a byte that is no frame, a frame behind the close, a line
//! that begins otherwise than it may, an entry out of its place. And it holds what it gets against what it is due.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use hub::input::{ConnId, Dialect, Stored};
use protocol::chat::event::{Entry, ErrorCode, Event, Joined, Kind, Message, Reset, Stored as Tick};
use protocol::chat::id::{SessionKey, text};
use protocol::chat::name::is_line_break;
use protocol::chat::request::Since;
use protocol::chat::{plain, wire};
use protocol::ws::{Decoder, Role, Rules, Step};

use super::Tally;
use super::notary::EPOCH;
use super::witness::{Due, Item, Log, Own, after};

/// A server's frames are whole, and no larger than any client is told to take.
const RULES: Rules = Rules { role: Role::Client, message: 1 << 20, fragments: 1 };

pub struct Program {
    conn: ConnId,
    /// Which dialect it means to speak.
    pub dialect: Dialect,
    stage: Stage,
    /// Whether all it sent was well-formed and whole, so that it knows what the server makes of it.
    pub is_honest: bool,
    /// What it has sent as messages that have not come to the desk.
    pub sent: VecDeque<String>,
    /// What it has sent as pings that were not answered.
    pub pings: VecDeque<Vec<u8>>,
    /// Who it is, by `welcome`.
    pub key: Option<SessionKey>,
    user: Option<String>,
    /// Plain: the room it was told it is in.
    room: Option<String>,
    pub views: BTreeMap<String, View>,
    /// Plain: how often it was told that something was not done.
    pub errors: u32,
}

enum Stage {
    /// What has come of the answer to its request.
    Head(Vec<u8>),
    Frames(Decoder),
    /// It was not upgraded.
    Page,
    /// The close frame has come.
    Closed,
}

/// What it knows of a room.
#[derive(Default)]
pub struct View {
    pub is_inside: bool,
    /// The number of the last entry it has, and all before it since it began.
    pub position: u64,
    /// Something is missing behind the position, which has to be said.
    has_gap: bool,
    /// Its own entries of which it has the tick, and which may still come by page.
    ticked: BTreeSet<u64>,
}

/// What a program reads against.
pub struct Truth<'a> {
    pub due: Option<&'a mut Due>,
    pub logs: &'a BTreeMap<String, Log>,
    pub tally: &'a mut Tally,
}

impl Program {
    pub fn new(conn: ConnId, dialect: Dialect) -> Self {
        Self {
            conn,
            dialect,
            stage: Stage::Head(Vec::new()),
            is_honest: true,
            sent: VecDeque::new(),
            pings: VecDeque::new(),
            key: None,
            user: None,
            room: None,
            views: BTreeMap::new(),
            errors: 0,
        }
    }

    /// Whether it was sent a close frame.
    pub fn is_closed(&self) -> bool {
        matches!(self.stage, Stage::Closed)
    }

    /// Takes in what has come.
    pub fn takes(&mut self, bytes: Vec<u8>, truth: &mut Truth<'_>) {
        let mut bytes = bytes;
        if let Stage::Head(head) = &mut self.stage {
            head.append(&mut bytes);
            let Some(end) = head.windows(4).position(|four| four == b"\r\n\r\n") else { return };
            bytes = head.split_off(end + 4);
            let is_upgraded = head.starts_with(b"HTTP/1.1 101 ");
            assert!(is_upgraded || head.starts_with(b"HTTP/1.1 "), "{}", head.escape_ascii());
            assert_eq!(is_upgraded, truth.due.is_some(), "{:?}: {}", self.conn, head.escape_ascii());
            self.stage = if is_upgraded { Stage::Frames(Decoder::new()) } else { Stage::Page };
            truth.count(if is_upgraded { "upgraded" } else { "page or refusal" });
        }
        let mut input = &mut bytes[..];
        while !input.is_empty() {
            let Stage::Frames(decoder) = &mut self.stage else {
                assert!(!self.is_closed(), "{:?}: {} behind the close", self.conn, input.escape_ascii());
                return;
            };
            match decoder.next(&RULES, &mut input) {
                Ok(Some(step)) => {
                    let step = step.into_owned();
                    self.step(step, truth);
                }
                Ok(None) => return,
                Err(violation) => panic!("{:?}: {violation}", self.conn),
            }
        }
    }

    fn step(&mut self, step: Step<'_>, truth: &mut Truth<'_>) {
        let dialect = truth.due().dialect;
        match (step, dialect) {
            (Step::Text(json), Dialect::V1) => match wire::read_event(&json) {
                Ok(event) => self.hears(&event, &json, truth),
                Err(fault) => panic!("{:?}: {fault}: {json}", self.conn),
            },
            (Step::Text(lines), Dialect::Plain) => self.reads(&lines, truth),
            (Step::Pong(payload), _) => {
                let ping = self.pings.pop_front();
                assert!(!self.is_honest || ping.as_deref() == Some(&*payload), "the answer to {ping:?}");
                truth.count("pong");
            }
            (Step::Close(frame), _) => {
                self.stage = Stage::Closed;
                truth.count(match frame.map(|frame| frame.code.0) {
                    None | Some(1000) => "close: bye",
                    Some(1003) => "close: binary",
                    Some(1013) => "close: too slow",
                    Some(_) => "close: violation, or as it was asked",
                });
            }
            (Step::Ping(_) | Step::Binary(_), _) => panic!("{:?}: nobody sends such a frame", self.conn),
        }
    }

    /// An event of `snug.v1`.
    fn hears(&mut self, event: &Event<'_>, json: &str, truth: &mut Truth<'_>) {
        let conn = self.conn;
        truth.count(kind_of(event));
        match event {
            Event::Welcome(e) => {
                self.key = SessionKey::parse(&e.session);
                self.user = Some(e.user.to_string());
                assert_eq!(self.key.map(|key| text(key.user())), self.user);
                truth.answer(conn, e.id.as_deref());
            }
            Event::Joined(e) => self.joined(e, truth),
            Event::Reset(e) => self.reset(e, truth),
            Event::Message(e) => self.message(e, json, truth),
            Event::Stored(e) => self.tick(e, truth),
            Event::Left { id, room } => {
                let due = truth.item(conn, room);
                assert_eq!(due, Item::Left { id: id.as_deref().map(Into::into) }, "{conn:?}: {json}");
                self.inside(room, json).is_inside = false;
            }
            Event::Who { id, room, .. } => {
                self.inside(room, json);
                if id.is_none() && truth.due().rooms.get(&**room).and_then(VecDeque::front) == Some(&Item::CaughtUp) {
                    truth.item(conn, room);
                    truth.count("caught up");
                } else {
                    truth.answer(conn, id.as_deref());
                }
            }
            Event::Renamed(e) => match &e.room {
                Some(room) => drop(self.inside(room, json)),
                None => truth.answer(conn, e.id.as_deref()),
            },
            Event::Rooms { id, .. } => truth.answer(conn, id.as_deref()),
            Event::Typing { room, .. } => drop(self.inside(room, json)),
            Event::Presence(e) => drop(self.inside(&e.room, json)),
            Event::History { id, room, entries } => {
                let seqs = entries.iter().map(|entry| entry.seq).collect();
                let id = id.as_deref().map(Into::into);
                let got = Own::History { id, room: room.to_string(), entries: seqs };
                assert_eq!(truth.due().own.pop_front(), Some(got), "{conn:?}: {json}");
                entries.iter().for_each(|entry| self.compare(room, entry, truth));
            }
            Event::Error(e) => {
                assert_ne!(e.code, ErrorCode::Unknown, "{json}");
                let Some(id) = e.id.as_deref() else { return };
                let due = truth.due().own.pop_front();
                let is_due = matches!(&due, Some(Own::Answer { id: due } | Own::Error { id: due }) if due == id);
                assert!(is_due, "{conn:?} is due {due:?}: {json}");
            }
            _ => panic!("{conn:?} is told something that has no place in this dialect: {json}"),
        }
    }

    fn joined(&mut self, e: &Joined<'_>, truth: &mut Truth<'_>) {
        let due = truth.item(self.conn, &e.room);
        let Item::Joined { id, since, first, last } = due else {
            panic!("{:?} is due {due:?}, not {e:?}", self.conn)
        };
        assert_eq!((e.id.as_deref(), e.first, e.last), (id.as_deref(), first, last), "{:?}", self.conn);
        let newest = truth.logs.get(&*e.room).and_then(|log| Some(*log.last_key_value()?.0)).unwrap_or(0);
        assert!(last <= newest || first == 0, "what is kept was said");

        let view = self.views.entry(e.room.to_string()).or_default();
        view.is_inside = true;
        (view.position, view.has_gap) = match since {
            Since::Last(0) => (last, false),
            Since::Last(_) if first == 0 => (last, false),
            Since::Last(count) => (last.saturating_sub(count.into()).max(first - 1), false),
            Since::After { epoch, seq } => {
                let next = after(truth.logs, &e.room, seq).filter(|next| *next <= last);
                let is_gone = next.is_some_and(|next| first == 0 || next < first);
                (seq, epoch != EPOCH || seq > last || is_gone)
            }
        };
    }

    fn reset(&mut self, e: &Reset<'_>, truth: &mut Truth<'_>) {
        let due = truth.item(self.conn, &e.room);
        let got = Item::Reset { reason: e.reason, first: e.first, last: e.last };
        assert_eq!(due, got, "{:?} in {}", self.conn, e.room);
        let view = self.views.get_mut(&*e.room).expect("where it is");
        // A position that is followed by an entry that is kept is still good.
        let is_good = view.position + 1 == e.first && !view.has_gap;
        assert!(!is_good, "{:?} in {}: a needless reset at {}", self.conn, e.room, view.position);
        view.position = if e.first == 0 { e.last } else { e.first - 1 };
        view.has_gap = false;
    }

    fn message(&mut self, e: &Message<'_>, json: &str, truth: &mut Truth<'_>) {
        let (conn, seq) = (self.conn, e.entry.seq);
        assert_eq!(truth.item(conn, &e.room), Item::Entry(seq), "{conn:?}: {json}");
        self.compare(&e.room, &e.entry, truth);
        let view = self.inside(&e.room, json);
        assert!(!view.has_gap, "{conn:?}: nothing is left out silently: {json}");
        if view.ticked.remove(&seq) && seq <= view.position {
            return truth.count("entry after its tick");
        }
        let next = after(truth.logs, &e.room, view.position);
        assert_eq!(next, Some(seq), "{conn:?} after {}: {json}", view.position);
        view.position = seq;
    }

    /// In the entry's place it stands for the entry. Otherwise the entry comes too, if the program is in the room.
    fn tick(&mut self, e: &Tick<'_>, truth: &mut Truth<'_>) {
        let conn = self.conn;
        let first = &truth.logs[&*e.room][&e.seq];
        assert_eq!(e.id.as_deref(), first.id.as_ref().map(|id| id.as_str()), "{conn:?}: {e:?}");
        let next = |position: u64| after(truth.logs, &e.room, position);
        let mut view = self.views.get_mut(&*e.room).filter(|view| view.is_inside);
        let due = truth.due.as_mut().expect("it is told something");
        let queue = due.rooms.get_mut(&*e.room);
        if let (false, Some(queue)) = (e.dup, queue.filter(|queue| queue.front() == Some(&Item::Tick(e.seq)))) {
            queue.pop_front();
            let view = view.expect("a tick in its place, where it is");
            assert_eq!(next(view.position), Some(e.seq), "{conn:?} after {}: {e:?}", view.position);
            view.position = e.seq;
            return;
        }
        let got = Own::Tick { room: e.room.to_string(), seq: e.seq, dup: e.dup };
        assert_eq!(due.own.pop_front(), Some(got), "{conn:?}: {e:?}");
        if let (false, Some(view)) = (e.dup, &mut view) {
            view.ticked.insert(e.seq);
            if next(view.position) == Some(e.seq) && !view.has_gap {
                view.position = e.seq;
            }
            truth.count("tick while behind");
        }
    }

    /// An entry is what it was when it was stored. Only its author sees its `id`.
    fn compare(&self, room: &str, got: &Entry<'_>, truth: &Truth<'_>) {
        let stored = &truth.logs[room][&got.seq];
        let is_own = self.user.as_deref() == Some(&*text(stored.user));
        assert_eq!(*got, entry(stored, is_own), "{:?} in {room}", self.conn);
    }

    fn inside(&mut self, room: &str, told: &str) -> &mut View {
        let view = self.views.get_mut(room).filter(|view| view.is_inside);
        view.unwrap_or_else(|| panic!("{:?} is told of {room}, where it is not: {told}", self.conn))
    }

    /// A frame of the plain dialect.
    fn reads(&mut self, frame: &str, truth: &mut Truth<'_>) {
        let conn = self.conn;
        for line in frame.split(is_line_break) {
            let begins = ["<", "* ", "! ", "+ "].iter().any(|begin| line.starts_with(begin));
            assert!(begins, "{conn:?}: {line:?} in {frame:?}");
        }
        if frame.starts_with("! ") {
            self.errors += 1;
            return truth.count("plain error");
        }
        if let Some(seq) = frame.strip_prefix("+ ") {
            return self.plain_tick(seq.parse().expect("a number"), truth);
        }
        if frame.starts_with("* you are in ") {
            return self.enters(frame, truth);
        }
        let room = self.room.clone().unwrap_or_default();
        let due = truth.due.as_deref().expect("it is told something");
        let shown = match due.rooms.get(&room).and_then(VecDeque::front) {
            Some(Item::Entry(seq)) => lines(&Event::Message(Message {
                room: room.as_str().into(),
                entry: entry(&truth.logs[&room][seq], false),
            })),
            Some(Item::Reset { reason, first, last }) => {
                let (reason, first, last) = (*reason, *first, *last);
                lines(&Event::Reset(Reset { room: room.as_str().into(), reason, first, last }))
            }
            _ => String::new(),
        };
        if frame == shown {
            truth.item(conn, &room);
            return truth.count("plain entry");
        }
        assert!(!frame.starts_with('<'), "{conn:?} in {room:?} is due {shown:?}, not {frame:?}");
        assert!(!frame.starts_with("* topic by "), "{conn:?} in {room:?} is due {shown:?}, not {frame:?}");
    }

    fn enters(&mut self, frame: &str, truth: &mut Truth<'_>) {
        let due = truth.due();
        let is_meant = |room: &str| frame.starts_with(&format!("* you are in {room}; "));
        let room = due.rooms.keys().find(|room| is_meant(room)).cloned();
        let room = room.unwrap_or_else(|| panic!("{:?} did not go there: {frame:?}", self.conn));
        for (other, queue) in due.rooms.iter().filter(|(other, _)| **other != room) {
            assert!(queue.is_empty(), "{:?} went from {other} before it was told {queue:?}", self.conn);
        }
        let due = truth.item(self.conn, &room);
        assert!(matches!(due, Item::Joined { .. }), "{:?} is due {due:?}, not {frame:?}", self.conn);
        self.room = Some(room);
        truth.count("plain room");
    }

    fn plain_tick(&mut self, seq: u64, truth: &mut Truth<'_>) {
        truth.count("plain tick");
        let due = truth.due();
        let room = self.room.as_ref().and_then(|room| due.rooms.get_mut(room));
        if let Some(queue) = room.filter(|queue| queue.front() == Some(&Item::Tick(seq))) {
            queue.pop_front();
            return;
        }
        let own = due.own.pop_front();
        let is_due = matches!(&own, Some(Own::Tick { seq: due, .. }) if *due == seq);
        assert!(is_due, "{:?} is due {own:?}, not the tick of {seq}", self.conn);
    }
}

impl Truth<'_> {
    fn due(&mut self) -> &mut Due {
        self.due.as_mut().expect("only the upgraded are told something")
    }

    /// What a connection is to be told next of a room.
    fn item(&mut self, conn: ConnId, room: &str) -> Item {
        let item = self.due().rooms.get_mut(room).and_then(VecDeque::pop_front);
        item.unwrap_or_else(|| panic!("{conn:?} is due nothing in {room}"))
    }

    /// A request with this `id`, if it had one, was answered.
    fn answer(&mut self, conn: ConnId, id: Option<&str>) {
        let Some(id) = id else { return };
        let due = self.due().own.pop_front();
        assert_eq!(due, Some(Own::Answer { id: id.into() }), "{conn:?}");
    }

    fn count(&mut self, what: &'static str) {
        *self.tally.entry(what).or_default() += 1;
    }
}

fn entry(stored: &Stored, is_own: bool) -> Entry<'_> {
    Entry {
        seq: stored.seq,
        user: text(stored.user).into(),
        nick: (&*stored.nick).into(),
        text: (&*stored.text).into(),
        time: stored.time,
        kind: stored.kind,
        id: stored.id.as_ref().filter(|_| is_own).map(|id| id.as_str().into()),
    }
}

fn lines(event: &Event<'_>) -> String {
    let mut lines = String::new();
    plain::write(event, &mut lines);
    lines
}

fn kind_of(event: &Event<'_>) -> &'static str {
    match event {
        Event::Welcome(_) => "welcome",
        Event::Joined(_) => "joined",
        Event::Reset(_) => "reset",
        Event::Message(e) if e.entry.kind == Kind::Topic => "topic",
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
        _ => "unknown",
    }
}
