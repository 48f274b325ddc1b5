//! One connection to a server: name, socket, handshake, messages, end. The only file that knows tungstenite; it must not
//! know what the messages say, when to try again, or what is on the screen.
//!
//! Everything is non-blocking. [`Link::drive`] does whatever can be done now and may be called at any time; all that
//! happened comes back as [`Heard`], and after [`Heard::Lost`] nothing more does. Traps, each of which has bitten
//! somebody:
//!
//! * The `MidHandshake` value has to be kept across `Interrupted`; it holds the bytes read so far.
//! * Readiness is edge-triggered, and bytes behind the handshake's answer are in tungstenite's buffer already: we read
//!   until `WouldBlock`, or say that there is more ([`Link::drive`] returns true).
//! * A write that ends in `WouldBlock` *has* queued its message; one that ends in `WriteBufferFull` has not.
//! * `read` queues the pong and the answer to a close; they leave with the next `read` or `flush`.

pub mod address;
mod dial;
pub mod fault;
mod stream;

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

use mio::{Registry, Token, Waker};
use protocol::time::{Millis, Span};
use tungstenite::error::ProtocolError;
use tungstenite::handshake::client::{ClientHandshake, generate_key};
use tungstenite::handshake::{HandshakeError, MidHandshake};
use tungstenite::http;
use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::protocol::{CloseFrame, WebSocketConfig};
use tungstenite::{Error, Message, WebSocket};

use self::address::Address;
use self::dial::{Dial, Dialled};
use self::fault::Fault;
use self::stream::{Stream, Target};

/// How long the handshake may take.
const HANDSHAKE: Span = Span::secs(5);
/// How long a connection may be silent. The server pings every 30 s, so two pings were lost.
pub const IDLE: Span = Span::secs(75);
/// How long we wait for the server to end the connection after our close.
const CLOSE: Span = Span::secs(1);

/// What a connection shall be.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// The subprotocol the server has to agree to.
    pub subprotocol: Option<&'static str>,
    /// The longest message we take, in bytes. A page of the past is 64 KiB.
    pub incoming: Option<usize>,
    /// How much tungstenite may hold that the kernel does not take, in bytes. At least one message has to fit.
    pub outgoing: usize,
    /// How many messages are read in one go, so that a flood does not keep the keyboard waiting. Nothing can be sent
    /// behind a close, so whoever has to answer each message takes one.
    pub reads: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { subprotocol: Some("snug.v1"), incoming: Some(1024 * 1024), outgoing: 64 * 1024, reads: 64 }
    }
}

/// What happened on a connection.
#[derive(Debug, PartialEq, Eq)]
pub enum Heard {
    /// It is open.
    Open,
    /// A text message.
    Text(String),
    /// A binary message.
    Binary(Vec<u8>),
    /// It is over, or never came to be.
    Lost(Fault),
}

/// One connection, from the name to the end.
#[derive(Debug)]
pub struct Link {
    address: Address,
    options: Options,
    state: State,
    /// How the end came about, once it has begun.
    ending: Option<Fault>,
    /// Messages that tungstenite has not taken yet.
    queue: VecDeque<Message>,
    /// When the present state has lasted too long.
    deadline: Option<Millis>,
}

#[derive(Debug)]
enum State {
    Dialling(Box<Dial>),
    Shaking(Box<MidHandshake<ClientHandshake<Stream>>>),
    Open(Box<WebSocket<Stream>>),
    /// We have said goodbye and wait for the server to end the connection.
    Closing(Box<WebSocket<Stream>>),
    /// It is over; nobody has been told yet if there is an ending.
    Over,
}

impl Link {
    /// Starts to connect. The waker is woken when the name service has answered: call [`Link::drive`] then.
    ///
    /// # Errors
    /// If the system has no more descriptors or threads.
    pub fn open(
        now: Millis,
        address: Address,
        options: Options,
        registry: &Registry,
        token: Token,
        waker: &Arc<Waker>,
    ) -> io::Result<Self> {
        let dial = Dial::start(now, &address, registry, token, waker)?;
        let deadline = Some(dial.deadline());
        let state = State::Dialling(Box::new(dial));
        Ok(Self { address, options, state, ending: None, queue: VecDeque::new(), deadline })
    }

    /// When [`Link::drive`] has to be called even if nothing happens.
    #[must_use]
    pub fn deadline(&self) -> Option<Millis> {
        self.deadline
    }

    /// Whether nothing will ever come of it again.
    #[must_use]
    pub fn is_over(&self) -> bool {
        matches!(self.state, State::Over)
    }

    /// Sends a text message, as soon as the network takes it.
    pub fn send_text(&mut self, text: String) {
        self.queue.push_back(Message::text(text));
    }

