//! What `--server` may say, as a type whose constructor is the validation. Must not know sockets.

use std::fmt;
use std::path::PathBuf;

/// The port of a Snug server: S-N-U-G on a phone's keys.
pub const PORT: u16 = 7684;

/// The longest path of a socket in bytes: `sun_path` in unix(7) has 108, and a NUL ends it.
const MAX_SOCKET_PATH: usize = 107;

/// Where a server is: `HOST`, `HOST:PORT`, `ws://HOST[:PORT][/PATH]` or `unix:PATH`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// Which machine and which door.
    pub place: Place,
    /// What is asked for in the request line.
    pub path: String,
}

/// Which machine and which door.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// In a network.
    Tcp {
        /// A name, an IPv4 address, or an IPv6 address without brackets.
        host: String,
        /// The TCP port.
        port: u16,
    },
    /// The file of a socket on this machine.
    Unix(PathBuf),
}

impl Address {
    /// Reads what `--server` says. Without a port it is [`PORT`]; after `ws://` it is 80, as in a browser.
    ///
    /// # Errors
    /// If it is no address, or of a sort this version cannot reach.
    pub fn parse(text: &str) -> Result<Self, AddressFault> {
        let fault = || AddressFault::Malformed(text.to_owned());
        if text.starts_with("wss://") {
            return Err(AddressFault::Tls);
        }
        if let Some(socket) = text.strip_prefix("unix:") {
            if socket.is_empty() || socket.len() > MAX_SOCKET_PATH || socket.contains('\0') {
                return Err(AddressFault::Socket);
            }
            return Ok(Self { place: Place::Unix(socket.into()), path: "/ws".into() });
        }
        let (rest, default_port) = match text.strip_prefix("ws://") {
            Some(rest) => (rest, 80),
            None if text.contains("://") => return Err(AddressFault::Scheme(text.to_owned())),
            None => (text, PORT),
        };
        let (authority, path) = match rest.find('/') {
            Some(at) => rest.split_at(at),
            None => (rest, "/"),
        };
        let (host, port) = split_port(authority).ok_or_else(fault)?;
        let port = match port {
            None => default_port,
            Some(digits) => digits.parse().ok().filter(|port| *port != 0).ok_or_else(fault)?,
        };
        // What goes into the request line and the Host header has to be harmless there.
        let harmless = |c: char| c.is_ascii_graphic() && !matches!(c, '#' | '"' | '<' | '>' | '\\');
        let good_host = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | ':' | '%');
        if host.is_empty() || !host.chars().all(good_host) || !path.chars().all(harmless) {
            return Err(fault());
        }
        let path = if path == "/" { "/ws" } else { path };
        Ok(Self { place: Place::Tcp { host: host.to_owned(), port }, path: path.to_owned() })
    }

    /// What stands in the Host header; `None` if that has to be the address behind the name.
    #[must_use]
    pub fn host_header(&self) -> Option<String> {
        match &self.place {
            // A name with letters beyond ASCII, or an address with a zone, has no place in a header.
            Place::Tcp { host, .. } => (host.is_ascii() && !host.contains('%')).then(|| self.to_string()),
            // There is no host, but HTTP wants one (RFC 9112 section 3.2).
            Place::Unix(_) => Some("localhost".into()),
        }
    }
}

/// As it is written in a URL, an IPv6 address in brackets; or as `--server` takes it.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Place::Tcp { host, port } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Place::Tcp { host, port } => write!(f, "{host}:{port}"),
            Place::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

const CHOICE: &str = "give HOST, HOST:PORT, ws://HOST:PORT or unix:PATH";

/// Why `--server` is no address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AddressFault {
    /// Encrypted connections come later.
    Tls,
    /// No path that a socket can have.
    Socket,
    /// Another scheme than `ws`.
    Scheme(String),
    /// Not a host with or without a port.
    Malformed(String),
}

