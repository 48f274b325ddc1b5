//! Why a request is refused: one variant a fault, and the fault knows its status and its sentence. Must not know who
//! found it.

use alloc::format;
use alloc::vec::Vec;
use core::fmt;

use super::respond::respond;
use crate::limits::{MAX_HEADERS, MAX_TARGET};

/// What is wrong with a request, or with asking it here and now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The first line is not `METHOD TARGET HTTP/1.x`.
    RequestLine,
    /// Another version of HTTP than 1.0 or 1.1.
    HttpVersion,
    /// A target that is not a path: it names a host, or is `*`, or has characters no URL has.
    Target,
    /// A `%` in the target without two hexadecimal digits, or escapes that are not UTF-8.
    Escape,
    /// A control character, which is given.
    Control(u8),
    /// A line feed without a carriage return (RFC 9112 section 2.2).
    BareLineFeed,
    /// A carriage return without a line feed (RFC 9112 section 2.2).
    BareCarriageReturn,
    /// A header that goes on in the next line (RFC 9112 section 5.2).
    FoldedHeader,
    /// A header whose name is not a name, for instance with a space before the colon (RFC 9112 section 5.1).
    HeaderName,
    /// A header whose value has characters it cannot have.
    HeaderValue,
    /// A header that may stand only once, which is given, stands twice.
    Twice(&'static str),
    /// HTTP/1.1 without `Host` (RFC 9112 section 3.2).
    NoHost,
    /// A `Host` that is not a host with perhaps a port.
    Host,
    /// `Transfer-Encoding`, which nothing here needs.
    TransferEncoding,
    /// A `Content-Length` that is not a number, or promises a body where none belongs.
    Body,
    /// A body is expected, and the head does not say how long it is (RFC 9110 section 8.6).
    LengthRequired,
    /// The body has more than so many bytes.
    ContentTooLarge(usize),
    /// A trusted proxy does not say well for whom it asks.
    ForwardedFor,
    /// `Connection` does not list `upgrade` (RFC 6455 section 4.2.1, clause 4).
    Connection,
    /// An upgrade asked for in HTTP/1.0 (RFC 6455 section 4.2.1, clause 1).
    OldHttp,
    /// `Sec-WebSocket-Key` is missing (RFC 6455 section 4.2.1, clause 5).
    NoKey,
    /// `Sec-WebSocket-Key` is not the base64 of 16 bytes (RFC 6455 section 4.2.1, clause 5).
    Key,
    /// `Sec-WebSocket-Protocol` is not a list of tokens (RFC 6455 section 4.2.1, clause 8).
    Protocols,
    /// A page of another origin wants in (RFC 6455 section 10.2).
    Origin,
    /// It is called by a name that may be a stranger's (DNS rebinding).
    StrangeHost,
    /// Nothing is at this path.
    NotFound,
    /// The path takes other methods, which are given as they stand in `Allow`.
    MethodNotAllowed(&'static str),
    /// The target is longer than [`MAX_TARGET`].
    TargetTooLong,
    /// The path speaks WebSocket only (RFC 6455 section 4.2.1, clause 3).
    UpgradeRequired,
    /// Another version of the WebSocket protocol than 13 (RFC 6455 section 4.4).
    WebSocketVersion,
    /// The head is longer than so many bytes.
    HeadTooLarge(usize),
    /// More header lines than [`MAX_HEADERS`].
    TooManyHeaders,
    /// As many connections as we take.
    Full,
    /// The answer depends on somebody who did not answer in time.
    NoAnswer,
    /// We are stopping, or cannot serve for another reason that will pass.
    Unavailable,
}

impl Refusal {
    /// The HTTP status of the answer.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::RequestLine
            | Self::HttpVersion
            | Self::Target
            | Self::Escape
            | Self::Control(_)
            | Self::BareLineFeed
            | Self::BareCarriageReturn
            | Self::FoldedHeader
            | Self::HeaderName
            | Self::HeaderValue
            | Self::Twice(_)
            | Self::NoHost
            | Self::Host
            | Self::TransferEncoding
            | Self::Body
            | Self::ForwardedFor
            | Self::Connection
            | Self::OldHttp
            | Self::NoKey
            | Self::Key
            | Self::Protocols => 400,
            Self::Origin | Self::StrangeHost => 403,
            Self::NotFound => 404,
            Self::MethodNotAllowed(_) => 405,
            Self::LengthRequired => 411,
            Self::ContentTooLarge(_) => 413,
            Self::TargetTooLong => 414,
            Self::UpgradeRequired | Self::WebSocketVersion => 426,
            Self::HeadTooLarge(_) | Self::TooManyHeaders => 431,
            Self::Full | Self::Unavailable => 503,
            Self::NoAnswer => 504,
        }
    }

    /// Appends the whole answer: the status, the headers it asks for, and the sentence as a line of text.
    pub fn respond(self, out: &mut Vec<u8>) {
        let allow;
        let headers: &[(&str, &str)] = match self {
            Self::MethodNotAllowed(methods) => {
                allow = [("Allow", methods)];
                &allow
            }
            Self::UpgradeRequired | Self::WebSocketVersion => {
                &[("Connection", "Upgrade"), ("Upgrade", "websocket"), ("Sec-WebSocket-Version", "13")]
            }
            Self::Full | Self::Unavailable => &[("Retry-After", "5")],
            _ => &[],
        };
        respond(self.status(), "text/plain; charset=utf-8", headers, format!("{self}\n").as_bytes(), out);
    }
}

