//! How fast it is, and what it writes. Nothing is judged here; these are the figures to be told to people:
//!
//! ```text
//! cargo test --release -p snug-server --test storage figures -- --ignored --nocapture
//! ```

use std::fs::{self, File};
use std::io::Write as _;
use std::time::Instant;

use hub::effect::Range;
use protocol::chat::request::Since;
use server::store::{Letter, Sqlite};

use crate::desk::{ALICE, Folder, body, recall, record, work};
use crate::vfs::{self, Op};

/// So many entries of a usual length, each with an id.
fn say(store: &mut Sqlite, from: usize, count: usize) {
    let letter = |number: usize| {
        let at = if number % 4 == 3 { "ops" } else { "lobby" };
        Letter::Record(record(
            ALICE,
            &format!("c56a4180-65aa-42ec-a945-{number:012}"),
            at,
            &body(number, 100),
        ))
    };
    assert_eq!(work(store, (from..from + count).map(letter)).len(), count);
}

fn resident() -> usize {
    let pages = fs::read_to_string("/proc/self/statm").unwrap();
    pages.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4
}

#[test]
#[ignore = "figures to look at"]
fn commits_in_a_second() {
    let folder = Folder::new();
    let mut store = folder.open().unwrap();
    let mut plain = File::create(folder.0.join("plain")).unwrap();
    let mut said = 0;
    for size in [1, 10, 100, 1000] {
        let rounds = 300 / size.min(10);
        let start = Instant::now();
        for _ in 0..rounds {
            plain.write_all(&vec![7; 4096 * 3]).unwrap();
            plain.sync_data().unwrap();
        }
        let bare = start.elapsed();
        let start = Instant::now();
        for _ in 0..rounds {
            say(&mut store, said, size);
            said += size;
        }
        let took = start.elapsed();
        println!(
            "{size:4} at a time: {:8.0} entries/s, {:.2} ms a commit; write and fdatasync of 12 KiB alone: {:.2} ms",
            (rounds * size) as f64 / took.as_secs_f64(),
            took.as_secs_f64() * 1000.0 / rounds as f64,
            bare.as_secs_f64() * 1000.0 / rounds as f64,
        );
    }
}

#[test]
#[ignore = "figures to look at"]
fn bytes_written_for_a_thousand_entries() {
    for size in [1, 10, 100, 1000] {
        vfs::install();
        let folder = Folder::quick();
        let mut store = folder.open().unwrap();
        say(&mut store, 0, 20_000);
        store.idle();
        vfs::watch();
        for from in (20_000..21_000).step_by(size) {
            say(&mut store, from, size);
        }
        let talked = vfs::watched();
        vfs::watch();
        store.idle();
        let moved = vfs::watched();
        let bytes = |ops: &[Op]| -> usize {
            ops.iter().map(|op| if let Op::Write { bytes, .. } = op { bytes.len() } else { 0 }).sum()
        };
        let syncs = |ops: &[Op]| ops.iter().filter(|op| matches!(op, Op::Sync { .. })).count();
        println!(
            "{size:4} at a time: {:5} KiB and {} syncs; then, when idle, {:4} KiB and {} syncs",
            bytes(&talked) / 1024,
            syncs(&talked),
            bytes(&moved) / 1024,
            syncs(&moved),
        );
    }
}

#[test]
#[ignore = "figures to look at"]
fn a_start_with_a_long_past() {
    for count in [100_000, 1_000_000] {
        let folder = Folder::new();
        let mut store = folder.open().unwrap();
        for from in (0..count).step_by(1000) {
            say(&mut store, from, 1000);
        }
        store.idle();
        // A crash, with the log as long as it gets.
        for from in (count..count + 800).step_by(2) {
            say(&mut store, from, 2);
        }
        drop(store);
        let sizes = [folder.database(), folder.log()].map(|file| fs::metadata(file).unwrap().len() / 1024);
        let before = resident();
        let start = Instant::now();
        let mut store = folder.open().unwrap();
        let opened = start.elapsed();
        let start = Instant::now();
        let page = recall(&mut store, "lobby", Range::Since(Since::Last(50)));
        let joined = start.elapsed();
        assert_eq!(page.entries.len(), 50);
        say(&mut store, count + 1000, 100);
        for seq in (1..count as u64 / 2).step_by(count / 200) {
            recall(&mut store, "lobby", Range::Before { seq, limit: 50 });
        }
        println!(
            "{count} entries, {} KiB and a log of {} KiB: open after {:.1} ms, a join {:.2} ms more; memory {} KiB, before {before} KiB",
            sizes[0],
            sizes[1],
            opened.as_secs_f64() * 1000.0,
            joined.as_secs_f64() * 1000.0,
            resident(),
        );
    }
}
