//! What one life of the server leaves to the next: everything; and what becomes of the positions of its clients.

use std::os::unix::fs::PermissionsExt;

use hub::effect::Range;
use hub::input::Refusal;
use protocol::chat::event::{Kind, ResetReason};
use protocol::chat::id::Epoch;
use protocol::chat::request::Since;
use server::store::{Answer, Engine as _, Letter};

use crate::desk::{
    ALICE, BOB, Folder, NOON, People, after, is_sound, lines, log, recall, record, reset, say, work,
};

#[test]
fn a_new_life_goes_on_where_the_last_one_ended() {
    let folder = Folder::new();
    let mut store = folder.open().unwrap();
    let first = say(&mut store, ALICE, "k", "lobby", "one");
    say(&mut store, BOB, "", "lobby", "two");
    say(&mut store, BOB, "", "ops", "one");
    let mut topic = record(ALICE, "t", "lobby", "snacks at six");
    topic.kind = Kind::Topic;
    work(&mut store, [Letter::Record(topic)]);
    let before = log(&mut store, "lobby");
    store.close();
    assert_eq!(std::fs::metadata(folder.log()).map_or(0, |log| log.len()), 0, "closed, it is one file");

    let mut store = folder.open().unwrap();
    assert_eq!(log(&mut store, "lobby"), before);
    let joined = recall(&mut store, "lobby", Range::Since(Since::Last(50)));
    assert_eq!((&*joined.topic, joined.first, joined.last), ("snacks at six", 1, 3));
    assert_eq!(lines(&mut store, "ops"), ["1 one"]);
    let again = say(&mut store, ALICE, "k", "lobby", "one");
    assert_eq!((again.dup, again.entry), (true, first.entry), "an id is known as long as its entry");
    let answer = work(&mut store, [Letter::Record(record(ALICE, "k", "lobby", "another"))]).pop();
    assert!(matches!(answer, Some(Answer::Refused { reason: Refusal::IdConflict, .. })), "{answer:?}");
    assert_eq!(say(&mut store, BOB, "", "lobby", "four").entry.seq, 4);
    assert!(store.notice().is_none() && store.fault().is_none());
}

#[test]
fn a_position_is_good_in_a_later_life_if_the_entry_is_the_same() {
    let folder = Folder::new();
    let mut store = folder.open().unwrap();
    let one = store.epoch();
    say(&mut store, ALICE, "", "lobby", "one");
    say(&mut store, ALICE, "", "lobby", "two");
    drop(store);
    let mut store = folder.open().unwrap();
    let two = store.epoch();
    say(&mut store, ALICE, "", "lobby", "three");

    assert_ne!(one, two);
    let since = |store: &mut _, epoch, seq| {
        let page = recall(store, "lobby", after(epoch, seq));
        (page.reset, page.entries.iter().map(|entry| entry.seq).collect::<Vec<_>>())
    };
    assert_eq!(since(&mut store, one, 0), (None, vec![1, 2, 3]));
    assert_eq!(since(&mut store, one, 1), (None, vec![2, 3]));
    assert_eq!(since(&mut store, one, 2), (None, vec![3]));
    assert_eq!(since(&mut store, two, 3), (None, vec![]));
    assert_eq!(since(&mut store, two, 2), (None, vec![3]), "of entries that were there before, too");
    let ahead = (Some(ResetReason::Ahead), vec![1, 2, 3]);
    assert_eq!(since(&mut store, one, 3), ahead, "in the first life there was no third entry");
    assert_eq!(since(&mut store, two, 4), ahead);
    assert_eq!(since(&mut store, Epoch([7; 8]), 1), (Some(ResetReason::Epoch), vec![1, 2, 3]));
}

/// A backup is copied back. Its clients know more than it does, and then it is written past what they know.
#[test]
fn after_a_restored_backup_everybody_who_knows_more_is_told() {
    let folder = Folder::new();
    let mut store = folder.open().unwrap();
    let old = store.epoch();
    say(&mut store, ALICE, "a", "lobby", "one");
    say(&mut store, ALICE, "b", "lobby", "two");
    let backup = folder.copy();
    say(&mut store, ALICE, "c", "lobby", "three, which the backup has not");
    say(&mut store, ALICE, "d", "lobby", "four, which the backup has not");
    drop(store);
    let mut store = folder.open().unwrap();
    let unknown = store.epoch();
    say(&mut store, ALICE, "e", "lobby", "five, which the backup has not");
    drop(store);

    let mut store = backup.open().unwrap();
    assert_eq!(reset(&mut store, "lobby", old, 4), Some(ResetReason::Ahead), "at once");
    for text in ["another three", "another four", "another five", "another six"] {
        say(&mut store, BOB, "", "lobby", text);
    }
    for seq in [3, 4] {
        assert_eq!(reset(&mut store, "lobby", old, seq), Some(ResetReason::Ahead), "written past {seq}");
    }
    assert_eq!(reset(&mut store, "lobby", old, 2), None, "so far it is the same");
    for seq in 0..=5 {
        assert_eq!(reset(&mut store, "lobby", unknown, seq), Some(ResetReason::Epoch));
    }
}

