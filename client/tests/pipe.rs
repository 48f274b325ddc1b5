//! The client in a pipe, as a real process against a server that is sometimes rude.

mod support;

use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Stdio;
use std::thread;
use std::time::Duration;

use protocol::chat::wire;
use protocol::ws::encode::{self, Opcode};

use rustix::process::{Pid, Signal};
use support::board::Board;
use support::running::Running;
use support::{Run, client, pipe, wait_until};
use tungstenite::{Message, WebSocket};

fn run(code: i32, out: &str, err: &str) -> Run {
    Run { code: Some(code), out: out.into(), err: err.into() }
}

/// What was said first, and how it ended. Whether the line had been read by then, and so was lost, depends on luck.
fn first_word(done: Run) -> (Option<i32>, String) {
    let rest =
        ["", "client: 1 of 1 line not confirmed", "client: 1 of 1 line not confirmed; the rest was not read"];
    let (first, second) = done.err.split_once('\n').unwrap_or_default();
    assert!(done.out.is_empty() && rest.contains(&second.trim_end()), "{done:?}");
    (done.code, first.into())
}

#[test]
fn lines_are_said_as_text_and_confirmed() {
    let board = Board::start();
    let input = b"disk full\r\n\n   \n/quit\n//x\n\ttab\nno line break";
    let done = pipe(&["ops", "--server", &board.address(), "--nick", "cron"], input);
    assert_eq!(done, run(0, "", ""));
    assert_eq!(
        board.said("ops"),
        ["cron: disk full", "cron: /quit", "cron: //x", "cron: \ttab", "cron: no line break"]
    );
}

#[test]
fn a_file_is_read_as_well() {
    // The poller takes no regular files.
    let board = Board::start();
    let path = std::env::temp_dir().join(format!("snug-client-test-{}", std::process::id()));
    let lines: String = (0..500).map(|number| format!("line {number}\n")).collect();
    std::fs::write(&path, &lines).expect("a file");
    let file = File::open(&path).expect("the file");
    let output =
        client().args(["ops", "--server", &board.address()]).stdin(file).output().expect("the client runs");
    std::fs::remove_file(&path).expect("the file");
    assert_eq!(Run::from(output), run(0, "", ""));
    let said: Vec<String> = board.said("ops").iter().map(|line| line.replacen("guest-1: ", "", 1)).collect();
    assert_eq!(said.join("\n") + "\n", lines);
}

#[test]
fn nothing_to_say_is_done_at_once() {
    assert_eq!(pipe(&["ops", "--server", "127.0.0.1:1"], b"\n\n"), run(0, "", ""));
}

#[test]
fn it_takes_exactly_one_room() {
    let sentence = "client: lines that are piped in, and --follow and --json, need exactly one room, not";
    assert_eq!(pipe(&["a", "b"], b"x\n"), run(2, "", &format!("{sentence} 2\n")));
    assert_eq!(pipe(&[], b"x\n"), run(2, "", &format!("{sentence} 0\n")));
    assert_eq!(pipe(&["a b"], b"x\n").code, Some(2));
}

#[test]
fn the_server_dies_in_the_middle_and_each_line_is_there_once() {
    let board = Board::start();
    board.lose_ticks(3);
    let input: String = (1..=200).map(|number| format!("{number}\n")).collect();
    let done = pipe(&["ops", "--server", &board.address(), "--nick", "cron"], input.as_bytes());
    assert_eq!(done, run(0, "", ""));
    assert_eq!(board.said("ops"), (1..=200).map(|number| format!("cron: {number}")).collect::<Vec<_>>());
    assert_eq!(board.hellos(), 4);
}

#[test]
fn nothing_listens() {
    let free =
        TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port");
    let done = pipe(&["ops", "--server", &free.to_string(), "--timeout", "0.3"], b"a\nb\nc\n");
    let said = format!(
        "client: nothing listens at {free}; start one with `server`, or name another with --server\n\
         client: 3 of 3 lines not confirmed\n"
    );
    assert_eq!(done, run(1, "", &said));
}

