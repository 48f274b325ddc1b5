//! A full disk is a normal state: whoever says something is told, all else goes on, and when there is room again so does
//! writing, by itself. What was ticked is kept.

use serde_json::Value;

use crate::folder::Folder;
use crate::support::peer::{PING, PONG, frame};
use crate::support::{Client, Server};

/// Says line after line, each as long as can be, until one is refused. How many were ticked; the next was not.
fn talk_until_full(anna: &mut Client, from: usize) -> usize {
    for number in from..from + 2000 {
        let event = say(anna, number);
        match event["type"].as_str() {
            Some("stored") => assert_eq!(event["seq"], number, "one after the other"),
            _ => {
                assert_eq!(
                    (&event["code"], &event["id"]),
                    (&"storage_full".into(), &number.to_string().into())
                );
                return number - 1;
            }
        }
    }
    panic!("24 MB went on a disk of 8");
}

/// What comes of it.
fn say(anna: &mut Client, number: usize) -> Value {
    let text = format!("{number} {}", "x".repeat(12_000));
    anna.say(&format!(r#"{{"type":"say","id":"{number}","room":"lobby","text":"{text}"}}"#));
    loop {
        let event: Value = serde_json::from_str(&anna.next()).expect("JSON");
        if event["type"] != "presence" {
            return event;
        }
    }
}

/// Everything that writes nothing. Called again and again, with another name.
fn all_else_goes_on(server: &Server, name: &str, ticked: usize) {
    let mut peer = server.guest(name, "lobby", false);
    for round in 0..20_u8 {
        peer.send(&frame(0x80 | PING, &[round])).expect("it reads");
        while peer.frame().expect("it answers").opcode != PONG {}
    }
    let mut guest = server.v1_in(&format!("{name}-2"), "lobby");
    guest.say(r#"{"type":"who","id":"w","room":"lobby"}"#);
    loop {
        let event: Value = serde_json::from_str(&guest.next()).expect("JSON");
        if event["type"] == "who" {
            assert!(event["people"].to_string().contains(name), "{name} is seen to be there: {event}");
            break;
        }
    }
    guest.say(r#"{"type":"history","id":"h","room":"lobby","before":4,"limit":3}"#);
    loop {
        let event: Value = serde_json::from_str(&guest.next()).expect("JSON");
        if event["type"] == "history" {
            let seqs: Vec<_> =
                event["entries"].as_array().expect("a list").iter().map(|e| &e["seq"]).collect();
            assert_eq!(seqs, [1, 2, 3], "of {ticked}");
            break;
        }
    }
}

/// ```text
/// anna: 1, 2, 3 …                   until the disk is full: storage_full
/// ben: what about me?               ! storage_full
///                                   people come and go, ask and read
///                                   somebody makes room
/// anna, once more                   stored, with the next number
/// ben: what about me?               + and the one after
///                                   twice; then the server starts again, and all that was ticked is there
/// ```
#[test]
fn a_disk_fills_up_and_writing_goes_on_when_there_is_room() {
    let Some(disk) = Folder::small_disk(8) else { return };
    let server = disk.server(&["--max-rate", "0"]);
    let mut anna = server.v1_in("anna", "lobby");
    let mut ben = server.plain("ben", "attic");
    let mut ticked = 0;
    for (round, freed) in [("one", 1_500_000), ("two", 1_000_000)] {
        let other = disk.path().join("other");
        // Somebody else needs room too.
        let free = usize::try_from(disk.free()).expect("it is small");
        std::fs::write(&other, vec![7; free.saturating_sub(freed)]).expect("there is room for it");
        ticked = talk_until_full(&mut anna, ticked + 1);
        ben.say("what about me?");
        let told = ben.line();
        assert!(told.starts_with("! storage_full not stored: the server's storage is full"), "{told}");
        let posted =
            server.raw("POST /rooms/attic?nick=nas HTTP/1.1\r\nHost: board\r\nContent-Length: 4\r\n\r\nfull");
        assert!(posted.starts_with("HTTP/1.1 507 "), "{posted}");
        all_else_goes_on(&server, &format!("guest-{round}"), ticked);
        assert_eq!(say(&mut anna, ticked + 1)["code"], "storage_full", "still");

        std::fs::remove_file(&other).expect("it is there");
        ticked += 1;
        let event = say(&mut anna, ticked);
        assert_eq!((&event["type"], &event["seq"]), (&"stored".into(), &ticked.into()));
        ben.say("what about me?");
        assert!(ben.line().starts_with("+ "));
    }
    assert!(ticked > 20, "{ticked} lines are not much of a test");

    // As if the plug was pulled, and somebody has bought a larger disk.
    drop(server);
    let server = disk.server(&[]);
    let mut reader = server.connect("/ws", Some("snug.v1"));
    reader.say(r#"{"type":"hello"}"#);
    let epoch = reader.event("welcome")["epoch"].clone();
    reader.say(&format!(r#"{{"type":"join","room":"lobby","after":{{"epoch":{epoch},"seq":0}}}}"#));
    assert_eq!(reader.event("joined")["last"], ticked);
    for number in 1..=ticked {
        let entry = reader.event("message");
        assert_eq!(entry["seq"], number);
        assert!(entry["text"].as_str().is_some_and(|text| text.starts_with(&format!("{number} x"))));
    }
    assert_eq!(server.log(), "", "a full disk is no fault of the disk");
}
