//! The client among programs: lines come from a pipe or a file, and nobody is there to see what goes wrong but the
//! exit code and stderr.

mod support;

use std::fs::File;
use std::io::Write as _;
use std::process::Stdio;

use rustix::process::Signal;
use serde_json::{Value, json};
use support::pipe::{Client, Ended, failure, silent_success};
use support::server::{EPOCH, Peer, Server, message, person};

/// What every client here is started with.
const OPS: &[&str] = &["ops", "--nick", "board"];

/// The next client, let into a room in which nobody else is and nothing has been said.
fn in_ops(server: &Server) -> Peer {
    let mut peer = server.accept();
    peer.greets("board");
    peer.lets_in("ops", &["board"], 0);
    peer
}

#[test]
fn it_says_a_line_and_ends_without_a_word() {
    let server = Server::listen();
    let client = Client::fed(server.address, OPS, "disk full\n");
    let mut peer = server.accept();
    let hello = peer.greets("board");
    assert_eq!((hello["nick"].as_str(), hello["session"].as_str().map(str::len)), (Some("board"), Some(32)));
    let join = peer.lets_in("ops", &["board", "bob"], 7);
    assert_eq!(join["last"], 0, "a program wants nothing of the past");
    peer.stores("ops", "disk full", 8);
    peer.hears_goodbye();
    assert_eq!(client.ends(), silent_success());
}

#[test]
fn it_waits_for_the_last_tick() {
    let server = Server::listen();
    let client = Client::fed(server.address, OPS, "one\ntwo\n");
    let mut peer = in_ops(&server);
    let (one, two) = (peer.hears_said("ops", "one"), peer.hears_said("ops", "two"));
    assert_ne!(one, two);
    // They may come in any order; with the first of them it is not done.
    peer.ticks("ops", &two, 2);
    peer.says("ops", 3, "bob", "seen");
    peer.ticks("ops", &one, 1);
    peer.hears_goodbye();
    assert_eq!(client.ends(), silent_success());
}

#[test]
fn lines_are_text_and_never_commands() {
    let server = Server::listen();
    let client =
        Client::fed(server.address, OPS, "from DOS\r\n\n \t\r\n/quit\n//two\n /join lobby\n<bob> x\nno end");
    let mut peer = in_ops(&server);
    for (seq, line) in (1..).zip(["from DOS", "/quit", "//two", " /join lobby", "<bob> x", "no end"]) {
        peer.stores("ops", line, seq);
    }
    peer.hears_goodbye();
    assert_eq!(client.ends(), silent_success());
}

#[test]
fn nothing_to_say_is_soon_said() {
    let server = Server::listen();
    let client = Client::fed(server.address, OPS, "\n\r\n\n");
    assert_eq!(client.ends(), silent_success());
}

#[test]
fn it_speaks_in_one_room() {
    let fault = "client: name the one room to speak in, as in `echo \"disk full\" | client ops`\n";
    for rooms in [&[][..], &["ops", "lobby"]] {
        let client = Client::run(Stdio::null(), rooms);
        assert_eq!(client.ends(), failure(2, fault), "{rooms:?}");
    }
}

#[test]
fn a_regular_file_is_read_like_a_pipe() {
    let path = std::env::temp_dir().join(format!("snug-client-{}-lines", std::process::id()));
    let mut file = File::create(&path).expect("a file");
    file.write_all(b"one\ntwo\n").expect("a file");
    let file = File::open(&path).expect("the same file");
    let server = Server::listen();
    let client = Client::reading(server.address, OPS, file);
    std::fs::remove_file(&path).expect("the same file");
    let mut peer = in_ops(&server);
    peer.stores("ops", "one", 1);
    peer.stores("ops", "two", 2);
    peer.hears_goodbye();
    assert_eq!(client.ends(), silent_success());
}

#[test]
fn lines_are_said_as_they_come() {
    let server = Server::listen();
    let mut client = Client::start(server.address, OPS);
    let mut peer = in_ops(&server);
    client.writes("one\ntw");
    peer.stores("ops", "one", 1);
    client.writes("o\n");
    peer.stores("ops", "two", 2);
    client.ends_input();
    peer.hears_goodbye();
    assert_eq!(client.ends(), silent_success());
}

