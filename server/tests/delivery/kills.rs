//! The server is killed, again and again, while people talk.

use std::time::Instant;

use crate::history::Event;
use crate::run::Run;

fn number(name: &str, usual: usize) -> usize {
    std::env::var(name).ok().and_then(|number| number.parse().ok()).unwrap_or(usual)
}

#[test]
fn whatever_is_killed_nothing_is_lost_doubled_or_out_of_order() {
    let (kills, seed) = (number("SNUG_KILLS", 50), number("SNUG_SEED", 1) as u64);
    println!("SNUG_KILLS={kills} SNUG_SEED={seed}");
    let begun = Instant::now();
    let outcome = Run { kills, seed, ..Run::default() }.play();
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
    assert!(broken.is_empty(), "{} invariants are broken", broken.len());
    assert!(outcome.log.len() >= kills && refused > 0, "something happened");
}
