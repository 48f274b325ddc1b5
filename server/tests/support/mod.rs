//! A real server and real clients, for the end-to-end tests. The clients are tungstenite's: another implementation
//! of the WebSocket than the server's own.
//!
//! No test here asserts how long something takes. Where something must *not* come, the test asks for something else
//! that would have come after it.
#![allow(dead_code)] // every test file uses another part of it

pub(crate) mod attention;
pub(crate) mod chance;
pub(crate) mod chaos;
pub(crate) mod crowd;
pub(crate) mod disk;
pub(crate) mod folder;
pub(crate) mod here;
pub(crate) mod honest;
pub(crate) mod mount;
pub(crate) mod peer;
pub(crate) mod process;
pub(crate) mod scrape;
pub(crate) mod trace;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use serde_json::Value;
use tungstenite::client::IntoClientRequest;
use tungstenite::protocol::{CloseFrame, WebSocketConfig};
use tungstenite::{Message, WebSocket};

/// So long a test waits for what must come. Far longer than it takes; only a failing test waits it out.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A server process of the test's own, ended with the test.
pub(crate) struct Server {
    child: Child,
    stdout: BufReader<ChildStdout>,
    log: PathBuf,
    pub(crate) address: SocketAddr,
    pub(crate) greeting: String,
}

impl Server {
    /// At a port of the kernel's choice.
    pub(crate) fn start(flags: &[&str]) -> Self {
        Self::start_at("127.0.0.1:0", flags)
    }

    pub(crate) fn start_at(place: &str, flags: &[&str]) -> Self {
        Self::run(Command::new(env!("CARGO_BIN_EXE_server")).args(["--listen", place]).args(flags))
    }

    /// With so many file descriptors and no more.
    pub(crate) fn start_with_files(files: u32, flags: &[&str]) -> Self {
        let script = format!("ulimit -n {files}; exec \"$0\" \"$@\"");
        let place = ["--listen", "127.0.0.1:0"];
        Self::run(
            Command::new("sh")
                .arg("-c")
                .arg(script)
                .arg(env!("CARGO_BIN_EXE_server"))
                .args(place)
                .args(flags),
        )
    }

