//! The opening handshake, judged clause by clause (RFC 6455 section 4.2.1) and answered (section 4.2.2). Must not
//! know which paths, rooms or subprotocols there are.

use alloc::string::String;
use alloc::vec::Vec;
use core::net::IpAddr;

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use sha1::{Digest, Sha1};

use crate::http::{Head, Refusal, authority};

/// What the key is joined with, so that no server answers right by accident (section 1.3).
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// A key must be padded as base64 is, but small clients that leave stray bits in its last letter are let in: the key
/// protects nobody from them.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::RequireCanonical),
);

/// A request that may become a WebSocket.
#[derive(Debug)]
pub struct Upgrade<'h> {
    head: &'h Head<'h>,
    key: &'h str,
}

/// Judges a request for an upgrade, in the order of the clauses of section 4.2.1. Who may ask is another question:
/// see [`Origins`].
///
/// # Errors
/// The first clause that is not met.
pub fn judge<'h>(head: &'h Head<'h>) -> Result<Upgrade<'h>, Refusal> {
    // 1. "An HTTP/1.1 or higher GET request, including a Request-URI": the target was judged with the head.
    if head.method() != "GET" {
        return Err(Refusal::MethodNotAllowed("GET"));
    }
    // 3. "An |Upgrade| header field containing the value "websocket", treated as an ASCII case-insensitive value."
    // Asked before the rest, since who does not want a WebSocket needs no lesson in how to ask for one.
    if !head.wants_upgrade() {
        return Err(Refusal::UpgradeRequired);
    }
    if !head.is_http_1_1() {
        return Err(Refusal::OldHttp);
    }
    // 2. "A |Host| header field": judged with the head.
    // 4. "A |Connection| header field that includes the token "Upgrade", treated as an ASCII case-insensitive value."
    if !head.list("Connection").any(|option| option.eq_ignore_ascii_case("upgrade")) {
        return Err(Refusal::Connection);
    }
    // 6. "A |Sec-WebSocket-Version| header field, with a value of 13." Asked before the key: in another version a key
    // may look different.
    if head.header("Sec-WebSocket-Version") != Some("13") {
        return Err(Refusal::WebSocketVersion);
    }
    // 5. "A |Sec-WebSocket-Key| header field with a base64-encoded value that, when decoded, is 16 bytes in length."
    let key = head.header("Sec-WebSocket-Key").ok_or(Refusal::NoKey)?;
    let mut nonce = [0; 18]; // the decoder wants room for whole groups of three
    if BASE64.decode_slice(key, &mut nonce) != Ok(16) {
        return Err(Refusal::Key);
    }
    // 7. |Origin|: optional here, judged by `check_origin`.
    // 8. "Optionally, a |Sec-WebSocket-Protocol| header field, with a list of values": tokens (section 4.1).
    if head.list("Sec-WebSocket-Protocol").any(|name| !name.bytes().all(is_token)) {
        return Err(Refusal::Protocols);
    }
    // 9. and 10. Extensions and other headers: "Unknown header fields are ignored".
    Ok(Upgrade { head, key })
}

impl<'h> Upgrade<'h> {
    /// The subprotocols that the client speaks, the one it likes best first.
    pub fn protocols(&self) -> impl Iterator<Item = &'h str> {
        self.head.list("Sec-WebSocket-Protocol")
    }

    /// Appends the 101 (section 4.2.2, clause 5). `protocol` is one of [`Upgrade::protocols`], or none; a client
    /// fails the connection if it is one that it did not offer. No extension is ever agreed to.
    pub fn accept(&self, protocol: Option<&str>, out: &mut Vec<u8>) {
        out.extend_from_slice(
            b"HTTP/1.1 101 Switching Protocols\r\n\
              Upgrade: websocket\r\n\
              Connection: Upgrade\r\n\
              Sec-WebSocket-Accept: ",
        );
        out.extend_from_slice(&accept_key(self.key));
        if let Some(protocol) = protocol {
            out.extend_from_slice(b"\r\nSec-WebSocket-Protocol: ");
            out.extend_from_slice(protocol.as_bytes());
        }
        out.extend_from_slice(b"\r\n\r\n");
    }
}

