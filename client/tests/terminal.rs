//! Talking in a terminal. Each screen is drawn as it should be, with `|` where the cursor is; the drawings make this
//! longer than 400 lines.

mod support;

use rustix::process::Signal;
use serde_json::{Value, json};
use support::server::{EPOCH, Peer, Server, message, person};
use support::terminal::{CLIENT, Terminal};

const LEFT: &str = "\x1b[D";
const CTRL_C: &str = "\x03";
const CTRL_D: &str = "\x04";
const CTRL_Z: &str = "\x1a";

/// What Alice sees at first.
const WELCOME: &str = "* you are alice; /help lists the commands";

/// Alice is in the lobby, with Bob. Nothing has been said yet.
fn in_the_lobby() -> (Server, Terminal, Peer) {
    let server = Server::listen();
    let mut terminal = Terminal::start(server.address, &["lobby", "--nick", "alice"]);
    let mut peer = server.accept();
    peer.greets("alice");
    peer.lets_in("lobby", &["alice", "bob"], 0);
    terminal.shows(&[WELCOME, "* now in lobby: alice, bob", "lobby> |"]);
    (server, terminal, peer)
}

#[test]
fn two_people_talk() {
    let (_server, mut terminal, mut peer) = in_the_lobby();
    peer.says("lobby", 1, "bob", "hello Alice");
    terminal.ends_with(&["<bob> hello Alice", "lobby> |"]);
    terminal.types("hello Bob");
    terminal.ends_with(&["<bob> hello Alice", "lobby> hello Bob|"]);
    terminal.types("\r");
    peer.stores("lobby", "hello Bob", 2);
    terminal.shows(&[
        WELCOME,
        "* now in lobby: alice, bob",
        "<bob> hello Alice",
        "<alice> hello Bob",
        "lobby> |",
    ]);
}

#[test]
fn what_arrives_appears_above_the_line_being_typed() {
    let (_server, mut terminal, mut peer) = in_the_lobby();
    terminal.types(&["how are yuo", LEFT, LEFT].concat());
    terminal.ends_with(&["lobby> how are y|uo"]);
    peer.says("lobby", 1, "bob", "fine\nthanks");
    peer.tells(&json!({ "type": "presence", "room": "lobby", "entered": [person("carol")], "count": 3 }));
    let above = [WELCOME, "* now in lobby: alice, bob", "<bob> fine", "<bob> thanks", "* carol entered"];
    terminal.shows(&[&above[..], &["lobby> how are y|uo"]].concat());
    // Cursor and line are what they look like.
    terminal.types("\x14\r"); // C-t swaps the letters around the cursor
    peer.stores("lobby", "how are uyo", 2);
    terminal.shows(&[&above[..], &["<alice> how are uyo", "lobby> |"]].concat());
}

#[test]
fn wide_letters_and_emoji() {
    let (_server, mut terminal, mut peer) = in_the_lobby();
    terminal.types("部屋 é👍!");
    terminal.ends_with(&["lobby> 部屋 é👍!|"]);
    terminal.types(&[LEFT, LEFT].concat());
    terminal.ends_with(&["lobby> 部屋 é|👍!"]);
    peer.says("lobby", 1, "bob", "寒い");
    terminal.ends_with(&["<bob> 寒い", "lobby> 部屋 é|👍!"]);
    terminal.types(&[LEFT, LEFT, "\x7f"].concat()); // Backspace
    terminal.ends_with(&["<bob> 寒い", "lobby> 部| é👍!"]);
    terminal.types("\x1b[3~\x1b[3~"); // Delete
    terminal.ends_with(&["<bob> 寒い", "lobby> 部|👍!"]);
    terminal.types("\r");
    peer.stores("lobby", "部👍!", 2);
    terminal.ends_with(&["<bob> 寒い", "<alice> 部👍!", "lobby> |"]);
}

#[test]
fn a_paste_never_sends_by_itself() {
    let (_server, mut terminal, mut peer) = in_the_lobby();
    terminal.pastes("one\r/quit\ntwo\r\n");
    terminal.ends_with(&["lobby> one^J/quit^Jtwo|"]);
    terminal.types("!\r");
    peer.stores("lobby", "one\n/quit\ntwo!", 1);
    terminal.ends_with(&["<alice> one", "<alice> /quit", "<alice> two!", "lobby> |"]);
}

