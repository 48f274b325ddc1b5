//! Scenarios that read as dialogue. A line with `>` is what a connection asks, a line with `<` what it is told; other
//! lines are what happens in the world. A story is played, and the whole transcript has to be as it is written.
//! The story teller itself is in `common/teller.rs`.

mod common;

use common::teller::story;

#[test]
fn two_people_talk() {
    story(
        "
        alice opens v1
        alice > hello alice
        alice < you are alice
        alice > join lobby #1
        alice < joined lobby: alice; last 0 #1
        bob opens v1 lobby
        bob > hello bob
        bob < you are bob
        bob < joined lobby: alice bob; last 0
        alice < lobby: bob entered, 2 here
        alice > say lobby: tea? #2
        alice < stored lobby 1 #2
        bob < lobby 1 alice: tea?
        bob > me lobby: nods
        bob < stored lobby 2
        alice < lobby 2 * bob nods
        bob > leave lobby #9
        bob < left lobby #9
        250 ms pass
        alice < lobby: bob left, 1 here
        ",
    );
}

#[test]
fn plain_and_v1_meet_in_one_room() {
    story(
        "
        alice opens v1 lobby
        alice > hello alice
        alice < you are alice
        alice < joined lobby: alice; last 0
        carol opens plain lobby nick=carol
        carol < joined lobby: alice carol; last 0
        alice < lobby: carol entered, 2 here
        carol > say: hello there
        carol < stored lobby 1
        alice < lobby 1 carol: hello there
        alice > typing lobby
        carol < lobby: alice is typing
        carol > topic: tea at four
        carol < stored lobby 2
        alice < lobby 2 topic by carol: tea at four
        carol > topic
        carol < topic of lobby: tea at four
        carol > rooms
        carol < rooms: lobby 2 (tea at four)
        carol > who
        carol < who lobby: alice carol
        carol > help
        carol < help
        carol > quit
        carol is hung up on
        carol closes
        250 ms pass
        alice < lobby: carol left, 1 here
        ",
    );
}

#[test]
fn a_person_has_two_connections() {
    story(
        "
        desk opens v1 lobby
        desk > hello anna key=1
        desk < you are anna
        desk < joined lobby: anna; last 0
        bob opens v1 lobby
        bob > hello bob
        bob < you are bob
        bob < joined lobby: anna bob; last 0
        desk < lobby: bob entered, 2 here

        -- The nick in a hello does not rename a person who is there already. Her second connection is no news.
        phone opens v1 lobby
        phone > hello somebody key=1
        phone < you are anna
        phone < joined lobby: anna bob; last 0

        -- Only the connection it came by is ticked; her other one recognises the id.
        phone > say lobby: hi #42
        phone < stored lobby 1 #42
        desk < lobby 1 anna: hi #42
        bob < lobby 1 anna: hi

        -- She is there as long as one connection is.
        desk closes
        1000 ms pass
        phone > leave lobby
        phone < left lobby
        bob < lobby: anna left, 1 here
        ",
    );
}

#[test]
fn a_half_open_connection_does_not_hold_the_name() {
    story(
        "
        old opens v1 lobby
        old > hello anna key=1
        old < you are anna
        old < joined lobby: anna; last 0
        stranger opens v1 lobby
        stranger > hello anna
        stranger < error nick_taken: the nick anna is taken; type /nick NAME to choose another
        stranger > hello bob #again
        stranger < you are bob #again
        stranger < joined lobby: anna bob; last 0
        old < lobby: bob entered, 2 here

        -- Her line broke, which the server has not noticed. She is back at once, as herself.
        new opens v1 lobby
        new > hello anna key=1
        new < you are anna
        new < joined lobby: anna bob; last 0
        75000 ms pass
        old closes
        new > say lobby: that was the tunnel
        new < stored lobby 1
        stranger < lobby 1 anna: that was the tunnel
        ",
    );
}

#[test]
fn a_person_renames() {
    story(
        "
        desk opens v1 lobby
        desk > hello anna key=1
        desk < you are anna
        desk < joined lobby: anna; last 0
        desk > join ops
        desk < joined ops: anna; last 0
        bob opens v1 lobby
        bob > hello bob
        bob < you are bob
        bob < joined lobby: anna bob; last 0
        desk < lobby: bob entered, 2 here
        phone opens v1
        phone > hello key=1
        phone < you are anna

        -- Her own connections learn it as theirs, the others once in each room.
        desk > nick Annika #5
        desk < you are now Annika #5
        phone < you are now Annika
        bob < lobby: anna is now Annika

        -- The old name is free, the new one taken, in whatever case.
        bob > nick ANNIKA
        bob < error nick_taken: the nick ANNIKA is taken; type /nick NAME to choose another
        bob > nick anna
        bob < you are now anna
        desk < lobby: bob is now anna
        desk > nick annika
        desk < you are now annika
        phone < you are now annika
        bob < lobby: Annika is now annika
        desk > nick annika
        desk < you are now annika
        ",
    );
}

#[test]
fn the_author_leaves_before_the_store_answers() {
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
        the store is slow

        -- Out of the room: the tick comes all the same.
        bob > say lobby: bye #1
        bob > leave lobby
        bob < left lobby
        bob > nick rob
        bob < you are now rob
        the store answers 1
        bob < stored lobby 1 #1
        alice < lobby 1 bob: bye
        250 ms pass
        alice < lobby: bob left, 1 here

        -- And when nobody is left to hear it.
        alice > say lobby: is anybody here? #2
        alice > leave lobby
        alice < left lobby
        the store answers 1
        alice < stored lobby 2 #2
        alice > join lobby
        bob > join lobby
        the store answers 2
        alice < joined lobby: alice rob; last 2
        alice < lobby 1 bob: bye
        alice < lobby 2 alice: is anybody here? #2
        bob < joined lobby: alice rob; last 2
        bob < lobby 1 bob: bye #1
        bob < lobby 2 alice: is anybody here?

        -- Out of the door: it is told to the others, and ticked to nobody.
        bob > say lobby: gone #3
        bob closes
        the store answers 1
        alice < lobby 3 rob: gone
        ",
    );
}

#[test]
fn a_slot_is_taken_over_before_the_answer_comes() {
    story(
        "
        alice opens plain lobby nick=alice
        alice < joined lobby: alice; last 0
        the store is slow
        bob opens plain lobby nick=bob
        alice < lobby: bob entered, 2 here
        bob > say: i was never here
        bob closes
        carol opens plain lobby nick=carol
        carol has the slot of bob

        -- Neither Bob's joined nor his tick goes to Carol; his words do not either, since she is behind.
        the store answers 1
        the store answers 1
        alice < lobby 1 bob: i was never here
        the store answers 1
        carol < joined lobby: alice carol; last 1
        250 ms pass
        alice < lobby: carol entered, bob left, 2 here
        carol < lobby: carol entered, bob left, 2 here
        ",
    );
}

#[test]
fn saying_it_again_is_safe() {
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
        alice > say lobby: once #1
        alice < stored lobby 1 #1
        bob < lobby 1 alice: once
        alice > say lobby: once #1
        alice < stored lobby 1 again #1
        alice > say lobby: something else #1
        alice < error id_conflict: that id was used before for another text; send it again with a new id #1
        the store is full
        alice > say lobby: more #2
        alice < error storage_full: not stored: the server's storage is full; reading goes on, try again later #2
        ",
    );
}
