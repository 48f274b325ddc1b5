//! What the tests of the whole client share: a server, a terminal, and the client itself.

#![allow(dead_code, reason = "each test program uses its own part")]

pub(crate) mod board;
pub(crate) mod proxy;
pub(crate) mod pty;
pub(crate) mod running;
pub(crate) mod server;
pub(crate) mod wire;

use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use tungstenite::handshake::server::{Request as Head, Response};
use tungstenite::{Error, WebSocket};

/// Longer than anything takes on the slowest machine; only a test that fails waits so long.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

/// Waits until `condition` holds.
pub(crate) fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < DEADLINE, "waited in vain: {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// The client, with nothing of this machine's environment, and nothing that an earlier one has left behind.
pub(crate) fn client() -> Command {
    client_at(&fresh_state())
}

/// A folder for a client's state that is not there yet. What a test leaves behind goes when it is run again.
pub(crate) fn fresh_state() -> PathBuf {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let name = format!("{}-{}", env!("CARGO_CRATE_NAME"), NUMBER.fetch_add(1, Ordering::Relaxed));
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_dir_all(&path);
    path
}

/// The client of somebody whose state is kept there.
pub(crate) fn client_at(state: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_client"));
    command.env_clear().env("TERM", "xterm").env("XDG_STATE_HOME", state);
    command
}

/// What came of running the client in a pipe.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl From<Output> for Run {
    fn from(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).expect("the client writes UTF-8");
        Self { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }
}

/// Runs the client in a pipe until it ends; `input` is all it gets to read.
pub(crate) fn pipe(arguments: &[&str], input: &[u8]) -> Run {
    pipe_at(&fresh_state(), arguments, input)
}

/// The same for somebody whose state is kept there.
pub(crate) fn pipe_at(state: &Path, arguments: &[&str], input: &[u8]) -> Run {
    let mut command = client_at(state);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the client starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    let input = input.to_owned();
    // It may end before it has read everything.
    thread::spawn(move || std::io::Write::write_all(&mut stdin, &input));
    child.wait_with_output().expect("the client ends").into()
}

/// The server's side of the handshake.
#[allow(clippy::result_large_err, reason = "the shape of tungstenite's callback")]
pub(crate) fn accept(stream: TcpStream) -> Result<WebSocket<TcpStream>, Error> {
    let answer = |head: &Head, mut response: Response| {
        if let Some(wanted) = head.headers().get("Sec-WebSocket-Protocol") {
            response.headers_mut().insert("Sec-WebSocket-Protocol", wanted.clone());
        }
        Ok(response)
    };
    tungstenite::accept_hdr(stream, answer).map_err(|_| Error::ConnectionClosed)
}
