//! Evenings at the desk by chance: on stable, from seeds, and with everything in them that can happen.

use fuzz::chance::Chance;
use fuzz::desk;

const EVENINGS: u64 = 2000;

#[test]
fn thousands_of_evenings() {
    let mut tally = desk::Tally::new();
    for seed in 0..EVENINGS {
        let mut chance = Chance::new(seed);
        let data: Vec<u8> = (0..600).map(|_| chance.bits() as u8).collect();
        let played = std::panic::catch_unwind(|| desk::play(&data));
        let played = played.unwrap_or_else(|_| panic!("seed {seed}: {}", data.escape_ascii()));
        for (what, times) in played {
            *tally.entry(what).or_default() += times;
        }
    }
    println!("{tally:#?}");
}
