//! Requests that wait for the store: nothing is read from them, nothing comes late to the next tenant of their slot, and
//! nobody waits without end.

use protocol::time::Span;

use super::{Actor, V1, house};
use crate::fake::Peer;
use crate::stage::Stage;

const HEAD: &str = "POST /rooms/lobby?nick=nas HTTP/1.1\r\nHost: snug\r\nContent-Length: 4\r\n";

fn posts(stage: &mut Stage, text: &str) -> Peer {
    let peer = stage.call(2);
    peer.send(format!("{HEAD}\r\n{text}").as_bytes());
    peer
}

/// The status and the last line of what it was answered; nothing, if it was not.
fn answer(peer: &Peer) -> String {
    let all = String::from_utf8(peer.hear()).expect("text");
    assert!(all.matches("HTTP/1.1 ").count() <= 1, "{all}");
    match all.strip_prefix("HTTP/1.1 ") {
        Some(rest) => format!("{} {}", &rest[..3], rest.lines().last().unwrap_or_default()),
        None => all,
    }
}

#[test]
fn the_answer_comes_with_the_store_s() {
    let mut stage = house();
    let mut anna = Actor::enters(&mut stage, "anna");
    stage.gate.shut();
    let nas = posts(&mut stage, "full");
    stage.pass(Span::secs(20));
    assert_eq!((answer(&nas), anna.hears()), (String::new(), vec![]), "not before it is stored");
    stage.gate.open();
    stage.settle();
    assert_eq!((answer(&nas), anna.hears()), ("200 1".into(), vec!["1 nas: full".into()]));
    assert!(nas.is_finished() && !nas.is_closed(), "it hangs up first, or the answer could be lost");
    nas.end();
    stage.settle();
    assert!(nas.is_closed());
}

#[test]
fn a_full_store_is_said_to_be() {
    let mut stage = house();
    stage.gate.fill(true);
    let nas = posts(&mut stage, "full");
    stage.settle();
    assert!(answer(&nas).starts_with("507 ! storage_full "));
}

/// Anna posts and is gone, and Ben has her slot when the store answers. He hears nothing of it; the room does.
#[test]
fn a_late_answer_is_for_nobody() {
    let mut stage = house();
    let mut carol = Actor::enters(&mut stage, "carol");
    stage.gate.shut();
    let anna = posts(&mut stage, "bye!");
    stage.settle();
    let slot = anna.slot().expect("it was accepted");
    anna.reset();
    stage.turn();
    assert!(anna.is_closed(), "who is gone for good is not waited for");

    let ben = posts(&mut stage, "here");
    stage.turn();
    assert_eq!(ben.slot(), Some(slot));
    stage.gate.let_pass(1);
    stage.settle();
    assert_eq!((answer(&ben), carol.hears()), (String::new(), vec!["1 nas: bye!".into()]));
    ben.reset();
    stage.turn();
    let mut dora = Actor::calls(&mut stage);
    dora.peer.send(V1.as_bytes());
    stage.settle();
    assert_eq!(dora.slot(), slot);
    stage.gate.open();
    stage.settle();
    assert_eq!((dora.hears(), carol.hears()), (vec!["101".into()], vec!["2 nas: here".into()]));
}

/// As nc(1) does: it says that nothing more comes, and waits for the answer.
#[test]
fn who_sends_no_more_still_gets_the_answer() {
    for is_late in [false, true] {
        let mut stage = house();
        stage.gate.shut();
        let nas = posts(&mut stage, "full");
        if is_late {
            stage.settle();
        }
        nas.end();
        stage.pass(Span::secs(20));
        assert!(!nas.is_closed());
        stage.gate.open();
        stage.settle();
        assert_eq!(answer(&nas), "200 1");
        assert!(nas.is_closed());
    }
}

#[test]
fn nobody_waits_without_end() {
    let mut stage = house();
    stage.gate.shut();
    let nas = posts(&mut stage, "full");
    stage.pass(Span(59_999));
    assert_eq!(answer(&nas), "", "nor is it pinged");
    stage.pass(Span(1));
    assert!(answer(&nas).starts_with("504 the storage did not answer in time"));
    stage.pass(Span::secs(2));
    assert!(nas.is_closed(), "and it hangs up, or is hung up on");
    stage.gate.open();
    stage.settle();
    assert_eq!(answer(&nas), "");
    assert_eq!(stage.metrics().levels.connections, 0);
}

/// The store answers in the very turn in which the waiting is over: one answer is enough.
#[test]
fn the_last_moment() {
    let mut stage = house();
    stage.gate.shut();
    let nas = posts(&mut stage, "full");
    stage.pass(Span(59_999));
    stage.gate.open();
    // Time passes without a turn in between.
    stage.skip(Span(1));
    stage.settle();
    assert_eq!(answer(&nas), "200 1");
}

