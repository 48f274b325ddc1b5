//! PROTOCOL.md is held to what the code does: its examples are read by it, and it names all there is.

mod samples;

use std::collections::BTreeSet;

use protocol::chat::event::{
    Bounds, Durability, Entry, ErrorCode, Event, Failure, Joined, Kind, Presence, Renamed, Stored, Welcome,
};
use protocol::chat::id::{SessionKey, UserId, text as id_text};
use protocol::chat::name::Nick;
use protocol::chat::people::People;
use protocol::chat::plain;
use protocol::chat::slash::COMMANDS;
use protocol::chat::wire::{read_event, read_request, write_event, write_request};
use protocol::limits;
use samples::{entry, person, said};
use serde_json::{Map, Value};

const DOCUMENT: &str = include_str!("../PROTOCOL.md");

/// What stands below a heading, up to the next of the same or a higher level.
fn below<'a>(text: &'a str, heading: &str) -> &'a str {
    let level = heading.split(' ').next().unwrap_or_default().len();
    let (_, rest) =
        text.split_once(&format!("\n{heading}\n")).unwrap_or_else(|| panic!("no heading {heading:?}"));
    let is_end = |line: &str| {
        let hashes = line.len() - line.trim_start_matches('#').len();
        (1..=level).contains(&hashes) && line.get(hashes..).is_some_and(|rest| rest.starts_with(' '))
    };
    let end: usize = rest.split_inclusive('\n').take_while(|line| !is_end(line)).map(str::len).sum();
    &rest[..end]
}

/// The fenced blocks of a kind.
fn blocks<'a>(text: &'a str, kind: &str) -> Vec<&'a str> {
    let fence = format!("\n```{kind}\n");
    text.split(&fence).skip(1).filter_map(|rest| rest.split("```").next()).collect()
}

fn examples<'a>(text: &'a str, side: &str) -> Vec<&'a str> {
    blocks(text, &format!("json {side}")).into_iter().flat_map(str::lines).collect()
}

fn fields(json: &str) -> Map<String, Value> {
    serde_json::from_str(json).expect("an object")
}

fn type_of(json: &str) -> String {
    fields(json).get("type").and_then(Value::as_str).expect("a type").to_owned()
}

#[test]
fn every_example_is_read_and_written_as_it_stands_there() {
    let asked = examples(DOCUMENT, "client");
    let told = examples(DOCUMENT, "server");
    assert_eq!(
        asked.len() + told.len(),
        DOCUMENT.matches("\n{\"").count(),
        "every line of JSON is in such a block"
    );
    for json in asked {
        let mut again = String::new();
        write_request(
            &read_request(json).unwrap_or_else(|failure| panic!("{json}: {failure:?}")),
            &mut again,
        );
        assert_eq!(again, json);
    }
    for json in told {
        let event = read_event(json).unwrap_or_else(|fault| panic!("{json}: {fault}"));
        assert_ne!(event, Event::Unknown, "{json}");
        let mut again = String::new();
        write_event(&event, &mut again);
        assert_eq!(again, json);
    }
}

/// Every type has its heading there, with an example, and every field of it is named beside it.
fn check_types(section: &str, side: &str, samples: &[&str]) {
    let mut sampled: BTreeSet<String> = BTreeSet::new();
    for json in samples {
        let kind = type_of(json);
        let text = below(section, &format!("### `{kind}`"));
        let shown = examples(text, side);
        assert!(!shown.is_empty() && shown.iter().all(|json| type_of(json) == kind), "examples of {kind}");
        for field in fields(json).keys().filter(|field| !["type", "id", "room"].contains(&field.as_str())) {
            let in_example = shown.iter().any(|json| fields(json).contains_key(field));
            let is_obvious = kind == "nick" || kind == "typing";
            assert!(in_example, "{kind}: no example of `{field}`");
            assert!(text.contains(&format!("`{field}`")) || is_obvious, "{kind}: nothing about `{field}`");
        }
        sampled.insert(kind);
    }
    let headings: BTreeSet<String> = section
        .lines()
        .filter_map(|line| line.strip_prefix("### `")?.strip_suffix('`'))
        .map(str::to_owned)
        .collect();
    assert_eq!(headings, sampled);
}

#[test]
fn every_request_is_described() {
    let samples: Vec<&str> = samples::requests().iter().map(|(_, json)| *json).collect();
    check_types(below(DOCUMENT, "## 6. `snug.v1`: requests"), "client", &samples);
}

#[test]
fn every_event_is_described() {
    let samples: Vec<&str> = samples::events().iter().map(|(_, json)| *json).collect();
    check_types(below(DOCUMENT, "## 7. `snug.v1`: events"), "server", &samples);
}

#[test]
fn every_error_code_has_its_row_and_every_row_its_code() {
    let section = below(DOCUMENT, "## 8. Errors");
    let rows: Vec<&str> = section
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split('`').next())
        .filter(|row| *row != "code")
        .collect();
    let codes: Vec<&str> = samples::error_codes().into_iter().map(ErrorCode::as_str).collect();
    assert_eq!(rows, codes);
}

#[test]
fn every_slash_command_has_its_row_and_every_row_its_command() {
    let section = below(DOCUMENT, "### What a client sends");
    let rows: Vec<&str> =
        section.lines().filter_map(|line| line.strip_prefix("| `/")?.split('`').next()).collect();
    let usage = |command: &protocol::chat::slash::Command| command.usage().to_string();
    let plain: Vec<String> = COMMANDS.iter().filter(|command| command.plain).map(usage).collect();
    assert_eq!(rows, plain.iter().map(|usage| &usage[1..]).collect::<Vec<_>>());
    for command in COMMANDS.iter().filter(|command| !command.plain) {
        assert!(section.contains(&format!("`{}`", command.usage())), "{}", command.name);
    }
}

