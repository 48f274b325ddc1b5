//! What an earlier run has left behind, and what this one asks to be kept.

use super::*;
use crate::model::room::Place;
use protocol::chat::id::Epoch;
use protocol::chat::request::Envelope;

fn said(id: &'static str, name: &'static str, text: &'static str) -> Envelope<'static> {
    let id = Some(RequestId::new(id).expect("an id"));
    let text = Text::new(text).expect("a text");
    Envelope { id, request: Request::Say { room: Some(room(name)), text, action: false } }
}

fn place(name: &'static str, seq: u64) -> Place {
    Place { room: room(name), epoch: Epoch([0, 0, 0, 0, 0, 0, 0, 1]), seq }
}

fn begin(kept: Kept, after: Option<u64>) -> Story {
    let settings = Settings {
        wish: Wish::Like(nick("bob")),
        rooms: vec![room("lobby")],
        last: 50,
        after,
        patient: false,
        session: SessionKey([7; 16]),
        kept,
        seed: [1, 2, 3, 4],
    };
    let mut story = Story::new(Wish::Guest, &[]);
    story.model = Model::new(settings);
    story.in_full = true;
    story.happens(Msg::Start);
    story
}

#[test]
fn what_is_said_is_kept_before_it_is_sent_and_forgotten_with_its_tick() {
    let mut story = Story::in_the_lobby();
    story.in_full = true;
    story.types("one");
    story.so_far(&["keep #1", "* pending one", "> say #1 lobby: one"]);
    story.breaks();
    story.types("two");
    story.so_far(&["* lost: it broke", "keep #2", "* pending two"]);
    story.after(Span::secs(30));
    story.happens(Msg::Opened);
    story.welcome("bob", ONE);
    story.joined("lobby", 1, 7);
    story.so_far(&[
        "connect",
        "> hello bob",
        "* welcome again bob",
        "> join lobby after 7 of 1",
        "* in lobby again with amy bob",
        "> say #1 lobby: one",
        "> say #2 lobby: two",
    ]);
    story.stored(1, 8, false);
    story.so_far(&["forget #1", "* lobby 8 me says: one"]);
    // Refused for sure: it is not tried again, by nobody.
    let id = story.ids[1].clone();
    story.error("bad_text", "no such words", &id);
    story.so_far(&["forget #2", "* unsaid two: no such words"]);
}

#[test]
fn its_tick_may_come_as_a_message_too() {
    let mut story = Story::in_the_lobby();
    story.in_full = true;
    story.types("one");
    let id = story.ids[0].clone();
    story.hears(&format!(
        r#"{{"type":"message","room":"lobby","seq":8,"user":"b0b","nick":"bob","text":"one","time":0,"id":"{id}"}}"#
    ));
    story.so_far(&["keep #1", "* pending one", "> say #1 lobby: one", "forget #1", "* lobby 8 me says: one"]);
}

#[test]
fn what_is_given_up_is_forgotten() {
    let mut story = Story::in_the_lobby();
    story.in_full = true;
    story.types("sent");
    story.breaks();
    story.types("kept");
    story.log.clear();
    story.happens(Msg::Asked(Request::Leave { room: None }));
    story.so_far(&[
        "forget #1",
        "* unsure sent: you have left the room",
        "forget #2",
        "* unsaid kept: you have left the room",
        "* Left { room: RoomName(\"lobby\") }",
    ]);
}

/// Bob's client was killed with two lines under way; the first of them had been stored.
#[test]
fn another_run_goes_on_where_the_first_was_cut_short() {
    let unconfirmed = vec![said("a", "lobby", "one"), said("b", "ops", "two"), said("c", "lobby", "three")];
    let rooms = vec![room("lobby"), room("garden")];
    let places = vec![place("lobby", 7), place("ops", 3), place("attic", 9)];
    let mut story = begin(Kept { unconfirmed, nobodys: Vec::new(), places, rooms }, None);
    assert_eq!(story.model.unconfirmed(), 3);
    story.so_far(&["* CutShort", "* pending one", "* pending two", "* pending three", "connect"]);
    story.happens(Msg::Opened);
    story.welcome("bob", TWO);
    // The room that was asked for, those it was in, and those where something waits.
    story.so_far(&[
        "> hello bob",
        "* welcome bob",
        "> join lobby after 7 of 1",
        "> join garden last 50",
        "> join ops after 3 of 1",
    ]);
    story.joined("lobby", 1, 9);
    story.so_far(&["* in lobby with amy bob", "> say #1 lobby: one", "> say #2 lobby: three"]);
    assert_eq!(story.ids, ["a", "c"]);
    story.amy_says(8, "missed");
    story.hears(
        r#"{"type":"message","room":"lobby","seq":9,"user":"b0b","nick":"bob","text":"one","time":0,"id":"a"}"#,
    );
    story.stored(1, 9, true);
    story.stored(2, 10, false);
    story.so_far(&[
        "* lobby 8 amy says: missed",
        "forget #1",
        "* lobby 9 me says: one",
        "forget #2",
        "* lobby 10 me says: three",
    ]);
    // A room it comes back to later.
    story.happens(Msg::Asked(Request::Join { room: room("attic"), since: Since::Last(50) }));
    story.so_far(&["> join attic after 9 of 1"]);
    assert_eq!(story.model.unconfirmed(), 1);
}

#[test]
fn whose_words_these_were_nobody_knows() {
    let nobodys = vec![said("a", "lobby", "one")];
    let mut story = begin(Kept { nobodys, ..Kept::default() }, None);
    story.so_far(&["* unsure one: the file in which it was kept is damaged", "connect"]);
    assert_eq!(story.model.unconfirmed(), 0);
}

#[test]
fn a_room_one_has_left_goes_on_where_one_left_it() {
    let mut story = Story::in_the_lobby();
    story.happens(Msg::Asked(Request::Leave { room: None }));
    story.hears(r#"{"type":"left","room":"lobby"}"#);
    story.log.clear();
    story.happens(Msg::Asked(Request::Join { room: room("lobby"), since: Since::Last(50) }));
    story.so_far(&["> join lobby after 7 of 1"]);
}

#[test]
fn a_number_to_begin_after_is_one_of_the_present_epoch() {
    let mut story = begin(Kept { places: vec![place("lobby", 3)], ..Kept::default() }, Some(42));
    story.happens(Msg::Opened);
    story.welcome("bob", TWO);
    story.breaks();
    story.after(Span::secs(30));
    story.happens(Msg::Opened);
    story.welcome("bob", "0000000000000003");
    story.joined("lobby", 1, 44);
    // It is what it was, also if the server has begun a new epoch meanwhile.
    story.so_far(&[
        "connect",
        "> hello bob",
        "* welcome bob",
        "> join lobby after 42 of 2",
        "* lost: it broke",
        "connect",
        "> hello bob",
        "* welcome again bob",
        "> join lobby after 42 of 2",
        "* in lobby with amy bob",
    ]);
    story.amy_says(42, "before");
    story.amy_says(43, "after");
    story.so_far(&["* lobby 43 amy says: after"]);
}
