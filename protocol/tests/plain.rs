//! The plain dialect as people see it: what they type, what they read, and what nobody can make them believe.

mod samples;

use protocol::chat::event::{
    Entry, ErrorCode, Event, Failure, Joined, Kind, Presence, Renamed, Reset, ResetReason, RoomInfo, Stored,
};
use protocol::chat::name::{Nick, Text, TextFault, is_line_break};
use protocol::chat::people::People;
use protocol::chat::plain::{self, read, write};
use protocol::chat::request::{Request, Since};
use protocol::chat::slash::{self, COMMANDS, Typed};
use samples::{Random, entry, nick, person, room, said, text};

/// What is shown of an event; nothing if this dialect says nothing of it.
fn shown(event: &Event<'_>) -> String {
    let mut frame = String::from("before\n");
    let says = write(event, &mut frame);
    let frame = frame.strip_prefix("before\n").expect("writing appends");
    assert_eq!(says, !frame.is_empty());
    frame.into()
}

fn shown_entry(kind: Kind, who: &'static str, what: &'static str) -> String {
    shown(&said(Entry { kind, ..entry(7, who, what) }))
}

fn say(what: &str, action: bool) -> Request<'_> {
    Request::Say { room: None, text: text(what), action }
}

/// What a refusal looks like to who typed the line.
fn refusal(line: &str) -> String {
    shown(&Event::Error(read(line).expect_err("refused")))
}

#[test]
fn a_conversation_as_a_plain_connection_reads_it() {
    let joined = Event::Joined(Joined {
        id: None,
        room: "lobby".into(),
        people: Some(People::from([person("alice"), person("bob"), person("carol")]).into()),
        count: 3,
        topic: Some("tea at four".into()),
        first: 1,
        last: 6,
    });
    let renamed = |room: Option<&'static str>| {
        Event::Renamed(Renamed {
            id: None,
            room: room.map(Into::into),
            user: "u".into(),
            was: "bob".into(),
            nick: "rob".into(),
        })
    };
    let presence = |entered: &[&'static str], left: &[&'static str]| {
        let people = |nicks: &[&'static str]| nicks.iter().map(|nick| person(nick)).collect();
        Event::Presence(Presence {
            room: "lobby".into(),
            entered: people(entered),
            left: people(left),
            count: 9,
        })
    };
    let conversation = [
        (
            joined,
            "* you are in lobby; 3 people are here: alice, bob and carol\n* topic of lobby: tea at four",
        ),
        (said(entry(7, "bob", "hello, all")), "<bob> hello, all"),
        (said(Entry { kind: Kind::Me, ..entry(8, "bob", "waves") }), "<bob> /me waves"),
        (said(entry(9, "bob", "one\n\ntwo")), "<bob> one\n<bob> \n<bob> two"),
        (said(Entry { kind: Kind::Topic, ..entry(10, "bob", "cake") }), "* topic by bob: cake"),
        (said(Entry { kind: Kind::Topic, ..entry(11, "bob", "") }), "* bob took the topic away"),
        (Event::Stored(Stored { id: None, room: "lobby".into(), seq: 12, time: 0, dup: false }), "+ 12"),
        (renamed(Some("lobby")), "* bob is now rob"),
        (renamed(None), "* you are now rob"),
        (presence(&["dave"], &[]), "* dave entered"),
        (
            presence(&["dave", "erin"], &["bob", "carol", "frank"]),
            "* dave and erin entered\n* bob, carol and frank left",
        ),
        (Event::Left { id: None, room: "lobby".into() }, "* you left lobby"),
    ];
    for (event, lines) in conversation {
        assert_eq!(shown(&event), lines);
    }
}

