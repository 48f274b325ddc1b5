//! Those who talk, and those who read, as PROTOCOL.md (sections 5, 9 and 10) asks of a client: who talks keeps each line
//! until its tick and says it again after each break, who reads resumes where it was. They write down what they do and
//! what they are told, and judge nothing.

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::history::{Event, Person};
use crate::support::attention::{Attention, Came, SILENCE};
use crate::support::chance::Chance;
use crate::support::peer::{Peer, TEXT, frame, upgrade};

pub(crate) const ROOM: &str = "harbour";

/// How many lines may be said before the first of them is ticked.
const WINDOW: usize = 5;

/// What all of them write into, and read what they shall do.
#[derive(Default)]
pub(crate) struct Book {
    events: Mutex<Vec<Event>>,
    /// How many ticks have come.
    ticks: AtomicUsize,
    /// Nobody begins anything new any more.
    pub(crate) is_evening: AtomicBool,
    /// The log's last number, when it is known; 0 before.
    pub(crate) last: AtomicU64,
    /// Everybody goes home at once: the run has failed.
    pub(crate) is_over: AtomicBool,
}

impl Book {
    pub(crate) fn ticks(&self) -> usize {
        self.ticks.load(Ordering::Relaxed)
    }

    pub(crate) fn close(self) -> Vec<Event> {
        self.events.into_inner().unwrap()
    }

    fn write(&self, event: Event) {
        if matches!(event, Event::Ticked { .. }) {
            self.ticks.fetch_add(1, Ordering::Relaxed);
        }
        self.events.lock().unwrap().push(event);
    }
}

/// Something to be said.
struct Line {
    id: String,
    text: String,
    /// Its id has been used for other words, so it must be refused.
    is_twisted: bool,
}

/// One who talks or reads.
pub(crate) struct Somebody {
    number: Person,
    session: String,
    chance: Chance,
    /// About how many events it hears before it breaks the connection by itself.
    lifetime: usize,
    /// Of a reader: epoch and number.
    position: Option<(String, u64)>,
    is_reader: bool,
    /// Said or to be said, without a tick. Of these the first `said` were said by this connection.
    pending: VecDeque<Line>,
    said: usize,
    lines: usize,
    heard: usize,
    pub(crate) breaks: usize,
}

impl Somebody {
    pub(crate) fn new(number: Person, seed: u64, is_reader: bool, lifetime: usize) -> Self {
        let mut chance = Chance(seed ^ (number as u64) << 32);
        let session = format!("{:016x}{:016x}", chance.number(), chance.number());
        let (pending, position) = (VecDeque::new(), None);
        let (said, lines, heard, breaks) = (0, 0, 0, 0);
        Self { number, session, chance, lifetime, position, is_reader, pending, said, lines, heard, breaks }
    }

    /// Comes back until it has nothing left to do, or nothing has come for so long that it never will.
    pub(crate) fn live(&mut self, address: SocketAddr, patience: Duration, book: &Book) {
        let (mut heard, mut since) = (0, Instant::now());
        while !self.is_done(book) && since.elapsed() < patience {
            if self.connect(address, book).is_err() {
                self.breaks += 1;
                thread::sleep(Duration::from_millis(2));
            }
            if self.heard > heard {
                (heard, since) = (self.heard, Instant::now());
            }
        }
    }

    fn is_done(&self, book: &Book) -> bool {
        let last = book.last.load(Ordering::Relaxed);
        let is_done = match self.is_reader {
            true => last > 0 && self.position.as_ref().is_some_and(|(_, seq)| *seq >= last),
            false => book.is_evening.load(Ordering::Relaxed) && self.pending.is_empty(),
        };
        is_done || book.is_over.load(Ordering::Relaxed)
    }

