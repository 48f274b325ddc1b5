//! The server is told to stop (SIGTERM) while what people said waits for a disk that has stalled. What waits is stored
//! and ticked, what comes later is not read, and then everybody is told to come back (1012).
//!
//! The server is in this process, and gets this process's signal; so no other test here may have one of its own.

use std::net::TcpStream;
use std::sync::Arc;

use protocol::chat::id::Epoch;
use rustix::process::{Signal, getpid, kill_process};
use serde_json::Value;
use server::store::{Rhythm, Ring, Store};

use crate::support::disk::{Disk, Hand};
use crate::support::here::{RULES, patient, run_with};
use crate::support::{Client, until};

const EPOCH: Epoch = Epoch([7; 8]);

#[test]
fn what_waits_for_the_disk_is_stored_and_ticked_before_the_farewell() {
    let hand = Arc::new(Hand::default());
    let disk = Disk::new(EPOCH, Ring::default(), &hand);
    let board = run_with(patient(), RULES, EPOCH, |bell| {
        Store::on_a_thread(disk, Rhythm::default(), bell).expect("a thread")
    });
    let (mut ann, mut ben) = (Client::v1_in(board, "ann", "lab"), Client::v1_in(board, "ben", "lab"));

    let stalled = hand.stall();
    let say = |ann: &mut Client, seq| {
        ann.say(&format!(r#"{{"type":"say","room":"lab","id":"{seq}","text":"line {seq}"}}"#));
    };
    for seq in 1..=10 {
        say(&mut ann, seq);
    }
    // The answer shows that all ten were read; the store's own, that it has begun with them.
    ann.say(r#"{"type":"who","id":"w","room":"lab"}"#);
    assert_eq!(ann.event("who")["id"], "w");
    until("the disk is at work", || hand.is_at_work());

    kill_process(getpid(), Signal::TERM).unwrap();
    until("nobody is let in any more", || TcpStream::connect(board).is_err());
    say(&mut ann, 11);
    drop(stalled);

    for seq in 1..=10 {
        let tick = ann.event("stored");
        assert_eq!((&tick["seq"], &tick["id"]), (&Value::from(seq), &Value::from(seq.to_string())));
        let heard = ben.event("message");
        assert_eq!((&heard["seq"], &heard["text"]), (&Value::from(seq), &format!("line {seq}").into()));
    }
    for client in [&mut ann, &mut ben] {
        let close = client.close_frame().expect("it says why");
        assert_eq!(u16::from(close.code), 1012);
        assert!(close.reason.contains("spread your return over"), "{}", close.reason);
    }
}
