//! What it costs that a tick means stored: on this machine and this disk, to be told to people. Nothing is judged here.
//!
//! ```text
//! cargo test --release -p snug-server --test board figures -- --ignored --nocapture --test-threads 1
//! ```

use std::fs::{self, File};
use std::io::Write as _;
use std::net::SocketAddr;
use std::ops::Range;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use hub::effect::Record;
use protocol::chat::event::Kind;
use protocol::chat::id::{Epoch, RequestId, UserId};
use protocol::chat::name::RoomName;
use rustix::fs::Advice;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use server::store::{Answer, Engine as _, Letter, Sqlite};

use crate::folder::Folder;
use crate::support::chance::Chance;
use crate::support::crowd::{Crowd, Heard};
use crate::support::peer::{Peer, frame, upgrade};
use crate::support::trace::Trace;
use crate::support::{PATIENCE, Server, until};

/// What somebody says, with what makes it 60 bytes.
fn line(number: usize) -> String {
    format!("line {number:6}, of the length that lines in a chat usually have ..")
}

/// People on a server of which nobody limits anything.
struct Talk {
    crowd: Crowd,
    here: usize,
    said: Vec<Instant>,
    number: usize,
    times: Vec<Duration>,
    /// So long each waits after a tick until the next line.
    pause: Duration,
    idle: Vec<(Instant, usize)>,
    chance: Chance,
}

