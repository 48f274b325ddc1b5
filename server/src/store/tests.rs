//! What every engine has to do. The same stories run for each.

mod mailbox;
#[cfg(feature = "disk")]
mod recent;

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use hub::effect::{Purpose, Range, Recall, Record};
use hub::input::{Applied, ConnId, Recalled, Refusal};
use protocol::chat::event::{Kind, ResetReason};
use protocol::chat::id::{Epoch, RequestId, UserId};
use protocol::chat::name::RoomName;
use protocol::chat::request::Since;

use super::{Answer, Letter, Memory, NO_DISK, Ring, Sqlite, Store};

const EPOCH: Epoch = Epoch([1; 8]);
const CONN: ConnId = ConnId { slot: 3, generation: 9 };
const ALICE: UserId = UserId([0xa; 10]);
const BOB: UserId = UserId([0xb; 10]);

fn engines(story: impl Fn(Store)) {
    in_memory(&story);
    let folder = Folder::new();
    match Sqlite::open(&folder.0, 0, Box::new(|| Some(EPOCH))) {
        Ok(sqlite) => story(Store::new(sqlite)),
        Err(fault) => assert_eq!(Some(fault.to_string().as_str()), NO_DISK),
    }
}

/// For what is asked of the engine that forgets.
fn in_memory(story: impl Fn(Store)) {
    story(Store::new(Memory::new(EPOCH, Ring::default())));
}

/// Not there yet, and gone when the story ends.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        Self(std::env::temp_dir().join(format!("snug-engines-{}-{number}", std::process::id())))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
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
    in_memory(|mut store| {
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

#[test]
fn every_id_is_known_for_as_long_as_its_entry_is_kept() {
    in_memory(|mut store| {
        let id = |number: u64| format!("id-{number}");
        let mut kept = 1;
        for last in 1..=500 {
            assert_eq!(applied(say(&mut store, ALICE, &id(last), "lobby", "hi")).entry.seq, last);
            kept = recall(&mut store, "lobby", Range::From(last)).first;
            for number in kept..=last {
                let again = applied(say(&mut store, ALICE, &id(number), "lobby", "hi"));
                assert_eq!((again.entry.seq, again.dup), (number, true));
            }
        }
        let forgotten = applied(say(&mut store, ALICE, &id(kept - 1), "lobby", "hi"));
        assert_eq!((forgotten.entry.seq, forgotten.dup), (501, false));
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
    in_memory(|mut store| {
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

/// What one `work` is asked is one transaction, and each letter sees what the letters before it did.
#[test]
fn letters_are_answered_in_their_order() {
    engines(|mut store| {
        let record = |id: &str, text: &str| {
            Letter::Record(Record {
                room: room("lobby"),
                user: ALICE,
                nick: "alice".into(),
                kind: Kind::Talk,
                text: text.into(),
                id: RequestId::new(id.to_owned()),
                origin: Some(CONN),
            })
        };
        let purpose = Purpose::History { id: None };
        let ask = || {
            Letter::Recall(Recall {
                conn: CONN,
                room: room("lobby"),
                purpose: purpose.clone(),
                span: Range::From(1),
            })
        };
        for letter in [
            ask(),
            record("a", "one"),
            ask(),
            record("a", "one"),
            record("a", "other"),
            record("b", "two"),
            ask(),
        ] {
            store.post(0, letter);
        }
        let mut told = Vec::new();
        while let Some((answer, _)) = store.next(|| 0) {
            told.push(match answer {
                Answer::Applied(Applied { entry, dup, .. }) => {
                    format!("{} {} dup {dup}", entry.seq, entry.text)
                }
                Answer::Recalled(recalled) => format!("{:?}", seqs(&recalled)),
                Answer::Refused { reason, .. } => format!("{reason:?}"),
                other => panic!("{other:?}"),
            });
        }
        let expected =
            ["[]", "1 one dup false", "[1]", "1 one dup true", "IdConflict", "2 two dup false", "[1, 2]"];
        assert_eq!(told, expected);
    });
}

#[test]
fn time_never_goes_back_in_a_room() {
    const NOON: u64 = 1_800_000_000_000;
    engines(|mut store| {
        let mut at = |wall: u64, name: &'static str| {
            let record = Record {
                room: room(name),
                user: ALICE,
                nick: "alice".into(),
                kind: Kind::Talk,
                text: "tick".into(),
                id: None,
                origin: None,
            };
            store.post(0, Letter::Record(record));
            applied(store.next(|| wall).unwrap().0).entry.time
        };
        assert_eq!(at(7, "lobby"), 0, "a clock at 1970 is not believed");
        assert_eq!(at(NOON, "lobby"), NOON);
        assert_eq!(at(NOON - 1000, "lobby"), NOON);
        assert_eq!(at(0, "lobby"), NOON);
        assert_eq!(at(u64::MAX, "lobby"), NOON);
        assert_eq!(at(NOON - 1000, "ops"), NOON - 1000, "another room has a time of its own");
    });
}

/// Positions and limits that no client should send do no harm.
#[test]
fn absurd_questions_have_plain_answers() {
    engines(|mut store| {
        for text in ["a", "b", "c"] {
            say(&mut store, ALICE, "", "lobby", text);
        }
        let after = |epoch, seq| Range::Since(Since::After { epoch, seq });
        for name in ["lobby", "quiet"] {
            for seq in [0, 1, 3, 4, 1 << 53, i64::MAX as u64, u64::MAX] {
                for epoch in [EPOCH, Epoch([0xff; 8])] {
                    let _ = recall(&mut store, name, after(epoch, seq));
                }
                let _ = recall(&mut store, name, Range::From(seq));
                for limit in [0, 1, u32::MAX] {
                    let _ = recall(&mut store, name, Range::Before { seq, limit });
                }
            }
        }
        let most = recall(&mut store, "lobby", Range::Since(Since::Last(u32::MAX)));
        assert_eq!(seqs(&most), [1, 2, 3]);
        assert_eq!(recall(&mut store, "lobby", after(EPOCH, u64::MAX)).reset, Some(ResetReason::Ahead));
        assert_eq!(seqs(&recall(&mut store, "lobby", Range::Before { seq: u64::MAX, limit: 2 })), [2, 3]);
    });
}
