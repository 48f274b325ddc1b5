//! The doors: listening sockets, and when to open them again. Must not know what becomes of those who come in.
//!
//! The poll tells of a new caller only once (edge-triggered), so whatever is left in a backlog has to be remembered:
//! after a turn's share, and after the process has run out of descriptors. The latter must neither spin nor hang: it is
//! tried again after a while, or as soon as a descriptor was freed.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use log::warn;
use mio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use mio::{Interest, Registry, Token};
use protocol::time::{Millis, Span};
use rustix::io::Errno;
use rustix::net::sockopt;

#[cfg(any(test, feature = "scripted"))]
use crate::fake;
use crate::metrics::Metrics;
use crate::source::MAX_LISTENERS;

/// How many connections are accepted in one turn: a herd that comes back must not starve those who are there.
const ACCEPTS_PER_TURN: usize = 64;

/// After running out of file descriptors, try again this much later.
const RETRY: Span = Span(250);

/// That nobody can be accepted is said at most this often. It is found out with every caller, and logs are on cards
/// that wear out; how often it happens is counted.
const SAY_EVERY: Span = Span::secs(60);

/// How many callers the kernel keeps until we come to the door, if it agrees (listen(2), somaxconn). As many as may be
/// connected by default, so that all of them can come back at once after a restart; whom it does not keep tries again
/// a second later or more.
const BACKLOG: i32 = 4096;

/// Where to listen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// An address of this machine.
    Tcp(SocketAddr),
    /// A file that becomes a socket.
    Unix(PathBuf),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => write!(f, "{address}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// Somebody who calls.
#[derive(Debug)]
pub(crate) enum Caller {
    Tcp(TcpStream, IpAddr),
    Unix(UnixStream),
    #[cfg(any(test, feature = "scripted"))]
    Fake(fake::Socket, IpAddr),
}

/// See the module's head.
#[derive(Debug, Default)]
pub(crate) struct Listeners {
    doors: Vec<Door>,
    /// When to accept again without being told to by the poll.
    retry_at: Option<Millis>,
    /// This turn has had its share.
    is_enough: bool,
    /// When it was last said that nobody can be accepted.
    said_at: Option<Millis>,
}

#[derive(Debug)]
enum Door {
    Tcp(TcpListener),
    Unix(UnixListener, PathBuf),
    #[cfg(any(test, feature = "scripted"))]
    Fake(fake::Door),
}

impl Listeners {
    /// Listens at all of `places`; `token` numbers them for the poll. Who acknowledges nothing for as long as `patience`,
    /// even while data for it waits, is given up by the kernel (TCP_USER_TIMEOUT, tcp(7)).
    ///
    /// # Errors
    /// A sentence for people: which place it was, and what to do.
    pub(crate) fn bind(
        registry: &Registry,
        places: &[Place],
        patience: Span,
        token: impl Fn(usize) -> Token,
    ) -> Result<Self, String> {
        if places.len() > MAX_LISTENERS {
            return Err(format!(
                "cannot listen at more than {MAX_LISTENERS} places; name fewer with --listen"
            ));
        }
        let mut doors = Vec::new();
        for (index, place) in places.iter().enumerate() {
            let door = Door::open(place, patience).and_then(|mut door| {
                door.register(registry, token(index))?;
                Ok(door)
            });
            doors.push(door.map_err(|error| fault(place, &error))?);
        }
        Ok(Self { doors, ..Self::default() })
    }

    /// A door that a script knocks at.
    #[cfg(any(test, feature = "scripted"))]
    pub(crate) fn fake(door: fake::Door) -> Self {
        Self { doors: vec![Door::Fake(door)], ..Self::default() }
    }

    /// Where they listen: what the kernel made of port 0.
    pub(crate) fn places(&self) -> impl Iterator<Item = Place> {
        self.doors.iter().filter_map(|door| match door {
            Door::Tcp(socket) => socket.local_addr().ok().map(Place::Tcp),
            Door::Unix(_, path) => Some(Place::Unix(path.clone())),
            #[cfg(any(test, feature = "scripted"))]
            Door::Fake(_) => None,
        })
    }

    /// Who calls at one of them: as many as a turn takes.
    pub(crate) fn accept(&mut self, now: Millis, index: usize, metrics: &mut Metrics) -> Vec<Caller> {
        // At what was left behind, and at every door, this turn looks anyway, or has done so.
        match self.is_due(now) {
            true => Vec::new(),
            false => self.open(now, index, metrics),
        }
    }

    /// Who calls at any of them, if something was left behind and it is time to look again. Once a turn, and last.
    pub(crate) fn accept_again(&mut self, now: Millis, metrics: &mut Metrics) -> Vec<Caller> {
        if std::mem::take(&mut self.is_enough) || !self.is_due(now) {
            return Vec::new();
        }
        self.retry_at = None;
        let callers = (0..self.doors.len()).flat_map(|index| self.open(now, index, metrics)).collect();
        self.is_enough = false;
        callers
    }

    fn is_due(&self, now: Millis) -> bool {
        self.retry_at.is_some_and(|at| at <= now)
    }

    fn open(&mut self, now: Millis, index: usize, metrics: &mut Metrics) -> Vec<Caller> {
        let mut callers = Vec::new();
        let Some(door) = self.doors.get(index) else { return callers };
        for _ in 0..ACCEPTS_PER_TURN {
            match door.accept() {
                Ok(caller) => callers.push(caller),
                Err(error) => match error.kind() {
                    io::ErrorKind::WouldBlock => return callers,
                    io::ErrorKind::Interrupted => {}
                    // The caller was gone before we came to the door.
                    io::ErrorKind::ConnectionAborted => metrics.accept_errors.add("ECONNABORTED"),
                    _ => {
                        if self.said_at.is_none_or(|at| at.plus(SAY_EVERY) <= now) {
                            warn!("cannot accept: {error}; trying again every {} ms", RETRY.0);
                            self.said_at = Some(now);
                        }
                        metrics.accept_errors.add(name(&error));
                        self.retry_at = Some(now.plus(RETRY));
                        return callers;
                    }
                },
            }
        }
        // The edge is used up; what is still in the backlog waits for the next turn.
        (self.retry_at, self.is_enough) = (Some(now), true);
        callers
    }

    /// When [`Listeners::accept_again`] has something to do.
    pub(crate) fn deadline(&self) -> Option<Millis> {
        self.retry_at
    }

    /// A descriptor was freed: whoever waits for one need not wait longer.
    pub(crate) fn one_was_freed(&mut self, now: Millis) {
        if self.retry_at.is_some() {
            self.retry_at = Some(now);
        }
    }

    /// Listens no more.
    pub(crate) fn close(&mut self) {
        self.doors.clear();
        self.retry_at = None;
    }
}

impl Door {
    fn open(place: &Place, patience: Span) -> io::Result<Self> {
        match place {
            Place::Tcp(address) => {
                let socket = TcpListener::bind(*address)?;
                prepare(&socket, patience);
                // It listens already, with the standard library's backlog of 128.
                rustix::net::listen(&socket, BACKLOG)?;
                Ok(Self::Tcp(socket))
            }
            Place::Unix(path) => {
                remove_leftover(path)?;
                let socket = UnixListener::bind(path)?;
                rustix::net::listen(&socket, BACKLOG)?;
                Ok(Self::Unix(socket, path.clone()))
            }
        }
    }

    fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        match self {
            Self::Tcp(socket) => registry.register(socket, token, Interest::READABLE),
            Self::Unix(socket, _) => registry.register(socket, token, Interest::READABLE),
            #[cfg(any(test, feature = "scripted"))]
            Self::Fake(_) => Ok(()),
        }
    }

    fn accept(&self) -> io::Result<Caller> {
        match self {
            Self::Tcp(socket) => socket.accept().map(|(stream, from)| Caller::Tcp(stream, from.ip())),
            Self::Unix(socket, _) => socket.accept().map(|(stream, _)| Caller::Unix(stream)),
            #[cfg(any(test, feature = "scripted"))]
            Self::Fake(door) => door.accept().map(|(socket, from)| Caller::Fake(socket, from)),
        }
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        if let Self::Unix(_, path) = self {
            // If somebody has taken it away, it is away.
            let _ = std::fs::remove_file(path);
        }
    }
}

