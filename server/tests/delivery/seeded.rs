//! The checker is checked: seven servers with a fault each (`src/faults.rs`), and each must be noticed, or what the tests
//! say of the server without a fault means little. The same runs of a server without a fault must find nothing.

use std::collections::BTreeMap;
use std::process::Command;
use std::time::{Duration, Instant};

use server::faults::{ALL, Fault};

use crate::history::Broken;
use crate::run::Run;

/// So many times chance may fail to show a fault.
const TRIES: u64 = 8;

#[test]
fn seven_of_seven_are_noticed() {
    let mut noticed = 0;
    for (fault, name) in ALL {
        let begun = Instant::now();
        let by = match fault {
            // Killing a process takes nothing from what the kernel has yet to write.
            Fault::Lazy => by_cuts(name),
            _ => (1..=TRIES).find_map(|seed| by_kills(Run { fault: Some(name), ..run(fault, seed) })),
        };
        let seconds = begun.elapsed().as_secs_f32();
        println!("{name:40} {} ({seconds:.1} s)", by.as_deref().unwrap_or("NOT NOTICED"));
        noticed += usize::from(by.is_some());
    }
    println!("{noticed} of {} faults are noticed", ALL.len());
    assert_eq!(noticed, ALL.len());
}

#[test]
fn without_a_fault_the_same_runs_find_nothing() {
    for fault in [Fault::TickEarly, Fault::Tenant] {
        let usual = Run::default().patience;
        for seed in 1..=3 {
            let broken = Run { patience: usual, ..run(fault, seed) }.play().broken();
            assert!(broken.is_empty(), "as for {fault:?}, run {seed}: {}", broken[0]);
        }
    }
}

/// What shows a fault, if it is there.
fn run(fault: Fault, seed: u64) -> Run {
    // Who cannot have all, since the fault has eaten it, does not wait long for it.
    let usual = Run { seed, kills: 3, patience: Duration::from_secs(5), ..Run::default() };
    match fault {
        // Answers have to be late, and connections short.
        Fault::Tenant => Run { kills: 0, lifetime: 12, flags: &["--sync", "20ms"], ..usual },
        _ => usual,
    }
}

/// How many times each invariant was broken, and how for the first time.
fn by_kills(run: Run) -> Option<String> {
    let broken = run.play().broken();
    let mut counts = BTreeMap::new();
    for Broken { invariant, .. } in &broken {
        *counts.entry(format!("{invariant:?}")).or_insert(0) += 1;
    }
    let first: String = broken.first()?.to_string().replace("la ", "").chars().take(100).collect();
    let counts: Vec<String> =
        counts.iter().map(|(letter, count)| format!("{letter} {count} times")).collect();
    Some(format!("{}; {first}", counts.join(", ")))
}

/// The test of cuts, in a process that has the fault, must fail, and for this reason.
fn by_cuts(name: &str) -> Option<String> {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "cuts::after_any_cut_all_that_was_ticked_is_there", "--nocapture"]);
    let output = command.env("SNUG_FAULT", name).env("RUST_BACKTRACE", "0").output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let why = said.lines().find_map(|line| line.split_once("failed: ").map(|(_, why)| why.to_owned()))?;
    let is_loss = output.status.code() == Some(101) && why.contains("cut behind operation");
    is_loss.then(|| format!("ticked entries are gone after a cut of the power; {why}"))
}
