//! What can go wrong, and the whole sentence that says so. A person sees it at once; a program tries again where that
//! can help, until its time is up.

mod support;

use std::io::Write as _;
use std::process::Stdio;

use support::pipe::{Client, failure, silent_success};
use support::server::Server;
use support::terminal::{CLIENT, Terminal};

/// Port 1 (tcpmux, RFC 1078) is nobody's any more, and no program gets it by chance.
const NOBODY: &str = "127.0.0.1:1";

/// Somebody tries in a terminal to get to a server, which is played meanwhile. All they see is this sentence.
#[track_caller]
fn a_person_sees(server: &str, play: impl FnOnce(), sentence: &str) {
    let mut terminal = Terminal::wide(&["--server", server, "--nick", "alice"]);
    play();
    assert_eq!(terminal.ends(), Some(1));
    terminal.shows(&[&format!("client: {sentence}"), "|"]);
    assert!(terminal.is_restored());
}

/// The same, but a program tries, which has nothing to say yet. It is not tried again: the test plays once.
#[track_caller]
fn a_program_is_told(server: &str, play: impl FnOnce(), sentence: &str) {
    let address = server.parse().expect("an address");
    let client = Client::start(address, &["ops", "--nick", "alice", "--timeout", "0"]);
    play();
    assert_eq!(client.ends(), failure(1, &format!("client: {sentence}\n")));
}

#[test]
fn the_host_does_not_exist() {
    // A part of a name has at most 63 letters (RFC 1035 section 2.3.4), so no name service has to be asked.
    let host = "x".repeat(64);
    let sentence = format!("cannot find the host \"{host}\"; check the name or give --server ADDRESS");
    a_person_sees(&host, || {}, &sentence);
}

#[test]
fn nothing_listens_there() {
    let sentence = "nothing listens at 127.0.0.1:1; start one with `server`, or name another with --server";
    a_person_sees(NOBODY, || {}, sentence);
    let nobody = NOBODY.parse().expect("an address");
    let client = Client::fed(nobody, &["ops", "--timeout", "2"], "disk full\n");
    let fault = format!("client: {sentence}\nclient: 1 of 1 line not confirmed\n");
    assert_eq!(client.ends(), failure(1, &fault));
}

#[test]
fn a_web_server_listens_there() {
    let server = Server::listen();
    let at = server.address.to_string();
    let play = || server.answer_http("HTTP/1.1 404 Not Found\r\nContent-Length: 9\r\n\r\nno /ws\x1b[2");
    let sentence =
        format!("{at} refused with HTTP 404 \"no /ws^[[2\"; check that --server names a Snug server");
    a_person_sees(&at, play, &sentence);
    a_program_is_told(&at, play, &sentence);
}

#[test]
fn something_else_listens_there() {
    let server = Server::listen();
    let at = server.address.to_string();
    let play = || {
        server.accept_raw().write_all(b"SSH-2.0-OpenSSH_10.0p2 Debian-7\r\n").expect("it reads");
    };
    let sentence = format!("there is no Snug server at {at}, but something else; check --server");
    a_person_sees(&at, play, &sentence);
    a_program_is_told(&at, play, &sentence);
}

#[test]
fn it_hangs_up_without_a_word() {
    let server = Server::listen();
    let at = server.address.to_string();
    let play = || drop(server.accept_raw());
    a_person_sees(
        &at,
        play,
        &format!("{at} hung up before it said anything; check that it is a Snug server"),
    );
}

#[test]
fn a_websocket_server_that_is_not_snug() {
    let server = Server::listen();
    let at = server.address.to_string();
    let play = || drop(tungstenite::accept(server.accept_raw()));
    let sentence = format!("the server at {at} does not speak snug.v1; check --server, or its version");
    a_person_sees(&at, play, &sentence);
    a_program_is_told(&at, play, &sentence);
}

#[test]
fn a_server_that_is_full_may_have_room_later() {
    let server = Server::listen();
    let at = server.address.to_string();
    let full = || server.answer_http("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\n\r\nfull");
    a_person_sees(&at, full, &format!("{at} refused with HTTP 503 \"full\"; it may work later"));

    let client = Client::fed(server.address, &["ops", "--nick", "alice"], "disk full\n");
    full();
    let mut peer = server.accept();
    peer.greets("alice");
    peer.lets_in("ops", &["alice"], 0);
    peer.stores("ops", "disk full", 1);
    peer.hears_goodbye();
    assert_eq!(client.ends(), silent_success());
}

