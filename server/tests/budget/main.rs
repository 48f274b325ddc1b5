//! The budget: what Snug costs, measured by what repeats (instructions, system calls, allocations, bytes; never times), and
//! held against `limits.txt`. A program, not a test of the usual kind: it takes a release server, and `.ci/budget` gives it
//! one.
//!
//! ```text
//! SNUG_BUDGET=target/release/server SNUG_PARTS="memory quiet" cargo test -p snug-server --test budget
//! ```
//!
//! Every figure has a limit, and every limit a figure: a name that only one of them knows is a failure. With
//! `SNUG_BUDGET_WRITE` set to today's date the figures are put into the file instead. Ends with 0 if nothing is beyond its
//! limit; else with 1 and a list of what is.

#[path = "../support/mod.rs"]
mod support;

mod allocations;
mod calls;
mod instructions;
mod limits;
mod memory;
mod people;
mod quiet;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use limits::Limits;

/// Figures by name.
type Figures = BTreeMap<String, f64>;

type Measure = fn(&Path) -> Figures;

/// What can be measured alone. A figure's name begins with its part's.
const PARTS: [(&str, Measure); 7] = [
    ("size", size),
    ("memory", memory::measure),
    ("quiet", quiet::measure),
    ("instructions", instructions::measure),
    ("calls", calls::measure),
    ("disk", calls::measure_disk),
    ("allocations", |_| allocations::measure()),
];

fn main() -> ExitCode {
    limits::can_say_no();
    let Some(server) = std::env::var_os("SNUG_BUDGET").map(PathBuf::from) else {
        println!("budget: nothing measured; .ci/budget gives it a server");
        return ExitCode::SUCCESS;
    };
    match run(&server) {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            println!("budget: {fault}");
            ExitCode::FAILURE
        }
    }
}

fn run(server: &Path) -> Result<(), String> {
    allow_many_files();
    let chosen = std::env::var("SNUG_PARTS").unwrap_or_default();
    let chosen: Vec<&str> = chosen.split_whitespace().collect();
    if let Some(unknown) = chosen.iter().find(|name| PARTS.iter().all(|(part, _)| part != *name)) {
        return Err(format!("'{unknown}' is none of its parts: {}", PARTS.map(|(part, _)| part).join(", ")));
    }
    let is_chosen = |part: &str| chosen.is_empty() || chosen.contains(&part);
    let limits = Limits::read()?;
    let mut figures = Figures::new();
    for (part, measure) in PARTS.into_iter().filter(|(part, _)| is_chosen(part)) {
        let begun = Instant::now();
        let of_this = measure(server);
        assert!(of_this.keys().all(|name| part_of(name) == part), "{:?} are all of {part}", of_this.keys());
        figures.extend(of_this);
        println!("{part}: measured in {:.0} s", begun.elapsed().as_secs_f32());
    }
    if let Ok(today) = std::env::var("SNUG_BUDGET_WRITE") {
        return limits.write(&figures, &today);
    }
    limits.hold(&figures, is_chosen)
}

/// "memory.idle" -> "memory".
fn part_of(name: &str) -> &str {
    name.split('.').next().unwrap_or(name)
}

fn size(server: &Path) -> Figures {
    let bytes = |path: &Path| std::fs::metadata(path).expect("there is a server").len() as f64;
    let beside = |kind| (format!("size.{kind}"), bytes(&server.with_extension(kind)));
    Figures::from([("size.server".to_owned(), bytes(server)), beside("diskless"), beside("static")])
}

/// Ours, and so the server's that we start.
fn allow_many_files() {
    let files = getrlimit(Resource::Nofile);
    // If it is refused, it says so when people come.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: files.maximum, ..files });
}
