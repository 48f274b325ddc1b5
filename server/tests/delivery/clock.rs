//! The clock on the wall jumps (threat 39): to 1970, as on a board without a battery, fifty years on, ten years on, and
//! back, while people talk and while the server starts. Times are decoration: order, resumption and timers go on.
//!
//! The clock is libfaketime's (a Debian package). Without it this says SKIPPED; what an engine makes of such a clock is
//! also tested without it (`tests/storage/lives.rs`).

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::Signal;

use crate::support::folder::Folder;
use crate::support::{Client, Server};

/// What is said between two jumps.
const LINES: u64 = 20;

fn faketime() -> Option<PathBuf> {
    let places = fs::read_dir("/usr/lib").ok()?.flatten().map(|place| place.path());
    places.map(|place| place.join("faketime/libfaketime.so.1")).find(|library| library.exists())
}

struct Board {
    faketime: PathBuf,
    folder: Folder,
    clock: PathBuf,
}

impl Board {
    fn set(&self, clock: &str) {
        // At once, or the server may find half of it.
        let next = self.clock.with_extension("next");
        fs::write(&next, clock).unwrap();
        fs::rename(next, &self.clock).unwrap();
    }

    fn start(&self, place: &str) -> Server {
        let mut command = Command::new(env!("CARGO_BIN_EXE_server"));
        command.args(["--listen", place, "--data"]).arg(&self.folder.0);
        command.env("LD_PRELOAD", &self.faketime).env("FAKETIME_TIMESTAMP_FILE", &self.clock);
        // It also is asked by what is never to jump.
        command.envs([("FAKETIME_DONT_FAKE_MONOTONIC", "1"), ("FAKETIME_NO_CACHE", "1"), ("TZ", "UTC")]);
        Server::run(&mut command)
    }
}

/// The times of what ann says, as ben hears it: each the next number, none earlier than the one before.
fn talk(ann: &mut Client, ben: &mut Client, from: u64) -> Vec<u64> {
    (from..from + LINES)
        .map(|seq| {
            ann.say(&format!(r#"{{"type":"say","room":"lobby","id":"{seq}","text":"line {seq}"}}"#));
            assert_eq!(ann.event("stored")["seq"], seq);
            let heard = ben.event("message");
            assert_eq!((&heard["seq"], &heard["text"]), (&seq.into(), &format!("line {seq}").into()));
            heard["time"].as_u64().unwrap()
        })
        .collect()
}

#[test]
fn whatever_the_clock_says_the_order_is_kept_and_nobody_is_cut_off() {
    let Some(faketime) = faketime() else {
        return println!("SKIPPED: there is no libfaketime in /usr/lib/*/faketime");
    };
    let folder = Folder::new();
    let clock = Path::new(&folder.0).with_extension("clock");
    let board = Board { faketime, folder, clock };
    board.set("+0");
    let server = board.start("127.0.0.1:0");
    let (mut ann, mut ben) = (server.v1_in("ann", "lobby"), server.v1_in("ben", "lobby"));
    let mut times = Vec::new();
    for clock in ["+0", "@1970-01-02 00:00:00", "+50y", "+10y", "@1970-01-02 00:00:00", "+0"] {
        board.set(clock);
        times.extend(talk(&mut ann, &mut ben, times.len() as u64 + 1));
    }
    assert!(times.is_sorted(), "{times:?}");
    let year = 365 * 86_400_000;
    let at = |step: u64| times[(step * LINES) as usize];
    // What cannot be is not believed, and what was once believed stays: so these have no other time than those before.
    assert!(at(0) > 0 && at(1) == at(2) && at(2) < at(0) + year, "{times:?}");
    // That the server does live by this clock.
    assert!(at(3) > at(2) + 9 * year, "{times:?}");
    assert_eq!((at(4), at(5)), (at(6 - 1), times[(4 * LINES - 1) as usize]), "{times:?}");

    // It is killed, and its board wakes up in 1970: positions are as good as ever.
    server.signal(Signal::KILL);
    let place = server.address.to_string();
    let log = server.wait().1;
    assert!(!log.contains("panicked"), "{log}");
    board.set("@1970-01-02 00:00:00");
    let server = board.start(&place);
    let (mut ann, mut ben) = (server.v1_in("ann", "lobby"), server.v1("ben"));
    ben.say(r#"{"type":"join","room":"lobby","last":0}"#);
    assert_eq!(ben.event("joined")["last"], times.len());
    for _ in 0..50 {
        // What ann was told when she came in.
        ann.event("message");
    }
    let after = talk(&mut ann, &mut ben, times.len() as u64 + 1);
    assert!(after.iter().all(|time| time == times.last().unwrap()), "{after:?}");
    fs::remove_file(&board.clock).unwrap();
}
