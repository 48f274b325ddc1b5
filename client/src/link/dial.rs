//! From what `--server` says to a connection: asks the name service, then tries the addresses one after the other. Must
//! not know what the connection is for.

use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, TryRecvError};
use std::thread;

use mio::{Interest, Registry, Token, Waker};
use protocol::time::{Millis, Span};

use super::address::{Address, Place};
use super::fault::Fault;
use super::stream::{Stream, Target};

/// How long the name service may take.
const RESOLVE: Span = Span::secs(10);
/// How long one address may take to accept: then the next one is tried.
const CONNECT: Span = Span::secs(5);

/// A connection that is coming to be.
#[derive(Debug)]
pub(super) struct Dial {
    address: Address,
    registry: Registry,
    token: Token,
    state: State,
    /// Addresses that are yet to be tried.
    addresses: VecDeque<Target>,
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
    Connecting(Stream, Target),
}

/// What the name service says.
type Answer = io::Result<Vec<Target>>;

/// How it stands.
#[derive(Debug)]
pub(super) enum Dialled {
    /// Not decided.
    Wait,
    /// There is a connection.
    Connected(Stream, Target),
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
            address: address.clone(),
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
                    _ => return Dialled::Failed(self.unknown()),
                },
                State::Choosing => {
                    let Some(to) = self.addresses.pop_front() else {
                        return Dialled::Failed(self.failed.take().unwrap_or(Fault::Vanished));
                    };
                    self.deadline = now.plus(CONNECT);
                    match self.connect(&to) {
                        Ok(stream) => self.state = State::Connecting(stream, to),
                        Err(error) => self.note(&to, &error),
                    }
                }
                // An event may be an old one: only a peer's address proves that it is connected.
                State::Connecting(stream, to) => match stream.take_error() {
                    Some(error) => self.note(&to, &error),
                    None if stream.is_connected() => return Dialled::Connected(stream, to),
                    None if now < self.deadline => {
                        self.state = State::Connecting(stream, to);
                        return Dialled::Wait;
                    }
                    None => self.note(&to, &io::ErrorKind::TimedOut.into()),
                },
            }
        }
    }

    fn connect(&self, to: &Target) -> io::Result<Stream> {
        let mut stream = Stream::connect(to)?;
        self.registry.register(stream.source(), self.token, Interest::READABLE | Interest::WRITABLE)?;
        Ok(stream)
    }

    fn unknown(&self) -> Fault {
        match &self.address.place {
            Place::Tcp { host, .. } => Fault::UnknownHost { host: host.clone() },
            Place::Unix(_) => Fault::Vanished,
        }
    }

    fn note(&mut self, to: &Target, error: &io::Error) {
        let fault = match to {
            Target::Tcp(address) => network_fault(address.to_string(), error),
            Target::Unix(path) => socket_fault(path.display().to_string(), error),
        };
        self.failed.get_or_insert(fault);
    }
}

fn network_fault(address: String, error: &io::Error) -> Fault {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => Fault::Refused { address },
        io::ErrorKind::TimedOut => Fault::NoAnswer { address },
        _ => Fault::Unreachable { address, why: plain_words(error) },
    }
}

/// What connect(2) says about a socket on this machine.
fn socket_fault(path: String, error: &io::Error) -> Fault {
    match error.kind() {
        io::ErrorKind::NotFound => Fault::NoSocket { path },
        io::ErrorKind::ConnectionRefused => Fault::Deserted { path },
        io::ErrorKind::PermissionDenied => Fault::Forbidden { path },
        // As many as listen(2) allows wait already.
        io::ErrorKind::WouldBlock => Fault::Crowded { path },
        _ => Fault::Unreachable { address: format!("unix:{path}"), why: plain_words(error) },
    }
}

/// Asks the name service in a thread of its own: the system's resolver can only wait. A path and numbers need no
/// asking, and `localhost` is what RFC 6761 section 6.3 says it is.
fn resolve(address: &Address, waker: &Arc<Waker>) -> io::Result<Receiver<Answer>> {
    let (sender, receiver) = mpsc::channel();
    let (host, port) = match &address.place {
        Place::Tcp { host, port } => (host.clone(), *port),
        Place::Unix(path) => {
            let _ = sender.send(Ok(vec![Target::Unix(path.clone())]));
            return Ok(receiver);
        }
    };
    let known = match host.as_str() {
        "localhost" => {
            Some(vec![SocketAddr::from(([127, 0, 0, 1], port)), (Ipv6Addr::LOCALHOST, port).into()])
        }
        literal => literal.parse().ok().map(|ip: IpAddr| vec![(ip, port).into()]),
    };
    if let Some(addresses) = known {
        let _ = sender.send(Ok(addresses.into_iter().map(Target::Tcp).collect()));
        return Ok(receiver);
    }
    let waker = Arc::clone(waker);
    thread::Builder::new().name("resolve".into()).spawn(move || {
        let found = (host.as_str(), port).to_socket_addrs();
        // If nobody waits for the answer any more, it is of no use.
        let _ = sender.send(found.map(|addresses| addresses.map(Target::Tcp).collect()));
        let _ = waker.wake();
    })?;
    Ok(receiver)
}

/// What the system says, without its number.
fn plain_words(error: &io::Error) -> String {
    let words = error.to_string();
    words.split(" (os error").next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As connect(2) and its numbers have it; whoever runs this as root would not meet all of them.
    #[test]
    fn what_the_system_says_about_a_socket() {
        use rustix::io::Errno;
        let path = || "/run/snug".to_string();
        for (errno, fault) in [
            (Errno::NOENT, Fault::NoSocket { path: path() }),
            (Errno::CONNREFUSED, Fault::Deserted { path: path() }),
            (Errno::ACCESS, Fault::Forbidden { path: path() }),
            (Errno::AGAIN, Fault::Crowded { path: path() }),
            (
                Errno::NOTDIR,
                Fault::Unreachable { address: "unix:/run/snug".into(), why: "Not a directory".into() },
            ),
        ] {
            assert_eq!(socket_fault(path(), &errno.into()), fault);
        }
    }
}
