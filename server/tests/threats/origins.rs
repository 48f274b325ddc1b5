//! Pages of strangers. A browser lets any page open a WebSocket to any address, also to this machine and this network,
//! and says only where the page came from (cross-site WebSocket hijacking; Cline CVE-2026-44211 for loopback).

use crate::support::{Server, upgrade_request};

#[test]
fn only_its_own_page_and_allowed_ones_may_connect() {
    let server =
        Server::start(&["--allow-origin", "https://chat.example", "--allow-origin", "http://10.0.0.1:8080"]);
    for (host, origin, may) in [
        // Its own page, by address or as localhost.
        ("localhost:7684", "http://localhost:7684", true),
        ("127.0.0.1:7684", "http://127.0.0.1:7684", true),
        ("[::1]:7684", "http://[::1]:7684", true),
        ("192.0.2.7:7684", "http://192.0.2.7:7684", true),
        ("192.0.2.7", "http://192.0.2.7", true),
        // Listed ones, whatever the host is.
        ("192.0.2.7:7684", "https://chat.example", true),
        ("localhost:7684", "http://10.0.0.1:8080", true),
        // Almost the same is another.
        ("localhost:7684", "http://localhost:8080", false),
        ("localhost:7684", "http://localhost", false),
        ("localhost:7684", "http://127.0.0.1:7684", false),
        ("192.0.2.7:7684", "http://192.0.2.70:7684", false),
        ("192.0.2.7:7684", "http://192.0.2.7:7684.evil.example", false),
        ("192.0.2.7:7684", "http://192.0.2.7:7684@evil.example", false),
        ("192.0.2.7:7684", "https://chat.example.evil.example", false),
        ("192.0.2.7:7684", "https://evil.example/https://chat.example", false),
        ("192.0.2.7:7684", "http://chat.example", false),
        ("192.0.2.7:7684", "https://chat.example:8443", false),
        ("192.0.2.7:7684", "https://evilchat.example", false),
        ("localhost:7684", "http://evil.example", false),
        ("localhost:7684", "null", false),
        ("localhost:7684", "", false),
        ("localhost:7684", "file://", false),
        ("localhost:7684", "chrome-extension://abcdefghijklmnop", false),
        // A name that its owner points at us: page and host agree, and are still a stranger's (DNS rebinding).
        ("evil.example:7684", "http://evil.example:7684", false),
        ("evil.example", "http://evil.example", false),
        ("localhost.evil.example:7684", "http://localhost.evil.example:7684", false),
        ("127.0.0.1.evil.example:7684", "http://127.0.0.1.evil.example:7684", false),
    ] {
        let request = upgrade_request("/ws/lobby")
            .replace("Host: board\r\n", &format!("Host: {host}\r\nOrigin: {origin}\r\n"));
        let mut peer = server.dial();
        peer.send(request.as_bytes()).expect("it reads");
        let answer = peer.head().expect("it answers");
        let status = answer.get(9..12).unwrap_or_default();
        match may {
            true => assert_eq!(status, "101", "{origin} at {host}: {answer}"),
            // An empty one, or one that is no origin, may be called a bad request.
            false => assert!(["400", "403"].contains(&status), "{origin} at {host}: {answer}"),
        }
    }
}

#[test]
fn the_refusal_says_which_flag_allows_it() {
    let server = Server::start(&[]);
    let answer = server
        .raw(upgrade_request("/ws").replace("Host: board", "Host: board\r\nOrigin: https://chat.example"));
    assert!(
        answer.starts_with("HTTP/1.1 403 Forbidden\r\n") && answer.contains("--allow-origin"),
        "{answer}"
    );
}

#[test]
fn two_origins_are_none() {
    let server = Server::start(&[]);
    let request = upgrade_request("/ws").replace(
        "Host: board",
        "Host: localhost:7684\r\nOrigin: http://localhost:7684\r\nOrigin: http://evil.example",
    );
    assert!(server.raw(request).starts_with("HTTP/1.1 400 "));
}

/// Scripts, consoles and small devices send no origin.
#[test]
fn who_is_no_browser_needs_no_origin() {
    let server = Server::start(&[]);
    server.plain("script", "lobby");
}
