//! Everything that can go wrong between this client and a server. Each fault knows its sentence and whether trying
//! again can help; it must not know who shows the sentence or when the next try is.

use std::fmt;

use protocol::time::Span;
use protocol::ws::Spread;

/// Why there is no connection, or no longer one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The name service does not know the host.
    UnknownHost {
        /// As it was typed.
        host: String,
    },
    /// Nothing listens there.
    Refused {
        /// Where.
        address: String,
    },
    /// There is no file where the socket should be.
    NoSocket {
        /// Where.
        path: String,
    },
    /// There is a file, but no server behind it.
    Deserted {
        /// Where.
        path: String,
    },
    /// The file's permissions, or those of a directory above it, keep us out.
    Forbidden {
        /// Where.
        path: String,
    },
    /// Too many wait at the socket already.
    Crowded {
        /// Where.
        path: String,
    },
    /// The network cannot get there.
    Unreachable {
        /// Where.
        address: String,
        /// What the system says.
        why: String,
    },
    /// No answer to the attempt to connect.
    NoAnswer {
        /// Where.
        address: String,
    },
    /// Connected, but the handshake did not come to an end in time.
    Mute {
        /// Where.
        address: String,
    },
    /// Connected, but the other end closed the connection in the middle of the handshake.
    HungUp {
        /// Where.
        address: String,
    },
    /// Something listens there that does not speak WebSocket.
    NotWebSocket {
        /// Where.
        address: String,
    },
    /// A WebSocket server, but it does not know `snug.v1`.
    NotSnug {
        /// Where.
        address: String,
    },
    /// An HTTP answer instead of an upgrade.
    HttpRefused {
        /// Where.
        address: String,
        /// The HTTP status.
        status: u16,
        /// The first line of the body; may be empty.
        line: String,
    },
    /// The server broke the rules of WebSocket, or sent what this client does not take.
    Broken {
        /// Which rule.
        why: String,
    },
    /// The server closed the connection in good order.
    Closed {
        /// RFC 6455 section 7.4; 1005 if it gave none.
        code: u16,
        /// What it said about it; may be empty.
        reason: String,
    },
    /// The connection ended without a word.
    Vanished,
    /// Nothing was heard for as long as [`super::IDLE`].
    Silent,
}

/// Whether trying again can help.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// Yes.
    Soon,
    /// Yes, but all the others will try too: not all at once, and over so long if the server has said it.
    Spread(Option<Span>),
    /// No: the same would happen again.
    Never,
}

impl Fault {
    /// Whether trying again can help.
    #[must_use]
    pub fn retry(&self) -> Retry {
        match self {
            Self::UnknownHost { .. }
            | Self::Refused { .. }
            | Self::NoSocket { .. }
            | Self::Deserted { .. }
            | Self::Forbidden { .. }
            | Self::Crowded { .. }
            | Self::Unreachable { .. }
            | Self::NoAnswer { .. }
            | Self::Mute { .. }
            | Self::HungUp { .. }
            | Self::Vanished
            | Self::Silent => Retry::Soon,
            Self::NotWebSocket { .. } | Self::NotSnug { .. } | Self::Broken { .. } => Retry::Never,
            // A proxy or a full server; the others are about the request, which will be the same.
            Self::HttpRefused { status, .. } if *status >= 500 || matches!(status, 408 | 429) => Retry::Soon,
            Self::HttpRefused { .. } => Retry::Never,
            Self::Closed { code, reason } => match code {
                1001 | 1012 => Retry::Spread(Spread::find(reason).map(Spread::span)),
                // Protocol error, unacceptable data, invalid text, policy, too big, extension: ours to mend.
                1002 | 1003 | 1007 | 1008 | 1009 | 1010 => Retry::Never,
                _ => Retry::Soon,
            },
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownHost { host } => {
                write!(f, "cannot find the host \"{host}\"; check the name or give --server ADDRESS")
            }
            Self::Refused { address } => {
                write!(
                    f,
                    "nothing listens at {address}; start one with `server`, or name another with --server"
                )
            }
            Self::NoSocket { path } => {
                write!(
                    f,
                    "there is no {path}; start a server with `server --listen unix:{path}`, or check the path"
                )
            }
            Self::Deserted { path } => {
                write!(f, "nobody listens at {path}; start a server with `server --listen unix:{path}`")
            }
            Self::Forbidden { path } => {
                write!(
                    f,
                    "you may not use {path}; ask its owner for write permission, also for the directory"
                )
            }
            Self::Crowded { path } => {
                write!(f, "too many wait at {path} already; it may work later")
            }
            Self::Unreachable { address, why } => {
                write!(f, "cannot get to {address}: {why}; check the network and --server")
            }
            Self::NoAnswer { address } => {
                write!(f, "no answer from {address}; check that it is switched on, and --server")
            }
            Self::Mute { address } => {
                write!(f, "{address} takes connections but does not answer; check that it is a Snug server")
            }
            Self::HungUp { address } => {
                write!(f, "{address} hung up before it said anything; check that it is a Snug server")
            }
            Self::NotWebSocket { address } => {
                write!(f, "there is no Snug server at {address}, but something else; check --server")
            }
            Self::NotSnug { address } => {
                write!(f, "the server at {address} does not speak snug.v1; check --server, or its version")
            }
            Self::HttpRefused { address, status, line } => {
                write!(f, "{address} refused with HTTP {status}")?;
                if !line.is_empty() {
                    write!(f, " \"{line}\"")?;
                }
                match self.retry() {
                    Retry::Never => f.write_str("; check that --server names a Snug server"),
                    _ => f.write_str("; it may work later"),
                }
            }
            Self::Broken { why } => write!(f, "the server sent what it must not send ({why})"),
            Self::Closed { code, reason } => {
                let what = match code {
                    1000 => "the server ended the connection",
                    1001 => "the server is going away",
                    1008 => "the server hung up: this was against its rules",
                    1009 => "the server hung up: a message was too long for it",
                    1011 => "the server hung up: it had an internal error",
                    1012 => "the server stops, perhaps to start again",
                    1013 => "the server hung up: it is too busy, or this end was too slow",
                    _ => "the server hung up",
                };
                f.write_str(what)?;
                match (reason.as_str(), code) {
                    ("", 1000..=1001 | 1008..=1009 | 1011..=1013) => Ok(()),
                    ("", code) => write!(f, " (code {code})"),
                    // That is for us, not for the person.
                    (reason, 1012) if Spread::find(reason).is_some() => Ok(()),
                    (reason, _) => write!(f, " ({reason})"),
                }
            }
            Self::Vanished => f.write_str("the connection broke"),
            Self::Silent => f.write_str("nothing heard from the server for a long time"),
        }
    }
}

