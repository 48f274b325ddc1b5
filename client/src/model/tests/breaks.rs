//! Connections break, servers die, people leave.

use super::*;

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
        "* pending 3",
        "* pending 4",
        "* pending 5",
        "* pending 6",
        "* pending 7",
        "* pending 8",
        "* pending 9",
        "* pending 10",
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
fn what_waits_for_its_tick_in_a_room_one_has_left() {
    let mut story = Story::in_the_lobby();
    story.types("bye");
    story.happens(Msg::Asked(Request::Leave { room: None }));
    story.hears(r#"{"type":"left","room":"lobby"}"#);
    // Its tick may yet come …
    story.so_far(&[
        "> say #1 lobby: bye",
        "> Leave { room: Some(RoomName(\"lobby\")) }",
        "* Left { room: RoomName(\"lobby\") }",
    ]);
    assert_eq!(story.model.unconfirmed(), 1);
    // … but not over another connection, and in a room one is not in nothing can be said again.
    story.breaks();
    story.so_far(&["* unsure bye: you have left the room", "* lost: it broke"]);
    assert_eq!(story.model.unconfirmed(), 0);
}

#[test]
fn a_room_that_one_leaves_while_there_is_no_connection() {
    let mut story = Story::in_the_lobby();
    story.types("sent");
    story.breaks();
    story.types("kept");
    story.happens(Msg::Asked(Request::Leave { room: None }));
    story.so_far(&[
        "> say #1 lobby: sent",
        "* lost: it broke",
        "* pending kept",
        "* unsure sent: you have left the room",
        "* unsaid kept: you have left the room",
        "* Left { room: RoomName(\"lobby\") }",
    ]);
    assert_eq!(story.model.unconfirmed(), 0);
}

#[test]
fn a_room_that_does_not_let_one_in_says_why() {
    let mut story = Story::in_the_lobby();
    story.happens(Msg::Asked(Request::Join { room: room("ops"), since: Since::Last(50) }));
    let id = story.asked.clone();
    story.types("hello");
    story.error("too_many_rooms", "enough rooms", &id);
    story.so_far(&[
        "> join ops last 50",
        "* unsaid hello: enough rooms",
        "* NotJoined { room: RoomName(\"ops\"), why: \"enough rooms\" }",
    ]);
    assert_eq!(story.model.unconfirmed(), 0);
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
fn four_thousand_come_back_over_as_long_as_the_server_asked_for() {
    let mut random = Random::new([1, 2, 3, 4]);
    let over = Span::secs(10);
    let mut seconds = [0; 10];
    for _ in 0..4000 {
        let mut story = Story::in_the_lobby();
        // Whatever happened before, each of them has random numbers of its own.
        story.model.random = Random::new(std::array::from_fn(|_| random.below(u64::MAX)));
        let loss = Loss { why: "it stops".into(), again: Again::Spread(Some(over)) };
        story.happens(Msg::Lost(loss));
        let wait = story.model.deadline().expect("a next try").since(story.now);
        seconds[usize::try_from(wait.0 / 1000).expect("small")] += 1;
        // If that fails, it goes on as ever.
        story.after(wait);
        story.breaks();
        assert!(story.model.deadline().expect("a next try").since(story.now) < Span::secs(1));
    }
    println!("returns in each second: {seconds:?}");
    assert!(seconds.iter().all(|count| (200..=800).contains(count)), "{seconds:?}");
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
