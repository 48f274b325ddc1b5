//! Frames that break the rules of RFC 6455. Each is answered with a close that says why, from as few bytes as possible,
//! and then the connection is over: nothing is echoed, nothing is passed on, and nothing is kept by a declared length.

use protocol::time::Span;
use server::conn::deadlines::Patience;

use crate::support::honest::Pair;
use crate::support::peer::{Peer, frame, upgrade};
use crate::support::scrape::counted;
use crate::support::{PATIENCE, Server, here};

/// Sends bytes as they are behind a good handshake, to a server that says nothing before it is greeted; with which code
/// it closes.
fn closes_with(server: &Server, bytes: &[u8]) -> Option<u16> {
    let mut peer = server.stranger();
    // It may hang up before it has read all.
    let _ = peer.send(bytes);
    let (code, others) = peer.end();
    assert_eq!(others, 0, "nothing comes before the close");
    code
}

/// Bytes as hex, with spaces.
fn hex(text: &str) -> Vec<u8> {
    text.split_whitespace().map(|byte| u8::from_str_radix(byte, 16).expect("hex")).collect()
}

#[test]
fn broken_rules_are_answered_with_their_code() {
    let server = Server::start(&[]);
    let mut pair = Pair::new(&server, "kitchen");
    for (code, bytes, section) in [
        (1002, "81 02 68 69", "5.1: a client masks"),
        (1002, "89 00", "5.1: also its pings"),
        (1002, "88 02 03 e8", "5.1: also its last word"),
        (1002, "c1 80 00 00 00 00", "5.2: RSV1 without an extension, such as compression"),
        (1002, "a1 80 00 00 00 00", "5.2: RSV2"),
        (1002, "91 80 00 00 00 00", "5.2: RSV3"),
        (1002, "f1 80 00 00 00 00", "5.2: all of them"),
        (1002, "c9 80 00 00 00 00", "5.2: RSV1 on a ping"),
        (1002, "83 80 00 00 00 00", "5.2: opcode 3"),
        (1002, "87 80 00 00 00 00", "5.2: opcode 7"),
        (1002, "8b 80 00 00 00 00", "5.2: opcode 11"),
        (1002, "8f 80 00 00 00 00", "5.2: opcode 15"),
        (1002, "03 80 00 00 00 00", "5.2: opcode 3 in parts"),
        (1002, "09 80 00 00 00 00", "5.5: a ping in parts"),
        (1002, "08 80 00 00 00 00", "5.5: a close in parts"),
        (1002, "89 fe 00 7e 00 00 00 00", "5.5: a ping of 126 bytes"),
        (1002, "8a ff 00 00 00 00 00 01 00 00", "5.5: a pong of 65,536 bytes"),
        (1002, "88 fe 00 7e 00 00 00 00", "5.5: a close of 126 bytes"),
        (1002, "80 80 00 00 00 00", "5.4: a continuation of nothing"),
        (1002, "00 80 00 00 00 00", "5.4: a continuation of nothing, which goes on"),
        (1002, "01 81 00 00 00 00 61 81 81 00 00 00 00 62", "5.4: a new message inside of one"),
        (1002, "01 80 00 00 00 00 02 80 00 00 00 00", "5.4: a binary one inside of a text"),
        (1002, "81 fe 00 7d 00 00 00 00", "5.2: 125 in three bytes"),
        (1002, "81 fe 00 00 00 00 00 00", "5.2: 0 in three bytes"),
        (1002, "81 ff 00 00 00 00 00 00 ff ff", "5.2: 65,535 in nine bytes"),
        (1002, "81 ff 00 00 00 00 00 00 00 01", "5.2: 1 in nine bytes"),
        (1002, "81 ff 80 00 00 00 00 00 00 00", "5.2: 2^63"),
        (1002, "81 ff ff ff ff ff ff ff ff ff", "5.2: 2^64 - 1"),
        (1009, "81 ff 7f ff ff ff ff ff ff ff 00 00 00 00", "7.4.1: 2^63 - 1, from the header alone"),
        (1009, "81 ff 00 00 00 01 00 00 00 00 00 00 00 00", "7.4.1: 2^32, which is 0 in 32 bits"),
        (1009, "81 ff 00 00 00 00 80 00 00 00 00 00 00 00", "7.4.1: 2^31"),
        (1009, "81 ff 00 00 00 00 00 01 00 00 00 00 00 00", "7.4.1: 65,536"),
        (1009, "81 fe 40 01 00 00 00 00", "7.4.1: one byte more than a message may have"),
        (1009, "01 fe 40 00 00 00 00 00", "7.4.1: the rest of it does not come, but the next part's header"),
    ] {
        let mut bytes = hex(bytes);
        if section.ends_with("header") {
            bytes.extend([b'a'; 0x4000]);
            bytes.extend(hex("80 81 00 00 00 00"));
        }
        assert_eq!(closes_with(&server, &bytes), Some(code), "{section}");
        // The same with the talk of others, and a byte at a time.
        let mut peer = server.stranger();
        for byte in &bytes {
            if peer.send(&[*byte]).is_err() {
                break;
            }
        }
        assert_eq!(peer.end().0, Some(code), "{section}, byte by byte");
    }
    pair.talk(10);
}

