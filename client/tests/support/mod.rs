//! What the client's tests are made of: a server that says what the test wants ([`server`]), a client whose lines come
//! from a pipe ([`pipe`]) and one in a terminal ([`terminal`]).
//!
//! The server is played by the test itself, in its own thread: it has the same story in its hands from both ends, and
//! nothing depends on who is faster. Where something must *not* come, the test makes something else come after it.
#![allow(dead_code)] // every test file uses another part of it

pub(crate) mod pipe;
pub(crate) mod server;
pub(crate) mod terminal;

use std::process::{Child, Command};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};

/// So long a test waits for what must come. Far longer than it takes; only a failing test waits it out.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// Has a command forget what the environment of the tests would tell the client.
pub(crate) fn undisturbed(command: &mut Command) -> &mut Command {
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("SNUG_")) {
        command.env_remove(name);
    }
    command.env("TERM", "xterm")
}

/// Asks until there is an answer.
pub(crate) fn patiently<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(began.elapsed() < PATIENCE, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A process of the test's own, ended with the test.
pub(crate) struct Process(pub(crate) Child);

impl Process {
    pub(crate) fn signal(&self, signal: Signal) {
        rustix::process::kill_process(self.pid(), signal).expect("it lives");
    }

    pub(crate) fn pid(&self) -> Pid {
        i32::try_from(self.0.id()).ok().and_then(Pid::from_raw).expect("a process id")
    }

    /// Waits for the end, looking at something meanwhile; the exit code.
    pub(crate) fn ends(&mut self, mut meanwhile: impl FnMut()) -> Option<i32> {
        let status = patiently("for the client to end", || {
            meanwhile();
            self.0.try_wait().expect("it is our child")
        });
        status.code()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already, which is what we want.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
