//! A server that keeps what was said on the disk: it is killed, stopped and started again, as on a shelf with a loose plug.

#[path = "support/mod.rs"]
mod support;

use rustix::process::Signal;
use serde_json::Value;

use support::folder::Folder;
use support::{Client, Server};

fn start(folder: &Folder) -> Server {
    Server::start(&["--data", folder.0.to_str().expect("UTF-8")])
}

/// Says hello with a key, so that it is the same person after a restart. The epoch.
fn hello(client: &mut Client, key: &str, nick: &str) -> String {
    client.say(&format!(r#"{{"type":"hello","session":"{key}","nick":"{nick}"}}"#));
    let welcome = client.event("welcome");
    assert_eq!(welcome["durability"], "disk");
    welcome["epoch"].as_str().expect("an epoch").to_owned()
}

fn said(client: &mut Client, count: usize) -> Vec<(u64, String)> {
    let entry = |event: Value| {
        (event["seq"].as_u64().expect("a number"), event["text"].as_str().expect("text").into())
    };
    (0..count).map(|_| entry(client.event("message"))).collect()
}

const ANNA: &str = "0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a";
const BEN: &str = "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b";

/// ```text
/// anna: one                        1
/// anna: /topic tea at five         2
/// anna: three                      3
///                                       the server is killed
/// anna: three, once more           3, as before: she is not sure that it was stored
/// ben, who had read up to 1, gets 2 and 3
/// ```
#[test]
fn what_was_ticked_is_there_after_a_kill() {
    let folder = Folder::new();
    let server = start(&folder);
    assert!(server.greeting.contains(folder.0.to_str().expect("UTF-8")), "{}", server.greeting);
    let mut anna = server.connect("/ws", Some("snug.v1"));
    let epoch = hello(&mut anna, ANNA, "anna");
    anna.say(r#"{"type":"join","room":"lobby"}"#);
    anna.event("joined");
    anna.say(r#"{"type":"say","id":"a","room":"lobby","text":"one"}"#);
    anna.say(r#"{"type":"topic","id":"b","room":"lobby","text":"tea at five"}"#);
    anna.say(r#"{"type":"say","id":"c","room":"lobby","text":"three"}"#);
    for (id, seq) in [("a", 1), ("b", 2), ("c", 3)] {
        let tick = anna.event("stored");
        assert_eq!((&tick["id"], &tick["seq"]), (&id.into(), &seq.into()));
    }
    server.signal(Signal::KILL);
    drop(server);

    let server = start(&folder);
    let mut anna = server.connect("/ws", Some("snug.v1"));
    assert_ne!(hello(&mut anna, ANNA, "anna"), epoch, "a start is a new epoch");
    anna.say(r#"{"type":"join","room":"lobby","last":50}"#);
    let joined = anna.event("joined");
    assert_eq!(
        (&joined["topic"], &joined["first"], &joined["last"]),
        (&"tea at five".into(), &1.into(), &3.into())
    );
    let all = [(1, "one"), (2, "tea at five"), (3, "three")].map(|(seq, text)| (seq, text.to_owned()));
    assert_eq!(said(&mut anna, 3), all);
    anna.say(r#"{"type":"say","id":"c","room":"lobby","text":"three"}"#);
    let tick = anna.event("stored");
    assert_eq!((&tick["seq"], &tick["dup"]), (&3.into(), &true.into()));

    let mut ben = server.connect("/ws", Some("snug.v1"));
    hello(&mut ben, BEN, "ben");
    ben.say(&format!(r#"{{"type":"join","room":"lobby","after":{{"epoch":"{epoch}","seq":1}}}}"#));
    ben.event("joined");
    assert_eq!(said(&mut ben, 2), all[1..]);
    // What comes next is what is said next: no reset, and nothing twice.
    anna.say(r#"{"type":"say","id":"d","room":"lobby","text":"four"}"#);
    assert_eq!(said(&mut ben, 1), [(4, "four".to_owned())]);
}

/// Who has seen more than the log has is told so: somebody put an old copy of the folder back.
#[test]
fn a_position_ahead_of_the_log_is_a_reset() {
    let folder = Folder::new();
    let server = start(&folder);
    let mut anna = server.connect("/ws", Some("snug.v1"));
    let epoch = hello(&mut anna, ANNA, "anna");
    server.signal(Signal::KILL);
    drop(server);
    let server = start(&folder);
    for (seq, epoch) in [(1, epoch.as_str()), (0, "0123456789abcdef")] {
        let mut ben = server.connect("/ws", Some("snug.v1"));
        hello(&mut ben, BEN, "ben");
        ben.say(&format!(r#"{{"type":"join","room":"lobby","after":{{"epoch":"{epoch}","seq":{seq}}}}}"#));
        ben.event("joined");
        let reason = ben.event("reset")["reason"].clone();
        assert_eq!(reason, if seq == 1 { "ahead" } else { "epoch" });
    }
}

/// After a stop all is in `snug.db`, and that file alone is a copy of everything.
#[test]
fn a_stop_leaves_nothing_beside_the_database() {
    let folder = Folder::new();
    let server = start(&folder);
    let mut anna = server.plain("anna", "lobby");
    anna.say("hello");
    anna.expect("+ 1");
    let log = folder.0.join("snug.db-wal");
    let length = || std::fs::metadata(&log).map_or(0, |log| log.len());
    assert!(length() > 0, "it is written to the log first");
    server.signal(Signal::TERM);
    assert_eq!(server.wait().0, Some(0));
    assert_eq!(length(), 0);

    let copy = Folder::new();
    std::fs::create_dir(&copy.0).expect("a folder");
    std::fs::copy(folder.0.join("snug.db"), copy.0.join("snug.db")).expect("a copy");
    let server = start(&copy);
    let mut anna = server.connect("/ws/lobby?nick=anna&last=5", None);
    anna.expect("* you are in lobby");
    anna.expect("<anna> hello");
}

#[test]
fn two_servers_do_not_share_a_folder() {
    let folder = Folder::new();
    let _first = start(&folder);
    let place = ["--listen", "127.0.0.1:0", "--data"];
    let second = std::process::Command::new(env!("CARGO_BIN_EXE_server")).args(place).arg(&folder.0).output();
    let second = second.expect("it runs");
    assert_eq!(second.status.code(), Some(2));
    let said = String::from_utf8_lossy(&second.stderr).into_owned();
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(said.contains("another server already keeps its data in"), "{said}");
}

/// ```text
/// anna: one, two, three      the server stops, and somebody's finger slips
/// <*> The server's database was damaged. …
/// ```
#[test]
fn damage_is_told_in_the_log_and_in_the_rooms() {
    let folder = Folder::new();
    let server = start(&folder);
    let mut anna = server.plain("anna", "lobby");
    for (text, tick) in [("one", "+ 1"), ("two", "+ 2"), ("three", "+ 3")] {
        anna.say(text);
        anna.expect(tick);
    }
    server.signal(Signal::TERM);
    server.wait();
    let path = folder.0.join("snug.db");
    let mut bytes = std::fs::read(&path).expect("it is there");
    let at = bytes.windows(3).position(|text| text == b"two").expect("it is stored as it was said");
    bytes[at] = b'T';
    std::fs::write(&path, &bytes).expect("it is ours");

    let server = start(&folder);
    // It is found when it is read, so whoever is there has to come back.
    let mut ben = server.connect("/ws/lobby?nick=ben&last=9", None);
    assert_eq!(ben.closed_with(), 1012);
    let mut ben = server.connect("/ws/lobby?nick=ben&last=9", None);
    ben.expect("* you are in lobby");
    let heard: Vec<String> = (0..3).map(|_| ben.next()).collect();
    assert_eq!(heard[..2], ["<anna> one", "<anna> three"]);
    assert_eq!(
        heard[2],
        "<*> The server's database was damaged. What could be read is kept; at least one message is lost."
    );
    let log = server.log();
    assert!(log.contains("the database was damaged") && log.contains("snug.db.damaged-1"), "{log}");
    assert_eq!(std::fs::read(folder.0.join("snug.db.damaged-1")).expect("it is kept"), bytes);
}
