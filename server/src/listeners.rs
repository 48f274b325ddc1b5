//! The doors: listening sockets, and when to open them again. Must not know what becomes of those who come in.
//!
//! The poll tells of a new caller only once (edge-triggered), so whatever is left in a backlog has to be remembered:
//! after a turn's share, and after the process has run out of descriptors. The latter must neither spin nor hang: it is
//! tried again after a while, or as soon as a descriptor was freed.

use std::io;
use std::net::SocketAddr;

use log::warn;
use mio::net::{TcpListener, TcpStream};
use mio::{Interest, Registry, Token};
use protocol::time::{Millis, Span};

use crate::source::MAX_LISTENERS;

/// How many connections are accepted in one turn: a herd that comes back must not starve those who are there.
const ACCEPTS_PER_TURN: usize = 64;

/// After running out of file descriptors, try again this much later.
const RETRY: Span = Span(250);

/// See the module's head.
#[derive(Debug)]
pub(crate) struct Listeners {
    sockets: Vec<TcpListener>,
    /// When to accept again without being told to by the poll.
    retry_at: Option<Millis>,
}

impl Listeners {
    /// Listens at all of `addresses`; `token` numbers them for the poll.
    ///
    /// # Errors
    /// A sentence for people: which address it was, and what to do.
    pub(crate) fn bind(
        registry: &Registry,
        addresses: &[SocketAddr],
        token: impl Fn(usize) -> Token,
    ) -> Result<Self, String> {
        if addresses.len() > MAX_LISTENERS {
            return Err(format!(
                "cannot listen at more than {MAX_LISTENERS} addresses; name fewer with --listen"
            ));
        }
        let mut sockets = Vec::new();
        for (index, address) in addresses.iter().enumerate() {
            let mut socket = TcpListener::bind(*address).map_err(|error| fault(*address, &error))?;
            registry
                .register(&mut socket, token(index), Interest::READABLE)
                .map_err(|error| fault(*address, &error))?;
            sockets.push(socket);
        }
        Ok(Self { sockets, retry_at: None })
    }

    /// Where they listen: what the kernel made of port 0.
    pub(crate) fn addresses(&self) -> impl Iterator<Item = SocketAddr> {
        self.sockets.iter().filter_map(|socket| socket.local_addr().ok())
    }

    /// Who calls at one of them: as many as a turn takes.
    pub(crate) fn accept(&mut self, now: Millis, index: usize) -> Vec<(TcpStream, SocketAddr)> {
        let mut callers = Vec::new();
        let Some(socket) = self.sockets.get(index) else { return callers };
        for _ in 0..ACCEPTS_PER_TURN {
            match socket.accept() {
                Ok(caller) => callers.push(caller),
                Err(error) => match error.kind() {
                    io::ErrorKind::WouldBlock => return callers,
                    // The caller was gone before we came to the door.
                    io::ErrorKind::ConnectionAborted | io::ErrorKind::Interrupted => {}
                    _ => {
                        warn!("cannot accept: {error}; trying again in {} ms", RETRY.0);
                        self.retry_at = Some(now.plus(RETRY));
                        return callers;
                    }
                },
            }
        }
        // The edge is used up; what is still in the backlog waits for the next turn.
        self.retry_at = Some(now);
        callers
    }

    /// Who calls at any of them, if something was left behind and it is time to look again.
    pub(crate) fn accept_again(&mut self, now: Millis) -> Vec<(TcpStream, SocketAddr)> {
        if self.retry_at.is_none_or(|at| at > now) {
            return Vec::new();
        }
        self.retry_at = None;
        (0..self.sockets.len()).flat_map(|index| self.accept(now, index)).collect()
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
        self.sockets.clear();
        self.retry_at = None;
    }
}

fn fault(address: SocketAddr, error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::AddrInUse => format!(
            "cannot listen at {address}: something listens there already (another Snug?); stop it or choose another \
             port with --listen"
        ),
        io::ErrorKind::PermissionDenied => format!(
            "cannot listen at {address}: ports below 1024 are not for everybody; choose a higher one with --listen"
        ),
        io::ErrorKind::AddrNotAvailable => {
            format!("cannot listen at {address}: this machine does not have that address; see `ip addr`")
        }
        _ => format!("cannot listen at {address}: {error}"),
    }
}
