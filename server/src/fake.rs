//! Sockets and a door without a kernel: a script is the kernel and the peer. Only tests and fuzz targets have them.
//! Must not know what the bytes mean.
//!
//! They keep what an edge-triggered poll promises, and no more: an edge is told once, when something has come or when
//! there is room again for what was refused. So a reactor that forgets an edge waits for ever, as with a kernel.

use std::collections::VecDeque;
use std::io::{self, IoSlice, Read, Write};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mio::Token;
use rustix::io::Errno;

use crate::source::{Happened, Source};

/// The server's end of a socket. The socket is closed when it is dropped.
#[derive(Debug)]
pub struct Socket(Shared<Line>);

/// The script's end: what the peer does, and what the kernel does for the peer.
#[derive(Clone, Debug)]
pub struct Peer(Shared<Line>);

#[derive(Debug, Default)]
struct Line {
    token: Option<Token>,
    /// To the server, and not read yet.
    inbound: VecDeque<u8>,
    /// Nothing comes behind it; perhaps since the peer has thrown the connection away.
    ended: bool,
    broken: bool,
    /// From the server, and not yet looked at.
    outbound: Vec<u8>,
    /// How many bytes the kernel takes now.
    room: usize,
    /// It did not take all it was given.
    refused: bool,
    /// The server says no more.
    finished: bool,
    closed: bool,
    /// What the poll has not told yet.
    readable: bool,
    writable: bool,
    /// The poll also tells when there is room.
    watches_room: bool,
}

/// A pair of ends. The kernel takes whatever it is given, until [`Peer::stall`].
pub(crate) fn socket() -> (Socket, Peer) {
    let line = Shared::new(Line { room: usize::MAX, ..Line::default() });
    (Socket(line.clone()), Peer(line))
}

impl Socket {
    pub(crate) fn register(&self, token: Token) {
        let line = &mut self.0.lock();
        line.token = Some(token);
        // Whatever is so at that moment is an edge.
        line.readable = line.ended || !line.inbound.is_empty();
    }

    pub(crate) fn watch_room(&self) {
        let line = &mut self.0.lock();
        line.watches_room = true;
        line.writable |= line.room > 0;
    }

    pub(crate) fn finish(&self) {
        self.0.lock().finished = true;
    }
}

impl Read for Socket {
    fn read(&mut self, scratch: &mut [u8]) -> io::Result<usize> {
        let line = &mut self.0.lock();
        if line.broken {
            return Err(Errno::CONNRESET.into());
        }
        if line.inbound.is_empty() && !line.ended {
            return Err(Errno::AGAIN.into());
        }
        line.inbound.read(scratch)
    }
}

impl Write for Socket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_vectored(&[IoSlice::new(bytes)])
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let line = &mut self.0.lock();
        assert!(!line.finished, "the server has said that it says no more");
        if line.broken {
            return Err(Errno::PIPE.into());
        }
        let before = line.room;
        for slice in slices {
            let taken = slice.get(..line.room).unwrap_or(slice);
            line.outbound.extend_from_slice(taken);
            // Room without a limit stays without one.
            line.room -= if line.room == usize::MAX { 0 } else { taken.len() };
            line.refused |= taken.len() < slice.len();
        }
        let is_nothing = before == 0 && slices.iter().any(|slice| !slice.is_empty());
        if is_nothing {
            return Err(Errno::AGAIN.into());
        }
        Ok(slices.iter().map(|slice| slice.len()).sum::<usize>().min(before))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.0.lock().closed = true;
    }
}

impl Peer {
    /// The peer sends.
    pub fn send(&self, bytes: &[u8]) {
        let line = &mut self.0.lock();
        if line.ended || line.closed || bytes.is_empty() {
            return;
        }
        line.inbound.extend(bytes);
        line.readable = true;
    }

    /// The peer says that it sends no more. It may still read.
    pub fn end(&self) {
        let line = &mut self.0.lock();
        line.readable |= !line.ended;
        line.ended = true;
    }

    /// The peer is gone, and what was on the way with it.
    pub fn reset(&self) {
        let line = &mut self.0.lock();
        line.inbound.clear();
        (line.ended, line.broken) = (true, true);
        (line.readable, line.writable) = (true, line.watches_room);
    }

    /// The kernel takes no more.
    pub fn stall(&self) {
        self.0.lock().room = 0;
    }

