//! The power is cut. Everything that SQLite writes during a conversation is written down; then files are made as they
//! might be found after a cut: all up to some moment, and of what had not been synced since then any part, in blocks of
//! 512 bytes, whole or torn. Each must open, with everything that was ticked before that moment.
//!
//! Without the syncs of the write-ahead log (that is what `synchronous=NORMAL` saves) the same must find losses, or it
//! would prove nothing.
//!
//! 500 states; `SNUG_FULL=1` asks for 10,000, `SNUG_SEED=N` for another run of chance.

use std::collections::BTreeMap;
use std::fs;

use crate::chance::Chance;
use crate::desk::{Folder, People, is_sound, try_log};
use crate::vfs::{self, Op};

const BLOCK: usize = 512;

/// What was written, from what state of the files, and what had been ticked after how many operations.
struct Recording {
    start: Folder,
    ops: Vec<Op>,
    /// After so many operations, so many had been ticked: of the texts, in this order.
    ticked: Vec<(usize, usize)>,
    texts: Vec<String>,
}

fn record() -> Recording {
    vfs::install();
    let folder = Folder::quick();
    let mut store = folder.open().unwrap();
    let mut people = People::default();
    (0..20).for_each(|_| people.think(700));
    people.speak(&mut store);
    let start = folder.copy();
    let texts = |people: &People| people.ticked.values().map(|(record, _)| record.text.to_string()).collect();
    vfs::watch();
    let mut ticked = vec![(0, people.ticked.len())];
    for turn in 0..30 {
        for number in 0..turn % 4 + 1 {
            people.think(if (turn + number) % 11 == 0 { 9_000 } else { 120 });
        }
        people.speak(&mut store);
        ticked.push((vfs::seen(), people.ticked.len()));
        // Now and then it is quiet, and the log is moved into the database.
        if turn % 8 == 7 {
            store.idle();
        }
    }
    assert!(people.pending.is_empty());
    let texts: Vec<String> = texts(&people);
    Recording { start, ops: vfs::watched(), ticked, texts }
}

/// A file as it may be after a cut.
#[derive(Default)]
struct Disk {
    sure: Vec<u8>,
    /// Not synced.
    loose: Vec<Op>,
}

impl Disk {
    fn apply(bytes: &mut Vec<u8>, op: &Op) {
        match op {
            Op::Write { at, bytes: new, .. } => Self::write(bytes, *at, new),
            Op::Truncate { to, .. } => bytes.resize(*to, 0),
            Op::Sync { .. } => {}
        }
    }

    fn write(bytes: &mut Vec<u8>, at: usize, new: &[u8]) {
        if bytes.len() < at + new.len() {
            bytes.resize(at + new.len(), 0);
        }
        bytes[at..at + new.len()].copy_from_slice(new);
    }

    /// What a sync makes sure.
    fn sync(&mut self) {
        for op in self.loose.drain(..) {
            Self::apply(&mut self.sure, &op);
        }
    }

    /// What is found: of what is not sure, each block or not.
    fn cut(&self, chance: &mut Chance, torn: bool) -> Vec<u8> {
        let mut bytes = self.sure.clone();
        // Often all of it or nothing, as when little was under way.
        let share = chance.below(5);
        for op in &self.loose {
            let Op::Write { at, bytes: new, .. } = op else {
                if chance.below(4) < share {
                    Self::apply(&mut bytes, op);
                }
                continue;
            };
            let mut from = 0;
            while from < new.len() {
                let end = ((at + from) / BLOCK + 1) * BLOCK - at;
                let block = &new[from..end.min(new.len())];
                if chance.below(4) < share {
                    let is_torn = torn && chance.one_in(8);
                    let length = if is_torn { chance.below(block.len() + 1) } else { block.len() };
                    Self::write(&mut bytes, at + from, &block[..length]);
                }
                from = end;
            }
        }
        bytes
    }
}

/// The files after a cut behind the first `count` operations. Without syncs of the log, if `lazy`.
fn cut(recording: &Recording, count: usize, chance: &mut Chance, torn: bool, lazy: bool) -> Folder {
    let mut disks = BTreeMap::<String, Disk>::new();
    for file in fs::read_dir(&recording.start.0).unwrap().map(Result::unwrap) {
        let name = file.file_name().to_string_lossy().into_owned();
        disks.insert(name, Disk { sure: fs::read(file.path()).unwrap(), loose: Vec::new() });
    }
    for op in &recording.ops[..count] {
        let (Op::Write { file, .. } | Op::Truncate { file, .. } | Op::Sync { file }) = op;
        let disk = disks.entry(file.clone()).or_default();
        match op {
            Op::Sync { file } if lazy && file.ends_with("-wal") => {}
            Op::Sync { .. } => disk.sync(),
            op => disk.loose.push(op.clone()),
        }
    }
    let folder = Folder::quick();
    fs::create_dir(&folder.0).unwrap();
    for (name, disk) in disks {
        fs::write(folder.0.join(name), disk.cut(chance, torn)).unwrap();
    }
    folder
}

/// How many of those that were ticked are gone.
fn losses(recording: &Recording, folder: &Folder, count: usize, torn: bool) -> usize {
    let mut store = folder.open().expect("it starts");
    let notice = store.notice();
    let mut found = Vec::new();
    for name in ["lobby", "ops"] {
        let log = try_log(&mut store, name).expect("it can be read");
        let numbers: Vec<u64> = log.iter().map(|entry| entry.seq).collect();
        if notice.is_none() {
            assert_eq!(numbers, (1..=log.len() as u64).collect::<Vec<_>>(), "the numbers of {name}");
        }
        assert!(log.iter().all(|entry| is_sound(&entry.text)), "garbage in {name}");
        found.extend(log.into_iter().map(|entry| entry.text.to_string()));
    }
    let said = found.len();
    found.sort();
    found.dedup();
    assert_eq!(said, found.len(), "nothing is there twice");
    let ticked = recording.ticked.iter().take_while(|(ops, _)| *ops <= count).last().map_or(0, |last| last.1);
    let gone = recording.texts[..ticked].iter().filter(|text| found.binary_search(text).is_err()).count();
    if gone == 0 && !torn {
        assert_eq!(notice, None, "a cut is no damage");
    }
    gone
}

fn seed() -> u64 {
    let seed = std::env::var("SNUG_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(5);
    println!("SNUG_SEED={seed}");
    seed
}

#[test]
fn after_any_cut_all_that_was_ticked_is_there() {
    let states = if std::env::var_os("SNUG_FULL").is_some() { 10_000 } else { 500 };
    let recording = record();
    let mut chance = Chance(seed());
    let moments = recording.ops.len() + 1;
    for state in 0..states {
        let count = if state < moments { state } else { chance.below(moments) };
        let torn = state % 4 == 3;
        let folder = cut(&recording, count, &mut chance, torn, false);
        let gone = losses(&recording, &folder, count, torn);
        assert_eq!(gone, 0, "state {state}: cut behind operation {count} of {}", moments - 1);
    }
    println!("{states} states, {} operations", moments - 1);
}

#[test]
fn without_the_syncs_it_finds_losses() {
    let recording = record();
    let mut chance = Chance(seed());
    let mut found = 0;
    for _ in 0..60 {
        let count = chance.below(recording.ops.len() + 1);
        let folder = cut(&recording, count, &mut chance, false, true);
        let lost = std::panic::catch_unwind(|| losses(&recording, &folder, count, false));
        found += usize::from(!matches!(lost, Ok(0)));
    }
    println!("{found} of 60 states lost something");
    assert!(found >= 10, "only {found} of 60");
}
