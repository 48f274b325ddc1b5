//! Links that break anywhere. Whoever comes back as PROTOCOL.md says has, in the end, the log that the server has:
//! nothing lost, nothing doubled, and each thing said stored once, however often it was sent.

use std::collections::{BTreeMap, VecDeque};
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::sync::Barrier;

use serde_json::Value;

use crate::support::Server;
use crate::support::attention::{Attention, Came, SILENCE};
use crate::support::chance::Chance;
use crate::support::chaos::{Proxy, Weather};
use crate::support::peer::{Peer, frame, upgrade};

const ROOM: &str = "harbour";

/// How many messages may be sent before the tick of the first.
const WINDOW: usize = 5;

/// What was said under a number.
type Words = (String, String);

/// A client by PROTOCOL.md, sections 4, 5, 9 and 10.
struct Wanderer {
    nick: String,
    session: String,
    user: String,
    /// Epoch and number.
    position: Option<(String, u64)>,
    log: BTreeMap<u64, Words>,
    unsaid: VecDeque<(String, String)>,
    /// By id: the number of the entry.
    ticks: BTreeMap<String, u64>,
    breaks: usize,
    resets: usize,
    duplicates: usize,
}

impl Wanderer {
    fn new(nick: String, chance: &mut Chance, lines: usize) -> Self {
        let session = format!("{:016x}{:016x}", chance.number(), chance.number());
        let mut words = |line| "la ".repeat(1 + chance.below(200)) + &format!("line {line}");
        let unsaid = (0..lines).map(|line| (format!("{nick}-{line}"), words(line))).collect();
        Self {
            nick,
            session,
            user: String::new(),
            position: None,
            log: BTreeMap::new(),
            unsaid,
            ticks: BTreeMap::new(),
            breaks: 0,
            resets: 0,
            duplicates: 0,
        }
    }

    /// Comes back until it has said all it has to say and has heard `last`.
    fn live(&mut self, address: SocketAddr, last: u64) {
        while !self.has_all(last) {
            if let Err(error) = self.connect(address, last) {
                assert!(error.kind() != ErrorKind::InvalidData, "{}: {error}", self.nick);
                self.breaks += 1;
                assert!(self.breaks < 2000, "{} gets nowhere: {error}", self.nick);
            }
        }
    }

    fn has_all(&self, last: u64) -> bool {
        self.unsaid.is_empty() && self.position.as_ref().is_some_and(|(_, seq)| *seq >= last)
    }