#[test]
fn what_is_not_confirmed_in_time_is_counted() {
    let server = Server::listen();
    let lines = "1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n";
    let client = Client::fed(server.address, &[OPS, &["--timeout", "3"]].concat(), lines);
    let mut peer = in_ops(&server);
    let ids: Vec<String> = (1..=10).map(|line| peer.hears_said("ops", &line.to_string())).collect();
    for (seq, id) in (1..=7).zip(&ids) {
        peer.ticks("ops", id, seq);
    }
    let fault = "client: the server does not confirm\nclient: 3 of 10 lines not confirmed\n";
    assert_eq!(client.ends(), failure(1, fault));
    peer.loses();
}

#[test]
fn it_does_not_try_for_ever() {
    // It is connected to, but nobody ever answers.
    let server = Server::listen();
    let client = Client::fed(server.address, &[OPS, &["--timeout", "2"]].concat(), "disk full\n");
    let fault = "client: no connection in time\nclient: 1 of 1 line not confirmed\n";
    assert_eq!(client.ends(), failure(1, fault));
}

#[test]
fn after_a_break_it_sends_again_what_has_no_tick() {
    let server = Server::listen();
    let mut client = Client::start(server.address, OPS);
    client.writes("one\ntwo\n");
    let mut peer = server.accept();
    let hello = peer.greets("board");
    peer.lets_in("ops", &["board"], 0);
    peer.stores("ops", "one", 1);
    let id = peer.hears_said("ops", "two");
    drop(peer);

    let mut peer = server.accept();
    let again = peer.greets("board");
    assert_eq!(again["session"], hello["session"], "it is the same person");
    let join = peer.lets_in("ops", &["board"], 1);
    assert_eq!(join["after"], json!({ "epoch": EPOCH, "seq": 1 }));
    assert_eq!(peer.hears_said("ops", "two"), id, "the same words have the same id");
    peer.ticks("ops", &id, 2);
    client.writes("three\n");
    client.ends_input();
    peer.stores("ops", "three", 3);
    peer.hears_goodbye();
    assert_eq!(client.ends(), silent_success());
}

#[test]
fn what_the_server_had_taken_before_the_break_is_not_said_twice() {
    let server = Server::listen();
    let client = Client::fed(server.address, OPS, "one\n");
    let mut peer = in_ops(&server);
    let id = peer.hears_said("ops", "one");
    drop(peer);

    // It was stored, and only the tick was lost. Among what was missed the client finds its own words.
    let mut peer = server.accept();
    peer.greets("board");
    peer.lets_in("ops", &["board"], 1);
    assert_eq!(peer.hears_said("ops", "one"), id);
    let mut entry = message("ops", 1, "board", "one");
    entry["id"] = json!(id);
    peer.tells(&entry);
    peer.hears_goodbye();
    assert_eq!(client.ends(), silent_success());
}

#[test]
fn it_comes_back_when_the_server_starts_again() {
    let server = Server::listen();
    let client = Client::fed(server.address, OPS, "one\n");
    in_ops(&server).closes(1012, "restarting");
    let mut peer = in_ops(&server);
    peer.stores("ops", "one", 1);
    peer.hears_goodbye();
    assert_eq!(client.ends(), silent_success());
}

#[test]
fn what_may_not_be_said_is_replaced_and_what_is_too_long_is_not_said() {
    let server = Server::listen();
    let long = "x".repeat(15361);
    let input = [b"caf\xe9 \x1b[31m\n", long.as_bytes(), b"\nend\n"].concat();
    let client = Client::fed(server.address, OPS, input);
    let mut peer = in_ops(&server);
    peer.stores("ops", "caf\u{fffd} \u{fffd}[31m", 1);
    peer.stores("ops", "end", 2);
    peer.hears_goodbye();
    let stderr = "client: line 1 is not all UTF-8 text without control characters; the rest is sent with \u{fffd} in it\n\
                  client: line 2 is not sent: it is longer than 15360 bytes\n\
                  client: 1 of 3 lines not confirmed\n";
    assert_eq!(client.ends(), failure(1, stderr));
}

#[test]
fn what_the_server_refuses_is_not_confirmed() {
    let server = Server::listen();
    let client = Client::fed(server.address, OPS, "one\ntwo\n");
    let mut peer = in_ops(&server);
    peer.stores("ops", "one", 1);
    let two = peer.hears("say");
    peer.refuses(&two, "storage_full", "the disk is full\x1b[2J");
    peer.hears_goodbye();
    let stderr = "client: not sent: the disk is full^[[2J: two\nclient: 1 of 2 lines not confirmed\n";
    assert_eq!(client.ends(), failure(1, stderr));
}

