//! People talk, over real sockets, in both dialects.

mod support;

use support::Server;

#[test]
fn two_people_in_a_room() {
    let server = Server::start(&[]);
    let mut alice = server.plain("alice", "lobby");
    let mut bob = server.plain("bob", "lobby");
    assert_eq!(alice.next(), "* bob entered");

    bob.say("hello, is anybody here?");
    assert_eq!(alice.next(), "<bob> hello, is anybody here?");
    assert_eq!(bob.next(), "+ 1", "the author gets the tick, not its own line");

    alice.say("/me waves");
    assert_eq!(bob.next(), "<alice> /me waves");
    alice.say("//usr/bin is a path");
    assert_eq!(bob.next(), "<alice> //usr/bin is a path");
    alice.say("two\nlines");
    assert_eq!(bob.next(), "<alice> two\n<alice> lines");

    drop(bob);
    assert_eq!(alice.next(), "+ 2");
    assert_eq!(alice.next(), "+ 3");
    assert_eq!(alice.next(), "+ 4");
    assert_eq!(alice.next(), "* bob left");
}

#[test]
fn both_dialects_meet() {
    let server = Server::start(&[]);
    let mut alice = server.v1_in("alice", "lobby");
    let mut bob = server.plain("bob", "lobby");

    alice.say(r#"{"type":"say","room":"lobby","id":"a1","text":"hi"}"#);
    let tick = alice.event("stored");
    assert_eq!((&tick["id"], &tick["room"], &tick["seq"]), (&"a1".into(), &"lobby".into(), &1.into()));
    assert_eq!(bob.line(), "<alice> hi");

    bob.say("hello");
    let message = alice.event("message");
    assert_eq!(message["nick"], "bob");
    assert_eq!(message["text"], "hello");
    assert_eq!(message["seq"], 2);
    assert!(message.get("id").is_none(), "an id is nobody's business but the author's");
}

#[test]
fn who_comes_late_gets_the_latest() {
    let server = Server::start(&[]);
    let mut alice = server.v1_in("alice", "lobby");
    for number in 1..=60 {
        alice.say(&format!(r#"{{"type":"say","room":"lobby","id":"{number}","text":"line {number}"}}"#));
        assert_eq!(alice.event("stored")["seq"], number);
    }
    let mut bob = server.v1("bob");
    bob.say(r#"{"type":"join","room":"lobby"}"#);
    let joined = bob.event("joined");
    assert_eq!((&joined["first"], &joined["last"], &joined["count"]), (&1.into(), &60.into(), &2.into()));
    for number in 11..=60 {
        assert_eq!(bob.event("message")["text"], format!("line {number}"));
    }

    let mut carol = server.connect("/ws/lobby?nick=carol&last=2", None);
    carol.expect("* you are in lobby");
    assert_eq!(carol.line(), "<alice> line 59");
    assert_eq!(carol.line(), "<alice> line 60");
}

#[test]
fn a_person_comes_back_and_gets_exactly_the_rest() {
    let server = Server::start(&[]);
    let mut bob = server.plain("bob", "lobby");
    let mut alice = server.connect("/ws", Some("snug.v1"));
    alice.say(r#"{"type":"hello","nick":"alice"}"#);
    let welcome = alice.event("welcome");
    alice.say(r#"{"type":"join","room":"lobby"}"#);
    alice.event("joined");
    bob.say("one");
    assert_eq!(alice.event("message")["seq"], 1);
    alice.say(r#"{"type":"say","room":"lobby","id":"lost-tick","text":"two"}"#);
    assert_eq!(bob.line(), "+ 1");
    assert_eq!(bob.line(), "<alice> two");
    drop(alice); // the network is gone, and with it perhaps the tick
    bob.say("three");
    assert_eq!(bob.line(), "+ 3");

    let mut again = server.connect("/ws", Some("snug.v1"));
    again.say(&format!(r#"{{"type":"hello","session":{}}}"#, welcome["session"]));
    assert_eq!(again.event("welcome")["user"], welcome["user"], "the same key is the same person");
    let epoch = &welcome["epoch"];
    again.say(&format!(r#"{{"type":"join","room":"lobby","after":{{"epoch":{epoch},"seq":1}}}}"#));
    again.event("joined");
    let own = again.event("message");
    assert_eq!((&own["seq"], &own["id"]), (&2.into(), &"lost-tick".into()));
    assert_eq!(again.event("message")["text"], "three");

    again.say(r#"{"type":"say","room":"lobby","id":"lost-tick","text":"two"}"#);
    let tick = again.event("stored");
    assert_eq!((&tick["seq"], &tick["dup"]), (&2.into(), &true.into()), "sent again, it is not said again");
    again.say(r#"{"type":"say","room":"lobby","id":"lost-tick","text":"something else"}"#);
    assert_eq!(again.event("error")["code"], "id_conflict");
}

#[test]
fn a_position_of_another_life_is_a_reset() {
    let server = Server::start(&[]);
    server.plain("bob", "lobby").say("hello");
    let mut alice = server.v1("alice");
    alice.say(r#"{"type":"join","room":"lobby","after":{"epoch":"0123456789abcdef","seq":7}}"#);
    alice.event("joined");
    let reset = alice.event("reset");
    assert_eq!((&reset["reason"], &reset["first"], &reset["last"]), (&"epoch".into(), &1.into(), &1.into()));
    assert_eq!(alice.event("message")["text"], "hello");
}

#[test]
fn two_terminals_of_one_person() {
    let server = Server::start(&[]);
    let mut desk = server.connect("/ws", Some("snug.v1"));
    desk.say(r#"{"type":"hello","nick":"alice"}"#);
    let key = desk.event("welcome")["session"].clone();
    let mut sofa = server.connect("/ws", Some("snug.v1"));
    sofa.say(&format!(r#"{{"type":"hello","session":{key}}}"#));
    assert_eq!(sofa.event("welcome")["nick"], "alice", "the name is not taken: it is hers");
    for terminal in [&mut desk, &mut sofa] {
        terminal.say(r#"{"type":"join","room":"lobby"}"#);
        assert_eq!(terminal.event("joined")["count"], 1, "one person, however many terminals");
    }
    desk.say(r#"{"type":"say","room":"lobby","id":"x","text":"from the desk"}"#);
    desk.event("stored");
    let seen = sofa.event("message");
    assert_eq!((&seen["text"], &seen["id"]), (&"from the desk".into(), &"x".into()));
}

#[test]
fn what_is_wrong_is_said_and_the_connection_lives() {
    let server = Server::start(&[]);
    let _alice = server.plain("alice", "lobby");

    let mut bob = server.connect("/ws/lobby?nick=alice", None);
    bob.expect("! nick_taken ");
    bob.say("/nick bob");
    bob.expect("* you are bob");
    bob.expect("* you are in lobby");
    bob.say("/dance");
    bob.expect("! unknown_request there is no /dance");
    bob.say("red \u{1b}[31m");
    bob.expect("! bad_text a text cannot contain the control character U+001B");

    let mut carol = server.connect("/ws", Some("snug.v1"));
    for (request, code) in [
        (r#"{"type":"join","room":"lobby"}"#, "hello_first"),
        (r#"{"type":"hello","nick":"alice"}"#, "nick_taken"),
        (r#"{"type":"hello","nick":"a b"}"#, "bad_nick"),
        ("not JSON", "bad_request"),
    ] {
        carol.say(request);
        assert_eq!(carol.event("error")["code"], code, "{request}");
    }
    carol.say(r#"{"type":"hello","nick":"carol","id":"7"}"#);
    assert_eq!(carol.event("welcome")["id"], "7");
    for (request, code) in [
        (r#"{"type":"dance","id":"8"}"#, "unknown_request"),
        (r#"{"type":"join","room":"../etc","id":"8"}"#, "bad_room"),
        (r#"{"type":"say","room":"lobby","text":"hi","id":"8"}"#, "not_in_room"),
    ] {
        carol.say(request);
        let error = carol.event("error");
        assert_eq!((&error["code"], &error["id"]), (&code.into(), &"8".into()), "{request}");
    }
}

#[test]
fn rooms_do_not_hear_each_other() {
    let server = Server::start(&[]);
    let mut alice = server.plain("alice", "kitchen");
    let mut bob = server.plain("bob", "attic");
    bob.say("only for the attic");
    assert_eq!(bob.next(), "+ 1");
    alice.say("is anybody here?");
    assert_eq!(alice.next(), "+ 1", "the kitchen counts for itself, and nothing came before");
}

/// Everyone sees each entry once, in one order, however many talk at once and however they hang up.
#[test]
fn many_talk_at_once() {
    const PEOPLE: usize = 20;
    const LINES: usize = 50;
    let server = Server::start(&["--max-rate", "0"]);
    let barrier = std::sync::Barrier::new(PEOPLE);
    let logs: Vec<Vec<String>> = std::thread::scope(|scope| {
        let people: Vec<_> = (0..PEOPLE)
            .map(|person| {
                let (server, barrier) = (&server, &barrier);
                scope.spawn(move || {
                    let nick = format!("p{person}");
                    let mut me = server.plain(&nick, "lobby");
                    barrier.wait();
                    for line in 0..LINES {
                        me.say(&format!("{line}"));
                    }
                    // Others' lines, and a tick in the place of each of one's own.
                    (0..PEOPLE * LINES).map(|_| me.line()).collect()
                })
            })
            .collect();
        people.into_iter().map(|person| person.join().expect("nobody fails")).collect()
    });

    for (person, log) in logs.iter().enumerate() {
        let ticks = log.iter().filter(|line| line.starts_with("+ ")).count();
        assert_eq!(ticks, LINES, "p{person} got a tick for each line");
        for other in (0..PEOPLE).filter(|other| *other != person) {
            let prefix = format!("<p{other}> ");
            let said: Vec<_> = log.iter().filter_map(|line| line.strip_prefix(&prefix)).collect();
            let expected: Vec<_> = (0..LINES).map(|line| line.to_string()).collect();
            assert_eq!(said, expected, "what p{person} heard of p{other}");
        }
    }
    // One order: the n-th line of everybody is the same entry, or one's own tick with the number n.
    for place in 0..PEOPLE * LINES {
        let mut seen: Vec<&str> = logs.iter().map(|log| log[place].as_str()).collect();
        seen.sort_unstable();
        seen.dedup();
        let tick = format!("+ {}", place + 1);
        assert!(seen.contains(&tick.as_str()), "nobody said number {}: {seen:?}", place + 1);
        assert_eq!(seen.len(), 2, "one tick and one line in place {place}: {seen:?}");
    }
}