/// The power is cut after each thing said: whoever had a tick finds it.
#[test]
fn a_copy_of_the_files_in_mid_life_has_everything_that_was_ticked() {
    let folder = Folder::quick();
    let mut store = folder.open().unwrap();
    let mut people = People::default();
    for number in 0..40 {
        people.think(if number % 7 == 0 { 9_000 } else { 60 });
        people.think(200);
        people.speak(&mut store);
        if number % 10 == 9 {
            store.idle();
        }
        let copy = folder.copy();
        let mut copied = copy.open().unwrap();
        people.check(&mut copied);
        people.check_heard(&mut copied);
        assert!(copied.notice().is_none());
    }
    assert!(log(&mut store, "lobby").iter().all(|entry| is_sound(&entry.text)));
}

#[test]
fn only_the_server_can_read_what_is_kept() {
    let folder = Folder::new();
    let mut store = folder.open().unwrap();
    say(&mut store, ALICE, "", "lobby", "psst");
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&folder.0), 0o700);
    let files: Vec<_> = std::fs::read_dir(&folder.0).unwrap().map(|file| file.unwrap().path()).collect();
    assert!(files.len() >= 3, "{files:?}");
    for file in &files {
        assert_eq!(mode(file), 0o600, "{}", file.display());
    }
    drop(store);
    // Somebody has copied it back as anybody's.
    std::fs::set_permissions(folder.database(), PermissionsExt::from_mode(0o644)).unwrap();
    let _store = folder.open().unwrap();
    assert_eq!(mode(&folder.database()), 0o600);
}

/// A hundred starts in a row, as when the power comes and goes: what is read at a start does not grow without end.
#[test]
fn starts_in_a_row_leave_little_behind() {
    let folder = Folder::quick();
    for _ in 0..100 {
        drop(folder.open().unwrap());
    }
    let size = |path| std::fs::metadata(path).map_or(0, |file| file.len());
    let (log, database) = (size(folder.log()), size(folder.database()));
    assert!(log <= 5 * 1024 * 1024 && database <= 64 * 1024, "{log} bytes of log, {database} of database");
}

/// A conversation goes on for long without a pause: the log is moved into the database nevertheless.
#[test]
fn the_write_ahead_log_has_a_cap() {
    let folder = Folder::quick();
    let mut store = folder.open().unwrap();
    let long = "x".repeat(15_000);
    for _ in 0..100 {
        work(&mut store, (0..10).map(|_| Letter::Record(record(ALICE, "", "lobby", &long))));
    }
    let log = std::fs::metadata(folder.log()).unwrap().len();
    assert!(log <= 5 * 1024 * 1024, "{log} bytes");
    store.idle();
    assert_eq!(std::fs::metadata(folder.log()).unwrap().len(), 0);
}

#[test]
fn a_clock_that_jumps_changes_no_order() {
    let folder = Folder::new();
    let fifty_years = 50 * 365 * 86_400_000;
    let mut times = Vec::new();
    for wall in [0, NOON, NOON + 60_000, 12, NOON + fifty_years, NOON + 30_000, NOON + 61_000] {
        let mut store = folder.open().unwrap();
        let mut answers = std::collections::VecDeque::new();
        let mut letters = [Letter::Record(record(ALICE, "", "lobby", "tick"))].into();
        store.work(wall, &mut letters, &mut answers);
        let Some(Answer::Applied(applied)) = answers.pop_front() else { panic!("not stored") };
        times.push(applied.entry.time);
    }
    let minute = NOON + 60_000;
    assert_eq!(times, [0, NOON, minute, minute, minute, minute, minute + 1000]);
    assert_eq!(log(&mut folder.open().unwrap(), "lobby").len(), 7);
}
