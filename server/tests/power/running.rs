//! A server process that can be stopped in the middle of anything. Must not know what it keeps, or where.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use crate::support::until;

/// Killed when it is dropped.
pub(crate) struct Running(Child);

impl Running {
    pub(crate) fn start(command: &mut Command) -> Self {
        Self(command.stdout(Stdio::piped()).spawn().expect("the server starts"))
    }

    /// Waits until it says where it listens.
    pub(crate) fn listens(&mut self) -> SocketAddr {
        let stdout = self.0.stdout.take().expect("its output is ours");
        let mut said = String::new();
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            if let Some(address) = line.strip_prefix("Listening at ") {
                return address.trim().parse().expect("an address");
            }
            said.push_str(&line);
        }
        panic!("the server ended: {said}");
    }

    /// Stops it where it is. It may be just before its end or just after it, if it cannot start.
    pub(crate) fn stop(&self) {
        let pid = i32::try_from(self.0.id()).ok().and_then(Pid::from_raw).expect("a pid");
        kill_process(pid, Signal::STOP).expect("it is our child");
        // A thread that waits for the disk stops when that has answered.
        until("all its threads have stopped", || {
            let tasks = fs::read_dir(format!("/proc/{}/task", self.0.id())).expect("it is our child");
            tasks.flatten().all(|task| {
                let stat = fs::read_to_string(task.path().join("stat")).unwrap_or_default();
                // The name in parentheses may have spaces; the state follows it.
                stat.rsplit(") ").next().is_some_and(|rest| rest.starts_with(['T', 'Z']))
            })
        });
    }

    pub(crate) fn kill(self) {
        drop(self);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