    /// By another program, which becomes it.
    pub(crate) fn start_by(program: &mut Command, flags: &[&str]) -> Self {
        Self::run(program.arg(env!("CARGO_BIN_EXE_server")).args(["--listen", "127.0.0.1:0"]).args(flags))
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// With words of the test's own; in memory, unless they say where.
    pub(crate) fn run(command: &mut Command) -> Self {
        if !command.get_args().any(|argument| argument == "--data") {
            command.arg("--memory");
        }
        // A pipe that nobody reads would make the server wait, so its log goes to a file.
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let log =
            PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{}-{number}.log", std::process::id()));
        let file = std::fs::File::create(&log).expect("a file for the log");
        let mut child = command.stdout(Stdio::piped()).stderr(file).spawn().expect("the server starts");
        let mut stdout = BufReader::new(child.stdout.take().expect("its output is ours"));
        let mut greeting = String::new();
        let address = loop {
            let mut line = String::new();
            assert!(stdout.read_line(&mut line).expect("it speaks") > 0, "it ended: {greeting}");
            greeting.push_str(&line);
            if let Some(address) = line.strip_prefix("Listening at ") {
                break address.trim().parse().expect("it says where it listens");
            }
        };
        Self { child, stdout, log, address, greeting }
    }

    /// A plain client in a room, who has been greeted.
    pub(crate) fn plain(&self, nick: &str, room: &str) -> Client {
        let mut client = self.connect(&format!("/ws/{room}?nick={nick}&ack=1"), None);
        client.expect(&format!("* you are in {room}"));
        client
    }

    /// A `snug.v1` client that has said hello and nothing else.
    pub(crate) fn v1(&self, nick: &str) -> Client {
        Client::v1(self.address, nick)
    }

    /// A `snug.v1` client in a room.
    pub(crate) fn v1_in(&self, nick: &str, room: &str) -> Client {
        Client::v1_in(self.address, nick, room)
    }

    pub(crate) fn connect(&self, path: &str, protocol: Option<&str>) -> Client {
        Client::connect(self.address, path, protocol)
    }

    pub(crate) fn tcp(&self) -> TcpStream {
        tcp(self.address)
    }

    /// Sends bytes as they are and reads all that comes until the server hangs up.
    pub(crate) fn raw(&self, request: impl AsRef<[u8]>) -> String {
        raw(self.address, request.as_ref())
    }

    pub(crate) fn signal(&self, signal: rustix::process::Signal) {
        let pid =
            i32::try_from(self.child.id()).ok().and_then(rustix::process::Pid::from_raw).expect("a pid");
        rustix::process::kill_process(pid, signal).expect("it lives");
    }

    /// What it has logged so far.
    pub(crate) fn log(&self) -> String {
        String::from_utf8(std::fs::read(&self.log).expect("its log is there")).expect("UTF-8")
    }

    /// Waits for its end; the exit code and what it logged.
    pub(crate) fn wait(mut self) -> (Option<i32>, String) {
        let code = self.child.wait().expect("it ends").code();
        (code, self.log())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already, which is what we want.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_file(&self.log);
    }
}

pub(crate) struct Client {
    pub(crate) socket: WebSocket<TcpStream>,
}

impl Client {
    /// A `snug.v1` client that has said hello and nothing else.
    pub(crate) fn v1(address: SocketAddr, nick: &str) -> Self {
        let mut client = Self::connect(address, "/ws", Some("snug.v1"));
        client.say(&format!(r#"{{"type":"hello","id":"h","nick":"{nick}"}}"#));
        client.event("welcome");
        client
    }

    /// A `snug.v1` client in a room.
    pub(crate) fn v1_in(address: SocketAddr, nick: &str, room: &str) -> Self {
        let mut client = Self::v1(address, nick);
        client.say(&format!(r#"{{"type":"join","id":"j","room":"{room}"}}"#));
        client.event("joined");
        client
    }

    pub(crate) fn connect(address: SocketAddr, path: &str, protocol: Option<&str>) -> Self {
        let mut request = format!("ws://{address}{path}").into_client_request().expect("a good URL");
        if let Some(protocol) = protocol {
            request.headers_mut().insert("Sec-WebSocket-Protocol", protocol.parse().expect("a token"));
        }
        let config = WebSocketConfig::default().read_buffer_size(4096).write_buffer_size(0);
        let (socket, response) = tungstenite::client::client_with_config(request, tcp(address), Some(config))
            .expect("a handshake");
        let chosen =
            response.headers().get("Sec-WebSocket-Protocol").map(|name| name.to_str().expect("ASCII"));
        assert_eq!(chosen, protocol, "the server takes the dialect it was asked for");
        Self { socket }
    }

    pub(crate) fn say(&mut self, text: &str) {
        self.socket.send(Message::text(text)).expect("it is sent");
    }

    /// The next text message. Pings and pongs are passed over.
    pub(crate) fn next(&mut self) -> String {
        let begun = std::time::Instant::now();
        loop {
            match self.socket.read().expect("a message comes") {
                Message::Text(text) => return text.to_string(),
                Message::Ping(_) | Message::Pong(_) => {
                    assert!(begun.elapsed() < PATIENCE, "nothing comes but pings");
                }
                other => panic!("not text: {other:?}"),
            }
        }
    }

    /// The next message must begin like this.
    pub(crate) fn expect(&mut self, beginning: &str) -> String {
        let next = self.next();
        assert!(next.starts_with(beginning), "expected {beginning:?}, got {next:?}");
        next
    }

    /// The next line but notices of who comes and goes, which may come at any time.
    pub(crate) fn line(&mut self) -> String {
        loop {
            let next = self.next();
            if !(next.starts_with("* ") && (next.ends_with(" entered") || next.ends_with(" left"))) {
                return next;
            }
        }
    }

    /// The next event but presence, which may come at any time. It must be of this type.
    pub(crate) fn event(&mut self, kind: &str) -> Value {
        loop {
            let text = self.next();
            let value: Value = serde_json::from_str(&text).expect("JSON");
            if value["type"] == "presence" && kind != "presence" {
                continue;
            }
            assert_eq!(value["type"], kind, "{text}");
            return value;
        }
    }

    /// Reads to the end; how the server closed.
    pub(crate) fn close_frame(&mut self) -> Option<CloseFrame> {
        loop {
            match self.socket.read() {
                Ok(Message::Close(frame)) => return frame,
                Ok(_) => {}
                Err(error) => panic!("no close frame, but {error}"),
            }
        }
    }

    /// The code the server closed with.
    pub(crate) fn closed_with(&mut self) -> u16 {
        self.close_frame().map_or(1005, |frame| frame.code.into())
    }
}

fn tcp(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).expect("it accepts");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    stream
}

/// Sends bytes as they are and reads all that comes until the server hangs up.
fn raw(address: SocketAddr, request: &[u8]) -> String {
    let mut stream = tcp(address);
    stream.write_all(request).expect("it reads");
    let mut answer = Vec::new();
    // A reset after the answer is as good an end as any.
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

/// Waits until something holds. Only a failing test waits long.
pub(crate) fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = std::time::Instant::now();
    while !holds() {
        assert!(begun.elapsed() < PATIENCE, "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Waits until a figure is the same for a moment, and says which it is: news of who came are told a little later.
pub(crate) fn settled<T: PartialEq + std::fmt::Debug>(mut figure: impl FnMut() -> T) -> T {
    let mut before = figure();
    for _ in 0..40 {
        std::thread::sleep(Duration::from_millis(500));
        let now = figure();
        if now == before {
            return now;
        }
        before = now;
    }
    panic!("it never settles: {before:?}");
}

/// The bytes of a good upgrade request.
pub(crate) fn upgrade_request(path: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\nHost: board\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
}
