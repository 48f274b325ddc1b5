//! The client in a terminal, as a person sees it: a real process in a real pseudo-terminal. The screens are drawn, `|`
//! is the cursor.

mod support;

use std::net::TcpListener;
use std::process::Command;

use rustix::process::Signal;
use support::board::Board;
use support::pty::Pty;
use support::{client, wait_until};

const PASTE: [&str; 2] = ["\x1b[200~", "\x1b[201~"];

fn start(board: &Board, arguments: &[&str]) -> Pty {
    let mut command = client();
    command.args(arguments).args(["--server", &board.address()]);
    Pty::start(command, 12, 50)
}

/// Bob in the lobby, alone.
fn bob(board: &Board) -> Pty {
    let pty = start(board, &["lobby", "--nick", "bob"]);
    pty.expect(
        "
        * you are bob; /help lists the commands
        * now in lobby: nobody else is here
        lobby> |
        ",
    );
    pty
}

#[test]
fn what_arrives_appears_above_the_line_being_typed() {
    let board = Board::start();
    let mut pty = bob(&board);
    pty.types("helo amy\x1b[D\x1b[D\x1b[D\x1b[D\x1b[D");
    pty.expect_text("lobby> hel|o amy");
    board.say("lobby", "amy", "hello?\nanybody?");
    pty.expect(
        "
        * you are bob; /help lists the commands
        * now in lobby: nobody else is here
        <amy> hello?
        <amy> anybody?
        lobby> hel|o amy
        ",
    );
    pty.types("l");
    pty.expect_text("lobby> hell|o amy");
    pty.types("\r");
    pty.expect(
        "
        * you are bob; /help lists the commands
        * now in lobby: nobody else is here
        <amy> hello?
        <amy> anybody?
        + <bob> hello amy
        lobby> |
        ",
    );
    assert_eq!(board.said("lobby"), ["amy: hello?\nanybody?", "bob: hello amy"]);
}

#[test]
fn wide_letters_emoji_and_accents() {
    let board = Board::start();
    let mut pty = bob(&board);
    pty.types("部屋 u\u{308} x");
    pty.expect_text("lobby> 部屋 u\u{308} x|");
    pty.types("\x1b[D\x1b[D\x1b[D\x7f\x7f");
    pty.expect_text("lobby> 部|u\u{308} x");
    pty.types("\x05\r");
    wait_until("it is said", || board.said("lobby") == ["bob: 部u\u{308} x"]);
    pty.types("👍👨‍👩‍👧!\x7f\x7f\r");
    wait_until("it is said", || board.said("lobby").last().is_some_and(|said| said == "bob: 👍"));
}

#[test]
fn a_paste_never_sends_by_itself() {
    let board = Board::start();
    let mut pty = bob(&board);
    let [start, end] = PASTE;
    pty.types(&format!("see: {start}one\r/quit\rthree\r{end}"));
    pty.expect_text("lobby> see: one^J/quit^Jthree|");
    assert_eq!(board.said("lobby"), [""; 0]);
    pty.types("\r");
    pty.expect(
        "
        * you are bob; /help lists the commands
        * now in lobby: nobody else is here
        + <bob> see: one
        + <bob> /quit
        + <bob> three
        lobby> |
        ",
    );
    assert_eq!(board.said("lobby"), ["bob: see: one\n/quit\nthree"]);
}

#[test]
fn a_long_line_scrolls_and_a_resize_redraws() {
    let board = Board::start();
    let mut pty = bob(&board);
    pty.types("0123456789012345678901234567890123456789ABC");
    pty.expect_text("BC|");
    pty.types("\x01");
    pty.expect_text("lobby> |0123456789012345678901234567890123456789A>");
    pty.resize(12, 20);
    pty.expect_text("lobby> |01234567890>");
    pty.resize(12, 60);
    pty.expect_text("lobby> |0123456789012345678901234567890123456789ABC");
    pty.resize(12, 1);
    pty.resize(12, 50);
    pty.types("\x15\x0bdone\r");
    wait_until("it is said", || board.said("lobby") == ["bob: done"]);
}

#[test]
fn commands_completion_and_history() {
    let board = Board::start();
    board.say("ops", "amy", "hi");
    let mut pty = bob(&board);
    pty.types("/j\tops\r");
    pty.expect_text("<amy> hi\nops> |");
    pty.types("/nosuch thing\r");
    pty.expect_text("ops> /nosuch thing|");
    pty.types("\x15//slash\r");
    pty.expect_text("+ <bob> /slash");
    pty.types("\x1b[A\x1b[A");
    pty.expect_text("ops> /join ops|");
    pty.types("\x15/me waves\r");
    pty.expect_text("+ ** bob waves\nops> |");
    // Back in the lobby, what is said in the other room says so.
    pty.types("\x1b1");
    pty.expect_text("* now in lobby\nlobby> |");
    board.say("ops", "amy", "over here");
    pty.expect_text("[ops] <amy> over here\nlobby> |");
    assert_eq!(board.said("lobby"), [""; 0]);
    assert_eq!(board.said("ops"), ["amy: hi", "bob: /slash", "bob: waves", "amy: over here"]);
}

