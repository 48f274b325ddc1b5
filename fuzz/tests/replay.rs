//! The fuzz targets without a fuzzer: every seed, every regression, and thousands of inputs made of them by chance.

use std::collections::BTreeMap;
use std::path::Path;

use fuzz::TARGETS;
use fuzz::chance::Chance;
use fuzz::versus_tungstenite::{Agreement, compare};

/// How many inputs chance makes for each target.
const INPUTS: u64 = 10_000;

/// The files of a directory by name, in order; none if there is no such directory.
fn files(directory: &str, target: &str) -> Vec<(String, Vec<u8>)> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join(directory).join(target);
    let Ok(entries) = std::fs::read_dir(directory) else { return Vec::new() };
    let mut files: Vec<_> = entries
        .map(|entry| entry.expect("an entry").path())
        .map(|path| (path.display().to_string(), std::fs::read(&path).expect("a readable file")))
        .collect();
    files.sort();
    files
}

/// Only seeds with a name: what a fuzzer left behind must not change what this test does.
fn seeds(target: &str) -> Vec<Vec<u8>> {
    let named = |name: &str| Path::new(name).file_name().is_none_or(|name| name.len() != 40);
    files("corpus", target).into_iter().filter(|(name, _)| named(name)).map(|(_, seed)| seed).collect()
}

#[test]
fn every_seed_and_every_regression() {
    for (target, check) in TARGETS {
        let corpus = files("corpus", target);
        assert!(!corpus.is_empty(), "{target} has no seeds");
        for (name, data) in corpus.into_iter().chain(files("regressions", target)) {
            println!("{name}"); // shown only if the check panics
            check(&data);
        }
    }
}

#[test]
fn inputs_made_by_chance() {
    for (target, check) in TARGETS {
        let seeds = seeds(target);
        for seed in 0..INPUTS {
            let mut chance = Chance::new(seed);
            let data = made_by(&mut chance, &seeds);
            let checked = std::panic::catch_unwind(|| check(&data));
            assert!(checked.is_ok(), "{target}, seed {seed}: {}", data.escape_ascii());
        }
    }
}

#[test]
fn every_way_to_agree_with_tungstenite_is_met() {
    let seeds = seeds("versus_tungstenite");
    let mut met: BTreeMap<Agreement, u32> = BTreeMap::new();
    for seed in 0..INPUTS {
        let data = made_by(&mut Chance::new(seed), &seeds);
        if let Some(agreement) = compare(&data) {
            *met.entry(agreement).or_default() += 1;
        }
    }
    use Agreement::{BothRefuse, CloseCode, PaddedLength, Same, TheyRefuseLater};
    for agreement in [Same, BothRefuse, PaddedLength, CloseCode, TheyRefuseLater] {
        assert!(met.get(&agreement).is_some_and(|times| *times >= 20), "{agreement:?} of {met:?}");
    }
}

fn made_by(chance: &mut Chance, seeds: &[Vec<u8>]) -> Vec<u8> {
    let mut data = chance.pick(seeds).cloned().unwrap_or_default();
    let other = chance.pick(seeds).cloned().unwrap_or_default();
    chance.mutate(&mut data, &other);
    data
}