/// RFC 6455 section 7.4: which codes may be sent at all. A good one is answered in kind, a bad one with 1002.
#[test]
fn close_codes() {
    let server = Server::start(&[]);
    let close = |payload: &[u8]| closes_with(&server, &frame(0x88, payload));
    let coded = |code: u16| close(&code.to_be_bytes());
    assert_eq!(close(b""), Some(1005), "no code is answered with none");
    for good in [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999] {
        assert_eq!(coded(good), Some(good));
    }
    for bad in [0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 9999, 65535] {
        assert_eq!(coded(bad), Some(1002), "{bad}");
    }
    assert_eq!(close(b"\x03"), Some(1002), "half a code");
    assert_eq!(close(b"\x03\xe8bye"), Some(1000));
    assert_eq!(close(b"\x03\xe8\xff"), Some(1007), "a reason that is no text");
    assert_eq!(close(b"\x03\xe8\xc3"), Some(1007), "a reason that breaks off within a character");
    assert_eq!(close(&[b"\x03\xe8".as_slice(), &[b'x'; 123]].concat()), Some(1000));
}

/// What comes behind a close, good or bad, is not even looked at.
#[test]
fn nothing_counts_behind_a_close() {
    let server = Server::start(&[]);
    let mut witness = server.plain("witness", "lobby");
    for end in [frame(0x88, b"\x03\xe8"), hex("81 02 68 69")] {
        let mut mallory = server.dial();
        let mut bytes = upgrade("/ws/lobby?nick=mallory", false).into_bytes();
        bytes.extend(end);
        for _ in 0..100 {
            bytes.extend(frame(0x81, b"forged"));
        }
        mallory.send(&bytes).expect("it reads");
        let _ = mallory.head();
        mallory.end();
    }
    witness.say("is it quiet?");
    assert_eq!(witness.line(), "+ 1", "nothing was said before");
}

/// Somebody who never stops sending, whether it has said goodbye or was told to go, is cut off: the deadline of the
/// closing handshake counts from the close, and is not put off by what still comes (RFC 6455 section 7.1.1).
#[test]
fn who_goes_on_sending_behind_a_close_is_cut_off() {
    let address = here::run(Patience { close: Span(300), ..here::patient() }, here::RULES);
    let mut pair = Pair::at(address, "kitchen");
    pair.talk_while(20, || {
        for end in [frame(0x88, b"\x03\xe8"), hex("81 02 68 69")] {
            let mut mallory = Peer::dial(address).expect("it accepts");
            mallory.send(&[upgrade("/ws", true).into_bytes(), end].concat()).expect("it reads");
            let more = frame(0x81, &[b'x'; 100]);
            let begun = std::time::Instant::now();
            let mut sent = 0;
            while mallory.send(&more).is_ok() {
                sent += 1;
                assert!(begun.elapsed() < PATIENCE, "it is read for ever");
            }
            println!("{sent} messages behind a close");
        }
    });
    assert_eq!(counted(address, "snug_requests_total{dialect=\"snug.v1\"}"), 2 * 2 + pair.turns() as u64);
}

/// gorilla CVE-2020-27813, rust-websocket CVE-2022-35922 and others: memory by a declared length. With the limit
/// lifted, too.
#[test]
fn no_memory_is_taken_for_what_is_only_declared() {
    const LIARS: usize = 200;
    let server = Server::start(&["--max-message", "0", "--max-connections-per-address", "0"]);
    let mut pair = Pair::new(&server, "kitchen");
    pair.talk(1);
    let base = server.peak();
    // 4 GiB less one byte each, of which ten come.
    let liars: Vec<Peer> = (0..LIARS)
        .map(|_| {
            let mut liar = server.stranger();
            liar.send(&hex("81 ff 00 00 00 00 ff ff ff ff 00 00 00 00")).expect("it reads");
            liar.send(b"0123456789").expect("it reads");
            liar
        })
        .collect();
    pair.talk(200);
    println!("{} KiB for {LIARS} messages of 4 GiB", server.peak().saturating_sub(base));
    assert!(server.peak() < base + 2048, "{} KiB", server.peak().saturating_sub(base));
    drop(liars);
    pair.talk(10);
}

/// WeeChat's relay (2.7): a bad frame before anybody has said who it is. Every state meets every kind of garbage.
#[test]
fn garbage_in_every_state_hurts_nobody() {
    let server = Server::start(&["--max-connections-per-address", "0"]);
    let mut pair = Pair::new(&server, "kitchen");
    let mut chance = crate::support::chance::Chance(6455);
    let states: [&[&str]; 3] =
        [&[], &[r#"{"type":"hello"}"#], &[r#"{"type":"hello"}"#, r#"{"type":"join","room":"attic"}"#]];
    let mut ends = std::collections::BTreeMap::new();
    for round in 0..crate::size(10_000, 600) {
        let mut bytes = upgrade("/ws", true).into_bytes();
        for request in states[round % states.len()] {
            bytes.extend(frame(0x81, request.as_bytes()));
        }
        for _ in 0..chance.between(1, 200) {
            bytes.push(match chance.below(3) {
                0 => *chance.pick(&[0x80, 0x81, 0x82, 0x88, 0x89, 0x00, 0x7e, 0x7f, 0xfe, 0xff]),
                _ => chance.number() as u8,
            });
        }
        let mut peer = server.dial();
        peer.send(&bytes).expect("it reads");
        peer.stream.shutdown(std::net::Shutdown::Write).expect("it is open");
        peer.head().expect("it answers");
        *ends.entry(peer.end().0).or_insert(0) += 1;
    }
    println!("how garbage ends: {ends:?}");
    pair.talk(10);
}
