//! Hang-ups, each counted under its own name.

use protocol::time::Span;
use protocol::ws::{CloseCode, Violation};
use server::conn::deadlines::Patience;
use support::here;
use support::peer::{Peer, frame, upgrade};

use crate::exposition::Page;
use crate::support;
use crate::{GET, Scraped, Server, read};

fn hung_up(page: &Page, reason: &str) -> f64 {
    page.at(&format!("snug_hangups_total{{reason=\"{reason}\"}}"))
}

/// The first bytes that break each rule (RFC 6455 section 5.2: FIN, RSV, opcode; MASK, length).
fn offence(violation: Violation) -> Option<Vec<u8>> {
    let text = |first: u8, payload: &[u8]| frame(first, payload);
    Some(match violation {
        Violation::ReservedBits => text(0xc1, b""),
        Violation::ReservedOpcode(_) => text(0x83, b""),
        Violation::FragmentedControl => text(0x09, b""),
        Violation::LongControl => vec![0x89, 0xfe],
        Violation::Unmasked => vec![0x81, 0x00],
        // Only a server can do that.
        Violation::Masked => return None,
        Violation::PaddedLength => vec![0x81, 0xfe, 0x00, 0x01],
        Violation::NegativeLength => vec![0x81, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0],
        Violation::StrayContinuation => text(0x80, b""),
        Violation::InterruptedMessage => [text(0x01, b"a"), text(0x81, b"b")].concat(),
        Violation::TextNotUtf8 => text(0x81, b"\xff"),
        Violation::HalfCloseCode => text(0x88, b"\x03"),
        Violation::BadCloseCode(_) => text(0x88, &1005_u16.to_be_bytes()),
        Violation::ReasonNotUtf8 => text(0x88, b"\x03\xe8\xff"),
        Violation::MessageTooBig => vec![0x81, 0xff, 0, 0, 0, 0, 0, 1, 0, 0],
        Violation::TooManyFragments => {
            let more = text(0x00, b"").repeat(protocol::limits::MAX_FRAGMENTS as usize);
            [text(0x01, b""), more].concat()
        }
    })
}

#[test]
fn every_violation_by_its_name() {
    let server = Server::start(&["--max-rate", "0"]);
    let offences: Vec<_> =
        Violation::ALL.into_iter().filter_map(|violation| Some((violation, offence(violation)?))).collect();
    for (violation, bytes) in &offences {
        let mut peer = Peer::dial(server.address).expect("it accepts");
        peer.send(upgrade("/ws", true).as_bytes()).expect("it reads");
        peer.head().expect("an answer");
        peer.send(bytes).expect("it reads");
        let (code, _) = peer.end();
        assert_eq!(code.map(CloseCode), Some(violation.close_code()), "{violation:?}");
    }
    let page = server.scrape();
    for (violation, _) in &offences {
        assert_eq!(hung_up(&page, violation.name()), 1.0, "{violation:?}");
    }
    assert_eq!(page.sum("snug_hangups_total"), offences.len() as f64, "and nothing else");
}

#[test]
fn who_goes_by_itself_is_not_hung_up_on() {
    let server = Server::start(&[]);
    let mut anna = server.plain("anna", "lobby");
    anna.socket.close(None).expect("it is sent");
    assert_eq!(anna.closed_with(), 1005);
    drop(server.plain("ben", "lobby"));
    let mut carla = server.plain("carla", "lobby");
    carla.say("/quit");
    assert_eq!(carla.closed_with(), 1000);
    let page = server.scrape();
    assert_eq!((hung_up(&page, "chat"), page.sum("snug_hangups_total")), (1.0, 1.0), "carla asked for it");
}

#[test]
fn who_sends_no_text_or_reads_nothing() {
    let server = Server::start(&["--max-rate", "0", "--max-connections-per-address", "0"]);
    let mut binary = server.connect("/ws/lobby", None);
    binary.socket.send(tungstenite::Message::binary(vec![1])).expect("it is sent");
    while binary.socket.read().is_ok_and(|message| !message.is_close()) {}

    let mut sleeper = Peer::narrow(server.address).expect("it accepts");
    sleeper.send(upgrade("/ws/lobby?nick=sleeper", false).as_bytes()).expect("it reads");
    let mut anna = server.plain("anna", "lobby");
    let long = "z".repeat(10_000);
    let mut said = 0;
    let page = loop {
        anna.say(&long);
        said += 1;
        let page = server.scrape();
        if hung_up(&page, "too-slow") > 0.0 {
            break page;
        }
        assert!(said < 5000, "it is never hung up on");
        while !anna.next().starts_with("+ ") {}
    };
    assert_eq!((hung_up(&page, "not-text"), hung_up(&page, "too-slow")), (1.0, 1.0));
    assert_eq!(page.sum("snug_hangups_total"), 2.0);
}

