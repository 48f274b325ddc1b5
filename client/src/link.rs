//! One connection to a server: name, TCP, handshake, messages, end. With its module `connect`, the only file that knows
//! tungstenite; it must not know what the messages say, when to try again, or what is on the screen.
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
mod connect;
pub mod fault;

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::Receiver;

use mio::net::TcpStream;
use mio::{Registry, Token, Waker};
use protocol::time::{Millis, Span};
use tungstenite::error::ProtocolError;
use tungstenite::handshake::MidHandshake;
use tungstenite::handshake::client::ClientHandshake;
use tungstenite::protocol::CloseFrame;
use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::{Error, Message, WebSocket};

use self::address::Address;
use self::fault::Fault;

/// How long the name service may take.
const RESOLVE: Span = Span::secs(10);
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
    /// How many messages are read in one go. Not all there are, so that a flood does not keep the keyboard waiting;
    /// with 1, what is heard can be answered before the next message ends the connection.
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
    registry: Registry,
    token: Token,
    state: State,
    /// Addresses that are yet to be tried.
    addresses: VecDeque<SocketAddr>,
    /// Why the first address failed: what comes first is what the person meant.
    failed: Option<Fault>,
    /// Messages that tungstenite has not taken yet.
    queue: VecDeque<Message>,
    /// When the present state has lasted too long.
    deadline: Option<Millis>,
}

#[derive(Debug)]
enum State {
    Resolving(Receiver<io::Result<Vec<SocketAddr>>>),
    /// The name is known, the next address is to be tried.
    Choosing,
    Connecting(TcpStream, SocketAddr),
    Shaking(Box<MidHandshake<ClientHandshake<TcpStream>>>),
    Open(Box<WebSocket<TcpStream>>),
    /// We have said goodbye and wait for the server to end the connection.
    Closing(Box<WebSocket<TcpStream>>),
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
        let answer = connect::resolve(&address, waker)?;
        Ok(Self {
            address,
            options,
            registry: registry.try_clone()?,
            token,
            state: State::Resolving(answer),
            addresses: VecDeque::new(),
            failed: None,
            queue: VecDeque::new(),
            deadline: Some(now.plus(RESOLVE)),
        })
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
        self.failed = Some(Fault::Closed { code, reason: String::new() });
        self.state = match std::mem::replace(&mut self.state, State::Over) {
            State::Open(mut socket) => {
                pump(&mut socket, &mut self.queue);
                // Whatever goes wrong here shows itself at the next read.
                let _ = socket.close(Some(CloseFrame { code: code.into(), reason: "".into() }));
                self.deadline = Some(now.plus(CLOSE));
                State::Closing(socket)
            }
            closing @ State::Closing(_) => closing,
            State::Over => State::Over,
            // Nobody is there yet to say goodbye to. With no address left, the next step ends it.
            State::Resolving(_) | State::Choosing | State::Connecting(..) | State::Shaking(_) => {
                self.addresses.clear();
                State::Choosing
            }
        };
    }

    /// Does whatever can be done without waiting. Returns true if there was more to read than one turn may take: then
    /// it has to be called again without waiting for the network.
    pub fn drive(&mut self, now: Millis, heard: &mut Vec<Heard>) -> bool {
        loop {
            let state = std::mem::replace(&mut self.state, State::Over);
            let (next, verdict) = match state {
                State::Resolving(answer) => self.resolving(answer),
                State::Choosing => self.choosing(now),
                State::Connecting(stream, to) => self.connecting(now, stream, to),
                State::Shaking(handshake) => self.shaking(now, *handshake, heard),
                State::Open(socket) => self.talking(now, socket, heard),
                State::Closing(socket) => self.closing(socket),
                State::Over => return false,
            };
            self.state = next;
            match verdict {
                Verdict::GoOn => {}
                Verdict::More => return true,
                Verdict::Wait if self.deadline.is_none_or(|deadline| now < deadline) => return false,
                Verdict::Wait => match self.too_late() {
                    Some(fault) => return self.finish(fault, heard),
                    None => self.state = State::Choosing,
                },
                Verdict::Lost(fault) => return self.finish(fault, heard),
            }
        }
    }

    fn finish(&mut self, fault: Fault, heard: &mut Vec<Heard>) -> bool {
        self.state = State::Over;
        self.deadline = None;
        heard.push(Heard::Lost(fault));
        false
    }

    /// What it means that the present state has lasted too long; `None` if there is another address to try.
    fn too_late(&mut self) -> Option<Fault> {
        let address = self.address.to_string();
        match &self.state {
            State::Resolving(_) => Some(Fault::UnknownHost { host: self.address.host.clone() }),
            State::Connecting(_, to) => {
                self.failed.get_or_insert(Fault::NoAnswer { address: to.to_string() });
                None
            }
            State::Shaking(_) => Some(Fault::Mute { address }),
            State::Open(_) => Some(Fault::Silent),
            State::Choosing | State::Closing(_) | State::Over => self.failed.take().or(Some(Fault::Vanished)),
        }
    }

    fn talking(
        &mut self,
        now: Millis,
        mut socket: Box<WebSocket<TcpStream>>,
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
                            self.failed = Some(closed(frame));
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
    fn closing(&mut self, mut socket: Box<WebSocket<TcpStream>>) -> (State, Verdict) {
        let _ = socket.flush();
        for _ in 0..self.options.reads {
            match socket.read() {
                Ok(_) => {}
                Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => {
                    return (State::Closing(socket), Verdict::Wait);
                }
                Err(_) => return (State::Over, Verdict::Lost(self.failed.take().unwrap_or(Fault::Vanished))),
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
fn pump(socket: &mut WebSocket<TcpStream>, queue: &mut VecDeque<Message>) {
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