#[test]
fn questions_and_their_answers() {
    let who = |people: Option<People>, count| Event::Who {
        id: None,
        room: "lobby".into(),
        people: people.map(Into::into),
        count,
    };
    assert_eq!(shown(&who(Some([].into()), 0)), "* nobody is in lobby");
    assert_eq!(shown(&who(Some([person("bob")].into()), 1)), "* 1 person is in lobby: bob");
    assert_eq!(shown(&who(None, 231)), "* 231 people are in lobby");

    let info = |room: &'static str, count, topic: Option<&'static str>| RoomInfo {
        room: room.into(),
        count,
        topic: topic.map(Into::into),
    };
    let rooms = |rooms| Event::Rooms { id: None, rooms };
    assert_eq!(shown(&rooms(vec![])), "* no room has anybody in it");
    assert_eq!(
        shown(&rooms(vec![info("lobby", 2, Some("tea")), info("ops", 1, None)])),
        "* 2 people are in lobby; topic: tea\n* 1 person is in ops"
    );

    let topic = |text: &'static str| Event::Topic { room: "lobby".into(), text: text.into() };
    assert_eq!(shown(&topic("")), "* lobby has no topic");
    assert_eq!(shown(&topic("tea")), "* topic of lobby: tea");

    let joined = |people: Option<People>, count| {
        let (room, people) = ("lobby".into(), people.map(Into::into));
        Event::Joined(Joined { id: None, room, people, count, topic: None, first: 0, last: 0 })
    };
    assert_eq!(shown(&joined(Some([person("bob")].into()), 1)), "* you are in lobby; nobody else is here");
    assert_eq!(shown(&joined(None, 231)), "* you are in lobby; 231 people are here");

    let reset = Reset { room: "lobby".into(), reason: ResetReason::Epoch, first: 1, last: 9 };
    assert_eq!(shown(&Event::Reset(reset)), "* what was said meanwhile cannot be told; here is the latest");
}

#[test]
fn help_is_the_table() {
    assert_eq!(
        shown(&Event::Help),
        "* /join ROOM: go to a room\n\
         * /who [ROOM]: list the people in this room, or another\n\
         * /rooms: list the rooms that have people in them\n\
         * /nick NAME: take another name\n\
         * /me TEXT: say what you do, as in /me waves\n\
         * /topic [TEXT]: tell the topic of this room, or set it\n\
         * /help: list these commands\n\
         * /quit: leave for good"
    );
}

#[test]
fn of_some_things_nothing_is_said() {
    let crowd =
        Presence { room: "stadium".into(), entered: People::default(), left: People::default(), count: 4001 };
    assert_eq!(shown(&Event::Presence(crowd)), "");
    assert_eq!(shown(&Event::Typing { room: "lobby".into(), user: "u".into(), nick: "bob".into() }), "");
    assert_eq!(shown_entry(Kind::Unknown, "bob", "x"), "");
    assert_eq!(shown(&Event::Unknown), "");
}

#[test]
fn what_is_typed_is_said() {
    for (typed, meant) in [
        ("hello", "hello"),
        ("hello\n", "hello"),
        ("hello\r\n", "hello"),
        ("  two  spaces  ", "  two  spaces  "),
        ("a\r\nb\nc\n\n", "a\nb\nc"),
        ("{\"type\":\"rooms\"}", "{\"type\":\"rooms\"}"),
        ("//etc/passwd", "/etc/passwd"),
        ("//me waves", "/me waves"),
        ("///", "//"),
        (" /quit", " /quit"),
        ("<bob> I am bob", "<bob> I am bob"),
    ] {
        assert_eq!(read(typed), Ok(say(meant, false)), "{typed:?}");
    }
}

#[test]
fn commands() {
    let topic = |what| Request::Topic { room: None, text: Some(Text::topic(what).expect("a good topic")) };
    for (typed, meant) in [
        ("/me waves", say("waves", true)),
        ("/ME waves \r\n", say("waves", true)),
        ("/me one\r\ntwo", say("one\ntwo", true)),
        ("/nick bob", Request::Nick { nick: nick("bob") }),
        ("/join Ops\n", Request::Join { room: room("ops"), since: Since::Last(0) }),
        ("/who", Request::Who { room: None }),
        ("/who ops", Request::Who { room: Some(room("ops")) }),
        ("/rooms", Request::Rooms),
        ("/topic", Request::Topic { room: None, text: None }),
        ("/topic tea at four", topic("tea at four")),
        ("/help", Request::Help),
        ("/help join", Request::Help),
        ("/quit", Request::Quit),
    ] {
        assert_eq!(read(typed), Ok(meant), "{typed:?}");
    }
}

