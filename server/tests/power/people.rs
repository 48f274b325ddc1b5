//! Those who talk, and what each knows: what it was ticked, and what it heard. They come back after every cut, as
//! PROTOCOL.md says a client does: with their position, and with what has no tick.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::fmt;
use std::net::SocketAddr;
use std::time::Instant;

use serde_json::{Value, json};

use crate::support::chance::Chance;
use crate::support::crowd::{Crowd, Heard};
use crate::support::peer::{frame, upgrade};
use crate::support::{Client, PATIENCE};

const PEOPLE: [(&str, &str); 5] =
    [("ann", "kitchen"), ("ben", "kitchen"), ("cleo", "kitchen"), ("dora", "attic"), ("emil", "attic")];

/// So many lines of one person wait for their ticks at most.
const AHEAD: usize = 6;

/// What was found.
#[derive(Debug)]
pub(crate) enum Fault {
    /// Somebody had a tick for it, or had heard it, and it is not there.
    Lost(String),
    /// Anything else that must not be.
    Wrong(String),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Lost(what) | Self::Wrong(what)) = self;
        f.write_str(what)
    }
}

pub(crate) struct People {
    all: Vec<Person>,
    crowd: Crowd,
    /// How many lines have been ticked; how many were sent a second time; and how many of those were there already.
    pub(crate) ticked: usize,
    pub(crate) sent_again: usize,
    pub(crate) were_there: usize,
}

struct Person {
    nick: &'static str,
    room: &'static str,
    session: String,
    said: usize,
    /// Its lines without a tick, each with its id.
    pending: VecDeque<(String, String)>,
    /// Whether it is in its room, in this life of the server.
    is_in: bool,
    epoch: String,
    position: Option<(String, u64)>,
    /// All it was ticked and all it heard, by number.
    known: BTreeMap<u64, String>,
}

impl People {
    pub(crate) fn new(chance: &mut Chance) -> Self {
        let mut person = |(nick, room)| Person {
            nick,
            room,
            session: format!("{:016x}{:016x}", chance.number(), chance.number()),
            said: 0,
            pending: VecDeque::new(),
            is_in: false,
            epoch: String::new(),
            position: None,
            known: BTreeMap::new(),
        };
        let all = PEOPLE.into_iter().map(&mut person).collect();
        Self { all, crowd: Crowd::new(), ticked: 0, sent_again: 0, were_there: 0 }
    }

    /// All come to a new server, and each goes on from where it was.
    pub(crate) fn come_back(&mut self, address: SocketAddr) {
        for (number, person) in self.all.iter_mut().enumerate() {
            person.is_in = false;
            let hello = json!({"type": "hello", "nick": person.nick, "session": person.session});
            let first = [upgrade("/ws", true).into_bytes(), frame(0x81, hello.to_string().as_bytes())];
            self.crowd.dial(number, address, first.concat());
        }
    }

    /// They talk until so many lines more have been ticked.
    pub(crate) fn talk(&mut self, lines: usize, chance: &mut Chance) -> Result<(), Fault> {
        let enough = self.ticked + lines;
        // In some lives all lines are short, in others the write-ahead log is soon full.
        let longest = *chance.pick(&[20, 200, 12_000]);
        let mut progress = Progress::new();
        while self.ticked < enough {
            progress.is_made(self.ticked, "the next tick")?;
            self.turn()?;
            for (number, person) in self.all.iter_mut().enumerate() {
                while person.is_in && person.pending.len() < AHEAD {
                    let say = person.think(chance.below(longest));
                    self.crowd.say(number, &say);
                }
            }
        }
        Ok(())
    }

    /// What the server has sent before it was stopped.
    pub(crate) fn hear_the_rest(&mut self) -> Result<(), Fault> {
        while self.turn()? > 0 {}
        Ok(())
    }

    /// The server is dead to them.
    pub(crate) fn go(&mut self) {
        self.crowd.reset();
    }

