//! The real client in a pipe, the real server on a disk, and the server is killed while lines come and go: each line is
//! there once, in order, and whoever follows hears each once. What many clients see under many kills is checked by the
//! server's `tests/delivery`.

mod support;

use std::io::Write;
use std::thread;
use std::time::Duration;

use support::running::Running;
use support::server::{Directory, Server};
use support::wait_until;

const KILLS: usize = 4;

/// Lines between two kills.
const LINES: usize = 40;

#[test]
fn each_line_is_there_once_and_is_heard_once() {
    let directory = Directory::new();
    let folder = directory.path().join("data");
    let mut server = Server::start_in(&folder, "127.0.0.1:0");
    let place = server.address.clone();
    let mut log = Running::start(&["ops", "--server", &place, "--nick", "log", "--follow"]);
    log.0.stdin.take().expect("a pipe").write_all(b"I am here\n").expect("a reader");
    wait_until("it is said", || server.said("ops") == ["log: I am here"]);

    // It is patient: what a busy machine needs for so many starts is not what is asked here.
    let mut cron = Running::start(&["ops", "--server", &place, "--nick", "cron", "--timeout", "300"]);
    let mut says = cron.0.stdin.take().expect("a pipe");
    for round in 0..=KILLS {
        let before = server.said("ops").len();
        for number in round * LINES..(round + 1) * LINES {
            writeln!(says, "{number}").expect("a reader");
        }
        if round == KILLS {
            break;
        }
        // Both are there, and some lines are on the way.
        wait_until("some of it is said", || server.said("ops").len() > before);
        thread::sleep(Duration::from_micros(700 * round as u64));
        server.kill();
        server = Server::start_in(&folder, &place);
    }
    drop(says);
    let (code, complaints) = cron.end();
    assert_eq!(code, Some(0), "{complaints}");
    let said: Vec<String> = (0..(KILLS + 1) * LINES).map(|number| format!("cron: {number}")).collect();
    assert_eq!(server.said("ops")[1..], said);
    for number in 0..(KILLS + 1) * LINES {
        assert_eq!(log.lines(1), [format!("<cron> {number}")]);
    }
    // Nobody was told that anything may be missing.
    log.0.kill().expect("it runs");
    let (_, complaints) = log.end();
    let broke = complaints.matches("trying again").count();
    assert!(broke >= 1 && !complaints.contains("missing"), "{complaints}");
    println!("{KILLS} kills, {} lines; who followed was cut off {broke} times", said.len());
}
