//! The database has gone bad: bits flipped, blocks lost, the end cut off. Never a panic, nothing is told that was not
//! said, and nothing is lost without a word.
//!
//! `SNUG_FULL=1` asks for 1,000 places, `SNUG_SEED=N` for another run of chance.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use hub::effect::Range;
use hub::input::Stored;
use protocol::chat::event::{Kind, ResetReason};
use protocol::chat::id::Epoch;
use protocol::chat::request::Since;
use server::store::{Engine as _, Fault, Letter, Sqlite};

use crate::chance::Chance;
use crate::desk::{
    ALICE, Folder, People, body, is_sound, lines, log, recall, record, reset, say, try_log, try_recall, work,
};

/// What was said, and where it lies.
struct Sound {
    folder: Folder,
    epoch: Epoch,
    logs: BTreeMap<&'static str, Vec<Stored>>,
}

/// How many were stored in one transaction.
const AT_ONCE: usize = 2;

const TOPIC: &str = "snacks at six";

/// Some hundred entries in two rooms. `closed`, or as after a crash, with much in the write-ahead log.
fn sound(closed: bool) -> Sound {
    let folder = Folder::quick();
    let mut store = folder.open().unwrap();
    let epoch = store.epoch();
    let mut topic = record(ALICE, "topic", "lobby", TOPIC);
    topic.kind = Kind::Topic;
    work(&mut store, [Letter::Record(topic)]);
    let mut people = People::default();
    for number in 0..120 {
        people.think(if number % 9 == 0 { 5_000 } else { 150 });
        (1..AT_ONCE).for_each(|_| people.think(40));
        people.speak(&mut store);
        if number == 60 {
            store.idle();
        }
    }
    let logs = ["lobby", "ops"].map(|name| (name, log(&mut store, name))).into();
    if closed {
        store.close();
    } else {
        drop(store);
    }
    Sound { folder, epoch, logs }
}

/// Opens it and reads it all, as often as it takes, at most a few times. Whether somebody was told meanwhile.
fn read(folder: &Folder, logs: &mut BTreeMap<&'static str, Vec<Stored>>) -> Option<(Sqlite, bool)> {
    let mut store = match folder.open() {
        Ok(store) => store,
        // Said, and nothing is touched. Chance made the number of the version a large one.
        Err(Fault::Newer(_)) => return None,
        Err(fault) => panic!("the server always starts: {fault}"),
    };
    let mut told = false;
    'again: for _ in 0..4 {
        told |= store.notice().is_some();
        logs.clear();
        for name in ["lobby", "ops"] {
            let Some(log) = try_log(&mut store, name) else { continue 'again };
            logs.insert(name, log);
        }
        return Some((store, told));
    }
    panic!("it cannot be read: {:?}", store.fault());
}

