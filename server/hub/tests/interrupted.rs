//! What may come between while one lags: joins, leaves, what is forgotten, what comes too late. The notation is that of
//! `common/teller.rs`; a page is two entries.

mod common;

use common::teller::story;
use common::{Letter, World};
use hub::input::{Dialect, Input};
use protocol::chat::event::Event;
use protocol::chat::id::{Epoch, SessionKey};
use protocol::chat::request::Request;

#[test]
fn who_lags_joins_again() {
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
        alice > say lobby: one
        alice < stored lobby 1
        bob < lobby 1 alice: one

        -- Before the page is asked for: there is none to ask for any more.
        bob stops reading
        bob lags
        alice > say lobby: two
        alice < stored lobby 2
        bob > join lobby after 1 #a
        bob < joined lobby: alice bob; last 2 #a
        bob < lobby 2 alice: two
        bob has read all

        -- When it was asked for: it is too late. The answer to a join is no page, and needs no list of people.
        bob lags
        the store is slow
        bob has read all
        bob > join lobby after 1 #b
        alice > say lobby: three
        the store answers 1
        the store answers 1
        bob < joined lobby: alice bob; last 2 #b
        bob < lobby 2 alice: two
        the store answers 1
        alice < stored lobby 3
        bob < lobby 3 alice: three

        -- And while a join is under way there is nothing to lag behind of.
        bob > join lobby after 0 #c
        bob lags
        bob has read all
        the store answers 1
        bob < joined lobby: alice bob; last 3 #c
        bob < lobby 1 alice: one
        bob < lobby 2 alice: two
        bob has read all
        the store answers 1
        bob < lobby 3 alice: three
        bob < who lobby: alice bob
        ",
    );
}

#[test]
fn who_lags_leaves() {
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
        bob stops reading
        bob lags
        alice > say lobby: one
        alice < stored lobby 1
        bob > leave lobby
        bob < left lobby
        bob has read all
        250 ms pass
        alice < lobby: bob left, 1 here

        -- With a page under way. When he is back it is not taken for that of the new membership.
        bob > join lobby
        bob < joined lobby: alice bob; last 1
        bob < lobby 1 alice: one
        250 ms pass
        alice < lobby: bob entered, 2 here
        bob lags
        the store is slow
        bob has read all
        bob > leave lobby
        bob < left lobby
        bob > join lobby last 0
        bob lags
        the store answers 1
        the store answers 1
        bob < joined lobby: alice bob; last 1

        -- And from the house, with a page under way. Whoever gets his slot gets none of it.
        bob lags
        bob has read all
        bob closes
        carol opens v1 lobby
        carol has the slot of bob
        carol > hello carol
        carol < you are carol
        the store answers 2
        carol < joined lobby: alice carol; last 1
        250 ms pass
        alice < lobby: carol entered, bob left, 2 here
        carol < lobby: carol entered, bob left, 2 here
        ",
    );
}

#[test]
fn what_was_forgotten_meanwhile_is_a_reset() {
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
        bob stops reading
        bob lags
        alice > say lobby: one
        alice < stored lobby 1
        alice > say lobby: two
        alice < stored lobby 2
        alice > say lobby: three
        alice < stored lobby 3
        alice > say lobby: four
        alice < stored lobby 4
        alice > say lobby: five
        alice < stored lobby 5
        the store forgets lobby up to 1

        -- The latest three, since all cannot be told. After the first page two more are gone.
        bob has read all
        bob < reset lobby: Gone, last 5
        bob < lobby 3 alice: three
        bob < lobby 4 alice: four
        alice > say lobby: six
        alice < stored lobby 6
        the store forgets lobby up to 5
        bob has read all
        bob < reset lobby: Gone, last 6
        bob < lobby 6 alice: six
        bob < who lobby: alice bob

        -- What is forgotten, but was told before, is missed by nobody.
        the store forgets lobby up to 6
        bob lags
        bob has read all
        bob < who lobby: alice bob
        ",
    );
}