#[test]
fn what_others_write_does_nothing_to_the_terminal() {
    let board = Board::start();
    let pty = bob(&board);
    board.say("lobby", "amy\x1b[31m", "\x1b[2J\x1b]0;own\x07 over\rwritten \u{202e}desrever \u{9b}1m");
    pty.expect_text("<amy^[[31m> ^[[2J^[]0;own^G over^Mwritten\n  <U+202E>desrever <U+009B>1m\nlobby> |");
    board.send_raw("{\"type\":\"error\",\"code\":\"bad_text\",\"text\":\"no \\u001b[7m of that\"}");
    pty.expect_text("! no ^[[7m of that\nlobby> |");
}

#[test]
fn the_server_dies_and_comes_back() {
    let board = Board::start();
    let mut pty = bob(&board);
    pty.types("before\r");
    pty.expect_text("+ <bob> before");
    board.die();
    pty.expect_text("! the connection broke");
    pty.types("while away\rand more\rhalf a li");
    pty.expect_text("* pending: and more\nlobby (offline, 2 pending)> half a li|");
    board.come_back();
    pty.expect_text(
        "* back in lobby: nobody else is here\n+ <bob> while away\n+ <bob> and more\nlobby> half a li|",
    );
    assert_eq!(board.said("lobby"), ["bob: before", "bob: while away", "bob: and more"]);
}

#[test]
fn a_server_without_its_log() {
    let board = Board::start();
    let mut pty = bob(&board);
    pty.types("old\r");
    pty.expect_text("+ <bob> old");
    board.die();
    board.come_back_empty();
    pty.expect_text("* the server has begun a new log: messages may be\n  missing here\nlobby> |");
}

#[test]
fn ctrl_c_leaves_the_terminal_as_it_was() {
    for keys in ["\x03", "\x04", "half a line\x03", "/quit\r"] {
        let board = Board::start();
        // As a terminal is when nobody has touched it.
        let mut idle = Command::new("sleep");
        idle.arg("60");
        let before = Pty::start(idle, 12, 50).settings();
        let mut pty = bob(&board);
        assert_ne!(pty.settings(), before);
        assert!(pty.marks_pastes());
        pty.types(keys);
        assert_eq!(pty.end().code(), Some(0), "{keys:?}");
        assert_eq!(pty.settings(), before, "{keys:?}");
        wait_until("pastes are not marked", || !pty.marks_pastes());
        // The line is gone, the shell's prompt begins where it began.
        assert!(pty.screen().ends_with("nobody else is here\n|"), "{}", pty.screen());
    }
}

#[test]
fn one_can_leave_while_it_connects() {
    // Takes connections and says nothing.
    let mute = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = mute.local_addr().expect("an address").to_string();
    let mut command = client();
    command.args(["--server", &address]);
    let mut pty = Pty::start(command, 12, 50);
    pty.expect_text("lobby (offline)> |");
    pty.types("\x03");
    assert_eq!(pty.end().code(), Some(0));
}

#[test]
fn ctrl_d_deletes_while_there_is_something() {
    let board = Board::start();
    let mut pty = bob(&board);
    pty.types("ab\x01\x04");
    pty.expect_text("lobby> |b");
}

#[test]
fn signals_leave_the_terminal_as_it_was() {
    for signal in [Signal::TERM, Signal::HUP, Signal::INT] {
        let board = Board::start();
        let mut pty = bob(&board);
        pty.types("half a line");
        pty.expect_text("half a line|");
        pty.signal(signal);
        assert_eq!(pty.end().code(), Some(0));
        assert!(pty.settings().contains("ICANON"), "{}", pty.settings());
        wait_until("pastes are not marked", || !pty.marks_pastes());
    }
}

#[test]
fn a_stop_and_back() {
    let board = Board::start();
    let mut pty = bob(&board);
    pty.types("half");
    pty.expect_text("lobby> half|");
    // There is no shell here that could bring it back, so the key does nothing.
    pty.types("\x1a");
    pty.types("way");
    pty.expect_text("lobby> halfway|");

    pty.signal(Signal::TSTP);
    pty.wait_for_stop();
    assert!(pty.settings().contains("ICANON"), "{}", pty.settings());
    wait_until("pastes are not marked", || !pty.marks_pastes());
    board.say("lobby", "amy", "meanwhile");
    pty.signal(Signal::CONT);
    pty.expect_text("<amy> meanwhile\nlobby> halfway|");
    assert!(!pty.settings().contains("ICANON"), "{}", pty.settings());
    assert!(pty.marks_pastes());
}