#[test]
fn commands() {
    let (_server, mut terminal, mut peer) = in_the_lobby();
    let alice = person("alice");
    terminal.types("/me waves\r");
    let waves = peer.hears("say");
    assert_eq!((&waves["text"], &waves["kind"]), (&json!("waves"), &json!("me")));
    peer.ticks("lobby", waves["id"].as_str().expect("an id"), 1);
    terminal.ends_with(&["** alice waves", "lobby> |"]);

    terminal.types("//me is no command here\r");
    peer.stores("lobby", "/me is no command here", 2);
    terminal.ends_with(&["<alice> /me is no command here", "lobby> |"]);

    terminal.types("/who\r");
    let who = peer.hears("who");
    peer.tells(&json!({ "type": "who", "id": who["id"], "room": "lobby", "people": [alice], "count": 1 }));
    terminal.ends_with(&["* in lobby: nobody else is here", "lobby> |"]);

    terminal.types("/rooms\r");
    let rooms = peer.hears("rooms");
    let list = json!([{ "room": "lobby", "count": 1 }, { "room": "ops", "count": 2, "topic": "tea" }]);
    peer.tells(&json!({ "type": "rooms", "id": rooms["id"], "rooms": list }));
    terminal.ends_with(&["* lobby (1)", "* ops (2): tea", "lobby> |"]);

    terminal.types("/topic tea at four\r");
    let topic = peer.hears("topic");
    assert_eq!(topic["text"], "tea at four");
    peer.ticks("lobby", topic["id"].as_str().expect("an id"), 3);
    terminal.ends_with(&["* alice set the topic of lobby: tea at four", "lobby> |"]);

    terminal.types("/nick ally\r");
    let nick = peer.hears("nick");
    assert_eq!(nick["nick"], "ally");
    let (id, user) = (&nick["id"], &alice["user"]);
    peer.tells(&json!({ "type": "renamed", "id": id, "user": user, "was": "alice", "nick": "ally" }));
    terminal.ends_with(&["* you are now called ally (until now alice)", "lobby> |"]);

    terminal.types("/quit\r");
    peer.hears_goodbye();
    assert_eq!(terminal.ends(), Some(0));
}

#[test]
fn an_unknown_command_is_never_said() {
    let (_server, mut terminal, mut peer) = in_the_lobby();
    terminal.types("/jion ops\r");
    // What was typed is still there, to be mended.
    terminal.awaits("the line again", |screen| screen.contents().ends_with("\nlobby> /jion ops"));
    terminal.types("\x15hello\r"); // C-u takes the line away
    peer.stores("lobby", "hello", 1);
    terminal.ends_with(&["<alice> hello", "lobby> |"]);
}

#[test]
fn who_comes_and_goes_is_told() {
    let (_server, mut terminal, mut peer) = in_the_lobby();
    peer.tells(&json!({ "type": "presence", "room": "lobby", "entered": [person("carol"), person("dan")], "count": 4 }));
    terminal.ends_with(&["* carol, dan entered", "lobby> |"]);
    let user = person("bob")["user"].clone();
    peer.tells(&json!({ "type": "renamed", "room": "lobby", "user": user, "was": "bob", "nick": "rob" }));
    terminal.ends_with(&["* bob is now called rob", "lobby> |"]);
    peer.tells(&json!({ "type": "presence", "room": "lobby", "left": [person("carol")], "count": 3 }));
    terminal.ends_with(&["* carol left", "lobby> |"]);
}

#[test]
fn tab_completes() {
    let (_server, mut terminal, mut peer) = in_the_lobby();
    terminal.types("/top\t");
    terminal.ends_with(&["lobby> /topic |"]);
    terminal.types("\x15b\tlook");
    terminal.ends_with(&["lobby> bob: look|"]);
    terminal.types("\r");
    peer.stores("lobby", "bob: look", 1);
    terminal.types("/who \t");
    terminal.ends_with(&["<alice> bob: look", "lobby> /who lobby|"]);
}

