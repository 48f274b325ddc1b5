//! Requests that lack something, come in the wrong state, or mean somebody else's room (ngIRCd CVE-2007-6062,
//! CVE-2008-0285, CVE-2013-1747: a JOIN without a channel, a PART of another, a KICK of nobody). Each is answered, once,
//! and that is all that comes of it.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::support::chance::Chance;
use crate::support::honest::Pair;
use crate::support::{Client, Server, until};

/// What a connection has done before.
const STATES: [(&str, &[&str]); 4] = [
    ("a stranger", &[]),
    ("greeted", &[r#"{"type":"hello"}"#]),
    ("in a room", &[r#"{"type":"hello"}"#, r#"{"type":"join","room":"attic"}"#]),
    (
        "out of it again",
        &[r#"{"type":"hello"}"#, r#"{"type":"join","room":"attic"}"#, r#"{"type":"leave","room":"attic"}"#],
    ),
];

/// A connection in one of the states.
fn in_state(server: &Server, requests: &[&str]) -> Client {
    let mut client = server.connect("/ws", Some("snug.v1"));
    for request in requests {
        client.say(request);
        answer_to(&mut client);
    }
    client
}

/// The next event that is no news of others.
fn answer_to(client: &mut Client) -> Value {
    loop {
        let event: Value = serde_json::from_str(&client.next()).expect("JSON");
        if event["type"] != "presence" && event["type"] != "message" {
            return event;
        }
    }
}

/// The type of the answer, or the code of the error, in each of the states.
#[test]
fn every_command_in_every_state() {
    let server = Server::start(&["--max-rate", "0", "--max-connections-per-address", "0"]);
    let mut pair = Pair::new(&server, "kitchen");
    let bad = ["bad_request"; 4];
    let outside = |inside| ["hello_first", "not_in_room", inside, "not_in_room"];
    let after_hello = |answer| ["hello_first", answer, answer, answer];
    let table: Vec<(&str, [&str; 4])> = vec![
        ("", bad),
        ("null", bad),
        ("[]", bad),
        ("{}", bad),
        ("{\"type\":", bad),
        (r#"{"type":null}"#, bad),
        (r#"{"type":7}"#, bad),
        (r#"{"type":"kick","room":"attic","nick":"ann-kitchen"}"#, ["unknown_request"; 4]),
        (r#"{"type":"HELLO"}"#, ["unknown_request"; 4]),
        (r#"{"type":"join"}"#, bad),
        (r#"{"type":"join","room":null}"#, bad),
        (r#"{"type":"join","room":["attic"]}"#, bad),
        (r#"{"type":"join","room":""}"#, ["bad_room"; 4]),
        (r#"{"type":"join","room":"attic","last":-1}"#, bad),
        (r#"{"type":"join","room":"attic","last":1.5}"#, bad),
        (r#"{"type":"join","room":"attic","after":{"epoch":"x","seq":1}}"#, bad),
        (r#"{"type":"join","room":"attic","after":7}"#, bad),
        (r#"{"type":"leave"}"#, bad),
        (r#"{"type":"leave","room":"cellar"}"#, ["hello_first", "not_in_room", "not_in_room", "not_in_room"]),
        (
            r#"{"type":"leave","room":"kitchen"}"#,
            ["hello_first", "not_in_room", "not_in_room", "not_in_room"],
        ),
        (r#"{"type":"leave","room":"attic"}"#, outside("left")),
        (r#"{"type":"say","id":"1"}"#, bad),
        (r#"{"type":"say","id":"1","room":"attic"}"#, bad),
        (r#"{"type":"say","room":"attic","text":"no id"}"#, bad),
        (r#"{"type":"say","id":"1","room":"attic","text":"x","kind":"kick"}"#, bad),
        (r#"{"type":"say","id":"1","room":"attic","text":""}"#, ["bad_text"; 4]),
        (r#"{"type":"say","id":"1","room":"attic","text":"x"}"#, outside("stored")),
        (
            r#"{"type":"say","id":"1","room":"kitchen","text":"let me in"}"#,
            ["hello_first", "not_in_room", "not_in_room", "not_in_room"],
        ),
        (
            r#"{"type":"topic","id":"1","room":"kitchen","text":"mine"}"#,
            ["hello_first", "not_in_room", "not_in_room", "not_in_room"],
        ),
        (r#"{"type":"topic","id":"2","room":"attic"}"#, bad),
        (r#"{"type":"nick"}"#, bad),
        (r#"{"type":"nick","nick":"ann-kitchen"}"#, after_hello("nick_taken")),
        (r#"{"type":"who"}"#, bad),
        (r#"{"type":"who","room":"kitchen"}"#, ["hello_first", "not_in_room", "not_in_room", "not_in_room"]),
        (r#"{"type":"typing"}"#, bad),
        (
            r#"{"type":"typing","room":"kitchen"}"#,
            ["hello_first", "not_in_room", "not_in_room", "not_in_room"],
        ),
        (r#"{"type":"history","room":"attic"}"#, bad),
        (r#"{"type":"history","room":"attic","before":9007199254740992}"#, bad),
        (
            r#"{"type":"history","room":"kitchen","before":9}"#,
            ["hello_first", "not_in_room", "not_in_room", "not_in_room"],
        ),
        (r#"{"type":"history","room":"attic","before":0,"limit":0}"#, outside("history")),
        (r#"{"type":"rooms"}"#, after_hello("rooms")),
        (r#"{"type":"hello","session":"short"}"#, bad),
        (
            r#"{"type":"hello","nick":"ann-kitchen"}"#,
            ["nick_taken", "hello_first", "hello_first", "hello_first"],
        ),
        (r#"{"type":"hello"}"#, ["welcome", "hello_first", "hello_first", "hello_first"]),
    ];
    for (request, answers) in &table {
        for ((state, before), answer) in STATES.iter().zip(answers) {
            let mut client = in_state(&server, before);
            client.say(request);
            let event = answer_to(&mut client);
            let got = if event["type"] == "error" { &event["code"] } else { &event["type"] };
            assert_eq!(got, answer, "{state}: {request} is answered {event}");
        }
    }
    println!("{} commands in {} states; {}", table.len(), STATES.len(), {
        pair.talk(10);
        pair.report()
    });
}

/// The same in lines of text: of somebody whose nick was no good, somebody in no room, and somebody in one.
#[test]
fn every_plain_command_in_every_state() {
    let server = Server::start(&["--max-rate", "0"]);
    let _ann = server.plain("ann", "kitchen");
    let paths = ["/ws?nick=ann&ack=1", "/ws?nick=bob&ack=1", "/ws/attic?nick=cleo&ack=1"];
    for (line, answers) in [
        ("/join", ["! bad_request "; 3]),
        ("/JOIN", ["! bad_request "; 3]),
        ("/join \u{202e}", ["! bad_room "; 3]),
        ("/nick", ["! bad_request "; 3]),
        ("/nick ann", ["! nick_taken "; 3]),
        ("/me", ["! bad_request "; 3]),
        ("/kick ann", ["! unknown_request "; 3]),
        ("/", ["! unknown_request "; 3]),
        ("/\u{1b}[2J", ["! unknown_request "; 3]),
        ("", ["! bad_text "; 3]),
        ("/who kitchen", ["! hello_first ", "! not_in_room ", "! not_in_room "]),
        ("/who", ["! hello_first ", "! not_in_room ", "* 1 person is in attic"]),
        ("/topic", ["! hello_first ", "! not_in_room ", "* attic has no topic"]),
        ("hello", ["! hello_first ", "! not_in_room ", "+ 1"]),
        ("/me waves", ["! hello_first ", "! not_in_room ", "+ 2"]),
        ("/topic mine", ["! hello_first ", "! not_in_room ", "+ 3"]),
    ] {
        for (path, answer) in paths.into_iter().zip(answers) {
            let mut client = server.connect(path, None);
            client.say(line);
            let mut got = client.line();
            // How it was greeted.
            if path == paths[0] {
                assert!(got.starts_with("! nick_taken "), "{got}");
                got = client.line();
            } else if path == paths[2] {
                assert!(got.starts_with("* you are in attic"), "{got}");
                got = client.line();
            }
            assert!(got.starts_with(answer), "{path}: {line:?} is answered {got:?}, not {answer:?}");
        }
        until("they are gone", || server.counted("snug_persons") == 1);
    }
}

/// One level more than is followed.
const DEEP: &str = "[[[[[[[[";

/// Makes requests up: of what the grammar knows, with parts that are missing, twice there, or of another sort.
struct Mutterer(Chance);

impl Mutterer {
    fn room(&mut self) -> Value {
        // The kitchen is others' room, and is never joined.
        let rooms = [
            "attic",
            "Attic",
            "cellar",
            "kitchen",
            "nowhere",
            "",
            "@ann",
            "a b",
            "\u{202e}x",
            "../x",
            "ｗide",
        ];
        Value::from(*self.0.pick(&rooms))
    }

    fn text(&mut self) -> Value {
        let texts =
            ["hello", "", " ", "\n", "/me x", "\u{1b}[2J", "\u{2028}* ann left", "\u{202e}", "🦊", "a\tb"];
        match self.0.one_in(10) {
            true => Value::from("x".repeat(self.0.between(500, 7_900))),
            false => Value::from(*self.0.pick(&texts)),
        }
    }

    fn number(&mut self) -> Value {
        match self.0.below(6) {
            0 => json!(-1),
            1 => json!(0.5),
            2 => json!(u64::MAX),
            3 => json!(9_007_199_254_740_991_u64),
            _ => json!(self.0.below(300)),
        }
    }

    /// Of the wrong sort.
    fn anything(&mut self) -> Value {
        self.0
            .pick(&[json!(null), json!(true), json!(7), json!([]), json!({}), json!([[[[[[[[[1]]]]]]]]])])
            .clone()
    }

    fn value(&mut self, field: &str) -> Value {
        if self.0.one_in(12) {
            return self.anything();
        }
        match field {
            "room" => self.room(),
            "text" => self.text(),
            "last" | "before" | "limit" => self.number(),
            "after" => json!({"epoch": self.0.pick(&["0000000000000000", "x", ""]), "seq": self.number()}),
            "kind" => json!(self.0.pick(&["me", "topic", "edit", "kick", ""])),
            "nick" => json!(self.0.pick(&["ann-kitchen", "dora", "Dora", "аnn", "x y", "", "\u{200b}"])),
            "session" => json!(self.0.pick(&[
                "",
                "ab",
                "abababababababababababababababab",
                "ABABABABABABABABABABABABABABABAB"
            ])),
            _ => self.anything(),
        }
    }

    /// A request with this id, and whether it is sure to be answered.
    fn request(&mut self, id: &str) -> (String, bool) {
        const KNOWN: [(&str, &[&str]); 10] = [
            ("hello", &["nick", "session"]),
            ("join", &["room", "last"]),
            ("join", &["room", "after"]),
            ("say", &["room", "text", "kind"]),
            ("topic", &["room", "text"]),
            ("leave", &["room"]),
            ("nick", &["nick"]),
            ("who", &["room"]),
            ("typing", &["room"]),
            ("history", &["room", "before", "limit"]),
        ];
        let (kind, fields) = *self.0.pick(&KNOWN);
        let is_odd = self.0.one_in(20);
        let kind = if is_odd { *self.0.pick(&["kick", "", "JOIN", "rooms", "edit", "stored"]) } else { kind };
        let mut parts = vec![format!(r#""id":"{id}""#), format!(r#""type":"{kind}""#)];
        for field in fields {
            if self.0.one_in(10) {
                continue;
            }
            let value = self.value(field);
            // To join the kitchen is the one thing that is not tried.
            let value = if kind == "join" && value == "kitchen" { json!("attic") } else { value };
            let times = if self.0.one_in(30) { 2 } else { 1 };
            for _ in 0..times {
                parts.push(format!("\"{field}\":{value}"));
            }
        }
        if self.0.one_in(10) {
            parts.push(format!("\"unknown\":{}", self.anything()));
        }
        // In any order, but for the id: behind a fault it would not be read, and so not be in the answer.
        for last in (2..parts.len()).rev() {
            parts.swap(last, self.0.between(1, last));
        }
        let request = format!("{{{}}}", parts.join(","));
        // Typing has no answer, and what is too deep is not read at all, so its id is not known.
        let is_answered = kind != "typing" && !request.contains(DEEP);
        (request, is_answered)
    }
}

/// Whatever is asked for in whatever order, each request is answered once, and those who are not meant hear nothing.
#[test]
fn whatever_is_asked_is_answered_once() {
    const REQUESTS: usize = 40;
    let server = Server::start(&["--max-rate", "0", "--max-connections-per-address", "0"]);
    let mut pair = Pair::new(&server, "kitchen");
    let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
    for seed in 0..crate::size(5000, 150) as u64 {
        let mut mutterer = Mutterer(Chance(seed));
        let mut client = server.connect("/ws", Some("snug.v1"));
        let mut open: BTreeMap<String, (String, bool)> = BTreeMap::new();
        for number in 0..REQUESTS {
            let id = format!("{seed}-{number}");
            // Most are greeted some time, or nothing would ever come of it.
            let (request, is_answered) = match number {
                3 => (format!(r#"{{"type":"hello","id":"{id}"}}"#), true),
                8 => (format!(r#"{{"type":"join","id":"{id}","room":"attic"}}"#), true),
                _ => mutterer.request(&id),
            };
            client.say(&request);
            // A join that is followed by another, or by a leave, before it is answered, is overtaken by it.
            if [r#""type":"join""#, r#""type":"leave""#].iter().any(|kind| request.contains(kind)) {
                for (earlier, is_answered) in open.values_mut() {
                    *is_answered &= !earlier.contains(r#""type":"join""#);
                }
            }
            open.insert(id, (request, is_answered));
        }
        // Whatever comes is either news or the one answer to one of them.
        client.say(r#"{"type":"rooms","id":"end"}"#);
        let mut is_over = false;
        while !is_over || open.values().any(|(_, is_answered)| *is_answered) {
            let event: Value = serde_json::from_str(&client.next()).expect("JSON");
            let kind = event["type"].as_str().expect("a type");
            assert_ne!(event["room"], "kitchen", "seed {seed}: nothing is told of others' rooms: {event}");
            let Some(id) = event["id"].as_str().filter(|_| kind != "message") else { continue };
            let what = if kind == "error" { &event["code"] } else { &event["type"] };
            *kinds.entry(what.as_str().expect("a word").to_owned()).or_default() += 1;
            match id {
                "end" => is_over = true,
                id => {
                    let asked = open.remove(id);
                    assert!(
                        asked.is_some(),
                        "seed {seed}: {id} is answered twice, or was never asked: {event}"
                    );
                }
            }
        }
        if seed % 10 == 0 {
            pair.talk(1);
        }
    }
    println!("answers to what was made up: {kinds:?}; {}", pair.report());
    for kind in
        ["welcome", "joined", "stored", "left", "renamed", "who", "history", "not_in_room", "bad_text"]
    {
        assert!(kinds.contains_key(kind), "{kind} is among what was met: {kinds:?}");
    }
    assert_eq!(pair.turns(), crate::size(5000, 150) / 10);
}
