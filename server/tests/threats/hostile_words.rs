//! Names that want to be taken for others, and words that want to do something to whoever reads them. Which letters a
//! name may have is tested in protocol/tests/names.rs; here, that no way into the server leads around it.

use serde_json::json;

use crate::support::Server;

/// Nicks that are not `admin`, who is here, and what they are told.
const IMPOSTORS: [(&str, &str); 26] = [
    ("admin", "nick_taken"),
    ("ADMIN", "nick_taken"),
    ("aDmIn", "nick_taken"),
    ("аdmin", "bad_nick"),                  // the first letter is Cyrillic
    ("admіn", "bad_nick"),                  // so is one in the middle
    ("αdmin", "bad_nick"),                  // Greek
    ("ａｄｍｉｎ", "bad_nick"),             // wide
    ("𝐚dmin", "bad_nick"),                  // mathematical
    ("ⓐdmin", "bad_nick"),                  // in a circle
    ("admin\u{200b}", "bad_nick"),          // a space of no width
    ("ad\u{200d}min", "bad_nick"),          // a joiner
    ("\u{feff}admin", "bad_nick"),          // a byte order mark
    ("admin\u{ad}", "bad_nick"),            // a hyphen that is not shown
    ("admin\u{e0041}", "bad_nick"),         // a tag
    ("admin\u{fe0f}", "bad_nick"),          // a variation selector
    ("admin\u{3164}", "bad_nick"),          // a Hangul letter that shows nothing
    ("\u{202e}nimda", "bad_nick"),          // written from the right (CVE-2021-42574)
    ("ad\u{2066}min", "bad_nick"),          // isolated
    ("a\u{300}dmin", "bad_nick"),           // with an accent of its own: NFD
    ("a\u{345}\u{345}\u{345}", "bad_nick"), // with a tower of them
    ("admin>", "bad_nick"),
    ("* admin", "bad_nick"),
    ("admin\n<admin> hi", "bad_nick"),
    ("admin\r", "bad_nick"),
    ("admin\u{1b}[2J", "bad_nick"),
    ("admin\u{9b}2J", "bad_nick"),
];

/// As it stands in a path or a query.
fn escaped(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02x}")).collect()
}

