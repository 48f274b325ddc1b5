//! Rooms without a WebSocket, as `curl` and scripts use them: one text posted, a page read, by one request each.

mod support;

use std::io::{Read, Write};

use serde_json::Value;
use support::Server;

/// What came back of a request.
#[derive(Debug)]
struct Answer {
    status: String,
    head: String,
    body: String,
}

impl Answer {
    fn header(&self, name: &str) -> &str {
        let value = self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        value.unwrap_or_else(|| panic!("no {name} in {}", self.head))
    }
}

/// Sends a request and reads its one answer. `lines` end with `\r\n`.
fn ask(server: &Server, first: &str, lines: &str, body: &[u8]) -> Answer {
    let head = format!("{first} HTTP/1.1\r\nHost: localhost\r\n{lines}\r\n");
    let all = server.raw([head.as_bytes(), body].concat());
    let (head, body) = all.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer to {first}: {all:?}"));
    assert!(head.contains("\r\nConnection: close"), "{head}");
    let length = format!("\r\nContent-Length: {}\r\n", body.len());
    assert!(head.contains(&length) || first.starts_with("HEAD"), "{head}\nand {} bytes", body.len());
    Answer { status: head[9..12].into(), head: head.into(), body: body.into() }
}

fn post_with(server: &Server, target: &str, lines: &str, text: impl AsRef<[u8]>) -> Answer {
    let text = text.as_ref();
    ask(server, &format!("POST {target}"), &format!("Content-Length: {}\r\n{lines}", text.len()), text)
}

fn post(server: &Server, target: &str, text: &str) -> (String, String) {
    let answer = post_with(server, target, "", text);
    (answer.status, answer.body)
}

fn get(server: &Server, target: &str) -> Answer {
    ask(server, &format!("GET {target}"), "", b"")
}

fn said(status: &str, body: &str) -> (String, String) {
    (status.into(), body.into())
}

#[test]
fn what_is_posted_is_told_and_has_a_number() {
    let server = Server::start(&[]);
    let mut anna = server.plain("anna", "ops");
    let mut ben = server.v1_in("ben", "ops");
    assert_eq!(post(&server, "/rooms/ops?nick=nas", "disk full"), said("200", "1\n"));
    assert_eq!(anna.line(), "<nas> disk full");
    let told = ben.event("message");
    assert_eq!((&told["seq"], &told["nick"], &told["text"]), (&1.into(), &"nas".into(), &"disk full".into()));
    assert!(told.get("id").is_none());

    anna.say("which one?");
    assert_eq!(anna.line(), "+ 2");
    assert_eq!(post(&server, "/rooms/OPS?nick=nas", "/dev/sda\r\n/quit\n"), said("200", "3\n"));
    assert_eq!(anna.line(), "<nas> //dev/sda\n<nas> //quit", "a text, never a command");
    assert_eq!(post(&server, "/rooms/k%C3%BCche", "tea?"), said("200", "1\n"));
    let page = get(&server, "/rooms/k%C3%BCche");
    assert_eq!(page.body, "<guest> tea?\n", "and without a nick it is a guest who says so");
    // Who posts is in no room.
    anna.say("/who");
    assert_eq!(anna.line(), "* 2 people are in ops: anna and ben");
}

