//! How people hear of comers and goers. The notation is that of `common/teller.rs`.

mod common;

use std::sync::Arc;

use common::teller::story;
use common::{EPOCH, World};
use hub::Settings;
use hub::input::{ConnId, Dialect};
use protocol::chat::event::{Durability, Event};
use protocol::chat::id::SessionKey;
use protocol::chat::name::Nick;
use protocol::chat::people::People;
use protocol::chat::request::Request;
use protocol::limits::MAX_PEOPLE_LISTED;
use protocol::time::Span;

#[test]
fn comings_and_goings_are_told_together() {
    story(
        "
        alice opens plain lobby nick=alice
        alice < joined lobby: alice; last 0
        bob opens plain lobby nick=bob
        bob < joined lobby: alice bob; last 0
        alice < lobby: bob entered, 2 here
        100 ms pass
        carol opens plain lobby nick=carol
        carol < joined lobby: alice bob carol; last 0
        dan opens plain lobby nick=dan
        dan < joined lobby: alice bob carol dan; last 0
        bob closes
        149 ms pass
        1 ms pass
        alice < lobby: carol dan entered, bob left, 3 here
        carol < lobby: carol dan entered, bob left, 3 here
        dan < lobby: carol dan entered, bob left, 3 here

        -- Who comes and goes in between is not mentioned.
        eve opens plain lobby nick=eve
        eve < joined lobby: alice carol dan eve; last 0
        eve closes
        1000 ms pass

        -- Nor is who goes and comes back.
        bob opens plain lobby nick=bob
        bob < joined lobby: alice bob carol dan; last 0
        alice < lobby: bob entered, 4 here
        carol < lobby: bob entered, 4 here
        dan < lobby: bob entered, 4 here
        dan > leave
        dan < left lobby
        dan > join lobby
        dan < joined lobby: alice bob carol dan; last 0
        1000 ms pass
        ",
    );
}

#[test]
fn a_list_told_in_between_leaves_no_ghost() {
    story(
        "
        alice opens plain lobby nick=alice
        alice < joined lobby: alice; last 0
        bob opens plain lobby nick=bob
        bob < joined lobby: alice bob; last 0
        alice < lobby: bob entered, 2 here

        -- Carol is gone before the others heard of her; but Dan has met her.
        carol opens plain lobby nick=carol
        carol < joined lobby: alice bob carol; last 0
        dan opens plain lobby nick=dan
        dan < joined lobby: alice bob carol dan; last 0
        carol closes
        250 ms pass
        alice < lobby: dan entered, carol left, 3 here
        bob < lobby: dan entered, carol left, 3 here
        dan < lobby: dan entered, carol left, 3 here
        ",
    );
}

#[test]
fn a_comer_is_announced_under_the_nick_it_has_then() {
    story(
        "
        alice opens v1 lobby
        alice > hello alice
        alice < you are alice
        alice < joined lobby: alice; last 0
        bob opens v1 lobby
        bob > hello bob
        bob < you are bob
        bob < joined lobby: alice bob; last 0
        alice < lobby: bob entered, 2 here
        carol opens v1 lobby
        carol > hello carol
        carol < you are carol
        carol < joined lobby: alice bob carol; last 0
        carol > join ops
        carol < joined ops: carol; last 0
        carol > nick caro
        carol < you are now caro
        alice < lobby: carol is now caro
        bob < lobby: carol is now caro
        250 ms pass
        alice < lobby: caro entered, 3 here
        bob < lobby: caro entered, 3 here

        -- And a goer under the one it had when it went.
        carol > leave lobby
        carol < left lobby
        carol > nick cora
        carol < you are now cora
        250 ms pass
        alice < lobby: caro left, 2 here
        bob < lobby: caro left, 2 here

        -- Away and back under another name is news.
        carol > join lobby
        carol < joined lobby: alice bob cora; last 0
        250 ms pass
        alice < lobby: cora entered, 3 here
        bob < lobby: cora entered, 3 here
        carol > leave lobby
        carol < left lobby
        carol > nick carola
        carol < you are now carola
        carol > join lobby
        carol < joined lobby: alice bob carola; last 0
        250 ms pass
        alice < lobby: carola entered, 3 here
        bob < lobby: carola entered, 3 here
        ",
    );
}

#[test]
fn who_came_and_went_is_told_to_those_who_were_behind_when_they_have_caught_up() {
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
        the store answers 1
        bob < joined lobby: alice bob; last 3
        bob < lobby 1 alice: one
        bob < lobby 2 alice: two
        alice closes
        250 ms pass
        carol opens plain lobby nick=carol
        bob > nick rob
        bob < you are now rob
        the store answers 1
        bob < lobby 3 alice: three
        bob < who lobby: carol rob
        the store answers 1
        carol < joined lobby: carol rob; last 3
        250 ms pass
        bob < lobby: carol entered, 2 here
        ",
    );
}