#[test]
fn random_damage_is_never_passed_over() {
    let places = if std::env::var_os("SNUG_FULL").is_some() { 1_000 } else { 300 };
    let seed = std::env::var("SNUG_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(4);
    println!("SNUG_SEED={seed}");
    let mut chance = Chance(seed);
    let bases = [sound(true), sound(false)];
    let (mut moved, mut kept, mut by_position, mut all) = (0, 0, 0, 0);
    for place in 0..places {
        let base = &bases[place % 2];
        let folder = base.folder.copy();
        let what = harm(&folder, &mut chance);
        let mut logs = BTreeMap::new();
        let Some((mut store, told)) = read(&folder, &mut logs) else { continue };
        for (name, log) in &logs {
            for entry in log {
                let said = base.logs[name].get(entry.seq as usize - 1);
                let is_renamed = said.is_none_or(|said| said != entry);
                assert!(!is_renamed, "{place}, {what}: nobody has said {entry:?} in {name}");
            }
            let [first, last] =
                [0, base.logs[name].len()].map(|seq| reset(&mut store, name, base.epoch, seq as u64));
            let is_whole = *log == base.logs[name];
            if told {
                assert_eq!(first, Some(ResetReason::Epoch), "{place}, {what}: everybody is reset");
            } else {
                // The end may be gone, as if it had not reached the disk: the last that was stored at once, or all
                // behind the place where the log was cut off. Who has it is told.
                let end = if what.contains("cut off") { usize::MAX } else { AT_ONCE };
                let lost = base.logs[name].len() - log.len();
                let is_cut =
                    what.contains("wal") && base.logs[name].starts_with(log) && last.is_some() && lost <= end;
                assert!(is_whole || is_cut, "{place}, {what}: {lost} in {name} are lost without a word");
                by_position += usize::from(is_cut && !is_whole);
            }
            moved += log.len() * usize::from(told);
            all += base.logs[name].len() * usize::from(told);
            let next = say(&mut store, ALICE, "", name, "life goes on").entry.seq;
            let highest = log.last().map_or(0, |entry| entry.seq);
            assert_eq!(next, highest + 1, "{place}, {what}");
        }
        let topic = try_recall(&mut store, "lobby", Range::Since(Since::Last(0))).expect("it is read").topic;
        assert!(told || &*topic == TOPIC, "{place}, {what}: the topic is {topic:?}");
        kept += usize::from(!told);
        if told {
            assert!(folder.0.join("snug.db.damaged-1").exists(), "{place}, {what}: the damaged one is kept");
        }
    }
    println!(
        "{places} places: {kept} without a loss, of these {by_position} with a last entry gone; in the others {moved} \
         of {all} entries were salvaged"
    );
    assert!(kept > 0 && kept < places && moved > 0, "both happen");
}

/// Does some harm to one of the files, and says what.
fn harm(folder: &Folder, chance: &mut Chance) -> String {
    let log = folder.log();
    let has_log = fs::metadata(&log).is_ok_and(|log| log.len() > 0);
    let path = if has_log && chance.one_in(2) { log } else { folder.database() };
    let mut bytes = fs::read(&path).unwrap();
    // Half of the time where the trees have their upper pages.
    let near = if chance.one_in(2) { bytes.len().min(6 * 4096) } else { bytes.len() };
    let at = chance.below(near);
    let what = match chance.below(5) {
        0 | 1 => {
            bytes[at] ^= 1 << chance.below(8);
            "a bit flipped"
        }
        2 => {
            let end = (at + chance.between(2, 64)).min(bytes.len());
            bytes[at..end].iter_mut().for_each(|byte| *byte = chance.number() as u8);
            "noise"
        }
        3 => {
            let block = at / 512 * 512;
            let end = (block + 512).min(bytes.len());
            bytes[block..end].fill(0);
            "a block of zeros"
        }
        _ => {
            bytes.truncate(at);
            "cut off"
        }
    };
    fs::write(&path, &bytes).unwrap();
    format!("{what} at {at} of {}", path.file_name().unwrap().to_string_lossy())
}

/// So many long entries.
fn long_past(count: usize) -> (Folder, Epoch) {
    let folder = Folder::new();
    let mut store = folder.open().unwrap();
    let say =
        |number: usize| Letter::Record(record(ALICE, &format!("id-{number}"), "lobby", &body(number, 900)));
    work(&mut store, (1..=count).map(say));
    let epoch = store.epoch();
    store.close();
    (folder, epoch)
}

/// The number of the page on which a text lies.
fn page_of(folder: &Folder, text: &str) -> usize {
    let bytes = fs::read(folder.database()).unwrap();
    let at = bytes.windows(text.len()).position(|part| part == text.as_bytes());
    at.expect("it is somewhere") / 4096
}

fn overwrite(path: PathBuf, page: usize, with: u8) {
    let mut bytes = fs::read(&path).unwrap();
    bytes[page * 4096..(page + 1) * 4096].fill(with);
    fs::write(path, bytes).unwrap();
}

#[test]
fn a_lost_page_takes_only_its_own_entries_along() {
    let (folder, epoch) = long_past(50);
    overwrite(folder.database(), page_of(&folder, &body(25, 900)), 0xaa);
    let mut store = folder.open().unwrap();
    let notice =
        store.notice().expect("people are told").to_string().replace(folder.0.to_str().unwrap(), "DIR");
    let kept = log(&mut store, "lobby");
    let numbers: Vec<u64> = kept.iter().map(|entry| entry.seq).collect();
    let lost = 50 - numbers.len();
    assert!((1..=5).contains(&lost), "a page holds four or five: {numbers:?}");
    assert!(numbers.starts_with(&[1, 2, 3]) && numbers.ends_with(&[48, 49, 50]) && !numbers.contains(&25));
    let ending = format!(
        "lies in DIR/snug.db.damaged-1 now; {} entries are kept, at least {lost} are lost",
        50 - lost
    );
    assert!(notice.starts_with("the database was damaged (") && notice.ends_with(&ending), "{notice}");

    assert_eq!(reset(&mut store, "lobby", epoch, 50), Some(ResetReason::Epoch));
    assert_eq!(
        say(&mut store, ALICE, "id-50", "lobby", &body(50, 900)).entry.seq,
        50,
        "ids are kept as well"
    );
    assert_eq!(say(&mut store, ALICE, "id-51", "lobby", "more").entry.seq, 51);
    let older = recall(&mut store, "lobby", Range::Before { seq: 51, limit: 40 });
    assert_eq!(older.entries.len(), 40, "counted, not by number");
    assert_eq!(recall(&mut store, "lobby", Range::Since(Since::Last(40))).entries.len(), 40);
    drop(store);
    let mut store = folder.open().unwrap();
    assert!(store.notice().is_none(), "it is told once");
    assert_eq!(log(&mut store, "lobby").len(), 51 - lost);
}

#[test]
fn what_lost_its_head_is_kept_for_later() {
    let (folder, _) = long_past(50);
    overwrite(folder.database(), 0, 0);
    let before = fs::read(folder.database()).unwrap();
    let mut store = folder.open().unwrap();
    let notice = store.notice().expect("people are told");
    assert_eq!((notice.kept, notice.whole), (0, false));
    assert_eq!(fs::read(&notice.moved).unwrap(), before, "as it was found");
    assert_eq!(say(&mut store, ALICE, "", "lobby", "anew").entry.seq, 1);
    store.close();

    fs::write(folder.database(), "something else").unwrap();
    let mut store = folder.open().unwrap();
    assert_eq!(store.notice().unwrap().moved, folder.0.join("snug.db.damaged-2"), "nothing is overwritten");
    store.close();

    fs::write(folder.database(), "").unwrap();
    assert!(folder.open().unwrap().notice().is_some(), "emptied, too");
}

/// It goes bad while the server runs, and is found when it is read.
#[test]
fn damage_that_is_found_in_mid_life_is_treated_at_once() {
    // More than SQLite keeps in memory, or it would not read the page.
    let (folder, epoch) = long_past(3_000);
    let mut store = folder.open().unwrap();
    overwrite(folder.database(), page_of(&folder, &body(25, 900)), 0xaa);
    let living = store.epoch();
    assert!(try_log(&mut store, "lobby").is_none(), "garbage is not told");
    let notice = store.notice().expect("people are told");
    assert!(notice.kept >= 2_995 && notice.missing >= 1, "{notice:?}");
    assert_ne!(store.epoch(), living);
    let kept = log(&mut store, "lobby");
    assert!(kept.iter().all(|entry| entry.text == body(entry.seq as usize, 900).into()));
    for epoch in [epoch, living] {
        assert_eq!(reset(&mut store, "lobby", epoch, 50), Some(ResetReason::Epoch));
    }
    assert_eq!(say(&mut store, ALICE, "", "lobby", "more").entry.seq, 3_001);
}

/// What SQLite has no objection to: an entry that is not there, or a row that somebody else has written.
#[test]
fn what_sqlite_does_not_notice_is_noticed() {
    for (sql, when) in [
        ("DELETE FROM entries WHERE seq = 25", "read"),
        ("UPDATE entries SET body = 'I never said that' WHERE seq = 25", "read"),
        ("UPDATE entries SET nick = 'somebody else' WHERE seq = 25", "read"),
        ("UPDATE entries SET key = key + (1 << 40) WHERE seq = 25", "read"),
        ("UPDATE rooms SET name = 'lobbz' WHERE name = 'lobby'", "opened"),
        ("UPDATE rooms SET topic = 'I never said that' WHERE name = 'ops'", "opened"),
        ("DELETE FROM rooms WHERE name = 'ops'", "opened"),
        ("UPDATE epochs SET epoch = x'0000000000000000' WHERE ordinal = 1", "opened"),
    ] {
        let (folder, _) = long_past(50);
        let mut store = folder.open().unwrap();
        say(&mut store, ALICE, "", "ops", "another room");
        say(&mut store, ALICE, "", "third", "another room");
        store.close();
        let conn = rusqlite::Connection::open(folder.database()).unwrap();
        conn.pragma_update(None, "foreign_keys", false).unwrap();
        assert!(conn.execute(sql, []).unwrap() > 0, "{sql}");
        drop(conn);
        let mut store = folder.open().unwrap();
        let at_open = store.notice();
        assert_eq!(at_open.is_some(), when == "opened", "{sql}: {at_open:?}");
        if when == "read" {
            assert!(try_log(&mut store, "lobby").is_none(), "{sql}: it was told as if nothing was wrong");
            assert!(store.notice().is_some_and(|notice| notice.kept >= 51), "{sql}");
        }
        for name in ["lobby", "lobbz", "ops", "third"] {
            let log = log(&mut store, name);
            assert!(log.iter().all(|entry| is_sound(&entry.text) || &*entry.text == "another room"), "{sql}");
        }
    }
}

/// The power goes while a damaged database is being salvaged: the next start begins with that again.
#[test]
fn a_repair_that_was_cut_off_is_done_again() {
    let (folder, _) = long_past(50);
    fs::rename(folder.database(), folder.0.join("snug.db.damaged-1")).unwrap();
    fs::write(folder.0.join("snug.db.new"), "half of").unwrap();
    let mut store = folder.open().unwrap();
    let notice = store.notice().expect("people are told");
    assert_eq!((notice.kept, notice.missing, notice.whole), (50, 0, true));
    assert_eq!(log(&mut store, "lobby").len(), 50);
    drop(store);
    assert!(folder.open().unwrap().notice().is_none());
    assert!(!folder.0.join("snug.db.new").exists());
}

/// A start that was cut off while it made its first database.
#[test]
fn a_first_start_that_was_cut_off_leaves_nothing_in_the_way() {
    let folder = Folder::new();
    fs::create_dir(&folder.0).unwrap();
    fs::write(folder.0.join("snug.db.new"), "half of").unwrap();
    let mut store = folder.open().unwrap();
    assert!(store.notice().is_none());
    say(&mut store, ALICE, "", "lobby", "hello");
    assert_eq!(lines(&mut store, "lobby"), ["1 hello"]);
}
