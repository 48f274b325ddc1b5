//! How the server treats peers that break the rules, fall asleep, or do not read; and how it stops.

mod support;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use protocol::time::Span;
use protocol::ws::{Role, Rules};
use server::conn::deadlines::Patience;
use support::here::{self, patient};
use support::{PATIENCE, Server, upgrade_request};
use tungstenite::Message;
use tungstenite::client::IntoClientRequest;

/// Sends frames as they are behind a good handshake; what the server sent behind its 101, as hex. In `snug.v1`, where
/// the server says nothing before it is greeted.
fn frames(server: &Server, bytes: &[u8]) -> String {
    let request =
        upgrade_request("/ws").replace("Upgrade: w", "Sec-WebSocket-Protocol: snug.v1\r\nUpgrade: w");
    let mut request = request.into_bytes();
    request.extend_from_slice(bytes);
    let mut stream = server.tcp();
    stream.write_all(&request).expect("it reads");
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    let head = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n").expect("a head") + 4;
    answer[head..].iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The close code is in the bytes behind `88 LENGTH`, as 16 bits: 1002 is 03ea.
#[test]
fn a_broken_rule_has_its_close_code() {
    let server = Server::start(&[]);
    let close = |bytes: &[u8]| {
        let frames = frames(&server, bytes);
        let at = frames.rfind("88").expect("a close frame");
        frames[at + 4..at + 8].to_owned()
    };
    assert_eq!(close(b"\x81\x02hi"), "03ea", "unmasked: 1002 (RFC 6455 section 5.1)");
    assert_eq!(close(b"\xc1\x80\0\0\0\0"), "03ea", "RSV1 without an extension: 1002 (5.2)");
    assert_eq!(close(b"\x83\x80\0\0\0\0"), "03ea", "a reserved opcode: 1002 (5.2)");
    assert_eq!(close(b"\x09\x80\0\0\0\0"), "03ea", "a ping in fragments: 1002 (5.5)");
    assert_eq!(close(b"\x80\x80\0\0\0\0"), "03ea", "a continuation of nothing: 1002 (5.4)");
    assert_eq!(close(b"\x81\x81\0\0\0\0\xff"), "03ef", "not UTF-8: 1007 (8.1)");
    assert_eq!(
        close(b"\x81\xff\0\0\0\0\x7f\xff\xff\xff\0\0\0\0"),
        "03f1",
        "two gigabytes: 1009, from the header"
    );
    assert_eq!(close(b"\x82\x80\0\0\0\0"), "03eb", "binary: 1003, only text is spoken here");
    assert_eq!(close(b"\x88\x82\0\0\0\0\x03\xe8"), "03e8", "a good end is answered in kind: 1000 (5.5.1)");
}

#[test]
fn a_ping_is_answered_with_what_it_said() {
    let server = Server::start(&[]);
    // 89 82, masked with zeros, "hi"; then a close without a code.
    assert_eq!(frames(&server, b"\x89\x82\0\0\0\0hi\x88\x80\0\0\0\0"), "8a0268698800");
}

#[test]
fn who_does_not_read_is_hung_up_on_and_nobody_else_feels_it() {
    let server = Server::start(&["--max-rate", "0"]);
    let mut sleeper = server.plain("sleeper", "lobby");
    let mut alice = server.plain("alice", "lobby");
    let mut bob = server.plain("bob", "lobby");
    let long = "z".repeat(10_000);
    // What the kernel keeps for the sleeper is some megabytes; what the server keeps is bounded.
    let mut gone = false;
    let mut said = 0;
    while !gone {
        alice.say(&long);
        said += 1;
        assert!(said < 20_000, "the sleeper is never hung up on");
        assert_eq!(bob.line(), format!("<alice> {long}"));
        loop {
            let line = alice.next();
            // In one frame with who entered, if it is quick.
            gone |= line.lines().any(|line| line == "* sleeper left");
            if line == format!("+ {said}") {
                break;
            }
        }
    }
    // It wakes up, reads what the kernel kept, and learns why it was hung up on.
    assert_eq!(sleeper.closed_with(), 1013);
}

#[test]
fn who_sends_too_fast_is_read_slowly_and_loses_nothing() {
    let server = Server::start(&["--max-rate", "50"]);
    let mut alice = server.plain("alice", "lobby");
    let mut bob = server.plain("bob", "lobby");
    // Above twice the rate the server stops reading alice for a while. Bob is served all the same.
    for line in 0..150 {
        alice.say(&format!("{line}"));
    }
    bob.say("may I?");
    for line in 0..150 {
        let mut heard = bob.line();
        if heard.starts_with("+ ") {
            heard = bob.line();
        }
        assert_eq!(heard, format!("<alice> {line}"));
    }
}

#[test]
fn an_address_has_so_many_connections() {
    let server = Server::start(&["--max-connections-per-address", "2"]);
    let first = server.plain("alice", "lobby");
    let _second = server.plain("bob", "lobby");
    let refused = server.raw(upgrade_request("/ws/lobby"));
    assert!(refused.is_empty() || refused.starts_with("HTTP/1.1 503 Service Unavailable\r\n"), "{refused}");
    drop(first);
    // The place is free as soon as the server has noticed.
    while !server.raw("GET /healthz HTTP/1.1\r\nHost: board\r\n\r\n").contains("200 OK") {}
}

#[test]
fn sigterm_sends_everybody_home() {
    let server = Server::start(&[]);
    let mut alice = server.plain("alice", "lobby");
    let mut bob = server.v1_in("bob", "lobby");
    let _halfway = server.tcp();
    let _asleep = server.plain("asleep", "lobby");
    server.signal(rustix::process::Signal::TERM);
    // How many they are says how long they shall take to come back.
    let reason = "the server stops; spread your return over 1 s";
    for client in [&mut alice, &mut bob] {
        let frame = client.close_frame().expect("a close frame");
        assert_eq!((u16::from(frame.code), frame.reason.as_str()), (1012, reason));
    }
    let (code, log) = server.wait();
    assert_eq!(code, Some(0), "{log}");
    assert!(log.contains("stopped"), "{log}");
}

#[test]
fn the_more_they_are_the_longer_they_take_to_come_back() {
    let server = Server::start(&["--max-connections-per-address", "0"]);
    // One more than a second is enough for.
    let mut all: Vec<_> = (0..401).map(|_| server.connect("/ws", Some("snug.v1"))).collect();
    server.signal(rustix::process::Signal::TERM);
    for client in &mut all {
        let frame = client.close_frame().expect("a close frame");
        assert_eq!(frame.reason.as_str(), "the server stops; spread your return over 2 s");
    }
}

#[test]
fn the_log_never_says_what_is_said() {
    let server = Server::start(&["--log", "trace"]);
    let mut alice = server.v1_in("alice", "lobby");
    alice.say(r#"{"type":"say","room":"lobby","id":"1","text":"a secret"}"#);
    alice.event("stored");
    alice.say(&format!(r#"{{"type":"hello","session":"{}"}}"#, "5ec7e7".repeat(5) + "00"));
    alice.event("error");
    server.signal(rustix::process::Signal::INT);
    assert_eq!(alice.closed_with(), 1012);
    let (code, log) = server.wait();
    assert_eq!(code, Some(0));
    assert!(log.contains("conn 0: text, 56 bytes"), "each frame is there: {log}");
    for secret in ["a secret", "5ec7e7"] {
        assert!(!log.contains(secret), "{log}");
    }
}

#[test]
fn what_prevents_a_start_is_said() {
    let first = Server::start(&[]);
    let run = |flags: &[&str]| {
        let output =
            std::process::Command::new(env!("CARGO_BIN_EXE_server")).args(flags).output().expect("it runs");
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let address = first.address.to_string();
    assert_eq!(
        run(&["--listen", &address]),
        (
            Some(2),
            format!(
                "server: cannot listen at {address}: something is there already (another Snug?); stop it or choose \
                 another place with --listen\n"
            )
        )
    );
    assert_eq!(
        run(&["--lobby"]),
        (Some(2), "server: there is no option --lobby; see server --help\n".to_owned())
    );
}

/// The loop in this process, with little patience, so that nobody has to wait for a minute.
fn impatient(patience: Patience) -> std::net::SocketAddr {
    here::run(patience, Rules { role: Role::Server, message: 1024, fragments: 8 })
}

fn connect(address: std::net::SocketAddr) -> tungstenite::WebSocket<TcpStream> {
    let stream = TcpStream::connect(address).expect("it accepts");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    let mut request = format!("ws://{address}/ws").into_client_request().expect("a good URL");
    // In this dialect the server says nothing before it is greeted.
    request.headers_mut().insert("Sec-WebSocket-Protocol", "snug.v1".parse().expect("a token"));
    tungstenite::client(request, stream).expect("a handshake").0
}

#[test]
fn a_head_that_does_not_come_is_not_waited_for() {
    let address = impatient(Patience { handshake: Span(50), ..patient() });
    let mut stream = TcpStream::connect(address).expect("it accepts");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    // A byte now and then does not help: the deadline counts from accept.
    let mut sent = 0;
    while stream.write_all(b"G").is_ok() {
        sent += 1;
        assert!(sent < 1000, "it waits for ever");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn an_idle_peer_is_pinged_and_stays_if_it_answers() {
    let address = impatient(Patience { idle: Span(20), ..patient() });
    let mut awake = connect(address);
    for _ in 0..5 {
        // Reading answers the ping, which begins the next idle time.
        assert!(matches!(awake.read(), Ok(Message::Ping(_))));
        awake.flush().expect("the pong is sent");
    }
}

#[test]
fn a_peer_that_does_not_answer_its_ping_is_gone() {
    let address = impatient(Patience { idle: Span(20), pong: Span(20), ..patient() });
    let asleep = connect(address);
    let mut stream = asleep.get_ref();
    let mut bytes = Vec::new();
    // Below the WebSocket, so nothing answers: a ping (89 00), then the end.
    let _ = stream.read_to_end(&mut bytes);
    assert_eq!(bytes, [0x89, 0]);
}

#[test]
fn a_close_that_is_not_answered_is_not_waited_for() {
    let address = impatient(Patience { close: Span(20), ..patient() });
    let rude = connect(address);
    let mut stream = rude.get_ref();
    // 82 80: binary, which ends in a close frame with 1003 that the peer never answers.
    stream.write_all(b"\x82\x80\0\0\0\0").expect("it reads");
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes);
    assert_eq!(bytes.get(2..4), Some(&[0x03, 0xeb][..]), "then the connection is ended all the same");
}
