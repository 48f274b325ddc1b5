//! User instructions, by callgrind(1) on the release server. What the same evening costs with more of one thing tells what
//! that thing costs: the start, the end and those who come are in both.
//!
//! Valgrind shows all x86-64 machines with AVX2 the same processor, without instructions for SHA. So what glibc chooses by the
//! processor does not change the figures; which glibc and which compiler it is may, and the limits leave a margin for that.

use std::fs;
use std::path::Path;
use std::process::Command;

use rustix::process::Signal;

use crate::Figures;
use crate::people::{Dialect, Room, start};
use crate::support::folder::Folder;

/// One says, so many hear it.
const HEARERS: usize = 100;

/// A batch: so many authors send so many lines each while the server is stopped, so it finds them all at once.
const AUTHORS: usize = 8;
const LINES_EACH: usize = 4;

#[derive(Clone, Copy)]
struct Evening {
    lines: usize,
    batches: usize,
    newcomers: usize,
}

const USUAL: Evening = Evening { lines: 20, batches: 2, newcomers: 20 };
const MORE: usize = 300;
const MORE_BATCHES: usize = 12;

pub(crate) fn measure(server: &Path) -> Figures {
    let of = |dialect| {
        std::thread::spawn({
            let server = server.to_owned();
            move || measure_dialect(&server, dialect)
        })
    };
    // Two processors are usual.
    [Dialect::Plain, Dialect::V1]
        .map(of)
        .into_iter()
        .flat_map(|thread| thread.join().expect("it is measured"))
        .collect()
}

fn measure_dialect(server: &Path, dialect: Dialect) -> Figures {
    let cost = |evening| instructions(server, dialect, evening);
    let usual = cost(USUAL);
    let lines = cost(Evening { lines: USUAL.lines + MORE, ..USUAL }) - usual;
    let batches = cost(Evening { batches: USUAL.batches + MORE_BATCHES, ..USUAL }) - usual;
    let newcomers = cost(Evening { newcomers: USUAL.newcomers + MORE, ..USUAL }) - usual;
    let name = dialect.name();
    Figures::from([
        (format!("instructions.one.{name}"), lines / (MORE * HEARERS) as f64),
        (
            format!("instructions.batch.{name}"),
            batches / (MORE_BATCHES * AUTHORS * LINES_EACH * HEARERS) as f64,
        ),
        (format!("instructions.handshake.{name}"), newcomers / MORE as f64),
    ])
}

/// All that a server executes, from its start to its end.
fn instructions(server: &Path, dialect: Dialect, evening: Evening) -> f64 {
    let folder = Folder::new();
    fs::create_dir(&folder.0).expect("a folder");
    let [out, log] = ["out", "log"].map(|name| folder.0.join(name));
    let mut callgrind = Command::new("valgrind");
    callgrind.args(["--tool=callgrind", "--vgdb=no"]).arg(format!("--log-file={}", log.display()));
    callgrind.arg(format!("--callgrind-out-file={}", out.display())).arg(server);
    let server = start(&mut callgrind, &[]);

    let mut room = server.while_stopped(|| Room::dial(server.address, dialect, "lobby", 1 + HEARERS));
    room.enter();
    room.talk(evening.lines);
    for _ in 0..evening.batches {
        server.while_stopped(|| room.send(AUTHORS, LINES_EACH));
        room.hear(AUTHORS, LINES_EACH);
    }
    for number in 0..evening.newcomers {
        // A room of one's own: others are told nothing.
        drop(Room::come(server.address, dialect, &format!("room-{number}"), 1));
    }

    server.signal(Signal::TERM);
    let (code, said) = server.wait();
    assert_eq!(code, Some(0), "{said}{}", fs::read_to_string(log).unwrap_or_default());
    let profile = fs::read_to_string(out).expect("callgrind writes it");
    let total =
        profile.lines().find_map(|line| line.strip_prefix("totals: ").or(line.strip_prefix("summary: ")));
    total.expect("a total").trim().parse().expect("a number")
}
