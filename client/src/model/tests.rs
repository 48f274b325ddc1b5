//! Stories of a client and its server, told line by line in virtual time. `> …` goes to the server, `< …` comes from
//! it, `* …` is what the person is told.
//!
//! `hello`, `joined` and so on are short for the JSON in PROTOCOL.md; `#1` is the first id of something said.

mod breaks;
mod kept;
mod talk;

use protocol::chat::id::{RequestId, SessionKey};
use protocol::chat::name::{Nick, RoomName, Text};
use protocol::chat::request::{Request, Since};
use protocol::chat::wire;
use protocol::time::{Millis, Span};

use super::news::{Again, Ask, Loss, Msg, News, Said, Stop, Turn};
use super::random::Random;
use super::{Kept, Model, Settings, Wish};
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
    /// Whether it is told too what is kept and forgotten, and that what was just said is pending.
    in_full: bool,
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
            after: None,
            patient: false,
            session: SessionKey([7; 16]),
            kept: Kept::default(),
            seed: [1, 2, 3, 4],
        };
        let model = Model::new(settings);
        Self { model, now: Millis(0), ids: Vec::new(), asked: String::new(), log: Vec::new(), in_full: false }
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
        let connected = self.model.is_welcome();
        for ask in self.model.update(self.now, message) {
            let is_quiet = match &ask {
                Ask::Keep(_) | Ask::Forget(_) => true,
                Ask::Tell(News::Pending { .. }) => connected,
                _ => false,
            };
            if is_quiet && !self.in_full {
                continue;
            }
            let line = match ask {
                Ask::Keep(envelope) => {
                    format!("keep #{}", self.number(&envelope.id.expect("an id").to_string()))
                }
                Ask::Forget(id) => format!("forget #{}", self.number(id.as_str())),
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
        let line = match &envelope.request {
            Request::Say { room: Some(room), text, action } => {
                format!(
                    "> {} #{} {room}: {}",
                    if *action { "me" } else { "say" },
                    self.number(&id),
                    text.as_str()
                )
            }
            Request::Topic { room: Some(room), text: Some(text) } => {
                format!("> topic #{} {room}: {}", self.number(&id), text.as_str())
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

    /// Which of the ids of things said it is.
    fn number(&mut self, id: &str) -> usize {
        let known = self.ids.iter().position(|known| known == id);
        known.unwrap_or_else(|| {
            self.ids.push(id.into());
            self.ids.len() - 1
        }) + 1
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
        News::Unsure { text, why, .. } => format!("* unsure {text}: {why}"),
        News::Pending { text, .. } => format!("* pending {text}"),
        News::Trouble(sentence) => format!("* trouble: {sentence}"),
        other => format!("* {other:?}"),
    }
}
