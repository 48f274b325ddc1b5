//! Nobody can hurt anybody: floods, tricks and accidents against a real server, each with honest people beside it,
//! whose progress is counted. One file is one way to hurt; `../threats.txt` says which threat is answered by which
//! test, and a test here holds it to that.
//!
//! What is asserted is counts, order, and memory; how long something took is printed (`-- --nocapture`), never judged.
//! The largest floods are smaller than the figures in their names unless they are asked for in full:
//!
//! ```text
//! SNUG_FULL=1 cargo test --release -p snug-server --test threats -- --nocapture
//! ```

#[path = "../support/mod.rs"]
mod support;

mod accept_limits;
mod chaos;
mod commands;
mod control_floods;
mod fairness;
mod fragments;
mod frames_hostile;
mod half_open;
mod handshakes;
mod heads;
mod herd;
mod hostile_words;
mod invalid_text;
mod log_lines;
mod origins;
mod slowloris;
mod smuggling;
mod stalled_posts;
mod stalled_readers;
mod stalled_store;
mod table;

/// A size: `usual`, or `full` if the floods are asked for in full.
fn size(full: usize, usual: usize) -> usize {
    if std::env::var_os("SNUG_FULL").is_some() { full } else { usual }
}
