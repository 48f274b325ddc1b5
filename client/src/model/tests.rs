//! What the model does, in virtual time, as stories.
//!
//! A story is told in lines: what the model wants done (`> …` is sent to the server, `connect`, `hang up`, `drop`,
//! `stop: …`), and what a person reads. `#1`, `#2` … are the ids of things said, in the order they were first sent.
//! Longer than 400 lines because all the stories are told by one teller.

use super::*;
use crate::ui::words;
use protocol::chat::name::Text;
use protocol::chat::request::Since;

use self::news::Turn;

const ONE: &str = "1111111111111111";
const TWO: &str = "2222222222222222";

struct Story {
    model: Model,
    now: Millis,
    /// The ids of things said.
    said: Vec<String>,
    /// The id of the last request that was something else.
    asked: String,
}

fn alice() -> Nick<'static> {
    Nick::new("alice").expect("a nick")
}

fn room(name: &str) -> RoomName<'static> {
    RoomName::new(name.to_owned()).expect("a room name")
}

impl Story {
    fn of(wish: Wish, rooms: &[&str], patient: bool) -> Self {
        let rooms = rooms.iter().map(|name| room(name)).collect();
        let session = SessionKey([7; 16]);
        let model = Model::new(Settings { wish, rooms, last: 50, patient, session, seed: [5; 4] });
        let mut story = Self { model, now: Millis(1000), said: Vec::new(), asked: String::new() };
        assert_eq!(story.happens(Msg::Start), ["connect"]);
        story
    }

    /// Alice is in the lobby with bob; entry 4 is the last one she has seen.
    fn in_the_lobby() -> Self {
        let mut story = Self::of(Wish::Like(alice()), &["lobby"], false);
        story.happens(Msg::Opened);
        story.welcome("alice", ONE);
        story.joined("lobby", 4);
        story.message("lobby", 4, "hi");
        story
    }

    fn happens(&mut self, message: Msg<'_>) -> Vec<String> {
        let asks = self.model.update(self.now, message);
        asks.into_iter().flat_map(|ask| self.drawn(ask)).collect()
    }

    fn hears(&mut self, json: &str) -> Vec<String> {
        self.happens(Msg::Heard(json))
    }

