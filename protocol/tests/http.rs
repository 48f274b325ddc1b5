//! Request heads: those that browsers and tools send, and those that want to be understood in two ways.

mod frames;

use std::borrow::Cow;
use std::collections::BTreeSet;

use frames::Chance;
use protocol::http::{Head, HeadBuffer, Refusal, decode, respond, respond_to_head};
use protocol::limits::{MAX_HEAD, MAX_HEADERS, MAX_TARGET};

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

/// Collects a head in pieces. Gives the head and what was behind it, or the fault.
fn collect(stream: &[u8], mut size: impl FnMut() -> usize) -> Result<(Vec<u8>, Vec<u8>), Option<Refusal>> {
    let mut stream = stream.to_vec();
    let mut rest = &mut stream[..];
    let mut buffer = HeadBuffer::new();
    while !rest.is_empty() {
        let (mut piece, behind) = rest.split_at_mut(size().clamp(1, rest.len()));
        rest = behind;
        if buffer.feed(&mut piece, MAX_HEAD).map_err(Some)? {
            // As the server reads it: without looking through it again.
            let (collected, parsed) = (Head::collected(&buffer), Head::parse(buffer.bytes()));
            assert_eq!(format!("{collected:?}"), format!("{parsed:?}"), "{}", buffer.bytes().escape_ascii());
            return Ok((buffer.bytes().to_vec(), [&*piece, &*rest].concat()));
        }
        assert_eq!(Head::collected(&buffer).map(drop), Err(Refusal::RequestLine), "it is not whole");
        assert!(piece.is_empty(), "the buffer asks for more and leaves bytes");
        assert!(buffer.bytes().len() < MAX_HEAD, "the buffer waits for what it will refuse");
    }
    Err(None)
}

/// What becomes of a request, however it is cut.
fn verdict(request: &[u8]) -> Result<(), Refusal> {
    let whole = collect(request, || usize::MAX);
    assert_eq!(collect(request, || 1), whole, "byte by byte: {}", request.escape_ascii());
    let mut chance = Chance::new(request.len() as u64);
    assert_eq!(collect(request, || 1 + chance.below(40)), whole, "in pieces: {}", request.escape_ascii());
    match whole {
        Ok((head, _)) => Head::parse(&head).map(drop),
        Err(Some(refusal)) => {
            let minds = Head::parse(request).is_err() || request.len() > MAX_HEAD;
            assert!(minds, "only the buffer minds: {}", request.escape_ascii());
            Err(refusal)
        }
        Err(None) => panic!("unfinished: {}", request.escape_ascii()),
    }
}

/// A request with these lines between the first and the blank one.
fn get(lines: &str) -> Vec<u8> {
    format!("GET / HTTP/1.1\r\n{lines}\r\n").into_bytes()
}

#[test]
fn what_browsers_and_tools_send_is_understood() {
    for request in [
        SAMPLE,
        // curl
        "GET /healthz HTTP/1.1\r\nHost: localhost:7684\r\nUser-Agent: curl/8.14.1\r\nAccept: */*\r\n\r\n",
        // a load balancer of the old school
        "GET /healthz HTTP/1.0\r\n\r\n",
        "HEAD / HTTP/1.1\r\nHost: board\r\n\r\n",
        "POST /rooms/ops?nick=disk HTTP/1.1\r\nHost: board\r\nContent-Length: 9\r\n\r\n",
        // a browser on the local network, with somebody else's cookie that is not ASCII
        "GET /ws/k%C3%BCche?nick=anna HTTP/1.1\r\nHost: 192.168.1.7:7684\r\nConnection: keep-alive, Upgrade\r\n\
         Pragma: no-cache\r\nUpgrade: websocket\r\nOrigin: http://192.168.1.7:7684\r\nCookie: motto=gr\u{fc}n\r\n\
         Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\
         Sec-WebSocket-Key: x3JJHMbDL1EzLkh9GBhXDw==\r\nSec-WebSocket-Version: 13\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: [fe80::1]:7684\r\nContent-Length: 0\r\n\r\n",
        "GET /a|b?c[]={d} HTTP/1.1\r\nHost:board\r\nEmpty:\r\nTabs:\tround\t\r\n\r\n",
    ] {
        assert_eq!(verdict(request.as_bytes()), Ok(()), "{request}");
    }
}