impl fmt::Display for AddressFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tls => f.write_str("this version cannot do wss:// yet; use ws:// or HOST:PORT"),
            Self::Socket => {
                write!(f, "the path of a socket has 1 to {MAX_SOCKET_PATH} bytes; give unix:PATH")
            }
            Self::Scheme(text) => write!(f, "cannot use \"{text}\"; {CHOICE}"),
            Self::Malformed(text) => write!(f, "\"{text}\" is no server address; {CHOICE}"),
        }
    }
}

/// Splits `HOST[:PORT]`; an IPv6 address has brackets when a port follows.
fn split_port(authority: &str) -> Option<(&str, Option<&str>)> {
    if let Some(rest) = authority.strip_prefix('[') {
        let (host, after) = rest.split_once(']')?;
        return match after {
            "" => Some((host, None)),
            _ => Some((host, Some(after.strip_prefix(':')?))),
        };
    }
    match authority.split_once(':') {
        None => Some((authority, None)),
        Some((_, rest)) if rest.contains(':') => Some((authority, None)), // a bare IPv6 address
        Some((host, port)) => Some((host, Some(port))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_server_may_say() {
        for (text, host, port, path) in [
            ("board", "board", 7684, "/ws"),
            ("board:80", "board", 80, "/ws"),
            ("192.168.1.7", "192.168.1.7", 7684, "/ws"),
            ("::1", "::1", 7684, "/ws"),
            ("[::1]:99", "::1", 99, "/ws"),
            ("[fe80::1%eth0]", "fe80::1%eth0", 7684, "/ws"),
            ("ws://board:7684", "board", 7684, "/ws"),
            ("ws://board:7684/", "board", 7684, "/ws"),
            ("ws://board", "board", 80, "/ws"),
            ("ws://example.org/chat/ws?x=1", "example.org", 80, "/chat/ws?x=1"),
            ("küche.local", "küche.local", 7684, "/ws"),
        ] {
            let address = Address { place: Place::Tcp { host: host.into(), port }, path: path.into() };
            assert_eq!(Address::parse(text), Ok(address), "{text}");
        }
    }

    #[test]
    fn what_it_may_not_say() {
        for bad in [
            "",
            ":7684",
            "board:",
            "board:x",
            "board:0",
            "board:65536",
            "a b",
            "[::1",
            "[::1]9",
            "ws://",
            "a\r\nb",
        ] {
            assert_eq!(Address::parse(bad), Err(AddressFault::Malformed(bad.into())), "{bad:?}");
        }
        assert_eq!(Address::parse("ws://board/a b"), Err(AddressFault::Malformed("ws://board/a b".into())));
        assert_eq!(Address::parse("wss://board"), Err(AddressFault::Tls));
        assert_eq!(Address::parse("unix:"), Err(AddressFault::Socket));
        assert_eq!(Address::parse("unix:a\0b"), Err(AddressFault::Socket));
        assert_eq!(Address::parse(&format!("unix:/{}", "x".repeat(107))), Err(AddressFault::Socket));
        assert_eq!(Address::parse("http://board"), Err(AddressFault::Scheme("http://board".into())));
    }

    #[test]
    fn a_socket_on_this_machine() {
        for path in ["/run/snug", "snug.sock", "/a b/c:d", &format!("/{}", "x".repeat(106))] {
            let text = format!("unix:{path}");
            let address = Address { place: Place::Unix(path.into()), path: "/ws".into() };
            assert_eq!(address.to_string(), text);
            assert_eq!(Address::parse(&text), Ok(address));
        }
    }

    #[test]
    fn as_it_is_written_in_a_host_header() {
        for (text, header) in [
            ("::1", Some("[::1]:7684")),
            ("board", Some("board:7684")),
            ("küche.local", None),
            ("fe80::1%eth0", None),
            ("unix:/run/snug", Some("localhost")),
        ] {
            let address = Address::parse(text).expect("an address");
            assert_eq!(address.host_header().as_deref(), header, "{text}");
        }
    }
}
