//! Requests that two readers could understand in two ways. Each gets one answer, then the connection ends: there is no
//! second request on a connection, whatever follows the first.

use crate::support::{Server, upgrade_request};

/// Bytes that must be refused, and with what.
fn corpus() -> Vec<(&'static str, String)> {
    let good = upgrade_request("/ws/lobby?nick=mallory");
    let with = |line: &str| good.replacen("Host: board\r\n", &format!("Host: board\r\n{line}\r\n"), 1);
    let instead = |line: &str| good.replacen("Host: board\r\n", line, 1);
    let first = |line: &str| good.replacen("GET /ws/lobby?nick=mallory HTTP/1.1", line, 1);
    let post = |lines: &str| format!("POST /ws/lobby HTTP/1.1\r\nHost: board\r\n{lines}\r\n");
    let inner = "GET /healthz HTTP/1.1\r\nHost: board\r\n\r\n";
    let mut all = Vec::new();
    let mut add = |status, request: String| all.push((status, request));

    // A body where none belongs, or of a length that can be read in two ways.
    for length in
        ["1", "43", "00043", "-1", "+0", "0x0", "0, 43", "0 43", "1e1", "", "a", "18446744073709551616"]
    {
        add("400", with(&format!("Content-Length: {length}")) + inner);
    }
    add("400", with("Content-Length: 0\r\nContent-Length: 43") + inner);
    add("400", with("Content-Length: 43\r\nContent-Length: 43") + inner);
    add("405", post(&format!("Content-Length: {}\r\n", inner.len())) + inner);
    let room = |lines: &str| {
        format!("POST /rooms/lobby?nick=mallory HTTP/1.1\r\nHost: board\r\n{lines}\r\n") + inner
    };
    for length in ["-1", "+1", "0x1", "1, 1", "1 1", "1e1", "", "a", "\u{665}"] {
        add("400", room(&format!("Content-Length: {length}\r\n")));
    }
    add("400", room("Content-Length: 1\r\nContent-Length: 43\r\n"));
    add("400", room("Content-Length: 1\r\ncontent-length: 1\r\n"));
    add("400", room("Content-Length: 1\r\nTransfer-Encoding: chunked\r\n"));
    add("400", room("Transfer-Encoding: chunked\r\n"));
    add("400", room("Content-Length : 1\r\n"));
    add("400", room("Content-Length: 1\r\n 43\r\n"));
    add("411", room(""));
    add("411", room("Content-Length-: 1\r\n"));
    add("413", room("Content-Length: 18446744073709551617\r\n"));
    add("413", room("Content-Length: 9223372036854775808\r\n"));
    for coding in [
        "chunked",
        "identity",
        "gzip, chunked",
        "xchunked",
        " chunked",
        "chunked\r\nTransfer-Encoding: x",
        "",
    ] {
        add("400", with(&format!("Transfer-Encoding: {coding}")) + "0\r\n\r\n" + inner);
    }
    add("400", with("Content-Length: 0\r\nTransfer-Encoding: chunked") + inner);
    add("400", with("transfer-encoding: chunked"));
    add("400", with("TRANSFER-ENCODING: chunked"));

    // Lines that end or go on in odd ways.
    add("400", instead("Host: board\n"));
    add("400", instead("Host: board\r"));
    add("400", instead("Host: board\r\r\n"));
    add("400", instead("Host: board\r\n X: folded\r\n"));
    add("400", instead("Host: board\r\n\tfolded\r\n"));
    add("400", instead("Host : board\r\n"));
    add("400", instead(" Host: board\r\n"));
    add("400", instead("Host\r\n"));
    add("400", instead(": board\r\n"));
    add("400", instead("Ho st: board\r\n"));
    add("400", instead("Host: bo\0ard\r\n"));
    add("400", instead("Host: bo\x0bard\r\n"));
    add("400", instead("Host: bo\x7fard\r\n"));
    add("400", good.replace("\r\n", "\n"));
    add("400", good.replace("\r\n", "\r"));

    // Whose host?
    add("400", instead(""));
    add("400", instead("Host: board\r\nHost: board\r\n"));
    add("400", instead("Host: board\r\nhost: other\r\n"));
    add("400", instead("Host: board, other\r\n"));
    add("400", instead("Host: \r\n"));
    add("400", instead("Host: board:port\r\n"));
    add("400", instead("Host: board:99999\r\n"));
    add("400", instead("Host: http://board\r\n"));
    add("400", instead("Host: user@board\r\n"));
    add("400", instead("Host: board/path\r\n"));
    add("400", instead("Host: b\u{f6}ard\r\n"));

    // First lines.
    add("400", first("GET /ws/lobby HTTP/1.2"));
    add("400", first("GET /ws/lobby HTTP/2.0"));
    add("400", first("GET /ws/lobby HTTP/1.1 x"));
    add("400", first("GET /ws/lobby"));
    add("400", first("GET  /ws/lobby HTTP/1.1"));
    add("400", first("GET\t/ws/lobby\tHTTP/1.1"));
    add("400", first(" GET /ws/lobby HTTP/1.1"));
    add("400", first("GET http://board/ws/lobby HTTP/1.1"));
    add("400", first("GET ws/lobby HTTP/1.1"));
    add("400", first("OPTIONS * HTTP/1.1"));
    add("400", first("CONNECT board:80 HTTP/1.1"));
    add("400", first("PRI * HTTP/2.0\r\n\r\nSM"));
    add("400", first("G\u{e4}T /ws/lobby HTTP/1.1"));
    add("400", first("GET /ws/%zz HTTP/1.1"));
    add("400", first("GET /ws/%ff%fe HTTP/1.1"));
    add("404", first("GET /../etc/passwd HTTP/1.1"));
    add("404", first("GET /ws/a/../../healthz HTTP/1.1"));
    add("404", first("GET /%2e%2e/%2e%2e/etc/passwd HTTP/1.1"));
    add("404", first("GET //healthz HTTP/1.1"));
    add("405", first("POST /ws/lobby HTTP/1.1"));
    add("400", "\r\n".repeat(5000));
    all
}

