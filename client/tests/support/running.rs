//! A client in a pipe that goes on while the test looks at it.

use std::io::Read;
use std::os::fd::AsFd;
use std::process::{Child, Stdio};

use rustix::event::{PollFd, PollFlags, Timespec};

use super::{DEADLINE, client, wait_until};

/// A client that goes on until the test is over.
pub(crate) struct Running(pub(crate) Child);

impl Running {
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let mut command = client();
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Self(command.spawn().expect("the client starts"))
    }

    /// What it prints next.
    #[track_caller]
    pub(crate) fn lines(&mut self, count: usize) -> Vec<String> {
        let out = self.0.stdout.as_mut().expect("a pipe");
        (0..count).map(|_| line(out)).collect()
    }

    /// What it says next on stderr.
    #[track_caller]
    pub(crate) fn complaint(&mut self) -> String {
        line(self.0.stderr.as_mut().expect("a pipe"))
    }

    pub(crate) fn end(&mut self) -> (Option<i32>, String) {
        let mut status = None;
        wait_until("the client ends", || {
            status = self.0.try_wait().expect("our child");
            status.is_some()
        });
        let mut err = String::new();
        if let Some(stderr) = &mut self.0.stderr {
            stderr.read_to_string(&mut err).expect("text");
        }
        (status.and_then(|status| status.code()), err)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The next line. Byte by byte: what comes after it is for the next call.
#[track_caller]
fn line(from: &mut (impl Read + AsFd)) -> String {
    let mut line = Vec::new();
    let mut byte = [0];
    while line.last() != Some(&b'\n') {
        let timeout = Timespec { tv_sec: DEADLINE.as_secs() as i64, tv_nsec: 0 };
        let ready = rustix::event::poll(&mut [PollFd::new(&*from, PollFlags::IN)], Some(&timeout));
        let so_far = || String::from_utf8_lossy(&line).into_owned();
        assert_eq!(ready, Ok(1), "waited in vain for a line; so far {:?}", so_far());
        assert_eq!(from.read(&mut byte).expect("it can be read"), 1, "it has ended; so far {:?}", so_far());
        line.push(byte[0]);
    }
    String::from_utf8(line).expect("text").trim_end().to_owned()
}
