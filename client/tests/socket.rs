//! The client over a socket on this machine, with the real server at the other end.

mod support;

use std::io::Write;
use std::os::unix::net::UnixListener;

use rustix::process::Signal;
use support::running::Running;
use support::server::{Directory, Server};
use support::{Run, pipe, wait_until};

fn cannot(sentence: &str) -> Run {
    let err = format!("client: {sentence}\nclient: 1 of 1 line not confirmed\n");
    Run { code: Some(1), out: String::new(), err }
}

#[test]
fn people_talk_over_a_socket_and_find_it_again() {
    let directory = Directory::new();
    let place = format!("unix:{}", directory.path().join("snug.sock").display());
    let mut server = Server::start(&place);
    assert_eq!(server.address, place);

    let mut log = Running::start(&["ops", "--server", &place, "--nick", "log", "--follow"]);
    log.0.stdin.take().expect("a pipe").write_all(b"I am here\n").expect("a reader");
    wait_until("it is said", || server.said("ops") == ["log: I am here"]);
    let done = pipe(&["ops", "--server", &place, "--nick", "cron"], b"disk full\n");
    assert_eq!(done, Run { code: Some(0), out: String::new(), err: String::new() });
    assert_eq!(log.lines(1), ["<cron> disk full"]);

    // What it kept in memory is gone with it, whoever was there is told so.
    let missing = "client: messages may be missing here: the server cannot tell them any more";
    // The server goes, and its socket with it; another one comes.
    server.signal(Signal::TERM);
    server.wait();
    assert!(!directory.path().join("snug.sock").exists());
    server = Server::start(&place);
    assert_eq!(log.complaint(), "client: the server stops, perhaps to start again; trying again");
    assert_eq!(log.complaint(), "client: connected again");
    assert_eq!(log.complaint(), missing);
    pipe(&["ops", "--server", &place, "--nick", "cron"], b"disk empty\n");
    assert_eq!(log.lines(1), ["<cron> disk empty"]);

    // It is killed: the socket stays, and nobody is behind it.
    server.kill();
    assert!(directory.path().join("snug.sock").exists());
    server = Server::start(&place);
    assert_eq!(log.complaint(), "client: the connection broke; trying again");
    assert_eq!(log.complaint(), "client: connected again");
    assert_eq!(log.complaint(), missing);
    pipe(&["ops", "--server", &place, "--nick", "cron"], b"all well\n");
    assert_eq!(log.lines(1), ["<cron> all well"]);
    drop(server);
}

#[test]
fn why_nobody_can_be_reached() {
    let directory = Directory::new();
    let path = directory.path().join("snug.sock");
    let place = format!("unix:{}", path.display());
    let say = || pipe(&["ops", "--server", &place, "--timeout", "0.2"], b"x\n");

    let how = format!("start a server with `server --listen {place}`");
    assert_eq!(say(), cannot(&format!("there is no {}; {how}, or check the path", path.display())));
    drop(UnixListener::bind(&path).expect("a socket"));
    assert_eq!(say(), cannot(&format!("nobody listens at {}; {how}", path.display())));
    std::fs::remove_file(&path).expect("the socket");
    std::fs::write(&path, "not a socket").expect("a file");
    assert_eq!(say(), cannot(&format!("nobody listens at {}; {how}", path.display())));
}