#[test]
fn following_prints_what_others_say() {
    let server = Server::listen();
    let mut client = Client::fed(server.address, &[OPS, &["--follow"]].concat(), "hello\n");
    let mut peer = in_ops(&server);
    peer.stores("ops", "hello", 1);
    // The input has ended long ago, and what we say ourselves is not printed.
    peer.says("ops", 2, "bob", "fire!\nin the kitchen");
    peer.tells(&json!({ "type": "presence", "room": "ops", "entered": [person("amy")], "count": 3 }));
    let mut waves = message("ops", 3, "bob", "waves");
    waves["kind"] = json!("me");
    peer.tells(&waves);
    peer.says("ops", 4, "bob", "\u{1b}]0;evil\u{7}");
    let printed = [client.prints(), client.prints(), client.prints(), client.prints()];
    assert_eq!(printed, ["<bob> fire!", "<bob> in the kitchen", "<bob> /me waves", "<bob> ^[]0;evil^G"]);
    client.signal(Signal::TERM);
    peer.hears_goodbye();
    assert_eq!(client.ends(), silent_success());
}

#[test]
fn following_tells_of_a_break_on_stderr() {
    let server = Server::listen();
    let mut client = Client::fed(server.address, &[OPS, &["--follow"]].concat(), "");
    let mut peer = in_ops(&server);
    peer.says("ops", 1, "bob", "one");
    assert_eq!(client.prints(), "<bob> one");
    peer.closes(1012, "");
    let mut peer = server.accept();
    peer.greets("board");
    let join = peer.lets_in("ops", &["board"], 2);
    assert_eq!(join["after"], json!({ "epoch": EPOCH, "seq": 1 }));
    peer.says("ops", 2, "bob", "two");
    assert_eq!(client.prints(), "<bob> two");
    client.signal(Signal::INT);
    peer.hears_goodbye();
    let stderr = "client: the server is restarting; trying again\nclient: connected again\n";
    assert_eq!(client.ends(), Ended { stderr: stderr.into(), ..silent_success() });
}

#[test]
fn json_is_one_object_a_line_and_keeps_the_secret() {
    let server = Server::listen();
    let mut client = Client::start(server.address, &[OPS, &["--json"]].concat());
    let mut peer = server.accept();
    let hello = peer.greets("board");
    peer.lets_in("ops", &["board"], 0);
    client.writes("one\n");
    peer.stores("ops", "one", 1);
    peer.says("ops", 2, "bob", "a\nb\u{7f}");
    let lines: Vec<String> = (0..4).map(|_| client.prints()).collect();
    let events: Vec<Value> =
        lines.iter().map(|line| serde_json::from_str(line).expect("an object on each line")).collect();
    let types: Vec<&str> = events.iter().filter_map(|event| event["type"].as_str()).collect();
    assert_eq!(types, ["welcome", "joined", "stored", "message"]);
    assert_eq!(events[3], message("ops", 2, "bob", "a\nb\u{7f}"));
    let secret = hello["session"].as_str().expect("a session");
    assert!(
        lines.iter().all(|line| !line.contains(secret) && !line.chars().any(char::is_control)),
        "{lines:?}"
    );
    client.ends_input();
    peer.hears_goodbye();
    assert_eq!(client.ends(), silent_success());
}

#[test]
fn it_ends_quietly_when_nobody_reads_its_output() {
    let server = Server::listen();
    for flag in ["--follow", "--json"] {
        let mut client = Client::start(server.address, &[OPS, &[flag]].concat());
        let peer = in_ops(&server);
        client.closes_output();
        peer.loses();
        assert_eq!(client.ends(), silent_success(), "{flag}");
    }
}

#[test]
fn who_stops_it_is_told_what_was_not_confirmed() {
    let server = Server::listen();
    let mut client = Client::start(server.address, OPS);
    client.writes("one\ntwo\n");
    let mut peer = in_ops(&server);
    peer.stores("ops", "one", 1);
    peer.hears_said("ops", "two");
    client.signal(Signal::TERM);
    peer.hears_goodbye();
    assert_eq!(client.ends(), failure(1, "client: 1 of 2 lines not confirmed; the rest was not read\n"));
}