#[test]
fn a_retry_makes_no_second_entry() {
    let server = Server::start(&[]);
    let mut anna = server.plain("anna", "ops");
    let retry = |target, text| {
        let answer = post_with(&server, target, "Idempotency-Key: \"9f86d081\"\r\n", text);
        (answer.status, answer.body)
    };
    assert_eq!(retry("/rooms/ops?nick=nas", "disk full"), said("200", "1\n"));
    assert_eq!(retry("/rooms/ops?nick=nas", "disk full"), said("200", "1\n"));
    assert_eq!(retry("/rooms/ops?nick=NAS", "disk full\n"), said("200", "1\n"), "the same person, and text");
    for (target, text) in [("/rooms/ops?nick=nas", "disk empty"), ("/rooms/den?nick=nas", "disk full")] {
        let (status, body) = retry(target, text);
        assert!(status == "409" && body.starts_with("! id_conflict "), "{body}");
    }
    // A key is its owner's: another nick may have the same.
    assert_eq!(retry("/rooms/ops?nick=router", "disk full"), said("200", "2\n"));
    let lines = "Idempotency-Key: \"9f86d081\"\r\nAccept: application/json\r\n";
    let answer = post_with(&server, "/rooms/ops?nick=nas", lines, "disk full");
    let tick: Value = serde_json::from_str(&answer.body).expect("JSON");
    assert_eq!((&tick["type"], &tick["seq"], &tick["dup"]), (&"stored".into(), &1.into(), &true.into()));
    assert_eq!(answer.header("Content-Type"), "application/json");

    assert_eq!(anna.line(), "<nas> disk full");
    assert_eq!(anna.line(), "<router> disk full");
    assert_eq!(post(&server, "/rooms/ops?nick=nas", "disk full"), said("200", "3\n"), "no key, a new entry");
    assert_eq!(anna.line(), "<nas> disk full");
}

/// A nick is taken while somebody is connected under it. Nobody posts in a name that others know to be here.
#[test]
fn nobody_posts_under_the_name_of_one_who_is_here() {
    let server = Server::start(&[]);
    let anna = server.plain("Anna", "lobby");
    for room in ["lobby", "ops"] {
        let (status, body) = post(&server, &format!("/rooms/{room}?nick=aNNa"), "it was me");
        assert!(status == "409" && body.starts_with("! nick_taken "), "{body}");
    }
    drop(anna);
    support::until("the nick is free", || post(&server, "/rooms/ops?nick=anna", "I am gone").0 == "200");
    // Having posted does not hold a nick.
    server.plain("anna", "lobby");
}

#[test]
fn what_is_wrong_is_said() {
    let server = Server::start(&[]);
    let mut witness = server.plain("witness", "ops");
    let ops = "/rooms/ops?nick=nas";
    let long = "x".repeat(65);
    for (target, lines, text, status, beginning) in [
        ("/rooms/@ops", "", "x", "422", "! bad_room "),
        ("/rooms/a%20b", "", "x", "422", "! bad_room "),
        ("/rooms/ops?nick=", "", "x", "422", "! bad_nick "),
        ("/rooms/ops?nick=a%0Ab", "", "x", "422", "! bad_nick "),
        ("/rooms/ops?nick=%3Cb%3E", "", "x", "422", "! bad_nick "),
        (ops, "", "", "422", "! bad_text "),
        (ops, "", " \n\t\n", "422", "! bad_text "),
        (ops, "", "a\x1b[2Jb", "422", "! bad_text "),
        (ops, "", &"x".repeat(15 * 1024 + 1), "422", "! bad_text "),
        (ops, "", &"x".repeat(16 * 1024 + 1), "413", "the body has more than 16384 bytes"),
        (ops, "Idempotency-Key: \r\n", "x", "400", "! bad_request "),
        (ops, "Idempotency-Key: two words\r\n", "x", "400", "! bad_request "),
        (ops, &format!("Idempotency-Key: {long}\r\n"), "x", "400", "! bad_request "),
        (ops, "Idempotency-Key: a\r\nIdempotency-Key: b\r\n", "x", "400", "the header Idempotency-Key"),
        (ops, "Transfer-Encoding: chunked\r\n", "x", "400", "Transfer-Encoding is not taken here"),
        (ops, "Origin: http://evil.example\r\n", "x", "403", "pages of another origin"),
        (ops, "Origin: null\r\n", "x", "403", "pages of another origin"),
    ] {
        let answer = post_with(&server, target, lines, text);
        assert_eq!(answer.status, status, "{target} {lines}{}", answer.body);
        assert!(answer.body.starts_with(beginning), "{target} {lines}{}", answer.body);
        assert_eq!(answer.body.lines().count(), 1, "one line that says why: {}", answer.body);
    }
    let answer = post_with(&server, ops, "", b"\xff\xfe");
    assert_eq!(
        (answer.status.as_str(), answer.body.as_str()),
        ("422", "! bad_text a text has to be UTF-8\n")
    );
    assert_eq!(ask(&server, &format!("POST {ops}"), "", b"").status, "411");
    assert_eq!(ask(&server, &format!("PUT {ops}"), "Content-Length: 1\r\n", b"x").status, "405");
    let json = post_with(&server, "/rooms/@ops", "Accept: application/json\r\n", "x");
    let error: Value = serde_json::from_str(&json.body).expect("JSON");
    assert_eq!((&error["type"], &error["code"]), (&"error".into(), &"bad_room".into()));

    for query in ["last=x", "last=-1", "last=+1", "last=4294967296", "after=", "after=9007199254740992"] {
        let answer = get(&server, &format!("/rooms/ops?{query}"));
        assert!(answer.status == "400" && answer.body.starts_with("! bad_request "), "{query}: {answer:?}");
    }
    assert_eq!(get(&server, "/rooms/ops?last=1&after=1").status, "400");
    assert_eq!(get(&server, "/rooms/ops?after=1&epoch=7").status, "400");
    assert_eq!(get(&server, "/rooms/@ops").status, "422");
    // Nothing of it was said.
    assert_eq!(post(&server, ops, "now"), said("200", "1\n"));
    assert_eq!(witness.line(), "<nas> now");
}