    /// Sends a binary message, as soon as the network takes it.
    pub fn send_binary(&mut self, bytes: Vec<u8>) {
        self.queue.push_back(Message::binary(bytes));
    }

    /// Ends the connection in good order (RFC 6455 section 7.1.1): what was sent still leaves, and
    /// [`Heard::Lost`] follows within a second.
    pub fn close(&mut self, now: Millis, code: u16) {
        if self.is_over() {
            return;
        }
        self.ending = Some(Fault::Closed { code, reason: String::new() });
        self.state = match std::mem::replace(&mut self.state, State::Over) {
            State::Open(mut socket) => {
                pump(&mut socket, &mut self.queue);
                // Whatever goes wrong here shows itself at the next read.
                let _ = socket.close(Some(CloseFrame { code: code.into(), reason: "".into() }));
                self.deadline = Some(now.plus(CLOSE));
                State::Closing(socket)
            }
            closing @ State::Closing(_) => closing,
            // Nobody is there yet to say goodbye to: the next step ends it, and is due now.
            State::Dialling(_) | State::Shaking(_) | State::Over => {
                self.deadline = Some(now);
                State::Over
            }
        };
    }

    /// Does whatever can be done without waiting. Returns true if there was more to read than one turn may take: then
    /// it has to be called again without waiting for the network.
    pub fn drive(&mut self, now: Millis, heard: &mut Vec<Heard>) -> bool {
        loop {
            let state = std::mem::replace(&mut self.state, State::Over);
            let (next, verdict) = match state {
                State::Dialling(dial) => self.dialling(now, dial),
                State::Shaking(handshake) => self.shaking(now, *handshake, heard),
                State::Open(socket) => self.talking(now, socket, heard),
                State::Closing(socket) => self.closing(socket),
                State::Over => (State::Over, Verdict::Wait),
            };
            self.state = next;
            let fault = match verdict {
                Verdict::GoOn => continue,
                Verdict::More => return true,
                Verdict::Lost(fault) => Some(fault),
                Verdict::Wait => self.too_late(now),
            };
            if let Some(fault) = fault {
                self.state = State::Over;
                self.deadline = None;
                heard.push(Heard::Lost(fault));
            }
            return false;
        }
    }

    /// What it means that the present state has lasted too long, if it has.
    fn too_late(&mut self, now: Millis) -> Option<Fault> {
        let is_late = self.deadline.is_some_and(|deadline| now >= deadline);
        match &self.state {
            State::Over => self.ending.take(),
            State::Shaking(_) if is_late => Some(Fault::Mute { address: self.address.to_string() }),
            State::Open(_) if is_late => Some(Fault::Silent),
            State::Closing(_) if is_late => self.ending.take(),
            // Dialling keeps its own time.
            _ => None,
        }
    }

    fn dialling(&mut self, now: Millis, mut dial: Box<Dial>) -> (State, Verdict) {
        match dial.drive(now) {
            Dialled::Connected(stream, to) => self.greet(now, stream, &to),
            Dialled::Failed(fault) => (State::Over, Verdict::Lost(fault)),
            Dialled::Wait => {
                self.deadline = Some(dial.deadline());
                (State::Dialling(dial), Verdict::Wait)
            }
        }
    }

    fn greet(&mut self, now: Millis, stream: Stream, to: &Target) -> (State, Verdict) {
        stream.do_not_delay();
        self.deadline = Some(now.plus(HANDSHAKE));
        let started = self.request(to).and_then(|request| {
            let config = WebSocketConfig::default()
                .read_buffer_size(4096)
                .write_buffer_size(0)
                .max_write_buffer_size(self.options.outgoing)
                .max_message_size(self.options.incoming)
                .max_frame_size(self.options.incoming);
            ClientHandshake::start(stream, request, Some(config))
        });
        match started {
            Ok(handshake) => (State::Shaking(Box::new(handshake)), Verdict::GoOn),
            Err(error) => (State::Over, Verdict::Lost(self.handshake_fault(error))),
        }
    }

    fn request(&self, to: &Target) -> Result<http::Request<()>, Error> {
        let host = self.address.host_header().unwrap_or_else(|| to.to_string());
        let mut request = http::Request::builder()
            .uri(format!("ws://{host}{}", self.address.path))
            .header("Host", host)
            .header("Connection", "Upgrade")
            .header("Upgrade", "websocket")
            .header("Sec-WebSocket-Version", "13")
            .header("Sec-WebSocket-Key", generate_key());
        if let Some(subprotocol) = self.options.subprotocol {
            request = request.header("Sec-WebSocket-Protocol", subprotocol);
        }
        Ok(request.body(())?)
    }