    fn connect(&mut self, address: SocketAddr, last: u64) -> io::Result<()> {
        let mut peer = Peer::dial(address)?;
        peer.stream.set_read_timeout(Some(SILENCE))?;
        let since = match &self.position {
            Some((epoch, seq)) => format!(r#""after":{{"epoch":"{epoch}","seq":{seq}}}"#),
            None => r#""last":256"#.to_owned(),
        };
        let hello = format!(r#"{{"type":"hello","nick":"{}","session":"{}"}}"#, self.nick, self.session);
        let join = format!(r#"{{"type":"join","room":"{ROOM}",{since}}}"#);
        let mut all = upgrade("/ws", true).into_bytes();
        all.extend(frame(0x81, hello.as_bytes()));
        all.extend(frame(0x81, join.as_bytes()));
        peer.send(&all)?;
        for number in 0..self.unsaid.len().min(WINDOW) {
            self.say(&mut peer, number)?;
        }

        let mut epoch = String::new();
        let mut attention = Attention::default();
        while !self.has_all(last) {
            match attention.listen(&mut peer)? {
                Came::Text(text) => {
                    let event: Value = serde_json::from_slice(&text).expect("JSON");
                    self.hear(&mut peer, &mut epoch, &event)?;
                }
                Came::Other | Came::Nothing => {}
            }
        }
        Ok(())
    }

    fn say(&self, peer: &mut Peer, number: usize) -> io::Result<()> {
        let (id, text) = &self.unsaid[number];
        peer.say(&format!(r#"{{"type":"say","room":"{ROOM}","id":"{id}","text":"{text}"}}"#))
    }

    fn hear(&mut self, peer: &mut Peer, epoch: &mut String, event: &Value) -> io::Result<()> {
        let text = |name: &str| event[name].as_str().unwrap_or_default().to_owned();
        match event["type"].as_str().expect("a type") {
            "welcome" => {
                *epoch = text("epoch");
                let user = text("user");
                assert!(self.user.is_empty() || self.user == user, "the same key is the same person");
                self.user = user;
            }
            "reset" => {
                self.resets += 1;
                self.position = None;
            }
            "message" => {
                self.message(epoch, event["seq"].as_u64().expect("a number"), (text("user"), text("text")));
            }
            "stored" => {
                let (id, seq) = (text("id"), event["seq"].as_u64().expect("a number"));
                self.duplicates += usize::from(event["dup"] == true);
                self.tick(epoch, id, seq);
                if self.unsaid.len() >= WINDOW {
                    self.say(peer, WINDOW - 1)?;
                }
            }
            "error" => panic!("{}: {event}", self.nick),
            _ => {}
        }
        Ok(())
    }

    fn message(&mut self, epoch: &str, seq: u64, words: Words) {
        let known = self.position.as_ref().map(|(_, seq)| *seq);
        if known.is_some_and(|known| seq <= known) {
            // "May get the tick and later, among the past, the entry itself."
            assert_eq!(words.0, self.user, "{}: entry {seq} comes twice", self.nick);
        } else {
            assert!(known.is_none_or(|known| seq == known + 1), "{}: {seq} comes after {known:?}", self.nick);
            self.position = Some((epoch.to_owned(), seq));
        }
        self.keep(seq, words);
    }

    fn tick(&mut self, epoch: &str, id: String, seq: u64) {
        let before = self.ticks.insert(id.clone(), seq);
        assert!(before.is_none_or(|before| before == seq), "{id} is {before:?} and {seq}");
        if let Some(place) = self.unsaid.iter().position(|(other, _)| *other == id) {
            let (_, text) = self.unsaid.remove(place).expect("it is there");
            self.keep(seq, (self.user.clone(), text));
        }
        if self.position.as_ref().is_some_and(|(_, known)| seq == known + 1) {
            self.position = Some((epoch.to_owned(), seq));
        }
    }

    fn keep(&mut self, seq: u64, words: Words) {
        let before = self.log.insert(seq, words.clone());
        assert!(before.is_none_or(|before| before == words), "{}: entry {seq} has changed", self.nick);
    }
}

/// A run: some only read, some talk, through the storm; one listens where the sun shines.
struct Run {
    seed: u64,
    readers: usize,
    talkers: usize,
    lines: usize,
    /// After so many links the weather clears up, so that the run ends.
    storms: usize,
    /// Whether the talkers go through the storm, too.
    all_at_sea: bool,
}

impl Run {
    fn entries(&self) -> u64 {
        (self.talkers * self.lines) as u64
    }

    /// The log as the one in the sun has it, and the others.
    fn play(&self) -> (BTreeMap<u64, Words>, Vec<Wanderer>) {
        let server = Server::start(&["--max-connections-per-address", "0"]);
        let (seed, storms) = (self.seed, self.storms);
        let proxy = Proxy::start(server.address, move |link| {
            let mut chance = Chance(seed ^ (link as u64) << 20);
            if link < storms { Weather::storm(&mut chance) } else { Weather::breeze(&mut chance) }
        });
        let mut chance = Chance(self.seed);
        let mut people: Vec<Wanderer> = (0..self.readers + self.talkers)
            .map(|n| {
                Wanderer::new(format!("p{n}"), &mut chance, if n < self.readers { 0 } else { self.lines })
            })
            .collect();
        let mut sunny = server.v1_in("sunny", ROOM);
        let last = self.entries();
        // Whoever only reads is there before anything is said, so that everybody begins with the first entry.
        let ready = Barrier::new(people.len());
        let log = std::thread::scope(|scope| {
            for (number, person) in people.iter_mut().enumerate() {
                // The last of the talkers never goes through the proxy.
                let is_last = number + 1 == self.readers + self.talkers;
                let is_direct = is_last || (number >= self.readers && !self.all_at_sea);
                let address = if is_direct { server.address } else { proxy.address };
                let ready = &ready;
                scope.spawn(move || {
                    ready.wait();
                    person.live(address, last);
                });
            }
            let mut log = BTreeMap::new();
            for seq in 1..=last {
                let event = sunny.event("message");
                assert_eq!(event["seq"], seq, "in the sun nothing is lost");
                let text = |name: &str| event[name].as_str().expect("text").to_owned();
                log.insert(seq, (text("user"), text("text")));
            }
            log
        });
        println!(
            "seed {}: {} links, {} breaks, {} resets, {} of {} entries were sent again after they were stored",
            self.seed,
            proxy.links(),
            people.iter().map(|person| person.breaks).sum::<usize>(),
            people.iter().map(|person| person.resets).sum::<usize>(),
            people.iter().map(|person| person.duplicates).sum::<usize>(),
            last,
        );
        // Nothing was stored beyond what the one in the sun heard.
        sunny.say(&format!(r#"{{"type":"say","room":"{ROOM}","id":"end","text":"the end"}}"#));
        assert_eq!(sunny.event("stored")["seq"], last + 1);
        (log, people)
    }
}

fn check_talkers(run: &Run, log: &BTreeMap<u64, Words>, people: &[Wanderer]) {
    let mut numbers = BTreeMap::new();
    for person in people {
        for (id, seq) in &person.ticks {
            assert_eq!(log[seq].0, person.user, "{id} is its author's");
            assert!(numbers.insert(seq, id).is_none(), "entry {seq} has two ids");
        }
    }
    assert_eq!(numbers.len() as u64, run.entries(), "as many ticks as entries");
}

#[test]
fn wherever_links_break_everybody_has_the_servers_log_in_the_end() {
    for seed in 0..crate::size(50, 3) as u64 {
        // 240 entries stay in the memory of the server, so nobody may be told of a reset.
        let run = Run { seed, readers: 6, talkers: 5, lines: 48, storms: 60, all_at_sea: true };
        let (log, people) = run.play();
        for person in &people {
            assert_eq!(person.resets, 0, "{}", person.nick);
            assert_eq!(person.log, log, "{} has the server's log", person.nick);
        }
        check_talkers(&run, &log, &people);
    }
}

/// The server keeps 256 entries of a room, so who is away for longer has missed some, and is told so.
#[test]
fn who_was_away_too_long_has_a_gap_only_where_it_was_told_of_one() {
    // What is resent after the server has forgotten it is a new entry (PROTOCOL.md, section 9), so those who talk stay
    // ashore here.
    let lines = crate::size(2000, 300);
    let run = Run { seed: 77, readers: 8, talkers: 4, lines, storms: 60, all_at_sea: false };
    let (log, people) = run.play();
    for person in &people {
        // What came was checked number by number as it came: each is the next, but after a reset.
        for (seq, words) in &person.log {
            assert_eq!(&log[seq], words, "{}: entry {seq}", person.nick);
        }
        // Somebody may have begun late. After that there is all, or a reset.
        let has_all = log
            .range(person.log.keys().next().expect("it heard something")..)
            .all(|(seq, _)| person.log.contains_key(seq));
        assert!(has_all || person.resets > 0, "{} has a gap and was not told", person.nick);
    }
    check_talkers(&run, &log, &people);
}
