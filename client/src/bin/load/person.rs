//! One connection: its socket, its handshake, its frames both ways. Must not know what lines mean, or who else is there.
//!
//! It is not the client's link (tungstenite): a hundred thousand lines a second are to cost less here than in the
//! server, so one buffer serves all, nothing is allocated for a line, and frames are the protocol crate's own.

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use mio::net::TcpStream;
use protocol::ws::{Decoder, Role, Rules, Step};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, sockopt};

use crate::fault::Fault;

/// What is taken from a server. A page of the past may have 64 KiB; a peer may send what it likes.
const RULES: Rules = Rules { role: Role::Client, message: 16 << 20, fragments: 1 << 20 };

/// The longest answer to a handshake that is read.
const MAX_HEAD: usize = 16 * 1024;

/// The sample key of RFC 6455 section 1.3 for all, and so the sample answer. A key guards against servers that answer
/// by accident, and against caches; it is no secret.
pub(crate) const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// How far a connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// Nothing has been sent yet.
    Connecting,
    /// The request is sent.
    Shaking,
    /// Frames may be sent.
    Open,
    /// It is over.
    Gone,
}

/// See the module's head.
#[derive(Debug)]
pub(crate) struct Person {
    /// None when it is over.
    stream: Option<TcpStream>,
    pub(crate) state: State,
    /// Whether it is in its room.
    pub(crate) is_in: bool,
    decoder: Decoder,
    /// The beginning of the answer to the handshake.
    head: Vec<u8>,
    /// What the kernel has not taken yet.
    unsent: Vec<u8>,
}

