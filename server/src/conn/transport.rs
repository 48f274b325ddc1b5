//! Bytes in, bytes out. The only file that knows what kind of socket it is. TLS will be a second variant here.

use std::io::{self, IoSlice, Read, Write};
use std::net::{IpAddr, Shutdown};

use mio::event::Source;
use mio::net::TcpStream;
use mio::{Interest, Registry, Token};

/// A connected socket.
#[derive(Debug)]
pub enum Transport {
    /// TCP without encryption.
    Plain(TcpStream),
}

impl Transport {
    /// Reads what is there, at most as much as fits.
    ///
    /// # Errors
    /// `WouldBlock` if nothing is there, or whatever the socket says (read(2)).
    pub fn read(&mut self, scratch: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => retry(|| stream.read(scratch)),
        }
    }

    /// Hands bytes to the kernel in one system call; says how many it took.
    ///
    /// # Errors
    /// `WouldBlock` if it takes none, or whatever the socket says (writev(2)).
    pub fn write(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => retry(|| match slices {
                // write(2) is cheaper than writev(2) for one piece, and one piece is the rule.
                [one] => stream.write(one),
                many => stream.write_vectored(many),
            }),
        }
    }

    /// Tells the peer that nothing more will come.
    pub fn finish(&self) {
        match self {
            // It fails only if the peer is gone already; the next read says so.
            Self::Plain(stream) => drop(stream.shutdown(Shutdown::Write)),
        }
    }

    /// Puts the socket under the poll's eyes, once, for both directions.
    ///
    /// # Errors
    /// Whatever epoll_ctl(2) says.
    pub fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        match self {
            Self::Plain(stream) => stream.register(registry, token, Interest::READABLE | Interest::WRITABLE),
        }
    }
}

/// Where a peer calls from, as one number, so that IPv4, and IPv4 written as IPv6, are one address.
#[must_use]
pub fn address_number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().to_bits(),
        IpAddr::V6(v6) => v6.to_bits(),
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
