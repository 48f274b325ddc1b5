//! A slot and its next tenant: whatever is late of the one before (an edge, a deadline, an answer of the store, a page)
//! means nothing to it.

use protocol::time::Span;
use protocol::ws::encode::Opcode;

use super::{Actor, V1, house};
use crate::stage::Stage;

/// Anna goes and Ben comes, to her slot.
fn ben_after(stage: &mut Stage, anna: Actor) -> Actor {
    anna.peer.reset();
    stage.turn();
    assert!(anna.peer.is_closed());
    let ben = Actor::calls(stage);
    stage.turn();
    assert_eq!(ben.slot(), anna.slot(), "a slot that is free is used first");
    ben
}

/// One batch tells that Anna is gone, that Ben calls, and then what was late of Anna. Later batches do so too, when
/// her slot is Carol's.
#[test]
fn late_edges() {
    let mut stage = house();
    let anna = Actor::enters(&mut stage, "anna");
    let slot = anna.slot();
    anna.says(r#"{"type":"say","room":"lobby","id":"a1","text":"bye"}"#);
    anna.peer.end();
    let mut ben = Actor::calls(&mut stage);
    for (readable, writable, ended) in [(true, true, true), (true, false, false), (false, true, false)] {
        stage.rumour(slot, readable, writable, ended);
    }
    stage.turn();
    assert_ne!(ben.slot(), slot, "a slot is not used again in the batch that frees it");
    stage.turn();
    assert!(anna.peer.is_closed());

    let mut carol = Actor::calls(&mut stage);
    stage.rumour(slot, true, true, true);
    stage.turn();
    assert_eq!(carol.slot(), slot);
    ben.greets("ben");
    let (first, second) = V1.as_bytes().split_at(20);
    carol.peer.send(first);
    for ended in [true, false] {
        stage.rumour(slot, true, true, ended);
        stage.turn();
    }
    carol.peer.stall();
    carol.peer.send(second);
    carol.says(r#"{"type":"hello","id":"h"}"#);
    stage.turn();
    // "There is room again" is not true either: nothing is lost by believing it.
    stage.rumour(slot, false, true, false);
    stage.settle();
    carol.peer.make_room(usize::MAX);
    stage.settle();
    assert_eq!(carol.hears(), ["101", "welcome h"]);
    assert_eq!(ben.hears(), ["101", "welcome h"]);
}

/// Anna has called and said nothing. Her five seconds are not Ben's.
#[test]
fn a_deadline() {
    let mut stage = house();
    let anna = Actor::calls(&mut stage);
    stage.pass(Span(4000));
    let mut ben = ben_after(&mut stage, anna);
    stage.pass(Span(4999));
    assert!(!ben.peer.is_closed(), "Anna's deadline is over since four seconds");
    stage.pass(Span(1));
    assert!(ben.peer.is_closed(), "and this is Ben's");
    assert_eq!(ben.hears(), [""; 0]);
}

/// Anna owes half a message; Ben begins one ten seconds later.
#[test]
fn the_deadline_of_half_a_message() {
    let mut stage = house();
    let anna = Actor::enters(&mut stage, "anna");
    anna.peer.send(&[0x01, 0x81, 0, 0, 0, 0, b'{']); // RFC 6455, section 5.4: a fragment, and more to come
    stage.pass(Span(10_000));
    let mut ben = ben_after(&mut stage, anna);
    ben.greets("ben");
    ben.peer.send(&[0x01, 0x81, 0, 0, 0, 0, b'{']);
    stage.settle();
    assert_eq!(ben.hears(), ["101", "welcome h"]);
    stage.pass(Span(29_000));
    assert_eq!(ben.hears(), [""; 0], "Anna's 30 seconds are over since nine");
    ben.frame(Opcode::Ping, b"still here");
    stage.pass(Span(999));
    assert_eq!(ben.hears(), ["pong still here"]);
    stage.pass(Span(1));
    assert_eq!(ben.hears(), ["close 1008"], "and Ben's now");
}

/// Anna has sent too fast and is not read for a while. Ben does the same later, and waits for as long.
#[test]
fn a_pause() {
    let mut stage = house();
    let carol = Actor::enters(&mut stage, "carol");
    let anna = Actor::enters(&mut stage, "anna");
    let flood = |actor: &Actor| (0..40).for_each(|_| actor.frame(Opcode::Pong, b""));
    flood(&anna);
    stage.turn();
    flood(&anna); // this is what she is paused for
    stage.turn();
    assert_eq!(stage.metrics().levels.paused, 1);
    stage.pass(Span(1500));
    // Who is not read is not noticed to be gone, until something is to be said to it.
    carol.says(r#"{"type":"say","room":"lobby","id":"c1","text":"Anna?"}"#);
    let mut ben = ben_after(&mut stage, anna);
    ben.greets("ben");
    flood(&ben);
    stage.settle();
    ben.frame(Opcode::Ping, b"ben");
    stage.settle();
    assert_eq!(ben.hears(), ["101", "welcome h"]);
    // 41 frames cost 4.1 s, of which two may be run up. Anna's pause ends long before.
    stage.pass(Span(2000));
    assert_eq!(ben.hears(), [""; 0], "he is not resumed for her");
    stage.pass(Span(200));
    assert_eq!(ben.hears(), ["pong ben"]);
}

/// Anna lags for twenty seconds and goes. Ben lags from then on, and has his own thirty.
#[test]
fn the_deadline_of_a_reader_that_lags() {
    let mut stage = house();
    let anna = Actor::enters(&mut stage, "anna");
    let lag = |stage: &mut Stage, actor: &Actor| {
        actor.peer.stall();
        (0..8).for_each(|_| actor.frame(Opcode::Ping, &[b'x'; 125]));
        stage.settle();
        (0..20)
            .for_each(|_| actor.says(r#"{"type":"rooms","id":"0123456789012345678901234567890123456789"}"#));
        stage.pass(Span(3000));
        (0..40)
            .for_each(|_| actor.says(r#"{"type":"rooms","id":"0123456789012345678901234567890123456789"}"#));
        stage.pass(Span(3000));
        assert!(!actor.peer.is_closed());
    };
    lag(&mut stage, &anna);
    assert_eq!(stage.metrics().lags, 1);
    stage.pass(Span(20_000));
    let ben = ben_after(&mut stage, anna);
    ben.greets("ben");
    stage.settle();
    lag(&mut stage, &ben);
    assert_eq!(stage.metrics().lags, 2);
    stage.pass(Span(20_000));
    assert!(!ben.peer.is_closed(), "Anna's thirty seconds are over");
    stage.pass(Span(15_000));
    assert!(ben.peer.is_closed(), "and Ben's now");
}

/// The store takes its time. When it answers what Anna has asked, Ben has her slot and is in her room.
#[test]
fn late_answers() {
    let mut stage = house();
    let anna = Actor::enters(&mut stage, "anna");
    let mut carol = Actor::enters(&mut stage, "carol");
    stage.gate.shut();
    anna.says(r#"{"type":"say","room":"lobby","id":"a1","text":"one"}"#);
    anna.says(r#"{"type":"history","room":"lobby","id":"a2","before":9}"#);
    anna.says(r#"{"type":"join","room":"lobby","id":"a3"}"#);
    anna.says(r#"{"type":"say","room":"lobby","id":"a4","text":"two"}"#);
    stage.settle();
    assert_eq!(stage.gate.waiting().len(), 4);
    let mut ben = ben_after(&mut stage, anna);
    ben.greets("ben");
    ben.says(r#"{"type":"join","room":"lobby","id":"b1"}"#);
    ben.says(r#"{"type":"say","room":"lobby","id":"b2","text":"three"}"#);
    stage.settle();
    assert_eq!(ben.hears(), ["101", "welcome h"], "nothing is stored yet");

    stage.gate.let_pass(3);
    stage.settle();
    assert_eq!(ben.hears(), [""; 0], "Anna's tick, page and past are nobody's");
    stage.gate.fill(true);
    stage.gate.let_pass(1);
    stage.settle();
    assert_eq!(ben.hears(), [""; 0], "nor is the refusal Ben's");
    stage.gate.fill(false);
    stage.gate.open();
    stage.settle();
    assert_eq!(ben.hears(), ["joined b1", "1 anna: one", "stored b2"]);
    assert_eq!(carol.hears(), ["1 anna: one", "2 ben: three"]);
}

/// Anna is sent the past page by page, and goes while the store looks for the next. Ben is behind in the same room, in
/// her slot. The page that was hers is not his, and he gets every entry once.
#[test]
fn a_late_page() {
    let mut stage = house();
    let mut carol = Actor::enters(&mut stage, "carol");
    let anna = Actor::enters(&mut stage, "anna");
    anna.peer.stall();
    for n in 0..8 {
        carol
            .says(&format!(r#"{{"type":"say","room":"lobby","id":"c{n}","text":"{n}{}"}}"#, "x".repeat(600)));
        stage.settle();
    }
    assert_eq!(stage.metrics().lags, 1, "Anna is behind");
    assert_eq!(carol.hears().len(), 9, "a presence, and eight ticks");
    stage.gate.shut();
    anna.peer.make_room(usize::MAX);
    stage.settle();
    assert_eq!(stage.gate.waiting().len(), 1, "the store looks for her page");

    let mut ben = ben_after(&mut stage, anna);
    ben.greets("ben");
    ben.says(r#"{"type":"join","room":"lobby","id":"b1","last":2}"#);
    stage.settle();
    stage.gate.let_pass(1);
    stage.settle();
    assert_eq!(ben.hears(), ["101", "welcome h"]);
    stage.gate.open();
    stage.settle();
    let heard: Vec<String> = ben.hears().into_iter().map(|heard| heard.chars().take(10).collect()).collect();
    assert_eq!(heard, ["joined b1", "7 carol: 6", "8 carol: 7"]);
}

/// Anna has drained, or has more to read, and is freed in that very turn. When the next turn looks at what it has to go on
/// with, Ben has her slot.
#[test]
fn what_was_left_to_go_on_with() {
    let mut stage = house();
    let mut carol = Actor::enters(&mut stage, "carol");
    let anna = Actor::enters(&mut stage, "anna");
    anna.peer.stall();
    for n in 0..8 {
        carol
            .says(&format!(r#"{{"type":"say","room":"lobby","id":"c{n}","text":"{n}{}"}}"#, "x".repeat(600)));
        stage.settle();
    }
    let _ = carol.hears();
    // She takes all that waits, leaves more to read than is read at once, and hangs up.
    anna.peer.make_room(usize::MAX);
    let pong = [&[0x8a, 0xfd, 0, 0, 0, 0], &[0; 125][..]].concat();
    anna.peer.send(&pong.repeat(600));
    anna.peer.end();
    stage.turn();
    let slot = anna.slot();
    anna.peer.reset();
    let mut ben = Actor::calls(&mut stage);
    stage.turn();
    let mut dora = Actor::calls(&mut stage);
    dora.greets("dora");
    dora.says(r#"{"type":"join","room":"lobby","id":"d1","last":1}"#);
    stage.turn();
    assert!(anna.peer.is_closed() && dora.slot() == slot);
    stage.settle();
    let heard: Vec<String> = dora.hears().into_iter().map(|heard| heard.chars().take(10).collect()).collect();
    assert_eq!(heard, ["101", "welcome h", "joined d1", "8 carol: 7"]);
    assert_eq!(ben.hears(), [""; 0]);
}
