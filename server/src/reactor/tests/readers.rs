//! Readers that do not read: they cost memory within a limit, and no time.

use protocol::time::Span;

use super::{Actor, Stage, spacious};

/// Ben asks and asks, and reads nothing. He is hung up on; until the time for that is over, nobody is busy with him.
#[test]
fn who_is_hung_up_on_and_does_not_read_keeps_nobody_busy() {
    // As fast as he likes, so that all he asks is asked at once.
    let mut house = spacious();
    house.settings.manners.pace = None;
    let mut stage = Stage::new(house);
    let mut anna = Actor::enters(&mut stage, "anna");
    let mut ben = Actor::enters(&mut stage, "ben");
    let _ = anna.hears();
    stage.pass(Span(1000));
    ben.peer.stall();
    for _ in 0..100 {
        ben.says(r#"{"type":"rooms","id":"0123456789012345678901234567890123456789"}"#);
    }
    stage.turn();
    stage.settle();
    assert!(stage.metrics().levels.unsent > 8 * 1024);
    assert_eq!(stage.wait(), Some(Span(2000)), "he has so long to leave, and nothing else is due");
    assert_eq!(anna.hears(), ["presence 1"]);
    stage.pass(Span(1999));
    assert!(!ben.peer.is_closed());
    ben.peer.make_room(usize::MAX);
    stage.settle();
    let heard = ben.hears();
    assert_eq!(heard.len(), 101, "what he has asked for, and goodbye");
    assert_eq!(heard.last().map(String::as_str), Some("close 1013"), "if he reads after all, he is told why");
    stage.pass(Span(1));
    assert!(ben.peer.is_closed());
}
