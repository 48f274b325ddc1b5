//! Plays a story: a script of what connections ask and are told. Owns the notation. Each action is done, what it leads
//! to is written below it, and the result must be the script itself.
//!
//! ```text
//! NAME opens plain|v1 [ROOM] [nick=NICK] [key=N] [last=N]      NAME closes      N ms pass
//! NAME > REQUEST [#ID]      the store is slow | is full | answers N | forgets ROOM up to N      -- a remark
//! NAME < EVENT [#ID]        NAME is hung up on                NAME has the slot of NAME
//! NAME stops reading        NAME lags                         NAME has read all
//! ```
//!
//! Connections read at once what they are told, but for those that stop: then the server tells the hub that they lag
//! when the story says so, and the hub learns that they have read all (if it wants to know) when the story says so.

use std::collections::BTreeMap;

use hub::Settings;
use hub::input::{ConnId, Dialect};
use protocol::chat::event::{Durability, Entry, Event, Kind, RoomInfo};
use protocol::chat::id::SessionKey;
use protocol::chat::name::{Nick, RoomName, Text};
use protocol::chat::people::People;
use protocol::chat::request::{Request, Since};
use protocol::time::Span;

use super::{EPOCH, World};

/// Plays the script and compares.
pub fn story(script: &str) {
    let script: Vec<&str> = script.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let mut teller = Teller::new();
    let mut transcript = Vec::new();
    for line in script.iter().filter(|line| !is_outcome(line)) {
        transcript.push((*line).to_string());
        teller.act(line);
        transcript.append(&mut teller.outcome());
    }
    let (played, written) = (transcript.join("\n"), script.join("\n"));
    if played == written {
        return;
    }
    let same = transcript.iter().zip(&script).take_while(|(a, b)| a == b).count();
    let differs = transcript.get(same..).unwrap_or_default().join("\n");
    panic!("the story goes otherwise after line {same} ({:?}):\n{differs}\n", script[same.max(1) - 1]);
}

fn is_outcome(line: &str) -> bool {
    line.split_whitespace().nth(1) == Some("<") || line.ends_with(" is hung up on")
}

struct Teller {
    world: World,
    names: BTreeMap<String, ConnId>,
    store_is_slow: bool,
}

impl Teller {
    fn new() -> Self {
        let settings = Settings {
            rooms_per_connection: 3,
            connections_per_person: 3,
            rooms: 5,
            ..Settings::new(EPOCH, Durability::Memory, "snug", 1)
        };
        Self { world: World::with(settings), names: BTreeMap::new(), store_is_slow: false }
    }

    fn act(&mut self, line: &str) {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            ["--", ..] => return,
            ["the", "store", "is", "slow"] => self.store_is_slow = true,
            ["the", "store", "is", "full"] => self.world.store.is_full = true,
            ["the", "store", "answers", count] => {
                (0..number(count)).for_each(|_| assert!(self.world.answer(), "there is mail"));
            }
            ["the", "store", "forgets", room, "up", "to", seq] => {
                self.world.store.book.logs.get_mut(*room).unwrap().forgotten = number(seq);
            }
            [name, "stops", "reading"] => self.world.slow_down(self.names[*name]),
            [name, "lags"] => self.world.lag(self.names[*name]),
            [name, "has", "read", "all"] => {
                self.world.take(self.names[*name], usize::MAX);
            }
            [time, "ms", "pass"] => self.world.pass(Span(number(time))),
            [name, "opens", dialect, rest @ ..] => self.open(name, dialect, rest),
            [name, "closes"] => self.world.close(self.names[*name]),
            [name, "has", "the", "slot", "of", other] => {
                assert_eq!(self.names[*name].slot, self.names[*other].slot);
                assert_ne!(self.names[*name], self.names[*other]);
            }
            [name, ">", ..] => self.ask(name, line.split_once("> ").unwrap().1),
            _ => panic!("no such line in a story: {line}"),
        }
        while !self.store_is_slow && self.world.answer() {}
        self.world.pass(Span(0));
    }

    fn open(&mut self, name: &str, dialect: &str, rest: &[&str]) {
        let option = |key: &str| rest.iter().find_map(|word| word.strip_prefix(key)?.strip_prefix('='));
        let dialect = if dialect == "plain" { Dialect::Plain } else { Dialect::V1 };
        let room = rest.iter().find(|word| !word.contains('=')).copied();
        let last = option("last").map_or(0, number) as u32;
        let own = 100 + self.names.len() as u64;
        let secret = key(option("key").map_or(own, number));
        let conn = self.world.open(dialect, option("nick"), room, last, secret);
        self.names.insert(name.into(), conn);
    }

    fn ask(&mut self, name: &str, line: &str) {
        let (line, id) = match line.rsplit_once('#') {
            Some((line, id)) => (line.trim(), Some(id)),
            None => (line, None),
        };
        self.world.ask(self.names[name], id, request(line));
    }

    fn outcome(&mut self) -> Vec<String> {
        let name = |conn: &ConnId| self.names.iter().find(|(_, other)| *other == conn).unwrap().0.clone();
        let told = self.world.told.iter().map(|(conn, event)| format!("{} < {}", name(conn), shown(event)));
        let hung_up = self.world.hung_up.iter().map(|conn| format!("{} is hung up on", name(conn)));
        let lines = told.chain(hung_up).collect();
        self.world.told.clear();
        self.world.hung_up.clear();
        lines
    }
}