/// Sets what the kernel shall do for a chat: send small messages at once, and give up on a silent peer. Set once for
/// all: in Linux an accepted socket begins as a copy of its listener, and two system calls for each were a twentieth of
/// a handshake. A kernel that refuses either serves all the same, only less well.
fn prepare(socket: &TcpListener, patience: Span) {
    let _ = sockopt::set_tcp_nodelay(socket, true);
    let _ = sockopt::set_tcp_user_timeout(socket, u32::try_from(patience.0).unwrap_or(u32::MAX));
}

/// A socket file stays behind when its server is killed. It is a leftover if nobody answers there.
fn remove_leftover(path: &Path) -> io::Result<()> {
    match std::os::unix::net::UnixStream::connect(path) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => std::fs::remove_file(path),
        Ok(_) => Err(io::ErrorKind::AddrInUse.into()),
        Err(_) => Ok(()),
    }
}

/// As accept(2) calls it.
fn name(error: &io::Error) -> &'static str {
    match Errno::from_io_error(error) {
        Some(Errno::MFILE) => "EMFILE",
        Some(Errno::NFILE) => "ENFILE",
        Some(Errno::NOBUFS) => "ENOBUFS",
        Some(Errno::NOMEM) => "ENOMEM",
        _ => "other",
    }
}

fn fault(place: &Place, error: &io::Error) -> String {
    match (error.kind(), place) {
        (io::ErrorKind::AddrInUse, _) => format!(
            "cannot listen at {place}: something is there already (another Snug?); stop it or choose another place \
             with --listen"
        ),
        (io::ErrorKind::PermissionDenied, Place::Tcp(_)) => format!(
            "cannot listen at {place}: ports below 1024 are not for everybody; choose a higher one with --listen"
        ),
        (io::ErrorKind::AddrNotAvailable, _) => {
            format!("cannot listen at {place}: this machine does not have that address; see `ip addr`")
        }
        _ => format!("cannot listen at {place}: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn who_is_accepted_is_prepared_as_the_door_is() {
        let place = Place::Tcp("127.0.0.1:0".parse().unwrap());
        let door = Door::open(&place, Span(75_000)).unwrap();
        let Door::Tcp(door) = &door else { panic!("a TCP door") };
        let _caller = std::net::TcpStream::connect(door.local_addr().unwrap()).unwrap();
        // Connected is more than half of accepted: it is in the backlog by now.
        let (accepted, _) = door.accept().unwrap();
        assert!(sockopt::tcp_nodelay(&accepted).unwrap());
        assert_eq!(sockopt::tcp_user_timeout(&accepted).unwrap(), 75_000);
    }
}
