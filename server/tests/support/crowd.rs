//! Thousands of clients in one thread, by a poll of their own. Each has bytes to send and hears what comes; what they
//! answer is the test's business. Pings are answered, as every client does.

use std::collections::HashMap;
use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::time::Duration;

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use rustix::net::sockopt;

use super::peer::{self, CLOSE, PING, PONG, TEXT, frame, parse};

/// What one of them hears.
#[derive(Debug)]
pub(crate) enum Heard {
    /// 101: it may speak.
    Upgraded,
    /// Another head than that.
    Refused(String),
    Text(String),
    /// A close frame, with its code.
    Closed(u16),
    /// The stream has ended, or broken. It is not in the crowd any more.
    Gone(Option<ErrorKind>),
}

pub(crate) struct Crowd {
    poll: Poll,
    events: Events,
    members: HashMap<usize, Member>,
}

struct Member {
    stream: TcpStream,
    inbox: Vec<u8>,
    outgoing: Vec<u8>,
    is_upgraded: bool,
}

impl Crowd {
    pub(crate) fn new() -> Self {
        let poll = Poll::new().expect("a poll");
        Self { poll, events: Events::with_capacity(1024), members: HashMap::new() }
    }

    pub(crate) fn len(&self) -> usize {
        self.members.len()
    }

    /// Connects `number`, and does not wait for it; `first` is sent when it is through.
    pub(crate) fn dial(&mut self, number: usize, address: SocketAddr, first: Vec<u8>) {
        let mut stream = TcpStream::connect(address).expect("a socket");
        let both = Interest::READABLE | Interest::WRITABLE;
        self.poll.registry().register(&mut stream, Token(number), both).expect("it is watched");
        let member = Member { stream, inbox: Vec::new(), outgoing: first, is_upgraded: false };
        assert!(self.members.insert(number, member).is_none(), "{number} is there already");
    }

    /// Says something as `number`.
    pub(crate) fn say(&mut self, number: usize, text: &str) {
        let member = self.members.get_mut(&number).expect("it is there");
        member.outgoing.extend(frame(0x80 | TEXT, text.as_bytes()));
        let _ = member.write(); // if it fails, the next event says so
    }

    /// Ends one connection.
    pub(crate) fn leave(&mut self, number: usize) {
        self.members.remove(&number);
    }

    /// Ends all connections the hard way: the server gets resets.
    pub(crate) fn reset(&mut self) {
        for (_, member) in self.members.drain() {
            // If it is refused, the end is a softer one.
            let _ = sockopt::set_socket_linger(&member.stream, Some(Duration::ZERO));
        }
    }

    /// Waits for something to come, but not long, and hands on what came. What is put into the bytes is sent.
    pub(crate) fn turn(&mut self, mut hear: impl FnMut(usize, Heard, &mut Vec<u8>)) {
        match self.poll.poll(&mut self.events, Some(Duration::from_millis(20))) {
            Err(error) if error.kind() != ErrorKind::Interrupted => panic!("{error}"),
            _ => {}
        }
        for event in &self.events {
            let Token(number) = event.token();
            let Some(member) = self.members.get_mut(&number) else { continue };
            // What waits goes first: before it is connected nothing comes.
            let written = member.write();
            let read = member.read();
            while let Some(heard) = member.next() {
                hear(number, heard, &mut member.outgoing);
            }
            let _ = member.write(); // if it fails, the next event says so
            if let Err(why) = written.and(read) {
                self.members.remove(&number);
                let why = Some(why.kind()).filter(|why| *why != ErrorKind::UnexpectedEof);
                hear(number, Heard::Gone(why), &mut Vec::new());
            }
        }
    }
}

impl Member {
    /// Sends what waits, as far as it is taken.
    fn write(&mut self) -> io::Result<()> {
        while !self.outgoing.is_empty() {
            match self.stream.write(&self.outgoing) {
                Ok(count) => drop(self.outgoing.drain(..count)),
                Err(error) if is_pause(&error) => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Reads all there is. The end of the stream is an `UnexpectedEof`.
    fn read(&mut self) -> io::Result<()> {
        let mut buffer = [0; 16 * 1024];
        loop {
            match self.stream.read(&mut buffer) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(count) => self.inbox.extend_from_slice(&buffer[..count]),
                Err(error) if is_pause(&error) => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    }

    fn next(&mut self) -> Option<Heard> {
        if !self.is_upgraded {
            let end = self.inbox.windows(4).position(|bytes| bytes == b"\r\n\r\n")? + 4;
            let head: Vec<u8> = self.inbox.drain(..end).collect();
            self.is_upgraded = head.starts_with(b"HTTP/1.1 101 ");
            return Some(match self.is_upgraded {
                true => Heard::Upgraded,
                false => Heard::Refused(String::from_utf8_lossy(&head).into_owned()),
            });
        }
        loop {
            let (got, length) = parse(&self.inbox)?;
            self.inbox.drain(..length);
            match got.opcode {
                TEXT => return Some(Heard::Text(String::from_utf8(got.payload).expect("UTF-8"))),
                CLOSE => return Some(Heard::Closed(peer::code(&got.payload))),
                PING => self.outgoing.extend(frame(0x80 | PONG, &got.payload)),
                _ => {}
            }
        }
    }
}

/// Nothing can be done now. Until it is connected, nothing can be done either.
fn is_pause(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted | ErrorKind::NotConnected)
}