    fn shaking(
        &mut self,
        now: Millis,
        handshake: MidHandshake<ClientHandshake<Stream>>,
        heard: &mut Vec<Heard>,
    ) -> (State, Verdict) {
        match handshake.handshake() {
            Ok((socket, _)) => {
                self.deadline = Some(now.plus(IDLE));
                heard.push(Heard::Open);
                (State::Open(Box::new(socket)), Verdict::GoOn)
            }
            Err(HandshakeError::Interrupted(handshake)) => {
                (State::Shaking(Box::new(handshake)), Verdict::Wait)
            }
            Err(HandshakeError::Failure(error)) => (State::Over, Verdict::Lost(self.handshake_fault(error))),
        }
    }

    fn handshake_fault(&self, error: Error) -> Fault {
        let address = self.address.to_string();
        match error {
            Error::Http(response) => {
                let body = response.body().as_deref().unwrap_or_default();
                let line = String::from_utf8_lossy(body).lines().next().unwrap_or_default().trim().to_owned();
                Fault::HttpRefused { address, status: response.status().as_u16(), line }
            }
            Error::Protocol(ProtocolError::SecWebSocketSubProtocolError(_)) => Fault::NotSnug { address },
            Error::Protocol(ProtocolError::HandshakeIncomplete) | Error::Io(_) => Fault::HungUp { address },
            _ => Fault::NotWebSocket { address },
        }
    }

    fn talking(
        &mut self,
        now: Millis,
        mut socket: Box<WebSocket<Stream>>,
        heard: &mut Vec<Heard>,
    ) -> (State, Verdict) {
        pump(&mut socket, &mut self.queue);
        for _ in 0..self.options.reads {
            match socket.read() {
                Ok(message) => {
                    self.deadline = Some(now.plus(IDLE));
                    match message {
                        Message::Text(text) => heard.push(Heard::Text(text.as_str().to_owned())),
                        Message::Binary(bytes) => heard.push(Heard::Binary(bytes.into())),
                        Message::Close(frame) => {
                            let fault = closed(frame);
                            // Our answer is on its way: nothing more will come. RFC 6455 section 7.1.1 lets a client
                            // go before the server does, and a server may take its time.
                            if socket.flush().is_ok() {
                                return (State::Over, Verdict::Lost(fault));
                            }
                            self.ending = Some(fault);
                            self.deadline = Some(now.plus(CLOSE));
                            return (State::Closing(socket), Verdict::GoOn);
                        }
                        // Tungstenite has answered the ping.
                        Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => {}
                    }
                }
                Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => {
                    return (State::Open(socket), Verdict::Wait);
                }
                Err(error) => return (State::Over, Verdict::Lost(talk_fault(error))),
            }
        }
        (State::Open(socket), Verdict::More)
    }

    /// What the other end still says after a close counts for nothing but its own close.
    fn closing(&mut self, mut socket: Box<WebSocket<Stream>>) -> (State, Verdict) {
        let _ = socket.flush();
        for _ in 0..self.options.reads {
            match socket.read() {
                Ok(_) => {}
                Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => {
                    return (State::Closing(socket), Verdict::Wait);
                }
                Err(_) => return (State::Over, Verdict::Lost(self.ending.take().unwrap_or(Fault::Vanished))),
            }
        }
        (State::Closing(socket), Verdict::More)
    }
}

enum Verdict {
    /// Something changed; look again.
    GoOn,
    /// There is more to read.
    More,
    /// Nothing more can be done now.
    Wait,
    /// It is over.
    Lost(Fault),
}

/// Hands over what tungstenite takes, and writes what the kernel takes.
fn pump(socket: &mut WebSocket<Stream>, queue: &mut VecDeque<Message>) {
    while let Some(message) = queue.pop_front() {
        match socket.write(message) {
            Ok(()) => {}
            Err(Error::WriteBufferFull(message)) => {
                queue.push_front(*message);
                break;
            }
            // Blocked: it is taken all the same. Broken: the next read says so.
            Err(_) => break,
        }
    }
    let _ = socket.flush();
}

fn closed(frame: Option<CloseFrame>) -> Fault {
    match frame {
        Some(frame) => Fault::Closed { code: frame.code.into(), reason: frame.reason.as_str().to_owned() },
        None => Fault::Closed { code: CloseCode::Status.into(), reason: String::new() },
    }
}

fn talk_fault(error: Error) -> Fault {
    match error {
        Error::ConnectionClosed
        | Error::AlreadyClosed
        | Error::Io(_)
        | Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => Fault::Vanished,
        Error::Capacity(_) => Fault::Broken { why: "a message that is too long".into() },
        Error::Utf8(_) => Fault::Broken { why: "text that is not UTF-8".into() },
        error => Fault::Broken { why: error.to_string() },
    }
}
