//! Clients that are killed, and what the next one makes of it: a real process, and a server that knows what it was told.

mod support;

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use client::model::random::Random;
use rustix::process::Signal;
use support::board::Board;
use support::pty::Pty;
use support::running::Running;
use support::{Run, client_at, fresh_state, pipe_at, wait_until};

/// How often the client is killed in the middle of its work.
const KILLS: usize = 30;

fn done(err: &str) -> Run {
    Run { code: Some(0), out: String::new(), err: err.into() }
}

fn terminal(state: &Path, address: &str, nick: &str) -> Pty {
    let mut command = client_at(state);
    command.args(["lobby", "--nick", nick, "--server", address]);
    Pty::start(command, 30, 60)
}

fn kill(mut pty: Pty) {
    pty.signal(Signal::KILL);
    pty.end();
}

/// Bob pulls the plug of the server, types ten lines, pulls that of his own machine, and starts both again.
#[test]
fn ten_lines_that_nobody_heard() {
    let (board, state) = (Board::start(), fresh_state());
    let mut pty = terminal(&state, &board.address(), "bob");
    pty.expect_text("nobody else is here\nlobby> |");
    pty.types("before\r");
    pty.expect_text("+ <bob> before\nlobby> |");
    // One is under way when it happens, and was stored: only its tick gets lost.
    board.lose_ticks(1);
    pty.types("1\r");
    pty.expect_text("! the connection broke");
    wait_until("it is stored", || board.said("lobby").len() == 2);
    board.die();
    pty.types("2\r3\r4\r5\r6\r7\r8\r9\r10\r");
    pty.expect_text("* pending: 10\nlobby (offline, 10 pending)> |");
    kill(pty);

    board.say("lobby", "amy", "anybody?");
    board.come_back();
    let pty = terminal(&state, &board.address(), "bob");
    pty.expect(
        "
        * this client did not end well the last time; what it
          showed last may be shown again
        * pending: 1
        * pending: 2
        * pending: 3
        * pending: 4
        * pending: 5
        * pending: 6
        * pending: 7
        * pending: 8
        * pending: 9
        * pending: 10
        * you are bob; /help lists the commands
        * now in lobby: nobody else is here
        + <bob> before
        + <bob> 1
        <amy> anybody?
        + <bob> 2
        + <bob> 3
        + <bob> 4
        + <bob> 5
        + <bob> 6
        + <bob> 7
        + <bob> 8
        + <bob> 9
        + <bob> 10
        lobby> |
        ",
    );
    let mine: Vec<String> = (2..=10).map(|number| format!("bob: {number}")).collect();
    let all = [vec!["bob: before".into(), "bob: 1".into(), "amy: anybody?".into()], mine].concat();
    assert_eq!(board.said("lobby"), all);
}

/// Who quits with something unsaid finds it said the next time; what was read is not read again.
#[test]
fn leaving_with_something_unsaid() {
    let (board, state) = (Board::start(), fresh_state());
    let mut pty = terminal(&state, &board.address(), "bob");
    board.say("lobby", "amy", "old news");
    pty.expect_text("<amy> old news\nlobby> |");
    board.die();
    pty.expect_text("(offline)> |");
    pty.types("later\r");
    pty.expect_text("lobby (offline, 1 pending)> |");
    pty.types("\x03");
    assert_eq!(pty.end().code(), Some(1));
    pty.expect_text("client: 1 message is pending; it is kept, and sent when you\ncome back");

    board.say("lobby", "amy", "fresh news");
    board.come_back();
    let mut pty = terminal(&state, &board.address(), "bob");
    pty.expect(
        "
        * pending: later
        * you are bob; /help lists the commands
        * now in lobby: nobody else is here
        <amy> fresh news
        + <bob> later
        lobby> |
        ",
    );
    pty.types("/quit\r");
    assert_eq!(pty.end().code(), Some(0));
}

