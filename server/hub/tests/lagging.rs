//! Reading more slowly than one is told things. What may come between is in `interrupted.rs`. The notation is that of
//! `common/teller.rs`; a page is two entries.

mod common;

use common::teller::story;

#[test]
fn a_slow_reader_catches_up() {
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
        alice > say lobby: one
        alice < stored lobby 1
        bob < lobby 1 alice: one

        -- From here on nothing is added to what waits for Bob.
        bob lags
        alice > say lobby: two
        alice < stored lobby 2
        alice > say lobby: three
        alice < stored lobby 3
        alice > say lobby: four
        alice < stored lobby 4
        alice > typing lobby
        alice > nick ally
        alice < you are now ally
        carol opens plain lobby nick=carol
        carol < joined lobby: ally bob carol; last 4
        250 ms pass
        alice < lobby: carol entered, 3 here

        -- He takes it, and is sent a page; and he has to take that, too, before he is sent another.
        bob has read all
        bob < lobby 2 alice: two
        bob < lobby 3 alice: three
        alice > say lobby: five
        alice < stored lobby 5
        carol < lobby 5 ally: five
        bob has read all
        bob < lobby 4 alice: four
        bob < lobby 5 ally: five
        bob < who lobby: ally bob carol

        -- Now he is live.
        alice > say lobby: six
        alice < stored lobby 6
        bob < lobby 6 ally: six
        carol < lobby 6 ally: six
        ",
    );
}

#[test]
fn who_lags_and_misses_nothing_is_live_again() {
    story(
        "
        alice opens v1 lobby
        alice > hello alice
        alice < you are alice
        alice < joined lobby: alice; last 0
        alice stops reading
        alice lags
        alice lags
        alice has read all
        alice < who lobby: alice
        alice has read all
        alice > say lobby: one
        alice < stored lobby 1

        -- Who is nobody yet, or in no room, may lag as well.
        bob opens v1
        bob lags
        bob > hello bob
        bob < you are bob
        bob lags
        ",
    );
}

#[test]
fn what_is_said_while_the_page_is_under_way_is_told_once() {
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
        the store is slow
        alice > say lobby: two
        bob has read all
        alice > say lobby: three
        the store answers 1
        alice < stored lobby 2

        -- That he lags still is known. One page is under way, so no other is asked for.
        bob lags
        bob has read all
        the store answers 1
        bob < lobby 1 alice: one
        bob < lobby 2 alice: two
        bob < who lobby: alice bob
        the store answers 1
        alice < stored lobby 3
        bob < lobby 3 alice: three
        ",
    );
}

#[test]
fn an_author_that_lags_gets_its_ticks_at_once() {
    story(
        "
        desk opens v1 lobby
        desk > hello anna key=1
        desk < you are anna
        desk < joined lobby: anna; last 0
        phone opens v1 lobby
        phone > hello key=1
        phone < you are anna
        phone < joined lobby: anna; last 0
        desk stops reading
        desk lags
        desk > say lobby: one #1
        desk < stored lobby 1 #1
        phone < lobby 1 anna: one #1
        phone > say lobby: two #2
        phone < stored lobby 2 #2
        desk > say lobby: one #1
        desk < stored lobby 1 again #1

        -- Its own words come by page as well, with their ids; and those of the person's other connection.
        desk has read all
        desk < lobby 1 anna: one #1
        desk < lobby 2 anna: two #2
        desk < who lobby: anna
        desk > say lobby: three #3
        desk < stored lobby 3 #3
        phone < lobby 3 anna: three #3
        ",
    );
}

#[test]
fn one_lags_in_all_of_its_rooms() {
    story(
        "
        alice opens v1 lobby
        alice > hello alice
        alice < you are alice
        alice < joined lobby: alice; last 0
        alice > join ops
        alice < joined ops: alice; last 0
        bob opens v1 lobby
        bob > hello bob
        bob < you are bob
        bob < joined lobby: alice bob; last 0
        alice < lobby: bob entered, 2 here
        bob > join ops
        bob < joined ops: alice bob; last 0
        alice < ops: bob entered, 2 here
        bob stops reading
        bob lags
        alice > say ops: one
        alice < stored ops 1
        alice > say lobby: one
        alice < stored lobby 1
        alice > say lobby: two
        alice < stored lobby 2
        alice > say lobby: three
        alice < stored lobby 3

        -- A page of each room, in the order in which he joined them. In one of them he is live before he is in the other.
        bob has read all
        bob < lobby 1 alice: one
        bob < lobby 2 alice: two
        bob < ops 1 alice: one
        bob < who ops: alice bob
        alice > say ops: two
        alice < stored ops 2
        bob < ops 2 alice: two
        alice > say lobby: four
        alice < stored lobby 4

        -- Lagging again he is behind in both, but in one of them from where he was.
        bob lags
        alice > say ops: three
        alice < stored ops 3
        bob has read all
        bob < lobby 3 alice: three
        bob < lobby 4 alice: four
        bob < who lobby: alice bob
        bob < ops 3 alice: three
        bob < who ops: alice bob
        ",
    );
}

/// The desk hangs up on plain connections instead. If it did not, they would miss nothing either.
#[test]
fn a_plain_connection_that_lags_misses_nothing() {
    story(
        "
        alice opens v1 lobby
        alice > hello alice
        alice < you are alice
        alice < joined lobby: alice; last 0
        carol opens plain lobby nick=carol
        carol < joined lobby: alice carol; last 0
        alice < lobby: carol entered, 2 here
        carol stops reading
        carol lags
        alice > say lobby: one
        alice < stored lobby 1
        carol > join lobby
        carol < who lobby: alice carol
        carol has read all
        carol < lobby 1 alice: one
        carol < who lobby: alice carol
        ",
    );
}

#[test]
fn what_was_there_before_the_first_came_counts_as_told() {
    story(
        "
        alice opens v1 lobby
        alice > hello alice
        alice < you are alice
        alice < joined lobby: alice; last 0
        alice > say lobby: one
        alice < stored lobby 1
        alice > leave lobby
        alice < left lobby
        alice > join lobby last 1
        alice < joined lobby: alice; last 1
        alice < lobby 1 alice: one
        alice lags
        alice < who lobby: alice
        ",
    );
}