/// Who runs the server may choose what is large, for comers and goers as for lists.
#[test]
fn how_many_are_listed_can_be_chosen() {
    for (most, listed) in [(2, [Some(1), Some(2), None]), (0, [Some(1), Some(2), Some(3)])] {
        let settings =
            Settings { people_listed: most, ..Settings::new(EPOCH, Durability::Memory, "snug", 1) };
        let mut world = World::with(settings);
        for n in 1..=3 {
            world.open(Dialect::Plain, None, Some("hall"), 0, SessionKey([n; 16]));
            while world.answer() {}
        }
        let told = world.take_told();
        let joined = told.iter().filter_map(|(_, event)| match event {
            Event::Joined(joined) => Some(joined.people.as_deref().map(People::len)),
            _ => None,
        });
        assert_eq!(joined.collect::<Vec<_>>(), listed);
        world.published.clear();
        world.pass(Span(250));
        let [(_, _, Event::Presence(presence))] = world.published.as_slice() else {
            panic!("it is told once")
        };
        assert_eq!((presence.entered.len(), presence.count), (if most == 2 { 0 } else { 3 }, 3));
    }
}

/// A list is made once for all whom the store answers together, and made anew when anything has happened meanwhile.
#[test]
fn who_joins_together_is_told_one_list() {
    let mut world = World::new();
    let open = |world: &mut World, n: u8, nick: &str| {
        world.open(Dialect::Plain, Some(nick), Some("hall"), 0, SessionKey([n; 16]))
    };
    let lists = |world: &mut World| {
        let told = world.take_told().into_iter();
        let lists = told.filter_map(|(_, event)| match event {
            Event::Joined(joined) => joined.people,
            _ => None,
        });
        lists.collect::<Vec<_>>()
    };
    let anna = open(&mut world, 1, "anna");
    for (n, nick) in [(2, "bob"), (3, "carol"), (4, "dan"), (5, "eve")] {
        open(&mut world, n, nick);
    }
    (0..3).for_each(|_| assert!(world.answer()));
    world.ask(anna, None, Request::Nick { nick: Nick::new("zoe").unwrap() });
    (0..2).for_each(|_| assert!(world.answer()));

    let told = lists(&mut world);
    let nicks: Vec<String> = told.iter().map(|list| list.nicks().collect::<Vec<_>>().join(" ")).collect();
    let (before, after) = ("anna bob carol dan eve", "bob carol dan eve zoe");
    assert_eq!(nicks, [before, before, before, after, after]);
    let is_one = |(a, b): (usize, usize)| Arc::ptr_eq(&told[a], &told[b]);
    assert_eq!([(0, 1), (1, 2), (2, 3), (3, 4)].map(is_one), [true, true, false, true]);
}

/// Joining must not cost the square of the number of people.
#[test]
fn in_a_large_room_only_the_count_is_told() {
    let mut world = World::new();
    let conns: Vec<ConnId> = (0..=MAX_PEOPLE_LISTED as u128)
        .map(|n| {
            let secret = SessionKey((n + 1).to_le_bytes());
            let conn = world.open(Dialect::Plain, None, Some("hall"), 0, secret);
            while world.answer() {}
            conn
        })
        .collect();
    let [.., last_listed, first_unlisted] = conns.as_slice() else { panic!("there are many") };
    let joined = |to: &ConnId, told: &[(ConnId, Event<'static>)]| {
        let found = told.iter().find_map(|(conn, event)| match event {
            Event::Joined(joined) if conn == to => Some(joined.clone()),
            _ => None,
        });
        let joined = found.expect("everybody joined");
        (joined.people.map(|people| people.len()), joined.count)
    };
    let told = world.take_told();
    assert_eq!(joined(last_listed, &told), (Some(200), 200));
    assert_eq!(joined(first_unlisted, &told), (None, 201));

    world.pass(Span(250));
    let [(_, _, Event::Presence(presence))] = world.published.as_slice() else { panic!("it is told once") };
    assert_eq!((presence.entered.len(), presence.left.len(), presence.count), (0, 0, 201));

    // With the next one who goes the names are told again.
    world.published.clear();
    world.close(*first_unlisted);
    world.pass(Span(250));
    let [(_, _, Event::Presence(presence))] = world.published.as_slice() else { panic!("it is told once") };
    assert_eq!((presence.entered.len(), presence.left.len(), presence.count), (0, 1, 200));
}
