//! The two sorts of connection as one stream of bytes. Must not know who dials them, or what they carry.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::path::PathBuf;

use mio::event::Source;
use mio::net::{TcpStream, UnixStream};

/// Where a stream may lead: one of the addresses that a server has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// An address and a port.
    Tcp(SocketAddr),
    /// A socket on this machine, see unix(7).
    Unix(PathBuf),
}

/// As in a Host header, or as `--server` takes it.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// A connection, or one that is coming to be.
#[derive(Debug)]
pub(super) enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Stream {
    /// Begins to connect.
    pub(super) fn connect(to: &Target) -> io::Result<Self> {
        match to {
            Target::Tcp(address) => TcpStream::connect(*address).map(Self::Tcp),
            Target::Unix(path) => UnixStream::connect(path).map(Self::Unix),
        }
    }

    /// Why it failed, if it did since the last time.
    pub(super) fn take_error(&self) -> Option<io::Error> {
        let asked = match self {
            Self::Tcp(stream) => stream.take_error(),
            Self::Unix(stream) => stream.take_error(),
        };
        asked.unwrap_or_else(Some)
    }

    /// Whether there is somebody at the other end. That it can be written proves nothing.
    pub(super) fn is_connected(&self) -> bool {
        match self {
            Self::Tcp(stream) => stream.peer_addr().is_ok(),
            Self::Unix(stream) => stream.peer_addr().is_ok(),
        }
    }

    /// Lines are small and people wait for them: no waiting for more to send.
    pub(super) fn do_not_delay(&self) {
        if let Self::Tcp(stream) = self {
            // It would only be slower.
            let _ = stream.set_nodelay(true);
        }
    }

    /// What the poller watches.
    pub(super) fn source(&mut self) -> &mut dyn Source {
        match self {
            Self::Tcp(stream) => stream,
            Self::Unix(stream) => stream,
        }
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.read(buffer),
            Self::Unix(stream) => stream.read(buffer),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.write(bytes),
            Self::Unix(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