/// What one look at a connection has brought.
#[derive(Debug)]
pub(crate) enum Heard<'b> {
    /// The upgrade.
    Open,
    /// A text.
    Text(&'b str),
    /// A ping, to be answered.
    Ping(&'b [u8]),
    /// The end.
    Gone,
}

impl Person {
    /// Begins to connect, from an address of this machine's own if one is given.
    pub(crate) fn dial(to: SocketAddr, from: Option<Ipv4Addr>) -> io::Result<Self> {
        let family = if to.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let socket = rustix::net::socket_with(family, SocketType::STREAM, flags, None)?;
        // A line is to leave when it is said, not when the one before it was acknowledged (Nagle).
        sockopt::set_tcp_nodelay(&socket, true)?;
        if let Some(from) = from {
            // Else a port would be ours for a minute more after it was used (TIME_WAIT).
            sockopt::set_socket_reuseaddr(&socket, true)?;
            rustix::net::bind(&socket, &SocketAddr::new(IpAddr::V4(from), 0))?;
        }
        match rustix::net::connect(&socket, &to) {
            Ok(()) | Err(Errno::INPROGRESS) => {}
            Err(error) => return Err(error.into()),
        }
        let stream = Some(TcpStream::from_std(socket.into()));
        Ok(Self { stream, state: State::Connecting, ..Self::nobody() })
    }

    /// A place that nobody has.
    pub(crate) fn nobody() -> Self {
        Self {
            stream: None,
            state: State::Gone,
            is_in: false,
            decoder: Decoder::new(),
            head: Vec::new(),
            unsent: Vec::new(),
        }
    }

    pub(crate) fn stream(&mut self) -> Option<&mut TcpStream> {
        self.stream.as_mut()
    }

    /// Ends the connection.
    pub(crate) fn leave(&mut self) {
        *self = Self::nobody();
    }

    /// The socket may be written to: it is connected, or has room again.
    pub(crate) fn writable(&mut self, request: impl FnOnce() -> Vec<u8>) -> io::Result<()> {
        let Some(stream) = &mut self.stream else { return Ok(()) };
        if self.state == State::Connecting {
            if let Some(error) = stream.take_error()? {
                return Err(error);
            }
            if stream.peer_addr().is_err() {
                return Ok(()); // not yet
            }
            self.state = State::Shaking;
            self.unsent = request();
        }
        if self.unsent.is_empty() {
            return Ok(());
        }
        let waiting = std::mem::take(&mut self.unsent);
        self.send(&waiting)
    }

    /// Sends, and keeps what the kernel does not take.
    pub(crate) fn send(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        let Some(stream) = &mut self.stream else { return Ok(()) };
        while self.unsent.is_empty() && !bytes.is_empty() {
            match stream.write(bytes) {
                Ok(count) => bytes = bytes.get(count..).unwrap_or_default(),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        self.unsent.extend_from_slice(bytes);
        Ok(())
    }

    /// Reads all there is, and hands on what it means. `is_ending` says that the server has ended its side: then the
    /// end is read too, for nobody tells of it again. Returns how many bytes came.
    pub(crate) fn read(
        &mut self,
        buffer: &mut [u8],
        is_ending: bool,
        hear: &mut impl FnMut(Heard<'_>),
        subprotocol: Option<&str>,
    ) -> Result<u64, Fault> {
        let mut came = 0;
        loop {
            let Some(stream) = &mut self.stream else { return Ok(came) };
            let room = buffer.len();
            let count = match stream.read(buffer) {
                Ok(0) => break,
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(came),
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(_) => break,
            };
            came += count as u64;
            let bytes = buffer.get_mut(..count).unwrap_or_default();
            if !self.take(bytes, hear, subprotocol)? {
                break;
            }
            // A stream that gave less than was asked for has no more (epoll(7), question 9).
            if count < room && !is_ending {
                return Ok(came);
            }
        }
        let was_connected = self.state != State::Connecting;
        self.leave();
        if was_connected {
            hear(Heard::Gone);
        }
        Ok(came)
    }

    /// Takes in what came; false if it was the end.
    fn take(
        &mut self,
        bytes: &mut [u8],
        hear: &mut impl FnMut(Heard<'_>),
        subprotocol: Option<&str>,
    ) -> Result<bool, Fault> {
        if self.state == State::Open {
            return self.take_frames(bytes, hear);
        }
        self.head.extend_from_slice(bytes);
        let Some(end) = self.head.windows(4).position(|bytes| bytes == b"\r\n\r\n") else {
            return match self.head.len() {
                0..MAX_HEAD => Ok(true),
                _ => Err(Fault::Broken("the answer to the handshake does not end".into())),
            };
        };
        let mut head = std::mem::take(&mut self.head);
        let (head, rest) = head.split_at_mut(end + 4);
        judge(head, rest, subprotocol)?;
        self.state = State::Open;
        hear(Heard::Open);
        self.take_frames(rest, hear)
    }

    fn take_frames(&mut self, bytes: &mut [u8], hear: &mut impl FnMut(Heard<'_>)) -> Result<bool, Fault> {
        let mut rest = bytes;
        while let Some(step) =
            self.decoder.next(&RULES, &mut rest).map_err(|rule| Fault::Broken(rule.to_string()))?
        {
            match step {
                Step::Text(text) => hear(Heard::Text(&text)),
                Step::Ping(bytes) => hear(Heard::Ping(&bytes)),
                Step::Close(_) => return Ok(false),
                Step::Binary(_) | Step::Pong(_) => {}
            }
        }
        Ok(true)
    }
}

/// Judges the answer to the handshake, as far as a server could get it wrong that is worth measuring.
fn judge(head: &[u8], rest: &[u8], subprotocol: Option<&str>) -> Result<(), Fault> {
    let head = String::from_utf8_lossy(head);
    let status = head.lines().next().unwrap_or_default().to_owned();
    let said =
        || String::from_utf8_lossy(rest).lines().next().unwrap_or_default().chars().take(200).collect();
    match status.split(' ').nth(1) {
        Some("101") => {}
        // How many are in and where they came from is put in by who knows.
        Some("503") => return Err(Fault::Full { inside: 0, sources: 0, said: said() }),
        _ => return Err(Fault::Refused { status, said: said() }),
    }
    let value = |wanted: &str| {
        let mut headers = head.lines().skip(1).filter_map(|line| line.split_once(':'));
        headers.find(|(name, _)| name.eq_ignore_ascii_case(wanted)).map(|(_, value)| value.trim())
    };
    if value("Sec-WebSocket-Accept") != Some(ACCEPT) {
        return Err(Fault::Broken("its answer to the handshake does not fit the key".into()));
    }
    match subprotocol {
        Some(wanted) if value("Sec-WebSocket-Protocol") != Some(wanted) => Err(Fault::NotSnug),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(head: &str, body: &str) -> String {
        match judge(head.as_bytes(), body.as_bytes(), Some("snug.v1")) {
            Ok(()) => "well".into(),
            Err(fault) => fault.to_string(),
        }
    }

    #[test]
    fn answers_to_the_handshake() {
        let good = "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\n\
                    sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSEC-WEBSOCKET-PROTOCOL: snug.v1\r\n\r\n";
        assert_eq!(judged(good, ""), "well");
        let other_key = good.replace("s3pP", "S3pP");
        assert!(judged(&other_key, "").contains("does not fit the key"));
        let other = good.replace("snug.v1", "chat");
        assert!(judged(&other, "").contains("does not speak snug.v1"));
        assert_eq!(
            judged("HTTP/1.1 404 Not Found\r\n\r\n", "there is nothing at this path\n"),
            "the server answers \"HTTP/1.1 404 Not Found\" instead of a WebSocket (\"there is nothing at this path\"); \
             check the path in --url"
        );
        let full = judge(b"HTTP/1.1 503 Service Unavailable\r\n\r\n", b"the server is full\n", None);
        assert!(matches!(full, Err(Fault::Full { said, .. }) if said == "the server is full"));
    }
}
