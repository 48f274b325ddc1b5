//! One connection: its socket, its handshake, its frames both ways. Must not know what lines mean, or who else is there.
//!
//! It is not the client's link (tungstenite): a hundred thousand lines a second are to cost less here than in the
//! server, so one buffer serves all, nothing is allocated for a line, and frames are the protocol crate's own.

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, SocketAddrV4};

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
    /// That it is full, in the server's words; the end follows.
    Full(&'b str),
    /// A text. It is UTF-8, unless a server breaks the rules.
    Text(&'b [u8]),
    /// A ping, to be answered.
    Ping(&'b [u8]),
    /// The end.
    Gone,
}

impl Person {
    /// Begins to connect; from an address and port of this machine's own, if they are given.
    pub(crate) fn dial(to: SocketAddr, from: Option<SocketAddrV4>) -> io::Result<Self> {
        let family = if to.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let socket = rustix::net::socket_with(family, SocketType::STREAM, flags, None)?;
        // A line is to leave when it is said, not when the one before it was acknowledged (Nagle).
        sockopt::set_tcp_nodelay(&socket, true)?;
        if let Some(from) = from {
            // Else a port would not be had for a minute after it was used (TIME_WAIT).
            sockopt::set_socket_reuseaddr(&socket, true)?;
            rustix::net::bind(&socket, &from)?;
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
        self.leave();
        hear(Heard::Gone);
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
        if let Some(said) = judge(head, rest, subprotocol)? {
            hear(Heard::Full(&said));
            return Ok(false);
        }
        self.state = State::Open;
        hear(Heard::Open);
        self.take_frames(rest, hear)
    }

    fn take_frames(&mut self, bytes: &mut [u8], hear: &mut impl FnMut(Heard<'_>)) -> Result<bool, Fault> {
        let mut rest = bytes;
        loop {
            if !self.decoder.is_mid_message() {
                while let Some((text, behind)) = whole_text(rest) {
                    hear(Heard::Text(text));
                    rest = rest.get_mut(behind..).unwrap_or_default();
                }
            }
            let step = self.decoder.next(&RULES, &mut rest);
            let Some(step) = step.map_err(|rule| Fault::Broken(rule.to_string()))? else { return Ok(true) };
            match step {
                Step::Text(text) => hear(Heard::Text(text.as_bytes())),
                Step::Ping(bytes) => hear(Heard::Ping(&bytes)),
                Step::Close(_) => return Ok(false),
                Step::Binary(_) | Step::Pong(_) => {}
            }
        }
    }
}

/// What nearly all is that comes: a whole text frame of less than 64 KiB at the front (RFC 6455 section 5.2), and where
/// the next one begins. Everything else is the decoder's. It judges each byte of a text, and this does not: 370
/// instructions instead of 700 for a delivery of 64 bytes (callgrind).
fn whole_text(bytes: &[u8]) -> Option<(&[u8], usize)> {
    const WHOLE_TEXT: u8 = 0x81;
    let (start, length) = match *bytes {
        [WHOLE_TEXT, length @ 0..=125, ..] => (2, usize::from(length)),
        [WHOLE_TEXT, 126, high, low, ..] => (4, usize::from(u16::from_be_bytes([high, low]))),
        _ => return None,
    };
    let end = start + length;
    Some((bytes.get(start..end)?, end))
}

/// Judges the answer to the handshake, as far as a server could get it wrong that is worth measuring. What it says if
/// it is full.
fn judge(head: &[u8], rest: &[u8], subprotocol: Option<&str>) -> Result<Option<String>, Fault> {
    let head = String::from_utf8_lossy(head);
    let status = head.lines().next().unwrap_or_default().to_owned();
    let said =
        || String::from_utf8_lossy(rest).lines().next().unwrap_or_default().chars().take(200).collect();
    match status.split(' ').nth(1) {
        Some("101") => {}
        Some("503") => return Ok(Some(said())),
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
        _ => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use protocol::ws::encode::{self, Opcode};

    use super::*;

    /// What is heard when these bytes come in these pieces.
    fn heard(pieces: &[&[u8]]) -> Vec<String> {
        let mut person = Person { state: State::Open, ..Person::nobody() };
        let mut all = Vec::new();
        for piece in pieces {
            let mut hear = |heard: Heard<'_>| match heard {
                Heard::Text(text) => all.push(String::from_utf8_lossy(text).into_owned()),
                other => all.push(format!("{other:?}")),
            };
            match person.take_frames(&mut piece.to_vec(), &mut hear) {
                Ok(true) => {}
                Ok(false) => all.push("the end".into()),
                Err(fault) => all.push(fault.to_string()),
            }
        }
        all
    }

    #[test]
    fn texts_of_all_lengths_wherever_they_are_cut() {
        let texts = [0, 1, 125, 126, 127, 500].map(|length| "x".repeat(length));
        let mut bytes = Vec::new();
        texts.iter().for_each(|text| encode::frame(Opcode::Text, text.as_bytes(), &mut bytes));
        for cut in 0..=bytes.len() {
            let (front, back) = bytes.split_at(cut);
            assert_eq!(heard(&[front, back]), texts, "cut at {cut}");
        }
        let single: Vec<&[u8]> = bytes.chunks(1).collect();
        assert_eq!(heard(&single), texts);
        let long = "y".repeat(70_000);
        bytes.clear();
        encode::frame(Opcode::Text, long.as_bytes(), &mut bytes);
        assert_eq!(heard(&[&bytes]), [long]);
    }

    /// RFC 6455 section 5.4: a ping may come between the parts of a message.
    #[test]
    fn what_is_not_a_whole_text() {
        let parts = b"\x01\x03Hel\x89\x02hi\x80\x02lo\x81\x01!";
        for cut in 0..=parts.len() {
            let (front, back) = parts.split_at(cut);
            assert_eq!(heard(&[front, back]), ["Ping([104, 105])", "Hello", "!"], "cut at {cut}");
        }
        assert_eq!(heard(&[b"\x82\x01a\x8a\x00\x81\x01b\x88\x00"]), ["b", "the end"]);
        assert!(heard(&[b"\x81\x81abcdx"])[0].contains("breaks a rule of WebSocket"));
    }

    fn judged(head: &str, body: &str) -> String {
        match judge(head.as_bytes(), body.as_bytes(), Some("snug.v1")) {
            Ok(None) => "well".into(),
            Ok(Some(said)) => said,
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
        let full = "HTTP/1.1 503 Service Unavailable\r\n\r\n";
        assert_eq!(judged(full, "the server is full\n"), "the server is full");
    }
}
