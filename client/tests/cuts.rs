//! Whatever link breaks and wherever: nothing is missed, nothing is doubled, and the order is one. First in virtual
//! time, at each byte of a conversation; then with real processes.

mod support;

use std::io::Write;
use std::process::ChildStdin;
use std::thread;

use client::model::random::Random;
use protocol::time::Millis;
use rustix::process::{Pid, Signal};
use support::proxy::Proxy;
use support::running::Running;
use support::server::Server;
use support::wire::{Cut, World};
use support::{Run, pipe, wait_until};

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

/// The same with programs, sockets and all: some places, from within the handshake to somewhere in the talk.
#[test]
fn a_program_whose_links_are_cut() {
    let mut fresh = [0; 8];
    getrandom::fill(&mut fresh).expect("random numbers");
    let given = std::env::var("SNUG_TEST_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = given.unwrap_or(u64::from_ne_bytes(fresh));
    println!("SNUG_TEST_SEED={seed}");
    let mut random = Random::new([seed, 7, 8, 9]);
    let server = Server::start("127.0.0.1:0");
    let cuts: Vec<Vec<Cut>> = (0..30)
        .map(|_| {
            let count = 1 + random.below(2);
            let cut = |_| {
                let upwards = random.below(2) == 0;
                // As long as the talk is in this direction, about.
                let after = random.below(if upwards { 900 } else { 1500 });
                Cut { upwards, after: usize::try_from(after).expect("small"), late: false }
            };
            (0..count).map(cut).collect()
        })
        .collect();
    let links: usize = thread::scope(|scope| {
        let talks: Vec<_> = cuts
            .iter()
            .enumerate()
            .map(|(number, cuts)| {
                let server = &server;
                scope.spawn(move || talk_of_programs(server, &format!("{number}"), cuts))
            })
            .collect();
        let ended = talks.into_iter().zip(&cuts).map(|(talk, cuts)| {
            talk.join().unwrap_or_else(|_| panic!("SNUG_TEST_SEED={seed}: cut by {cuts:?}"))
        });
        ended.sum()
    });
    println!("{} talks, {links} links", cuts.len());
    assert!(links > cuts.len() + 20, "they were hardly cut: {links} links");
}

/// Amy, whose links are cut, and Bob, whose are not, in a room of their own. Returns how many links Amy had.
fn talk_of_programs(server: &Server, number: &str, cuts: &[Cut]) -> usize {
    let proxy = Proxy::start(server.address.clone(), cuts.to_vec());
    let (room, amys_nick, bobs_nick) =
        (format!("room{number}"), format!("amy{number}"), format!("bob{number}"));
    let (room, address) = (room.as_str(), proxy.address.to_string());
    let mut amy = Running::start(&[room, "--server", &address, "--nick", &amys_nick, "--follow"]);
    let mut keys = amy.0.stdin.take().expect("a pipe");
    let type_in = |keys: &mut ChildStdin, lines: &str| keys.write_all(lines.as_bytes()).expect("a reader");
    let bob_says = |lines: &str| {
        let done = pipe(&[room, "--server", &server.address, "--nick", &bobs_nick], lines.as_bytes());
        assert_eq!(done, Run { code: Some(0), out: String::new(), err: String::new() });
    };
    // She sees what is said from her first line on.
    type_in(&mut keys, "one\n");
    wait_until("amy is there", || !server.said(room).is_empty());
    bob_says("two\nthree\n");
    type_in(&mut keys, "four\nfive\n");
    bob_says("six\n");
    type_in(&mut keys, "seven\n");
    wait_until("all is said", || server.said(room).len() >= 7);
    bob_says("the end\n");

    let bobs = |line: &str| format!("<{bobs_nick}> {line}");
    assert_eq!(amy.lines(4), ["two", "three", "six", "the end"].map(bobs));
    let log = server.said(room);
    let lines_of = |nick: &str| -> Vec<String> {
        log.iter().filter_map(|line| line.strip_prefix(&format!("{nick}: "))).map(str::to_owned).collect()
    };
    assert_eq!(lines_of(&amys_nick), ["one", "four", "five", "seven"]);
    assert_eq!(lines_of(&bobs_nick), ["two", "three", "six", "the end"]);
    // The end of her input and a signal: she goes, and all that she said was confirmed.
    drop(keys);
    rustix::process::kill_process(Pid::from_child(&amy.0), Signal::TERM).expect("it runs");
    let (code, err) = amy.end();
    assert_eq!(code, Some(0), "{err}");
    assert!(
        err.lines().all(|line| line.ends_with("; trying again") || line.ends_with("connected again")),
        "{err}"
    );
    proxy.links()
}