#[test]
fn the_nick_that_was_asked_for_is_taken() {
    let server = Server::listen();
    let at = server.address.to_string();
    let play = || {
        let mut peer = server.accept();
        let hello = peer.hears("hello");
        assert_eq!(hello["nick"], "alice");
        peer.refuses(&hello, "nick_taken", "the nick alice is taken; type /nick NAME to choose another");
        peer.loses();
    };
    let sentence = "the nick alice is taken; choose another one with --nick";
    a_person_sees(&at, play, sentence);
    a_program_is_told(&at, play, sentence);
}

#[test]
fn the_login_name_is_taken() {
    let server = Server::listen();
    let at = server.address.to_string();
    let mut terminal = Terminal::run(72, "env", &["LOGNAME=alice", CLIENT, "--server", &at]);
    let mut peer = server.accept();
    for nick in ["alice", "alice2"] {
        let hello = peer.hears("hello");
        assert_eq!(hello["nick"], nick);
        peer.refuses(&hello, "nick_taken", "taken");
    }
    assert_eq!(peer.greets("alice3")["nick"], "alice3");
    peer.lets_in("lobby", &["alice", "alice2", "alice3"], 0);
    terminal.shows(&[
        "* you are alice3 (alice is taken); /help lists the commands",
        "* now in lobby: alice, alice2, alice3",
        "lobby> |",
    ]);
}

#[test]
fn nobody_is_called_root() {
    let server = Server::listen();
    let at = server.address.to_string();
    for login in ["root", "pi", "not a nick"] {
        let _terminal = Terminal::run(72, "env", &[&format!("LOGNAME={login}"), CLIENT, "--server", &at]);
        let mut peer = server.accept();
        assert_eq!(peer.greets("guest-4711")["nick"], serde_json::Value::Null);
    }
}

#[test]
fn the_server_does_not_let_us_into_the_room() {
    let server = Server::listen();
    let client = Client::start(server.address, &["ops", "--nick", "alice"]);
    let mut peer = server.accept();
    peer.greets("alice");
    let join = peer.hears("join");
    peer.refuses(&join, "too_many_rooms", "you are in 32 rooms; leave one first");
    peer.loses();
    assert_eq!(client.ends(), failure(1, "client: you are in 32 rooms; leave one first\n"));
}

#[test]
fn what_was_typed_for_a_room_that_does_not_let_us_in_is_shown_again() {
    let server = Server::listen();
    let mut terminal = Terminal::start(server.address, &["lobby", "ops", "--nick", "alice"]);
    let mut peer = server.accept();
    peer.greets("alice");
    peer.lets_in("lobby", &["alice"], 0);
    let join = peer.hears("join");
    terminal.ends_with(&["* now in lobby: nobody else is here", "lobby> |"]);
    terminal.types("\x1b2fire\rx"); // Alt-2
    terminal.ends_with(&["* now in ops", "ops (1 waiting)> x|"]);
    peer.refuses(&join, "too_many_rooms", "you are in 32 rooms");
    terminal.ends_with(&[
        "! [ops] not sent: you are in 32 rooms: fire",
        "! ops did not let you in: you are in 32 rooms",
        "lobby> x|",
    ]);
}

#[test]
fn against_the_rules() {
    let server = Server::listen();
    let play = || {
        let mut peer = server.accept();
        peer.greets("alice");
        peer.closes(1008, "too many pings");
    };
    let sentence = "the server hung up: this was against its rules (too many pings)";
    a_program_is_told(&server.address.to_string(), play, sentence);
}

#[test]
fn what_cannot_be_meant_is_said_before_anything_is_done() {
    for (arguments, sentence) in [
        (
            &["a room"][..],
            "\"a room\" is no room name: a name cannot contain a space; use letters, digits and any of - _ .",
        ),
        (&["ops", "--nick", "@bob"], "--nick: a name cannot begin with '@'; use a letter or a digit"),
        (
            &["ops", "--server", "wss://board"],
            "--server: this version cannot do wss:// yet; use ws:// or HOST:PORT",
        ),
        (
            &["ops", "--server", "board:http"],
            "--server: \"board:http\" is no server address; give HOST, HOST:PORT or ws://HOST:PORT",
        ),
        (&["ops", "--nosuch"], "there is no option --nosuch"),
    ] {
        let client = Client::run(Stdio::null(), arguments);
        assert_eq!(client.ends(), failure(2, &format!("client: {sentence}; see client --help\n")));
    }
}
