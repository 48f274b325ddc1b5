//! The honest: people who talk at the pace of people, each with eyes for all that is said in the room. What they say is
//! counted; how long it took is told, never judged.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::PATIENCE;
use crate::support::peer::{CLOSE, PING, PONG, Peer, TEXT, code, frame, upgrade};

/// Who is where. The kitchen has storms of comers and goers, the hall has talkers and slow readers, the attic nobody else.
const PEOPLE: [(&str, &str, bool); 10] = [
    ("ann", "kitchen", true),
    ("ben", "kitchen", true),
    ("cleo", "kitchen", true),
    ("plain-dora", "kitchen", false),
    ("plain-emil", "kitchen", false),
    ("fay", "hall", true),
    ("gus", "hall", true),
    ("ida", "attic", true),
    ("jon", "attic", true),
    ("plain-kim", "attic", false),
];

/// From the tick of one line to the next line.
const PAUSE: Duration = Duration::from_millis(400);

/// So long somebody waits for bytes before looking at the clock.
const GLANCE: Duration = Duration::from_millis(20);

pub(crate) struct People {
    all: Vec<Person>,
}

struct Person {
    nick: &'static str,
    room: &'static str,
    is_v1: bool,
    peer: Peer,
    /// How many lines it has said, and how many of them were confirmed.
    said: usize,
    ticked: usize,
    since: Instant,
    /// How many lines of each other one it has seen.
    seen: BTreeMap<&'static str, usize>,
    /// The last number of an entry.
    last: u64,
    ticks: Vec<Duration>,
}

/// What everybody knows: how many lines each has said in the end.
struct Plan {
    begun: Instant,
    time: Duration,
    totals: Vec<AtomicUsize>,
    /// How many have said all they are going to say.
    done: AtomicUsize,
}

impl People {
    /// They come before there is any trouble.
    pub(crate) fn come(address: SocketAddr) -> Result<Self, String> {
        let come = |(nick, room, is_v1)| {
            Person::come(address, nick, room, is_v1)
                .map_err(|error| format!("{nick} cannot come in: {error}"))
        };
        Ok(Self { all: PEOPLE.into_iter().map(come).collect::<Result<_, _>>()? })
    }

    /// All of them talk for so long, and wait until they have seen everything. What it came to, in figures.
    pub(crate) fn talk(self, time: Duration) -> Result<String, String> {
        let plan = Plan {
            begun: Instant::now(),
            time,
            totals: PEOPLE.iter().map(|_| AtomicUsize::new(0)).collect(),
            done: AtomicUsize::new(0),
        };
        let outcomes: Vec<Result<Person, String>> = std::thread::scope(|scope| {
            let threads: Vec<_> =
                self.all.into_iter().map(|person| scope.spawn(|| person.talk(&plan))).collect();
            threads.into_iter().map(|thread| thread.join().expect("nobody panics")).collect()
        });
        let people = outcomes.into_iter().collect::<Result<Vec<_>, _>>()?;
        let mut ticks: Vec<Duration> = people.iter().flat_map(|person| &person.ticks).copied().collect();
        ticks.sort_unstable();
        let at = |share: usize| {
            ticks.get(ticks.len().saturating_sub(1) * share / 100).copied().unwrap_or_default()
        };
        Ok(format!(
            "{} honest people said {} lines, all confirmed; each was seen once and in order by all others of its room, {} \
             times in all; from a line to its tick: median {:.1?}, 99 % {:.1?}, at most {:.1?}",
            people.len(),
            people.iter().map(|person| person.said).sum::<usize>(),
            people.iter().flat_map(|person| person.seen.values()).sum::<usize>(),
            at(50),
            at(99),
            at(100),
        ))
    }
}