    fn welcome(&mut self, nick: &str, epoch: &str) -> Vec<String> {
        let (id, session) = (&self.asked, "07".repeat(16));
        self.hears(&format!(
            r#"{{"type":"welcome","id":"{id}","nick":"{nick}","user":"u-alice","session":"{session}","epoch":"{epoch}",
            "version":"x","features":[],"durability":"disk","limits":{{"text":4096,"message":8192,"rooms":32}}}}"#
        ))
    }

    fn joined(&mut self, room: &str, last: u64) -> Vec<String> {
        let people = r#"[{"user":"u-alice","nick":"alice"},{"user":"u-bob","nick":"bob"}]"#;
        self.hears(&format!(
            r#"{{"type":"joined","room":"{room}","people":{people},"count":2,"first":1,"last":{last}}}"#
        ))
    }

    fn message(&mut self, room: &str, seq: u64, text: &str) -> Vec<String> {
        self.hears(&format!(
            r#"{{"type":"message","room":"{room}","seq":{seq},"user":"u-bob","nick":"bob","text":"{text}","time":0}}"#
        ))
    }

    fn stored(&mut self, number: usize, seq: u64) -> Vec<String> {
        let id = self.said[number - 1].clone();
        self.hears(&format!(r#"{{"type":"stored","id":"{id}","room":"lobby","seq":{seq},"time":0}}"#))
    }

    fn refused(&mut self, code: &str, text: &str) -> Vec<String> {
        let id = self.asked.clone();
        self.hears(&format!(r#"{{"type":"error","id":"{id}","code":"{code}","text":"{text}"}}"#))
    }

    fn left(&mut self, room: &str) -> Vec<String> {
        let id = self.asked.clone();
        self.hears(&format!(r#"{{"type":"left","id":"{id}","room":"{room}"}}"#))
    }

    fn says(&mut self, text: &str) -> Vec<String> {
        let text = Text::new(text.to_owned()).expect("a text");
        self.happens(Msg::Asked(Request::Say { room: None, text, action: false }))
    }

    fn breaks(&mut self) -> Vec<String> {
        self.happens(Msg::Lost(Loss { why: "the connection broke".into(), again: Again::Soon }))
    }

    /// Time passes until the model wants to be woken.
    fn waits(&mut self) -> Vec<String> {
        self.now = self.model.deadline().expect("a deadline");
        self.happens(Msg::Tick)
    }

    fn drawn(&mut self, ask: Ask) -> Vec<String> {
        vec![match ask {
            Ask::Connect => "connect".into(),
            Ask::Send(text) => self.sent(&text),
            Ask::HangUp => "hang up".into(),
            Ask::Drop => "drop".into(),
            Ask::Tell(News::Lost { why, .. }) => format!("! {why}"),
            Ask::Tell(news) => return words::lines(&news, self.model.current()),
            Ask::Stop(Stop::Left { unconfirmed }) => format!("stop: {unconfirmed} unconfirmed"),
            Ask::Stop(Stop::Failed(sentence)) => format!("stop: {sentence}"),
        }]
    }

    fn sent(&mut self, text: &str) -> String {
        let Envelope { id, request } = wire::read_request(text).expect("a request");
        let id = id.expect("an id").as_str().to_owned();
        match request {
            Request::Say { room, text, .. } => {
                let number = self.said.iter().position(|said| *said == id).unwrap_or_else(|| {
                    self.said.push(id);
                    self.said.len() - 1
                });
                return format!("> say in {}: {} #{}", room.expect("a room"), text.as_str(), number + 1);
            }
            _ => self.asked = id,
        }
        match request {
            Request::Hello { nick, session } => {
                assert_eq!(session, Some(SessionKey([7; 16])));
                format!("> hello {}", nick.map(|nick| nick.to_string()).unwrap_or_default())
            }
            Request::Join { room, since: Since::Last(last) } => format!("> join {room}, the last {last}"),
            Request::Join { room, since: Since::After { epoch, seq } } => {
                format!("> join {room}, after {seq} of {epoch}")
            }
            Request::Leave { room: Some(room) } => format!("> leave {room}"),
            Request::Nick { nick } => format!("> nick {nick}"),
            other => format!("> {other:?}"),
        }
    }
}

#[test]
fn the_first_minute() {
    let mut story = Story::of(Wish::Like(alice()), &["lobby", "ops", "lobby"], false);
    assert_eq!(story.happens(Msg::Opened), ["> hello alice"]);
    assert_eq!(
        story.welcome("alice", ONE),
        ["* you are alice; /help lists the commands", "> join lobby, the last 50", "> join ops, the last 50"]
    );
    assert_eq!(story.joined("lobby", 0), ["* now in lobby: alice, bob"]);
    assert_eq!(story.joined("ops", 3), ["* [ops] now in ops: alice, bob"]);
    assert_eq!(story.message("ops", 3, "all quiet"), ["[ops] <bob> all quiet"]);
    // What we say is shown when it is stored.
    assert_eq!(story.says("hi"), ["> say in lobby: hi #1"]);
    assert_eq!(story.message("lobby", 1, "hello?"), ["<bob> hello?"]);
    assert_eq!(story.stored(1, 2), ["<alice> hi"]);
    assert_eq!(story.happens(Msg::Switch(Turn::Next)), ["* now in ops"]);
    assert_eq!(story.says("hi, ops"), ["> say in ops: hi, ops #2"]);
}

#[test]
fn what_is_said_during_a_break_is_sent_once_and_in_order() {
    let mut story = Story::in_the_lobby();
    assert_eq!(story.says("one"), ["> say in lobby: one #1"]);
    assert_eq!(story.breaks(), ["! the connection broke"]);
    assert_eq!(story.says("two"), ["* waiting to be sent: two"]);
    assert_eq!(story.waits(), ["connect"]);
    assert_eq!(story.happens(Msg::Opened), ["> hello alice"]);
    assert_eq!(
        story.welcome("alice", ONE),
        ["* connected again as alice", &format!("> join lobby, after 4 of {ONE}")]
    );
    // Only now do we know where it can be said. The first one keeps its id: it may have arrived.
    assert_eq!(
        story.joined("lobby", 5),
        ["* back in lobby: alice, bob", "> say in lobby: one #1", "> say in lobby: two #2"]
    );
    // It had arrived. It is shown in its place, and once.
    let id = story.said[0].clone();
    let entry = format!(
        r#"{{"type":"message","room":"lobby","seq":5,"user":"u-alice","nick":"alice","text":"one","time":0,"id":"{id}"}}"#
    );
    assert_eq!(story.hears(&entry), ["<alice> one"]);
    assert_eq!(story.stored(1, 5), [""; 0]);
    assert_eq!(story.stored(2, 6), ["<alice> two"]);
    assert_eq!(story.model.unconfirmed(), 0);
}

#[test]
fn a_second_break_before_we_are_back_loses_nothing() {
    let mut story = Story::in_the_lobby();
    story.says("one");
    for _ in 0..5 {
        story.breaks();
        assert_eq!(story.waits(), ["connect"]);
        assert_eq!(story.happens(Msg::Opened), ["> hello alice"]);
    }
    story.welcome("alice", ONE);
    assert_eq!(story.joined("lobby", 4), ["* back in lobby: alice, bob", "> say in lobby: one #1"]);
}

#[test]
fn a_server_that_has_forgotten_says_so_and_so_do_we() {
    let mut story = Story::in_the_lobby();
    story.breaks();
    story.waits();
    story.happens(Msg::Opened);
    // The position is one of the old epoch.
    let rejoin = format!("> join lobby, after 4 of {ONE}");
    assert_eq!(story.welcome("alice", TWO), ["* connected again as alice", &rejoin]);
    story.joined("lobby", 1);
    assert_eq!(
        story.hears(r#"{"type":"reset","room":"lobby","reason":"epoch","first":1,"last":1}"#),
        ["* the server has begun a new log: messages may be missing here; these are the latest"]
    );
    assert_eq!(story.message("lobby", 1, "anybody here?"), ["<bob> anybody here?"]);
    story.breaks();
    story.waits();
    story.happens(Msg::Opened);
    let rejoin = format!("> join lobby, after 1 of {TWO}");
    assert_eq!(story.welcome("alice", TWO), ["* connected again as alice", &rejoin]);
}

#[test]
fn we_come_back_under_the_nick_we_have_now() {
    let mut story = Story::in_the_lobby();
    let nick = Nick::new("alicia").expect("a nick");
    assert_eq!(story.happens(Msg::Asked(Request::Nick { nick })), ["> nick alicia"]);
    let news =
        |room: &str| format!(r#"{{"type":"renamed",{room}"user":"u-alice","was":"alice","nick":"alicia"}}"#);
    assert_eq!(story.hears(&news("")), ["* you are now called alicia (until now alice)"]);
    // The same news comes for the room as well.
    assert_eq!(story.hears(&news(r#""room":"lobby","#)), [""; 0]);
    story.breaks();
    story.waits();
    assert_eq!(story.happens(Msg::Opened), ["> hello alicia"]);
    // Somebody else has it now.
    assert_eq!(story.refused("nick_taken", "taken"), ["> hello alicia2"]);
    let said = story.welcome("alicia2", ONE);
    assert_eq!(said[0], "* connected again as alicia2 (alicia is taken)");
}

#[test]
fn a_nick_that_is_taken() {
    let mut story = Story::of(Wish::Like(alice()), &["lobby"], false);
    story.happens(Msg::Opened);
    assert_eq!(story.refused("nick_taken", "taken"), ["> hello alice2"]);
    assert_eq!(story.refused("nick_taken", "taken"), ["> hello alice3"]);
    assert_eq!(
        story.welcome("alice3", ONE)[0],
        "* you are alice3 (alice is taken); /help lists the commands"
    );

    let mut story = Story::of(Wish::Exactly(alice()), &["lobby"], false);
    story.happens(Msg::Opened);
    let sentence = "stop: the nick alice is taken; choose another one with --nick";
    assert_eq!(story.refused("nick_taken", "taken"), ["drop", sentence]);

    let mut story = Story::of(Wish::Guest, &["lobby"], false);
    assert_eq!(story.happens(Msg::Opened), ["> hello "]);
}

#[test]
fn when_the_very_first_connection_fails() {
    let mut impatient = Story::of(Wish::Guest, &["lobby"], false);
    assert_eq!(impatient.breaks(), ["stop: the connection broke"]);
    let mut patient = Story::of(Wish::Guest, &["lobby"], true);
    assert_eq!(patient.breaks(), ["! the connection broke"]);
    assert_eq!(patient.waits(), ["connect"]);
    let never = Loss { why: "this is a printer".into(), again: Again::Never };
    assert_eq!(patient.happens(Msg::Lost(never)), ["stop: this is a printer"]);
}

#[test]
fn a_greeting_that_nobody_answers() {
    let mut story = Story::in_the_lobby();
    story.breaks();
    story.waits();
    story.happens(Msg::Opened);
    let sentence = "! the server took the connection but did not answer our greeting";
    assert_eq!(story.waits(), ["drop", sentence]);
    assert_eq!(story.waits(), ["connect"]);
}

#[test]
fn questions_are_not_kept_over_a_break() {
    let mut story = Story::in_the_lobby();
    story.breaks();
    let sentence = "! there is no connection now; try again when it is back";
    assert_eq!(story.happens(Msg::Asked(Request::Rooms)), [sentence]);
    assert_eq!(story.happens(Msg::Asked(Request::Who { room: None })), [sentence]);
}

#[test]
fn leaving_waits_for_the_last_tick_but_not_for_ever() {
    let mut story = Story::in_the_lobby();
    story.says("bye");
    assert_eq!(story.happens(Msg::Leave), [""; 0]);
    assert_eq!(story.stored(1, 5), ["<alice> bye", "hang up"]);
    assert_eq!(story.breaks(), ["stop: 0 unconfirmed"]);

    let mut story = Story::in_the_lobby();
    story.says("bye");
    story.happens(Msg::Leave);
    assert_eq!(story.waits(), ["hang up"]);
    assert_eq!(story.breaks(), ["stop: 1 unconfirmed"]);

    let mut hasty = Story::in_the_lobby();
    hasty.says("bye");
    hasty.happens(Msg::Leave);
    assert_eq!(hasty.happens(Msg::Leave), ["hang up"]);

    let mut alone = Story::in_the_lobby();
    alone.breaks();
    alone.says("bye");
    assert_eq!(alone.happens(Msg::Leave), ["stop: 1 unconfirmed"]);
    assert_eq!(alone.happens(Msg::Tick), [""; 0]);
}

#[test]
fn rooms_come_and_go() {
    let mut story = Story::in_the_lobby();
    let join = Request::Join { room: room("ops"), since: Since::Last(50) };
    assert_eq!(story.happens(Msg::Asked(join)), ["> join ops, the last 50"]);
    assert_eq!(
        story.refused("too_many_rooms", "you are in 32 rooms"),
        ["! ops did not let you in: you are in 32 rooms"]
    );
    assert_eq!(story.model.current(), Some(&room("lobby")));
    assert_eq!(story.happens(Msg::Asked(Request::Leave { room: None })), ["> leave lobby"]);
    assert_eq!(
        story.left("lobby"),
        ["* you have left lobby; /join ROOM goes to another, /quit leaves for good"]
    );
    assert_eq!(story.says("hello?"), ["! you are in no room; /join ROOM goes to one"]);
}

#[test]
fn a_line_in_a_room_we_have_left_does_not_wait_for_ever() {
    let mut story = Story::in_the_lobby();
    story.says("last words");
    story.happens(Msg::Asked(Request::Leave { room: None }));
    story.left("lobby");
    assert_eq!(story.model.unconfirmed(), 1);
    let sentence = "! you have left lobby, and nobody knows whether this was still said there: last words";
    assert_eq!(story.breaks(), [sentence, "! the connection broke"]);
    assert_eq!(story.model.unconfirmed(), 0);
}

#[test]
fn not_everything_is_under_way_at_once() {
    let mut story = Story::in_the_lobby();
    let sent: Vec<String> = (1..=70).flat_map(|number| story.says(&number.to_string())).collect();
    assert_eq!(sent.len(), 64);
    assert_eq!(story.stored(1, 5), ["<alice> 1", "> say in lobby: 65 #65"]);
    assert_eq!(story.model.unconfirmed(), 69);
}

#[test]
fn what_no_server_takes_is_not_sent_to_it() {
    let mut story = Story::in_the_lobby();
    let long = "x".repeat(5000);
    assert_eq!(
        story.says(&long),
        [format!("! not sent: it is too long; the server takes 4096 bytes: {long}")]
    );
    // As text it is short enough; as JSON each of these takes two bytes.
    let quotes = "\"".repeat(4096);
    assert_eq!(
        story.says(&quotes),
        [format!("! not sent: it is too long; the server takes 8192 bytes: {quotes}")]
    );
    assert_eq!(story.model.unconfirmed(), 0);
}

#[test]
fn who_comes_and_goes() {
    let mut story = Story::in_the_lobby();
    let presence = |change: &str| format!(r#"{{"type":"presence","room":"lobby",{change},"count":2}}"#);
    let carl = r#"[{"user":"u-carl","nick":"carl"}]"#;
    assert_eq!(story.hears(&presence(&format!(r#""entered":{carl}"#))), ["* carl entered"]);
    // News that is none: twice the same, or ourselves.
    assert_eq!(story.hears(&presence(&format!(r#""entered":{carl}"#))), [""; 0]);
    assert_eq!(story.hears(&presence(r#""entered":[{"user":"u-alice","nick":"alice"}]"#)), [""; 0]);
    assert_eq!(story.hears(&presence(&format!(r#""left":{carl}"#))), ["* carl left"]);
    assert_eq!(story.hears(&presence(&format!(r#""left":{carl}"#))), [""; 0]);
}

#[test]
fn a_server_may_say_what_we_do_not_know() {
    let mut story = Story::in_the_lobby();
    assert_eq!(story.hears(r#"{"type":"weather","rain":true}"#), [""; 0]);
    let kind =
        r#"{"type":"message","room":"lobby","seq":5,"user":"u","nick":"n","text":"x","time":0,"kind":"new"}"#;
    assert_eq!(story.hears(kind), [""; 0]);
    assert_eq!(story.hears("{}").len(), 1);
    story.breaks();
    story.waits();
    story.happens(Msg::Opened);
    // The entry that could not be shown is counted.
    assert_eq!(story.welcome("alice", ONE)[1], format!("> join lobby, after 5 of {ONE}"));
}