/// Below a shell with job control, and below another program, as with `cargo run`: all of them stop, or the shell would
/// never come back.
#[test]
fn ctrl_z_gives_the_shell_back_below_cargo_run() {
    let board = Board::start();
    let mut shell = Command::new("sh");
    // The inner shell stands for cargo. `true` keeps it from becoming the client itself.
    let script = "set -m; sh -c '\"$0\" \"$@\"; true' \"$0\" \"$@\"; echo the shell is back; kill -KILL %1";
    shell.args(["-c", script, env!("CARGO_BIN_EXE_client"), "lobby", "--nick", "bob", "--server"]);
    shell.arg(board.address()).env("TERM", "xterm").env_remove("SNUG_SERVER").env_remove("SNUG_NICK");
    let mut pty = Pty::start(shell, 24, 80);
    pty.types("half");
    pty.expect_text("lobby> half|");
    pty.types("\x1a");
    wait_until("the shell is back", || pty.transcript().contains("the shell is back"));
}

#[test]
fn a_panic_leaves_the_terminal_as_it_was() {
    let mut helper = Command::new(std::env::current_exe().expect("this program"));
    helper.args(["--exact", "helper_that_panics", "--ignored", "--nocapture"]).env("TERM", "xterm");
    let mut pty = Pty::start(helper, 24, 80);
    assert!(!pty.end().success());
    pty.expect_text("on purpose");
    assert!(pty.transcript().contains("\x1b[?2004h"), "{}", pty.transcript());
    assert!(pty.settings().contains("ICANON"), "{}", pty.settings());
    assert!(!pty.marks_pastes());
}

#[test]
#[ignore = "run by the test above, in a terminal of its own"]
fn helper_that_panics() {
    let poll = mio::Poll::new().expect("a poller");
    let _terminal = client::term::Terminal::open(poll.registry(), mio::Token(0)).expect("a terminal");
    // In a release build nothing is dropped: the hook is all there is. So it has to do its work before the drop.
    let restore = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        restore(info);
        std::process::exit(101);
    }));
    panic!("on purpose");
}

#[test]
fn a_dumb_terminal_gets_nothing_but_text() {
    let board = Board::start();
    let mut command = client();
    command.args(["lobby", "--nick", "bob", "--server", &board.address()]).env("TERM", "dumb");
    let mut pty = Pty::start(command, 12, 50);
    pty.expect_text("lobby> |");
    pty.types("helo");
    pty.expect_text("lobby> helo|");
    pty.types("\x02l");
    pty.expect_text("lobby> hell|o");
    board.say("lobby", "amy", "hi");
    pty.expect_text("<amy> hi\nlobby> hell|o");
    pty.types("\r");
    pty.expect_text("+ <bob> hello\nlobby> |");
    pty.types("\x03");
    assert!(pty.end().success());
    let transcript = pty.transcript();
    assert!(!transcript.contains('\x1b'), "{transcript:?}");
}

#[test]
fn no_colour_means_no_attributes() {
    let board = Board::start();
    let mut command = client();
    command.args(["lobby", "--nick", "bob", "--server", &board.address()]).env("NO_COLOR", "1");
    let pty = Pty::start(command, 12, 50);
    pty.expect_text("lobby> |");
    assert!(!pty.transcript().contains("\x1b[2m"), "{:?}", pty.transcript());
}

#[test]
fn it_says_why_it_cannot_begin() {
    let board = Board::start();
    board.take_nick("alice");
    let mut pty = start(&board, &["lobby", "--nick", "alice"]);
    assert_eq!(pty.end().code(), Some(1));
    pty.expect_text("client: the nick alice is taken; choose another on\ne with --nick");
    assert!(pty.settings().contains("ICANON"), "{}", pty.settings());

    let mut command = client();
    command.args(["--server", "127.0.0.1:1"]);
    let mut pty = Pty::start(command, 12, 80);
    assert_eq!(pty.end().code(), Some(1));
    pty.expect_text("client: nothing listens at 127.0.0.1:1; start one with `server`, or name another");
}

#[test]
fn several_rooms_and_a_default_nick() {
    let board = Board::start();
    let mut command = client();
    // Whoever runs the tests has some login name, or is root.
    command.args(["lobby", "ops", "--server", &board.address()]);
    let pty = Pty::start(command, 12, 50);
    pty.expect_text("* now in lobby: nobody else is here\n* also in ops: nobody else is here\nlobby> |");
}
