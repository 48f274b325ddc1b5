//! A run: people on good and on bad links, and a server that is stopped, killed and started again on what it has kept.

use std::process::Command;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use rustix::process::Signal;

use crate::history::{Broken, Entry, Event, check};
use crate::people::{Book, ROOM, Somebody};
use crate::support::chance::Chance;
use crate::support::chaos::{Proxy, Weather};
use crate::support::folder::Folder;
use crate::support::honest::Over;
use crate::support::{PATIENCE, Server, until};

impl Folder {
    /// The log of the room, as it lies in the database of a server that has ended.
    pub(crate) fn log(&self) -> Vec<Entry> {
        let conn = rusqlite::Connection::open(self.0.join("snug.db")).unwrap();
        let sound: String = conn.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0)).unwrap();
        assert_eq!(sound, "ok", "the database is whole");
        let mut find = conn
            .prepare(
                "SELECT seq, id, body FROM entries JOIN rooms USING (room_id) WHERE name = ? ORDER BY key",
            )
            .unwrap();
        let entry = |row: &rusqlite::Row<'_>| {
            let (seq, id, text) = (row.get::<_, i64>(0)?, row.get(1)?, row.get(2)?);
            Ok(Entry { seq: seq.try_into().unwrap(), id, text })
        };
        find.query_map([ROOM], entry).unwrap().map(Result::unwrap).collect()
    }
}

/// What is done.
pub(crate) struct Run {
    pub(crate) seed: u64,
    pub(crate) kills: usize,
    pub(crate) senders: usize,
    pub(crate) readers: usize,
    /// About how many events a client hears before it breaks its connection.
    pub(crate) lifetime: usize,
    /// How many ticks there are before the server is killed, at most.
    pub(crate) ticks: usize,
    /// After so long without anything to hear a client gives up.
    pub(crate) patience: Duration,
    /// Further words for the server's command line.
    pub(crate) flags: &'static [&'static str],
    /// Which fault the server has, if it was built so that it can have one.
    pub(crate) fault: Option<&'static str>,
}

impl Default for Run {
    fn default() -> Self {
        let (seed, kills, senders, readers, lifetime, ticks) = (1, 50, 4, 3, 300, 60);
        let (patience, flags, fault) = (PATIENCE, &[][..], None);
        Self { seed, kills, senders, readers, lifetime, ticks, patience, flags, fault }
    }
}

/// What came of it.
pub(crate) struct Outcome {
    pub(crate) events: Vec<Event>,
    pub(crate) log: Vec<Entry>,
    pub(crate) links: usize,
    pub(crate) breaks: usize,
}

impl Run {
    pub(crate) fn play(&self) -> Outcome {
        let folder = Folder::new();
        let first = self.start("127.0.0.1:0", &folder);
        let address = first.address;
        let seed = self.seed;
        let proxy = Proxy::start(address, move |link| {
            let mut chance = Chance(seed ^ (link as u64) << 20);
            if link % 3 == 0 { Weather::storm(&mut chance) } else { Weather::breeze(&mut chance) }
        });
        let book = Book::default();
        let mut breaks = 0;
        let server = thread::scope(|scope| {
            // Should this fail, nobody may go on for ever.
            let _over = Over(&book.is_over);
            let mut people = Vec::new();
            for number in 0..self.senders + self.readers {
                let is_reader = number >= self.senders;
                let place = if number % 2 == 0 { proxy.address } else { address };
                let mut somebody = Somebody::new(number, seed, is_reader, self.lifetime);
                let book = &book;
                people.push(scope.spawn(move || {
                    somebody.live(place, self.patience, book);
                    somebody.breaks
                }));
            }
            let (mut server, mut chance) = (first, Chance(seed));
            for _ in 0..self.kills {
                server = self.kill(server, &folder, &book, &mut chance);
            }
            until("enough is said", || book.ticks() > self.ticks * (self.kills + 1) / 2);
            book.is_evening.store(true, Ordering::Relaxed);
            let readers = people.split_off(self.senders);
            breaks += people.into_iter().map(|person| person.join().unwrap()).sum::<usize>();
            book.last.store(last(&server), Ordering::Relaxed);
            breaks += readers.into_iter().map(|person| person.join().unwrap()).sum::<usize>();
            // Somebody comes late and reads all of it.
            let late = self.senders + self.readers;
            Somebody::new(late, seed, true, usize::MAX).live(address, self.patience, &book);
            server
        });
        server.signal(Signal::TERM);
        let (code, log) = server.wait();
        assert_eq!(code, Some(0), "{log}");
        let links = proxy.links();
        Outcome { events: book.close(), log: folder.log(), links, breaks }
    }

    fn start(&self, place: &str, folder: &Folder) -> Server {
        let mut command = Command::new(env!("CARGO_BIN_EXE_server"));
        command.args(["--listen", place, "--max-connections-per-address", "0", "--max-rate", "0"]);
        command.arg("--data").arg(&folder.0).args(self.flags);
        if let Some(fault) = self.fault {
            command.env("SNUG_FAULT", fault);
        }
        Server::run(&mut command)
    }

    /// Lets them talk for a while, holds the server up now and then, and kills it at some moment.
    fn kill(&self, server: Server, folder: &Folder, book: &Book, chance: &mut Chance) -> Server {
        let enough = book.ticks() + chance.between(1, self.ticks);
        until("enough is said", || book.ticks() >= enough);
        if chance.one_in(4) {
            server.signal(Signal::STOP);
            thread::sleep(Duration::from_millis(chance.between(10, 100) as u64));
            if chance.one_in(2) {
                server.signal(Signal::CONT);
            }
        }
        thread::sleep(Duration::from_micros(chance.below(8000) as u64));
        server.signal(Signal::KILL);
        let place = server.address.to_string();
        let (_, log) = server.wait();
        assert!(!log.contains("panicked") && !log.contains("damaged"), "{log}");
        self.start(&place, folder)
    }
}

impl Outcome {
    pub(crate) fn broken(&self) -> Vec<Broken> {
        check(&self.events, &self.log)
    }
}

/// The number of the newest entry.
fn last(server: &Server) -> u64 {
    let mut asker = server.v1("asker");
    asker.say(&format!(r#"{{"type":"join","room":"{ROOM}","last":0}}"#));
    asker.event("joined")["last"].as_u64().unwrap()
}