/// What is wrong, the request, the refusal. Collected from RFC 9112 and from advisories about smuggling.
#[rustfmt::skip]
fn corpus() -> Vec<(&'static str, Vec<u8>, Refusal)> {
    let first = |line: &str| format!("{line}\r\nHost: a\r\n\r\n").into_bytes();
    let raw = |bytes: &[u8]| bytes.to_vec();
    let long = |line: &str, filler: usize, rest: &str| [line, &"x".repeat(filler), rest].concat().into_bytes();
    vec![
        // The first line.
        ("nothing", raw(b"\r\n\r\n"), Refusal::RequestLine),
        ("a blank line first", raw(b"\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"), Refusal::RequestLine),
        ("a space first", first(" GET / HTTP/1.1"), Refusal::RequestLine),
        ("no version", first("GET /"), Refusal::RequestLine),
        ("no target", first("GET  HTTP/1.1"), Refusal::RequestLine),
        ("two spaces before the target", first("GET  / HTTP/1.1"), Refusal::RequestLine),
        ("a tab before the target", first("GET\t/ HTTP/1.1"), Refusal::RequestLine),
        ("two spaces before the version", first("GET /  HTTP/1.1"), Refusal::HttpVersion),
        ("a space in the target", first("GET /a b HTTP/1.1"), Refusal::HttpVersion),
        ("a space at the end", first("GET / HTTP/1.1 "), Refusal::RequestLine),
        ("a method that is no token", first("G@T / HTTP/1.1"), Refusal::RequestLine),
        ("no method", first("/ HTTP/1.1"), Refusal::RequestLine),
        ("HTTP/0.9", first("GET / HTTP/0.9"), Refusal::HttpVersion),
        ("HTTP/1.2", first("GET / HTTP/1.2"), Refusal::HttpVersion),
        ("HTTP/2, as it begins", raw(b"PRI * HTTP/2.0\r\n\r\n"), Refusal::HttpVersion),
        ("http in small letters", first("GET / http/1.1"), Refusal::HttpVersion),
        ("HTTP/1.10", first("GET / HTTP/1.10"), Refusal::RequestLine),
        ("TLS knocks", raw(b"\x16\x03\x01\x02\x00\x01\x00\x01"), Refusal::Control(0x16)),
        ("SSH knocks", raw(b"SSH-2.0-OpenSSH_10.0\r\n\r\n"), Refusal::RequestLine),
        // The target.
        ("the target names a host", first("GET http://a/ HTTP/1.1"), Refusal::Target),
        ("the target is *", first("OPTIONS * HTTP/1.1"), Refusal::Target),
        ("a tunnel is asked for", first("CONNECT a:443 HTTP/1.1"), Refusal::Target),
        ("a fragment", first("GET /#top HTTP/1.1"), Refusal::Target),
        ("a backslash", first(r"GET /..\etc HTTP/1.1"), Refusal::Target),
        ("markup", first("GET /<script> HTTP/1.1"), Refusal::Target),
        ("a letter without its escape", first("GET /küche HTTP/1.1"), Refusal::Target),
        ("a byte that is no text", raw(b"GET /\xff HTTP/1.1\r\nHost: a\r\n\r\n"), Refusal::RequestLine),
        ("half an escape", first("GET /%4 HTTP/1.1"), Refusal::Escape),
        ("an escape of other letters", first("GET /%zz HTTP/1.1"), Refusal::Escape),
        ("a signed escape", first("GET /%+1 HTTP/1.1"), Refusal::Escape),
        ("a bad escape in the query", first("GET /?nick=% HTTP/1.1"), Refusal::Escape),
        ("escapes that are no text", first("GET /%ff HTTP/1.1"), Refusal::Escape),
        ("an overlong slash", first("GET /%c0%af HTTP/1.1"), Refusal::Escape),
        ("a long target", long("GET /", MAX_TARGET, " HTTP/1.1\r\nHost: a\r\n\r\n"), Refusal::TargetTooLong),
        ("an endless target", long("GET /", MAX_HEAD, ""), Refusal::TargetTooLong),
        // The lines.
        ("a bare line feed", raw(b"GET / HTTP/1.1\nHost: a\r\n\r\n"), Refusal::BareLineFeed),
        ("a bare line feed among headers", get("Host: a\nB: c\r\n"), Refusal::BareLineFeed),
        ("a bare line feed ends the head", raw(b"GET / HTTP/1.1\r\nHost: a\r\n\n"), Refusal::BareLineFeed),
        ("a bare carriage return", get("Host: a\rB: c\r\n"), Refusal::BareCarriageReturn),
        ("a carriage return too many", get("Host: a\r\r\n"), Refusal::BareCarriageReturn),
        ("a carriage return in the first line", first("GET /\r HTTP/1.1"), Refusal::BareCarriageReturn),
        ("a bare carriage return ends the head", raw(b"GET / HTTP/1.1\r\nHost: a\r\n\rX"), Refusal::BareCarriageReturn),
        ("NUL in a value", get("Host: a\0b\r\n"), Refusal::Control(0)),
        ("NUL in the target", first("GET /\0 HTTP/1.1"), Refusal::Control(0)),
        ("an escape sequence", get("Host: a\r\nUser-Agent: \x1b[2J\r\n"), Refusal::Control(0x1b)),
        ("delete", get("Host: a\x7f\r\n"), Refusal::Control(0x7f)),
        ("a vertical tab", get("Host:\x0ba\r\n"), Refusal::Control(0x0b)),
        ("a folded header", get("Host: a\r\nB: c\r\n d\r\n"), Refusal::FoldedHeader),
        ("a folded header, by tab", get("Host: a\r\nTransfer-Encoding:\r\n\tchunked\r\n"), Refusal::FoldedHeader),
        ("a folded first header", get(" Host: a\r\n"), Refusal::FoldedHeader),
        ("a space before the colon", get("Host : a\r\n"), Refusal::HeaderName),
        ("a tab before the colon", get("Host: a\r\nContent-Length\t: 5\r\n"), Refusal::HeaderName),
        ("no colon", get("Host: a\r\nHello\r\n"), Refusal::HeaderName),
        ("no name", get("Host: a\r\n: b\r\n"), Refusal::HeaderName),
        ("a name that is no token", get("Host: a\r\n(b): c\r\n"), Refusal::HeaderName),
        ("a name beyond ASCII", get("Host: a\r\nTransfer\u{2010}Encoding: chunked\r\n"), Refusal::HeaderName),
        // The headers.
        ("no host", get(""), Refusal::NoHost),
        ("two hosts", get("Host: a\r\nHost: b\r\n"), Refusal::Twice("Host")),
        ("the same host twice, in other letters", get("Host: a\r\nhOST: a\r\n"), Refusal::Twice("Host")),
        ("an empty host", get("Host:\r\n"), Refusal::Host),
        ("two hosts in one", get("Host: a, b\r\n"), Refusal::Host),
        ("a host with a user", get("Host: me@a\r\n"), Refusal::Host),
        ("a host with a path", get("Host: a/b\r\n"), Refusal::Host),
        ("a host with a port that is none", get("Host: a:http\r\n"), Refusal::Host),
        ("a host with a port beyond the last", get("Host: a:65536\r\n"), Refusal::Host),
        ("a host with two ports", get("Host: a:80:80\r\n"), Refusal::Host),
        ("half a bracket", get("Host: [::1\r\n"), Refusal::Host),
        ("a bracket with a name", get("Host: [board]\r\n"), Refusal::Host),
        ("a host beyond ASCII", get("Host: b\u{f6}ard\r\n"), Refusal::HeaderValue),
        ("two origins", get("Host: a\r\nOrigin: http://a\r\nOrigin: http://b\r\n"), Refusal::Twice("Origin")),
        ("an origin beyond ASCII", get("Host: a\r\nOrigin: http://\u{e4}\r\n"), Refusal::HeaderValue),
        ("chunks", get("Host: a\r\nTransfer-Encoding: chunked\r\n"), Refusal::TransferEncoding),
        ("chunks, hidden", get("Host: a\r\ntransfer-encoding: identity, chunked\r\n"), Refusal::TransferEncoding),
        ("chunks and a length", get("Host: a\r\nContent-Length: 0\r\nTransfer-Encoding: x\r\n"), Refusal::TransferEncoding),
        ("an empty encoding", get("Host: a\r\nTransfer-Encoding:\r\n"), Refusal::TransferEncoding),
        ("a body", get("Host: a\r\nContent-Length: 5\r\n"), Refusal::Body),
        ("a body that is a request", get("Host: a\r\nContent-Length: 16\r\n\r\nGET /b HTTP/1.1\r\n"), Refusal::Body),
        ("a length with a sign", get("Host: a\r\nContent-Length: +0\r\n"), Refusal::Body),
        ("a length below zero", get("Host: a\r\nContent-Length: -1\r\n"), Refusal::Body),
        ("a length in hexadecimal", get("Host: a\r\nContent-Length: 0x0\r\n"), Refusal::Body),
        ("two lengths in one", get("Host: a\r\nContent-Length: 0, 0\r\n"), Refusal::Body),
        ("an empty length", get("Host: a\r\nContent-Length:\r\n"), Refusal::Body),
        ("two lengths", get("Host: a\r\nContent-Length: 0\r\nContent-Length: 0\r\n"), Refusal::Twice("Content-Length")),
        ("a length beyond any number", raw(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1e9\r\n\r\n"), Refusal::Body),
        ("two keys", get("Host: a\r\nIdempotency-Key: a\r\nidempotency-key: b\r\n"), Refusal::Twice("Idempotency-Key")),
        ("a key beyond ASCII", get("Host: a\r\nIdempotency-Key: \u{e4}\r\n"), Refusal::HeaderValue),
        // Too much.
        ("65 headers", get(&"Host: a\r\n".repeat(MAX_HEADERS + 1)), Refusal::TooManyHeaders),
        ("2,000 headers", get(&"A:\r\n".repeat(2000)), Refusal::TooManyHeaders),
        ("4,000 headers", get(&"A:\r\n".repeat(4000)), Refusal::HeadTooLarge(MAX_HEAD)),
        ("a head one byte too long", get(&format!("Host: a\r\nX: {}\r\n", "x".repeat(MAX_HEAD - 31))), Refusal::HeadTooLarge(MAX_HEAD)),
        ("an endless header", long("GET / HTTP/1.1\r\nHost: a\r\nX: ", 64 << 10, ""), Refusal::HeadTooLarge(MAX_HEAD)),
    ]
}

#[test]
fn requests_that_could_be_understood_in_two_ways() {
    for (what, request, refusal) in corpus() {
        assert_eq!(verdict(&request), Err(refusal), "{what}");
    }
}

#[test]
fn the_largest_head_and_the_longest_target_are_taken() {
    let head = get(&format!("Host: a\r\nX: {}\r\n", "x".repeat(MAX_HEAD - 32)));
    assert_eq!((head.len(), verdict(&head)), (MAX_HEAD, Ok(())));
    let target = format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "x".repeat(MAX_TARGET - 1));
    assert_eq!(verdict(target.as_bytes()), Ok(()));
    let headers = format!("Host: a\r\n{}", "A: b\r\n".repeat(MAX_HEADERS - 1));
    assert_eq!(verdict(&get(&headers)), Ok(()));
}

#[test]
fn what_is_behind_the_head_stays_there() {
    let frame = [0x81, 0x80, 1, 2, 3, 4];
    let glued = [SAMPLE.as_bytes(), &frame].concat();
    for size in [1, 7, SAMPLE.len(), SAMPLE.len() + 1, usize::MAX] {
        let (head, behind) = collect(&glued, || size).unwrap();
        assert_eq!((&head[..], &behind[..]), (SAMPLE.as_bytes(), &frame[..]), "pieces of {size}");
    }
    // Two requests glued: the second is not looked at.
    let two = SAMPLE.repeat(2);
    let (head, behind) = collect(two.as_bytes(), || usize::MAX).unwrap();
    assert_eq!((&head[..], &behind[..]), (SAMPLE.as_bytes(), SAMPLE.as_bytes()));
    // And a head that is followed by something is not a head.
    assert_eq!(Head::parse(two.as_bytes()).map(drop), Err(Refusal::RequestLine));
}

#[test]
fn a_complete_buffer_takes_nothing_more() {
    let mut buffer = HeadBuffer::new();
    let mut sample = SAMPLE.as_bytes().to_vec();
    assert_eq!(buffer.feed(&mut &mut sample[..], MAX_HEAD), Ok(true));
    let mut more = *b"\0more";
    let mut input = &mut more[..];
    assert_eq!(buffer.feed(&mut input, MAX_HEAD), Ok(true));
    assert_eq!((input, buffer.bytes()), (&mut b"\0more"[..].to_vec()[..], SAMPLE.as_bytes()));
}

/// Whoever may choose can choose how much a stranger may say.
#[test]
fn a_head_may_be_as_long_as_it_may_be() {
    let feed = |max: usize, length: usize| {
        let mut head = get(&format!("Host: a\r\nX: {}\r\n", "x".repeat(length - 32)));
        assert_eq!(head.len(), length);
        HeadBuffer::new().feed(&mut &mut head[..], max)
    };
    assert_eq!(feed(100, 100), Ok(true));
    assert_eq!(feed(100, 101), Err(Refusal::HeadTooLarge(100)));
    assert_eq!(feed(100_000, 100_000), Ok(true));
    let mut target = b"GET /wherever".to_vec();
    assert_eq!(HeadBuffer::new().feed(&mut &mut target[..], 10), Err(Refusal::HeadTooLarge(10)));
}

#[test]
fn the_parts_of_a_head() {
    let head = Head::parse(
        b"GET /ws/k%C3%BCche/a%2Fb?nick=Anna+Lena&last=5&nick=eve&empty=&bare&%6Bey=v%26w HTTP/1.1\r\n\
          host: Board:7684\r\nX-List: a, b ,,c\r\nx-list:\td\r\nX-Odd: \xff\r\n\r\n",
    )
    .unwrap();
    assert_eq!((head.method(), head.path()), ("GET", "/ws/k%C3%BCche/a%2Fb"));
    assert_eq!(head.segments().collect::<Vec<_>>(), ["ws", "küche", "a/b"]);
    assert_eq!((head.host(), head.origin(), head.is_http_1_1()), ("Board:7684", None, true));
    let query = |name| head.query(name).map(Cow::into_owned);
    assert_eq!(query("nick").as_deref(), Some("Anna Lena"), "the first one counts");
    assert_eq!(query("last").as_deref(), Some("5"));
    assert_eq!((query("empty").as_deref(), query("bare").as_deref()), (Some(""), Some("")));
    assert_eq!(query("key").as_deref(), Some("v&w"));
    assert_eq!((query("Nick"), query("")), (None, None));
    assert_eq!(head.list("X-List").collect::<Vec<_>>(), ["a", "b", "c", "d"]);
    assert_eq!(
        (head.header("HOST"), head.header("X-Odd"), head.header("X")),
        (Some("Board:7684"), None, None)
    );

    let root = Head::parse(b"GET / HTTP/1.0\r\n\r\n").unwrap();
    assert_eq!(root.segments().collect::<Vec<_>>(), [""]);
    assert_eq!((root.host(), root.is_http_1_1(), root.wants_upgrade()), ("", false, false));
}

#[test]
fn what_a_client_expects_and_accepts() {
    let head = |version: &str, lines: &str| format!("POST / HTTP/{version}\r\nHost: a\r\n{lines}\r\n");
    let expects = |head: &str| Head::parse(head.as_bytes()).unwrap().expects_continue();
    assert!(expects(&head("1.1", "Expect: 100-Continue\r\n")));
    assert!(!expects(&head("1.0", "Expect: 100-continue\r\n")), "RFC 9110 section 10.1.1");
    assert!(!expects(&head("1.1", "Expect: tea\r\n")) && !expects(&head("1.1", "")));
    for (accept, accepts) in [
        ("application/json", true),
        ("text/html, Application/JSON;q=0.9", true),
        ("text/plain\r\nAccept: application/json", true),
        ("*/*", false),
        ("application/*", false),
        ("application/jsonp", false),
        ("", false),
    ] {
        let head = head("1.1", &format!("Accept: {accept}\r\n"));
        assert_eq!(Head::parse(head.as_bytes()).unwrap().accepts("application/json"), accepts, "{accept}");
    }
}

#[test]
fn percent_escapes() {
    for (text, decoded) in [
        ("", Some("")),
        ("plain", Some("plain")),
        ("a+b", Some("a+b")),
        ("%41%62%7a", Some("Abz")),
        ("%C3%bc", Some("ü")),
        ("100%25", Some("100%")),
        ("%2e%2E/", Some("../")),
        ("%00", Some("\0")),
        ("%", None),
        ("%4", None),
        ("%4g", None),
        ("%-1", None),
        ("%%41", None),
        ("%c3", None),
        ("%ed%a0%80", None),
    ] {
        assert_eq!(decode(text).as_deref(), decoded, "{text}");
    }
}

#[test]
fn responses_as_they_are_written() {
    let mut out = b"before".to_vec();
    respond(200, "text/plain", &[("Cache-Control", "no-store")], b"ok\n", &mut out);
    let head = "HTTP/1.1 200 OK\r\n\
                Content-Type: text/plain\r\n\
                Content-Length: 3\r\n\
                Connection: close\r\n\
                X-Content-Type-Options: nosniff\r\n\
                Cache-Control: no-store\r\n\r\n";
    assert_eq!(String::from_utf8(out).unwrap(), format!("before{head}ok\n"));
    let mut out = Vec::new();
    respond_to_head(200, "text/plain", &[("Cache-Control", "no-store")], 3, &mut out);
    assert_eq!(String::from_utf8(out).unwrap(), head);
}

#[test]
fn every_refusal_knows_its_status_and_says_one_line() {
    let mut refusals: Vec<Refusal> = corpus().into_iter().map(|(_, _, refusal)| refusal).collect();
    refusals.extend([Refusal::OldHttp, Refusal::UpgradeRequired, Refusal::Connection, Refusal::NoKey]);
    refusals.extend([Refusal::Key, Refusal::WebSocketVersion, Refusal::Protocols]);
    refusals.extend([Refusal::Origin, Refusal::NotFound, Refusal::MethodNotAllowed("GET, HEAD")]);
    refusals.extend([Refusal::Full, Refusal::Unavailable, Refusal::ForwardedFor, Refusal::NoAnswer]);
    refusals.extend([Refusal::LengthRequired, Refusal::ContentTooLarge(7), Refusal::StrangeHost]);
    let kinds: BTreeSet<String> =
        refusals.iter().map(|r| format!("{r:?}").split('(').next().unwrap_or_default().to_string()).collect();
    assert_eq!(kinds.len(), 35, "a refusal that no test meets: {kinds:?}");

    for refusal in refusals {
        let status = match refusal {
            Refusal::Origin | Refusal::StrangeHost => 403,
            Refusal::NotFound => 404,
            Refusal::MethodNotAllowed(_) => 405,
            Refusal::LengthRequired => 411,
            Refusal::ContentTooLarge(_) => 413,
            Refusal::TargetTooLong => 414,
            Refusal::UpgradeRequired | Refusal::WebSocketVersion => 426,
            Refusal::HeadTooLarge(_) | Refusal::TooManyHeaders => 431,
            Refusal::Full | Refusal::Unavailable => 503,
            Refusal::NoAnswer => 504,
            _ => 400,
        };
        let mut out = Vec::new();
        refusal.respond(&mut out);
        let text = String::from_utf8(out).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{text}");
        assert_eq!(body, format!("{refusal}\n"));
        assert!(body.lines().count() == 1 && head.contains("\r\nConnection: close\r\n"), "{text}");
        assert_eq!(
            head.contains("\r\nSec-WebSocket-Version: 13\r\n") || head.ends_with(": 13"),
            status == 426
        );
        assert_eq!(head.contains("\r\nAllow: GET"), status == 405);
    }
    assert!(
        Refusal::Origin.to_string().contains("--allow-origin"),
        "who may connect is told how to allow more"
    );
}
