//! The server is killed, again and again, while people talk; or it lives, and only their links break.

use std::time::Instant;

use crate::history::Event;
use crate::run::Run;

fn number(name: &str, usual: usize) -> usize {
    std::env::var(name).ok().and_then(|number| number.parse().ok()).unwrap_or(usual)
}

/// Nothing is wrong, and something has happened.
fn is_sound(run: &Run) {
    let Run { kills, seed, flags, .. } = run;
    println!("SNUG_KILLS={kills} SNUG_SEED={seed} {flags:?}");
    let begun = Instant::now();
    let outcome = run.play();
    let count = |is: fn(&Event) -> bool| outcome.events.iter().filter(|event| is(event)).count();
    let refused = count(|event| matches!(event, Event::Refused { .. }));
    println!(
        "{kills} kills in {:.1?}: {} entries, {} sent, {} ticks, {refused} refused, {} heard, {} links, {} breaks",
        begun.elapsed(),
        outcome.log.len(),
        count(|event| matches!(event, Event::Sent { .. })),
        count(|event| matches!(event, Event::Ticked { .. })),
        count(|event| matches!(event, Event::Heard { .. })),
        outcome.links,
        outcome.breaks,
    );
    let broken = outcome.broken();
    for broken in broken.iter().take(20) {
        println!("{broken}");
    }
    assert!(broken.is_empty(), "{} times an invariant is broken", broken.len());
    assert!(outcome.log.len() >= *kills && outcome.breaks >= *kills && refused > 0, "something happened");
}

#[test]
fn whatever_is_killed_nothing_is_lost_doubled_or_out_of_order() {
    let (kills, seed) = (number("SNUG_KILLS", 50), number("SNUG_SEED", 1) as u64);
    is_sound(&Run { kills, seed, ..Run::default() });
}

/// A server that lives long on a quick disk: answers come in many small batches, some while others are told.
#[test]
fn where_only_links_break_nothing_is_lost_either() {
    for seed in 1..=2 {
        is_sound(&Run { kills: 0, ticks: 2000, seed, ..Run::default() });
    }
}

/// Ticks and fan-out wait for the window's commit (`--sync`), and more is under way at each moment.
#[test]
fn a_window_weakens_nothing() {
    is_sound(&Run { kills: 8, flags: &["--sync", "30ms"], ..Run::default() });
}