    /// Nobody says anything new, and all get what they wait for: their ticks, and what the others have said.
    pub(crate) fn finish(&mut self) -> Result<(), Fault> {
        let mut progress = Progress::new();
        loop {
            let known = self.all.iter().map(|person| person.known.len()).sum();
            progress.is_made(known, "what is still to come")?;
            let last = |room| {
                let people = self.all.iter().filter(|person| person.room == room);
                people.filter_map(|person| person.known.keys().next_back()).max().copied()
            };
            let has_all = |person: &Person| {
                let seqs = person.known.keys().next().zip(last(person.room));
                person.is_in
                    && person.pending.is_empty()
                    && seqs.is_none_or(|(first, last)| person.known.len() as u64 == last - first + 1)
            };
            if self.all.iter().all(has_all) {
                return Ok(());
            }
            self.turn()?;
        }
    }

    /// Tells how much was heard.
    fn turn(&mut self) -> Result<usize, Fault> {
        let Self { all, crowd, ticked, sent_again, were_there } = self;
        let (mut count, mut fault) = (0, None);
        crowd.turn(|number, heard, outgoing| {
            count += 1;
            let text = match heard {
                Heard::Upgraded => return,
                Heard::Text(text) => text,
                other => {
                    fault.get_or_insert(Fault::Wrong(format!("{} hears {other:?}", all[number].nick)));
                    return;
                }
            };
            let event: Value = serde_json::from_str(&text).expect("JSON");
            *ticked += usize::from(event["type"] == "stored");
            *were_there += usize::from(event["dup"] == true);
            match all[number].hear(&event) {
                Ok(answers) => {
                    *sent_again += if event["type"] == "joined" { answers.len() } else { 0 };
                    answers.iter().for_each(|answer| outgoing.extend(frame(0x81, answer.as_bytes())));
                }
                Err(what) => drop(fault.get_or_insert(what)),
            }
        });
        fault.map_or(Ok(count), Err)
    }

    /// A newcomer reads all there is, and compares it with what everybody knows.
    pub(crate) fn look_through(&self, address: SocketAddr) -> Result<(), Fault> {
        for room in ["kitchen", "attic"] {
            let there = read_all(address, room)?;
            for person in self.all.iter().filter(|person| person.room == room) {
                for (seq, text) in &person.known {
                    let now = usize::try_from(seq - 1).ok().and_then(|at| there.get(at));
                    if now != Some(text) {
                        let (nick, now) = (person.nick, now.map(|now| shortened(now)));
                        return Err(Fault::Lost(format!(
                            "{nick} knows entry {seq} of {room} as '{}', and there it is {now:?}, of {}",
                            shortened(text),
                            there.len()
                        )));
                    }
                }
            }
            self.is_what_was_said(&there)?;
        }
        Ok(())
    }

    /// Each line was said, once, and those of one person in the order in which it said them.
    fn is_what_was_said(&self, there: &[String]) -> Result<(), Fault> {
        let wrong = |what: &str, text: &str| Err(Fault::Wrong(format!("{what}: '{}'", shortened(text))));
        let mut seen = HashSet::new();
        let mut last: BTreeMap<&str, usize> = BTreeMap::new();
        for text in there {
            if !seen.insert(text) {
                return wrong("there twice", text);
            }
            let mut words = text.split(' ');
            let nick = words.next().unwrap_or_default();
            let number = words.next().and_then(|number| number.parse::<usize>().ok()).unwrap_or(usize::MAX);
            match self.all.iter().find(|person| person.nick == nick) {
                Some(person) if number <= person.said => {}
                _ => return wrong("nobody has said", text),
            }
            if last.insert(nick, number).is_some_and(|before| before >= number) {
                return wrong("said before what stands above it", text);
            }
        }
        Ok(())
    }
}

impl Person {
    /// The next line, which says whose it is and the how many of those.
    fn think(&mut self, length: usize) -> String {
        self.said += 1;
        let text = format!("{} {} {}", self.nick, self.said, "x".repeat(length));
        let id = format!("{}-{}", self.nick, self.said);
        let say = self.say(&id, &text);
        self.pending.push_back((id, text));
        say
    }

    fn say(&self, id: &str, text: &str) -> String {
        json!({"type": "say", "id": id, "room": self.room, "text": text}).to_string()
    }

