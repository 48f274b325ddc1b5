//! What every engine has to do. The same stories run for each.

use hub::effect::{Purpose, Range, Recall, Record};
use hub::input::{Applied, ConnId, Recalled, Refusal};
use protocol::chat::event::{Kind, ResetReason};
use protocol::chat::id::{Epoch, RequestId, UserId};
use protocol::chat::name::RoomName;
use protocol::chat::request::Since;

use super::{ANSWERS_AT_ONCE, Answer, Letter, Memory, Ring, Share, Store};

const EPOCH: Epoch = Epoch([1; 8]);
const CONN: ConnId = ConnId { slot: 3, generation: 9 };
const ALICE: UserId = UserId([0xa; 10]);
const BOB: UserId = UserId([0xb; 10]);

fn engines(story: impl Fn(Store)) {
    story(Store::new(Memory::new(EPOCH, Ring::default())));
}

fn room(name: &'static str) -> RoomName<'static> {
    RoomName::new(name).unwrap()
}

fn say(store: &mut Store, user: UserId, id: &str, at: &'static str, text: &str) -> Answer {
    store.post(
        0,
        Letter::Record(Record {
            room: room(at),
            user,
            nick: "somebody".into(),
            kind: Kind::Talk,
            text: text.into(),
            id: RequestId::new(id.to_owned()),
            origin: Some(CONN),
        }),
    );
    store.next(|| 1234).expect("every letter is answered").0
}

fn applied(answer: Answer) -> Applied {
    match answer {
        Answer::Applied(applied) => applied,
        other => panic!("not stored: {other:?}"),
    }
}

fn recall(store: &mut Store, at: &'static str, span: Range) -> Recalled {
    store.post(
        0,
        Letter::Recall(Recall { conn: CONN, room: room(at), purpose: Purpose::Page { membership: 0 }, span }),
    );
    match store.next(|| 0) {
        Some((Answer::Recalled(recalled), _)) => recalled,
        other => panic!("not recalled: {other:?}"),
    }
}

fn seqs(recalled: &Recalled) -> Vec<u64> {
    recalled.entries.iter().map(|entry| entry.seq).collect()
}

#[test]
fn every_room_counts_for_itself() {
    engines(|mut store| {
        assert_eq!(applied(say(&mut store, ALICE, "", "lobby", "one")).entry.seq, 1);
        assert_eq!(applied(say(&mut store, BOB, "", "lobby", "two")).entry.seq, 2);
        assert_eq!(applied(say(&mut store, ALICE, "", "ops", "one")).entry.seq, 1);
    });
}

#[test]
fn the_same_id_from_the_same_person_makes_one_entry() {
    engines(|mut store| {
        let first = applied(say(&mut store, ALICE, "k", "lobby", "hi"));
        let again = applied(say(&mut store, ALICE, "k", "lobby", "hi"));
        assert!(!first.dup && again.dup);
        assert_eq!(first.entry, again.entry);

        let other = applied(say(&mut store, BOB, "k", "lobby", "hi"));
        assert_eq!((other.entry.seq, other.dup), (2, false), "another person's id is another id");

        for (at, text) in [("lobby", "something else"), ("ops", "hi")] {
            let answer = say(&mut store, ALICE, "k", at, text);
            let id = RequestId::new("k");
            assert_eq!(answer, Answer::Refused { conn: Some(CONN), id, reason: Refusal::IdConflict });
        }
        assert_eq!(recall(&mut store, "lobby", Range::From(1)).last, 2);
    });
}

#[test]
fn a_join_brings_the_latest_or_what_was_missed() {
    engines(|mut store| {
        for text in ["a", "b", "c", "d", "e"] {
            say(&mut store, ALICE, "", "lobby", text);
        }
        let after = |epoch, seq| Range::Since(Since::After { epoch, seq });
        assert_eq!(seqs(&recall(&mut store, "lobby", Range::Since(Since::Last(2)))), [4, 5]);
        assert_eq!(seqs(&recall(&mut store, "lobby", Range::Since(Since::Last(0)))), [0_u64; 0]);
        assert_eq!(seqs(&recall(&mut store, "lobby", after(EPOCH, 3))), [4, 5]);
        assert_eq!(seqs(&recall(&mut store, "lobby", after(EPOCH, 5))), [0_u64; 0]);
        assert_eq!(seqs(&recall(&mut store, "lobby", after(EPOCH, 0))), [1, 2, 3, 4, 5]);
        assert_eq!(seqs(&recall(&mut store, "lobby", Range::Before { seq: 4, limit: 2 })), [2, 3]);
        assert_eq!(seqs(&recall(&mut store, "lobby", Range::Before { seq: 0, limit: 2 })), [0_u64; 0]);

        let ahead = recall(&mut store, "lobby", after(EPOCH, 6));
        assert_eq!((ahead.reset, seqs(&ahead)), (Some(ResetReason::Ahead), vec![1, 2, 3, 4, 5]));
        let stranger = recall(&mut store, "lobby", after(Epoch([2; 8]), 3));
        assert_eq!((stranger.reset, stranger.first, stranger.last), (Some(ResetReason::Epoch), 1, 5));
    });
}

#[test]
fn a_room_nobody_spoke_in_is_empty() {
    engines(|mut store| {
        let recalled = recall(&mut store, "quiet", Range::Since(Since::Last(50)));
        assert_eq!((recalled.first, recalled.last, recalled.more), (0, 0, false));
        assert!(recalled.entries.is_empty() && recalled.reset.is_none() && recalled.topic.is_empty());
    });
}

#[test]
fn what_is_forgotten_is_said_to_be_gone() {
    engines(|mut store| {
        let first = applied(say(&mut store, ALICE, "k", "lobby", "the first"));
        for _ in 0..300 {
            say(&mut store, BOB, "", "lobby", "and more");
        }
        let gone = recall(&mut store, "lobby", Range::Since(Since::After { epoch: EPOCH, seq: 1 }));
        assert_eq!(gone.reset, Some(ResetReason::Gone));
        assert_eq!(gone.last, 301);
        let kept = gone.first;
        let edge = recall(&mut store, "lobby", Range::Since(Since::After { epoch: EPOCH, seq: kept - 1 }));
        assert_eq!((edge.reset, edge.entries[0].seq), (None, kept), "the oldest that is kept is not gone");

        let again = applied(say(&mut store, ALICE, "k", "lobby", "the first"));
        assert!(again.entry.seq != first.entry.seq, "an id lives as long as its entry");
    });
}

/// A thousand rooms that each keep little are bounded together; and a number is never given twice.
#[test]
fn all_rooms_together_are_bounded() {
    let ring = Ring { total: 64 * 1024, ..Ring::default() };
    let mut store = Store::new(Memory::new(EPOCH, ring));
    applied(say(&mut store, ALICE, "k", "first", "one"));
    let second = applied(say(&mut store, ALICE, "", "first", "two")).entry.seq;
    for number in 0..1000 {
        store.post(
            0,
            Letter::Record(Record {
                room: RoomName::new(format!("room-{number}")).unwrap(),
                user: BOB,
                nick: "bob".into(),
                kind: Kind::Talk,
                text: "x".repeat(100).into(),
                id: RequestId::new(number.to_string()),
                origin: None,
            }),
        );
        applied(store.next(|| 0).unwrap().0);
        assert!(store.held() <= 64 * 1024, "{} bytes are held", store.held());
    }
    let gone = recall(&mut store, "first", Range::Since(Since::After { epoch: EPOCH, seq: 1 }));
    assert_eq!(gone.reset, Some(ResetReason::Gone), "who had the first is told that the second is lost");
    let again = applied(say(&mut store, ALICE, "k", "first", "one"));
    assert!(again.entry.seq > second && !again.dup);
}

#[test]
fn a_page_that_comes_too_late_says_so() {
    engines(|mut store| {
        for _ in 0..300 {
            say(&mut store, BOB, "", "lobby", "and more");
        }
        let late = recall(&mut store, "lobby", Range::From(5));
        assert_eq!((late.reset, late.entries[0].seq), (Some(ResetReason::Gone), late.first));
        let in_time = recall(&mut store, "lobby", Range::From(late.first));
        assert_eq!(in_time.reset, None);
        let done = recall(&mut store, "lobby", Range::From(301));
        assert_eq!((done.reset, done.entries.len()), (None, 0), "there is nothing new, and nothing is lost");
    });
}

#[test]
fn a_long_past_comes_in_pages() {
    engines(|mut store| {
        let long = "x".repeat(15_000);
        for _ in 0..10 {
            say(&mut store, ALICE, "", "lobby", &long);
        }
        let mut from = 1;
        let mut got = Vec::new();
        let mut pages = 0;
        loop {
            let page = recall(&mut store, "lobby", Range::From(from));
            let size: usize = page.entries.iter().map(|entry| entry.text.len()).sum();
            assert!(size <= 64 * 1024, "a page of {size} bytes");
            got.extend(seqs(&page));
            pages += 1;
            from = got.last().unwrap() + 1;
            if !page.more {
                break;
            }
        }
        assert_eq!(got, (1..=10).collect::<Vec<_>>());
        assert!(pages > 1);
    });
}

#[test]
fn history_ends_right_before_what_was_asked_even_if_it_is_long() {
    engines(|mut store| {
        let long = "x".repeat(15_000);
        for _ in 0..10 {
            say(&mut store, ALICE, "", "lobby", &long);
        }
        let page = recall(&mut store, "lobby", Range::Before { seq: 9, limit: 8 });
        assert_eq!(seqs(&page), [5, 6, 7, 8]);
    });
}

#[test]
fn the_topic_is_the_latest_topic() {
    engines(|mut store| {
        for text in ["snacks at five", "snacks at six"] {
            store.post(
                0,
                Letter::Record(Record {
                    room: room("lobby"),
                    user: ALICE,
                    nick: "alice".into(),
                    kind: Kind::Topic,
                    text: text.into(),
                    id: None,
                    origin: None,
                }),
            );
            applied(store.next(|| 0).unwrap().0);
        }
        assert_eq!(&*recall(&mut store, "lobby", Range::From(1)).topic, "snacks at six");
    });
}

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
            let in_memory: usize = store.answers.iter().map(Answer::bytes).sum();
            assert!(in_memory <= ANSWERS_AT_ONCE, "{in_memory} bytes of answers wait");
            assert_eq!(store.mail(), left);
        }
    });
}