#[test]
fn whatever_can_be_understood_in_two_ways_is_refused() {
    let server = Server::start(&[]);
    let mut witness = server.plain("witness", "lobby");
    let corpus = corpus();
    for (status, request) in &corpus {
        let answer = server.raw(request);
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{status} for {request:?}\ngot {answer:?}"
        );
        assert_eq!(answer.matches("\r\n\r\n").count(), 1, "one answer for {request:?}\ngot {answer:?}");
    }
    println!("{} requests that smuggle", corpus.len());
    assert!(corpus.len() >= 60);
    // None of them became a person, or said anything.
    witness.say("/who");
    let who = witness.line();
    assert!(who.contains("witness") && !who.contains("mallory"), "{who}");
}

#[test]
fn a_second_request_is_never_answered() {
    let server = Server::start(&[]);
    let health = "GET /healthz HTTP/1.1\r\nHost: board\r\n\r\n";
    let refused = upgrade_request("/elsewhere");
    let post = |lines: &str| format!("POST /rooms/lobby HTTP/1.1\r\nHost: board\r\n{lines}\r\n");
    for (first, second) in [
        (health.to_owned(), health.to_owned()),
        (refused.clone(), upgrade_request("/ws/lobby")),
        (upgrade_request("/ws").replace("Version: 13", "Version: 12"), upgrade_request("/ws/lobby")),
        (health.replace("Host", "Connection: keep-alive\r\nHost"), health.to_owned()),
        (post("Content-Length: 4\r\n") + "tea?", post("Content-Length: 4\r\n") + "more"),
        (post("Content-Length: 4\r\nConnection: keep-alive\r\n") + "tea?", health.to_owned()),
        (post("Content-Length: 0\r\n"), post("Content-Length: 4\r\n") + "more"),
    ] {
        let answer = server.raw(format!("{first}{second}"));
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{answer}");
        assert!(!answer.contains(" 101 "), "{answer}");
    }
    let lobby = server.raw("GET /rooms/lobby HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert!(lobby.ends_with("\r\n\r\n<guest> tea?\n<guest> tea?\n"), "and no second text was said: {lobby}");
}

/// No file is behind a path, so nothing can be read by a path.
#[test]
fn paths_that_climb_lead_nowhere() {
    let server = Server::start(&[]);
    for path in [
        "/../../etc/passwd",
        "/ws/../../../etc/passwd",
        "/%2e%2e%2f%2e%2e%2fetc%2fpasswd",
        "/..%5c..%5cetc",
        "/.git/config",
        "/index.html",
        "//",
        "/%00",
        "/healthz%00.html",
        "/healthz/../healthz",
        "/\u{2025}/etc",
    ] {
        let answer = server.raw(format!("GET {path} HTTP/1.1\r\nHost: board\r\n\r\n"));
        let status = answer.get(9..12).unwrap_or_default();
        assert!(status == "404" || status == "400", "{path}: {answer}");
    }
}