/// Pings without reading a pong: the kernel's buffers fill, then ours, then it is enough.
#[test]
fn who_pings_without_reading() {
    let server = Server::start(&["--max-rate", "0"]);
    let mut peer = Peer::narrow(server.address).expect("it accepts");
    peer.send(upgrade("/ws/lobby", false).as_bytes()).expect("it reads");
    let pings = frame(0x89, &[0x55; 125]).repeat(500);
    // It is not read to the end of what it sends.
    while peer.send(&pings).is_ok() && hung_up(&server.scrape(), "too-many-pings") == 0.0 {}
    assert_eq!(hung_up(&server.scrape(), "too-many-pings"), 1.0);
}

/// Whoever is furthest behind is cut off when all that waits together is too much.
#[test]
fn when_memory_is_short() {
    let server = Server::start(&["--max-rate", "0", "--max-memory", "1"]);
    let mut anna = server.plain("anna", "lobby");
    let sleepers: Vec<Peer> = (0..12)
        .map(|number| {
            let mut sleeper = Peer::narrow(server.address).expect("it accepts");
            let path = format!("/ws/lobby?nick=sleeper{number}");
            sleeper.send(upgrade(&path, false).as_bytes()).expect("it reads");
            sleeper.head().expect("an answer");
            sleeper
        })
        .collect();
    let long = "z".repeat(10_000);
    // Above four fifths of the budget nobody is let in, so a question has to wait for better times.
    let mut said = 0;
    let page = loop {
        anna.say(&long);
        said += 1;
        assert!(said < 5000, "it is never too much");
        while !anna.next().starts_with("+ ") {}
        let Some(page) = read(&server.raw(GET)) else { continue };
        if hung_up(&page, "memory") > 0.0 || hung_up(&page, "too-slow") as usize == sleepers.len() {
            break page;
        }
    };
    assert!(hung_up(&page, "memory") > 0.0);
    assert_eq!(page.at("snug_held_limit_bytes"), 1024.0 * 1024.0);
}

/// In this process, with little patience. A question may itself come too late, so it is asked again.
fn lateness(patience: Patience, offend: impl FnOnce(&mut Peer), reason: &str) {
    let address = here::run(patience, here::RULES);
    let mut peer = Peer::dial(address).expect("it accepts");
    offend(&mut peer);
    // Reads to the end, so it has happened.
    while peer.fill().is_ok() {}
    for _ in 0..1000 {
        let mut asker = Peer::dial(address).expect("it accepts");
        if asker.send(GET.as_bytes()).is_err() {
            continue;
        }
        let mut answer = String::new();
        // What was cut off has no length to rely on, and is asked again.
        let whole = std::io::Read::read_to_string(&mut asker.stream, &mut answer).is_ok();
        let Some(page) = whole.then(|| read(&answer)).flatten() else { continue };
        assert_eq!(hung_up(&page, reason), 1.0, "{reason}");
        return;
    }
    panic!("every question was too late");
}

#[test]
fn who_is_late() {
    let little = Span(100);
    lateness(Patience { handshake: little, ..here::patient() }, |_| {}, "late-head");
    let greet = |peer: &mut Peer| {
        peer.send(upgrade("/ws", true).as_bytes()).expect("it reads");
        peer.head().expect("an answer");
    };
    lateness(Patience { idle: little, pong: little, ..here::patient() }, greet, "no-pong");
    let patience = Patience { message: little, close: little, ..here::patient() };
    let begin = |peer: &mut Peer| {
        greet(peer);
        peer.send(&frame(0x01, b"and then")).expect("it reads");
    };
    lateness(patience, begin, "unfinished-message");
    let patience = Patience { message: little, ..here::patient() };
    let post = |peer: &mut Peer| {
        let head = "POST /rooms/ops HTTP/1.1\r\nHost: board\r\nContent-Length: 9\r\n\r\ndisk";
        peer.send(head.as_bytes()).expect("it reads");
    };
    lateness(patience, post, "late-body");
}