#[test]
fn no_such_host() {
    let done = pipe(&["ops", "--server", "nosuch.invalid", "--timeout", "0.3"], b"a\n");
    assert_eq!(done.code, Some(1));
    // Where the name service itself cannot be reached, it may just take too long.
    let found = "client: cannot find the host \"nosuch.invalid\"; check the name or give --server ADDRESS\n";
    let late = "client: no connection in time\n";
    let rest = "client: 1 of 1 line not confirmed\n";
    assert!([format!("{found}{rest}"), format!("{late}{rest}")].contains(&done.err), "{done:?}");
}

#[test]
fn only_some_lines_are_confirmed() {
    let board = Board::start();
    let mut client =
        Running::start(&["ops", "--server", &board.address(), "--nick", "cron", "--timeout", "1"]);
    let mut stdin = client.0.stdin.take().expect("a pipe");
    stdin.write_all(b"1\n2\n3\n4\n5\n6\n7\n").expect("a reader");
    wait_until("seven lines", || board.said("ops").len() == 7);
    board.be_mute();
    stdin.write_all(b"8\n9\n10\n").expect("a reader");
    drop(stdin);
    let (code, err) = client.end();
    assert_eq!(code, Some(1));
    assert_eq!(err, "client: the server does not confirm\nclient: 3 of 10 lines not confirmed\n");
}

#[test]
fn not_a_snug_server() {
    for (answer, said) in [
        ("SSH-2.0-OpenSSH_9.2\r\n", "there is no Snug server at {}, but something else; check --server"),
        (
            "HTTP/1.1 404 Not Found\r\nContent-Length: 12\r\n\r\nno such page",
            "{} refused with HTTP 404 \"no such page\"; check that --server names a Snug server",
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n\x1b]0;own\x07<html>hello</html>",
            "{} refused with HTTP 200 \"^[]0;own^G<html>hello</html>\"; check that --server names a Snug server",
        ),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address").to_string();
        thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let mut head = [0; 4096];
                let _ = stream.read(&mut head);
                let _ = stream.write_all(answer.as_bytes());
            }
        });
        let done = pipe(&["ops", "--server", &address], b"x\n");
        assert_eq!(first_word(done), (Some(1), format!("client: {}", said.replace("{}", &address))));
    }
}

#[test]
fn a_websocket_server_without_snug() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address").to_string();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let _ = tungstenite::accept(stream);
        }
    });
    let done = pipe(&["ops", "--server", &address], b"x\n");
    let said =
        format!("client: the server at {address} does not speak snug.v1; check --server, or its version");
    assert_eq!(first_word(done), (Some(1), said));
}

#[test]
fn a_nick_that_is_taken() {
    let board = Board::start();
    board.take_nick("alice");
    let done = pipe(&["ops", "--server", &board.address(), "--nick", "alice"], b"x\n");
    let said = "client: the nick alice is taken; choose another one with --nick";
    assert_eq!(first_word(done), (Some(1), said.into()));
}

#[test]
fn what_cannot_be_sent_is_told() {
    let board = Board::start();
    let mut input = b"a\xffb\n".to_vec();
    input.extend_from_slice(&[b'x'; 16 * 1024]);
    input.extend_from_slice(b"\nlast\n");
    let done = pipe(&["ops", "--server", &board.address(), "--nick", "cron"], &input);
    let said = "client: line 1 is not all UTF-8 text without control characters; the rest is sent with \u{fffd} in it\n\
                client: line 2 is not sent: it is longer than 15360 bytes\n\
                client: 1 of 3 lines not confirmed\n";
    assert_eq!(done, run(1, "", said));
    assert_eq!(board.said("ops"), ["cron: a\u{fffd}b", "cron: last"]);
}

#[test]
fn following_prints_what_others_say() {
    let board = Board::start();
    board.say("ops", "amy", "before");
    let mut client = Running::start(&["ops", "--server", &board.address(), "--nick", "log", "--follow"]);
    // Its own lines are said, not printed; the end of its input does not end it.
    client.0.stdin.take().expect("a pipe").write_all(b"own words\n").expect("a reader");
    wait_until("its own words", || board.said("ops").len() == 2);
    board.say("ops", "amy", "two\nlines \x1b[2J");
    assert_eq!(client.lines(2), ["<amy> two", "<amy> lines ^[[2J"]);
    // What is said while it cannot hear comes later.
    board.die();
    board.say("ops", "amy", "missed");
    board.come_back();
    board.wait_for("log", "ops");
    board.say("ops", "amy", "heard");
    assert_eq!(client.lines(2), ["<amy> missed", "<amy> heard"]);
    rustix::process::kill_process(Pid::from_child(&client.0), Signal::TERM).expect("it runs");
    let (code, err) = client.end();
    assert_eq!(code, Some(0));
    let lines: Vec<&str> = err.lines().collect();
    assert!(
        matches!(lines[..], [lost, "client: connected again"] if lost.ends_with("; trying again")),
        "{err}"
    );
}

