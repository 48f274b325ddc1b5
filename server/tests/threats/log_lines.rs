//! The log. Whatever is sent, a line is an event, holds nothing that acts, and nothing that was said (RUSTSEC-2025-0055;
//! ngIRCd CVE-2005-0226); and who sends nonsense cannot fill a card with it.

use rustix::process::Signal;

use crate::support::Server;
use crate::support::honest::Pair;
use crate::support::peer::{frame, upgrade};

/// It stands in all that somebody says or means to be kept, and must not stand in the log.
const SECRET: &str = "5ecret";

/// What becomes a log line, if anything of it does, and hopes to become two.
const LINES: [&str; 8] = [
    "\n    0.001 error all is lost",
    "\r\n<3>all is lost",
    "\u{1b}[2J\u{1b}]0;title\u{7}",
    "\u{9b}2J\u{85}\u{2028}\u{2029}",
    "\u{202e}tsol si lla\u{202c}\u{2066}",
    "\0\u{8}\u{7f}",
    "%n%s%x{}{0}",
    "\\n\\u{a}",
];

/// Sends all of them in every place that takes words, good and bad.
fn mutter(server: &Server) {
    for words in LINES {
        let coded: String = words.bytes().map(|byte| format!("%{byte:02x}")).collect();
        let bare: String = words.chars().filter(|c| !c.is_control()).collect();
        let with = |line: String| upgrade("/ws", true).replacen("Host", &format!("{line}\r\nHost"), 1);
        for request in [
            upgrade(&format!("/ws/{words}"), true),
            upgrade(&format!("/ws/{coded}?nick={SECRET}{coded}"), true),
            upgrade(&format!("/ws/{}?nick={SECRET}{bare}", bare.replace(' ', "")), false),
            upgrade(&format!("/{coded}"), true),
            upgrade(words, true),
            with(format!("Origin: http://{SECRET}{bare}")),
            with(format!("Sec-WebSocket-Protocol: {SECRET}{words}")),
            with(format!("X-{SECRET}{words}: x")),
            with(format!("Cookie: {SECRET}{words}")),
            with(format!("Authorization: Bearer {SECRET}")),
            format!("{SECRET}{words} / HTTP/1.1\r\n\r\n"),
            "x".repeat(9000),
        ] {
            let mut peer = server.dial();
            peer.send(request.as_bytes()).expect("it reads");
            // An answer, or none: what counts is the log.
            let _ = peer.stream.shutdown(std::net::Shutdown::Write);
            peer.drain();
        }
        let say =
            serde_json::json!({"type": "say", "id": "1", "room": "hall", "text": format!("{SECRET}{words}")});
        let rename = serde_json::json!({"type": "nick", "nick": format!("{SECRET}{words}")});
        let session = format!(r#"{{"type":"hello","session":"{SECRET}{}"}}"#, "0".repeat(26));
        let mut reason = 1000_u16.to_be_bytes().to_vec();
        reason.extend(format!("{SECRET}{words}").bytes().take(100));
        for (number, bytes) in [
            frame(0x81, say.to_string().as_bytes()),
            frame(0x81, rename.to_string().as_bytes()),
            frame(0x81, session.as_bytes()),
            frame(0x81, format!("{SECRET}{words}").as_bytes()),
            frame(0x89, format!("{SECRET}{words}").as_bytes()),
            frame(0x8a, format!("{SECRET}{words}").as_bytes()),
            frame(0x82, format!("{SECRET}{words}").as_bytes()),
            frame(0x83, SECRET.as_bytes()),
            [frame(0x81, SECRET.as_bytes()), vec![0xff]].concat(),
            frame(0x88, &reason),
        ]
        .into_iter()
        .enumerate()
        {
            let mut peer = server.guest(&format!("m-{number}"), "hall", false);
            peer.send(&bytes).expect("it reads");
            let _ = peer.stream.shutdown(std::net::Shutdown::Write);
            peer.drain();
        }
    }
}

/// `SECONDS.MILLIS LEVEL EVENT`.
fn is_event(line: &str) -> bool {
    let Some((seconds, rest)) = line.trim_start().split_once('.') else { return false };
    let Some((millis, rest)) = rest.split_once(' ') else { return false };
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let levels = ["error ", "warn  ", "info  ", "debug ", "trace "];
    let event = levels.iter().find_map(|level| rest.strip_prefix(level));
    is_number(seconds)
        && millis.len() == 3
        && is_number(millis)
        && event.is_some_and(|event| !event.trim().is_empty())
}

#[test]
fn every_line_is_an_event_and_none_says_what_was_said() {
    let server = Server::start(&["--log", "trace", "--max-rate", "0", "--max-connections-per-address", "0"]);
    mutter(&server);
    server.signal(Signal::TERM);
    let (code, log) = server.wait();
    assert_eq!(code, Some(0));
    let mut longest = 0;
    for line in log.split_terminator('\n') {
        assert!(is_event(line), "{}", line.escape_debug());
        let acts = |c: char| c.is_control() || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        assert!(!line.chars().any(acts), "{}", line.escape_debug());
        assert!(!line.contains(SECRET), "{line}");
        assert!(!line.contains("all is lost") || line.contains("\\u{a}") || line.contains("GET /"), "{line}");
        longest = longest.max(line.len());
    }
    println!("{} lines, the longest of {longest} bytes", log.lines().count());
    assert!(log.lines().count() > 500, "it was traced");
    assert!(longest < 16 * 1024, "{longest} bytes in a line");
    // The check itself is not blind.
    for no_event in
        ["", "all is lost", "    0.001 fatal x", "    0.001 warn  ", "0.1 info  x", "<3>all is lost"]
    {
        assert!(!is_event(no_event), "{no_event}");
    }
}

/// By default what strangers do is no news: cards wear out, and disks fill.
#[test]
fn nonsense_is_not_logged_by_default() {
    let server = Server::start(&["--max-rate", "0", "--max-connections-per-address", "0"]);
    let mut pair = Pair::new(&server, "kitchen");
    pair.talk_while(50, || {
        for _ in 0..5 {
            mutter(&server);
        }
    });
    println!("{}", pair.report());
    assert_eq!(server.log(), "");
}