#[test]
fn a_mistake_says_what_to_do() {
    for (typed, answer) in [
        ("", "! bad_text there is nothing to say in an empty text"),
        ("\r\n", "! bad_text there is nothing to say in an empty text"),
        (
            "/foo bar",
            "! unknown_request there is no /foo; /help lists what there is; // at the beginning says a line that begins with a slash",
        ),
        (
            "/",
            "! unknown_request there is no /; /help lists what there is; // at the beginning says a line that begins with a slash",
        ),
        (
            "/leave",
            "! unknown_request there is no /leave; /help lists what there is; // at the beginning says a line that begins with a slash",
        ),
        ("/join", "! bad_request /join needs a room: /join ROOM"),
        ("/nick", "! bad_request /nick needs a name: /nick NAME"),
        ("/me  ", "! bad_request /me needs a text: /me TEXT"),
        ("/nick a b", "! bad_nick a name cannot contain a space; use letters, digits and any of - _ ."),
        ("/join #ops", "! bad_room a name cannot begin with '#'; use a letter or a digit"),
        ("/topic a\nb", "! bad_text a text cannot contain the control character U+000A"),
        ("bell\u{7}", "! bad_text a text cannot contain the control character U+0007"),
        ("one\rtwo", "! bad_text a text cannot contain the control character U+000D"),
        (
            "/\u{1b}[2J\u{202e}x",
            "! unknown_request there is no /[2J\u{202e}x; /help lists what there is; // at the beginning says a line that begins with a slash",
        ),
    ] {
        assert_eq!(refusal(typed), answer, "{typed:?}");
    }
}

#[test]
fn talk_cannot_look_like_an_action() {
    assert_eq!(shown_entry(Kind::Talk, "bob", "/me waves"), "<bob> //me waves");
    assert_eq!(shown_entry(Kind::Talk, "bob", "hello\n/me waves"), "<bob> hello\n<bob> //me waves");
    assert_eq!(shown_entry(Kind::Talk, "bob", "//me waves"), "<bob> ///me waves");
    assert_eq!(shown_entry(Kind::Me, "bob", "waves\n/me waves"), "<bob> /me waves\n<bob> //me waves");
}

/// All that ends a line for some program: Unicode's mandatory breaks, and what Python's `splitlines` adds.
const BREAKS: [&str; 10] =
    ["\n", "\u{b}", "\u{c}", "\r", "\u{1c}", "\u{1d}", "\u{1e}", "\u{85}", "\u{2028}", "\u{2029}"];

#[test]
fn nobody_can_forge_a_line() {
    for line_break in BREAKS {
        for forged in ["<alice> I am bob", "* bob left", "! storage_full x", "+ 99", "/me waves"] {
            let text = format!("x{line_break}{forged}");
            let event = |kind| said(Entry { kind, text: text.clone().into(), ..entry(1, "bob", "") });
            for line in shown(&event(Kind::Talk))
                .split(is_line_break)
                .chain(shown(&event(Kind::Me)).split(is_line_break))
            {
                assert!(line.starts_with("<bob> "), "{line:?}");
                assert!(line == "<bob> /me x" || !line.starts_with("<bob> /me "), "{line:?}");
            }
            assert_eq!(shown(&event(Kind::Topic)), format!("* topic by bob: x {forged}"));
            let failure = Failure { code: ErrorCode::BadText, text: text.clone().into(), id: None };
            assert_eq!(shown(&Event::Error(failure)), format!("! bad_text x {forged}"));
        }
    }
}

#[test]
fn no_control_character_gets_through() {
    let hostile = "\u{1b}[2J\u{9b}31m\u{7f}\u{0}";
    assert_eq!(shown_entry(Kind::Talk, "bob", hostile), "<bob> \u{FFFD}[2J\u{FFFD}31m\u{FFFD}\u{FFFD}");
    assert_eq!(shown_entry(Kind::Talk, "bob", "a\tb"), "<bob> a\tb");
}