/// Which pages may connect.
#[derive(Clone, Debug, Default)]
pub struct Origins {
    /// Whole origins such as `https://chat.example`, beside our own.
    pub allowed: Vec<String>,
    /// What this machine is called, such as `board`.
    pub names: Vec<String>,
}

/// Name endings that no name server of the internet answers for, or only with leave of this network (RFC 6762, RFC
/// 8375, and what home routers use).
const LOCAL_ENDINGS: [&str; 7] =
    [".local", ".lan", ".home.arpa", ".internal", ".home", ".localdomain", ".fritz.box"];

impl Origins {
    /// Judges which page asks. Any page in a browser can open a WebSocket to any address, also to this machine and this
    /// network, so a page may do so only if it came from here or is listed. Clients that are not browsers send no
    /// origin.
    ///
    /// From here means: the same host and port as in `Host`, and a host that is us for sure: an address, `localhost`,
    /// or one of our names. For a stranger can have his own name point at us (DNS rebinding), and then his page and our
    /// `Host` agree. The scheme may differ, since TLS may end before us.
    ///
    /// # Errors
    /// [`Refusal::Origin`].
    pub fn judge(&self, head: &Head<'_>) -> Result<(), Refusal> {
        let Some(origin) = head.origin() else { return Ok(()) };
        if self.allowed.iter().any(|listed| listed.eq_ignore_ascii_case(origin)) {
            return Ok(());
        }
        match same_host(origin, head.host()) {
            Some(host) if self.is_us(host) => Ok(()),
            _ => Err(Refusal::Origin),
        }
    }

    /// Judges which page reads without a WebSocket. A browser that asks a page's own server for something to read does
    /// not say the page's origin. So beyond [`Origins::judge`]: who says none must call us by a host that is us for
    /// sure, or that a listed origin has. (To post, browsers always say it.)
    ///
    /// # Errors
    /// [`Refusal::Origin`], and [`Refusal::StrangeHost`].
    pub fn judge_reader(&self, head: &Head<'_>) -> Result<(), Refusal> {
        // Only HTTP/1.0 can do without a host, and no browser speaks it.
        if head.origin().is_some() || head.host().is_empty() {
            return self.judge(head);
        }
        let (host, _) = authority(head.host()).ok_or(Refusal::Host)?;
        let hosts = self.allowed.iter().filter_map(|listed| authority(listed.split_once("://")?.1));
        let is_listed = hosts.map(|(host, _)| host).any(|listed| listed.eq_ignore_ascii_case(host));
        if is_listed || self.is_us(host) { Ok(()) } else { Err(Refusal::StrangeHost) }
    }

    fn is_us(&self, host: &str) -> bool {
        let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
        if bare.parse::<IpAddr>().is_ok() || bare.eq_ignore_ascii_case("localhost") {
            return true;
        }
        self.names.iter().any(|name| {
            let Some((start, ending)) = bare.split_at_checked(name.len()) else { return false };
            let is_local = LOCAL_ENDINGS.iter().any(|local| local.eq_ignore_ascii_case(ending));
            start.eq_ignore_ascii_case(name) && (ending.is_empty() || is_local)
        })
    }
}

/// The proof that the key was read: base64(SHA-1(key + GUID)).
fn accept_key(key: &str) -> [u8; 28] {
    let proof = Sha1::new().chain_update(key).chain_update(GUID).finalize();
    let mut letters = [0; 28];
    // 20 bytes are always 28 letters, so there is always room.
    let _ = BASE64.encode_slice(proof, &mut letters);
    letters
}

/// The host that a page's origin and our `Host` have in common, if they have it and the port.
fn same_host<'h>(origin: &str, host: &'h str) -> Option<&'h str> {
    let (rest, default_port) = match origin.split_once("://") {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") => (rest, 80),
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("https") => (rest, 443),
        _ => return None,
    };
    let ((page, page_port), (own, own_port)) = (authority(rest)?, authority(host)?);
    let is_same = page.eq_ignore_ascii_case(own)
        && page_port.unwrap_or(default_port) == own_port.unwrap_or(default_port);
    is_same.then_some(own)
}

/// A character of a token (RFC 9110 section 5.6.2).
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}
