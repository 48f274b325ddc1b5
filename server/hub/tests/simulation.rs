//! Thousands of random sessions against a store that answers late. Each seed is one evening (`common/evening.rs`).
//!
//! `SNUG_SIM_SEED=17` plays one seed again, `SNUG_SIM_SEEDS=5000` plays so many.

mod common;

use std::env;
use std::thread::panicking;

use common::evening::{Dice, Evening};
use common::model::Tally;

/// How many evenings a plain `cargo test` plays: a few seconds without optimisation.
const SEEDS: u64 = 100;
const STEPS: u32 = 400;

#[test]
fn any_evening_goes_well() {
    let number = |name| env::var(name).ok().map(|value| value.parse().expect("a number"));
    let seeds = match number("SNUG_SIM_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("SNUG_SIM_SEEDS").unwrap_or(SEEDS),
    };
    let mut tally = Tally::new();
    for seed in seeds.clone() {
        let _hint = Hint { seed };
        let mut evening = Evening::new(Dice::Seed(seed));
        (0..STEPS).for_each(|_| assert!(evening.step()));
        for (what, times) in evening.end() {
            *tally.entry(what).or_default() += times;
        }
    }
    println!("{} evenings: {tally:?}", seeds.end - seeds.start);
    if seeds.end - seeds.start >= SEEDS {
        let missing = WHATEVER_CAN_HAPPEN.iter().filter(|what| !tally.contains_key(**what));
        assert_eq!(missing.count(), 0, "{tally:?}");
        assert!(tally["session"] > 2_000, "{tally:?}");
    }
}

/// All that has to be met now and then, or the simulation has grown blind.
const WHATEVER_CAN_HAPPEN: &[&str] = &[
    "welcome",
    "joined",
    "reset",
    "message",
    "message of one's own",
    "tick",
    "tick again",
    "tick while behind",
    "left",
    "renamed",
    "renamed oneself",
    "who",
    "rooms",
    "typing",
    "presence",
    "history",
    "topic",
    "help",
    "hello_first",
    "bad_nick",
    "nick_taken",
    "bad_room",
    "not_in_room",
    "too_many_rooms",
    "id_conflict",
    "storage_full",
];

/// Says how to see a failure again.
struct Hint {
    seed: u64,
}

impl Drop for Hint {
    fn drop(&mut self) {
        if panicking() {
            eprintln!(
                "to see it again: SNUG_SIM_SEED={} cargo test -p snug-hub --test simulation",
                self.seed
            );
        }
    }
}