#[test]
fn no_nick_has_what_ends_it_in_a_line() {
    for c in (0..=u32::from(char::MAX)).filter_map(char::from_u32) {
        if c == '<' || c == '>' || c.is_whitespace() || c.is_control() {
            assert!(Nick::new(format!("bob{c}")).is_err(), "{c:?}");
        }
    }
}

#[test]
fn whatever_is_typed_comes_out_as_it_was_meant() {
    let scraps = [
        "/",
        "/me ",
        "//",
        "<bob> ",
        "* ",
        "! ",
        "+ ",
        "x",
        " ",
        "é",
        "\u{1F41F}",
        "\n",
        "\r\n",
        "\t",
        "\u{2028}",
        "\u{7}",
    ];
    let mut random = Random::seeded(21);
    let mut said_count = 0;
    for _ in 0..20_000 {
        let typed: String = (0..random.below(8)).map(|_| *random.pick(&scraps)).collect();
        let Ok(Request::Say { text, action, .. }) = read(&typed) else { continue };
        said_count += 1;
        let kind = if action { Kind::Me } else { Kind::Talk };
        let frame = shown(&said(Entry { kind, text: text.as_str().into(), ..entry(1, "bob", "") }));
        // A reader takes the nick off each line, and one slash of two, and has what was said.
        let lines = frame.split('\n').map(|line| line.strip_prefix("<bob> ").expect("a line of bob's"));
        let mut is_action = false;
        let read: Vec<&str> = lines
            .enumerate()
            .map(|(i, line)| match line.strip_prefix("/me ") {
                Some(rest) if i == 0 => {
                    is_action = true;
                    rest
                }
                _ if line.starts_with('/') => {
                    line.strip_prefix('/').filter(|l| l.starts_with('/')).expect("two")
                }
                _ => line,
            })
            .collect();
        assert_eq!(is_action, action, "{typed:?}");
        assert_eq!(read.join("\n"), text.as_str().replace('\u{2028}', "\n"), "{typed:?}");
    }
    assert!(said_count > 1000, "{said_count}");
}

#[test]
fn the_terminal_client_has_the_same_table() {
    assert_eq!(slash::parse("/leave").ok(), Some(Typed::Request(Request::Leave { room: None })));
    assert_eq!(
        slash::parse("/leave ops").ok(),
        Some(Typed::Request(Request::Leave { room: Some(room("ops")) }))
    );
    assert_eq!(slash::parse("hello").ok(), Some(Typed::Text("hello")));
    assert_eq!(slash::parse("//hello").ok(), Some(Typed::Text("/hello")));
    let unknown = slash::parse("/shrug").map(drop).map_err(|fault| fault.to_string());
    assert!(unknown.expect_err("no such command").starts_with("there is no /shrug; /help lists"));
    let usages: Vec<String> = slash::help(false).map(|command| command.usage().to_string()).collect();
    assert_eq!(
        usages,
        [
            "/join ROOM",
            "/leave [ROOM]",
            "/who [ROOM]",
            "/rooms",
            "/nick NAME",
            "/me TEXT",
            "/topic [TEXT]",
            "/help",
            "/quit"
        ]
    );
}

#[test]
fn every_row_of_the_table_is_found_by_its_name_and_belongs_to_somebody() {
    for command in COMMANDS {
        assert!(command.plain || command.client, "{}", command.name);
        let line = format!("/{} x", command.name);
        assert_eq!(slash::parse(&line).is_ok(), command.client, "{line}");
        assert_eq!(read(&line).is_ok(), command.plain, "{line}");
    }
}

#[test]
fn where_there_are_no_commands_a_slash_is_only_a_slash() {
    let said = |text| plain::said(text).map(|text| text.as_str().to_owned());
    assert_eq!(said("/quit\n").as_deref(), Ok("/quit"));
    assert_eq!(said("//x").as_deref(), Ok("//x"));
    assert_eq!(said("a\r\nb\n\r\n").as_deref(), Ok("a\nb"), "line breaks as in any plain message");
    assert_eq!(said("\n"), Err(TextFault::Empty));
    assert_eq!(said("a\rb"), Err(TextFault::Control('\r')));
}
