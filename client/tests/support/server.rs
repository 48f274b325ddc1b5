//! The real server, as a process of its own. Must not know how it is built: its program is asked for, as any user does.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};

use protocol::chat::event::Event;
use protocol::chat::wire;
use rustix::process::{Pid, Signal};
use tungstenite::Message;
use tungstenite::client::IntoClientRequest;
use tungstenite::http::HeaderValue;

use super::{DEADLINE, wait_until};

/// A server that lives as long as this value.
pub(crate) struct Server {
    child: Child,
    /// Kept, so that it does not write into nothing.
    _output: BufReader<ChildStdout>,
    /// As `--server` wants it.
    pub(crate) address: String,
}

impl Server {
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Starts it at `ADDR:PORT` or `unix:PATH`; it keeps things in memory.
    pub(crate) fn start(place: &str) -> Self {
        Self::run(place, &["--memory".as_ref()])
    }

    /// The same, with words of the test's own, which win.
    pub(crate) fn start_with(place: &str, flags: &[&str]) -> Self {
        let flags: Vec<&OsStr> = ["--memory"].iter().chain(flags).map(OsStr::new).collect();
        Self::run(place, &flags)
    }

    /// The same, on a disk.
    pub(crate) fn start_in(folder: &Path, place: &str) -> Self {
        Self::run(place, &["--data".as_ref(), folder.as_os_str()])
    }

    fn run(place: &str, flags: &[&OsStr]) -> Self {
        let mut command = Command::new(program());
        command.env_clear().args(["--max-rate", "0", "--max-connections-per-address", "0"]).args(flags);
        command.args(["--listen", place]).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().expect("it starts");
        let mut output = BufReader::new(child.stdout.take().expect("a pipe"));
        let mut seen = String::new();
        let address = loop {
            let mut line = String::new();
            assert!(output.read_line(&mut line).expect("text") > 0, "it does not listen: {seen}");
            seen.push_str(&line);
            if let Some((_, address)) = line.split_once("Listening at ") {
                break address.trim().to_owned();
            }
        };
        Self { child, _output: output, address }
    }

    /// What stands in the log of a room, `NICK: TEXT`, as somebody reads it who comes late. The numbers have no hole.
    pub(crate) fn said(&self, room: &str) -> Vec<String> {
        let mut request = "ws://localhost/ws".into_client_request().expect("a URL");
        request.headers_mut().insert("Sec-WebSocket-Protocol", HeaderValue::from_static("snug.v1"));
        let (mut socket, _) =
            tungstenite::client(request, Both::connect(&self.address)).expect("a handshake");
        let mut say = |text: String| socket.send(Message::text(text)).expect("it is heard");
        say(r#"{"type":"hello"}"#.into());
        say(format!(r#"{{"type":"join","room":"{room}","last":1000}}"#));
        let (mut said, mut first, mut end) = (Vec::new(), 0, None);
        while end != Some(first + said.len() as u64) {
            let Message::Text(text) = socket.read().expect("it goes on") else { continue };
            match wire::read_event(&text).expect("an event") {
                Event::Joined(joined) => {
                    first = joined.first;
                    end = Some(if joined.last == 0 { first } else { joined.last + 1 });
                }
                Event::Message(message) => {
                    assert_eq!(message.entry.seq, first + said.len() as u64, "a hole in the log");
                    said.push(format!("{}: {}", message.entry.nick, message.entry.text));
                }
                _ => {}
            }
        }
        said
    }

    pub(crate) fn signal(&self, signal: Signal) {
        rustix::process::kill_process(Pid::from_child(&self.child), signal).expect("it runs");
    }

    /// Waits until it has ended by itself.
    pub(crate) fn wait(&mut self) {
        wait_until("the server ends", || self.child.try_wait().expect("our child").is_some());
    }

    /// Ends it without a word, as `kill -9` and a power cut do.
    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("our child");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The server's program beside the client's. Cargo builds only the programs of the package whose tests it runs.
fn program() -> &'static Path {
    static PROGRAM: LazyLock<PathBuf> = LazyLock::new(|| {
        let client = Path::new(env!("CARGO_BIN_EXE_client"));
        let directory = client.parent().expect("a directory");
        let mut build = Command::new(env!("CARGO"));
        build.args(["build", "--quiet", "--package", "snug-server", "--bin", "server"]);
        if directory.ends_with("release") {
            build.arg("--release");
        }
        build.arg("--target-dir").arg(directory.parent().expect("a directory"));
        assert!(build.status().expect("cargo runs").success(), "the server cannot be built");
        directory.join("server")
    });
    &PROGRAM
}

/// A connection of either sort, for a test that only waits.
enum Both {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Both {
    fn connect(address: &str) -> Self {
        match address.strip_prefix("unix:") {
            Some(path) => {
                let stream = UnixStream::connect(path).expect("it listens");
                stream.set_read_timeout(Some(DEADLINE)).expect("a timeout");
                Self::Unix(stream)
            }
            None => {
                let stream = TcpStream::connect(address).expect("it listens");
                stream.set_read_timeout(Some(DEADLINE)).expect("a timeout");
                Self::Tcp(stream)
            }
        }
    }
}

impl Read for Both {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.read(buffer),
            Self::Unix(stream) => stream.read(buffer),
        }
    }
}

impl Write for Both {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.write(bytes),
            Self::Unix(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// A directory of the test's own, gone with it. Its path is short, since that of a socket has to be.
pub(crate) struct Directory(PathBuf);

impl Directory {
    pub(crate) fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("snug-{}-{number}", std::process::id()));
        std::fs::create_dir(&path).expect("a directory");
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