#[test]
fn several_rooms() {
    let server = Server::listen();
    let mut terminal = Terminal::start(server.address, &["lobby", "ops", "--nick", "alice"]);
    let mut peer = server.accept();
    peer.greets("alice");
    peer.lets_in("lobby", &["alice"], 0);
    peer.lets_in("ops", &["alice", "bob"], 0);
    peer.says("ops", 1, "bob", "fire");
    let seen = [
        WELCOME,
        "* now in lobby: nobody else is here",
        "* [ops] now in ops: alice, bob",
        "[ops] <bob> fire",
    ];
    terminal.shows(&[&seen[..], &["lobby> |"]].concat());

    // A line half typed goes along to another room.
    terminal.types("where\x1b2?"); // Alt-2
    terminal.shows(&[&seen[..], &["* now in ops", "ops> where?|"]].concat());
    terminal.types("\r");
    peer.stores("ops", "where?", 2);
    peer.says("lobby", 1, "carol", "hi");
    terminal.ends_with(&["* now in ops", "<alice> where?", "[lobby] <carol> hi", "ops> |"]);

    terminal.types("/join Cellar\r");
    assert_eq!(peer.lets_in("cellar", &["alice"], 0)["room"], "cellar");
    terminal.ends_with(&["* now in cellar: nobody else is here", "cellar> |"]);
    terminal.types("/leave\r");
    let leave = peer.hears("leave");
    peer.tells(&json!({ "type": "left", "id": leave["id"], "room": leave["room"] }));
    terminal.ends_with(&["* you have left cellar; now in lobby", "lobby> |"]);
}

#[test]
fn what_others_write_can_only_be_read() {
    let (_server, mut terminal, mut peer) = in_the_lobby();
    peer.says("lobby", 1, "bob", "\x1b[2J\x1b[H\x07\u{9b}31mred\u{202e}txt.exe");
    peer.says("lobby", 2, "bob", "over\r<carol> forged\x08");
    peer.says("lobby", 3, "bob\x1b[1m", "hi");
    let mut topic = message("lobby", 4, "bob", "\x1b]0;title\x07");
    topic["kind"] = json!("topic");
    peer.tells(&topic);
    terminal.shows(&[
        WELCOME,
        "* now in lobby: alice, bob",
        "<bob> ^[[2J^[[H^G<U+009B>31mred<U+202E>txt.exe",
        "<bob> over^M<carol> forged^H",
        "<bob^[[1m> hi",
        "* bob set the topic of lobby: ^[]0;title^G",
        "lobby> |",
    ]);
}

#[test]
fn the_window_gets_another_size() {
    let (_server, mut terminal, mut peer) = in_the_lobby();
    terminal.types("a line that is longer than a small window");
    terminal.ends_with(&["lobby> a line that is longer than a small window|"]);
    terminal.resizes(30);
    terminal.ends_with(&["lobby> <all window|"]);
    terminal.resizes(60);
    terminal.ends_with(&["lobby> a line that is longer than a small window|"]);
    terminal.types("\r");
    peer.stores("lobby", "a line that is longer than a small window", 1);
}

#[test]
fn a_terminal_that_promises_nothing_gets_text_only() {
    let server = Server::listen();
    let at = server.address.to_string();
    let arguments = ["TERM=dumb", CLIENT, "lobby", "--nick", "alice", "--server", &at];
    let mut terminal = Terminal::run(72, "env", &arguments);
    let mut peer = server.accept();
    peer.greets("alice");
    peer.lets_in("lobby", &["alice", "bob"], 0);
    terminal.types(&["helo", LEFT].concat());
    terminal.ends_with(&["lobby> hel|o"]);
    peer.says("lobby", 1, "bob", "hi");
    terminal.types("l");
    terminal.shows(&[WELCOME, "* now in lobby: alice, bob", "<bob> hi", "lobby> hell|o"]);
    terminal.types(CTRL_C);
    peer.hears_goodbye();
    assert_eq!(terminal.ends(), Some(0));
    assert!(!terminal.written().contains(&0x1b), "{:?}", String::from_utf8_lossy(terminal.written()));
}

