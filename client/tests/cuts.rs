//! Whatever link breaks and wherever: nothing is missed, nothing is doubled, and the order is one. First in virtual
//! time, at each byte of a conversation; then with real processes.

mod support;

use client::model::random::Random;
use protocol::time::Millis;
use support::wire::{Cut, World};

/// How many lines each of the two types.
const LINES: usize = 4;

/// How many conversations with any number of cuts.
const SEEDS: u64 = 500;

/// Amy and Bob talk, while their links break as is said; then Carol comes and reads the log. Returns the world
/// when all has come to rest.
fn talk(seed: u64, amys: &[Cut], bobs: &[Cut], chop: usize) -> World {
    let mut random = Random::new([seed, 1, 2, 3]);
    for _ in 0..8 {
        random.below(1);
    }
    let mut world = World::new();
    let amy = world.person("amy", &mut random, amys, chop);
    let bob = world.person("bob", &mut random, bobs, chop);
    for (who, nick) in [(amy, "amy"), (bob, "bob")] {
        for number in 1..=LINES as u64 {
            // Some come in a volley, some while nobody is connected.
            let at = Millis(number / 2 * 150 + 40 * who as u64);
            world.will_type(at, who, format!("{nick} {number}"));
        }
    }
    world.play();
    let carol = world.person("carol", &mut random, &[], 0);
    world.play();

    let log: Vec<(u64, String)> = lines(&world, carol);
    let numbers: Vec<u64> = log.iter().map(|(seq, _)| *seq).collect();
    assert_eq!(numbers, (1..=2 * LINES as u64).collect::<Vec<_>>(), "each line is there once: {log:?}");
    for (who, nick) in [(amy, "amy"), (bob, "bob")] {
        let theirs: Vec<&str> =
            log.iter().map(|(_, text)| text.as_str()).filter(|text| text.starts_with(nick)).collect();
        let typed: Vec<String> = (1..=LINES).map(|number| format!("{nick} {number}")).collect();
        assert_eq!(theirs, typed, "in the order they were typed");
        // Each line was shown once, in the order of the log, and one's own lines are known to be one's own.
        assert_eq!(lines(&world, who), log);
        assert!(world.people[who].read.iter().all(|said| said.mine == said.text.starts_with(nick)));
    }
    world
}

fn lines(world: &World, who: usize) -> Vec<(u64, String)> {
    world.people[who].read.iter().map(|said| (said.seq, said.text.clone())).collect()
}

#[test]
fn a_cut_at_each_byte() {
    cut_at_each(1, false);
}

#[test]
fn a_cut_at_each_third_byte_that_the_server_notices_late() {
    cut_at_each(3, true);
}

fn cut_at_each(step: usize, late: bool) {
    let (up, down) = talk(1, &[], &[], 0).people[0].first_link;
    assert!(up > 500 && down > 1000, "that is no conversation: {up} {down}");
    for (upwards, bytes) in [(true, up), (false, down)] {
        for after in (0..=bytes).step_by(step) {
            let cut = Cut { upwards, after, late };
            let world = std::panic::catch_unwind(|| talk(1, &[cut], &[], 0));
            let world = world.unwrap_or_else(|_| panic!("amy's link, {cut:?}"));
            assert_eq!(world.people[0].links, 2, "{cut:?}");
        }
    }
    println!("{up} bytes up and {down} down, cut after each {step} of them");
}

#[test]
fn one_cut_after_the_other() {
    let mut links = 0;
    for seed in 1..=SEEDS {
        let mut random = Random::new([seed, 4, 5, 6]);
        let mut cuts = || -> Vec<Cut> {
            (0..random.below(6))
                .map(|_| Cut {
                    upwards: random.below(2) == 0,
                    after: usize::try_from(random.below(1800)).expect("small"),
                    late: random.below(2) == 0,
                })
                .collect()
        };
        let (amys, bobs) = (cuts(), cuts());
        let chop = [0, 1, 7, 100][seed as usize % 4];
        let world = std::panic::catch_unwind(|| talk(seed, &amys, &bobs, chop));
        let world = world.unwrap_or_else(|_| panic!("seed {seed}: amy {amys:?}, bob {bobs:?}, chop {chop}"));
        links += world.people.iter().map(|person| person.links).sum::<usize>();
    }
    println!("{SEEDS} seeds, {links} links");
    assert!(links > 1500, "that was a quiet day: {links}");
}
