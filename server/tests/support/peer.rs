//! A client below the WebSocket library: it sends any bytes, good or bad, reads when it is told to, and takes little
//! memory, so that a test can have thousands. Frames are masked with zeros, which leaves their text readable.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};

use rustix::net::sockopt;
use rustix::net::{AddressFamily, SocketType, connect, socket};

use super::{PATIENCE, Server};

pub(crate) const TEXT: u8 = 1;
pub(crate) const CLOSE: u8 = 8;
pub(crate) const PING: u8 = 9;
pub(crate) const PONG: u8 = 10;

pub(crate) struct Peer {
    pub(crate) stream: TcpStream,
    inbox: Vec<u8>,
    taken: usize,
}

/// A frame of the server's.
#[derive(Debug)]
pub(crate) struct Frame {
    pub(crate) opcode: u8,
    pub(crate) payload: Vec<u8>,
}

impl Peer {
    pub(crate) fn dial(address: SocketAddr) -> io::Result<Self> {
        Ok(Self::over(TcpStream::connect(address)?))
    }

    /// The kernel keeps little for it, so the server notices soon when it does not read.
    pub(crate) fn narrow(address: SocketAddr) -> io::Result<Self> {
        let socket = socket(AddressFamily::INET, SocketType::STREAM, None)?;
        sockopt::set_socket_recv_buffer_size(&socket, 4096)?;
        connect(&socket, &address)?;
        Ok(Self::over(TcpStream::from(socket)))
    }

    /// From now on the kernel keeps more for it: with a narrow window each few bytes would wait for an acknowledgement.
    pub(crate) fn widen(&self) {
        sockopt::set_socket_recv_buffer_size(&self.stream, 1024 * 1024).expect("a larger buffer");
    }

    pub(crate) fn over(stream: TcpStream) -> Self {
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        stream.set_write_timeout(Some(PATIENCE)).expect("a timeout");
        stream.set_nodelay(true).expect("no delay");
        Self { stream, inbox: Vec::new(), taken: 0 }
    }

    /// Sends bytes as they are.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)
    }

    pub(crate) fn say(&mut self, text: &str) -> io::Result<()> {
        self.send(&frame(0x80 | TEXT, text.as_bytes()))
    }

    /// Sends this so many times, many at once; how often, before the server hung up or did not read any more.
    pub(crate) fn pour(&mut self, bytes: &[u8], times: usize) -> usize {
        let many = 1000;
        let piece = bytes.repeat(many);
        let sent = (0..times / many).take_while(|_| self.send(&piece).is_ok()).count();
        sent * many
    }

    /// The answer's head, with its blank line.
    pub(crate) fn head(&mut self) -> io::Result<String> {
        loop {
            let unread = &self.inbox[self.taken..];
            if let Some(end) = unread.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
                let head = String::from_utf8_lossy(&unread[..end + 4]).into_owned();
                self.taken += end + 4;
                return Ok(head);
            }
            self.fill()?;
        }
    }

    /// The next frame.
    pub(crate) fn frame(&mut self) -> io::Result<Frame> {
        loop {
            if let Some((frame, length)) = parse(&self.inbox[self.taken..]) {
                self.taken += length;
                return Ok(frame);
            }
            self.fill()?;
        }
    }

    /// A frame that is here already.
    pub(crate) fn frame_at_hand(&mut self) -> Option<Frame> {
        let (frame, length) = parse(&self.inbox[self.taken..])?;
        self.taken += length;
        Some(frame)
    }

    /// The next text; pings are answered, the rest is passed over. A close is an error, with its code.
    pub(crate) fn text(&mut self) -> io::Result<String> {
        loop {
            let got = self.frame()?;
            match got.opcode {
                TEXT => return String::from_utf8(got.payload).map_err(|_| ErrorKind::InvalidData.into()),
                PING => self.send(&frame(0x80 | PONG, &got.payload))?,
                CLOSE => return Err(io::Error::other(format!("closed with {}", code(&got.payload)))),
                _ => {}
            }
        }
    }

    /// Reads to the end. The code of the close frame, if one came, and how many other frames came before it.
    pub(crate) fn end(&mut self) -> (Option<u16>, usize) {
        let mut others = 0;
        loop {
            match self.frame() {
                Ok(frame) if frame.opcode == CLOSE => return (Some(code(&frame.payload)), others),
                Ok(_) => others += 1,
                Err(error) if is_end(&error) => return (None, others),
                Err(error) => panic!("it does not end: {error}"),
            }
        }
    }

    /// Reads to the end, whatever comes.
    pub(crate) fn drain(&mut self) {
        while self.fill().is_ok() {
            self.taken = self.inbox.len();
        }
    }

    /// What was read and not taken, as text.
    pub(crate) fn rest(&self) -> String {
        String::from_utf8_lossy(&self.inbox[self.taken..]).into_owned()
    }

    /// Reads once more. The end of the stream is an `UnexpectedEof`.
    pub(crate) fn fill(&mut self) -> io::Result<()> {
        if self.taken > 0 {
            self.inbox.drain(..self.taken);
            self.taken = 0;
        }
        let mut buffer = [0; 16 * 1024];
        match self.stream.read(&mut buffer)? {
            0 => Err(ErrorKind::UnexpectedEof.into()),
            count => {
                self.inbox.extend_from_slice(&buffer[..count]);
                Ok(())
            }
        }
    }

    /// Ends it the hard way: the server gets a reset.
    pub(crate) fn reset(self) {
        reset(&self.stream);
    }
}

