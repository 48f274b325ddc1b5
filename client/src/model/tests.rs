//! Stories of a client and its server, told line by line in virtual time. `> …` goes to the server, `< …` comes from
//! it, `* …` is what the person is told.
//!
//! `hello`, `joined` and so on are short for the JSON in PROTOCOL.md; `#1` is the first id of something said.

use protocol::chat::id::{RequestId, SessionKey};
use protocol::chat::name::{Nick, RoomName, Text};
use protocol::chat::request::{Request, Since};
use protocol::chat::wire;
use protocol::time::{Millis, Span};

use super::news::{Again, Ask, Loss, Msg, News, Said, Stop, Turn};
use super::{Model, Settings, Wish};
use protocol::chat::event::Kind;

const ONE: &str = "0000000000000001";
const TWO: &str = "0000000000000002";

struct Story {
    model: Model,
    now: Millis,
    /// Ids of things said, in the order they first went out.
    ids: Vec<String>,
    /// The id of the last other request.
    asked: String,
    /// All that happened since it was last looked at.
    log: Vec<String>,
}

fn nick(nick: &'static str) -> Nick<'static> {
    Nick::new(nick).expect("a nick")
}

fn room(name: &'static str) -> RoomName<'static> {
    RoomName::new(name).expect("a room name")
}

impl Story {
    fn new(wish: Wish, rooms: &[&'static str]) -> Self {
        let settings = Settings {
            wish,
            rooms: rooms.iter().map(|name| room(name)).collect(),
            last: 50,
            patient: false,
            session: SessionKey([7; 16]),
            seed: [1, 2, 3, 4],
        };
        let model = Model::new(settings);
        Self { model, now: Millis(0), ids: Vec::new(), asked: String::new(), log: Vec::new() }
    }

    /// Bob, welcome, and in the lobby with Amy, where 7 things have been said.
    fn in_the_lobby() -> Self {
        let mut story = Self::new(Wish::Like(nick("bob")), &["lobby"]);
        story.happens(Msg::Start);
        story.happens(Msg::Opened);
        story.welcome("bob", ONE);
        story.joined("lobby", 1, 7);
        (1..=7).for_each(|seq| story.amy_says(seq, "old"));
        story.log.clear();
        story
    }

    fn happens(&mut self, message: Msg<'_>) {
        for ask in self.model.update(self.now, message) {
            let line = match ask {
                Ask::Connect => "connect".into(),
                Ask::HangUp => "hang up".into(),
                Ask::Drop => "drop".into(),
                Ask::Stop(Stop::Left { unconfirmed }) => format!("stop, {unconfirmed} unconfirmed"),
                Ask::Stop(Stop::Failed(sentence)) => format!("stop: {sentence}"),
                Ask::Send(text) => self.sent(&text),
                Ask::Tell(news) => told(&news),
            };
            self.log.push(line);
        }
    }

    fn sent(&mut self, text: &str) -> String {
        let envelope = wire::read_request(text).expect("a request that the server reads");
        let id = envelope.id.as_ref().map(RequestId::to_string).expect("each request has an id");
        let mut number = || {
            let known = self.ids.iter().position(|known| *known == id);
            known.unwrap_or_else(|| {
                self.ids.push(id.clone());
                self.ids.len() - 1
            }) + 1
        };
        let line = match &envelope.request {
            Request::Say { room: Some(room), text, action } => {
                format!("> {} #{} {room}: {}", if *action { "me" } else { "say" }, number(), text.as_str())
            }
            Request::Topic { room: Some(room), text: Some(text) } => {
                format!("> topic #{} {room}: {}", number(), text.as_str())
            }
            Request::Hello { nick, session } => {
                assert_eq!(*session, Some(SessionKey([7; 16])), "the key is sent in every greeting");
                format!("> hello {}", nick.as_ref().map_or("guest", Nick::as_str))
            }
            Request::Join { room, since: Since::Last(last) } => format!("> join {room} last {last}"),
            Request::Join { room, since: Since::After { epoch, seq } } => {
                format!(
                    "> join {room} after {seq} of {}",
                    u8::from_str_radix(&epoch.to_string()[14..], 16).unwrap()
                )
            }
            other => format!("> {other:?}"),
        };
        self.asked = id;
        line
    }

    /// What has happened since the last time.
    fn so_far(&mut self, expected: &[&str]) {
        assert_eq!(self.log, expected);
        self.log.clear();
    }

    fn hears(&mut self, text: &str) {
        self.happens(Msg::Heard(text));
    }

    fn welcome(&mut self, nick: &str, epoch: &str) {
        let (id, session) = (self.asked.clone(), "07".repeat(16));
        self.hears(&format!(
            r#"{{"type":"welcome","id":"{id}","nick":"{nick}","user":"b0b","session":"{session}","epoch":"{epoch}","version":"snug","features":[],"durability":"disk","limits":{{"text":100,"message":200,"rooms":9}}}}"#
        ));
    }

    fn joined(&mut self, room: &str, first: u64, last: u64) {
        self.hears(&format!(
            r#"{{"type":"joined","room":"{room}","people":[{{"user":"a","nick":"amy"}},{{"user":"b0b","nick":"bob"}}],"count":2,"first":{first},"last":{last}}}"#
        ));
    }

    fn amy_says(&mut self, seq: u64, text: &str) {
        self.hears(&format!(
            r#"{{"type":"message","room":"lobby","seq":{seq},"user":"a","nick":"amy","text":"{text}","time":0}}"#
        ));
    }

    fn stored(&mut self, number: usize, seq: u64, dup: bool) {
        let id = &self.ids[number - 1];
        let text =
            format!(r#"{{"type":"stored","id":"{id}","room":"lobby","seq":{seq},"time":0,"dup":{dup}}}"#);
        self.hears(&text);
    }

    fn error(&mut self, code: &str, text: &str, id: &str) {
        self.hears(&format!(r#"{{"type":"error","code":"{code}","text":"{text}","id":"{id}"}}"#));
    }

    fn types(&mut self, text: &'static str) {
        let text = Text::new(text).expect("a text");
        self.happens(Msg::Asked(Request::Say { room: None, text, action: false }));
    }

    fn breaks(&mut self) {
        self.happens(Msg::Lost(Loss { why: "it broke".into(), again: Again::Soon }));
    }

    fn after(&mut self, span: Span) {
        self.now = self.now.plus(span);
        self.happens(Msg::Tick);
    }
}

fn told(news: &News) -> String {
    match news {
        News::Said { room, said: Said { seq, nick, text, kind, mine } } => {
            let nick = if *mine { "me" } else { nick };
            let what = match kind {
                Kind::Talk => "says",
                Kind::Me => "does",
                _ => "sets the topic",
            };
            format!("* {room} {seq} {nick} {what}: {text}")
        }
        News::Lost { why, .. } => format!("* lost: {why}"),
        News::Welcome { nick, again, taken, .. } => {
            let again = if *again { " again" } else { "" };
            let taken = taken.as_ref().map(|taken| format!(", {taken} is taken")).unwrap_or_default();
            format!("* welcome{again} {nick}{taken}")
        }
        News::Joined { room, people, count, again, .. } => {
            let again = if *again { "again " } else { "" };
            let people = people.as_ref().map_or_else(|| count.to_string(), |people| people.join(" "));
            format!("* in {room} {again}with {people}")
        }
        News::Entered { room, nicks } => format!("* {room} entered: {}", nicks.join(" ")),
        News::Went { room, nicks } => format!("* {room} left: {}", nicks.join(" ")),
        News::Unsaid { text, why, .. } => format!("* unsaid {text}: {why}"),
        News::Kept { text, .. } => format!("* kept {text}"),
        News::Trouble(sentence) => format!("* trouble: {sentence}"),
        other => format!("* {other:?}"),
    }
}

#[test]
fn a_person_comes_in() {
    let mut story = Story::new(Wish::Like(nick("bob")), &["lobby", "ops", "lobby"]);
    story.happens(Msg::Start);
    story.so_far(&["connect"]);
    story.happens(Msg::Opened);
    story.so_far(&["> hello bob"]);
    story.welcome("bob", ONE);
    story.so_far(&["* welcome bob", "> join lobby last 50", "> join ops last 50"]);
    story.joined("lobby", 1, 2);
    story.amy_says(1, "hello");
    story.amy_says(2, "anybody here?");
    story.so_far(&[
        "* in lobby with amy bob",
        "* lobby 1 amy says: hello",
        "* lobby 2 amy says: anybody here?",
    ]);
    // It is shown when it is stored, in its place.
    story.types("me");
    story.so_far(&["> say #1 lobby: me"]);
    story.amy_says(3, "hm");
    story.stored(1, 4, false);
    story.so_far(&["* lobby 3 amy says: hm", "* lobby 4 me says: me"]);
    assert_eq!(story.model.unconfirmed(), 0);
}

#[test]
fn the_server_dies_and_what_is_typed_meanwhile_arrives_once_each_in_order() {
    let mut story = Story::in_the_lobby();
    story.types("one");
    story.types("two");
    story.so_far(&["> say #1 lobby: one", "> say #2 lobby: two"]);
    story.stored(1, 8, false);
    story.breaks();
    story.so_far(&["* lobby 8 me says: one", "* lost: it broke"]);
    for text in ["3", "4", "5", "6", "7", "8", "9", "10"] {
        story.types(text);
    }
    story.so_far(&[
        "* kept 3",
        "* kept 4",
        "* kept 5",
        "* kept 6",
        "* kept 7",
        "* kept 8",
        "* kept 9",
        "* kept 10",
    ]);
    assert_eq!(story.model.unconfirmed(), 9);

    // It comes back for a moment, not long enough to let us in.
    story.after(Span::secs(30));
    story.happens(Msg::Opened);
    story.welcome("bob", TWO);
    story.breaks();
    story.so_far(&[
        "connect",
        "> hello bob",
        "* welcome again bob",
        "> join lobby after 8 of 1",
        "* lost: it broke",
    ]);

    // Then for good. "two" had been stored, its tick was lost: it comes back with the past, and the resent one is a
    // double that the server does not store.
    story.after(Span::secs(30));
    story.happens(Msg::Opened);
    story.welcome("bob", TWO);
    story.joined("lobby", 1, 9);
    story.so_far(&[
        "connect",
        "> hello bob",
        "* welcome again bob",
        "> join lobby after 8 of 1",
        "* in lobby again with amy bob",
        "> say #2 lobby: two",
        "> say #3 lobby: 3",
        "> say #4 lobby: 4",
        "> say #5 lobby: 5",
        "> say #6 lobby: 6",
        "> say #7 lobby: 7",
        "> say #8 lobby: 8",
        "> say #9 lobby: 9",
        "> say #10 lobby: 10",
    ]);
    let id = story.ids[1].clone();
    story.hears(&format!(
        r#"{{"type":"message","room":"lobby","seq":9,"user":"b0b","nick":"bob","text":"two","time":0,"id":"{id}"}}"#
    ));
    story.stored(2, 9, true);
    for (number, seq) in (3..=10).zip(10..) {
        story.stored(number, seq, false);
    }
    story.so_far(&[
        "* lobby 9 me says: two",
        "* lobby 10 me says: 3",
        "* lobby 11 me says: 4",
        "* lobby 12 me says: 5",
        "* lobby 13 me says: 6",
        "* lobby 14 me says: 7",
        "* lobby 15 me says: 8",
        "* lobby 16 me says: 9",
        "* lobby 17 me says: 10",
    ]);
    assert_eq!(story.model.unconfirmed(), 0);
}

#[test]
fn the_same_tick_twice_is_shown_once() {
    let mut story = Story::in_the_lobby();
    story.types("one");
    story.stored(1, 8, false);
    story.stored(1, 8, true);
    story.so_far(&["> say #1 lobby: one", "* lobby 8 me says: one"]);
}

#[test]
fn a_position_that_is_of_no_use() {
    let mut story = Story::in_the_lobby();
    story.breaks();
    story.after(Span::secs(30));
    story.happens(Msg::Opened);
    story.welcome("bob", TWO);
    story.joined("lobby", 1, 2);
    story.hears(r#"{"type":"reset","room":"lobby","reason":"epoch","first":1,"last":2}"#);
    story.amy_says(1, "new log");
    story.amy_says(2, "new life");
    story.so_far(&[
        "* lost: it broke",
        "connect",
        "> hello bob",
        "* welcome again bob",
        "> join lobby after 7 of 1",
        "* in lobby again with amy bob",
        "* Reset { room: RoomName(\"lobby\"), reason: Epoch }",
        "* lobby 1 amy says: new log",
        "* lobby 2 amy says: new life",
    ]);
}

#[test]
fn a_default_nick_that_is_taken_gets_a_number() {
    let mut story = Story::new(Wish::Like(nick("bob")), &["lobby"]);
    story.happens(Msg::Opened);
    let asked = story.asked.clone();
    story.error("nick_taken", "bob is taken", &asked);
    let asked = story.asked.clone();
    story.error("nick_taken", "bob2 is taken", &asked);
    story.welcome("bob3", ONE);
    story.so_far(&[
        "> hello bob",
        "> hello bob2",
        "> hello bob3",
        "* welcome bob3, bob is taken",
        "> join lobby last 50",
    ]);
    // After a break it is the one we had.
    story.breaks();
    story.after(Span::secs(30));
    story.happens(Msg::Opened);
    story.so_far(&["* lost: it broke", "connect", "> hello bob3"]);
}

#[test]
fn a_nick_that_was_asked_for_and_is_taken_is_an_error() {
    let mut story = Story::new(Wish::Exactly(nick("alice")), &["lobby"]);
    story.happens(Msg::Opened);
    let asked = story.asked.clone();
    story.error("nick_taken", "alice is taken", &asked);
    story.so_far(&["> hello alice", "drop", "stop: the nick alice is taken; choose another one with --nick"]);
}

#[test]
fn a_guest_asks_for_no_nick() {
    let mut story = Story::new(Wish::Guest, &["lobby"]);
    story.happens(Msg::Opened);
    story.welcome("guest-12", ONE);
    story.so_far(&["> hello guest", "* welcome guest-12", "> join lobby last 50"]);
    assert_eq!(story.model.nick(), Some("guest-12"));
}

#[test]
fn nicks_with_numbers_fit_and_end_with_a_guest() {
    let long = Nick::new("x".repeat(32)).expect("a nick");
    let tried = |tried| super::numbered(&long, tried).map(|nick| nick.to_string());
    assert_eq!(tried(0), Some("x".repeat(32)));
    assert_eq!(tried(1), Some("x".repeat(31) + "2"));
    assert_eq!(tried(9), Some("x".repeat(30) + "10"));
    assert_eq!(tried(99), None);
    let wide = Nick::new("ü".repeat(16)).expect("a nick");
    assert_eq!(super::numbered(&wide, 1).map(|nick| nick.to_string()), Some("ü".repeat(15) + "2"));
}

#[test]
fn the_first_connection_fails() {
    let mut story = Story::new(Wish::Guest, &["lobby"]);
    story.happens(Msg::Start);
    story.breaks();
    story.so_far(&["connect", "stop: it broke"]);
}

#[test]
fn what_cannot_get_better_is_not_tried_again() {
    let mut story = Story::in_the_lobby();
    story.happens(Msg::Lost(Loss { why: "against the rules".into(), again: Again::Never }));
    story.so_far(&["stop: against the rules"]);
    assert_eq!(story.model.deadline(), None);
}

#[test]
fn the_waits_grow_and_a_good_connection_makes_them_short_again() {
    let mut story = Story::in_the_lobby();
    let wait = |story: &mut Story| {
        story.breaks();
        let wait = story.model.deadline().expect("a next try").since(story.now);
        story.after(wait);
        wait.0
    };
    let waits: Vec<u64> = (0..12).map(|_| wait(&mut story)).collect();
    assert!(waits[0] < 500, "{waits:?}");
    assert!(waits.iter().all(|wait| *wait < 30_000), "{waits:?}");
    assert!(waits[8..].iter().any(|wait| *wait > 5_000), "{waits:?}");
    story.happens(Msg::Opened);
    story.welcome("bob", ONE);
    story.after(Span::secs(5));
    assert!(wait(&mut story) < 500);
}

#[test]
fn a_server_that_says_nothing_is_left() {
    let mut story = Story::in_the_lobby();
    story.breaks();
    story.after(Span::secs(30));
    story.happens(Msg::Opened);
    story.after(Span::secs(10));
    story.so_far(&[
        "* lost: it broke",
        "connect",
        "> hello bob",
        "drop",
        "* lost: the server took the connection but did not answer our greeting",
    ]);
}

#[test]
fn people_come_go_and_are_renamed() {
    let mut story = Story::in_the_lobby();
    story.hears(r#"{"type":"presence","room":"lobby","entered":[{"user":"c","nick":"cid"},{"user":"b0b","nick":"bob"}],"count":3}"#);
    story.hears(r#"{"type":"renamed","room":"lobby","user":"c","was":"cid","nick":"sid"}"#);
    story.hears(r#"{"type":"renamed","room":"ops","user":"c","was":"cid","nick":"sid"}"#);
    story.hears(r#"{"type":"presence","room":"lobby","left":[{"user":"c","nick":"sid"}],"count":2}"#);
    story.hears(r#"{"type":"renamed","user":"b0b","was":"bob","nick":"rob"}"#);
    story.so_far(&[
        "* lobby entered: cid",
        "* Renamed { was: \"cid\", nick: \"sid\", me: false }",
        "* lobby left: sid",
        "* Renamed { was: \"bob\", nick: \"rob\", me: true }",
    ]);
    story.breaks();
    story.after(Span::secs(30));
    story.happens(Msg::Opened);
    story.so_far(&["* lost: it broke", "connect", "> hello rob"]);
}

#[test]
fn several_rooms() {
    let mut story = Story::in_the_lobby();
    story.happens(Msg::Asked(Request::Join { room: room("ops"), since: Since::Last(50) }));
    story.types("too early");
    story.joined("ops", 0, 0);
    story.so_far(&["> join ops last 50", "* in ops with amy bob", "> say #1 ops: too early"]);
    story.happens(Msg::Asked(Request::Join { room: room("lobby"), since: Since::Last(50) }));
    story.types("here");
    story.happens(Msg::Switch(Turn::Previous));
    story.happens(Msg::Switch(Turn::To(0)));
    story.happens(Msg::Switch(Turn::To(7)));
    story.happens(Msg::Asked(Request::Leave { room: None }));
    story.so_far(&[
        "* Switched { room: RoomName(\"lobby\") }",
        "> say #2 lobby: here",
        "* Switched { room: RoomName(\"ops\") }",
        "* Switched { room: RoomName(\"lobby\") }",
        "> Leave { room: Some(RoomName(\"lobby\")) }",
    ]);
    story.hears(r#"{"type":"left","room":"lobby"}"#);
    assert_eq!(story.model.current(), Some(&room("ops")));
    let asked = |story: &mut Story| {
        story.happens(Msg::Asked(Request::Join { room: room("full"), since: Since::Last(50) }));
        story.asked.clone()
    };
    let id = asked(&mut story);
    story.error("too_many_rooms", "enough", &id);
    assert_eq!(story.model.current(), Some(&room("ops")));
}

#[test]
fn what_was_surely_not_said_is_told_and_not_tried_again() {
    let mut story = Story::in_the_lobby();
    story.types("one");
    let id = story.ids.first().cloned().unwrap_or_else(|| story.asked.clone());
    story.error("storage_full", "the disk is full", &id);
    story.so_far(&["> say #1 lobby: one", "* unsaid one: the disk is full"]);
    assert_eq!(story.model.unconfirmed(), 0);
    // The limits of the welcome are kept here: a server would hang up.
    let long: &'static str = Box::leak("x".repeat(101).into_boxed_str());
    story.types(long);
    let quotes: &'static str = Box::leak("\"".repeat(100).into_boxed_str());
    story.types(quotes);
    story.so_far(&[
        &format!("* unsaid {long}: it is too long; the server takes 100 bytes"),
        &format!("* unsaid {quotes}: it is too long; the server takes 200 bytes"),
    ]);
    assert_eq!(story.model.unconfirmed(), 0);
}

#[test]
fn leaving_waits_for_the_last_tick() {
    let mut story = Story::in_the_lobby();
    story.types("bye");
    story.happens(Msg::Leave);
    story.so_far(&["> say #1 lobby: bye"]);
    story.stored(1, 8, false);
    story.so_far(&["* lobby 8 me says: bye", "hang up"]);
    story.breaks();
    story.so_far(&["stop, 0 unconfirmed"]);
}

#[test]
fn but_not_for_ever() {
    let mut story = Story::in_the_lobby();
    story.types("bye");
    story.happens(Msg::Leave);
    story.after(Span::secs(2));
    story.breaks();
    story.so_far(&["> say #1 lobby: bye", "hang up", "stop, 1 unconfirmed"]);
    // Whoever asks twice does not wait, and without a connection there is nothing to wait for.
    let mut story = Story::in_the_lobby();
    story.types("bye");
    story.happens(Msg::Leave);
    story.happens(Msg::Leave);
    story.so_far(&["> say #1 lobby: bye", "hang up"]);
    let mut story = Story::in_the_lobby();
    story.breaks();
    story.happens(Msg::Leave);
    story.so_far(&["* lost: it broke", "stop, 0 unconfirmed"]);
}

#[test]
fn a_flood_goes_out_in_portions() {
    let mut story = Story::in_the_lobby();
    for _ in 0..100 {
        story.types("x");
    }
    assert_eq!(story.log.len(), 64);
    story.stored(1, 8, false);
    assert_eq!(story.log.len(), 66);
    assert_eq!(story.log.last().map(String::as_str), Some("> say #65 lobby: x"));
}

#[test]
fn a_server_may_say_anything() {
    let mut story = Story::in_the_lobby();
    for text in [
        "",
        "not json",
        "[]",
        r#"{"type":"tomorrow"}"#,
        r#"{"type":"left","room":"a b"}"#,
        r#"{"type":"joined","room":"nowhere","count":0,"first":18446744073709551615,"last":18446744073709551615}"#,
        r#"{"type":"joined","room":"lobby","count":0,"first":18446744073709551615,"last":18446744073709551615}"#,
        r#"{"type":"stored","room":"lobby","seq":18446744073709551615,"time":0}"#,
        r#"{"type":"message","room":"lobby","seq":18446744073709551615,"user":"a","nick":"\u001b[2J","text":"x","time":0}"#,
        r#"{"type":"reset","room":"lobby","reason":"whim","first":9,"last":3}"#,
        r#"{"type":"error","code":"odd","text":"x","id":"nobody's"}"#,
    ] {
        story.hears(text);
    }
    story.types("still here");
    assert_eq!(story.log.last().map(String::as_str), Some("> say #1 lobby: still here"));
}
