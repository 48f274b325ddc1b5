//! Our frame decoder against tungstenite, which was written by other people from the same RFC.
//!
//! For every stream the two must agree, with three differences, which are known and wanted:
//!
//! 1. **Padded lengths.** RFC 6455 section 5.2 demands the shortest form. We refuse a longer one, also where it lets
//!    a control frame look long; tungstenite takes it and goes on.
//! 2. **Close codes.** For a code that may not be sent, we refuse the frame; tungstenite reports a close with 1002
//!    instead. It does so for 1014 too, which the IANA registry lists and we take.
//! 3. **Time.** We refuse as soon as a byte spoils the stream; tungstenite waits until the frame is there.
//!
//! So this is asserted: both yield the same and neither refuses; or our steps are a prefix of theirs, we refuse, and
//! either they refuse the same frame once it is whole, or the fault is one of the first two.
//!
//! Input: as in [`crate::decoder`].

use std::io::{self, Read, Write};

use protocol::ws::{Role, Rules, Step, Violation};
use tungstenite::Message;
use tungstenite::protocol::frame::FrameHeader;
use tungstenite::protocol::{self as theirs, WebSocket, WebSocketConfig};

use crate::decoder::{self, MESSAGE};

/// How the two agree about a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Agreement {
    /// The same steps, and no fault.
    Same,
    /// The same steps, then both refuse.
    BothRefuse,
    /// Difference 1.
    PaddedLength,
    /// Difference 2.
    CloseCode,
    /// Difference 3.
    TheyRefuseLater,
}

/// The target.
pub fn check(data: &[u8]) {
    compare(data);
}

/// Compares the two and says how they agree.
///
/// # Panics
/// If they do not.
pub fn compare(data: &[u8]) -> Option<Agreement> {
    let (rules, stream) = decoder::rules(data, u32::MAX)?;
    let ours = decoder::decode(&rules, stream, || usize::MAX, true);
    let mut peer = Peer::new(&rules, stream);
    peer.read_all();

    let Some(violation) = ours.violation else {
        if ours.steps == peer.steps && !peer.refused {
            return Some(Agreement::Same);
        }
        assert!(is_1014(&ours.steps, &peer.steps), "ours {ours:?}\ntheirs {peer:?}");
        return Some(Agreement::CloseCode);
    };
    assert!(peer.steps.starts_with(&ours.steps), "{violation:?}: ours {ours:?}\ntheirs {peer:?}");
    if peer.refused && peer.steps.len() == ours.steps.len() {
        return Some(Agreement::BothRefuse);
    }
    if peer.steps.len() == ours.steps.len() && peer.finish_frame() {
        return Some(Agreement::TheyRefuseLater);
    }
    // They went on where we refused.
    let next = peer.steps.get(ours.steps.len());
    match violation {
        Violation::PaddedLength | Violation::LongControl => Some(Agreement::PaddedLength),
        Violation::BadCloseCode(_) if next == Some(&replaced_close()) => Some(Agreement::CloseCode),
        _ => panic!("{violation:?}: ours {ours:?}\ntheirs {peer:?}"),
    }
}

/// What tungstenite says instead of a close code that it does not allow.
fn replaced_close() -> Step<'static> {
    let code = protocol::ws::CloseCode::PROTOCOL;
    Step::Close(Some(protocol::ws::CloseFrame { code, reason: "Protocol violation".into() }))
}

fn is_1014(ours: &[Step<'_>], theirs: &[Step<'_>]) -> bool {
    match (ours.split_last(), theirs.split_last()) {
        (Some((Step::Close(Some(frame)), ours)), Some((last, theirs))) => {
            frame.code.0 == 1014 && *last == replaced_close() && ours == theirs
        }
        _ => false,
    }
}

/// Tungstenite, fed from memory.
struct Peer {
    socket: WebSocket<Stream>,
    steps: Vec<Step<'static>>,
    refused: bool,
}

impl std::fmt::Debug for Peer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Peer").field("steps", &self.steps).field("refused", &self.refused).finish()
    }
}

impl Peer {
    fn new(rules: &Rules, stream: &[u8]) -> Self {
        let role = match rules.role {
            Role::Server => theirs::Role::Server,
            Role::Client => theirs::Role::Client,
        };
        let config = WebSocketConfig::default()
            .read_buffer_size(256)
            .max_message_size(Some(MESSAGE))
            .max_frame_size(Some(MESSAGE));
        let stream = Stream { bytes: stream.to_vec(), read: 0 };
        Self {
            socket: WebSocket::from_raw_socket(stream, role, Some(config)),
            steps: Vec::new(),
            refused: false,
        }
    }

    /// Reads up to the end, the first close, or the first fault.
    fn read_all(&mut self) {
        loop {
            let step = match self.socket.read() {
                Ok(Message::Text(text)) => Step::Text(text.to_string().into()),
                Ok(Message::Binary(bytes)) => Step::Binary(bytes.to_vec().into()),
                Ok(Message::Ping(bytes)) => Step::Ping(bytes.to_vec().into()),
                Ok(Message::Pong(bytes)) => Step::Pong(bytes.to_vec().into()),
                Ok(Message::Close(frame)) => {
                    self.steps.push(Step::Close(frame.map(|frame| protocol::ws::CloseFrame {
                        code: protocol::ws::CloseCode(frame.code.into()),
                        reason: frame.reason.to_string().into(),
                    })));
                    return;
                }
                Ok(Message::Frame(_)) => unreachable!("never read"),
                Err(tungstenite::Error::Io(fault)) if fault.kind() == io::ErrorKind::WouldBlock => return,
                Err(_) => {
                    self.refused = true;
                    return;
                }
            };
            self.steps.push(step);
        }
    }

    /// Sends just the zeros that finish the last frame. True if it is refused then.
    fn finish_frame(&mut self) -> bool {
        let before = self.steps.len();
        while !self.refused {
            let bytes = &mut self.socket.get_mut().bytes;
            let Some(missing) = missing(bytes) else { break };
            bytes.resize(bytes.len() + missing, 0);
            self.read_all();
        }
        self.refused && self.steps.len() == before
    }
}

/// How many bytes the last frame lacks, at least, as tungstenite reads headers; `None` if it is whole.
fn missing(stream: &[u8]) -> Option<usize> {
    let mut rest = stream;
    while !rest.is_empty() {
        let mut cursor = io::Cursor::new(rest);
        let Ok(Some((_, length))) = FrameHeader::parse(&mut cursor) else { return Some(1) };
        let end = cursor.position().saturating_add(length);
        match rest.get(usize::try_from(end).unwrap_or(usize::MAX)..) {
            Some(behind) => rest = behind,
            None => return Some(end as usize - rest.len()),
        }
    }
    None
}

/// Bytes that have arrived, from a peer that does not mind what is sent to it.
struct Stream {
    bytes: Vec<u8>,
    read: usize,
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let rest = self.bytes.get(self.read..).unwrap_or_default();
        let count = rest.len().min(buffer.len());
        if count == 0 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        buffer[..count].copy_from_slice(&rest[..count]);
        self.read += count;
        Ok(count)
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
