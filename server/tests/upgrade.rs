//! From the request head to the WebSocket, byte by byte, over real sockets. What is judged how stands in the protocol
//! crate's tests; here it is shown that the server does as it is judged.

mod support;

use std::io::{Read, Write};

use support::{Server, upgrade_request};

#[test]
fn pages() {
    let server = Server::start(&[]);
    let health = server.raw("GET /healthz HTTP/1.1\r\nHost: board\r\n\r\n");
    assert!(health.starts_with("HTTP/1.1 200 OK\r\n") && health.ends_with("\r\n\r\nok\n"), "{health}");
    let page = server.raw("GET / HTTP/1.1\r\nHost: board\r\n\r\n");
    assert!(
        page.contains("Content-Type: text/html; charset=utf-8\r\n") && page.contains("<h1>Snug</h1>"),
        "{page}"
    );
    let head = server.raw("HEAD / HTTP/1.1\r\nHost: board\r\n\r\n");
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n") && head.ends_with("\r\n\r\n"), "{head}");
}

#[test]
fn every_refusal_has_its_status_and_a_line() {
    let server = Server::start(&[]);
    let good = upgrade_request("/ws/lobby");
    let long = "x".repeat(9000);
    let many = "X: y\r\n".repeat(65);
    for (status, request) in [
        ("400 Bad Request", good.replace("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", "")),
        ("400 Bad Request", good.replace("Host: board\r\n", "Host: board\r\nHost: other\r\n")),
        ("400 Bad Request", good.replace("Host: board\r\n", "Host: board\r\nTransfer-Encoding: chunked\r\n")),
        ("400 Bad Request", good.replace("Host: board\r\n", "Host: board\n")),
        ("403 Forbidden", good.replace("Host: board\r\n", "Host: board\r\nOrigin: http://evil.example\r\n")),
        ("404 Not Found", upgrade_request("/elsewhere")),
        ("405 Method Not Allowed", "POST /healthz HTTP/1.1\r\nHost: board\r\n\r\n".to_owned()),
        ("405 Method Not Allowed", good.replace("GET", "POST")),
        ("414 URI Too Long", upgrade_request(&format!("/ws/{}", &long[..3000]))),
        ("426 Upgrade Required", "GET /ws/lobby HTTP/1.1\r\nHost: board\r\n\r\n".to_owned()),
        ("426 Upgrade Required", good.replace("Version: 13", "Version: 8")),
        ("431 Request Header Fields Too Large", good.replace("board", &long)),
        (
            "431 Request Header Fields Too Large",
            good.replace("Host: board\r\n", &format!("Host: board\r\n{many}")),
        ),
    ] {
        let answer = server.raw(&request);
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status}\r\n")),
            "{status} for {request}\ngot {answer}"
        );
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
        assert!(head.contains("Connection: close") || status.starts_with("426"), "{head}");
        assert_eq!(body.lines().count(), 1, "one line that says why: {body:?}");
        assert_eq!(head.contains("Sec-WebSocket-Version: 13"), status.starts_with("426"), "{head}");
    }
}

#[test]
fn its_own_page_and_allowed_ones_may_connect() {
    let server = Server::start(&["--allow-origin", "https://chat.example"]);
    for origin in ["http://127.0.0.1", "https://chat.example"] {
        let request = upgrade_request("/ws/lobby")
            .replace("Host: board", &format!("Host: 127.0.0.1\r\nOrigin: {origin}"));
        let mut stream = server.tcp();
        stream.write_all(request.as_bytes()).expect("it reads");
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).expect("it answers");
        assert_eq!(&answer, b"HTTP/1.1 101", "{origin}");
    }
}

/// RFC 6455 section 1.3, and the first frame: 81 8b, masked with zeros, "/nick alice".
#[test]
fn however_a_handshake_is_chopped_and_whatever_is_glued_to_it() {
    let server = Server::start(&[]);
    let mut bytes = upgrade_request("/ws/lobby?nick=bob").into_bytes();
    bytes.extend_from_slice(b"\x81\x8b\0\0\0\0/nick alice");
    for chunk in [1, 2, 7, 100, bytes.len()] {
        let mut stream = server.tcp();
        stream.set_nodelay(true).expect("no delay");
        for part in bytes.chunks(chunk) {
            stream.write_all(part).expect("it reads");
        }
        let mut answer = Vec::new();
        let renamed = |answer: &[u8]| String::from_utf8_lossy(answer).contains("alice");
        while !renamed(&answer) {
            let mut buffer = [0; 512];
            let count = stream.read(&mut buffer).expect("it answers");
            assert!(count > 0, "in chunks of {chunk}: {}", String::from_utf8_lossy(&answer));
            answer.extend_from_slice(&buffer[..count]);
        }
        let text = String::from_utf8_lossy(&answer);
        assert!(text.starts_with("HTTP/1.1 101 Switching Protocols\r\n"), "{text}");
        assert!(text.contains("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"), "{text}");
        stream.write_all(b"\x88\x80\0\0\0\0").expect("it reads");
        // The name is free for the next round once the server has hung up.
        while stream.read(&mut [0; 512]).is_ok_and(|count| count > 0) {}
    }
}

#[test]
fn both_families_of_addresses() {
    for address in ["127.0.0.1:0", "[::1]:0"] {
        let server = Server::start_at(address, &[]);
        let mut alice = server.plain("alice", "lobby");
        alice.say("hello");
        assert_eq!(alice.next(), "+ 1", "{address}");
    }
}

#[test]
fn a_request_behind_a_request_is_not_looked_at() {
    let server = Server::start(&[]);
    let twice = "GET /healthz HTTP/1.1\r\nHost: board\r\n\r\n".repeat(2);
    assert_eq!(server.raw(&twice).matches("HTTP/1.1").count(), 1);
}
