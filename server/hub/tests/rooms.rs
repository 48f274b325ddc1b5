//! Entering and leaving rooms, and catching up on what was said there. The notation is that of `common/teller.rs`.

mod common;

use common::teller::story;
use common::{EPOCH, World};
use hub::Settings;
use hub::input::{ConnId, Dialect};
use protocol::chat::event::{Durability, Event};
use protocol::chat::id::SessionKey;
use protocol::chat::name::{Nick, RoomName};
use protocol::chat::request::{Request, Since};

#[test]
fn a_plain_connection_is_in_one_room() {
    story(
        "
        alice opens plain lobby nick=alice
        alice < joined lobby: alice; last 0
        bob opens plain lobby nick=bob
        bob < joined lobby: alice bob; last 0
        alice < lobby: bob entered, 2 here
        250 ms pass
        bob > join ops
        bob < joined ops: bob; last 0
        alice < lobby: bob left, 1 here
        bob > say: anybody?
        bob < stored ops 1
        bob > join ops
        bob < who ops: bob
        bob > leave
        bob < left ops
        bob > say: nobody
        bob < error not_in_room: you are in no room; type /join ROOM first
        bob > who lobby
        bob < error not_in_room: you are not in lobby; type /join lobby first
        ",
    );
}

#[test]
fn rooms_have_a_limit() {
    story(
        "
        alice opens v1 r1
        alice > hello alice
        alice < you are alice
        alice < joined r1: alice; last 0
        alice > join r2
        alice < joined r2: alice; last 0
        alice > join r3
        alice < joined r3: alice; last 0
        alice > join r4 #4
        alice < error too_many_rooms: one connection can be in 3 rooms; type /leave to leave one first #4
        alice > leave r2
        alice < left r2
        alice > join r4
        alice < joined r4: alice; last 0
        alice > rooms
        alice < rooms: r1 1, r3 1, r4 1
        alice > say r2: ?
        alice < error not_in_room: you are not in r2; type /join r2 first
        ",
    );
}

#[test]
fn the_server_can_be_full_of_rooms() {
    story(
        "
        alice opens v1 r1
        alice > hello alice
        alice < you are alice
        alice < joined r1: alice; last 0
        alice > join r2
        alice < joined r2: alice; last 0
        bob opens plain r3 nick=bob
        bob < joined r3: bob; last 0
        carol opens plain r4 nick=carol
        carol < joined r4: carol; last 0
        dan opens plain r5 nick=dan
        dan < joined r5: dan; last 0
        alice > join r6 #6
        alice < error too_many_rooms: this server is full: it has 5 rooms; type /rooms to see those that are there #6
        eve opens plain r7 nick=eve
        eve < error too_many_rooms: this server is full: it has 5 rooms; type /rooms to see those that are there

        -- Who cannot go there stays where he is. Rooms that are there can be joined, and one that is empty makes place.
        dan > join r8
        dan < error too_many_rooms: this server is full: it has 5 rooms; type /rooms to see those that are there
        dan > join r4
        dan < joined r4: carol dan; last 0
        carol < r4: dan entered, 2 here
        eve > join r7
        eve < joined r7: eve; last 0
        ",
    );
}

#[test]
fn what_was_missed_is_told_page_by_page() {
    story(
        "
        alice opens v1 lobby
        alice > hello alice key=1
        alice < you are alice
        alice < joined lobby: alice; last 0
        alice > say lobby: one #1
        alice < stored lobby 1 #1
        alice > say lobby: two
        alice < stored lobby 2
        alice > say lobby: three #3
        alice < stored lobby 3 #3
        alice > topic lobby: numbers
        alice < stored lobby 4
        alice > say lobby: five
        alice < stored lobby 5

        bob opens v1
        bob > hello bob
        bob < you are bob
        bob > join lobby last 4 #j
        bob < joined lobby: alice bob; last 5; about numbers #j
        bob < lobby 2 alice: two
        bob < lobby 3 alice: three
        bob < lobby 4 topic by alice: numbers
        bob < lobby 5 alice: five
        bob < who lobby: alice bob
        alice < lobby: bob entered, 2 here

        -- She sees the ids of her own.
        phone opens v1
        phone > hello key=1
        phone < you are alice
        phone > join lobby after 2
        phone < joined lobby: alice bob; last 5; about numbers
        phone < lobby 3 alice: three #3
        phone < lobby 4 topic by alice: numbers
        phone < lobby 5 alice: five
        phone < who lobby: alice bob
        phone > history lobby before 3 #h
        phone < history lobby: 1 alice: one #1, 2 alice: two #h
        phone > history ops before 3
        phone < error not_in_room: you are not in ops; type /join ops first
        ",
    );
}

#[test]
fn a_position_that_is_of_no_use_is_reset() {
    story(
        "
        alice opens v1 lobby
        alice > hello alice
        alice < you are alice
        alice < joined lobby: alice; last 0
        alice > say lobby: one
        alice < stored lobby 1
        alice > join lobby after 7
        alice < joined lobby: alice; last 1
        alice < reset lobby: Ahead, last 1
        alice < lobby 1 alice: one
        ",
    );
}