impl Person {
    fn come(
        address: SocketAddr,
        nick: &'static str,
        room: &'static str,
        is_v1: bool,
    ) -> std::io::Result<Self> {
        let mut peer = Peer::dial(address)?;
        match is_v1 {
            true => {
                peer.send(upgrade("/ws", true).as_bytes())?;
                peer.say(&format!(r#"{{"type":"hello","nick":"{nick}"}}"#))?;
                peer.say(&format!(r#"{{"type":"join","room":"{room}"}}"#))?;
            }
            false => peer.send(upgrade(&format!("/ws/{room}?nick={nick}&ack=1"), false).as_bytes())?,
        }
        let head = peer.head()?;
        if !head.starts_with("HTTP/1.1 101 ") {
            return Err(std::io::Error::other(head));
        }
        let first = if is_v1 { r#"{"type":"joined""# } else { "* you are in " };
        while !peer.text()?.starts_with(first) {}
        peer.stream.set_read_timeout(Some(GLANCE))?;
        let seen = PEOPLE.iter().filter(|other| other.1 == room && other.0 != nick).map(|other| (other.0, 0));
        let (seen, since, ticks) = (seen.collect(), Instant::now(), Vec::new());
        Ok(Self { nick, room, is_v1, peer, said: 0, ticked: 0, since, seen, last: 0, ticks })
    }

    fn talk(mut self, plan: &Plan) -> Result<Self, String> {
        let (mut is_done, mut waited, mut seen) = (false, Instant::now(), 0);
        loop {
            self.listen()?;
            // Only what the honest say counts: the storm never ends.
            let now_seen = self.seen.values().sum();
            if std::mem::replace(&mut seen, now_seen) != now_seen {
                waited = Instant::now();
            }
            if self.said > self.ticked {
                if self.since.elapsed() > PATIENCE {
                    return Err(format!("{} waits in vain for the tick of line {}", self.nick, self.said));
                }
            } else if plan.begun.elapsed() < plan.time {
                if self.since.elapsed() > PAUSE {
                    self.speak()?;
                }
            } else if !is_done {
                is_done = true;
                let me = PEOPLE.iter().position(|(nick, ..)| *nick == self.nick).expect("one of them");
                plan.totals[me].store(self.said, Ordering::SeqCst);
                plan.done.fetch_add(1, Ordering::SeqCst);
                waited = Instant::now();
            } else if plan.done.load(Ordering::SeqCst) == PEOPLE.len() {
                let total = |nick| PEOPLE.iter().position(|other| other.0 == nick).map(|at| &plan.totals[at]);
                let missing = self.seen.iter().find(|(nick, seen)| {
                    total(**nick).is_some_and(|total| **seen < total.load(Ordering::SeqCst))
                });
                match missing {
                    None => return Ok(self),
                    Some((nick, seen)) if waited.elapsed() > PATIENCE => {
                        return Err(format!(
                            "{} has seen {seen} lines of {nick} and waits in vain",
                            self.nick
                        ));
                    }
                    Some(_) => {}
                }
            } else if waited.elapsed() > 3 * PATIENCE {
                return Err(format!("{} waits in vain for the others", self.nick));
            }
        }
    }

    fn speak(&mut self) -> Result<(), String> {
        self.said += 1;
        self.since = Instant::now();
        let (said, room) = (self.said, self.room);
        let line = format!("line {said} of {}", self.nick);
        let sent = match self.is_v1 {
            true => {
                self.peer.say(&format!(r#"{{"type":"say","room":"{room}","id":"{said}","text":"{line}"}}"#))
            }
            false => self.peer.say(&line),
        };
        sent.map_err(|error| format!("{} cannot say line {said}: {error}", self.nick))
    }

    /// Takes in the next thing that comes, if it comes soon.
    fn listen(&mut self) -> Result<(), String> {
        let got = match self.peer.frame() {
            Ok(got) => got,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                return Ok(());
            }
            Err(error) => return Err(format!("{} was cut off: {error}", self.nick)),
        };
        match got.opcode {
            TEXT => {
                let text =
                    String::from_utf8(got.payload).map_err(|_| format!("{} got no text", self.nick))?;
                if self.is_v1 { self.hear(&text)? } else { self.hear_plain(&text)? }
            }
            PING => {
                // If it is gone, the next read says so.
                let _ = self.peer.send(&frame(0x80 | PONG, &got.payload));
            }
            CLOSE => return Err(format!("{} was hung up on with {}", self.nick, code(&got.payload))),
            _ => {}
        }
        Ok(())
    }

    fn hear(&mut self, text: &str) -> Result<(), String> {
        // Most of what comes in a storm: who comes and goes, and under which name.
        let is_storm = |kind: &&str| text.starts_with(&format!(r#"{{"type":"{kind}""#));
        if ["presence", "renamed", "typing"].iter().any(is_storm) {
            return Ok(());
        }
        let event: Value =
            serde_json::from_str(text).map_err(|error| format!("{} got {error}", self.nick))?;
        match event["type"].as_str().unwrap_or_default() {
            "stored" => self.tick(event["id"].as_str() == Some(self.said.to_string().as_str())),
            "error" => Err(format!("{} was refused: {text}", self.nick)),
            "reset" => Err(format!("{} was told to begin anew: {text}", self.nick)),
            "message" => {
                let seq = event["seq"].as_u64().unwrap_or(0);
                if seq <= self.last {
                    return Err(format!("{} saw entry {seq} behind {}", self.nick, self.last));
                }
                self.last = seq;
                self.see(
                    event["nick"].as_str().unwrap_or_default(),
                    event["text"].as_str().unwrap_or_default(),
                )
            }
            _ => Ok(()),
        }
    }

    fn hear_plain(&mut self, line: &str) -> Result<(), String> {
        if line.starts_with("+ ") {
            return self.tick(true);
        }
        if line.starts_with("! ") {
            return Err(format!("{} was refused: {line}", self.nick));
        }
        match line.strip_prefix('<').and_then(|rest| rest.split_once("> ")) {
            Some((nick, text)) => self.see(nick, text),
            None => Ok(()),
        }
    }

    fn tick(&mut self, is_right: bool) -> Result<(), String> {
        if !is_right || self.ticked == self.said {
            return Err(format!("{} got a tick for something else than line {}", self.nick, self.said));
        }
        self.ticked += 1;
        self.ticks.push(self.since.elapsed());
        Ok(())
    }

    fn see(&mut self, nick: &str, text: &str) -> Result<(), String> {
        let Some((nick, _, _)) = PEOPLE.iter().find(|other| other.0 == nick) else { return Ok(()) };
        let Some(seen) = self.seen.get_mut(nick) else { return Ok(()) };
        *seen += 1;
        let expected = format!("line {seen} of {nick}");
        if text != expected {
            return Err(format!("{} expected '{expected}' and saw '{text}'", self.nick));
        }
        Ok(())
    }
}
