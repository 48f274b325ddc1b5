//! What was ticked is there, once, in one order for all, whatever is killed or cut on the way: the whole server as a
//! process on a disk, people who talk and read through a bad network, and a checker of what they saw.
//!
//! `history.rs` is the checker, `by_hand.rs` checks it, `people.rs` are those who talk and read, `run.rs` brings them
//! together with a server that is killed. `SNUG_KILLS=1000` asks for more kills, `SNUG_SEED=N` for another run of chance.
//!
//! With the feature `faults` the checker is shown seven servers with a fault each, and must notice every one:
//!
//! ```text
//! cargo test -p snug-server --features faults --test delivery seeded -- --nocapture
//! ```
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "../support/mod.rs"]
mod support;

mod by_hand;
mod clock;
mod farewell;
mod history;
mod kills;
mod old_copy;
mod people;
mod run;

#[cfg(feature = "faults")]
mod seeded;
// The cuts of the power, which notice what no kill can show. They stand on these.
#[cfg(feature = "faults")]
#[path = "../storage/cuts.rs"]
mod cuts;
#[cfg(feature = "faults")]
#[path = "../storage/desk.rs"]
#[allow(dead_code, reason = "others use more of it")]
mod desk;
#[cfg(feature = "faults")]
#[path = "../storage/vfs.rs"]
#[allow(dead_code, reason = "others use more of it")]
mod vfs;
#[cfg(feature = "faults")]
use support::chance;
