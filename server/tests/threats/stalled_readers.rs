//! Readers that do not read (ws-rs CVE-2020-35896, RUSTSEC-2020-0043: what waits for them grew without a bound). What
//! the server keeps for each is bounded, others do not feel it, and whoever reads again gets everything once.

use std::io;

use serde_json::Value;

use crate::support::crowd::{Crowd, Heard};
use crate::support::peer::{Peer, frame, upgrade};
use crate::support::scrape::hung_up;
use crate::support::{Client, Server, until};

const STALLED: usize = 200;
const HEALTHY: usize = 20;

/// The most that may wait for one: `--max-unsent`.
const UNSENT: u64 = 256 * 1024;

/// Somebody in the square who numbers what it says, and those who listen all the time.
struct Square<'a> {
    server: &'a Server,
    author: Client,
    said: u64,
    crowd: Crowd,
    heard: Vec<u64>,
}

impl<'a> Square<'a> {
    fn open(server: &'a Server) -> Self {
        let mut crowd = Crowd::new();
        for number in 0..HEALTHY {
            let mut first = upgrade("/ws", true).into_bytes();
            first.extend(frame(0x81, br#"{"type":"hello"}"#));
            first.extend(frame(0x81, br#"{"type":"join","room":"square"}"#));
            crowd.dial(number, server.address, first);
        }
        let author = server.v1_in("author", "square");
        let mut square = Self { server, author, said: 0, crowd, heard: vec![0; HEALTHY] };
        let mut joined = 0;
        until("the healthy are in", || {
            square.crowd.turn(|_, heard, _| {
                joined +=
                    usize::from(matches!(heard, Heard::Text(text) if text.contains(r#""type":"joined""#)));
            });
            joined == HEALTHY
        });
        square
    }

    /// So many entries more. The healthy hear each of them, in order.
    fn talk(&mut self, entries: usize) {
        for _ in 0..entries {
            self.said += 1;
            let (id, text) = (self.said, "z".repeat(2000));
            self.author.say(&format!(r#"{{"type":"say","room":"square","id":"{id}","text":"{text}"}}"#));
            assert_eq!(self.author.event("stored")["seq"], self.said);
        }
        let (heard, said) = (&mut self.heard, self.said);
        until("the healthy have heard all", || {
            self.crowd.turn(|number, word, _| match word {
                Heard::Text(text) if text.starts_with(r#"{"type":"message""#) => {
                    heard[number] += 1;
                    let next = format!(r#""seq":{},"#, heard[number]);
                    assert!(text.contains(&next), "healthy {number}: {next} does not come");
                }
                Heard::Text(text) => assert!(text.contains(r#""type":"presence""#), "{text}"),
                other => panic!("healthy {number}: {other:?}"),
            });
            heard.iter().all(|heard| *heard == said)
        });
    }

    fn lags(&self) -> u64 {
        self.server.counted("snug_lags_total")
    }
}

/// Somebody who does not read, until it does.
struct Reader {
    peer: Peer,
    nick: String,
    session: String,
    epoch: String,
    heard: u64,
    resets: usize,
}

impl Reader {
    fn new(server: &Server, number: usize) -> Self {
        let mut reader = Self {
            peer: Peer::narrow(server.address).expect("it accepts"),
            nick: format!("stalled-{number}"),
            session: format!("{:032x}", number + 1),
            epoch: String::new(),
            heard: 0,
            resets: 0,
        };
        reader.enter();
        reader
    }

    fn enter(&mut self) {
        let after = match self.epoch.as_str() {
            "" => String::new(),
            epoch => format!(r#","after":{{"epoch":"{epoch}","seq":{}}}"#, self.heard),
        };
        let hello = format!(r#"{{"type":"hello","nick":"{}","session":"{}"}}"#, self.nick, self.session);
        let join = format!(r#"{{"type":"join","room":"square"{after}}}"#);
        let mut first = upgrade("/ws", true).into_bytes();
        first.extend(frame(0x81, hello.as_bytes()));
        first.extend(frame(0x81, join.as_bytes()));
        self.peer.send(&first).expect("it reads");
        assert!(self.peer.head().expect("it answers").starts_with("HTTP/1.1 101 "));
        self.epoch =
            self.event("welcome").expect("it speaks")["epoch"].as_str().expect("an epoch").to_owned();
        self.event("joined").expect("it speaks");
    }

    fn event(&mut self, kind: &str) -> io::Result<Value> {
        let text = self.peer.text()?;
        let event: Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(event["type"], kind, "{text}");
        Ok(event)
    }

    /// Goes away without having read what is on the way, and comes back.
    fn come_back(&mut self, server: &Server) {
        let peer = std::mem::replace(&mut self.peer, server.dial());
        peer.reset();
        self.enter();
    }

    /// Reads until it has heard so many: each is the next, but behind a reset, which comes only if the next is gone.
    fn read_to(&mut self, server: &Server, last: u64) {
        self.peer.widen();
        while self.heard < last {
            let text = match self.peer.text() {
                Ok(text) => text,
                // On a machine so slow that half a minute has passed, it has been hung up on.
                Err(error) if error.to_string() == "closed with 1013" => {
                    self.come_back(server);
                    continue;
                }
                Err(error) => panic!("{}: {error}", self.nick),
            };
            let event: Value = serde_json::from_str(&text).expect("JSON");
            match event["type"].as_str().expect("a type") {
                "message" => {
                    assert_eq!(event["seq"], self.heard + 1, "{}: it is the next", self.nick);
                    self.heard += 1;
                }
                "reset" => {
                    let first = event["first"].as_u64().expect("a number");
                    assert!(
                        first > self.heard + 1,
                        "{}: {} is kept, and is not told: {text}",
                        self.nick,
                        self.heard + 1
                    );
                    self.resets += 1;
                    // The latest follow, from wherever they begin.
                    self.heard =
                        self.event("message").expect("the latest")["seq"].as_u64().expect("a number");
                }
                "presence" | "who" => {}
                _ => panic!("{}: {text}", self.nick),
            }
        }
        assert_eq!(self.heard, last);
    }
}

#[test]
fn two_hundred_stalled_readers_of_a_busy_room() {
    let server = Server::start(&["--max-rate", "0", "--max-connections-per-address", "0"]);
    let mut square = Square::open(&server);
    let mut stalled: Vec<Reader> = (0..STALLED).map(|number| Reader::new(&server, number)).collect();
    square.talk(1);
    server.forget_peak();
    let base = server.resident();

    // They lag when the kernel keeps no more for them.
    while square.lags() < STALLED as u64 {
        square.talk(20);
        assert!(square.said < 10_000, "{} lag", square.lags());
    }
    let lag_at = square.said;
    let held = server.counted("snug_held_bytes");

    // Half of them read on soon, so that what they missed is still kept. Every other one loses its connection meanwhile.
    for (number, reader) in stalled.iter_mut().take(STALLED / 2).enumerate() {
        if number % 2 == 0 {
            reader.read_to(&server, square.said - 60);
            reader.come_back(&server);
        }
        reader.read_to(&server, square.said);
    }
    let prompt: usize = stalled.iter().take(STALLED / 2).map(|reader| reader.resets).sum();
    // Each of the first half is live again, and hears the next at once; the others sleep through much more.
    square.talk(1);
    for reader in stalled.iter_mut().take(STALLED / 2) {
        reader.read_to(&server, square.said);
    }
    for _ in 0..crate::size(200, 10) {
        square.talk(50);
        for reader in stalled.iter_mut().take(STALLED / 2) {
            reader.read_to(&server, square.said);
        }
    }
    let (peak, unsent) = (server.peak(), server.counted("snug_unsent_bytes"));
    println!(
        "{STALLED} stalled readers lag after {lag_at} entries, {} are said; memory {base} KiB at first, {peak} KiB at \
         most; held {} KiB when all lagged, {} KiB wait in the end",
        square.said,
        held / 1024,
        unsent / 1024,
    );
    assert!(unsent > 0, "somebody is still stalled");
    assert!(held < STALLED as u64 * UNSENT, "{held} bytes");
    assert!((peak - base) * 1024 < STALLED as u64 * UNSENT, "{} KiB more", peak - base);

    for (number, reader) in stalled.iter_mut().enumerate().skip(STALLED / 2) {
        if number % 2 == 0 {
            reader.come_back(&server);
        }
        reader.read_to(&server, square.said);
    }
    square.talk(1);
    for reader in &mut stalled {
        reader.read_to(&server, square.said);
    }
    let late: usize = stalled.iter().skip(STALLED / 2).map(|reader| reader.resets).sum();
    println!("resets: {prompt} of those who read on soon, {late} of those who slept long");
    assert!(prompt < STALLED / 4, "hardly anybody who reads on soon misses anything: {prompt}");
    assert!(late >= STALLED / 2, "what is not kept is said to be gone");
    assert_eq!(server.counted("snug_unsent_bytes"), 0);
    assert_eq!(server.counted("snug_members_behind"), 0);
}

/// A plain reader has no position to go on from, so it is hung up on as soon as too much waits for it.
#[test]
fn a_plain_reader_that_stalls_is_hung_up_on() {
    let server = Server::start(&["--max-rate", "0", "--max-connections-per-address", "0"]);
    let mut square = Square::open(&server);
    let mut sleeper = Peer::narrow(server.address).expect("it accepts");
    sleeper.send(upgrade("/ws/square?nick=sleeper", false).as_bytes()).expect("it reads");
    assert!(sleeper.head().expect("it answers").starts_with("HTTP/1.1 101 "));
    while hung_up(server.address, "too-slow") == 0 {
        square.talk(20);
        assert!(square.said < 10_000, "it is never hung up on");
    }
    // It has two seconds to read the close; what it gets is in order to the last line.
    sleeper.widen();
    let (code, lines) = sleeper.end();
    println!("hung up on after {} entries, {lines} of them read, then {code:?}", square.said);
    assert!([Some(1013), None].contains(&code), "{code:?}");
    assert!(lines > 0 && (lines as u64) < square.said, "{lines}");
    square.talk(10);
    assert_eq!(server.counted("snug_unsent_bytes"), 0);
}