impl Talk {
    /// So many people come, ten to a room.
    fn begin(address: SocketAddr, people: usize, pause: Duration) -> Self {
        let files = getrlimit(Resource::Nofile);
        // If it is refused, it says so when they come.
        let _ = setrlimit(Resource::Nofile, Rlimit { current: files.maximum, ..files });
        let (said, idle, times) = (vec![Instant::now(); people], Vec::new(), Vec::new());
        let chance = Chance(people as u64);
        let mut talk = Self { crowd: Crowd::new(), here: 0, said, number: 0, times, pause, idle, chance };
        for number in 0..people {
            let room = room(number);
            let hello = format!(r#"{{"type":"hello","nick":"p{number}"}}"#);
            let join = format!(r#"{{"type":"join","room":"{room}"}}"#);
            let first = [hello, join].map(|text| frame(0x81, text.as_bytes())).concat();
            talk.crowd.dial(number, address, [upgrade("/ws", true).into_bytes(), first].concat());
            // Not faster than they are let in.
            if number % 50 == 49 {
                talk.wait(number + 1);
            }
        }
        talk.wait(people);
        talk
    }

    fn wait(&mut self, people: usize) {
        until("all are there", || {
            self.turn();
            self.here == people
        });
    }

    /// Each says a line, and after its tick the next, until so many lines have been ticked.
    fn go_on(&mut self, lines: usize) -> Duration {
        self.times.clear();
        let (begun, people) = (Instant::now(), self.said.len());
        // Not all at the same moment.
        self.idle =
            (0..people).map(|number| (begun + self.pause * number as u32 / people as u32, number)).collect();
        let mut last = (0, begun);
        while self.times.len() < lines {
            let now = Instant::now();
            let (due, later) = self.idle.drain(..).partition(|(at, _)| *at <= now);
            self.idle = later;
            for (_, number) in due {
                self.speak(number);
            }
            self.turn();
            if last.0 != self.times.len() {
                last = (self.times.len(), now);
            }
            assert!(last.1.elapsed() < PATIENCE, "after {} ticks no other comes", last.0);
        }
        let took = begun.elapsed();
        self.idle.clear();
        self.times.sort_unstable();
        took
    }

    fn speak(&mut self, number: usize) {
        self.number += 1;
        let (id, room, text) = (uuid(&mut self.chance), room(number), line(self.number));
        self.said[number] = Instant::now();
        self.crowd.say(number, &format!(r#"{{"type":"say","id":"{id}","room":"{room}","text":"{text}"}}"#));
    }

    fn turn(&mut self) {
        let Self { crowd, here, said, times, pause, idle, .. } = self;
        let mut ticked = Vec::new();
        crowd.turn(|number, heard, _| match heard {
            Heard::Upgraded => {}
            Heard::Text(text) if text.starts_with(r#"{"type":"joined""#) => *here += 1,
            Heard::Text(text) if text.starts_with(r#"{"type":"stored""#) => ticked.push(number),
            Heard::Text(text) => assert!(!text.starts_with(r#"{"type":"error""#), "{text}"),
            other => panic!("{number} hears {other:?}"),
        });
        let now = Instant::now();
        for number in ticked {
            times.push(now - said[number]);
            idle.push((now + *pause, number));
        }
    }

    fn at(&self, share: usize) -> Duration {
        self.times.get((self.times.len().max(1) - 1) * share / 100).copied().unwrap_or_default()
    }
}

fn room(number: usize) -> String {
    format!("room-{}", number / 10)
}

/// An id as clients make them.
fn uuid(chance: &mut Chance) -> String {
    let (high, low) = (chance.number(), chance.number());
    format!(
        "{:08x}-{:04x}-4{:03x}-a{:03x}-{:012x}",
        high >> 32,
        high & 0xffff,
        high >> 20 & 0xfff,
        low >> 48 & 0xfff,
        low & 0xffff_ffff_ffff
    )
}

const NO_LIMITS: [&str; 4] = ["--max-rate", "0", "--max-connections-per-address", "0"];

/// How long this disk takes for as much as one line makes SQLite write.
fn bare_sync(folder: &Folder) -> Duration {
    const ROUNDS: u32 = 300;
    let mut file = File::create(folder.path().join("bare")).expect("a file");
    let begun = Instant::now();
    for _ in 0..ROUNDS {
        file.write_all(&[7; 3 * 4096]).expect("there is room");
        file.sync_data().expect("it works");
    }
    begun.elapsed() / ROUNDS
}

#[test]
#[ignore = "figures to look at"]
fn ticks_in_a_second() {
    for is_kept in [true, false] {
        for (people, lines) in [(1, 1000), (10, 5000), (100, 20_000), (1000, 40_000)] {
            let folder = Folder::new();
            let server = if is_kept { folder.server(&NO_LIMITS) } else { Server::start(&NO_LIMITS) };
            let mut talk = Talk::begin(server.address, people, Duration::ZERO);
            talk.go_on(people * 2);
            let took = talk.go_on(lines);
            let kept = if is_kept { "--sync always" } else { "--memory" };
            let disk = if is_kept {
                format!("; 12 KiB and fdatasync alone: {:.2?}", bare_sync(&folder))
            } else {
                String::new()
            };
            println!(
                "{kept}, {people:4} senders: {:7.0} ticks/s, median {:.2?}, 99 % within {:.2?}{disk}",
                talk.times.len() as f64 / took.as_secs_f64(),
                talk.at(50),
                talk.at(99),
            );
        }
    }
}

/// By strace(1): how often it syncs, and how many bytes it writes to the files in its folder.
#[test]
#[ignore = "figures to look at"]
fn what_a_thousand_lines_write() {
    if !Command::new("strace").arg("-V").output().is_ok_and(|output| output.status.success()) {
        println!("SKIPPED: there is no strace");
        return;
    }
    let conversation = Duration::from_millis(500);
    for (how, people, pause, sync) in [
        ("one at a time", 1, Duration::ZERO, "always"),
        ("ten people, 20 lines a second", 10, conversation, "always"),
        ("ten people, 20 lines a second", 10, conversation, "200ms"),
        ("a hundred people, as fast as can be", 100, Duration::ZERO, "always"),
        ("a hundred people, as fast as can be", 100, Duration::ZERO, "200ms"),
    ] {
        let folder = Folder::new();
        fill(&folder, 20_000, 0);
        let trace = Trace::new("pwrite64,fdatasync,fsync,ftruncate");
        let data = folder.data();
        let flags = [&["--data", &data, "--sync", sync][..], &NO_LIMITS].concat();
        let server = Server::start_by(&mut trace.strace(), &flags);
        let mut talk = Talk::begin(server.address, people, pause);
        let begun = trace.written(&data);
        talk.go_on(1000);
        let talked = trace.written(&data);
        server.signal(rustix::process::Signal::TERM);
        drop(talk);
        server.wait();
        let tidied = trace.written(&data);
        println!(
            "{how}, --sync {sync}: {} syncs and {} KiB; then, tidied up, {} syncs and {} KiB",
            talked.0 - begun.0,
            (talked.1 - begun.1) / 1024,
            tidied.0 - talked.0,
            (tidied.1 - talked.1) / 1024,
        );
    }
}

/// So many entries in the lobby, by ten people, in whole transactions and tidied up; then some more, one at a time, until
/// the write-ahead log has so many KiB, as a crash leaves it.
fn fill(folder: &Folder, entries: usize, log: u64) {
    let mut store = open(folder, 0);
    grow(&mut store, 0..entries);
    for number in entries.. {
        if size(&folder.log()) >= log {
            return;
        }
        say(&mut store, number..number + 1);
    }
}

/// The store that a server would have there. Each time it is opened it needs another number, from which its epochs are.
pub(crate) fn open(folder: &Folder, mut epoch: u64) -> Sqlite {
    let epochs = move || {
        epoch += 1;
        Some(Epoch((epoch ^ 0x5eed_0000).to_be_bytes()))
    };
    Sqlite::open(folder.data().as_ref(), 0, Box::new(epochs)).expect("a database")
}

/// Entries of these numbers, a thousand in a transaction, and tidied up.
pub(crate) fn grow(store: &mut Sqlite, entries: Range<usize>) {
    for from in entries.clone().step_by(1000) {
        say(store, from..entries.end.min(from + 1000));
    }
    store.idle();
}

fn say(store: &mut Sqlite, entries: Range<usize>) {
    let mut letters = entries.map(|number| Letter::Record(entry(number))).collect();
    let mut answers = std::collections::VecDeque::new();
    store.work(1_800_000_000_000, &mut letters, &mut answers);
    assert!(letters.is_empty() && answers.iter().all(|answer| matches!(answer, Answer::Applied(_))));
}

/// In KiB.
pub(crate) fn size(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |file| file.len()) / 1024
}

/// Its files are on the disk; if it is to be cold, in the page cache they are not.
pub(crate) fn forget_or_keep(folder: &Folder, is_cold: bool) {
    for file in [folder.database(), folder.log()] {
        // Tidied up, there is no log.
        let Ok(file) = File::open(file) else { continue };
        file.sync_all().expect("it works");
        if is_cold {
            rustix::fs::fadvise(&file, 0, None, Advice::DontNeed).expect("it is a file");
        }
    }
}

fn entry(number: usize) -> Record {
    Record {
        room: RoomName::new("lobby".to_owned()).expect("a good name"),
        user: UserId([(number % 10) as u8; 10]),
        nick: (&*format!("p{}", number % 10)).into(),
        kind: Kind::Talk,
        text: line(number).into(),
        id: RequestId::new(format!("c56a4180-65aa-42ec-a945-{number:012}")),
        origin: None,
    }
}

#[test]
#[ignore = "figures to look at"]
fn a_million_entries() {
    let folder = Folder::new();
    fill(&folder, 1_000_000, 4000);
    println!("{} KiB, and a log of {} KiB", size(&folder.database()), size(&folder.log()));
    for how in ["cold", "warm", "warm"] {
        forget_or_keep(&folder, how == "cold");
        let begun = Instant::now();
        let server = folder.server(&NO_LIMITS);
        let mut peer = Peer::dial(server.address).expect("it accepts");
        peer.send(b"GET /healthz HTTP/1.1\r\nHost: board\r\n\r\n").expect("it reads");
        assert!(peer.head().expect("it answers").starts_with("HTTP/1.1 200"));
        let accepts = begun.elapsed();
        let empty = (server.resident(), server.share_of_memory());
        let begun = Instant::now();
        let mut reader = server.v1("reader");
        reader.say(r#"{"type":"join","room":"lobby","last":50}"#);
        assert_eq!(reader.event("joined")["last"].as_u64().map(|last| last > 999_999), Some(true));
        (0..50).for_each(|_| drop(reader.event("message")));
        let joined = begun.elapsed();
        for number in 1..=200 {
            let ask = format!(r#"{{"type":"history","room":"lobby","before":{},"limit":50}}"#, number * 5000);
            reader.say(&ask);
            assert_eq!(reader.event("history")["entries"].as_array().map(Vec::len), Some(50));
        }
        println!(
            "{how}: accepts {accepts:.1?} after it was started, a join with 50 entries {joined:.1?} more; memory RSS {} \
             KiB, PSS {} KiB; after reading 10,000 entries at 200 places RSS {} KiB, at most {} KiB",
            empty.0,
            empty.1,
            server.resident(),
            server.peak(),
        );
    }
    for server in [folder.server(&NO_LIMITS), Server::start(&NO_LIMITS)] {
        let before = server.share_of_memory();
        let mut crowd = Crowd::new();
        let mut here = 0;
        for number in 0..1000 {
            crowd.dial(number, server.address, upgrade("/ws", true).into_bytes());
            if number % 50 == 49 {
                until("they are let in", || {
                    crowd.turn(|_, heard, _| here += usize::from(matches!(heard, Heard::Upgraded)));
                    here == number + 1
                });
            }
        }
        let idle = server.share_of_memory();
        drop(crowd);
        let _talk = Talk::begin(server.address, 1000, Duration::ZERO);
        println!(
            "PSS {before} KiB, with 1,000 idle connections {idle} KiB, with 1,000 people in 100 rooms instead {} KiB",
            server.share_of_memory()
        );
    }
}
