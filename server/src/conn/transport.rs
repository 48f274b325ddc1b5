//! Bytes in, bytes out. The only file that knows what kind of socket it is. TLS will be a second variant here.

use std::io::{self, IoSlice, Read, Write};
use std::net::Shutdown;

use mio::event::Source;
use mio::net::{TcpStream, UnixStream};
use mio::{Interest, Registry, Token};

#[cfg(any(test, feature = "scripted"))]
use crate::fake;

/// A connected socket.
#[derive(Debug)]
pub enum Transport {
    /// TCP without encryption.
    Plain(TcpStream),
    /// A socket in the file system: the peer is on this machine.
    Unix(UnixStream),
    /// A socket without a kernel: a script is the peer.
    #[cfg(any(test, feature = "scripted"))]
    Fake(fake::Socket),
}

impl Transport {
    /// Reads what is there, at most as much as fits.
    ///
    /// # Errors
    /// `WouldBlock` if nothing is there, or whatever the socket says (read(2)).
    pub fn read(&mut self, scratch: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => retry(|| stream.read(scratch)),
            Self::Unix(stream) => retry(|| stream.read(scratch)),
            #[cfg(any(test, feature = "scripted"))]
            Self::Fake(socket) => retry(|| socket.read(scratch)),
        }
    }

    /// Hands bytes to the kernel in one system call; says how many it took.
    ///
    /// # Errors
    /// `WouldBlock` if it takes none, or whatever the socket says (writev(2)).
    pub fn write(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => retry(|| write(stream, slices)),
            Self::Unix(stream) => retry(|| write(stream, slices)),
            #[cfg(any(test, feature = "scripted"))]
            Self::Fake(socket) => retry(|| write(socket, slices)),
        }
    }

    /// Tells the peer that nothing more will come.
    pub fn finish(&self) {
        // It fails only if the peer is gone already; the next read says so.
        match self {
            Self::Plain(stream) => drop(stream.shutdown(Shutdown::Write)),
            Self::Unix(stream) => drop(stream.shutdown(Shutdown::Write)),
            #[cfg(any(test, feature = "scripted"))]
            Self::Fake(socket) => socket.finish(),
        }
    }

    /// Puts the socket under the poll's eyes, for what comes in. A new socket can be written to, and to be woken up for
    /// that at once was the second event of every connection.
    ///
    /// # Errors
    /// Whatever epoll_ctl(2) says.
    pub fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        match self {
            Self::Plain(stream) => stream.register(registry, token, Interest::READABLE),
            Self::Unix(stream) => stream.register(registry, token, Interest::READABLE),
            #[cfg(any(test, feature = "scripted"))]
            Self::Fake(socket) => {
                socket.register(token);
                Ok(())
            }
        }
    }

    /// From now on the poll also tells when the kernel takes bytes again; at once, if it does so already.
    ///
    /// # Errors
    /// Whatever epoll_ctl(2) says.
    pub fn watch_room(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        let both = Interest::READABLE | Interest::WRITABLE;
        match self {
            Self::Plain(stream) => stream.reregister(registry, token, both),
            Self::Unix(stream) => stream.reregister(registry, token, both),
            #[cfg(any(test, feature = "scripted"))]
            Self::Fake(socket) => {
                socket.watch_room();
                Ok(())
            }
        }
    }
}

/// write(2) is cheaper than writev(2) for one piece, and one piece is the rule.
fn write(stream: &mut impl Write, slices: &[IoSlice<'_>]) -> io::Result<usize> {
    match slices {
        [one] => stream.write(one),
        many => stream.write_vectored(many),
    }
}

fn retry(mut call: impl FnMut() -> io::Result<usize>) -> io::Result<usize> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}