/// The sentence that goes into the body.
impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::RequestLine => "the first line must be METHOD /PATH HTTP/1.1",
            Self::HttpVersion => "only HTTP/1.1 and HTTP/1.0 are spoken here",
            Self::Target => "the target must be a path that begins with /; percent-encode other characters",
            Self::Escape => {
                "every % in the target must begin two hexadecimal digits, and all of it must be UTF-8"
            }
            Self::Control(byte) => return write!(f, "a request head cannot contain the byte {byte:#04x}"),
            Self::BareLineFeed => "lines must end with a carriage return and a line feed",
            Self::BareCarriageReturn => "a carriage return must be followed by a line feed",
            Self::FoldedHeader => "a header must stand on one line",
            Self::HeaderName => "a header begins with a name and a colon, without spaces between them",
            Self::HeaderValue => "a header that matters here must have a value in ASCII",
            Self::Twice(name) => return write!(f, "the header {name} may stand only once"),
            Self::NoHost => "HTTP/1.1 needs a Host header",
            Self::Host => "the Host header must be a host name or address, perhaps with a port",
            Self::TransferEncoding => "Transfer-Encoding is not taken here",
            Self::Body => "Content-Length must be a plain number, and 0 where no body belongs",
            Self::LengthRequired => "a body needs the header Content-Length",
            Self::ContentTooLarge(max) => return write!(f, "the body has more than {max} bytes"),
            Self::ForwardedFor => "a proxy's X-Forwarded-For must end with the IP address of who asks",
            Self::Connection => "an upgrade needs the header Connection: Upgrade",
            Self::OldHttp => "an upgrade needs HTTP/1.1",
            Self::NoKey => "an upgrade needs the header Sec-WebSocket-Key",
            Self::Key => "Sec-WebSocket-Key must be 16 random bytes in base64",
            Self::Protocols => "Sec-WebSocket-Protocol must be a list of names",
            Self::Origin => {
                "pages of another origin may not connect; \
                 whoever runs this server can allow one with --allow-origin"
            }
            Self::StrangeHost => {
                "this server does not know the name it was called by; use its address, or have whoever runs it \
                 allow the name with --allow-origin http://NAME"
            }
            Self::NotFound => "there is nothing at this path",
            Self::MethodNotAllowed(methods) => return write!(f, "this path takes only {methods}"),
            Self::TargetTooLong => return write!(f, "the target has more than {MAX_TARGET} bytes"),
            Self::UpgradeRequired => "this path speaks WebSocket; connect with a WebSocket client",
            Self::WebSocketVersion => "only version 13 of the WebSocket protocol is spoken here",
            Self::HeadTooLarge(max) => return write!(f, "the request head has more than {max} bytes"),
            Self::TooManyHeaders => {
                return write!(f, "the request head has more than {MAX_HEADERS} header lines");
            }
            Self::Full => "the server is full; try again later",
            Self::NoAnswer => {
                "the storage did not answer in time; what was posted may be stored or not, \
                 so post it again with the same Idempotency-Key"
            }
            Self::Unavailable => "the server cannot take requests at the moment; try again in a few seconds",
        })
    }
}

impl core::error::Error for Refusal {}
