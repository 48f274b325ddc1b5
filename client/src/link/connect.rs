//! The way to an open link: from a name to addresses, from one address to the next, and through the handshake. Must not
//! know what is said on it.

use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, TryRecvError};
use std::thread;

use mio::net::TcpStream;
use mio::{Interest, Waker};
use protocol::time::{Millis, Span};
use tungstenite::error::ProtocolError;
use tungstenite::handshake::client::{ClientHandshake, generate_key};
use tungstenite::handshake::{HandshakeError, MidHandshake};
use tungstenite::protocol::WebSocketConfig;
use tungstenite::{Error, http};

use super::address::Address;
use super::fault::Fault;
use super::{Heard, IDLE, Link, State, Verdict};

/// How long one address may take to accept: then the next one is tried.
const CONNECT: Span = Span::secs(5);
/// How long the handshake may take.
const HANDSHAKE: Span = Span::secs(5);

impl Link {
    pub(super) fn resolving(&mut self, answer: Receiver<io::Result<Vec<SocketAddr>>>) -> (State, Verdict) {
        match answer.try_recv() {
            Ok(Ok(addresses)) if !addresses.is_empty() => {
                self.addresses = addresses.into();
                (State::Choosing, Verdict::GoOn)
            }
            Err(TryRecvError::Empty) => (State::Resolving(answer), Verdict::Wait),
            Ok(_) | Err(TryRecvError::Disconnected) => {
                (State::Over, Verdict::Lost(Fault::UnknownHost { host: self.address.host.clone() }))
            }
        }
    }

    pub(super) fn choosing(&mut self, now: Millis) -> (State, Verdict) {
        let Some(to) = self.addresses.pop_front() else {
            let fault = self.failed.take().unwrap_or(Fault::Vanished);
            return (State::Over, Verdict::Lost(fault));
        };
        let connecting = TcpStream::connect(to).and_then(|mut stream| {
            self.registry.register(&mut stream, self.token, Interest::READABLE | Interest::WRITABLE)?;
            Ok(stream)
        });
        match connecting {
            Ok(stream) => {
                self.deadline = Some(now.plus(CONNECT));
                (State::Connecting(stream, to), Verdict::Wait)
            }
            Err(error) => self.next_address(to, &error),
        }
    }

    fn next_address(&mut self, to: SocketAddr, error: &io::Error) -> (State, Verdict) {
        let address = to.to_string();
        self.failed.get_or_insert(match error.kind() {
            io::ErrorKind::ConnectionRefused => Fault::Refused { address },
            io::ErrorKind::TimedOut => Fault::NoAnswer { address },
            _ => Fault::Unreachable { address, why: plain_words(error) },
        });
        (State::Choosing, Verdict::GoOn)
    }

    pub(super) fn connecting(&mut self, now: Millis, stream: TcpStream, to: SocketAddr) -> (State, Verdict) {
        // An event may be an old one: only a peer's address proves that it is connected.
        match stream.take_error().unwrap_or_else(Some) {
            Some(error) => return self.next_address(to, &error),
            None if stream.peer_addr().is_err() => return (State::Connecting(stream, to), Verdict::Wait),
            None => {}
        }
        // Lines are small and people wait for them: no waiting for more to send.
        let _ = stream.set_nodelay(true);
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

    fn request(&self, to: SocketAddr) -> Result<http::Request<()>, Error> {
        // A name with letters beyond ASCII, or an address with a zone, has no place in a header.
        let named = self.address.host.is_ascii() && !self.address.host.contains('%');
        let host = if named { self.address.to_string() } else { to.to_string() };
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

    pub(super) fn shaking(
        &mut self,
        now: Millis,
        handshake: MidHandshake<ClientHandshake<TcpStream>>,
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
}

/// Asks the name service in a thread of its own: the system's resolver can only wait. Numbers need no asking, and
/// `localhost` is what RFC 6761 section 6.3 says it is.
pub(super) fn resolve(
    address: &Address,
    waker: &Arc<Waker>,
) -> io::Result<Receiver<io::Result<Vec<SocketAddr>>>> {
    let (sender, receiver) = mpsc::channel();
    let Address { host, port, .. } = address.clone();
    let known = match host.as_str() {
        "localhost" => {
            Some(vec![SocketAddr::from(([127, 0, 0, 1], port)), (Ipv6Addr::LOCALHOST, port).into()])
        }
        literal => literal.parse().ok().map(|ip: IpAddr| vec![(ip, port).into()]),
    };
    if let Some(addresses) = known {
        let _ = sender.send(Ok(addresses));
        return Ok(receiver);
    }
    let waker = Arc::clone(waker);
    thread::Builder::new().name("resolve".into()).spawn(move || {
        let found = (host.as_str(), port).to_socket_addrs().map(Iterator::collect);
        // If nobody waits for the answer any more, it is of no use.
        let _ = sender.send(found);
        let _ = waker.wake();
    })?;
    Ok(receiver)
}

/// What the system says, without its number.
fn plain_words(error: &io::Error) -> String {
    let words = error.to_string();
    words.split(" (os error").next().unwrap_or_default().to_owned()
}
