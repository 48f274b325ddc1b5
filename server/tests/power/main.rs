//! The power is cut while people talk, again and again, and each time what has reached the disk is all that is left. A
//! program, not a test of the usual kind, since it mounts file systems: `.ci/power` gives it a server and a place.
//!
//! ```text
//! SNUG_POWER=target/release/server SNUG_CUTS=10 cargo test -p snug-server --features faults --test power
//! ```
//!
//! The server keeps its data in a file system within a file (a loop device). It is stopped in the middle of what it does,
//! the file is copied, the server is killed, and the next one goes on with the copy: what the system held only in memory
//! is gone, as when the plug is pulled. (What a disk itself may do, such as tearing a sector, `storage/cuts.rs` plays.)
//! After each cut a newcomer reads everything, and those who were there come back, go on from where they were, and send
//! again what had no tick.
//!
//! So that it is known to find losses, the same is done first to servers that have a fault (`src/faults.rs`, so it has to be
//! built with the feature). Ends with 0 if each of those loses something and the other one nothing; else with 1 and a
//! sentence.

#[path = "../support/mod.rs"]
mod support;

mod disk;
mod people;
mod running;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Duration;

use disk::Disk;
use people::{Fault, People};
use running::Running;
use support::chance::Chance;

/// So often the power is cut before everything begins anew on an empty disk.
const CUTS_OF_A_DISK: usize = 5;

/// What a cut has to bring to light, and how many it may take.
const FAULTS: [&str; 2] = ["synchronous=NORMAL", "tick before commit"];
const CUTS_OF_A_FAULT: usize = 20;

fn main() -> ExitCode {
    let Some(server) = std::env::var_os("SNUG_POWER").map(PathBuf::from) else {
        println!("power: nothing done; .ci/power gives it a server and a place to mount");
        return ExitCode::SUCCESS;
    };
    let number = |name, usual| std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(usual);
    let (cuts, seed) = (number("SNUG_CUTS", 10), number("SNUG_SEED", 1));
    println!("seed {seed} (SNUG_SEED)");
    match run(&server, cuts as usize, Chance(seed)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            println!("power: {fault}");
            ExitCode::FAILURE
        }
    }
}

fn run(server: &Path, cuts: usize, mut chance: Chance) -> Result<(), String> {
    let place = std::env::var_os("SNUG_PLACE").map_or_else(std::env::temp_dir, PathBuf::from);
    let serve = |program: &Path, data: &Path| {
        let mut command = Command::new(program);
        command.arg("--data").arg(data).args(["--listen", "127.0.0.1:0", "--max-rate", "0"]);
        command
    };
    for fault in FAULTS {
        let faulty = |data: &Path| {
            let mut command = serve(Path::new(env!("CARGO_BIN_EXE_server")), data);
            command.env("SNUG_FAULT", fault);
            command
        };
        match (0..CUTS_OF_A_FAULT).find_map(|_| World::new(&place, &mut chance).live(1, &faulty).err()) {
            Some(Fault::Lost(what)) => println!("with the fault '{fault}' it is noticed: {what}"),
            Some(Fault::Wrong(what)) => return Err(format!("with the fault '{fault}': {what}")),
            None => {
                return Err(format!(
                    "with the fault '{fault}' nothing was lost, so these cuts prove nothing"
                ));
            }
        }
    }

    let sound = |data: &Path| serve(server, data);
    let (mut done, mut ticked, mut sent_again, mut were_there) = (0, 0, 0, 0);
    while done < cuts {
        let now = CUTS_OF_A_DISK.min(cuts - done);
        let mut world = World::new(&place, &mut chance);
        world.live(now, &sound).map_err(|fault| fault.to_string())?;
        done += now;
        ticked += world.people.ticked;
        sent_again += world.people.sent_again;
        were_there += world.people.were_there;
    }
    println!(
        "{done} cuts: {ticked} lines were ticked, and all are there, once, under their numbers and without holes; \
         {sent_again} had no tick and were sent again, of which {were_there} were there already"
    );
    Ok(())
}

/// A disk, and those who talk on a server that keeps its data there.
struct World<'a> {
    chance: &'a mut Chance,
    people: People,
    disk: Disk,
}

impl<'a> World<'a> {
    fn new(place: &Path, chance: &'a mut Chance) -> Self {
        Self { people: People::new(chance), disk: Disk::new(place), chance }
    }

    /// The power is cut so often; then everything is looked through.
    fn live(&mut self, cuts: usize, server: &impl Fn(&Path) -> Command) -> Result<(), Fault> {
        for _ in 0..cuts {
            let mut running = Running::start(&mut server(&self.disk.data()));
            // Once in a while the plug is pulled while it starts.
            if cuts > 1 && self.chance.one_in(8) {
                std::thread::sleep(Duration::from_millis(self.chance.below(40) as u64));
            } else {
                let address = running.listens();
                self.people.look_through(address)?;
                self.people.come_back(address);
                // From a few lines to more than a write-ahead log holds, so that it is moved in the middle of it.
                let most = *self.chance.pick(&[3, 40, 400, 1500]);
                self.people.talk(1 + self.chance.below(most), self.chance)?;
                // The last thing that was ticked has nothing behind it that would take it along to the disk.
                if self.chance.one_in(3) {
                    self.people.finish()?;
                }
            }
            running.stop();
            let copy = self.disk.copy();
            // Whatever was ticked until now had to be on the disk by now.
            self.people.hear_the_rest()?;
            self.people.go();
            running.kill();
            self.disk.become_copy(copy);
        }
        let mut running = Running::start(&mut server(&self.disk.data()));
        let address = running.listens();
        self.people.look_through(address)?;
        self.people.come_back(address);
        self.people.finish()?;
        self.people.look_through(address)
    }
}
