//! Frames that carry no message: pings, pongs, empty texts. They cost as much as others, and their answers do not pile
//! up (Ergo 2.11.1, pull request 1226: frames that were not counted).

use std::sync::atomic::{AtomicBool, Ordering};

use crate::support::Server;
use crate::support::honest::Pair;
use crate::support::peer::{CLOSE, PONG, Peer, TEXT, frame};

const MILLION: usize = 1_000_000;

/// With the rate unlimited, so that nothing but the pings' own limits holds them.
#[test]
fn a_million_pings_unread() {
    let server = Server::start(&["--max-rate", "0"]);
    let mut pair = Pair::new(&server, "kitchen");
    pair.talk(1);
    let base = server.peak();
    pair.talk_while(200, || {
        let mut mallory = server.guest("mallory", "attic", true);
        let sent = mallory.pour(&frame(0x89, &[b'x'; 125]), MILLION);
        // Now it reads. Whatever the kernel kept for it is there; behind it the end, perhaps by a reset.
        let (mut pongs, mut code) = (0, None);
        let end = loop {
            match mallory.frame() {
                Ok(frame) if frame.opcode == PONG => pongs += 1,
                Ok(frame) => {
                    code = (frame.opcode == CLOSE).then(|| crate::support::peer::code(&frame.payload));
                }
                Err(error) => break error,
            }
        };
        println!("{sent} pings were taken from the sender, {pongs} pongs came, then {code:?}");
        assert!(crate::support::peer::is_end(&end), "it was hung up on: {end}");
        // For so many pings, or, on a machine so slow that it comes first, for not reading for half a minute.
        assert!([Some(1008), Some(1013), None].contains(&code), "{code:?}");
        assert!(pongs < sent, "not all were answered");
    });
    println!("1e6 pings unread: {}; {} KiB", pair.report(), server.peak().saturating_sub(base));
    // A few times what may wait for one connection.
    assert!(server.peak() < base + 2048, "{} KiB", server.peak().saturating_sub(base));
}

/// Who reads the answers gets all of them, in order, however many are asked for (Autobahn 2.10 and 2.11).
#[test]
fn pings_that_are_read_are_all_answered() {
    let server = Server::start(&["--max-rate", "0"]);
    let mut peer = server.stranger();
    for round in 0..20_u32 {
        let number = |n: u32| (1000 * round + n).to_be_bytes();
        let pings: Vec<u8> = (0..1000).flat_map(|n| frame(0x89, &number(n))).collect();
        peer.send(&pings).expect("it reads");
        for n in 0..1000 {
            let pong = peer.frame().expect("it answers");
            assert_eq!((pong.opcode, pong.payload.as_slice()), (PONG, number(n).as_slice()));
        }
    }
}

/// Each kind of frame that says nothing is charged, so that its sender is read slowly. Others are read as always.
#[test]
fn frames_that_say_nothing_are_charged_like_others() {
    let server = Server::start(&["--max-rate", "20", "--log", "trace"]);
    for (number, (name, bytes)) in [
        ("ping", frame(0x89, b"")),
        ("pong", frame(0x8a, b"")),
        ("empty text", frame(0x81, b"")),
        ("empty fragment", [frame(0x01, b""), frame(0x00, b"").repeat(20), frame(0x80, b"")].concat()),
    ]
    .into_iter()
    .enumerate()
    {
        let before = server.logged("it sends faster than it may");
        let mut mallory = server.guest(&format!("mallory-{number}"), "attic", false);
        // More at once than the 40 that twice the rate allows, then a little more, which is not even read.
        mallory.send(&bytes.repeat(60)).expect("it is taken");
        crate::support::until("it is paused", || {
            // The pause begins when there is more to read.
            let _ = mallory.send(&bytes);
            server.logged("it sends faster than it may") > before
        });
        mallory.reset();
        // Somebody else does not feel it.
        Pair::new(&server, &format!("kitchen-{number}")).talk(5);
        println!("{name}: paused");
    }
}

/// A million frames of each kind against the usual limits: the sender is held back, not hung up on, and nobody feels it.
#[test]
fn floods_of_nothing_against_the_usual_limits() {
    let server = Server::start(&[]);
    let mut pair = Pair::new(&server, "kitchen");
    pair.talk(1);
    let base = server.peak();
    let over = AtomicBool::new(false);
    let sent: Vec<(&str, usize)> = std::thread::scope(|scope| {
        let (server, over) = (&server, &over);
        let floods = [
            ("pings", frame(0x89, b"?")),
            ("pongs", frame(0x8a, b"!")),
            ("empty texts", frame(0x81, b"")),
            ("spaces", frame(0x81, b" ")),
        ]
        .map(|(name, bytes)| {
            scope.spawn(move || {
                let mut mallory = server.stranger();
                mallory
                    .stream
                    .set_write_timeout(Some(std::time::Duration::from_millis(100)))
                    .expect("a timeout");
                let piece = bytes.repeat(1000);
                let mut sent = 0;
                // A write may end within a frame, and the next goes on there.
                while sent < MILLION * bytes.len() && !over.load(Ordering::Relaxed) {
                    use std::io::Write;
                    match mallory.stream.write(&piece[sent % bytes.len()..]) {
                        Ok(count) => sent += count,
                        Err(error) if crate::support::peer::is_end(&error) => break,
                        Err(_) => {}
                    }
                }
                // It was never hung up on for being fast.
                let mut answers = 0;
                while let Some(frame) = next_at_hand(&mut mallory) {
                    assert!([TEXT, PONG].contains(&frame), "{name}: opcode {frame}");
                    answers += 1;
                }
                println!("{name}: {answers} answers");
                (name, sent / bytes.len())
            })
        });
        pair.talk(crate::size(20_000, 1500));
        over.store(true, Ordering::Relaxed);
        floods.into_iter().map(|flood| flood.join().expect("it only floods")).collect()
    });
    println!(
        "floods of nothing: {}; sent {sent:?}; {} KiB",
        pair.report(),
        server.peak().saturating_sub(base)
    );
    assert!(server.peak() < base + 2048, "{} KiB", server.peak().saturating_sub(base));
}

/// The opcode of the next frame, if it has come.
fn next_at_hand(peer: &mut Peer) -> Option<u8> {
    peer.stream.set_nonblocking(true).expect("it can wait");
    peer.frame().ok().map(|frame| frame.opcode)
}