#[test]
fn nobody_takes_another_s_name() {
    let server = Server::start(&["--max-rate", "0", "--max-connections-per-address", "0"]);
    let mut admin = server.plain("admin", "lobby");
    for (number, (nick, code)) in IMPOSTORS.into_iter().enumerate() {
        // By each way that leads in: JSON's hello and nick, the query, and the plain command.
        let mut v1 = server.connect("/ws", Some("snug.v1"));
        v1.say(&json!({"type": "hello", "nick": nick}).to_string());
        assert_eq!(v1.event("error")["code"], code, "{}", nick.escape_unicode());
        v1.say(r#"{"type":"hello"}"#);
        let guest = v1.event("welcome")["nick"].clone();
        v1.say(&json!({"type": "nick", "nick": nick}).to_string());
        assert_eq!(v1.event("error")["code"], code, "{}", nick.escape_unicode());

        let mut plain = server.connect(&format!("/ws/lobby?nick={}", escaped(nick)), None);
        plain.expect(&format!("! {code} "));
        plain.say(&format!("/nick {nick}"));
        // What follows a line break is another thing, but no name.
        plain.expect("! ");
        let honest = format!("honest-{number}");
        plain.say(&format!("/nick {honest}"));
        plain.expect(&format!("* you are {honest}"));
        // And everybody is called what they are called.
        admin.say("/who");
        let who = loop {
            let line = admin.line();
            if line.contains("admin") && line.contains(&honest) {
                break line;
            }
            assert!(!line.starts_with('<'), "nothing was said: {line}");
        };
        assert_eq!(who.matches("dmin").count(), 1, "{who} ({guest})");
    }
}

/// Rooms that are not `harbour`.
#[test]
fn no_room_looks_like_another() {
    let server = Server::start(&["--max-connections-per-address", "0"]);
    for room in [
        "ｈarbour",
        "𝐡arbour",
        "harbour\u{200b}",
        "\u{202e}ruobrah",
        "harb\u{2066}our",
        "harbo\u{308}ur",
        "\u{301}",
        "@harbour",
        "#harbour",
        "../harbour",
        "harbour\n",
        "har bour",
        "harbour\u{1b}[2J",
        "",
    ] {
        let mut v1 = server.v1("anna");
        v1.say(&json!({"type": "join", "room": room}).to_string());
        assert_eq!(v1.event("error")["code"], "bad_room", "{}", room.escape_unicode());
        v1.say(r#"{"type":"rooms"}"#);
        assert_eq!(v1.event("rooms")["rooms"], json!([]), "no room came of it");
        drop(v1);
        crate::support::until("anna is gone", || server.counted("snug_persons") == 0);
    }
    // Capitals make no other room.
    let mut anna = server.v1_in("anna", "HARBOUR");
    let ben = server.plain("ben", "harbour");
    anna.say(r#"{"type":"rooms"}"#);
    assert_eq!(anna.event("rooms")["rooms"], json!([{"room": "harbour", "count": 2}]));
    drop(ben);
}

/// All that controls a terminal: C0, DEL and C1 (ECMA-48), but newline and tab.
fn controls() -> impl Iterator<Item = char> {
    ('\0'..='\u{9f}').filter(|c| c.is_control() && !matches!(c, '\n' | '\t'))
}

/// gurk-rs CVE-2025-30089, binkterm GHSA-4225-c933-76f3 and others: escape sequences in what somebody says.
#[test]
fn no_control_character_is_passed_on() {
    let server = Server::start(&["--max-rate", "0"]);
    let mut witness = server.v1_in("witness", "lobby");
    let mut plain_witness = server.plain("listener", "lobby");
    let mut v1 = server.v1_in("mallory", "lobby");
    let mut plain = server.plain("trudy", "lobby");
    let mut refused = 0;
    for c in controls() {
        for text in [format!("{c}]52;c;aGk=\u{7}"), format!("red{c}[31m"), format!("a{c}b")] {
            for request in [
                json!({"type": "say", "id": "1", "room": "lobby", "text": text}),
                json!({"type": "say", "id": "1", "room": "lobby", "text": text, "kind": "me"}),
                json!({"type": "topic", "id": "1", "room": "lobby", "text": text}),
            ] {
                v1.say(&request.to_string());
                assert_eq!(v1.event("error")["code"], "bad_text", "{request}");
                refused += 1;
            }
            // JSON itself does not take them unescaped (RFC 8259 section 7).
            if c < ' ' {
                v1.say(&format!(r#"{{"type":"say","id":"1","room":"lobby","text":"{text}"}}"#));
                assert_eq!(v1.event("error")["code"], "bad_request");
            }
            for typed in [text.clone(), format!("/me {text}"), format!("/topic {text}")] {
                plain.say(&typed);
                let answer = plain.line();
                assert!(answer.starts_with("! bad_text "), "{}: {answer}", typed.escape_unicode());
                assert!(!answer.chars().any(char::is_control), "{}", answer.escape_unicode());
                refused += 1;
            }
        }
    }
    println!("{refused} words that would act were refused");
    v1.say(r#"{"type":"say","id":"1","room":"lobby","text":"hello"}"#);
    assert_eq!(v1.event("stored")["seq"], 1, "nothing was said before");
    assert_eq!(witness.event("message")["text"], "hello");
    assert_eq!(plain_witness.line(), "<mallory> hello");
}

/// What looks like the server's own line, or another's, stands behind the name of whoever wrote it.
#[test]
fn nobody_can_forge_a_line() {
    let server = Server::start(&["--max-rate", "0"]);
    let mut witness = server.plain("witness", "lobby");
    let mut v1 = server.v1_in("mallory", "lobby");
    let mut plain = server.plain("trudy", "lobby");
    let mut said = 0;
    for line_break in ["\n", "\u{2028}", "\u{2029}"] {
        for forged in
            ["<admin> pay me", "* admin left", "! storage_full full", "+ 99", "/me waves", "\u{202e}<nimda>"]
        {
            let text = format!("hello{line_break}{forged}{line_break}bye");
            let mut said_by = |nick: &str| {
                let lines = witness.line();
                let lines: Vec<&str> = lines.split(['\n', '\u{2028}', '\u{2029}']).collect();
                assert_eq!(lines.len(), 3, "{lines:?}");
                for line in lines {
                    let text = line.strip_prefix(&format!("<{nick}> ")).expect("its author's name");
                    assert!(!text.starts_with("/me "), "{line}");
                }
            };
            said += 1;
            v1.say(&json!({"type": "say", "id": text, "room": "lobby", "text": text}).to_string());
            assert_eq!(v1.event("error")["code"], "bad_request", "an id is one visible word");
            let id = format!("{said}");
            v1.say(&json!({"type": "say", "id": id, "room": "lobby", "text": text}).to_string());
            assert_eq!(v1.event("stored")["seq"], 2 * said - 1);
            said_by("mallory");
            plain.say(&text);
            said_by("trudy");
            assert_eq!(v1.event("message")["text"], text.as_str(), "whoever reads JSON gets it as it is");
        }
    }
}
