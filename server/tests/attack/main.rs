//! All attacks at once on one server, and honest people beside them. A program, not a test of the usual kind: it takes a
//! server that runs already, and `.ci/attack` gives it one that has little memory.
//!
//! ```text
//! SNUG_ATTACK=127.0.0.1:7684 SNUG_SECONDS=60 cargo test -p snug-server --test attack
//! ```
//!
//! The attackers are a process of their own, which the system puts behind everybody else (nice), so that the server and
//! the honest have the processor when they want it. Ends with 0 if each line that somebody honest said was confirmed, and
//! was seen once and in order by all the honest of its room; else with 1 and a sentence.

#[path = "../support/mod.rs"]
mod support;

mod crowd;
mod honest;

use std::net::SocketAddr;
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::Duration;

use support::peer::Peer;

/// Set for the process of the attackers.
const AS_ATTACKER: &str = "SNUG_ATTACKER";

fn main() -> ExitCode {
    let Ok(address) = std::env::var("SNUG_ATTACK") else {
        println!("attack: nothing done; .ci/attack starts a server for it");
        return ExitCode::SUCCESS;
    };
    let seconds = std::env::var("SNUG_SECONDS").ok().and_then(|seconds| seconds.parse().ok()).unwrap_or(60);
    let Ok(address) = address.parse() else {
        eprintln!("attack: SNUG_ATTACK has to be ADDR:PORT");
        return ExitCode::from(2);
    };
    if std::env::var_os(AS_ATTACKER).is_some() {
        crowd::attack(address);
        return ExitCode::SUCCESS;
    }
    match run(address, Duration::from_secs(seconds)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            println!("attack: {fault}");
            ExitCode::FAILURE
        }
    }
}

fn run(address: SocketAddr, time: Duration) -> Result<(), String> {
    let people = honest::People::come(address)?;
    let attackers = Attackers::start().map_err(|error| format!("cannot start the attackers: {error}"))?;
    let talk = people.talk(time);
    drop(attackers);
    let counters = counters(address);
    if let Ok(text) = &counters {
        println!("{text}");
    }
    let figures = talk?;
    counters.map_err(|error| format!("the server is not there any more: {error}"))?;
    println!("{figures}");
    Ok(())
}

struct Attackers(Child);

impl Attackers {
    fn start() -> std::io::Result<Self> {
        let mut nice = Command::new("nice");
        nice.args(["-n", "10"]).arg(std::env::current_exe()?).env(AS_ATTACKER, "1");
        nice.stdin(Stdio::piped()).spawn().map(Self)
    }
}

impl Drop for Attackers {
    fn drop(&mut self) {
        // They end with their input, also if this process is killed.
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

/// What the server has counted, but for what it has not: proof that the attacks came through. As soon as there is a place
/// for somebody who asks.
fn counters(address: SocketAddr) -> std::io::Result<String> {
    let begun = std::time::Instant::now();
    loop {
        let asked = Peer::dial(address).and_then(|mut peer| {
            peer.send(b"GET /metrics HTTP/1.1\r\nHost: board\r\n\r\n")?;
            let head = peer.head()?;
            let mut text = String::new();
            std::io::Read::read_to_string(&mut peer.stream, &mut text)?;
            Ok((head, peer.rest() + &text))
        });
        match asked {
            Ok((head, text)) if head.contains(" 200 ") => return Ok(summary(&text)),
            Err(error) if begun.elapsed() > support::PATIENCE => return Err(error),
            Ok((head, _)) if begun.elapsed() > support::PATIENCE => return Err(std::io::Error::other(head)),
            // Full, or cut off with the rest of the queue.
            _ => std::thread::sleep(Duration::from_millis(50)),
        }
    }
}

fn summary(metrics: &str) -> String {
    let tells = |line: &&str| {
        let is_told =
            ["hangups", "turned_away", "refused", "refusals", "pauses", "lag", "frames", "received", "sent"];
        !line.starts_with('#') && !line.ends_with(" 0") && is_told.iter().any(|name| line.contains(name))
    };
    metrics.lines().filter(tells).map(|line| format!("  {line}\n")).collect()
}