    fn connect(&mut self, address: SocketAddr, book: &Book) -> io::Result<()> {
        let mut peer = Peer::dial(address)?;
        peer.stream.set_read_timeout(Some(SILENCE))?;
        let (number, session) = (self.number, &self.session);
        let hello = format!(r#"{{"type":"hello","nick":"p{number}","session":"{session}"}}"#);
        let mut all = upgrade("/ws", true).into_bytes();
        all.extend(frame(0x80 | TEXT, hello.as_bytes()));
        peer.send(&all)?;
        self.said = 0;
        let mut life = self.chance.between(1, self.lifetime);
        let (mut epoch, mut attention) = (None, Attention::default());
        while !self.is_done(book) {
            match attention.listen(&mut peer)? {
                Came::Text(text) => {
                    let event: Value = serde_json::from_slice(&text)?;
                    self.hear(&mut peer, &mut epoch, &event, book)?;
                }
                Came::Other => {}
                Came::Nothing => continue,
            }
            if epoch.is_some() && !self.is_reader {
                self.talk(&mut peer, book)?;
            }
            if self.chance.one_in(200) {
                // It is stopped for a while, and does not read.
                thread::sleep(Duration::from_millis(self.chance.between(10, 150) as u64));
            }
            life -= 1;
            if life == 0 {
                // It is killed, or its cable is pulled: the server is told, or has to find out.
                if self.chance.one_in(2) {
                    peer.reset();
                }
                return Err(ErrorKind::ConnectionAborted.into());
            }
        }
        Ok(())
    }

    /// Says what waits, and something new, as far as the window goes.
    fn talk(&mut self, peer: &mut Peer, book: &Book) -> io::Result<()> {
        while self.pending.len() < WINDOW && !book.is_evening.load(Ordering::Relaxed) {
            self.lines += 1;
            let id = format!("p{}-{}", self.number, self.lines);
            let words = if self.chance.one_in(50) { 3000 } else { self.chance.below(60) };
            self.pending.push_back(Line { text: "la ".repeat(words) + &id, id, is_twisted: false });
        }
        while let Some(Line { id, text, is_twisted }) = self.pending.get(self.said) {
            if !is_twisted {
                book.write(Event::Sent { by: self.number, id: id.clone(), text: text.clone() });
            }
            self.said += 1;
            peer.say(&format!(r#"{{"type":"say","room":"{ROOM}","id":"{id}","text":"{text}"}}"#))?;
        }
        Ok(())
    }

    fn hear(
        &mut self,
        peer: &mut Peer,
        epoch: &mut Option<String>,
        event: &Value,
        book: &Book,
    ) -> io::Result<()> {
        let by = self.number;
        let text = |name: &str| event[name].as_str().unwrap_or_default().to_owned();
        let seq = event["seq"].as_u64().unwrap_or(0);
        match &*text("type") {
            "welcome" => {
                let now = &*epoch.insert(text("epoch"));
                if self.is_reader && self.heard == 0 {
                    self.position = Some((now.clone(), 0));
                    book.write(Event::Begun { by });
                }
                let since = match &self.position {
                    Some((epoch, seq)) => format!(r#""after":{{"epoch":"{epoch}","seq":{seq}}}"#),
                    None => r#""last":0"#.to_owned(),
                };
                peer.say(&format!(r#"{{"type":"join","room":"{ROOM}",{since}}}"#))?;
            }
            "stored" => {
                let id = text("id");
                book.write(Event::Ticked { by, id: id.clone(), seq });
                let line = self.take(&id);
                if line.is_some_and(|line| !line.is_twisted) && self.chance.one_in(10) {
                    let text = format!("other words for {id}");
                    self.pending.push_back(Line { id, text, is_twisted: true });
                }
            }
            // An error without an id is about this connection as a whole, such as a nick that is taken.
            "error" => match self.take(&text("id")) {
                Some(line) => book.write(Event::Refused { by, text: line.text }),
                None => return Err(io::Error::other(event.to_string())),
            },
            "message" if self.is_reader => {
                book.write(Event::Heard { by, seq, text: text("text") });
                self.position = epoch.clone().map(|epoch| (epoch, seq));
            }
            "reset" if self.is_reader => {
                book.write(Event::Reset { by, reason: text("reason") });
                self.position = None;
            }
            _ => return Ok(()),
        }
        self.heard += 1;
        Ok(())
    }

    /// The oldest line of this id does not wait any more.
    fn take(&mut self, id: &str) -> Option<Line> {
        let place = self.pending.iter().position(|line| line.id == id)?;
        self.said -= usize::from(place < self.said);
        self.pending.remove(place)
    }
}
