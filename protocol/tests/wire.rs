//! `snug.v1` as it stands on the wire: what is written, what is read back, and what is said to those who get it wrong.

mod samples;

use protocol::chat::event::{Durability, Entry, ErrorCode, Event, Kind, ResetReason};
use protocol::chat::id::RequestId;
use protocol::chat::request::{Envelope, Request, Since};
use protocol::chat::wire::{EventFault, read_event, read_request, write_event, write_request};
use protocol::limits::{DEFAULT_LAST, MAX_TEXT};
use samples::{Random, enveloped, error_codes, events, requests, room, said, text};

fn written(envelope: &Envelope<'_>) -> String {
    let mut json = String::new();
    write_request(envelope, &mut json);
    json
}

fn told(event: &Event<'_>) -> String {
    let mut json = String::new();
    write_event(event, &mut json);
    json
}

#[test]
fn every_request_is_written_and_read_back() {
    for (request, json) in requests() {
        assert_eq!(written(&request), json);
        assert_eq!(read_request(json), Ok(request));
    }
}

#[test]
fn every_event_is_written_and_read_back() {
    for (event, json) in events() {
        assert_eq!(told(&event), json);
        assert_eq!(read_event(json), Ok(event));
    }
}

#[test]
fn writing_appends() {
    let mut json = String::from("before ");
    write_request(&enveloped("", Request::Rooms), &mut json);
    write_event(&Event::Left { id: None, room: "lobby".into() }, &mut json);
    assert_eq!(json, r#"before {"type":"rooms"}{"type":"left","room":"lobby"}"#);
}

#[test]
fn every_error_code_is_written_as_it_is_spelled() {
    for code in error_codes() {
        let json = format!(r#"{{"type":"error","code":"{code}","text":"x"}}"#);
        let Ok(Event::Error(failure)) = read_event(&json) else { panic!("{json}") };
        assert_eq!(failure.code, code);
        assert_eq!(told(&Event::Error(failure)), json);
    }
}

#[test]
fn white_space_order_and_escapes_do_not_matter() {
    let json = " { \"text\" : \"caf\\u00e9 \\ud83d\\udc1f\",\n\"room\":\"Lobby\", \"id\":\"\\u0061\", \"type\":\"say\" } \r\n";
    let request = Request::Say { room: Some(room("lobby")), text: text("café \u{1F41F}"), action: false };
    assert_eq!(read_request(json), Ok(enveloped("a", request)));
}

#[test]
fn unknown_fields_are_ignored_whatever_they_hold() {
    for extra in ["1", "-1.5e9", "\"x\"", "[1,{\"a\":[]}]", "{\"type\":\"quit\"}", "true", "null"] {
        let json = format!(r#"{{"new":{extra},"type":"rooms","new":{extra}}}"#);
        assert_eq!(read_request(&json), Ok(enveloped("", Request::Rooms)), "{json}");
        let json = format!(r#"{{"new":{extra},"type":"left","room":"lobby"}}"#);
        assert_eq!(read_event(&json), Ok(Event::Left { id: None, room: "lobby".into() }), "{json}");
    }
}

#[test]
fn a_field_that_is_null_is_absent() {
    let hello = Request::Hello { nick: None, session: None };
    assert_eq!(read_request(r#"{"type":"hello","id":null,"nick":null}"#), Ok(enveloped("", hello)));
    let join = Request::Join { room: room("lobby"), since: Since::Last(DEFAULT_LAST) };
    assert_eq!(read_request(r#"{"type":"join","room":"lobby","after":null}"#), Ok(enveloped("", join)));
}

#[test]
fn asking_for_more_than_there_can_be_is_asking_for_all() {
    let json = r#"{"type":"join","room":"lobby","last":9007199254740991}"#;
    let join = Request::Join { room: room("lobby"), since: Since::Last(u32::MAX) };
    assert_eq!(read_request(json), Ok(enveloped("", join)));
}

/// What is sent, and what comes back: the code, the sentence, and the `id` if there was one.
const MISTAKES: &[(&str, ErrorCode, &str, Option<&str>)] = {
    use ErrorCode::{BadNick, BadRequest, BadRoom, BadText, UnknownRequest};
    &[
        ("", BadRequest, "this JSON breaks off before its end", None),
        ("hello", BadRequest, "this is not JSON (line 1, column 1)", None),
        ("{\"type\":\"rooms\"\n x}", BadRequest, "this is not JSON (line 2, column 2)", None),
        ("{'type':'rooms'}", BadRequest, "this is not JSON (line 1, column 2)", None),
        (r#"{"type":"rooms",}"#, BadRequest, "this is not JSON (line 1, column 17)", None),
        (r#"{"type":"rooms"}{}"#, BadRequest, "this is not JSON (line 1, column 17)", None),
        (r#"{"id":"7","type":"rooms"} x"#, BadRequest, "this is not JSON (line 1, column 27)", Some("7")),
        (r#"{"id":"7","type":"rooms"#, BadRequest, "this JSON breaks off before its end", Some("7")),
        ("{\"id\":\"7\",\"text\":\"a\nb\"}", BadRequest, "this is not JSON (line 2, column 0)", Some("7")),
        (r#"{"id":"7","text":"\ud800"}"#, BadRequest, "this is not JSON (line 1, column 25)", Some("7")),
        ("[]", BadRequest, r#"a request is one JSON object, as in {"type":"rooms"}"#, None),
        ("17", BadRequest, r#"a request is one JSON object, as in {"type":"rooms"}"#, None),
        ("\"say\"", BadRequest, r#"a request is one JSON object, as in {"type":"rooms"}"#, None),
        ("null", BadRequest, r#"a request is one JSON object, as in {"type":"rooms"}"#, None),
        ("{}", BadRequest, r#"a request needs a `type`, as in {"type":"rooms"}"#, None),
        (r#"{"id":"7"}"#, BadRequest, r#"a request needs a `type`, as in {"type":"rooms"}"#, Some("7")),
        (r#"{"type":7}"#, BadRequest, r#"`type` has to be a string, as in "rooms""#, None),
        (r#"{"type":"dance","id":"7"}"#, UnknownRequest, "there is no request `dance` here", Some("7")),
        (r#"{"type":"Rooms"}"#, UnknownRequest, "there is no request `Rooms` here", None),
        (r#"{"type":"a\u001b[2Jb"}"#, UnknownRequest, "there is no request `a\u{FFFD}[2Jb` here", None),
        (r#"{"type":"help"}"#, UnknownRequest, "there is no request `help` here", None),
        (r#"{"type":"rooms","id":7}"#, BadRequest, BAD_ID, None),
        (r#"{"type":"rooms","id":""}"#, BadRequest, BAD_ID, None),
        (r#"{"type":"rooms","id":"two words"}"#, BadRequest, BAD_ID, None),
        (r#"{"type":"rooms","id":"7","id":"8"}"#, BadRequest, "`id` is there twice; send it once", Some("8")),
        (
            r#"{"id":"7","type":"rooms","type":"who"}"#,
            BadRequest,
            "`type` is there twice; send it once",
            Some("7"),
        ),
        (r#"{"type":"hello","nick":["x"],"id":"7"}"#, BadRequest, "`nick` has to be a string", Some("7")),
        (
            r#"{"type":"hello","nick":"a b","id":"7"}"#,
            BadNick,
            "`nick`: a name cannot contain a space; use letters, digits and any of - _ .",
            Some("7"),
        ),
        (
            r#"{"type":"hello","session":"me"}"#,
            BadRequest,
            "`session` has to be 32 hexadecimal digits in lower case, as in `welcome`",
            None,
        ),
        (r#"{"type":"nick","id":"7"}"#, BadRequest, "`nick` needs a `nick`", Some("7")),
        (r#"{"type":"nick","nick":"","id":"7"}"#, BadNick, "`nick`: a name cannot be empty", Some("7")),
        (r#"{"type":"join","id":"7"}"#, BadRequest, "`join` needs a `room`", Some("7")),
        (
            r#"{"type":"join","room":"@bob","id":"7"}"#,
            BadRoom,
            "`room`: a name cannot begin with '@'; use a letter or a digit",
            Some("7"),
        ),
        (
            r#"{"type":"join","room":"lobby","last":-1}"#,
            BadRequest,
            "`last` has to be a whole number from 0 to 2^53 - 1",
            None,
        ),
        (
            r#"{"type":"join","room":"lobby","last":"5"}"#,
            BadRequest,
            "`last` has to be a whole number from 0 to 2^53 - 1",
            None,
        ),
        (
            r#"{"type":"join","room":"lobby","last":1.5}"#,
            BadRequest,
            "`last` has to be a whole number from 0 to 2^53 - 1",
            None,
        ),
        (
            r#"{"type":"join","room":"lobby","last":1,"after":{}}"#,
            BadRequest,
            "`join` takes `last` or `after`, not both",
            None,
        ),
        (
            r#"{"type":"join","room":"lobby","after":17}"#,
            BadRequest,
            "`after` has to be an object with `epoch` and `seq`",
            None,
        ),
        (
            r#"{"type":"join","room":"lobby","after":{"seq":17}}"#,
            BadRequest,
            "`after.epoch` has to be 16 hexadecimal digits in lower case, as in `welcome`",
            None,
        ),
        (
            r#"{"type":"join","room":"lobby","after":{"epoch":"5eed000000000001"}}"#,
            BadRequest,
            "`join` needs a `after.seq`",
            None,
        ),
        (
            r#"{"type":"join","room":"lobby","after":{"epoch":"5eed000000000001","seq":9007199254740992}}"#,
            BadRequest,
            "`after.seq` has to be a whole number from 0 to 2^53 - 1",
            None,
        ),
        (
            r#"{"type":"join","room":"lobby","after":{"epoch":"5eed000000000001","seq":1,"seq":2}}"#,
            BadRequest,
            "`after.seq` is there twice; send it once",
            None,
        ),
        (
            r#"{"type":"say","room":"lobby","text":"hi"}"#,
            BadRequest,
            "`say` needs an `id` of your choice, so that sending it again is safe",
            None,
        ),
        (r#"{"type":"say","id":"7","text":"hi"}"#, BadRequest, "`say` needs a `room`", Some("7")),
        (r#"{"type":"say","id":"7","room":"lobby"}"#, BadRequest, "`say` needs a `text`", Some("7")),
        (
            r#"{"type":"say","id":"7","room":"lobby","text":" "}"#,
            BadText,
            "`text`: there is nothing to say in an empty text",
            Some("7"),
        ),
        (
            r#"{"type":"say","id":"7","room":"lobby","text":"\u001b[2J"}"#,
            BadText,
            "`text`: a text cannot contain the control character U+001B",
            Some("7"),
        ),
        (
            r#"{"type":"say","id":"7","room":"lobby","text":"hi","kind":"shout"}"#,
            BadRequest,
            "`kind` has to be \"me\", or left out for talk",
            Some("7"),
        ),
        (r#"{"type":"leave","id":"7"}"#, BadRequest, "`leave` needs a `room`", Some("7")),
        (r#"{"type":"topic","id":"7","room":"lobby"}"#, BadRequest, "`topic` needs a `text`", Some("7")),
        (
            r#"{"type":"topic","id":"7","room":"lobby","text":"a\nb"}"#,
            BadText,
            "`text`: a text cannot contain the control character U+000A",
            Some("7"),
        ),
        (r#"{"type":"who","id":"7"}"#, BadRequest, "`who` needs a `room`", Some("7")),
        (r#"{"type":"typing"}"#, BadRequest, "`typing` needs a `room`", None),
        (r#"{"type":"history","room":"lobby"}"#, BadRequest, "`history` needs a `before`", None),
    ]
};

const BAD_ID: &str = "`id` has to be a string of 1 to 64 visible ASCII characters";

#[test]
fn every_mistake_has_its_code_and_its_sentence() {
    for (json, code, sentence, id) in MISTAKES {
        let Err(failure) = read_request(json) else { panic!("taken: {json}") };
        assert_eq!(
            (failure.code, failure.text.as_ref(), failure.id.as_deref()),
            (*code, *sentence, *id),
            "{json}"
        );
    }
}

#[test]
fn a_text_may_fill_its_limit_and_not_one_byte_more() {
    let say =
        |length: usize| format!(r#"{{"type":"say","id":"1","room":"a","text":"{}"}}"#, "x".repeat(length));
    assert!(read_request(&say(MAX_TEXT)).is_ok());
    let json = say(MAX_TEXT + 1);
    let Err(failure) = read_request(&json) else { panic!("taken") };
    assert_eq!(
        (failure.code, failure.text.as_ref()),
        (ErrorCode::BadText, "`text`: a text has at most 15360 bytes here")
    );
}

#[test]
fn depth_is_limited_and_brackets_in_a_text_are_no_depth() {
    let nested =
        |depth: usize| format!(r#"{{"type":"rooms","x":{}{}}}"#, "[".repeat(depth), "]".repeat(depth));
    assert!(read_request(&nested(7)).is_ok());
    for depth in [8, 9, 100, 10_000] {
        let json = nested(depth);
        let sentence = read_request(&json).map_err(|failure| failure.text);
        assert_eq!(sentence, Err("this JSON is deeper than 8 levels".into()));
        assert_eq!(read_event(&json), Err(EventFault::TooDeep));
    }
    let json = r#"{"type":"say","id":"1","room":"lobby","text":"[[[[[[[[[[\"[[[[{{{{{{{{{{{{\\"}"#;
    let request = Request::Say {
        room: Some(room("lobby")),
        text: text(r#"[[[[[[[[[["[[[[{{{{{{{{{{{{\"#),
        action: false,
    };
    assert_eq!(read_request(json), Ok(enveloped("1", request)));
}

#[test]
fn what_only_the_plain_dialect_has_is_refused() {
    for request in [Request::Help, Request::Quit, Request::Who { room: None }, Request::Leave { room: None }]
    {
        let json = written(&enveloped("1", request));
        assert!(read_request(&json).is_err(), "{json}");
    }
    assert_eq!(read_event(&told(&Event::Help)), Ok(Event::Unknown));
    let topic = Event::Topic { room: "lobby".into(), text: "tea".into() };
    assert_eq!(read_event(&told(&topic)), Ok(Event::Unknown));
}

#[test]
fn a_client_gets_along_with_a_newer_server() {
    assert_eq!(read_event(r#"{"type":"found","entries":[{"seq":1}]}"#), Ok(Event::Unknown));
    let json = r#"{"type":"message","room":"lobby","seq":1,"user":"u","nick":"bob","text":"","time":0,"kind":"edit","ref":7}"#;
    let entry = Entry { user: "u".into(), time: 0, kind: Kind::Unknown, ..samples::entry(1, "bob", "") };
    assert_eq!(read_event(json), Ok(said(entry)));
    let Ok(Event::Error(failure)) = read_event(r#"{"type":"error","code":"too_hot","text":"x"}"#) else {
        panic!()
    };
    assert_eq!(failure.code, ErrorCode::Unknown);
    let Ok(Event::Reset(reset)) =
        read_event(r#"{"type":"reset","room":"a","reason":"moved","first":1,"last":2}"#)
    else {
        panic!()
    };
    assert_eq!(reset.reason, ResetReason::Unknown);
    let json = events()[0].1.replace("memory", "cloud");
    let Ok(Event::Welcome(welcome)) = read_event(&json) else { panic!() };
    assert_eq!(welcome.durability, Durability::Unknown);
}

#[test]
fn what_is_no_event_is_called_so() {
    let not_json = EventFault::NotJson { line: 1, column: 1 };
    assert_eq!(not_json.to_string(), "the server sent something that is not JSON (line 1, column 1)");
    assert_eq!(read_event("<html>"), Err(not_json));
    assert_eq!(read_event(r#"{"type":"left","room":"a""#), Err(EventFault::NotJson { line: 1, column: 25 }));
    assert_eq!(read_event(r#"{"type":"left","room":"a"} "#), Ok(Event::Left { id: None, room: "a".into() }));
    for json in ["[]", "{}", "7", r#"{"type":"left"}"#, r#"{"type":"left","room":7}"#, r#"{"type":7}"#] {
        assert!(matches!(read_event(json), Err(EventFault::NotAnEvent(_))), "{json}");
    }
    assert!(matches!(read_event(r#"{"type":"left","room":"a"} x"#), Err(EventFault::NotJson { .. })));
}

#[test]
fn cut_anywhere_it_is_a_mistake_that_still_echoes_its_id() {
    for (envelope, json) in requests() {
        let id_end = envelope.id.as_ref().map(|id| {
            let field = format!(r#""id":"{id}""#);
            json.find(&field).expect("the id is written") + field.len()
        });
        for (cut, _) in json.char_indices() {
            let Err(failure) = read_request(&json[..cut]) else { panic!("taken: {}", &json[..cut]) };
            assert_eq!(failure.code, ErrorCode::BadRequest);
            let expected = envelope.id.as_ref().filter(|_| id_end.is_some_and(|end| cut >= end));
            assert_eq!(failure.id.as_deref(), expected.map(RequestId::as_str), "{}", &json[..cut]);
        }
    }
}

#[test]
fn damaged_json_is_refused_or_means_something_that_can_be_written_again() {
    let scraps = [
        "\"", "{", "}", "[", "]", ",", ":", "\\", "\\u0000", "null", "1", "-", "e9", "\u{2028}", "é", "\n",
        " ",
    ];
    let (requests, events) = (requests(), events());
    let mut random = Random::seeded(20);
    let (mut taken, mut refused) = (0, 0);
    for _ in 0..20_000 {
        let (json, is_request) = match random.below(2) {
            0 => (random.pick(&requests).1, true),
            _ => (random.pick(&events).1, false),
        };
        let mut chars: Vec<String> = json.chars().map(String::from).collect();
        for _ in 0..=random.below(3) {
            let at = random.below(chars.len());
            match random.below(4) {
                0 => drop(chars.remove(at)),
                1 => chars.insert(at, (*random.pick(&scraps)).into()),
                2 => chars[at] = (*random.pick(&scraps)).into(),
                _ => chars.truncate(at + 1),
            }
            if chars.is_empty() {
                chars.push(" ".into());
            }
        }
        let json = chars.concat();
        let again = match is_request {
            true => read_request(&json)
                .ok()
                .map(|envelope| read_request(&written(&envelope)).as_ref() == Ok(&envelope)),
            false => read_event(&json).ok().map(|event| read_event(&told(&event)).as_ref() == Ok(&event)),
        };
        match again {
            None => refused += 1,
            Some(is_same) => {
                assert!(is_same, "{json}");
                taken += 1;
            }
        }
    }
    assert!(
        taken > 1000 && refused > 1000,
        "the damage is neither too small nor too great: {taken} {refused}"
    );
}
