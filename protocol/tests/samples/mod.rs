//! One of everything that can be asked and told, and a random source that can be seeded. Every test file that says
//! `mod samples` compiles its own copy and uses a part of it.
#![allow(dead_code)]

use protocol::chat::event::{
    Bounds, Durability, Entry, ErrorCode, Event, Failure, Joined, Kind, Message, Person, Presence, Renamed,
    Reset, ResetReason, RoomInfo, Stored, Welcome,
};
use protocol::chat::id::{Epoch, RequestId, SessionKey};
use protocol::chat::name::{Nick, RoomName, Text};
use protocol::chat::people::People;
use protocol::chat::request::{Envelope, Request, Since};

pub(crate) fn room(name: &str) -> RoomName<'_> {
    RoomName::new(name).expect("a good room name")
}

pub(crate) fn nick(name: &str) -> Nick<'_> {
    Nick::new(name).expect("a good nick")
}

pub(crate) fn text(text: &str) -> Text<'_> {
    Text::new(text).expect("a good text")
}

pub(crate) fn enveloped<'a>(id: &'a str, request: Request<'a>) -> Envelope<'a> {
    Envelope { id: RequestId::new(id), request }
}

/// Every request of `snug.v1` with the JSON it is written as.
pub(crate) fn requests() -> Vec<(Envelope<'static>, &'static str)> {
    let lobby = || Some(room("lobby"));
    let epoch = Epoch([0x5e, 0xed, 0, 0, 0, 0, 0, 1]);
    let topic = |text: &'static str| Text::topic(text).expect("a good topic");
    vec![
        (enveloped("", Request::Hello { nick: None, session: None }), r#"{"type":"hello"}"#),
        (
            enveloped(
                "1",
                Request::Hello { nick: Some(nick("alice")), session: Some(SessionKey([0xab; 16])) },
            ),
            r#"{"type":"hello","id":"1","nick":"alice","session":"abababababababababababababababab"}"#,
        ),
        (
            enveloped("2", Request::Join { room: room("lobby"), since: Since::Last(50) }),
            r#"{"type":"join","id":"2","room":"lobby","last":50}"#,
        ),
        (
            enveloped("", Request::Join { room: room("lobby"), since: Since::After { epoch, seq: 17 } }),
            r#"{"type":"join","room":"lobby","after":{"epoch":"5eed000000000001","seq":17}}"#,
        ),
        (enveloped("3", Request::Leave { room: lobby() }), r#"{"type":"leave","id":"3","room":"lobby"}"#),
        (
            enveloped(
                "4",
                Request::Say { room: lobby(), text: text("hello \"you\"\n\u{1F41F}"), action: false },
            ),
            "{\"type\":\"say\",\"id\":\"4\",\"room\":\"lobby\",\"text\":\"hello \\\"you\\\"\\n\u{1F41F}\"}",
        ),
        (
            enveloped("5", Request::Say { room: lobby(), text: text("waves"), action: true }),
            r#"{"type":"say","id":"5","room":"lobby","text":"waves","kind":"me"}"#,
        ),
        (enveloped("6", Request::Nick { nick: nick("bob") }), r#"{"type":"nick","id":"6","nick":"bob"}"#),
        (
            enveloped("7", Request::Topic { room: lobby(), text: Some(topic("tea at four")) }),
            r#"{"type":"topic","id":"7","room":"lobby","text":"tea at four"}"#,
        ),
        (
            enveloped("8", Request::Topic { room: lobby(), text: Some(topic("")) }),
            r#"{"type":"topic","id":"8","room":"lobby","text":""}"#,
        ),
        (enveloped("9", Request::Who { room: lobby() }), r#"{"type":"who","id":"9","room":"lobby"}"#),
        (enveloped("10", Request::Rooms), r#"{"type":"rooms","id":"10"}"#),
        (enveloped("", Request::Typing { room: lobby() }), r#"{"type":"typing","room":"lobby"}"#),
        (
            enveloped("11", Request::History { room: room("lobby"), before: 18, limit: 100 }),
            r#"{"type":"history","id":"11","room":"lobby","before":18,"limit":100}"#,
        ),
    ]
}

pub(crate) fn person(nick: &'static str) -> Person<'static> {
    Person { user: user_of(nick).into(), nick: nick.into() }
}

fn user_of(nick: &str) -> &'static str {
    match nick {
        "alice" => "a11ce000000000000000",
        "bob" => "b0b00000000000000000",
        _ => "ca401000000000000000",
    }
}

pub(crate) fn entry(seq: u64, nick: &'static str, text: &'static str) -> Entry<'static> {
    Entry {
        seq,
        user: user_of(nick).into(),
        nick: nick.into(),
        text: text.into(),
        time: 1_800_000_000_000,
        kind: Kind::Talk,
        id: None,
    }
}

pub(crate) fn said(entry: Entry<'_>) -> Event<'_> {
    Event::Message(Message { room: "lobby".into(), entry })
}

/// Every event of `snug.v1` with the JSON it is written as.
pub(crate) fn events() -> Vec<(Event<'static>, &'static str)> {
    let mut all = greetings();
    all.extend(entries());
    all.extend(answers());
    all
}

fn greetings() -> Vec<(Event<'static>, &'static str)> {
    vec![
        (
            Event::Welcome(Welcome {
                id: Some("1".into()),
                nick: "alice".into(),
                user: "a11ce000000000000000".into(),
                session: "abababababababababababababababab".into(),
                epoch: "5eed000000000001".into(),
                version: "snug 0.1.0".into(),
                features: vec!["history".into()],
                durability: Durability::Memory,
                limits: Bounds { text: 15360, message: 16384, rooms: 32 },
            }),
            concat!(
                r#"{"type":"welcome","id":"1","nick":"alice","user":"a11ce000000000000000","#,
                r#""session":"abababababababababababababababab","epoch":"5eed000000000001","#,
                r#""version":"snug 0.1.0","features":["history"],"durability":"memory","#,
                r#""limits":{"text":15360,"message":16384,"rooms":32}}"#
            ),
        ),
        (
            Event::Joined(Joined {
                id: Some("2".into()),
                room: "lobby".into(),
                people: Some(People::from([person("alice"), person("bob")]).into()),
                count: 2,
                topic: Some("tea at four".into()),
                first: 1,
                last: 17,
            }),
            concat!(
                r#"{"type":"joined","id":"2","room":"lobby","people":[{"user":"a11ce000000000000000","nick":"alice"},"#,
                r#"{"user":"b0b00000000000000000","nick":"bob"}],"count":2,"topic":"tea at four","first":1,"last":17}"#
            ),
        ),
        (
            Event::Joined(Joined {
                id: None,
                room: "stadium".into(),
                people: None,
                count: 4000,
                topic: None,
                first: 0,
                last: 0,
            }),
            r#"{"type":"joined","room":"stadium","count":4000,"first":0,"last":0}"#,
        ),
        (
            Event::Reset(Reset { room: "lobby".into(), reason: ResetReason::Epoch, first: 1, last: 9 }),
            r#"{"type":"reset","room":"lobby","reason":"epoch","first":1,"last":9}"#,
        ),
    ]
}

fn entries() -> Vec<(Event<'static>, &'static str)> {
    vec![
        (
            said(entry(18, "bob", "hello <alice>\n\"you\"")),
            concat!(
                r#"{"type":"message","room":"lobby","seq":18,"user":"b0b00000000000000000","nick":"bob","#,
                r#""text":"hello <alice>\n\"you\"","time":1800000000000}"#
            ),
        ),
        (
            said(Entry { kind: Kind::Me, id: Some("5".into()), ..entry(19, "alice", "waves") }),
            concat!(
                r#"{"type":"message","room":"lobby","seq":19,"user":"a11ce000000000000000","nick":"alice","#,
                r#""text":"waves","time":1800000000000,"kind":"me","id":"5"}"#
            ),
        ),
        (
            Event::Stored(Stored {
                id: Some("4".into()),
                room: "lobby".into(),
                seq: 18,
                time: 1_800_000_000_000,
                dup: false,
            }),
            r#"{"type":"stored","id":"4","room":"lobby","seq":18,"time":1800000000000}"#,
        ),
        (
            Event::Stored(Stored { id: None, room: "lobby".into(), seq: 18, time: 0, dup: true }),
            r#"{"type":"stored","room":"lobby","seq":18,"time":0,"dup":true}"#,
        ),
        (
            Event::History {
                id: Some("11".into()),
                room: "lobby".into(),
                entries: vec![Entry { kind: Kind::Topic, ..entry(1, "bob", "tea") }],
            },
            concat!(
                r#"{"type":"history","id":"11","room":"lobby","entries":[{"seq":1,"user":"b0b00000000000000000","#,
                r#""nick":"bob","text":"tea","time":1800000000000,"kind":"topic"}]}"#
            ),
        ),
    ]
}

fn answers() -> Vec<(Event<'static>, &'static str)> {
    let (alice, bob, carol) = (person("alice"), person("bob"), person("carol"));
    vec![
        (
            Event::Left { id: Some("3".into()), room: "lobby".into() },
            r#"{"type":"left","id":"3","room":"lobby"}"#,
        ),
        (
            Event::Renamed(Renamed {
                id: None,
                room: Some("lobby".into()),
                user: bob.user.clone(),
                was: "bob".into(),
                nick: "rob".into(),
            }),
            r#"{"type":"renamed","room":"lobby","user":"b0b00000000000000000","was":"bob","nick":"rob"}"#,
        ),
        (
            Event::Who {
                id: Some("9".into()),
                room: "lobby".into(),
                people: Some(People::from([alice]).into()),
                count: 1,
            },
            concat!(
                r#"{"type":"who","id":"9","room":"lobby","#,
                r#""people":[{"user":"a11ce000000000000000","nick":"alice"}],"count":1}"#
            ),
        ),
        (
            Event::Rooms {
                id: None,
                rooms: vec![RoomInfo { room: "lobby".into(), count: 2, topic: Some("tea".into()) }],
            },
            r#"{"type":"rooms","rooms":[{"room":"lobby","count":2,"topic":"tea"}]}"#,
        ),
        (
            Event::Typing { room: "lobby".into(), user: bob.user.clone(), nick: "bob".into() },
            r#"{"type":"typing","room":"lobby","user":"b0b00000000000000000","nick":"bob"}"#,
        ),
        (
            Event::Presence(Presence {
                room: "lobby".into(),
                entered: [bob].into(),
                left: [carol].into(),
                count: 2,
            }),
            concat!(
                r#"{"type":"presence","room":"lobby","entered":[{"user":"b0b00000000000000000","nick":"bob"}],"#,
                r#""left":[{"user":"ca401000000000000000","nick":"carol"}],"count":2}"#
            ),
        ),
        (
            Event::Presence(Presence {
                room: "stadium".into(),
                entered: People::default(),
                left: People::default(),
                count: 4001,
            }),
            r#"{"type":"presence","room":"stadium","count":4001}"#,
        ),
        (
            Event::Error(Failure {
                code: ErrorCode::NickTaken,
                text: "alice is taken".into(),
                id: Some("1".into()),
            }),
            r#"{"type":"error","code":"nick_taken","text":"alice is taken","id":"1"}"#,
        ),
    ]
}

/// Every error code. The compiler does not know this list, so `after` asks it for each code's successor.
pub(crate) fn error_codes() -> Vec<ErrorCode> {
    let after = |code| match code {
        ErrorCode::BadRequest => Some(ErrorCode::UnknownRequest),
        ErrorCode::UnknownRequest => Some(ErrorCode::HelloFirst),
        ErrorCode::HelloFirst => Some(ErrorCode::BadNick),
        ErrorCode::BadNick => Some(ErrorCode::NickTaken),
        ErrorCode::NickTaken => Some(ErrorCode::BadRoom),
        ErrorCode::BadRoom => Some(ErrorCode::NotInRoom),
        ErrorCode::NotInRoom => Some(ErrorCode::BadText),
        ErrorCode::BadText => Some(ErrorCode::IdConflict),
        ErrorCode::IdConflict => Some(ErrorCode::TooManyRooms),
        ErrorCode::TooManyRooms => Some(ErrorCode::TooManyConnections),
        ErrorCode::TooManyConnections => Some(ErrorCode::StorageFull),
        ErrorCode::StorageFull | ErrorCode::Unknown => None,
    };
    std::iter::successors(Some(ErrorCode::BadRequest), |code| after(*code)).collect()
}

/// The same numbers for the same seed (xorshift64*).
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn seeded(seed: u64) -> Self {
        Self(seed | 1)
    }

    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let number = self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33;
        usize::try_from(number).unwrap_or(0) % end.max(1)
    }

    pub(crate) fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }
}
