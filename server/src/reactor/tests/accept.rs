//! The door when accept(2) fails: the loop neither spins (it waits) nor hangs (whoever waits is let in), and those who are
//! inside go on talking.

use protocol::time::Span;
use rustix::io::Errno;

use super::{Actor, house};
use crate::stage::{House, Stage};

const OUT_OF: [(Errno, &str); 4] = [
    (Errno::MFILE, "EMFILE"),
    (Errno::NFILE, "ENFILE"),
    (Errno::NOBUFS, "ENOBUFS"),
    (Errno::NOMEM, "ENOMEM"),
];

#[test]
fn nothing_is_left_to_accept_with() {
    for (fault, name) in OUT_OF {
        let mut stage = house();
        let mut anna = Actor::enters(&mut stage, "anna");
        let mut ben = Actor::enters(&mut stage, "ben");
        stage.pass(Span(1000));
        let _ = anna.hears();

        stage.door.fail(Some(fault));
        let mut callers: Vec<Actor> = (0..3).map(|_| Actor::calls(&mut stage)).collect();
        let before = stage.door.tries();
        stage.turn();
        assert_eq!(stage.door.tries(), before + 1, "{fault}: it does not insist");
        assert_eq!(stage.wait(), Some(Span(250)), "{fault}: it neither spins nor hangs");
        stage.pass(Span(1000));
        assert_eq!(stage.door.tries(), before + 5, "{fault}: four times a second");

        anna.says(r#"{"type":"say","room":"lobby","id":"a1","text":"tea?"}"#);
        stage.turn();
        assert_eq!((anna.hears(), ben.hears()), (vec!["stored a1".into()], vec!["1 anna: tea?".into()]));
        assert_eq!(stage.door.backlog(), 3);

        // The kernel has some again, and does not say so: there is no edge.
        stage.door.fail(None);
        stage.pass(Span(250));
        assert_eq!(stage.door.backlog(), 0, "{fault}: all are let in");
        for caller in &mut callers {
            caller.peer.send(super::V1.as_bytes());
            stage.settle();
            assert_eq!(caller.hears(), ["101"]);
        }
        let counted = format!("{:?}", stage.metrics().accept_errors);
        assert!(counted.contains(&format!("(\"{name}\", 5)")), "{counted}");
    }
}

/// Whoever waits at the door has the place of who has just gone, at once and not after a quarter of a second.
#[test]
fn a_slot_that_is_freed_is_used_at_once() {
    let mut stage = house();
    let anna = Actor::enters(&mut stage, "anna");
    stage.door.fail(Some(Errno::MFILE));
    let ben = Actor::calls(&mut stage);
    stage.turn();
    anna.peer.reset();
    stage.turn();
    assert_eq!(stage.wait(), Some(Span(0)));
    stage.door.fail(None);
    stage.turn();
    assert_eq!((stage.door.backlog(), ben.slot()), (0, anna.slot()));
    assert_ne!(stage.wait(), Some(Span(0)), "and that was that");
}

/// ECONNABORTED is the fault of one caller alone. Those behind it are let in, in the same turn.
#[test]
fn a_caller_that_went_away() {
    let mut stage = house();
    let anna = Actor::calls(&mut stage);
    stage.door.call_and_go();
    stage.door.call_and_go();
    let ben = Actor::calls(&mut stage);
    stage.turn();
    assert_eq!(stage.door.backlog(), 0);
    assert_ne!(anna.slot(), ben.slot());
    assert_ne!(stage.wait(), Some(Span(0)));
}

/// A herd is let in by 64 in a turn, without another edge, and those who are inside are heard in between.
#[test]
fn a_herd_takes_turns() {
    let mut house = House::tight();
    (house.settings.connections, house.settings.per_address, house.settings.memory) = (None, None, None);
    house.settings.manners.pace = None;
    let mut stage = Stage::new(house);
    let mut anna = Actor::enters(&mut stage, "anna");
    let herd: Vec<Actor> = (0..150).map(|_| Actor::calls(&mut stage)).collect();
    let mut left = Vec::new();
    for n in 0..3 {
        anna.says(&format!(r#"{{"type":"say","room":"lobby","id":"a{n}","text":"tea?"}}"#));
        stage.turn();
        assert_eq!(anna.hears(), [format!("stored a{n}")]);
        left.push((stage.door.backlog(), stage.wait() == Some(Span(0))));
    }
    assert_eq!(left, [(86, true), (22, true), (0, false)]);
    assert_eq!(herd.iter().filter(|actor| actor.peer.slot().is_some()).count(), 150);
}

/// The poll tells of a thousand at once, and Anna is not among them. Her five seconds pass before her request is read;
/// but it is there. Ben's is not.
#[test]
fn a_request_that_waits_to_be_read_is_not_late() {
    let mut stage = house();
    let (anna, ben) = (stage.call(1), stage.call(2));
    stage.settle();
    anna.send(b"GET /healthz HTTP/1.1\r\nHost: board\r\n\r\n");
    ben.send(b"GET /healthz HTTP/1.1\r\n");
    for peer in [&anna, &ben] {
        peer.edge().expect("the poll would tell of it");
    }
    stage.pass(Span::secs(5));
    assert!(anna.hear().starts_with(b"HTTP/1.1 200"));
    assert_eq!((ben.hear(), ben.is_closed()), (Vec::new(), true));
}
