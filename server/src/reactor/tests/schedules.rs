//! Evenings by chance, each of some hundred choices: who calls, speaks, stalls and goes, when the store answers and what
//! the poll tells late. What is checked after each turn stands in `stage/`: everybody hears answers to its own questions
//! alone, and the entries of its rooms once and in order.

use std::collections::BTreeMap;

use crate::stage::{Dice, Play, Tally};

/// How many evenings are played if `SNUG_SCHEDULES` does not say.
const SCHEDULES: u64 = 500;

/// How many choices an evening has.
const THROWS: usize = 600;

#[test]
fn nobody_gets_what_is_anothers() {
    let schedules = std::env::var("SNUG_SCHEDULES").ok().and_then(|count| count.parse().ok());
    let mut met = Tally::new();
    for seed in 0..schedules.unwrap_or(SCHEDULES) {
        let evening = std::panic::catch_unwind(|| {
            let mut play = Play::new(Dice::Seed(seed, THROWS), false);
            while play.step() {}
            play.end()
        });
        let Ok(tally) = evening else { panic!("seed {seed}") };
        tally.into_iter().for_each(|(what, count)| *met.entry(what).or_default() += count);
    }
    println!("{met:#?}");
    let wanted = [
        "tick",
        "resent",
        "message",
        "pong",
        "history",
        "joined",
        "reset",
        "who, caught up",
        "posted",
        "read",
        "conflict",
    ];
    let rare: BTreeMap<_, _> = wanted.into_iter().map(|what| (what, met.get(what))).collect();
    assert!(rare.values().all(|count| count.is_some_and(|count| *count >= 20)), "{rare:?}");
}

/// Or no fuzzer could learn from it, and no seed could be looked at again.
#[test]
fn the_same_dice_make_the_same_evening() {
    let evening = |seed| {
        let mut play = Play::new(Dice::Seed(seed, THROWS), true);
        while play.step() {}
        play.end()
    };
    for seed in 0..20 {
        assert_eq!(evening(seed), evening(seed));
    }
    assert_ne!(evening(0), evening(1));
}
