//! Thousands of random sessions against a store that answers late, and readers that are slow. Each seed is one evening
//! (`common/evening.rs`).
//!
//! `SNUG_SIM_SEED=17` plays one seed again, `SNUG_SIM_SEEDS=10000` plays so many. Ten thousand take about half a minute
//! with `cargo test --release -p snug-hub --test simulation`.

mod common;

use std::env;
use std::thread::{self, available_parallelism, panicking};

use common::dice::Dice;
use common::evening::Evening;
use common::model::Tally;

/// How many evenings a plain `cargo test` plays: ten seconds or so without optimisation.
const SEEDS: u64 = 500;
const STEPS: u32 = 400;

#[test]
fn any_evening_goes_well() {
    let number = |name| env::var(name).ok().map(|value| value.parse().expect("a number"));
    let seeds = match number("SNUG_SIM_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("SNUG_SIM_SEEDS").unwrap_or(SEEDS),
    };
    let workers = available_parallelism().map_or(1, usize::from);
    let tallies: Vec<Tally> = thread::scope(|scope| {
        let share = |worker| seeds.clone().skip(worker).step_by(workers);
        let start = |worker| scope.spawn(move || share(worker).map(play).collect::<Vec<Tally>>());
        let started: Vec<_> = (0..workers).map(start).collect();
        started.into_iter().flat_map(|worker| worker.join().expect("a good evening")).collect()
    });
    let mut tally = Tally::new();
    for (what, times) in tallies.into_iter().flatten() {
        *tally.entry(what).or_default() += times;
    }
    println!("{} evenings: {tally:?}", seeds.end - seeds.start);
    if seeds.end - seeds.start >= SEEDS {
        let missing = WHATEVER_CAN_HAPPEN.iter().filter(|what| !tally.contains_key(**what));
        assert_eq!(missing.count(), 0, "{tally:?}");
        assert!(tally["session"] > 10_000, "{tally:?}");
    }
}

fn play(seed: u64) -> Tally {
    let _hint = Hint { seed };
    let mut evening = Evening::new(Dice::Seed(seed));
    (0..STEPS).for_each(|_| assert!(evening.step()));
    evening.end()
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
    "tick while live",
    "tick while behind",
    "lagging",
    "reset while behind",
    "caught up",
    "come back",
    "restart",
    "restart with an old copy",
    "restart with nothing",
    "left unread",
    "hung up on",
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
    "too_many_connections",
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
