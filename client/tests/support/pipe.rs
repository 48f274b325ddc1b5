//! A client among programs: its input, output and complaints are pipes or files.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::SocketAddr;
use std::process::{ChildStdout, Command, Stdio};
use std::sync::mpsc::{self, Receiver};

use super::{PATIENCE, Process, undisturbed};

/// A client that runs.
pub(crate) struct Client {
    process: Process,
    stdout: Option<Receiver<String>>,
}

/// How it ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// What a program should end like that does its work without a word.
pub(crate) fn silent_success() -> Ended {
    Ended { code: Some(0), stdout: String::new(), stderr: String::new() }
}

impl Ended {
    pub(crate) fn with_stdout(self, stdout: &str) -> Self {
        Self { stdout: stdout.into(), ..self }
    }
}

/// What a program should end like that could not do its work, and says why in these lines.
pub(crate) fn failure(code: i32, stderr: &str) -> Ended {
    Ended { code: Some(code), stdout: String::new(), stderr: stderr.into() }
}

impl Client {
    /// `client ARGUMENTS`, its input a pipe that is still open.
    pub(crate) fn start(server: SocketAddr, arguments: &[&str]) -> Self {
        Self::run(Stdio::piped(), ["--server", &server.to_string()].iter().chain(arguments))
    }

    /// `printf INPUT | client ARGUMENTS`
    pub(crate) fn fed(server: SocketAddr, arguments: &[&str], input: impl AsRef<[u8]>) -> Self {
        let mut client = Self::start(server, arguments);
        client.writes(input);
        client.ends_input();
        client
    }

    /// `client ARGUMENTS < FILE`
    pub(crate) fn reading(server: SocketAddr, arguments: &[&str], file: File) -> Self {
        Self::run(file.into(), ["--server", &server.to_string()].iter().chain(arguments))
    }

    pub(crate) fn run(input: Stdio, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_client"));
        undisturbed(&mut command).args(arguments);
        let child = command.stdin(input).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        Self { process: Process(child.expect("the client starts")), stdout: None }
    }

    pub(crate) fn writes(&mut self, bytes: impl AsRef<[u8]>) {
        let stdin = self.process.0.stdin.as_mut().expect("its input is open");
        stdin.write_all(bytes.as_ref()).expect("it reads");
    }

    pub(crate) fn ends_input(&mut self) {
        drop(self.process.0.stdin.take().expect("its input is open"));
    }

    /// The next line it prints.
    pub(crate) fn prints(&mut self) -> String {
        let stdout = self
            .stdout
            .get_or_insert_with(|| lines(self.process.0.stdout.take().expect("its output is ours")));
        stdout.recv_timeout(PATIENCE).expect("it prints a line")
    }

    /// Nobody reads its output any more.
    pub(crate) fn closes_output(&mut self) {
        drop(self.process.0.stdout.take().expect("its output is ours"));
    }

    pub(crate) fn signal(&self, signal: rustix::process::Signal) {
        self.process.signal(signal);
    }

    /// Waits for its end. What was taken with [`Client::prints`] is not in it.
    pub(crate) fn ends(mut self) -> Ended {
        let code = self.process.ends(|| {});
        let mut stdout = String::new();
        if let Some(mut output) = self.process.0.stdout.take() {
            output.read_to_string(&mut stdout).expect("UTF-8");
        }
        for line in self.stdout.iter().flat_map(Receiver::iter) {
            stdout.push_str(&line);
            stdout.push('\n');
        }
        let mut stderr = String::new();
        self.process
            .0
            .stderr
            .take()
            .expect("its complaints are ours")
            .read_to_string(&mut stderr)
            .expect("UTF-8");
        Ended { code, stdout, stderr }
    }
}

/// Reads lines in a thread of its own, so that a test need not wait for ever for one that does not come.
fn lines(output: ChildStdout) -> Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        for line in BufReader::new(output).lines() {
            if sender.send(line.expect("UTF-8")).is_err() {
                return;
            }
        }
    });
    receiver
}
