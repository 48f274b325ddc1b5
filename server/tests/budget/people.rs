//! People who do the same again and again, so that what it costs can be counted. Must not know what is counted.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use crate::support::Server;
use crate::support::peer::{Peer, TEXT, frame, upgrade};

/// Nobody is slowed down or turned away.
const NO_LIMITS: [&str; 6] =
    ["--max-rate", "0", "--max-connections", "0", "--max-connections-per-address", "0"];

/// A server at a port of the kernel's choice that is started by `command`, the last word of which is the program.
pub(crate) fn start(command: &mut Command, flags: &[&str]) -> Server {
    Server::run(command.args(["--listen", "127.0.0.1:0", "--log", "warn"]).args(NO_LIMITS).args(flags))
}

/// The server itself.
pub(crate) fn start_plainly(server: &Path, flags: &[&str]) -> Server {
    start(&mut Command::new(server), flags)
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Dialect {
    Plain,
    V1,
}

impl Dialect {
    /// As it stands in the names of figures.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::V1 => "v1",
        }
    }

    /// Connects and asks to be let into a room, all in one go.
    pub(crate) fn dial(self, address: SocketAddr, nick: &str, room: &str) -> Peer {
        let words = match self {
            Self::Plain => upgrade(&format!("/ws/{room}?nick={nick}"), false).into_bytes(),
            Self::V1 => {
                let hello = format!(r#"{{"type":"hello","nick":"{nick}"}}"#);
                let join = format!(r#"{{"type":"join","room":"{room}"}}"#);
                let ask = [hello, join].map(|text| frame(0x80 | TEXT, text.as_bytes())).concat();
                [upgrade("/ws", true).into_bytes(), ask].concat()
            }
        };
        let mut peer = Peer::dial(address).expect("it accepts");
        peer.send(&words).expect("it reads");
        peer
    }

    /// Waits to be let in.
    pub(crate) fn enter(self, peer: &mut Peer) {
        let head = peer.head().expect("it answers");
        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
        let let_in = match self {
            Self::Plain => "* you are in ",
            Self::V1 => r#"{"type":"joined""#,
        };
        while !peer.text().expect("it speaks").starts_with(let_in) {}
    }

    /// A line of 64 bytes, as a frame.
    fn line(self, room: &str, number: usize) -> Vec<u8> {
        let text = format!("{:.<64}", format!("line {number} "));
        let words = match self {
            Self::Plain => text,
            Self::V1 => format!(r#"{{"type":"say","id":"{number:032x}","room":"{room}","text":"{text}"}}"#),
        };
        frame(0x80 | TEXT, words.as_bytes())
    }

    /// Reads until so many lines of others have come, and so many ticks if this dialect has them.
    fn hear(self, peer: &mut Peer, mut lines: usize, ticks: usize) {
        let mut ticks = if self == Self::V1 { ticks } else { 0 };
        let (line, tick, error) = match self {
            Self::Plain => ("<", "+ ", "! "),
            Self::V1 => (r#"{"type":"message""#, r#"{"type":"stored""#, r#"{"type":"error""#),
        };
        while (lines, ticks) != (0, 0) {
            let text = peer.text().expect("what was said comes");
            assert!(!text.starts_with(error), "{text}");
            for (beginning, left) in [(line, &mut lines), (tick, &mut ticks)] {
                if text.starts_with(beginning) {
                    *left = left.checked_sub(1).expect("nothing comes twice");
                }
            }
        }
    }
}

/// Some who are in one room. The first of them are its authors.
pub(crate) struct Room {
    name: String,
    dialect: Dialect,
    members: Vec<Peer>,
    said: usize,
}

impl Room {
    pub(crate) fn dial(address: SocketAddr, dialect: Dialect, name: &str, members: usize) -> Self {
        let dial = |number| dialect.dial(address, &format!("{name}-p{number}"), name);
        Self { name: name.to_owned(), dialect, members: (0..members).map(dial).collect(), said: 0 }
    }

    pub(crate) fn enter(&mut self) {
        self.members.iter_mut().for_each(|member| self.dialect.enter(member));
    }

    /// Everybody is there when this returns.
    pub(crate) fn come(address: SocketAddr, dialect: Dialect, name: &str, members: usize) -> Self {
        let mut room = Self::dial(address, dialect, name, members);
        room.enter();
        room
    }

    /// The first says so many lines. Each is heard by everybody before the next one is said.
    pub(crate) fn talk(&mut self, lines: usize) {
        for _ in 0..lines {
            self.send(1, 1);
            self.hear(1, 1);
        }
    }

    /// Each in turn says a line.
    pub(crate) fn go_round(&mut self) {
        for _ in 0..self.members.len() {
            self.talk(1);
            self.members.rotate_left(1);
        }
    }

    /// So many of them say so many lines each, all in one go.
    pub(crate) fn send(&mut self, authors: usize, lines: usize) {
        for author in self.members.iter_mut().take(authors) {
            let from = self.said;
            self.said += lines;
            let words = (from..from + lines).flat_map(|number| self.dialect.line(&self.name, number));
            author.send(&words.collect::<Vec<_>>()).expect("it reads");
        }
    }

    /// Everybody hears what was sent: once, and nothing else that was said.
    pub(crate) fn hear(&mut self, authors: usize, lines: usize) {
        for (number, member) in self.members.iter_mut().enumerate() {
            let own = if number < authors { lines } else { 0 };
            self.dialect.hear(member, authors * lines - own, own);
        }
    }
}
