//! While the connection holds.

use super::*;

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
fn the_same_tick_twice_is_shown_once() {
    let mut story = Story::in_the_lobby();
    story.types("one");
    story.stored(1, 8, false);
    story.stored(1, 8, true);
    story.so_far(&["> say #1 lobby: one", "* lobby 8 me says: one"]);
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
    let tried = |tried| crate::model::numbered(&long, tried).map(|nick| nick.to_string());
    assert_eq!(tried(0), Some("x".repeat(32)));
    assert_eq!(tried(1), Some("x".repeat(31) + "2"));
    assert_eq!(tried(9), Some("x".repeat(30) + "10"));
    assert_eq!(tried(99), None);
    let wide = Nick::new("ü".repeat(16)).expect("a nick");
    assert_eq!(crate::model::numbered(&wide, 1).map(|nick| nick.to_string()), Some("ü".repeat(15) + "2"));
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
