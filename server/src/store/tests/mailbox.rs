//! What waits in the mailbox, and who is read meanwhile.

use std::time::Duration;

use hub::effect::{Purpose, Range, Recall, Record};
use hub::input::ConnId;
use mio::{Events, Poll, Token};
use protocol::chat::event::Kind;
use protocol::chat::id::RequestId;

use super::super::mailbox::Share;
use super::super::page::cost;
use super::super::{ANSWERS_AT_ONCE, Answer, Letter, Memory, Rhythm, Ring, Store};
use super::{ALICE, CONN, EPOCH, applied, engines, room, say};
use crate::worker::Bell;

/// A mailbox with room for four letters. Ann sends on and on, Ben says a line now and then.
#[test]
fn a_full_mailbox_slows_those_who_fill_it() {
    let conn = |slot| ConnId { slot, generation: 1 };
    let (ann, ben) = (conn(1), conn(2));
    let mut store = Store::new(Memory::new(EPOCH, Ring::default())).with_depth(Some(4));
    let mut posted = 0;
    let mut post = |store: &mut Store, origin: ConnId, text: &str| {
        posted += 1;
        store.post(
            0,
            Letter::Record(Record {
                room: room("lobby"),
                user: ALICE,
                nick: "somebody".into(),
                kind: Kind::Talk,
                text: text.into(),
                id: RequestId::new(posted.to_string()),
                origin: Some(origin),
            }),
        );
    };
    for _ in 0..3 {
        post(&mut store, ann, "and on");
        assert_eq!(store.allowance(ann), usize::MAX, "there is room for four");
    }
    for _ in 3..16 {
        post(&mut store, ann, "and on");
    }
    assert_eq!(store.allowance(ann), 0, "sixteen letters are no small share");
    assert_eq!(store.allowance(ben), 4096, "who has none in it is read a little");
    post(&mut store, ben, "hello");
    assert_eq!(store.allowance(ben), 4096, "one letter is a small share");
    post(&mut store, ben, &"long ".repeat(1000));
    assert_eq!(store.allowance(ben), 0, "and 5,000 bytes are none");
    while store.mail() > 4 {
        store.next(|| 0).expect("every letter is answered");
    }
    assert_eq!((store.allowance(ann), store.allowance(ben)), (4096, 0), "it is still full, of Ben's by now");
    while store.next(|| 0).is_some() {}
    assert_eq!((store.mail(), store.waiting), (0, Share::default()));
    assert_eq!(store.allowance(ann), usize::MAX);
}

/// How many bytes an answer takes, about.
fn bytes(answer: &Answer) -> usize {
    let Answer::Recalled(recalled) = answer else { panic!("a page was asked for: {answer:?}") };
    recalled.entries.iter().map(cost).sum()
}

/// A thousand join at once, and each is due a page: no more than some of the pages are in memory at one time.
#[test]
fn answers_are_made_as_they_are_taken() {
    engines(|mut store| {
        for number in 0..6 {
            applied(say(&mut store, ALICE, &number.to_string(), "lobby", &"x".repeat(10_000)));
        }
        for _ in 0..1000 {
            store.post(
                0,
                Letter::Recall(Recall {
                    conn: CONN,
                    room: room("lobby"),
                    purpose: Purpose::Page { membership: 0 },
                    span: Range::From(1),
                }),
            );
        }
        for left in (0..1000).rev() {
            assert!(store.next(|| 0).is_some());
            let in_memory: usize = store.answers.iter().map(bytes).sum();
            assert!(in_memory <= ANSWERS_AT_ONCE, "{in_memory} bytes of answers wait");
            assert_eq!(store.mail(), left);
        }
    });
}

/// The thread is as quick as the loop, and does one letter at a time: there is always a next batch while the last one is
/// being taken.
#[test]
fn no_answer_of_a_quick_thread_is_passed_over() {
    let mut poll = Poll::new().unwrap();
    let bell = Bell::new(poll.registry(), Token(7)).unwrap();
    let engine = Memory::new(EPOCH, Ring::default());
    let mut store = Store::on_a_thread(engine, Rhythm::default(), bell).unwrap();
    for number in 0..2000 {
        let (text, id) = ("and on".into(), RequestId::new(number.to_string()));
        let (nick, kind, user) = ("alice".into(), Kind::Talk, ALICE);
        store.post(
            0,
            Letter::Record(Record { room: room("lobby"), user, nick, kind, text, id, origin: None }),
        );
    }
    let mut events = Events::with_capacity(4);
    for expected in 1..=2000 {
        let answer = loop {
            if let Some((answer, _)) = store.next(|| 0) {
                break answer;
            }
            poll.poll(&mut events, Some(Duration::from_secs(10))).unwrap();
            assert!(!events.is_empty(), "before answer {expected} nothing comes any more");
        };
        assert_eq!(applied(answer).entry.seq, expected, "each is answered, in order");
    }
    assert_eq!(store.mail(), 0);
}