#[test]
fn ctrl_c_leaves_and_so_does_ctrl_d_on_an_empty_line() {
    for keys in [CTRL_C, "half a line\x03", CTRL_D, &["x", LEFT, CTRL_D, CTRL_D].concat()] {
        let (_server, mut terminal, peer) = in_the_lobby();
        assert!(!terminal.is_restored(), "it is raw while one types");
        terminal.types(keys);
        peer.hears_goodbye();
        assert_eq!(terminal.ends(), Some(0));
        terminal.shows(&[WELCOME, "* now in lobby: alice, bob", "|"]);
        assert!(terminal.is_restored());
    }
}

#[test]
fn leaving_does_not_lose_a_line_without_a_word() {
    let (_server, mut terminal, mut peer) = in_the_lobby();
    terminal.types("wait for me\r");
    peer.hears_said("lobby", "wait for me");
    terminal.types(CTRL_C);
    terminal.awaits("a warning", |screen| screen.contents().contains("! 1 of your lines not confirmed yet"));
    terminal.types(CTRL_C);
    peer.hears_goodbye();
    assert_eq!(terminal.ends(), Some(1));
    terminal.ends_with(&["client: 1 of your lines not confirmed by the server", "|"]);
    assert!(terminal.is_restored());
}

#[test]
fn a_signal_that_ends_it_restores_the_terminal() {
    for signal in [Signal::TERM, Signal::INT, Signal::HUP] {
        let (_server, mut terminal, peer) = in_the_lobby();
        terminal.types("half a line");
        terminal.ends_with(&["lobby> half a line|"]);
        assert!(!terminal.is_restored());
        terminal.signal(signal);
        peer.hears_goodbye();
        assert_eq!(terminal.ends(), Some(0));
        terminal.shows(&[WELCOME, "* now in lobby: alice, bob", "|"]);
        assert!(terminal.is_restored());
    }
}

#[test]
fn it_ends_with_its_window() {
    let (_server, terminal, peer) = in_the_lobby();
    let mut process = terminal.vanishes();
    peer.hears_goodbye();
    process.ends(|| {});
}

#[test]
fn a_panic_restores_the_terminal() {
    let this = std::env::current_exe().expect("a path");
    let this = this.to_str().expect("a path in UTF-8");
    let mut terminal = Terminal::run(72, this, &["--ignored", "--exact", "panicking", "--nocapture"]);
    terminal.awaits("raw mode", |screen| screen.contents().contains("ready"));
    assert!(!terminal.is_restored());
    terminal.types("x");
    terminal.awaits("a panic", |screen| screen.contents().contains("on purpose"));
    assert!(terminal.is_restored());
}