#[test]
fn whoever_stops_reading_has_read_enough() {
    let board = Board::start();
    let mut client = Running::start(&["ops", "--server", &board.address(), "--nick", "log", "--follow"]);
    board.wait_for("log", "ops");
    board.say("ops", "amy", "one");
    assert_eq!(client.lines(1), ["<amy> one"]);
    drop(client.0.stdout.take());
    assert_eq!(client.end(), (Some(0), String::new()));
}

#[test]
fn nor_does_it_go_on_when_nothing_more_is_said() {
    let board = Board::start();
    let mut client = Running::start(&["ops", "--server", &board.address(), "--nick", "log", "--json"]);
    client.lines(2);
    // Its input goes on, and nobody says anything: only the poller can tell.
    drop(client.0.stdout.take());
    assert_eq!(client.end(), (Some(0), String::new()));
}

#[test]
fn an_output_that_is_full_is_an_error() {
    let board = Board::start();
    let said = "client: cannot write the output: No space left on device (os error 28)\n";
    for mode in ["--json", "--follow"] {
        let full = File::options().write(true).open("/dev/full").expect("/dev/full");
        let mut command = client();
        command.args(["ops", "--server", &board.address(), "--nick", "log", mode]).stdout(full);
        let mut child =
            Running(command.stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts"));
        if mode == "--follow" {
            // Nothing is written until somebody says something.
            board.wait_for("log", "ops");
            board.say("ops", "amy", "for the record");
        }
        assert_eq!(child.end(), (Some(1), said.into()), "{mode}");
    }
}

#[test]
fn who_follows_does_not_give_up() {
    let board = Board::start();
    let arguments = ["ops", "--server", &board.address(), "--nick", "log", "--follow", "--timeout", "3"];
    let mut client = Running::start(&arguments);
    board.wait_for("log", "ops");
    board.say("ops", "amy", "are you there?");
    assert_eq!(client.lines(1), ["<amy> are you there?"]);
    board.die();
    // Longer than it has for the first connection.
    thread::sleep(Duration::from_millis(3500));
    board.come_back();
    board.wait_for("log", "ops");
    board.say("ops", "amy", "still there?");
    assert_eq!(client.lines(1), ["<amy> still there?"]);
}

/// The output's reader stops, so the client stops to read what the server says; when there is room again it has to
/// look at once, since the poller told of those bytes long ago.
#[test]
fn what_the_server_said_is_not_forgotten_while_the_output_is_full() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address").to_string();
    let mut client = Running::start(&["ops", "--server", &address, "--json", "--follow", "--timeout", "0"]);
    let (stream, _) = listener.accept().expect("it comes");
    let mut socket = support::accept(stream.try_clone().expect("a copy")).expect("a handshake");
    greet(&mut socket);

    // More than all buffers hold; behind each message a ping tells how far the client has read.
    let mut portion = Vec::new();
    let event = format!(r#"{{"type":"tomorrow","x":"{}"}}"#, "x".repeat(15_000));
    encode::frame(Opcode::Text, event.as_bytes(), &mut portion);
    encode::frame(Opcode::Ping, &[], &mut portion);
    let mut to_client = stream.try_clone().expect("a copy");
    thread::spawn(move || while to_client.write_all(&portion).is_ok() {});
    let mut pongs = 0;
    stream.set_read_timeout(Some(Duration::from_millis(500))).expect("a timeout");
    while count_pong(&mut socket, &mut pongs) {}
    // The reader goes on until six lines, 90 kB, are left. They do not fit into the pipe (64 KiB), so some are still the
    // client's; but once those are all behind what it calls full (64 KiB again), it has to read on.
    let taken_in = pongs;
    client.lines(taken_in - 6);
    wait_until("the client reads on", || {
        count_pong(&mut socket, &mut pongs);
        pongs > taken_in
    });
}

/// The server's welcome.
fn greet(socket: &mut WebSocket<TcpStream>) {
    let Message::Text(text) = socket.read().expect("a greeting") else { panic!("no text") };
    let id = wire::read_request(&text).expect("a greeting").id.expect("an id");
    let key = "07".repeat(16);
    let welcome = format!(
        r#"{{"type":"welcome","id":"{id}","nick":"log","user":"b0b","session":"{key}","epoch":"0000000000000001","version":"snug","features":[],"durability":"memory","limits":{{"text":100,"message":200,"rooms":9}}}}"#
    );
    socket.send(Message::text(welcome)).expect("it reads");
}

/// Whether a pong came before it was silent for a while.
fn count_pong(socket: &mut WebSocket<TcpStream>, pongs: &mut usize) -> bool {
    match socket.read() {
        Ok(message) => *pongs += usize::from(message.is_pong()),
        Err(tungstenite::Error::Io(error)) if error.kind() == ErrorKind::WouldBlock => return false,
        Err(error) => panic!("the client is gone: {error}"),
    }
    true
}

#[test]
fn json_is_one_object_per_event() {
    let board = Board::start();
    let done = pipe(&["ops", "--server", &board.address(), "--nick", "cron", "--json"], b"hello\n");
    assert_eq!((done.code, done.err.as_str()), (Some(0), ""));
    let mut kinds: Vec<&str> = done.out.lines().map(|line| line.split('"').nth(3).expect("a type")).collect();
    // It may be read before there is a connection.
    let pending = kinds.iter().position(|kind| *kind == "pending").expect("it says what it has taken");
    kinds.remove(pending);
    assert_eq!(kinds, ["welcome", "joined", "stored"]);
    assert!(pending < 3, "{}", done.out);
    assert!(done.out.contains(r#""session":"""#), "the key is secret: {}", done.out);
    assert!(done.out.lines().all(|line| line.starts_with('{') && line.ends_with('}')));
}

#[test]
fn json_says_what_has_failed_and_why() {
    let board = Board::start();
    board.be_mute();
    let mut client = Running::start(&["ops", "--server", &board.address(), "--nick", "cron", "--json"]);
    let mut stdin = client.0.stdin.take().expect("a pipe");
    assert_eq!(client.lines(2).len(), 2);
    stdin.write_all(b"hello\n").expect("a reader");
    let pending = client.lines(1).remove(0);
    let id = pending.split('"').nth(7).expect("an id").to_owned();
    assert_eq!(pending, format!(r#"{{"type":"pending","id":"{id}","room":"ops","text":"hello"}}"#));
    let error = format!(r#"{{"type":"error","code":"storage_full","text":"the disk is full","id":"{id}"}}"#);
    board.send_raw(&error);
    let failed =
        format!(r#"{{"type":"failed","id":"{id}","room":"ops","text":"hello","why":"the disk is full"}}"#);
    assert_eq!(client.lines(2), [error, failed]);
    drop(stdin);
    let said = "client: failed: the disk is full: hello\nclient: 1 of 1 line not confirmed\n";
    assert_eq!(client.end(), (Some(1), said.into()));
}

#[test]
fn a_server_that_hangs_up_for_good() {
    let board = Board::start();
    let mut client = Running::start(&["ops", "--server", &board.address(), "--nick", "log", "--follow"]);
    board.wait_for("log", "ops");
    board.close(1008, "no robots");
    let said = "client: the server hung up: this was against its rules (no robots)\n";
    assert_eq!(client.end(), (Some(1), said.into()));
}

#[test]
fn help_and_version() {
    let help = pipe(&["--help"], b"");
    assert_eq!((help.code, help.err.as_str()), (Some(0), ""));
    assert!(help.out.starts_with("The Snug chat client.\n\nUsage: client [ROOM...] [OPTIONS]\n"));
    assert!(pipe(&["--version"], b"").out.starts_with("snug client "));
    assert_eq!(
        pipe(&["--nosuch"], b""),
        run(2, "", "client: there is no option --nosuch; see client --help\n")
    );
}