/// A browser says no origin when a page reads from its own server, whatever name that has. (DNS rebinding.)
#[test]
fn a_page_that_calls_by_a_stranger_s_name_reads_nothing() {
    let server = Server::start(&["--allow-origin", "https://chat.example"]);
    post(&server, "/rooms/ops?nick=nas", "secret");
    for (host, may) in [
        ("localhost:7684", true),
        ("127.0.0.1:7684", true),
        ("[::1]", true),
        ("chat.example", true),
        ("evil.example:7684", false),
        ("localhost.evil.example", false),
    ] {
        let answer = server.raw(format!("GET /rooms/ops HTTP/1.1\r\nHost: {host}\r\n\r\n"));
        let status = if may { "200" } else { "403" };
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{host}: {answer}");
        assert_eq!(answer.contains("secret"), may, "{host}: {answer}");
        assert_eq!(answer.contains("--allow-origin"), !may, "{host}: {answer}");
    }
    let foreign = ask(&server, "GET /rooms/ops", "Origin: http://evil.example\r\n", b"");
    assert!(foreign.status == "403" && !foreign.body.contains("secret"), "{foreign:?}");
    let listed = post_with(&server, "/rooms/ops?nick=page", "Origin: https://chat.example\r\n", "hi");
    assert_eq!(listed.status, "200");
}

#[test]
fn the_latest_are_read_as_text_and_as_json() {
    let server = Server::start(&[]);
    let mut anna = server.plain("anna", "ops");
    anna.say("/topic disks");
    anna.say("/me looks");
    anna.say("* ben left\n<ben> \u{2028}+ 7");
    anna.say("last");
    assert_eq!((1..=4).map(|_| anna.line()).last().as_deref(), Some("+ 4"));
    let page = get(&server, "/rooms/ops");
    assert_eq!(
        page.body,
        "* topic by anna: disks\n<anna> /me looks\n<anna> * ben left\n<anna> <ben> \n<anna> + 7\n<anna> last\n"
    );
    assert_eq!(page.header("Content-Type"), "text/plain; charset=utf-8");
    assert_eq!((page.header("Snug-After"), page.header("Cache-Control")), ("4", "no-store"));
    assert_eq!(get(&server, "/rooms/OPS?last=1").body, "<anna> last\n");
    assert_eq!(get(&server, "/rooms/ops?after=3").body, "<anna> last\n");
    let head = ask(&server, "HEAD /rooms/ops", "", b"");
    assert_eq!((head.header("Content-Length"), head.body.as_str()), (&*page.body.len().to_string(), ""));
    for quiet in ["/rooms/ops?last=0", "/rooms/ops?after=4"] {
        let answer = get(&server, quiet);
        assert_eq!((answer.body.as_str(), answer.header("Snug-After")), ("", "4"), "{quiet}");
    }
    let never = get(&server, "/rooms/never");
    assert_eq!((never.status.as_str(), never.body.as_str(), never.header("Snug-After")), ("200", "", "0"));

    for accept in ["application/x-ndjson", "text/html, application/json;q=0.9"] {
        let json = ask(&server, "GET /rooms/ops?last=2", &format!("Accept: {accept}\r\n"), b"");
        assert_eq!(json.header("Content-Type"), "application/x-ndjson");
        let events: Vec<Value> =
            json.body.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        let seqs: Vec<_> = events.iter().map(|event| event["seq"].clone()).collect();
        assert_eq!(seqs, [3, 4]);
        assert!(events.iter().all(|event| event["type"] == "message" && event["nick"] == "anna"));
        assert_eq!(events[0]["text"], "* ben left\n<ben> \u{2028}+ 7", "what a line is, JSON says");
    }
}

