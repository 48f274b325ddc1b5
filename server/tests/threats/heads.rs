//! Request heads that are too large, in one piece or many. The cost is bounded by the limit, not by what is sent.

use protocol::limits::{MAX_HEAD, MAX_HEADERS, MAX_TARGET};
use std::io::Write;

use crate::support::honest::Pair;
use crate::support::peer::upgrade;
use crate::support::{Server, upgrade_request};

const MEBIBYTE: usize = 1024 * 1024;

/// A good request of exactly so many bytes.
fn head_of(length: usize) -> String {
    let bare = upgrade_request("/ws").len() + "X: \r\n".len();
    upgrade_request("/ws").replace("\r\n\r\n", &format!("\r\nX: {}\r\n\r\n", "x".repeat(length - bare)))
}

#[test]
fn sixty_four_mebibytes_of_head_are_refused_after_eight_kibibytes() {
    let server = Server::start(&[]);
    let mut pair = Pair::new(&server, "kitchen");
    pair.talk(1);
    let base = server.peak();
    pair.talk_while(200, || {
        for beginning in ["GET /ws HTTP/1.1\r\nHost: board\r\nX: ", "GET /", "", "GET / HTTP/1.1\r\nX"] {
            let mut peer = server.dial();
            let mut sent = 0;
            let piece = vec![b'x'; 64 * 1024];
            let mut more = peer.send(beginning.as_bytes());
            while more.is_ok() && sent < 64 * MEBIBYTE {
                more = peer.stream.write(&piece).map(|count| sent += count);
            }
            // The answer was sent, but a reset may have overtaken it, since we went on sending.
            let answer = peer.head().unwrap_or_default();
            println!("after {sent} bytes: {:?}", answer.lines().next());
            assert!(["", "HTTP/1.1 4"].iter().any(|start| answer.starts_with(start)), "{answer}");
            assert!(!answer.contains(" 101 "), "{answer}");
        }
    });
    println!("64 MiB of head, four times: {}; {} KiB", pair.report(), server.peak().saturating_sub(base));
    assert!(server.peak() < base + 1024, "{} KiB more for a head", server.peak().saturating_sub(base));
}

/// ws CVE-2024-37890: more than 2,000 headers.
#[test]
fn two_thousand_headers_are_refused() {
    let server = Server::start(&[]);
    let headers = |count: usize| {
        let lines: String = (0..count).map(|number| format!("X{number}: y\r\n")).collect();
        format!("GET /healthz HTTP/1.1\r\nHost: board\r\n{lines}\r\n")
    };
    assert!(server.raw(headers(MAX_HEADERS - 1)).starts_with("HTTP/1.1 200 "), "with Host it is 64 lines");
    for count in [MAX_HEADERS, 200, 2000] {
        let answer = server.raw(headers(count));
        assert!(answer.starts_with("HTTP/1.1 431 "), "{count} headers: {answer}");
    }
}

/// tungstenite CVE-2023-43669 (RUSTSEC-2023-0065): a long head in small reads, looked at from the beginning each time.
/// That each byte is looked at once is shown in protocol/tests/http.rs; here, that it works through sockets.
#[test]
fn the_largest_head_byte_by_byte() {
    let server = Server::start(&[]);
    for (length, status) in
        [(MAX_HEAD, "101 Switching Protocols"), (MAX_HEAD + 1, "431 Request Header Fields Too Large")]
    {
        let mut peer = server.dial();
        for byte in head_of(length).as_bytes() {
            if peer.send(&[*byte]).is_err() {
                break; // it was refused before its last byte
            }
        }
        let answer = peer.head().expect("it answers");
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}\r\n")), "{length} bytes: {answer}");
    }
}

#[test]
fn the_longest_target_and_one_byte_more() {
    let server = Server::start(&[]);
    let target = |length: usize| upgrade_request(&format!("/ws/{}", "x".repeat(length - "/ws/".len())));
    assert!(server.raw(target(MAX_TARGET + 1)).starts_with("HTTP/1.1 414 "));
    let mut peer = server.dial();
    peer.send(target(MAX_TARGET).as_bytes()).expect("it reads");
    // The name is too long for a room, which is a fault of the chat, not of HTTP.
    assert!(peer.head().expect("it answers").starts_with("HTTP/1.1 101 "));
}

/// Many at once, each with as much head as is taken, hold that much and no more, and are gone with their deadline.
#[test]
fn five_hundred_unfinished_heads_hold_eight_kibibytes_each() {
    const HEADS: usize = 500;
    let server = Server::start(&["--max-connections-per-address", "0"]);
    let mut pair = Pair::new(&server, "kitchen");
    pair.talk(1);
    let (base, files) = (server.resident(), server.files());
    let almost = head_of(MAX_HEAD);
    let heads: Vec<_> = (0..HEADS)
        .map(|_| {
            let mut peer = server.dial();
            peer.send(&almost.as_bytes()[..MAX_HEAD - 1]).expect("it reads");
            peer
        })
        .collect();
    pair.talk(200);
    let more = server.resident().saturating_sub(base);
    println!("{} KiB for {HEADS} unfinished heads", more);
    assert!(more < (HEADS * 10) as u64, "{more} KiB");
    server.wait_for_files(files);
    drop(heads);
    pair.talk(10);
}

/// What stands behind a refused head is not looked at, and what is glued to a good one is the first frame.
#[test]
fn a_head_is_followed_by_frames_only_when_it_was_good() {
    let server = Server::start(&[]);
    let mut witness = server.plain("witness", "lobby");
    let words = crate::support::peer::frame(0x81, b"forged");
    for spoiled in [
        upgrade("/ws/lobby?nick=mallory", false).replace("Version: 13", "Version: 7"),
        upgrade("/ws/lobby?nick=mallory", false)
            .replace("Host: board", "Host: board\r\nOrigin: http://evil.example"),
        upgrade("/elsewhere", false),
    ] {
        let mut bytes = spoiled.into_bytes();
        bytes.extend(&words);
        let answer = server.raw(&bytes);
        assert!(answer.starts_with("HTTP/1.1 4"), "{answer}");
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{answer}");
    }
    let mut bytes = upgrade("/ws/lobby?nick=alice", false).into_bytes();
    bytes.extend(crate::support::peer::frame(0x81, b"hello"));
    let mut alice = server.dial();
    alice.send(&bytes).expect("it reads");
    assert_eq!(witness.line(), "<alice> hello", "and nothing forged came before");
}
