//! The opening handshake, one row for each clause of RFC 6455 section 4.2.1, and which pages may ask for it.

use protocol::http::{Head, Refusal};
use protocol::upgrade::{self, Origins};

/// The request of RFC 6455 section 1.2.
const SAMPLE: &str = "GET /chat HTTP/1.1\r\n\
    Host: server.example.com\r\n\
    Upgrade: websocket\r\n\
    Connection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Origin: http://example.com\r\n\
    Sec-WebSocket-Protocol: chat, superchat\r\n\
    Sec-WebSocket-Version: 13\r\n\
    \r\n";

/// The clause, what is changed in the sample (from, to), and what becomes of it.
#[rustfmt::skip]
const CLAUSES: [(&str, &str, &str, Result<(), Refusal>); 33] = [
    ("as it stands", "", "", Ok(())),
    ("1: GET", "GET", "POST", Err(Refusal::MethodNotAllowed("GET"))),
    ("1: GET, and methods have capitals", "GET", "get", Err(Refusal::MethodNotAllowed("GET"))),
    ("1: HTTP/1.1 or higher", "HTTP/1.1", "HTTP/1.0", Err(Refusal::OldHttp)),
    ("2: Host", "Host: server.example.com\r\n", "", Err(Refusal::NoHost)),
    ("3: Upgrade", "Upgrade: websocket\r\n", "", Err(Refusal::UpgradeRequired)),
    ("3: in any case", "Upgrade: websocket", "upgrade: WebSocket", Ok(())),
    ("3: in a list", "Upgrade: websocket", "Upgrade: h2c, websocket", Ok(())),
    ("3: in another line", "Upgrade: websocket", "Upgrade: h2c\r\nUpgrade: websocket", Ok(())),
    ("3: something else", "Upgrade: websocket", "Upgrade: h2c", Err(Refusal::UpgradeRequired)),
    ("3: only nearly", "Upgrade: websocket", "Upgrade: websockets", Err(Refusal::UpgradeRequired)),
    ("4: Connection", "Connection: Upgrade\r\n", "", Err(Refusal::Connection)),
    ("4: in any case, in a list", "Connection: Upgrade", "Connection: keep-alive,uPGRADE", Ok(())),
    ("4: something else", "Connection: Upgrade", "Connection: close", Err(Refusal::Connection)),
    ("4: only nearly", "Connection: Upgrade", "Connection: Upgrade-Insecure", Err(Refusal::Connection)),
    ("5: Key", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", "", Err(Refusal::NoKey)),
    ("5: empty", "dGhlIHNhbXBsZSBub25jZQ==", "", Err(Refusal::Key)),
    ("5: 13 bytes", "dGhlIHNhbXBsZSBub25jZQ==", "SGVsbG8sIHdvcmxkIQ==", Err(Refusal::Key)),
    ("5: 15 bytes", "dGhlIHNhbXBsZSBub25jZQ==", "AAAAAAAAAAAAAAAAAAAA", Err(Refusal::Key)),
    ("5: 17 bytes", "dGhlIHNhbXBsZSBub25jZQ==", "AAAAAAAAAAAAAAAAAAAAAAA=", Err(Refusal::Key)),
    ("5: 18 bytes", "dGhlIHNhbXBsZSBub25jZQ==", "AAAAAAAAAAAAAAAAAAAAAAAA", Err(Refusal::Key)),
    ("5: no padding", "dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25jZQ", Err(Refusal::Key)),
    ("5: not base64", "dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25j*Q==", Err(Refusal::Key)),
    ("5: the alphabet of URLs", "dGhlIHNhbXBsZSBub25jZQ==", "____________________-Q==", Err(Refusal::Key)),
    ("5: twice", "Origin:", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nOrigin:", Err(Refusal::Twice("Sec-WebSocket-Key"))),
    ("5: stray bits at its end", "dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25jZR==", Ok(())),
    ("6: Version", "Sec-WebSocket-Version: 13\r\n", "", Err(Refusal::WebSocketVersion)),
    ("6: an old one", "Version: 13", "Version: 8", Err(Refusal::WebSocketVersion)),
    ("6: a list", "Version: 13", "Version: 13, 8", Err(Refusal::WebSocketVersion)),
    ("6: twice", "Origin:", "Sec-WebSocket-Version: 13\r\nOrigin:", Err(Refusal::Twice("Sec-WebSocket-Version"))),
    ("7: Origin is optional", "Origin: http://example.com\r\n", "", Ok(())),
    ("8: Protocol is a list of tokens", "chat, superchat", "chat room", Err(Refusal::Protocols)),
    ("9: extensions are ignored", "Origin:", "Sec-WebSocket-Extensions: constructor; __proto__=\"\r\nOrigin:", Ok(())),
];

#[test]
fn the_opening_handshake_clause_by_clause() {
    for (clause, from, to, expected) in CLAUSES {
        let request = SAMPLE.replacen(from, to, 1);
        assert!(from.is_empty() || request != SAMPLE, "{clause}: nothing was changed");
        let verdict = Head::parse(request.as_bytes()).and_then(|head| upgrade::judge(&head).map(drop));
        assert_eq!(verdict, expected, "{clause}");
    }
}

#[test]
fn the_answer_of_section_1_3() {
    let head = Head::parse(SAMPLE.as_bytes()).unwrap();
    let upgrade = upgrade::judge(&head).unwrap();
    assert_eq!(upgrade.protocols().collect::<Vec<_>>(), ["chat", "superchat"]);
    let answer = |protocol| {
        let mut out = Vec::new();
        upgrade.accept(protocol, &mut out);
        String::from_utf8(out).unwrap()
    };
    let accepted = "HTTP/1.1 101 Switching Protocols\r\n\
                    Upgrade: websocket\r\n\
                    Connection: Upgrade\r\n\
                    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n";
    assert_eq!(answer(None), format!("{accepted}\r\n"));
    assert_eq!(answer(Some("chat")), format!("{accepted}Sec-WebSocket-Protocol: chat\r\n\r\n"));
}

#[test]
fn which_pages_may_connect() {
    let origins = Origins {
        allowed: vec!["https://chat.example".into(), "app://desktop".into()],
        names: vec!["board".into()],
    };
    let judged = |host: &str, origin: Option<&str>| {
        let origin = origin.map(|origin| format!("Origin: {origin}\r\n")).unwrap_or_default();
        let request = format!("GET /ws HTTP/1.1\r\nHost: {host}\r\n{origin}\r\n");
        origins.judge(&Head::parse(request.as_bytes()).unwrap())
    };
    for (host, origin) in [
        ("board:7684", "http://board:7684"),
        ("Board:7684", "HTTP://bOARD:7684"),
        ("board", "http://board"),
        ("board", "http://board:80"),
        ("board:80", "http://board"),
        ("board:443", "https://board"),
        ("board", "https://board"),
        ("[fe80::1]:7684", "http://[FE80::1]:7684"),
        ("192.0.2.7:7684", "http://192.0.2.7:7684"),
        ("localhost:7684", "http://localhost:7684"),
        ("board.local:7684", "http://board.local:7684"),
        ("Board.lan:7684", "http://board.LAN:7684"),
        ("board:7684", "https://chat.example"),
        ("board:7684", "https://CHAT.example"),
        ("board:7684", "app://desktop"),
    ] {
        assert_eq!(judged(host, Some(origin)), Ok(()), "{origin} at {host}");
    }
    assert_eq!(judged("board:7684", None), Ok(()), "not a browser");
    for (host, origin) in [
        ("board:7684", "null"),
        ("board:7684", ""),
        ("board:7684", "board:7684"),
        ("board:7684", "http://board"),
        ("board:7684", "http://board:7685"),
        ("board:80", "https://board"),
        ("board:7684", "http://board:7684.evil"),
        ("board:7684", "http://board.evil:7684"),
        ("board:7684", "http://evil.board:7684"),
        ("board:7684", "http://evil@board:7684"),
        ("board:7684", "http://board:7684/"),
        ("board:7684", "http://board:7684, http://evil"),
        ("board:7684", "file://"),
        ("board:7684", "ws://board:7684"),
        ("board:7684", "http://chat.example"),
        ("board:7684", "https://chat.example.evil"),
        ("board:7684", "https://chat.example:444"),
        ("localhost:7684", "http://127.0.0.1:7684"),
        // DNS rebinding: a stranger's name points at us, so his page's origin and our Host agree.
        ("evil.example:7684", "http://evil.example:7684"),
        ("board.evil.example:7684", "http://board.evil.example:7684"),
        ("boards:7684", "http://boards:7684"),
        ("127.0.0.1.evil.example", "http://127.0.0.1.evil.example"),
        ("localhost.evil.example", "http://localhost.evil.example"),
    ] {
        assert_eq!(judged(host, Some(origin)), Err(Refusal::Origin), "{origin} at {host}");
    }
}

/// A browser that reads from the server of its own page says no origin, so the name it calls by has to do.
#[test]
fn which_pages_may_read() {
    let origins = Origins {
        allowed: vec!["https://chat.example".into(), "http://[fd00::7]:8080".into(), "app://desktop".into()],
        names: vec!["board".into()],
    };
    let judged = |lines: &str| {
        let request = format!("GET /rooms/ops HTTP/1.1\r\n{lines}\r\n");
        origins.judge_reader(&Head::parse(request.as_bytes()).unwrap())
    };
    for host in
        ["localhost:7684", "board", "Board.local:7684", "192.0.2.7:7684", "[::1]:7684", "chat.example"]
    {
        assert_eq!(judged(&format!("Host: {host}\r\n")), Ok(()), "{host}");
    }
    assert_eq!(
        judged("Host: CHAT.example:8443\r\n"),
        Ok(()),
        "whatever the port: the name is not a stranger's"
    );
    for host in
        ["evil.example:7684", "board.evil.example", "127.0.0.1.evil.example", "desktops", "chat.example.evil"]
    {
        assert_eq!(judged(&format!("Host: {host}\r\n")), Err(Refusal::StrangeHost), "{host}");
    }
    assert_eq!(judged("Host: board\r\nOrigin: http://evil.example\r\n"), Err(Refusal::Origin));
    let rebound = "Host: evil.example\r\nOrigin: http://evil.example\r\n";
    assert_eq!(judged(rebound), Err(Refusal::Origin));
    assert_eq!(judged("Host: board\r\nOrigin: http://board\r\n"), Ok(()));
    let old = Head::parse(b"GET /rooms/ops HTTP/1.0\r\n\r\n").map(|head| origins.judge_reader(&head));
    assert_eq!(old, Ok(Ok(())), "no browser");
}