impl std::error::Error for Fault {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_fault_is_a_sentence_that_says_what_to_do() {
        let address = || "127.0.0.1:7684".to_string();
        let said = [
            (
                Fault::UnknownHost { host: "boat".into() },
                "cannot find the host \"boat\"; check the name or give --server ADDRESS",
            ),
            (
                Fault::Refused { address: address() },
                "nothing listens at 127.0.0.1:7684; start one with `server`, or name another with --server",
            ),
            (
                Fault::NoSocket { path: "/run/snug".into() },
                "there is no /run/snug; start a server with `server --listen unix:/run/snug`, or check the path",
            ),
            (
                Fault::Deserted { path: "/run/snug".into() },
                "nobody listens at /run/snug; start a server with `server --listen unix:/run/snug`",
            ),
            (
                Fault::Forbidden { path: "/run/snug".into() },
                "you may not use /run/snug; ask its owner for write permission, also for the directory",
            ),
            (
                Fault::HttpRefused { address: address(), status: 503, line: "too many connections".into() },
                "127.0.0.1:7684 refused with HTTP 503 \"too many connections\"; it may work later",
            ),
            (
                Fault::HttpRefused { address: address(), status: 404, line: String::new() },
                "127.0.0.1:7684 refused with HTTP 404; check that --server names a Snug server",
            ),
            (Fault::Closed { code: 1012, reason: String::new() }, "the server stops, perhaps to start again"),
            (
                Fault::Closed { code: 1012, reason: "the server stops; spread your return over 9 s".into() },
                "the server stops, perhaps to start again",
            ),
            (
                Fault::Closed { code: 1012, reason: "new kernel".into() },
                "the server stops, perhaps to start again (new kernel)",
            ),
            (Fault::Closed { code: 1006, reason: String::new() }, "the server hung up (code 1006)"),
            (
                Fault::Closed { code: 1008, reason: "too many pings".into() },
                "the server hung up: this was against its rules (too many pings)",
            ),
        ];
        for (fault, sentence) in said {
            assert_eq!(fault.to_string(), sentence);
        }
    }

    #[test]
    fn what_would_happen_again_is_not_tried_again() {
        let closed = |code| Fault::Closed { code, reason: String::new() }.retry();
        assert_eq!([closed(1012), closed(1001)], [Retry::Spread(None); 2]);
        assert_eq!([closed(1000), closed(1011), closed(1013), closed(4000)], [Retry::Soon; 4]);
        assert_eq!([closed(1002), closed(1003), closed(1007), closed(1008), closed(1009)], [Retry::Never; 5]);
        let advised = Fault::Closed { code: 1012, reason: "bye; spread your return over 9 s".into() };
        assert_eq!(advised.retry(), Retry::Spread(Some(Span::secs(9))));
        let http =
            |status| Fault::HttpRefused { address: String::new(), status, line: String::new() }.retry();
        assert_eq!([http(503), http(502), http(429)], [Retry::Soon; 3]);
        assert_eq!([http(200), http(301), http(404), http(426)], [Retry::Never; 4]);
    }
}