/// However much there is, an answer is a page; whoever goes on with `after` gets all of it, once.
#[test]
fn who_goes_on_reading_misses_nothing() {
    let server = Server::start(&[]);
    let text = "x".repeat(3000);
    for number in 1..=60 {
        assert_eq!(
            post(&server, "/rooms/ops?nick=nas", &format!("{number} {text}")).1,
            format!("{number}\n")
        );
    }
    let (mut read, mut pages, mut target) = (Vec::new(), 0, "/rooms/ops?last=60".to_owned());
    loop {
        let page = get(&server, &target);
        if page.body.is_empty() {
            break;
        }
        assert!(page.body.len() <= 64 * 1024, "{} bytes", page.body.len());
        let numbers = page.body.lines().filter_map(|line| line.split(' ').nth(1)?.parse::<u32>().ok());
        read.extend(numbers);
        pages += 1;
        let epoch = page.header("Snug-Epoch");
        target = format!("/rooms/ops?after={}&epoch={epoch}", page.header("Snug-After"));
    }
    assert_eq!(read, (1..=60).collect::<Vec<u32>>());
    assert!(pages > 2, "{pages} pages");

    // Lines cost more than the entry has bytes. One entry is told whatever it takes, and then it is the page.
    for _ in 0..2 {
        assert_eq!(
            post(&server, "/rooms/lines?nick=a-nick-of-thirty-two-bytes-12345", &"\nx".repeat(7000)).0,
            "200"
        );
    }
    let first = get(&server, "/rooms/lines");
    assert_eq!((first.header("Snug-After"), first.body.lines().count()), ("1", 7001));
    assert_eq!(get(&server, "/rooms/lines?after=1").header("Snug-After"), "2");
}

#[test]
fn a_position_that_is_of_no_use_is_said_to_be() {
    let server = Server::start(&[]);
    post(&server, "/rooms/ops?nick=nas", "one");
    let ahead = get(&server, "/rooms/ops?after=9");
    assert_eq!(
        ahead.body, "* what was said meanwhile cannot be told; here is the latest\n<nas> one\n",
        "as in the plain dialect"
    );
    assert_eq!(ahead.header("Snug-After"), "1");
    let elsewhere =
        ask(&server, "GET /rooms/ops?after=1&epoch=00000000000000ff", "Accept: application/json\r\n", b"");
    let reset: Value = serde_json::from_str(elsewhere.body.lines().next().expect("a line")).expect("JSON");
    assert_eq!((&reset["type"], &reset["reason"]), (&"reset".into(), &"epoch".into()));
    // What is no longer kept.
    for number in 0..260 {
        assert_eq!(post(&server, "/rooms/ops?nick=nas", &format!("{number}")).0, "200");
    }
    assert!(get(&server, "/rooms/ops?after=1").body.starts_with("* what was said meanwhile"));
}

