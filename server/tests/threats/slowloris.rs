//! Heads that trickle in, or never come (slowloris). The deadline counts from accept, so a byte now and then gains
//! nothing; what such a connection costs until then is small.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::support::Server;
use crate::support::honest::{Over, Pair};
use crate::support::peer::{Peer, frame, upgrade};

const SLOW: usize = 1000;

/// What each of them sends, a byte in a while: the first steps of a request, of TLS, or nothing.
const BEGINNINGS: [&[u8]; 4] = [
    b"GET /ws/lobby HTTP/1.1\r\nHost: board\r\nX-Slow: ",
    b"GET /",
    b"",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
];

#[test]
fn a_thousand_slow_heads_keep_nobody_out() {
    let server = Server::start(&["--max-connections-per-address", "0"]);
    let mut pair = Pair::new(&server, "kitchen");
    pair.talk(1);
    let (base, files) = (server.resident(), server.files());

    let mut slow: Vec<(TcpStream, usize)> = (0..SLOW)
        .map(|number| {
            let stream = TcpStream::connect(server.address).expect("it accepts");
            stream.set_nonblocking(true).expect("it can wait");
            (stream, number)
        })
        .collect();
    let mut peak = 0;
    let newcomers = pair.talk_while(500, || {
        let is_over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let over = Over(&is_over);
            // While the slow ones hang, others come, talk and go.
            let arrivals = scope.spawn(|| {
                let mut newcomers = 0;
                // Not without end: each has a room of its own, and what was said there is kept.
                while newcomers < 20 || (newcomers < 2000 && !is_over.load(Ordering::Relaxed)) {
                    newcomers += 1;
                    Pair::new(&server, &format!("hall-{newcomers}")).talk(2);
                }
                newcomers
            });
            for step in 0.. {
                slow.retain_mut(|(stream, number)| trickle(stream, *number, step));
                peak = peak.max(server.resident());
                if slow.is_empty() {
                    break;
                }
                assert!(step < 200, "{} are still waited for", slow.len());
                std::thread::sleep(Duration::from_millis(100));
            }
            drop(over);
            arrivals.join().expect("nobody was kept out")
        })
    });
    println!("{SLOW} slow heads: {}; {newcomers} more pairs came; {} KiB", pair.report(), peak - base);
    assert!(peak < base + 20 * 1024, "{} KiB for {SLOW} connections", peak - base);
    server.wait_for_files(files);
}

/// Sends one byte more, if it has one. False when the server has hung up.
fn trickle(stream: &mut TcpStream, number: usize, step: usize) -> bool {
    let beginning = BEGINNINGS[number % BEGINNINGS.len()];
    // A head without an end, once its beginning is through.
    let byte = beginning.get(step).or(beginning.first()).copied();
    if let Some(byte) = byte {
        if stream.write(&[byte]).is_err() {
            return false;
        }
    }
    match stream.read(&mut [0; 512]) {
        Ok(0) => false,
        Ok(_) => true, // a refusal: of what cannot become a head, it says so
        Err(error) => error.kind() == ErrorKind::WouldBlock,
    }
}

/// Mosquitto CVE-2017-7651, CVE-2023-0809 and others: what comes before anybody is anybody leaves nothing behind.
#[test]
fn a_hundred_thousand_bad_first_messages_leave_nothing() {
    let server = Server::start(&["--max-connections-per-address", "0", "--max-rate", "0"]);
    let mut pair = Pair::new(&server, "kitchen");
    let firsts: Vec<Vec<u8>> = ["", "{", "null", r#"{"type":"hello"}"#, r#"{"type":"say","room":"kitchen"}"#]
        .iter()
        .map(|text| frame(0x81, text.as_bytes()))
        .chain([
            b"\x81\x02hi".to_vec(),
            b"\xff\xff\xff".to_vec(),
            frame(0x82, b"\0\0"),
            frame(0x81, &[b'['; 9000]),
        ])
        .collect();
    let (connections, messages) = (crate::size(10_000, 1_000), 10);
    let mut answers = 0;
    let mut flood = |rounds: usize| {
        for round in 0..rounds {
            let mut peer = server.dial();
            let mut bytes = upgrade("/ws", true).into_bytes();
            for message in 0..messages {
                bytes.extend(&firsts[(round + message * round) % firsts.len()]);
            }
            bytes.extend(frame(0x88, b""));
            // It may be hung up on before it has sent all.
            let _ = peer.send(&bytes);
            answers += usize::from(peer.head().is_ok_and(|head| head.contains(" 101 ")));
            while peer.frame().is_ok() {}
        }
    };
    // What the allocator and the tables keep ready is there after the first tenth.
    flood(connections / 10);
    let base = server.resident();
    flood(connections);
    println!(
        "{answers} connections of {messages} bad messages: {} KiB more",
        server.resident().saturating_sub(base)
    );
    assert_eq!(answers, connections + connections / 10);
    assert!(server.resident() < base + 512, "{} KiB stay", server.resident().saturating_sub(base));
    pair.talk(10);
}

/// A peer that has finished its head has said who it is, or not: either way it holds no heap and is pinged.
#[test]
fn strangers_who_say_nothing_cost_little() {
    let server = Server::start(&["--max-connections-per-address", "0"]);
    let mut pair = Pair::new(&server, "kitchen");
    let base = server.resident();
    let strangers: Vec<Peer> = (0..SLOW).map(|_| server.stranger()).collect();
    let each = (server.resident().saturating_sub(base)) * 1024 / strangers.len() as u64;
    println!("{each} bytes for each stranger");
    // A limit of the reference, which also holds for a debug build.
    assert!(each < 8 * 1024, "{each} bytes");
    pair.talk(100);
}
