//! How a store grows: what a start, a join and the memory cost when the log is long. One JSON object for each size, for
//! `server/benches/scaling`; nothing is judged here.
//!
//! ```text
//! SNUG_STORES="1000 10000" cargo test --release -p snug-server --test board stores -- --ignored --nocapture
//! ```

use std::time::{Duration, Instant};

use crate::figures::{forget_or_keep, grow, open, size};
use crate::folder::Folder;
use crate::support::peer::Peer;

/// How often each is done; the median is told.
const ROUNDS: usize = 3;
/// At so many places of the log a reader looks, for 50 entries each.
const PLACES: usize = 200;

#[test]
#[ignore = "figures to look at"]
fn stores_of_all_sizes() {
    let sizes = std::env::var("SNUG_STORES").unwrap_or_else(|_| "1000 10000 100000".into());
    let folder = Folder::new();
    let mut entries = 0;
    for wanted in sizes.split_whitespace().map(|size| size.parse().expect("a number of entries")) {
        // It goes on where the one before has ended.
        let begun = Instant::now();
        grow(&mut open(&folder, wanted as u64), entries..wanted);
        let filling = begun.elapsed();
        entries = wanted;
        let cold = rounds(&folder, entries, true);
        let warm = rounds(&folder, entries, false);
        println!(
            "{{\"entries\":{entries},\"disk_kib\":{},\"filling_ms\":{},\"start_cold_ms\":{},\"start_warm_ms\":{},\
             \"join_cold_ms\":{},\"join_warm_ms\":{},\"rss_kib\":{},\"rss_read_kib\":{}}}",
            size(&folder.database()),
            filling.as_millis(),
            millis(cold.start),
            millis(warm.start),
            millis(cold.join),
            millis(warm.join),
            warm.joined,
            warm.read,
        );
    }
}

struct Round {
    /// From starting the process until it answers.
    start: Duration,
    /// A join that brings the last 50.
    join: Duration,
    /// Resident after that, in KiB.
    joined: u64,
    /// Resident after somebody has read all over the past, in KiB.
    read: u64,
}

/// The median of each figure.
fn rounds(folder: &Folder, entries: usize, is_cold: bool) -> Round {
    let rounds: Vec<Round> = (0..ROUNDS).map(|_| round(folder, entries, is_cold)).collect();
    Round {
        start: median(&rounds, |round| round.start),
        join: median(&rounds, |round| round.join),
        joined: median(&rounds, |round| round.joined),
        read: median(&rounds, |round| round.read),
    }
}

fn round(folder: &Folder, entries: usize, is_cold: bool) -> Round {
    forget_or_keep(folder, is_cold);
    let begun = Instant::now();
    let server = folder.server(&["--max-rate", "0"]);
    let mut peer = Peer::dial(server.address).expect("it accepts");
    peer.send(b"GET /healthz HTTP/1.1\r\nHost: board\r\n\r\n").expect("it reads");
    assert!(peer.head().expect("it answers").starts_with("HTTP/1.1 200"));
    let start = begun.elapsed();

    let mut reader = server.v1("reader");
    let begun = Instant::now();
    reader.say(r#"{"type":"join","room":"lobby","last":50}"#);
    assert_eq!(reader.event("joined")["last"].as_u64(), Some(entries as u64));
    (0..50).for_each(|_| drop(reader.event("message")));
    let (join, joined) = (begun.elapsed(), server.resident());

    for place in 1..=PLACES {
        let before = (entries * place / PLACES).max(51);
        reader.say(&format!(r#"{{"type":"history","room":"lobby","before":{before},"limit":50}}"#));
        assert_eq!(reader.event("history")["entries"].as_array().map(Vec::len), Some(50));
    }
    Round { start, join, joined, read: server.resident() }
}

fn median<T: Ord + Copy>(rounds: &[Round], figure: impl Fn(&Round) -> T) -> T {
    let mut figures: Vec<T> = rounds.iter().map(figure).collect();
    figures.sort_unstable();
    figures[figures.len() / 2]
}

fn millis(duration: Duration) -> String {
    format!("{:.2}", duration.as_secs_f64() * 1e3)
}
