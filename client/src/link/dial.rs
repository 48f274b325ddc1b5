//! From a host's name to a TCP connection: asks the name service, then tries the addresses one after the other. Must
//! not know what the connection is for.

use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, TryRecvError};
use std::thread;

use mio::net::TcpStream;
use mio::{Interest, Registry, Token, Waker};
use protocol::time::{Millis, Span};

use super::address::Address;
use super::fault::Fault;

/// How long the name service may take.
const RESOLVE: Span = Span::secs(10);
/// How long one address may take to accept: then the next one is tried.
const CONNECT: Span = Span::secs(5);

/// A connection that is coming to be.
#[derive(Debug)]
pub(super) struct Dial {
    host: String,
    registry: Registry,
    token: Token,
    state: State,
    /// Addresses that are yet to be tried.
    addresses: VecDeque<SocketAddr>,
    /// Why the first address failed: what comes first is what the person meant.
    failed: Option<Fault>,
    /// When the present state has lasted too long.
    deadline: Millis,
}

#[derive(Debug)]
enum State {
    Resolving(Receiver<Answer>),
    /// The name is known, the next address is to be tried.
    Choosing,
    Connecting(TcpStream, SocketAddr),
}

/// What the name service says.
type Answer = io::Result<Vec<SocketAddr>>;

/// How it stands.
#[derive(Debug)]
pub(super) enum Dialled {
    /// Not decided.
    Wait,
    /// There is a connection.
    Connected(TcpStream, SocketAddr),
    /// There will be none.
    Failed(Fault),
}

impl Dial {
    /// Starts to ask and to connect. The waker is woken when the name service has answered; the connection is
    /// registered with the token for both directions.
    pub(super) fn start(
        now: Millis,
        address: &Address,
        registry: &Registry,
        token: Token,
        waker: &Arc<Waker>,
    ) -> io::Result<Self> {
        Ok(Self {
            host: address.host.clone(),
            registry: registry.try_clone()?,
            token,
            state: State::Resolving(resolve(address, waker)?),
            addresses: VecDeque::new(),
            failed: None,
            deadline: now.plus(RESOLVE),
        })
    }

    /// When [`Dial::drive`] has to be called even if nothing happens.
    pub(super) fn deadline(&self) -> Millis {
        self.deadline
    }

    /// Does whatever can be done without waiting.
    pub(super) fn drive(&mut self, now: Millis) -> Dialled {
        loop {
            match std::mem::replace(&mut self.state, State::Choosing) {
                State::Resolving(answer) => match answer.try_recv() {
                    Ok(Ok(addresses)) if !addresses.is_empty() => self.addresses = addresses.into(),
                    Err(TryRecvError::Empty) if now < self.deadline => {
                        self.state = State::Resolving(answer);
                        return Dialled::Wait;
                    }
                    _ => return Dialled::Failed(Fault::UnknownHost { host: self.host.clone() }),
                },
                State::Choosing => {
                    let Some(to) = self.addresses.pop_front() else {
                        return Dialled::Failed(self.failed.take().unwrap_or(Fault::Vanished));
                    };
                    self.deadline = now.plus(CONNECT);
                    match self.connect(to) {
                        Ok(stream) => self.state = State::Connecting(stream, to),
                        Err(error) => self.note(to, &error),
                    }
                }
                // An event may be an old one: only a peer's address proves that it is connected.
                State::Connecting(stream, to) => match stream.take_error().unwrap_or_else(Some) {
                    Some(error) => self.note(to, &error),
                    None if stream.peer_addr().is_ok() => return Dialled::Connected(stream, to),
                    None if now < self.deadline => {
                        self.state = State::Connecting(stream, to);
                        return Dialled::Wait;
                    }
                    None => self.note(to, &io::ErrorKind::TimedOut.into()),
                },
            }
        }
    }

    fn connect(&self, to: SocketAddr) -> io::Result<TcpStream> {
        let mut stream = TcpStream::connect(to)?;
        self.registry.register(&mut stream, self.token, Interest::READABLE | Interest::WRITABLE)?;
        Ok(stream)
    }

    fn note(&mut self, to: SocketAddr, error: &io::Error) {
        let address = to.to_string();
        self.failed.get_or_insert(match error.kind() {
            io::ErrorKind::ConnectionRefused => Fault::Refused { address },
            io::ErrorKind::TimedOut => Fault::NoAnswer { address },
            _ => Fault::Unreachable { address, why: plain_words(error) },
        });
    }
}

/// Asks the name service in a thread of its own: the system's resolver can only wait. Numbers need no asking, and
/// `localhost` is what RFC 6761 section 6.3 says it is.
fn resolve(address: &Address, waker: &Arc<Waker>) -> io::Result<Receiver<Answer>> {
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