#[test]
fn what_comes_too_late_or_twice_does_nothing() {
    let mut world = World::new();
    let open = |world: &mut World, key| {
        let conn = world.open(Dialect::Plain, None, Some("lobby"), 0, SessionKey([key; 16]));
        world.answer();
        world.take_told();
        conn
    };
    let gone = open(&mut world, 1);
    world.close(gone);
    let conn = open(&mut world, 2);
    assert_eq!((conn.slot, world.hub.counts().behind), (gone.slot, 0), "in the same slot");

    // About a connection that is gone: in its old slot it means nobody.
    world.slow_down(conn);
    world.happens(Input::Lagging { conn: gone });
    assert_eq!((world.hub.counts().behind, world.is_awaited(gone)), (0, false));
    world.lag(conn);
    world.happens(Input::Drained { conn: gone });
    assert_eq!((world.hub.counts().behind, world.mail.len()), (1, 0));

    // The store answers a question twice: once was enough, also for a member that is behind again.
    world.take(conn, usize::MAX);
    let Some(Letter::Recall(recall)) = world.mail.pop_front() else { panic!("a page is asked for") };
    let [first, second, third] = [(); 3].map(|()| world.store.recall(recall.clone()));
    world.happens(Input::Recalled(first));
    assert!(matches!(world.take_told().as_slice(), [(_, Event::Who { .. })]));
    world.happens(Input::Recalled(second));
    world.lag(conn);
    world.happens(Input::Recalled(third));
    assert_eq!((world.take_told().len(), world.hub.counts().behind), (0, 1));

    // It was read long ago, and nobody had asked.
    world.take(conn, usize::MAX);
    world.answer();
    world.happens(Input::Drained { conn });
    assert_eq!((world.mail.len(), world.hub.counts().behind), (0, 0));
}

/// The disk fails while Alice's word is on its way: she has to come back and say it again. Bob, who has asked for
/// nothing, stays; and so does Carol, who has Alice's slot when the news come late.
#[test]
fn nobody_knows_what_became_of_a_word() {
    let mut world = World::new();
    let secret = |number| SessionKey([number; 16]);
    let alice = world.open(Dialect::Plain, Some("alice"), Some("lobby"), 0, secret(1));
    let bob = world.open(Dialect::Plain, Some("bob"), Some("lobby"), 0, secret(2));
    world.happens(Input::Unknown { conn: alice });
    assert_eq!(world.hung_up, [alice]);
    world.close(alice);
    let carol = world.open(Dialect::Plain, Some("carol"), Some("lobby"), 0, secret(3));
    assert_eq!(carol.slot, alice.slot);
    world.happens(Input::Unknown { conn: alice });
    assert_eq!(world.hung_up, [alice], "Carol is not meant");
    assert!(world.is_alive(bob) && world.is_alive(carol));
}

/// The disk has lost something: everybody has to come back, and a welcome from then on names the new epoch.
#[test]
fn the_logs_are_not_what_they_were() {
    let mut world = World::new();
    let secret = |number| SessionKey([number; 16]);
    let alice = world.open(Dialect::Plain, Some("alice"), Some("lobby"), 0, secret(1));
    let stranger = world.open(Dialect::V1, None, None, 0, secret(2));
    let epoch = Epoch([0xee; 8]);
    world.happens(Input::NewEpoch { epoch });
    assert_eq!(world.hung_up, [alice, stranger]);
    world.close(alice);
    world.close(stranger);
    let bob = world.open(Dialect::V1, None, None, 0, secret(3));
    world.take_told();
    world.ask(bob, None, Request::Hello { nick: None, session: None });
    let told = world.take_told();
    assert!(
        matches!(&told[..], [(_, Event::Welcome(welcome))] if welcome.epoch == "eeeeeeeeeeeeeeee"),
        "{told:?}"
    );
}