/// Four bytes are to come. Whoever sends the last one in time is in time, however the others came.
#[test]
fn a_body_has_its_time() {
    let mut stage = house();
    let slow = stage.call(1);
    slow.send(format!("{HEAD}\r\n").as_bytes());
    let slower = posts(&mut stage, "f");
    for byte in [b"f", b"u", b"l"] {
        stage.pass(Span(9_500));
        slow.send(byte);
    }
    slower.send(b"ul");
    stage.pass(Span(1_499));
    slow.send(b"l");
    stage.settle();
    assert_eq!(answer(&slow), "200 1");
    assert!(!slower.is_closed());
    stage.pass(Span(1));
    assert!(slower.is_closed(), "30 seconds from the head on, whatever comes meanwhile");
    assert_eq!(answer(&slower), "");
}

/// The poll was busy telling of others when the last byte came.
#[test]
fn a_body_that_waits_to_be_read_is_not_late() {
    let mut stage = house();
    let nas = posts(&mut stage, "ful");
    stage.settle();
    nas.send(b"l");
    nas.edge().expect("the poll would tell of it");
    stage.pass(Span::secs(30));
    assert_eq!(answer(&nas), "200 1");
}

/// What is sent behind a request is neither read nor answered while it waits, nor afterwards.
#[test]
fn nothing_behind_a_request_is_looked_at() {
    let mut stage = house();
    let mut anna = Actor::enters(&mut stage, "anna");
    stage.gate.shut();
    let nas = posts(&mut stage, "full");
    stage.settle();
    let read = stage.metrics().received;
    for _ in 0..100 {
        nas.send(format!("{HEAD}\r\nmore").repeat(100).as_bytes());
        stage.settle();
    }
    assert_eq!(stage.metrics().received, read, "it is left unread");
    nas.end();
    stage.settle();
    let looked_at = stage.metrics().received - read;
    assert!(looked_at <= 64 * 1024, "{looked_at} bytes, to see whether it is gone");
    stage.gate.open();
    stage.settle();
    assert_eq!((answer(&nas), anna.hears()), ("200 1".into(), vec!["1 nas: full".into()]));
}

/// Whoever reads a long answer slowly has time for it as long as it reads.
#[test]
fn a_long_answer_has_its_time() {
    let mut stage = house();
    let anna = Actor::enters(&mut stage, "anna");
    for number in 0..3 {
        let text = "x".repeat(1000);
        anna.says(&format!(r#"{{"type":"say","room":"lobby","id":"{number}","text":"{text}"}}"#));
    }
    stage.settle();
    let reader = stage.call(1);
    reader.stall();
    reader.send(b"GET /rooms/lobby HTTP/1.1\r\nHost: localhost\r\n\r\n");
    reader.end();
    let mut read = Vec::new();
    for _ in 0..40 {
        stage.pass(Span::secs(29));
        reader.make_room(100);
        stage.settle();
        read.extend(reader.hear());
    }
    let read = String::from_utf8(read).expect("text");
    assert_eq!(read.matches("<anna> xxx").count(), 3, "{read}");
    stage.pass(Span::secs(2));
    assert!(reader.is_closed());

    let staller = stage.call(1);
    staller.stall();
    staller.send(b"GET /rooms/lobby HTTP/1.1\r\nHost: localhost\r\n\r\n");
    stage.pass(Span(29_999));
    assert!(!staller.is_closed());
    stage.pass(Span(1));
    assert!(staller.is_closed(), "who takes nothing is not waited for");
}

/// SIGTERM: the store is waited for, ten seconds if it stalls, and what it says is passed on. Nobody hears of WebSocket.
#[test]
fn a_server_that_stops_answers_what_it_can() {
    let mut stage = house();
    stage.gate.shut();
    let (first, second) = (posts(&mut stage, "one!"), posts(&mut stage, "two!"));
    let unfinished = posts(&mut stage, "t");
    stage.settle();
    stage.signal();
    stage.settle();
    stage.gate.let_pass(1);
    stage.settle();
    assert_eq!((answer(&first), answer(&second)), ("200 1".into(), String::new()));
    first.end();
    stage.pass(Span(9_999));
    assert!(!unfinished.is_closed() && !stage.is_over());
    stage.pass(Span(1));
    assert!(unfinished.is_closed(), "nobody reads it any more");
    stage.pass(Span(1500));
    assert!(stage.is_over());
    assert_eq!((answer(&second), answer(&unfinished)), (String::new(), String::new()));
}

/// What is on the way counts as memory, and is given back.
#[test]
fn a_body_on_the_way_is_counted() {
    let mut stage = house();
    let before = stage.metrics().levels.held;
    let peer = stage.call(1);
    peer.send(b"POST /rooms/lobby HTTP/1.1\r\nHost: snug\r\nContent-Length: 16000\r\n\r\n");
    peer.send(&[b'x'; 12_000]);
    stage.settle();
    let held = stage.metrics().levels.held - before;
    assert!((12_000..12_200).contains(&held), "{held} bytes");
    peer.reset();
    stage.turn();
    stage.settle();
    assert_eq!(stage.metrics().levels.held, before);
}
