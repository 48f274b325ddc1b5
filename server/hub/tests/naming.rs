//! How a connection becomes somebody. The notation is that of `common/teller.rs`.

mod common;

use common::teller::story;

#[test]
fn a_plain_stranger_is_asked_for_a_nick() {
    story(
        "
        alice opens plain lobby nick=alice
        alice < joined lobby: alice; last 0
        bob opens plain lobby nick=Alice
        bob < error nick_taken: the nick Alice is taken; type /nick NAME to choose another
        bob > say: hello?
        bob < error hello_first: you have no nick yet; type /nick NAME to choose one
        bob > help
        bob < help
        bob > nick ALICE
        bob < error nick_taken: the nick ALICE is taken; type /nick NAME to choose another
        bob > nick bob
        bob < you are bob
        bob < joined lobby: alice bob; last 0
        alice < lobby: bob entered, 2 here

        carol opens plain nowhere* nick=c*rol
        carol < error bad_nick: a name cannot contain '*'; use letters, digits and any of - _ .; type /nick NAME to choose another nick
        carol > nick carol
        carol < you are carol
        carol < error bad_room: a name cannot contain '*'; use letters, digits and any of - _ .; type /join ROOM to go to another room
        carol > say: hello?
        carol < error not_in_room: you are in no room; type /join ROOM first
        carol > join lobby
        carol < joined lobby: alice bob carol; last 0
        250 ms pass
        alice < lobby: carol entered, 3 here
        bob < lobby: carol entered, 3 here
        ",
    );
}

#[test]
fn guests_get_names() {
    story(
        "
        one opens plain lobby key=1
        one < you are guest-0952
        one < joined lobby: guest-0952; last 0
        two opens plain lobby nick=guest-2859
        two < joined lobby: guest-0952 guest-2859; last 0
        one < lobby: guest-2859 entered, 2 here

        -- The third would be guest-2859, but for the second.
        three opens v1 key=4
        three > hello
        three < you are guest-2860
        ",
    );
}

#[test]
fn a_person_has_a_few_connections() {
    story(
        "
        desk opens v1
        desk > hello anna key=1
        desk < you are anna
        phone opens v1
        phone > hello key=1
        phone < you are anna
        board opens v1
        board > hello key=1
        board < you are anna
        radio opens v1 lobby
        radio > hello key=1 #1
        radio < error too_many_connections: you have 3 connections here, which is all one person may have; close one first #1

        -- The connection is still nobody's: it may be somebody else's, or hers when there is place.
        radio > who lobby
        radio < error hello_first: the first request has to be hello
        phone closes
        radio > hello key=1 #2
        radio < you are anna #2
        radio < joined lobby: anna; last 0
        ",
    );
}

#[test]
fn hello_comes_first_and_once() {
    story(
        "
        alice opens v1 lobby nick=alice
        alice > join lobby #1
        alice < error hello_first: the first request has to be hello #1
        alice > nick alice
        alice < error hello_first: the first request has to be hello
        alice > hello #2
        alice < you are alice #2
        alice < joined lobby: alice; last 0
        alice > hello #3
        alice < error hello_first: hello was said before on this connection; ask for nick to take another name #3
        bob opens v1 lob*by
        bob > hello bob
        bob < you are bob
        bob < error bad_room: a name cannot contain '*'; use letters, digits and any of - _ .; type /join ROOM to go to another room
        ",
    );
}
