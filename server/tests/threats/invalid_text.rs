//! Text that is not UTF-8. It is found at its first impossible byte, however it is cut into frames, and nobody else ever
//! sees any of it (Mosquitto CVE-2017-7653: one who sent bad text had everybody else hung up on).

use crate::support::Server;
use crate::support::peer::{frame, upgrade};

#[test]
fn it_ends_who_sent_it_and_reaches_nobody() {
    let server = Server::start(&["--max-connections-per-address", "0"]);
    let mut witness = server.plain("witness", "lobby");
    let mut neighbour = server.v1_in("neighbour", "lobby");
    let mut rounds = 0;
    for bad in [
        b"\xff".as_slice(),
        b"\xc0\xaf",                 // '/' in two bytes
        b"\xe0\x80\xaf",             // in three
        b"\xed\xa0\x80",             // half of a surrogate pair
        b"\xed\xa0\xbd\xed\xb8\x80", // a whole one
        b"\xf4\x90\x80\x80",         // behind the last character
        b"\xf8\x88\x80\x80\x80",
        b"\x80",
        b"\xc3\x28",
        b"good until \xe2\x82",
    ] {
        let text = [b"h\xc3\xa9llo ".as_slice(), bad].concat();
        // In one frame, and cut at each place into two.
        for cut in 0..=text.len() {
            let mut bytes = upgrade("/ws/lobby", false).into_bytes();
            match cut {
                0 => bytes.extend(frame(0x81, &text)),
                _ => {
                    bytes.extend(frame(0x01, &text[..cut]));
                    bytes.extend(frame(0x80, &text[cut..]));
                }
            }
            let mut mallory = server.dial();
            mallory.send(&bytes).expect("it reads");
            mallory.head().expect("it answers");
            assert_eq!(mallory.end().0, Some(1007), "{text:x?} cut at {cut}");
            rounds += 1;
        }
    }
    println!("{rounds} texts that are none");
    witness.say("hello");
    assert_eq!(witness.line(), "+ 1", "nothing was said before");
    assert_eq!(neighbour.event("message")["text"], "hello");
}

/// The rest is not waited for: the first impossible byte is enough, within a frame that is far from whole.
#[test]
fn the_first_impossible_byte_is_the_last() {
    let server = Server::start(&[]);
    let mut mallory = server.stranger();
    let mut begun = frame(0x81, &[b'x'; 10_000]);
    begun.truncate(100);
    begun.push(0xff);
    mallory.send(&begun).expect("it reads");
    assert_eq!(mallory.end().0, Some(1007));
}

/// A character may be cut anywhere, by frames and by the network.
#[test]
fn good_text_arrives_however_it_is_cut() {
    let server = Server::start(&["--max-rate", "0"]);
    let mut witness = server.plain("witness", "lobby");
    let mut alice = server.dial();
    alice.send(upgrade("/ws/lobby?nick=alice", false).as_bytes()).expect("it reads");
    let text = "zażółć gęślą jaźń 🦊 한";
    for cut in 1..text.len() {
        let (head, tail) = text.as_bytes().split_at(cut);
        let mut bytes = frame(0x01, head);
        // A ping may come between the parts.
        bytes.extend(frame(0x89, b"?"));
        bytes.extend(frame(0x80, tail));
        for piece in bytes.chunks(1 + cut % 5) {
            alice.send(piece).expect("it reads");
        }
        assert_eq!(witness.line(), format!("<alice> {text}"));
    }
}
