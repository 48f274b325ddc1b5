//! The checker is checked: seven servers with a fault each (`src/faults.rs`), and each must be noticed, or what the tests
//! say of the server without a fault means little.

use std::collections::BTreeSet;
use std::process::Command;
use std::time::{Duration, Instant};

use server::faults::{ALL, Fault};

use crate::history::{Invariant, letters};
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
            _ => by_kills(fault, name),
        };
        let seconds = begun.elapsed().as_secs_f32();
        println!("{name:40} {} ({seconds:.1} s)", by.as_deref().unwrap_or("NOT NOTICED"));
        noticed += usize::from(by.is_some());
    }
    println!("{noticed} of {} faults are noticed", ALL.len());
    assert_eq!(noticed, ALL.len());
}

/// Which invariants were broken, and an example.
fn by_kills(fault: Fault, name: &'static str) -> Option<String> {
    for seed in 1..=TRIES {
        // Who cannot have all, as a fault may have it, does not wait long for it.
        let patience = Duration::from_secs(5);
        let usual = Run { seed, kills: 3, patience, fault: Some(name), ..Run::default() };
        let run = match fault {
            // Its answers have to be late, and its connections short.
            Fault::Tenant => Run { kills: 0, lifetime: 12, flags: &["--sync", "20ms"], ..usual },
            _ => usual,
        };
        let broken = run.play().broken();
        let found: BTreeSet<Invariant> = letters(&broken);
        if let Some(first) = broken.first() {
            return Some(format!("{found:?} in run {seed}: {} times, such as {first}", broken.len()));
        }
    }
    None
}

/// The test of cuts, in a process that has the fault, must fail, and for this reason.
fn by_cuts(name: &str) -> Option<String> {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "cuts::after_any_cut_all_that_was_ticked_is_there", "--nocapture"]);
    let output = command.env("SNUG_FAULT", name).env("RUST_BACKTRACE", "0").output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let why = said.lines().find(|line| line.contains("cut behind operation"))?;
    (output.status.code() == Some(101)).then(|| format!("cuts of the power: {why}"))
}
