//! A server process that can be stopped in the middle of anything. Must not know what it keeps, or where.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use crate::support::process::stop;

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
        stop(self.0.id());
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