#[test]
fn the_limits_are_those_of_the_code() {
    let section = below(DOCUMENT, "## 11. Limits");
    for row in [
        format!("| Request head | {} bytes, {} header lines |", limits::MAX_HEAD, limits::MAX_HEADERS),
        format!("| Request target (path and query) | {} bytes |", limits::MAX_TARGET),
        format!(
            "| A client's message | {} bytes, in at most {} fragments |",
            limits::MAX_MESSAGE,
            limits::MAX_FRAGMENTS
        ),
        format!("| Control frame | {} bytes |", limits::MAX_CONTROL),
        format!("| Text of an entry | {} bytes |", limits::MAX_TEXT),
        format!("| Topic | {} bytes |", limits::MAX_TOPIC),
        format!("| Room name | {} bytes |", limits::MAX_ROOM_NAME),
        format!("| Nick | {} bytes |", limits::MAX_NICK),
        format!("| `id` | {} bytes |", limits::MAX_REQUEST_ID),
        format!("| Nesting of JSON | {} levels |", limits::MAX_JSON_DEPTH),
        format!("| People listed | {} in a room |", limits::MAX_PEOPLE_LISTED),
        format!("| Entries a `join` brings unless it says otherwise | {} |", limits::DEFAULT_LAST),
    ] {
        assert!(section.contains(&row), "{row}");
    }
}

#[test]
fn the_example_of_a_user_is_right() {
    let section = below(DOCUMENT, "## 4. Persons");
    assert!(
        section.contains(&format!("For 16 zero bytes that is `{}`.", id_text(SessionKey([0; 16]).user())))
    );
}

#[test]
fn who_posts_is_who_it_says() {
    let section = below(DOCUMENT, "### Posting").split_whitespace().collect::<Vec<_>>().join(" ");
    let nas = id_text(UserId::keyless(&Nick::new("nas").expect("a nick")));
    assert!(section.contains(&format!("For `nas` that is `{nas}`.")), "{section}");
    let answers = below(DOCUMENT, "### Answers");
    assert!(answers.contains(&format!("a body of more than {} bytes", limits::MAX_MESSAGE)));
}

#[test]
fn the_plain_conversation_is_what_the_code_says() {
    let nobody = || "".into();
    let welcome = Welcome {
        id: None,
        nick: "guest-4711".into(),
        user: nobody(),
        session: nobody(),
        epoch: nobody(),
        version: nobody(),
        features: Vec::new(),
        durability: Durability::Memory,
        limits: Bounds { text: 0, message: 0, rooms: 1 },
    };
    let joined = Joined {
        id: None,
        room: "lobby".into(),
        people: Some(People::from([person("alice"), person("bob"), person("guest-4711")]).into()),
        count: 3,
        topic: Some("tea at four".into()),
        first: 1,
        last: 1,
    };
    let renamed = Renamed {
        id: None,
        room: Some("lobby".into()),
        user: nobody(),
        was: "bob".into(),
        nick: "rob".into(),
    };
    let presence =
        |entered, left| Event::Presence(Presence { room: "lobby".into(), entered, left, count: 3 });
    let failure = Failure {
        code: ErrorCode::NotInRoom,
        text: "you are in no room; type /join ROOM first".into(),
        id: None,
    };
    let mut lines = String::new();
    for event in [
        Event::Welcome(welcome),
        Event::Joined(joined),
        said(entry(2, "bob", "hello")),
        said(entry(3, "bob", "a message of two lines:\nthis is the second")),
        said(Entry { kind: Kind::Me, ..entry(4, "alice", "waves") }),
        presence([person("carol")].into(), [].into()),
        Event::Renamed(renamed),
        said(Entry { kind: Kind::Topic, ..entry(5, "rob", "cake at five") }),
        presence([].into(), [person("rob")].into()),
        Event::Error(failure),
        Event::Stored(Stored { id: None, room: "lobby".into(), seq: 18, time: 0, dup: false }),
    ] {
        assert!(plain::write(&event, &mut lines));
        lines.push('\n');
    }
    assert_eq!(blocks(below(DOCUMENT, "## 12. The plain dialect"), "text"), [lines]);
}

#[test]
fn it_is_spoken_in_20_lines() {
    let section = below(DOCUMENT, "## 15. Speak it in 20 lines");
    for language in ["js", "python", "sh"] {
        let [program] = blocks(section, language)[..] else { panic!("one program in {language}") };
        assert!(program.lines().filter(|line| !line.trim().is_empty()).count() <= 20, "{language}");
    }
}

#[test]
fn its_contents_are_its_headings() {
    let listed = DOCUMENT.lines().filter_map(|line| {
        let (number, rest) = line.split_once(". [")?;
        let (title, anchor) = rest.strip_suffix(')')?.split_once("](#")?;
        let link = format!("{number}. {title}").to_lowercase().replace(' ', "-").replace(['.', ':', ','], "");
        assert_eq!(link, anchor);
        Some(format!("## {number}. {title}"))
    });
    let headings = DOCUMENT.lines().filter(|line| line.starts_with("## ")).map(|line| line.replace('`', ""));
    assert_eq!(listed.collect::<Vec<_>>(), headings.collect::<Vec<_>>());
}