#[test]
#[ignore = "is run by `a_panic_restores_the_terminal`, in a terminal of its own"]
fn panicking() {
    let poll = mio::Poll::new().expect("a poll");
    let terminal = client::term::Terminal::open(poll.registry(), mio::Token(0));
    let mut terminal = terminal.expect("this test has a terminal");
    terminal.write(b"ready");
    while terminal.read(&mut [0]).is_err() {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    // In another thread: if it were dropped in this one, that would restore the terminal as well.
    let _ = std::thread::spawn(|| panic!("on purpose")).join();
    loop {
        std::thread::park();
    }
}

#[test]
fn ctrl_z_and_fg() {
    let server = Server::listen();
    let at = server.address.to_string();
    let script = r#""$0" --server "$1" lobby --nick alice; echo stopped; read answer; fg >/dev/null; echo "ended: $?""#;
    let mut terminal = Terminal::run(72, "sh", &["-mc", script, CLIENT, &at]);
    let mut peer = server.accept();
    peer.greets("alice");
    peer.lets_in("lobby", &["alice", "bob"], 0);
    terminal.types("half a ");
    terminal.shows(&[WELCOME, "* now in lobby: alice, bob", "lobby> half a |"]);
    assert!(!terminal.is_restored());
    terminal.types(CTRL_Z);
    terminal.ends_with(&["stopped", "|"]);
    assert!(terminal.is_restored());

    peer.says("lobby", 1, "bob", "meanwhile");
    terminal.types("\n");
    terminal.ends_with(&["stopped", "", "<bob> meanwhile", "lobby> half a |"]);
    assert!(!terminal.is_restored());
    terminal.types("line\r");
    peer.stores("lobby", "half a line", 2);
    terminal.types(CTRL_C);
    peer.hears_goodbye();
    assert_eq!(terminal.ends(), Some(0));
    terminal.ends_with(&["<alice> half a line", "ended: 0", "|"]);
    assert!(terminal.is_restored());
}

#[test]
fn it_goes_on_after_a_stop_that_nobody_told_it_of() {
    let (_server, mut terminal, mut peer) = in_the_lobby();
    terminal.types("half a ");
    terminal.ends_with(&["lobby> half a |"]);
    terminal.signal(Signal::STOP);
    terminal.stops();
    // Whoever stopped it has the terminal for themselves, in whatever mode.
    terminal.is_reset();
    terminal.is_written_on("\r\nmake: done\r\n");
    terminal.ends_with(&["lobby> half a", "make: done", "|"]);
    terminal.signal(Signal::CONT);
    terminal.ends_with(&["lobby> half a", "make: done", "lobby> half a |"]);
    assert!(!terminal.is_restored());
    terminal.types("line\r");
    peer.stores("lobby", "half a line", 1);
    terminal.ends_with(&["<alice> half a line", "lobby> |"]);
}

#[test]
fn what_is_typed_during_a_break_is_said_once_when_the_server_is_back() {
    let (server, mut terminal, mut peer) = in_the_lobby();
    peer.says("lobby", 1, "bob", "one");
    terminal.ends_with(&["<bob> one", "lobby> |"]);
    terminal.types("are you th");
    terminal.ends_with(&["lobby> are you th|"]);
    drop(peer);
    terminal.ends_with(&["lobby (not connected)> are you th|"]);
    terminal.types("ere?\rhello?\r");
    terminal.ends_with(&[
        "* waiting to be sent: are you there?",
        "* waiting to be sent: hello?",
        "lobby (not connected, 2 waiting)> |",
    ]);

    let mut peer = server.accept();
    let hello = peer.greets("alice");
    assert_eq!(hello["nick"], "alice");
    let join = peer.lets_in("lobby", &["alice", "bob"], 2);
    assert_eq!(join["after"], json!({ "epoch": EPOCH, "seq": 1 }));
    peer.says("lobby", 2, "bob", "two");
    peer.stores("lobby", "are you there?", 3);
    peer.stores("lobby", "hello?", 4);
    terminal.ends_with(&[
        "* connected again as alice",
        "* back in lobby: alice, bob",
        "<bob> two",
        "<alice> are you there?",
        "<alice> hello?",
        "lobby> |",
    ]);
    // Nothing else was sent: the next thing heard is the next thing typed.
    terminal.types("three\r");
    peer.stores("lobby", "three", 5);
}

#[test]
fn the_server_is_gone_for_a_while_and_has_forgotten_everything() {
    // Not 127.0.0.1: on that address a client that tries again could, by a rare chance, connect to itself.
    let server = Server::listen_at("127.0.0.2:0");
    let at = server.address.to_string();
    let mut terminal = Terminal::wide(&["lobby", "--nick", "alice", "--server", &at]);
    let mut peer = server.accept();
    let session = peer.greets("alice")["session"].clone();
    assert_ne!(session, Value::Null);
    peer.lets_in("lobby", &["alice", "bob"], 7);
    peer.says("lobby", 7, "bob", "good night");
    terminal.ends_with(&["<bob> good night", "lobby> |"]);
    drop(server);
    peer.closes(1012, "");
    terminal.awaits("a reason", |screen| screen.contents().contains("! the server is restarting"));
    let refused =
        format!("! nothing listens at {at}; start one with `server`, or name another with --server");
    terminal.awaits("another try", |screen| screen.contents().contains(&refused));

    let server = Server::listen_at(&at);
    let mut peer = server.accept();
    peer.epoch = "5eed000000000002".into();
    assert_eq!(peer.greets("alice")["session"], session, "it is the same person");
    let join = peer.lets_in("lobby", &["alice"], 1);
    assert_eq!(join["after"], json!({ "epoch": EPOCH, "seq": 7 }));
    peer.tells(&json!({ "type": "reset", "room": "lobby", "reason": "epoch", "first": 1, "last": 1 }));
    peer.says("lobby", 1, "bob", "a new day");
    terminal.ends_with(&[
        "* connected again as alice",
        "* back in lobby: nobody else is here",
        "* the server has begun a new log: messages may be missing here; these are the latest",
        "<bob> a new day",
        "lobby> |",
    ]);
}
