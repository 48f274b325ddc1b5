//! All who were there come back at once: after a restart, after a crash, after a switch was off for a moment. Nobody is
//! kept out, nobody waits too long at the door, and everybody is told once what it has missed, or that it is gone.

use std::net::{SocketAddr, TcpListener};
use std::time::Instant;

use rustix::process::Signal;
use serde_json::Value;

use crate::support::crowd::{Crowd, Heard};
use crate::support::peer::{frame, upgrade};
use crate::support::scrape::hung_up;
use crate::support::{Client, PATIENCE, Server, until};

const ROOMS: usize = 20;

const FLAGS: [&str; 8] =
    ["--max-connections", "0", "--max-connections-per-address", "0", "--max-rate", "0", "--max-rooms", "0"];

/// One of them, as PROTOCOL.md says: it knows how far it has come, and takes only what is next.
struct Sheep {
    session: String,
    room: usize,
    /// Epoch and number.
    position: Option<(String, u64)>,
    /// Of this connection.
    epoch: String,
    is_in: bool,
    resets: usize,
    closed_with: Option<u16>,
}

impl Sheep {
    /// All it says: it greets and enters, and that is sent behind the head at once.
    fn first_words(&self) -> Vec<u8> {
        let since = match &self.position {
            Some((epoch, seq)) => format!(r#""after":{{"epoch":"{epoch}","seq":{seq}}}"#),
            None => r#""last":0"#.to_owned(),
        };
        let hello = format!(r#"{{"type":"hello","session":"{}"}}"#, self.session);
        let join = format!(r#"{{"type":"join","room":"field-{}",{since}}}"#, self.room);
        let mut bytes = upgrade("/ws", true).into_bytes();
        bytes.extend(frame(0x81, hello.as_bytes()));
        bytes.extend(frame(0x81, join.as_bytes()));
        bytes
    }

    fn hear(&mut self, text: &str) {
        // Who else is there is long, and of no interest here.
        if text.starts_with(r#"{"type":"presence""#) || text.starts_with(r#"{"type":"who""#) {
            return;
        }
        if text.starts_with(r#"{"type":"joined""#) {
            self.is_in = true;
            // It begins with the life of this log, unless it has a position from before.
            self.position.get_or_insert((self.epoch.clone(), 0));
            return;
        }
        let event: Value = serde_json::from_str(text).expect("JSON");
        let word = |name: &str| event[name].as_str().expect("text").to_owned();
        match event["type"].as_str().expect("a type") {
            "welcome" => self.epoch = word("epoch"),
            "reset" => {
                assert_eq!(event["reason"], "epoch", "{text}");
                self.resets += 1;
                self.position = Some((self.epoch.clone(), 0));
            }
            "message" => {
                let (epoch, seq) = self.position.as_mut().expect("it is in");
                assert_eq!(*epoch, self.epoch, "what another life has said is not gone on with");
                assert_eq!(event["seq"], *seq + 1, "{text}");
                *seq += 1;
            }
            _ => panic!("{text}"),
        }
    }

    fn has_heard(&self, last: u64) -> bool {
        self.is_in && self.position.as_ref().is_some_and(|(epoch, seq)| *epoch == self.epoch && *seq == last)
    }
}

struct Herd {
    crowd: Crowd,
    sheep: Vec<Sheep>,
}

impl Herd {
    fn new(size: usize) -> Self {
        let sheep = |number: usize| Sheep {
            session: format!("{:032x}", number + 1),
            room: number % ROOMS,
            position: None,
            epoch: String::new(),
            is_in: false,
            resets: 0,
            closed_with: None,
        };
        Self { crowd: Crowd::new(), sheep: (0..size).map(sheep).collect() }
    }

    /// All at once.
    fn come(&mut self, address: SocketAddr) {
        for (number, sheep) in self.sheep.iter_mut().enumerate() {
            sheep.is_in = false;
            sheep.closed_with = None;
            self.crowd.dial(number, address, sheep.first_words());
        }
    }

    /// Until all are in and have heard so much of their rooms.
    fn listen_to(&mut self, last: u64) {
        let mut done = vec![false; self.sheep.len()];
        let mut waiting = done.len();
        for (sheep, done) in self.sheep.iter().zip(&mut done) {
            *done = sheep.has_heard(last);
            waiting -= usize::from(*done);
        }
        let begun = Instant::now();
        while waiting > 0 {
            assert!(begun.elapsed() < PATIENCE, "{waiting} are not in, or have not heard all");
            self.crowd.turn(|number, heard, _| match heard {
                Heard::Upgraded => {}
                Heard::Text(text) => {
                    let sheep = &mut self.sheep[number];
                    sheep.hear(&text);
                    let was_done = std::mem::replace(&mut done[number], sheep.has_heard(last));
                    assert!(done[number] || !was_done, "sheep {number} has heard all, and then: {text}");
                    waiting -= usize::from(done[number] && !was_done);
                }
                other => panic!("sheep {number}: {other:?}"),
            });
        }
    }

    /// Until nobody is left.
    fn part(&mut self) {
        until("all have parted", || {
            self.crowd.turn(|number, heard, _| match heard {
                Heard::Text(text) => self.sheep[number].hear(&text),
                Heard::Closed(code) => self.sheep[number].closed_with = Some(code),
                Heard::Gone(_) => {}
                other => panic!("sheep {number}: {other:?}"),
            });
            self.crowd.len() == 0
        });
    }

    /// How many were reset how often.
    fn resets(&self) -> usize {
        self.sheep.iter().map(|sheep| sheep.resets).sum()
    }
}

/// Somebody in all rooms who says something in each, again and again.
fn crier(address: SocketAddr) -> Client {
    let mut crier = Client::v1(address, "crier");
    for room in 0..ROOMS {
        crier.say(&format!(r#"{{"type":"join","room":"field-{room}"}}"#));
        crier.event("joined");
    }
    crier
}

fn cry(crier: &mut Client, from: u64, to: u64) {
    for seq in from..=to {
        for room in 0..ROOMS {
            crier.say(&format!(
                r#"{{"type":"say","room":"field-{room}","id":"{room}-{seq}","text":"news {seq}"}}"#
            ));
            assert_eq!(crier.event("stored")["seq"], seq);
        }
    }
}

/// A place that can be listened at twice: not one of those that the kernel gives to whoever connects. Who looks for one
/// at the same time looks elsewhere.
fn a_place(number: u16) -> String {
    let begin = 20_000 + (std::process::id() % 5_000) as u16 + number * 100;
    let free = (begin..32_000).find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok());
    format!("127.0.0.1:{}", free.expect("a free port"))
}

fn size() -> usize {
    crate::size(4000, 1000)
}

/// What the server counted of those who came: all were let in, and nobody was late.
fn check(server: &Server, came: usize) {
    let outcome = |name: &str| {
        server.counted(&format!("snug_connections_accepted_total{{outcome=\"{name}\"}}")) as usize
    };
    assert_eq!((outcome("upgraded"), outcome("refused")), (came, 0));
    assert_eq!((outcome("unfinished"), outcome("turned-away")), (0, 0));
    assert_eq!(hung_up(server.address, "late-head"), 0, "no handshake timed out");
    println!("{came} came in {} turns, {} KiB at most", server.counted("snug_turns_total"), server.peak());
}

fn comes_back_after(signal: Signal) {
    let place = a_place(signal.as_raw() as u16);
    let mut herd = Herd::new(size());
    let server = Server::start_at(&place, &FLAGS);
    herd.come(server.address);
    herd.listen_to(0);
    cry(&mut crier(server.address), 1, 5);
    herd.listen_to(5);
    check(&server, size() + 1);

    server.signal(signal);
    herd.part();
    let said = (signal == Signal::TERM).then_some(1012);
    for (number, sheep) in herd.sheep.iter().enumerate() {
        assert_eq!(sheep.closed_with, said, "sheep {number}");
    }
    let (code, log) = server.wait();
    assert_eq!(code, said.map(|_| 0), "{log}");

    // Before anybody is back, and while they come, there is news. The old news is gone with the old server's memory.
    let server = Server::start_at(&place, &FLAGS);
    let mut crier = crier(server.address);
    cry(&mut crier, 1, 2);
    herd.come(server.address);
    std::thread::scope(|scope| {
        let news = scope.spawn(|| cry(&mut crier, 3, 10));
        herd.listen_to(10);
        news.join().expect("the crier is heard");
    });
    check(&server, size() + 1);
    assert_eq!(herd.resets(), size(), "each is told once that the past is gone");
    assert!(herd.sheep.iter().all(|sheep| sheep.resets == 1));
}

#[test]
fn a_herd_comes_back_after_a_restart() {
    comes_back_after(Signal::TERM);
}

#[test]
fn a_herd_comes_back_after_a_crash() {
    comes_back_after(Signal::KILL);
}

/// The server was there all the time, so nothing is gone: everybody gets exactly what it has missed.
#[test]
fn a_herd_comes_back_after_a_break() {
    let server = Server::start(&FLAGS);
    let mut herd = Herd::new(size());
    herd.come(server.address);
    herd.listen_to(0);
    let mut crier = crier(server.address);
    cry(&mut crier, 1, 5);
    herd.listen_to(5);
    let mut known = 5;
    for _ in 0..3 {
        herd.crowd.reset();
        cry(&mut crier, known + 1, known + 3);
        herd.come(server.address);
        std::thread::scope(|scope| {
            let news = scope.spawn(|| cry(&mut crier, known + 4, known + 8));
            herd.listen_to(known + 8);
            news.join().expect("the crier is heard");
        });
        known += 8;
    }
    check(&server, 4 * size() + 1);
    assert_eq!(herd.resets(), 0, "nothing was gone");
}