#[test]
fn however_a_request_is_chopped_and_whatever_is_glued_to_it() {
    let server = Server::start(&[]);
    let request = "POST /rooms/ops?nick=nas HTTP/1.1\r\nHost: board\r\nContent-Length: 9\r\n\r\ndisk full";
    let glued = format!("{request}{request}GET /healthz HTTP/1.1\r\nHost: board\r\n\r\n");
    let cuts = request.len() - 12..request.len() + 3;
    let count = cuts.len();
    for cut in cuts {
        let mut stream = server.tcp();
        stream.set_nodelay(true).expect("no delay");
        let (first, second) = glued.as_bytes().split_at(cut);
        stream.write_all(first).expect("it reads");
        // Its loop goes round between the two.
        assert_eq!(get(&server, "/healthz").body, "ok\n");
        // It may have answered already, and hung up on us.
        let _ = stream.write_all(second);
        let mut answer = String::new();
        let _ = stream.read_to_string(&mut answer);
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "cut at {cut}: {answer}");
        assert_eq!(answer.matches("HTTP/1.1").count(), 1, "cut at {cut}: {answer}");
    }
    let bytewise = server.tcp();
    bytewise.set_nodelay(true).expect("no delay");
    for byte in request.as_bytes().chunks(1) {
        (&bytewise).write_all(byte).expect("it reads");
    }
    let mut answer = String::new();
    (&bytewise).read_to_string(&mut answer).expect("it answers");
    assert!(answer.ends_with(&format!("\r\n\r\n{}\n", count + 1)), "each was said once: {answer}");
}

/// Who waits to be asked for the body is asked for it, unless it is not wanted. (RFC 9110 section 10.1.1.)
#[test]
fn who_asks_before_sending_is_told_to_go_on() {
    let server = Server::start(&[]);
    let request = |length: usize, room: &str| {
        format!(
            "POST /rooms/{room} HTTP/1.1\r\nHost: board\r\nExpect: 100-continue\r\nContent-Length: {length}\r\n\r\n"
        )
    };
    let mut peer = server.dial();
    peer.send(request(4, "ops").as_bytes()).expect("it reads");
    assert_eq!(peer.head().expect("it answers"), "HTTP/1.1 100 Continue\r\n\r\n");
    peer.send(b"tea?").expect("it reads");
    assert!(peer.head().expect("it answers").starts_with("HTTP/1.1 200 OK\r\n"));
    for (length, room, status) in [(1 << 20, "ops", "413"), (4, "@ops", "422")] {
        let mut peer = server.dial();
        peer.send(request(length, room).as_bytes()).expect("it reads");
        assert!(peer.head().expect("it answers").starts_with(&format!("HTTP/1.1 {status} ")));
    }
    let glued = server.raw(request(4, "ops") + "tea!");
    assert!(glued.starts_with("HTTP/1.1 200 OK\r\n"), "who does not wait is not asked: {glued}");
}

/// A script that posts for ever.
#[test]
fn a_thousand_posts_leave_nothing_behind() {
    let server = Server::start(&[]);
    let burst = |from: usize| {
        for number in from..from + 500 {
            let room = format!("/rooms/r{}?nick=n{number}", number % 7);
            assert_eq!(
                post_with(&server, &room, &format!("Idempotency-Key: {number}\r\n"), "tick").status,
                "200"
            );
        }
    };
    let files = server.files();
    burst(0);
    let before = server.resident();
    burst(500);
    server.wait_for_files(files);
    let grown = server.resident().saturating_sub(before);
    println!("500 more posts: {grown} KiB more");
    // What they said is kept, up to 256 entries of each room.
    assert!(grown < 512, "{grown} KiB more");
    let page = get(&server, "/metrics").body;
    for nothing in ["snug_persons 0", "snug_store_mail 0", "snug_unsent_bytes 0", "snug_connections 1"] {
        assert!(page.contains(&format!("\n{nothing}\n")), "{nothing} in {page}");
    }
    for count in [r#"snug_entries_total{kind="talk"} 1000"#, r#"snug_requests_total{dialect="http"} 1000"#] {
        assert!(page.contains(&format!("\n{count}\n")), "{count} in {page}");
    }
}