    /// Tells what it answers.
    fn hear(&mut self, event: &Value) -> Result<Vec<String>, Fault> {
        let text_of = |field: &str| event[field].as_str().unwrap_or_default().to_owned();
        let seq = event["seq"].as_u64().unwrap_or(0);
        match event["type"].as_str().unwrap_or_default() {
            "welcome" => {
                self.epoch = text_of("epoch");
                let mut join = json!({"type": "join", "id": "join", "room": self.room});
                if let Some((epoch, seq)) = &self.position {
                    join["after"] = json!({"epoch": epoch, "seq": seq});
                }
                return Ok(vec![join.to_string()]);
            }
            "joined" => {
                self.is_in = true;
                return Ok(self.pending.iter().map(|(id, text)| self.say(id, text)).collect());
            }
            "stored" => {
                let Some((id, text)) = self.pending.pop_front() else {
                    return Err(self.wrong(event));
                };
                if id != text_of("id") {
                    return Err(self.wrong(event));
                }
                self.learn(seq, text)?;
                if self.position.as_ref().is_some_and(|(_, last)| last + 1 == seq)
                    || (self.position.is_none() && seq == 1)
                {
                    self.position = Some((self.epoch.clone(), seq));
                }
            }
            "message" => {
                let from = self.position.as_ref().map_or(seq, |(_, last)| last + 1);
                // Its own lines are not sent to it while it is there.
                if seq < from || (from..seq).any(|seq| !self.known.contains_key(&seq)) {
                    return Err(self.wrong(event));
                }
                self.learn(seq, text_of("text"))?;
                self.position = Some((self.epoch.clone(), seq));
            }
            "reset" => {
                return Err(Fault::Lost(format!(
                    "{} came back after entry {:?} and was told {event}",
                    self.nick, self.position
                )));
            }
            "error" => return Err(self.wrong(event)),
            _ => {}
        }
        Ok(Vec::new())
    }

    fn learn(&mut self, seq: u64, text: String) -> Result<(), Fault> {
        match self.known.insert(seq, text.clone()) {
            Some(before) if before != text => Err(Fault::Lost(format!(
                "entry {seq} of {} was '{}' and is '{}'",
                self.room,
                shortened(&before),
                shortened(&text)
            ))),
            _ => Ok(()),
        }
    }

    fn wrong(&self, event: &Value) -> Fault {
        let (nick, known, position) = (self.nick, self.known.len(), &self.position);
        let heard = event.to_string();
        Fault::Wrong(format!(
            "{nick} knows {known} entries, is at {position:?} and hears {}",
            shortened(&heard)
        ))
    }
}

/// All entries of a room, from the first to the last.
fn read_all(address: SocketAddr, room: &str) -> Result<Vec<String>, Fault> {
    let mut reader = Client::connect(address, "/ws", Some("snug.v1"));
    reader.say(r#"{"type":"hello"}"#);
    let epoch = reader.event("welcome")["epoch"].clone();
    let join = json!({"type": "join", "room": room, "after": {"epoch": epoch, "seq": 0}});
    reader.say(&join.to_string());
    let joined = reader.event("joined");
    let mut all = Vec::new();
    while (all.len() as u64) < joined["last"].as_u64().unwrap_or(0) {
        let event: Value = serde_json::from_str(&reader.next()).expect("JSON");
        match event["type"].as_str() {
            Some("message") if event["seq"] == all.len() + 1 => {
                all.push(event["text"].as_str().unwrap_or_default().to_owned());
            }
            Some("message" | "reset" | "error") => {
                return Err(Fault::Lost(format!("after entry {} of {room} comes {event}", all.len())));
            }
            _ => {}
        }
    }
    Ok(all)
}

fn shortened(text: &str) -> &str {
    text.get(..60).unwrap_or(text)
}

/// Somebody waits for something, but not without end.
struct Progress {
    last: usize,
    since: Instant,
}

impl Progress {
    fn new() -> Self {
        Self { last: usize::MAX, since: Instant::now() }
    }

    fn is_made(&mut self, now: usize, what: &str) -> Result<(), Fault> {
        if now != self.last {
            *self = Self { last: now, since: Instant::now() };
        }
        match self.since.elapsed() > PATIENCE {
            true => Err(Fault::Wrong(format!("{what} is waited for in vain"))),
            false => Ok(()),
        }
    }
}