    /// The kernel takes so many bytes more; `usize::MAX` for all.
    pub fn make_room(&self, bytes: usize) {
        let line = &mut self.0.lock();
        line.room = line.room.saturating_add(bytes);
        if bytes > 0 && std::mem::take(&mut line.refused) {
            line.writable |= line.watches_room;
        }
    }

    /// Whether it takes whatever it is given.
    #[must_use]
    pub fn takes_all(&self) -> bool {
        self.0.lock().room == usize::MAX
    }

    /// Takes out what the server has said.
    #[must_use]
    pub fn hear(&self) -> Vec<u8> {
        std::mem::take(&mut self.0.lock().outbound)
    }

    /// Whether the peer has been told that nothing more comes.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        let line = self.0.lock();
        line.finished || line.closed
    }

    /// Whether the peer sends no more.
    #[must_use]
    pub fn is_ended(&self) -> bool {
        self.0.lock().ended
    }

    /// Whether the server has closed the socket.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.0.lock().closed
    }

    /// The slot the server has given it; even if it was freed since.
    #[must_use]
    pub fn slot(&self) -> Option<u32> {
        match Source::from(self.0.lock().token?) {
            Source::Conn(slot) => Some(slot),
            _ => None,
        }
    }

    /// Whether the poll has something to tell.
    pub(crate) fn has_edge(&self) -> bool {
        let line = self.0.lock();
        line.token.is_some() && !line.closed && (line.readable || line.writable)
    }

    /// What the poll tells now, if anything.
    pub(crate) fn edge(&self) -> Option<Happened> {
        let line = &mut self.0.lock();
        let source = Source::from(line.token?);
        if line.closed || !(line.readable || line.writable) {
            return None;
        }
        let readable = std::mem::take(&mut line.readable);
        let writable = std::mem::take(&mut line.writable);
        Some(Happened { source, readable, writable, ended: line.ended })
    }
}

/// A listening socket. Clones are the same door.
#[derive(Clone, Debug)]
pub struct Door(Shared<Knocks>);

#[derive(Debug, Default)]
struct Knocks {
    /// Who waits to be accepted; `None` for one who was gone before.
    backlog: VecDeque<Option<(Socket, IpAddr)>>,
    /// Why nobody can be accepted now.
    fault: Option<Errno>,
    /// How often somebody came to look.
    tries: usize,
    readable: bool,
}

impl Door {
    pub(crate) fn new() -> Self {
        Self(Shared::new(Knocks::default()))
    }

    /// Somebody calls from 10.0.0.`from`.
    pub fn call(&self, from: u8) -> Peer {
        let (socket, peer) = socket();
        let knocks = &mut self.0.lock();
        knocks.backlog.push_back(Some((socket, Ipv4Addr::new(10, 0, 0, from).into())));
        knocks.readable = true;
        peer
    }

    /// Somebody calls, and is gone before the door is opened (ECONNABORTED).
    pub fn call_and_go(&self) {
        let knocks = &mut self.0.lock();
        knocks.backlog.push_back(None);
        knocks.readable = true;
    }

    /// From now on, accept(2) says this.
    pub(crate) fn fail(&self, fault: Option<Errno>) {
        self.0.lock().fault = fault;
    }

    /// How many wait to be accepted.
    #[must_use]
    pub fn backlog(&self) -> usize {
        self.0.lock().backlog.len()
    }

    /// How often accept(2) was called.
    #[must_use]
    pub fn tries(&self) -> usize {
        self.0.lock().tries
    }

    pub(crate) fn accept(&self) -> io::Result<(Socket, IpAddr)> {
        let knocks = &mut self.0.lock();
        knocks.tries += 1;
        if knocks.backlog.is_empty() {
            return Err(Errno::AGAIN.into());
        }
        if let Some(fault) = knocks.fault {
            return Err(fault.into());
        }
        knocks.backlog.pop_front().flatten().ok_or_else(|| Errno::CONNABORTED.into())
    }

    pub(crate) fn has_edge(&self) -> bool {
        self.0.lock().readable
    }

    /// What the poll tells now, if anything.
    pub(crate) fn edge(&self) -> Option<Happened> {
        let readable = std::mem::take(&mut self.0.lock().readable);
        let source = Source::Listener(0);
        readable.then_some(Happened { source, readable, writable: false, ended: false })
    }
}

/// What both ends hold. A mutex for what is never contended: a reactor may be moved to another thread.
#[derive(Debug)]
struct Shared<T>(Arc<Mutex<T>>);

impl<T> Shared<T> {
    fn new(value: T) -> Self {
        Self(Arc::new(Mutex::new(value)))
    }

    fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Clone for Shared<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}