#[test]
fn what_is_said_while_one_is_behind_comes_by_page() {
    story(
        "
        alice opens v1 lobby
        alice > hello alice
        alice < you are alice
        alice < joined lobby: alice; last 0
        alice > say lobby: one
        alice < stored lobby 1
        alice > say lobby: two
        alice < stored lobby 2
        alice > say lobby: three
        alice < stored lobby 3
        the store is slow
        bob opens v1 lobby last=9
        bob > hello bob
        bob < you are bob
        alice < lobby: bob entered, 2 here
        alice > say lobby: four
        bob > say lobby: five #b
        the store answers 1
        bob < joined lobby: alice bob; last 3
        bob < lobby 1 alice: one
        bob < lobby 2 alice: two

        -- Bob is behind. Alice's news does not reach him yet, his own tick does.
        the store answers 2
        alice < stored lobby 4
        bob < stored lobby 5 #b
        alice < lobby 5 bob: five
        alice > nick ally
        alice < you are now ally
        the store answers 1
        bob < lobby 3 alice: three
        bob < lobby 4 alice: four
        the store answers 1
        bob < lobby 5 bob: five #b
        bob < who lobby: ally bob

        -- Now he is live.
        alice > say lobby: six
        the store answers 1
        alice < stored lobby 6
        bob < lobby 6 ally: six
        ",
    );
}

#[test]
fn a_late_page_does_not_serve_a_later_join() {
    story(
        "
        alice opens v1 lobby
        alice > hello alice
        alice < you are alice
        alice < joined lobby: alice; last 0
        the store is slow
        alice > leave lobby
        alice < left lobby
        alice > join lobby #first
        alice > leave lobby
        alice < left lobby
        alice > join lobby #second
        the store answers 1
        the store answers 1
        alice < joined lobby: alice; last 0 #second
        alice > join lobby #third
        alice > join lobby #fourth
        the store answers 2
        alice < joined lobby: alice; last 0 #fourth
        ",
    );
}

/// The answer must not grow with what strangers do: each of them can open rooms with long names.
#[test]
fn of_many_rooms_the_fullest_are_listed_by_name() {
    let mut world = World::new();
    let mut enter = |n: u16, room: &str| {
        let secret = SessionKey(u128::from(n).to_le_bytes());
        world.open(Dialect::Plain, None, Some(room), 0, secret)
    };
    for n in 0..400 {
        // Rooms 100 to 249 get a second person.
        let room = if n < 250 { n } else { n - 150 };
        enter(n, &format!("room-{room:03}"));
    }
    let reader = enter(400, "zzz");
    enter(401, "zzz");
    world.take_told();
    world.ask(reader, None, Request::Rooms);
    let told = world.take_told();
    let [(_, Event::Rooms { rooms, .. })] = told.as_slice() else { panic!("one answer, {told:?}") };
    assert_eq!(rooms.len(), 200);
    assert!(rooms.is_sorted_by(|a, b| a.room < b.room));
    let pairs = rooms.iter().filter(|room| room.count == 2).count();
    assert_eq!(pairs, 151, "the rooms of two are all there");
}

#[test]
fn a_limit_of_nothing_is_none() {
    let settings = Settings {
        rooms_per_connection: 0,
        connections_per_person: 0,
        rooms: 0,
        people_listed: 0,
        join_cost: 0,
        rename_cost: 0,
        ..Settings::new(EPOCH, Durability::Memory, "snug", 1)
    };
    let mut world = World::with(settings);
    let conns: Vec<ConnId> =
        (0..40).map(|_| world.open(Dialect::V1, None, None, 0, SessionKey([1; 16]))).collect();
    for conn in &conns {
        world.ask(*conn, None, Request::Hello { nick: None, session: None });
    }
    for n in 0..40 {
        let room = RoomName::new(format!("room-{n}")).unwrap();
        world.ask(conns[0], None, Request::Join { room, since: Since::Last(0) });
    }
    let counts = world.hub.counts();
    assert_eq!((counts.connections, counts.persons, counts.rooms), (40, 1, 40));
    assert_eq!(world.charged, []);
}

/// What one says is told to a room once. Who comes, and who takes another name, is told too, and is answered with pages
/// and lists besides.
#[test]
fn joins_and_renames_cost_more_than_words() {
    let settings =
        Settings { join_cost: 5, rename_cost: 25, ..Settings::new(EPOCH, Durability::Memory, "snug", 1) };
    let mut world = World::with(settings);
    let plain = world.open(Dialect::Plain, Some("anna"), Some("lobby"), 0, SessionKey([1; 16]));
    assert_eq!(world.charged, [(plain, 5)], "a plain connection comes with its room");
    let v1 = world.open(Dialect::V1, None, None, 0, SessionKey([2; 16]));
    world.ask(v1, None, Request::Hello { nick: Some(Nick::new("bob").unwrap()), session: None });
    let join = |room| Request::Join { room: RoomName::new(room).unwrap(), since: Since::Last(0) };
    let nick = |nick| Request::Nick { nick: Nick::new(nick).unwrap() };
    world.charged.clear();
    for (request, cost) in [
        (join("lobby"), vec![(v1, 5)]),
        (join("lobby"), vec![(v1, 5)]), // again: another page
        (Request::Leave { room: None }, vec![]),
        (join("ops"), vec![(v1, 5)]),
        (nick("rob"), vec![(v1, 25)]),
        (nick("rob"), vec![]),  // nobody is told
        (nick("anna"), vec![]), // taken: refused
        (Request::Rooms, vec![]),
        (Request::Typing { room: None }, vec![]),
    ] {
        let words = format!("{request:?}");
        world.ask(v1, None, request);
        assert_eq!(std::mem::take(&mut world.charged), cost, "{words}");
    }
}