fn number(text: &str) -> u64 {
    text.parse().unwrap_or_else(|_| panic!("{text} is not a number"))
}

fn key(number: u64) -> SessionKey {
    SessionKey(u128::from(number).to_le_bytes())
}

/// `hello [NICK] [key=N]`, `join ROOM [last N | after SEQ]`, `say [ROOM]: TEXT`, and so on.
fn request(line: &str) -> Request<'_> {
    let (head, text) = match line.split_once(':') {
        Some((head, text)) => (head, Some(text.trim())),
        None => (line, None),
    };
    let words: Vec<&str> = head.split_whitespace().collect();
    let named = words.get(1).and_then(|name| RoomName::new(*name).ok());
    let said = || Text::new(text.unwrap()).unwrap();
    match words.as_slice() {
        ["hello", rest @ ..] => Request::Hello {
            nick: rest.iter().find(|word| !word.contains('=')).map(|nick| Nick::new(*nick).unwrap()),
            session: rest.iter().find_map(|word| word.strip_prefix("key=")).map(|n| key(number(n))),
        },
        ["join", _, rest @ ..] => {
            let since = match rest {
                ["last", count] => Since::Last(number(count) as u32),
                ["after", seq] => Since::After { epoch: EPOCH, seq: number(seq) },
                _ => Since::Last(2),
            };
            Request::Join { room: named.unwrap(), since }
        }
        ["leave", ..] => Request::Leave { room: named },
        ["say", ..] => Request::Say { room: named, text: said(), action: false },
        ["me", ..] => Request::Say { room: named, text: said(), action: true },
        ["nick", nick] => Request::Nick { nick: Nick::new(*nick).unwrap() },
        ["topic", ..] => Request::Topic { room: named, text: text.map(|text| Text::topic(text).unwrap()) },
        ["who", ..] => Request::Who { room: named },
        ["rooms"] => Request::Rooms,
        ["typing", ..] => Request::Typing { room: named },
        ["history", _, "before", seq] => {
            Request::History { room: named.unwrap(), before: number(seq), limit: 50 }
        }
        ["help"] => Request::Help,
        ["quit"] => Request::Quit,
        _ => panic!("no such request in a story: {line}"),
    }
}

fn shown(event: &Event<'_>) -> String {
    let (text, id) = match event {
        Event::Welcome(e) => (format!("you are {}", e.nick), &e.id),
        Event::Joined(e) => {
            let about = e.topic.as_ref().map(|topic| format!("; about {topic}")).unwrap_or_default();
            (format!("joined {}: {}; last {}{about}", e.room, people(e.people.as_deref()), e.last), &e.id)
        }
        Event::Reset(e) => (format!("reset {}: {:?}, last {}", e.room, e.reason, e.last), &None),
        Event::Message(e) => (format!("{} {}", e.room, entry(&e.entry)), &None),
        Event::Stored(e) => {
            (format!("stored {} {}{}", e.room, e.seq, if e.dup { " again" } else { "" }), &e.id)
        }
        Event::Left { id, room } => (format!("left {room}"), id),
        Event::Renamed(e) => match &e.room {
            None => (format!("you are now {}", e.nick), &e.id),
            Some(room) => (format!("{room}: {} is now {}", e.was, e.nick), &e.id),
        },
        Event::Who { id, room, people: who, .. } => (format!("who {room}: {}", people(who.as_deref())), id),
        Event::Rooms { id, rooms } => (format!("rooms: {}", list(rooms.iter().map(info), ", ")), id),
        Event::Typing { room, nick, .. } => (format!("{room}: {nick} is typing"), &None),
        Event::Presence(e) => {
            let some = |who: &People, verb| match who.is_empty() {
                true => String::new(),
                false => format!("{} {verb}, ", people(Some(who))),
            };
            let (entered, left) = (some(&e.entered, "entered"), some(&e.left, "left"));
            (format!("{}: {entered}{left}{} here", e.room, e.count), &None)
        }
        Event::History { id, room, entries } => {
            (format!("history {room}: {}", list(entries.iter().map(entry), ", ")), id)
        }
        Event::Error(e) => (format!("error {}: {}", e.code, e.text), &e.id),
        Event::Topic { room, text } => (format!("topic of {room}: {text}"), &None),
        Event::Help => ("help".into(), &None),
        other => panic!("no story tells {other:?}"),
    };
    id.as_ref().map_or(text.clone(), |id| format!("{text} #{id}"))
}

fn entry(entry: &Entry<'_>) -> String {
    let Entry { seq, nick, text, id, .. } = entry;
    let said = match entry.kind {
        Kind::Talk => format!("{seq} {nick}: {text}"),
        Kind::Me => format!("{seq} * {nick} {text}"),
        Kind::Topic => format!("{seq} topic by {nick}: {text}"),
        Kind::Unknown => panic!("the hub makes no such entry"),
    };
    id.as_ref().map_or(said.clone(), |id| format!("{said} #{id}"))
}

fn info(info: &RoomInfo<'_>) -> String {
    let topic = info.topic.as_ref().map(|topic| format!(" ({topic})")).unwrap_or_default();
    format!("{} {}{topic}", info.room, info.count)
}

fn people(people: Option<&People>) -> String {
    people.map_or("many".into(), |people| list(people.iter().map(|person| person.nick.to_string()), " "))
}

fn list(items: impl Iterator<Item = String>, between: &str) -> String {
    items.collect::<Vec<_>>().join(between)
}