/// Whoever was in several rooms when it was killed is in them again; who left them is not.
#[test]
fn rooms_are_found_again() {
    let (board, state) = (Board::start(), fresh_state());
    let mut pty = terminal(&state, &board.address(), "bob");
    pty.types("/join ops\r");
    pty.expect_text("ops> |");
    kill(pty);
    let mut pty = terminal(&state, &board.address(), "bob");
    pty.expect_text("* now in lobby: nobody else is here\n* also in ops: nobody else is here\nlobby> |");
    pty.types("/quit\r");
    pty.end();
    let pty = terminal(&state, &board.address(), "bob");
    pty.expect(
        "
        * you are bob; /help lists the commands
        * now in lobby: nobody else is here
        lobby> |
        ",
    );
}

#[test]
fn killed_again_and_again_in_the_middle_of_a_pipe() {
    let mut fresh = [0; 8];
    getrandom::fill(&mut fresh).expect("random numbers");
    let given = std::env::var("SNUG_TEST_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = given.unwrap_or(u64::from_ne_bytes(fresh));
    println!("SNUG_TEST_SEED={seed}");
    let mut random = Random::new([seed, 10, 11, 12]);
    let (board, state) = (Board::start(), fresh_state());
    let arguments = ["ops".into(), "--server".into(), board.address(), "--nick".into(), "cron".into()];
    let arguments = arguments.each_ref().map(String::as_str);
    let (mut rescued, mut cut) = (0, 0);
    for round in 0..KILLS {
        let next = board.said("ops").len() + 1;
        let count = 1 + usize::try_from(random.below(300)).expect("small");
        match round % 3 {
            0 => board.be_mute(),
            1 => board.lose_ticks(usize::try_from(random.below(3)).expect("small")),
            _ => {}
        }
        let mut command = client_at(&state);
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut killed = Running(command.spawn().expect("it starts"));
        let mut stdin = killed.0.stdin.take().expect("a pipe");
        for number in next..next + count {
            writeln!(stdin, "{number}").expect("a reader");
            if random.below(50) == 0 {
                thread::sleep(Duration::from_micros(random.below(4000)));
            }
        }
        // Anywhere between its first system call and its last.
        let latest = [500, 3000, 20_000][round / 3 % 3];
        thread::sleep(Duration::from_micros(random.below(latest)));
        killed.0.kill().expect("it runs");
        killed.0.wait().expect("our child");
        board.be_awake();
        board.lose_ticks(0);

        // The next one says what this one had taken and not delivered: no hole, no double, in order.
        let before = board.said("ops").len();
        let rest = pipe_at(&state, &arguments, b"");
        assert_eq!(rest.code, Some(0), "{rest:?}");
        let said = board.said("ops");
        let taken: Vec<String> = (1..=said.len()).map(|number| format!("cron: {number}")).collect();
        assert_eq!(said, taken, "SNUG_TEST_SEED={seed}, round {round}");
        assert!(said.len() < next + count, "nobody has typed that");
        rescued += said.len() - before;
        cut += usize::from(said.len() < next + count - 1);
    }
    println!("{rescued} lines rescued; {cut} of {KILLS} rounds ended before all was taken");
    assert!(rescued > KILLS, "only {rescued} lines were rescued: nothing was cut short");
}

/// Exit code 1 gives the lines back to the caller, who may try again: they must not be said behind its back too.
#[test]
fn lines_that_were_given_back_are_not_said_later() {
    let (board, state) = (Board::start(), fresh_state());
    let address = board.address();
    let arguments = ["ops", "--server", &address, "--nick", "cron"];
    let impatient = [&arguments[..], &["--timeout", "0.3"]].concat();
    board.die();
    let failed = pipe_at(&state, &impatient, b"one\n");
    assert_eq!(failed.code, Some(1), "{failed:?}");
    board.come_back();
    assert_eq!(pipe_at(&state, &arguments, b"one\n"), done(""));
    assert_eq!(board.said("ops"), ["cron: one"]);
}

/// The same person and the same room at the same time: one of them has the file, the other one does without.
#[test]
fn two_at_once() {
    let (board, state) = (Board::start(), fresh_state());
    let address = board.address();
    let first = terminal(&state, &address, "bob");
    first.expect_text("lobby> |");
    let second = terminal(&state, &address, "bob");
    second.expect_text(
        "! cannot keep what is said: another client with this server\n  and nick has the file for it; so if this client is\n  \
         killed, what it has not sent is lost",
    );
    second.expect_text("lobby> |");
    // Piped lines have a file of their own, and their exit code says the rest.
    assert_eq!(pipe_at(&state, &["lobby", "--server", &address, "--nick", "bob"], b"piped\n"), done(""));
    first.expect_text("<bob> piped\nlobby> |");
    second.expect_text("<bob> piped\nlobby> |");
}

#[test]
fn a_disk_that_takes_nothing() {
    let (board, state) = (Board::start(), fresh_state());
    let address = board.address();
    let arguments = ["ops", "--server", &address, "--nick", "cron"];
    let lost = "so if this client is killed, what it has not sent is lost";

    // It takes no byte of a file: a limit of this process, which a shell sets (and no signal then, but an error).
    let file = state.join("snug").join(format!("{address},cron,ops"));
    let mut shell = Command::new("sh");
    shell.args(["-c", "trap '' XFSZ; ulimit -f 0; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_client")]);
    shell.args(arguments).env_clear().env("XDG_STATE_HOME", &state);
    shell.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut full = shell.spawn().expect("a shell");
    full.stdin.take().expect("a pipe").write_all(b"one\ntwo\n").expect("a reader");
    let full = Run::from(full.wait_with_output().expect("it ends"));
    let said = format!(
        "client: cannot keep what is said: {}: File too large (os error 27); {lost}\n",
        file.display()
    );
    assert_eq!(full, done(&said));

    // There can be no folder at all. (Permissions would not stop root.)
    let file = state.join("file");
    std::fs::write(&file, "").expect("a file");
    let nowhere = pipe_at(&file, &arguments, b"three\n");
    let said = format!(
        "client: cannot keep what is said: {}/snug: Not a directory (os error 20); {lost}\n",
        file.display()
    );
    assert_eq!(nowhere, done(&said));
    assert_eq!(board.said("ops"), ["cron: one", "cron: two", "cron: three"]);

    let pty = terminal(&file, &address, "bob");
    pty.expect_words(
        "Not a directory (os error 20); so if this client is killed, what it has not sent is lost",
    );
    pty.expect_text("lobby> |");
}

#[test]
fn a_program_begins_after_a_number() {
    let (board, state) = (Board::start(), fresh_state());
    let address = board.address();
    (1..=5).for_each(|number| board.say("ops", "amy", &format!("{number}")));
    let follow = |arguments: &[&str]| {
        let mut command = client_at(&state);
        command.args(["ops", "--server", &address, "--nick", "log", "--follow"]).args(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Running(command.spawn().expect("it starts"))
    };
    assert_eq!(follow(&["--after", "3"]).lines(2), ["<amy> 4", "<amy> 5"]);
    assert_eq!(follow(&["--after", "0"]).lines(5).len(), 5);
    let lines = follow(&["--json", "--after", "4"]).lines(3);
    assert!(lines[0].contains(r#""type":"welcome""#), "{lines:?}");
    assert!(lines[1].contains(r#""type":"joined""#), "{lines:?}");
    assert!(lines[2].contains(r#""seq":5,"#), "{lines:?}");
    // It follows no further than there is.
    let mut ahead = follow(&["--after", "99"]);
    assert_eq!(
        ahead.complaint(),
        "client: messages may be missing here: the server cannot tell them any more"
    );
    assert_eq!(ahead.lines(5).len(), 5);
}