/// What is sent when this socket is closed is a reset, and what it had left to send is gone.
pub(crate) fn reset(stream: &TcpStream) {
    // If it is refused, the end is a softer one.
    let _ = sockopt::set_socket_linger(stream, Some(std::time::Duration::ZERO));
}

/// The peer is gone, politely or not.
pub(crate) fn is_end(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::UnexpectedEof
            | ErrorKind::ConnectionReset
            | ErrorKind::BrokenPipe
            | ErrorKind::ConnectionAborted
    )
}

/// A client's frame: its first byte (FIN, RSV, opcode) and what it carries.
pub(crate) fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    match payload.len() {
        short @ 0..=125 => bytes.push(0x80 | short as u8),
        middle @ 126..=0xffff => {
            bytes.push(0x80 | 126);
            bytes.extend_from_slice(&(middle as u16).to_be_bytes());
        }
        long => {
            bytes.push(0x80 | 127);
            bytes.extend_from_slice(&(long as u64).to_be_bytes());
        }
    }
    bytes.extend_from_slice(&[0; 4]);
    bytes.extend_from_slice(payload);
    bytes
}

/// The first frame in these bytes, if it is whole, and how long it is.
pub(crate) fn parse(bytes: &[u8]) -> Option<(Frame, usize)> {
    let (&first, &second) = (bytes.first()?, bytes.get(1)?);
    assert!(second < 0x80, "a server does not mask");
    let (start, length) = match second {
        126 => (4, usize::from(u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?))),
        127 => (10, usize::try_from(u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?)).ok()?),
        short => (2, usize::from(short)),
    };
    let payload = bytes.get(start..start + length)?.to_vec();
    Some((Frame { opcode: first & 0x0f, payload }, start + length))
}

/// The code in a close frame; 1005 stands for none (RFC 6455 section 7.1.5).
pub(crate) fn code(payload: &[u8]) -> u16 {
    payload.get(..2).map_or(1005, |code| u16::from_be_bytes([code[0], code[1]]))
}

/// A good upgrade request, to which more may be glued.
pub(crate) fn upgrade(path: &str, is_v1: bool) -> String {
    let protocol = if is_v1 { "Sec-WebSocket-Protocol: snug.v1\r\n" } else { "" };
    format!(
        "GET {path} HTTP/1.1\r\nHost: board\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n{protocol}\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
}

impl Server {
    pub(crate) fn dial(&self) -> Peer {
        Peer::dial(self.address).expect("it accepts")
    }

    /// A `snug.v1` connection that has said nothing yet.
    pub(crate) fn stranger(&self) -> Peer {
        let mut peer = self.dial();
        peer.send(upgrade("/ws", true).as_bytes()).expect("it reads");
        let head = peer.head().expect("it answers");
        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
        peer
    }

    /// Somebody in a room, by `snug.v1`, who was told so. Narrow ones read little at a time.
    pub(crate) fn guest(&self, nick: &str, room: &str, is_narrow: bool) -> Peer {
        let dialled = if is_narrow { Peer::narrow(self.address) } else { Peer::dial(self.address) };
        let mut peer = dialled.expect("it accepts");
        let mut all = upgrade("/ws", true).into_bytes();
        all.extend(frame(0x81, format!(r#"{{"type":"hello","nick":"{nick}"}}"#).as_bytes()));
        all.extend(frame(0x81, format!(r#"{{"type":"join","room":"{room}"}}"#).as_bytes()));
        peer.send(&all).expect("it reads");
        let head = peer.head().expect("it answers");
        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
        for kind in ["welcome", "joined"] {
            let event = peer.text().expect("it speaks");
            assert!(event.starts_with(&format!(r#"{{"type":"{kind}""#)), "{event}");
        }
        peer
    }
}
