//! Messages in parts: too many, empty ones, tiny ones, or never finished (ws CVE-2026-48779 and CVE-2026-62389, undici
//! CVE-2026-12151 and CVE-2026-9675, libevent CVE-2026-63495).

use protocol::time::Span;
use protocol::ws::Rules;
use server::conn::deadlines::Patience;

use crate::support::honest::Pair;
use crate::support::peer::{Peer, frame, upgrade};
use crate::support::scrape::{counted, hung_up};
use crate::support::{Server, here, until};

const MILLION: usize = 1_000_000;

#[test]
fn a_million_empty_fragments_are_too_many() {
    let server = Server::start(&[]);
    let mut pair = Pair::new(&server, "kitchen");
    pair.talk(1);
    let base = server.peak();
    pair.talk_while(200, || {
        let mut mallory = server.stranger();
        mallory.send(&frame(0x01, b"")).expect("it reads");
        let sent = mallory.pour(&frame(0x00, b""), MILLION);
        println!("{sent} empty fragments were taken from the sender");
        // A reset may overtake the close, since we went on sending.
        assert!([Some(1008), None].contains(&mallory.end().0));
        // Sent no further than it takes, the close is seen for sure.
        let mut mallory = server.stranger();
        let many = [frame(0x01, b""), frame(0x00, b"").repeat(128)].concat();
        mallory.send(&many).expect("it reads");
        assert_eq!(mallory.end().0, Some(1008));
    });
    println!("1e6 empty fragments: {}; {} KiB", pair.report(), server.peak().saturating_sub(base));
    assert!(server.peak() < base + 1024, "{} KiB", server.peak().saturating_sub(base));
}

/// With the limit lifted they are taken, and still cost nothing but work. The message that they are is said.
#[test]
fn a_million_empty_fragments_hold_no_memory() {
    let server = Server::start(&["--max-fragments", "0", "--max-rate", "0"]);
    let mut pair = Pair::new(&server, "kitchen");
    pair.talk(1);
    let base = server.peak();
    pair.talk_while(200, || {
        let mut witness = server.plain("witness", "lobby");
        let mut mallory = server.dial();
        mallory.send(upgrade("/ws/lobby?nick=mallory", false).as_bytes()).expect("it reads");
        mallory.send(&frame(0x01, b"at ")).expect("it reads");
        assert_eq!(mallory.pour(&frame(0x00, b""), MILLION), MILLION, "it is read to the end");
        mallory.send(&frame(0x80, b"last")).expect("it reads");
        assert_eq!(witness.line(), "<mallory> at last");
    });
    println!("1e6 empty fragments, allowed: {}; {} KiB", pair.report(), server.peak().saturating_sub(base));
    assert!(server.peak() < base + 1024, "{} KiB", server.peak().saturating_sub(base));
}

/// 131,000 fragments of one byte were 13.5 MB elsewhere. Here they are too big a message after 16 KiB.
#[test]
fn tiny_fragments_add_up_to_one_message() {
    let server = Server::start(&["--max-fragments", "0", "--max-rate", "0"]);
    let base = server.peak();
    let mut mallory = server.stranger();
    mallory.send(&frame(0x01, b"x")).expect("it reads");
    let sent = mallory.pour(&frame(0x00, b"x"), 131_000);
    println!(
        "{sent} fragments of one byte were taken from the sender; {} KiB",
        server.peak().saturating_sub(base)
    );
    assert!([Some(1009), None].contains(&mallory.end().0));
    assert!(server.peak() < base + 1024, "{} KiB", server.peak().saturating_sub(base));

    let mut mallory = server.stranger();
    let whole = protocol::limits::MAX_MESSAGE;
    mallory.send(&[frame(0x01, b"x"), frame(0x00, b"x").repeat(whole)].concat()).expect("it reads");
    assert_eq!(mallory.end().0, Some(1009), "from the header of the first byte too many");
}

/// Unfinished messages hold what has come of them, and no more.
#[test]
fn unfinished_messages_hold_what_has_come() {
    const PEERS: usize = 500;
    let server = Server::start(&["--max-connections-per-address", "0"]);
    let mut pair = Pair::new(&server, "kitchen");
    pair.talk(1);
    let base = server.resident();
    let almost = frame(0x01, &[b'x'; 16_000]);
    let peers: Vec<Peer> = (0..PEERS)
        .map(|_| {
            let mut peer = server.stranger();
            peer.send(&almost).expect("it reads");
            peer
        })
        .collect();
    pair.talk(200);
    let more = server.resident().saturating_sub(base);
    println!("{more} KiB for {PEERS} unfinished messages of 16,000 bytes; {}", pair.report());
    assert!(more < (PEERS * 20) as u64, "{more} KiB");
    drop(peers);
    pair.talk(10);
}

/// Bytes that go on coming do not help: a message has to be finished by its deadline. Who finishes each begins anew.
#[test]
fn an_unfinished_message_is_not_waited_for() {
    let rules = Rules { fragments: u32::MAX, ..here::RULES };
    let patience = Patience { message: Span(200), close: Span(100), ..here::patient() };
    let address = here::run(patience, rules);
    let stranger = || {
        let mut peer = Peer::dial(address).expect("it accepts");
        peer.send(upgrade("/ws", true).as_bytes()).expect("it reads");
        peer.head().expect("it answers");
        peer
    };
    let mut slow = stranger();
    slow.send(&frame(0x01, b"")).expect("it reads");
    let mut parts = 0;
    while slow.send(&frame(0x00, b"")).is_ok() {
        parts += 1;
        assert!(parts < 4000, "it waits for ever");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    println!("{parts} parts in time");

    let mut honest = stranger();
    for number in 0..60 {
        // Each in two parts, for longer than one may take.
        honest.send(&frame(0x01, br#"{"type":"hel"#)).expect("it reads");
        std::thread::sleep(std::time::Duration::from_millis(10));
        honest.send(&frame(0x80, br#"lo"}"#)).expect("it reads");
        let answer = honest.text().expect("it is there");
        assert!(answer.starts_with(if number == 0 { r#"{"type":"welcome""# } else { r#"{"type":"error""# }));
    }
}

/// Who is left unread because it sent too fast cannot finish what it has begun, and is not blamed for it: the rest is in
/// the kernel, where we leave it.
#[test]
fn a_message_that_we_do_not_read_on_is_not_late() {
    let patience = Patience { message: Span(1000), ..here::patient() };
    let address = here::run_at_pace(patience, 20);
    let mut fast = Peer::dial(address).expect("it accepts");
    fast.send(upgrade("/ws", true).as_bytes()).expect("it reads");
    fast.head().expect("it answers");
    // Two seconds' worth more than what may come at once, and in the end a part of a message.
    let words = [frame(0x8a, b"!").repeat(80), frame(0x01, br#"{"type":"hel"#)].concat();
    fast.send(&words).expect("it reads");
    until("it is paused", || {
        // The pause begins when there is more to read.
        fast.send(&frame(0x8a, b"!")).expect("it is open");
        counted(address, "snug_paused_connections") == 1
    });
    fast.send(&frame(0x80, br#"lo"}"#)).expect("it is open");
    assert!(fast.text().expect("it was waited for").starts_with(r#"{"type":"welcome""#));
    assert_eq!(hung_up(address, "unfinished-message"), 0);
}
