//! A request head, read by httparse and judged (RFC 9112). Must not know which paths there are.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;
use core::mem::{self, MaybeUninit};

use super::buffer::{HeadBuffer, Place};
use super::refusal::Refusal;
use crate::limits::{MAX_HEADERS, MAX_TARGET};

/// Headers that decide something here: their values must be plain ASCII, so that nothing hides in them.
const DECISIVE: [(&str, May); 12] = [
    ("Host", May::StandOnce),
    ("Origin", May::StandOnce),
    ("Content-Length", May::StandOnce),
    ("Transfer-Encoding", May::GoOn),
    ("Expect", May::GoOn),
    ("Idempotency-Key", May::StandOnce),
    ("Connection", May::GoOn),
    ("Upgrade", May::GoOn),
    ("Sec-WebSocket-Key", May::StandOnce),
    ("Sec-WebSocket-Version", May::StandOnce),
    ("Sec-WebSocket-Protocol", May::GoOn),
    ("Sec-WebSocket-Extensions", May::GoOn),
];

/// How often a header may stand in a head.
#[derive(Clone, Copy, PartialEq, Eq)]
enum May {
    StandOnce,
    /// It is a list, which may go on in a second header of the same name.
    GoOn,
}

/// A request head without ambiguities.
#[derive(Debug)]
pub struct Head<'h> {
    method: &'h str,
    path: &'h str,
    query: &'h str,
    is_http_1_1: bool,
    /// Those that are there. A table of the most there may be has two kilobytes, which were filled and copied three
    /// times for each head.
    headers: Vec<httparse::Header<'h>>,
}

impl<'h> Head<'h> {
    /// Reads a head, which must be whole and end with its blank line. How long it may be was judged by the
    /// [`super::HeadBuffer`] that collected it.
    ///
    /// # Errors
    /// The first fault found.
    pub fn parse(bytes: &'h [u8]) -> Result<Self, Refusal> {
        // Less than a head, or more than one, is a fault of the caller.
        if Place::Start.through(bytes)? != (Place::End, bytes.len()) {
            return Err(Refusal::RequestLine);
        }
        Self::read(bytes)
    }

    /// As [`Head::parse`], of what a buffer has collected and so has looked through already.
    ///
    /// # Errors
    /// The first fault found.
    pub fn collected(buffer: &'h HeadBuffer) -> Result<Self, Refusal> {
        match buffer.is_complete() {
            true => Self::read(buffer.bytes()),
            false => Err(Refusal::RequestLine),
        }
    }

    /// Only of a whole head, with nothing in it or behind it that [`Place::through`] refuses.
    fn read(bytes: &'h [u8]) -> Result<Self, Refusal> {
        let mut headers = [const { MaybeUninit::uninit() }; MAX_HEADERS];
        let mut request = httparse::Request::new(&mut []);
        let (method, target, minor) = match request.parse_with_uninit_headers(bytes, &mut headers) {
            Ok(httparse::Status::Complete(_)) => (request.method, request.path, request.version),
            Ok(httparse::Status::Partial) => return Err(Refusal::RequestLine),
            Err(fault) => return Err(refusal(fault)),
        };
        let (Some(method), Some(target), Some(minor)) = (method, target, minor) else {
            return Err(Refusal::RequestLine);
        };
        judge_target(target)?;
        let (path, query) = cut(target, b'?').unwrap_or((target, ""));
        let head = Self { method, path, query, is_http_1_1: minor == 1, headers: request.headers.to_vec() };
        head.judge_headers()?;
        Ok(head)
    }

    /// The method as it was sent; methods are case-sensitive.
    #[must_use]
    pub const fn method(&self) -> &'h str {
        self.method
    }

    /// The path as it was sent, with its escapes, up to the `?`. Begins with `/`.
    #[must_use]
    pub const fn path(&self) -> &'h str {
        self.path
    }

    /// The parts of the path between slashes, decoded. A decoded part may itself contain a slash.
    pub fn segments(&self) -> impl Iterator<Item = Cow<'h, str>> + use<'h> {
        // The target was judged, so every part can be decoded.
        parts(self.path, b'/').skip(1).map(|part| decode(part).unwrap_or_default())
    }

    /// The first value of a query parameter, decoded; `+` is a space.
    #[must_use]
    pub fn query(&self, name: &str) -> Option<Cow<'h, str>> {
        parts(self.query, b'&').find_map(|pair| {
            let (key, value) = cut(pair, b'=').unwrap_or((pair, ""));
            (decode_form(key)? == name).then(|| decode_form(value))?
        })
    }

    /// The host that was asked for, perhaps with a port. Empty only in HTTP/1.0.
    #[must_use]
    pub fn host(&self) -> &'h str {
        self.header("Host").unwrap_or_default()
    }

    /// The origin of the page that asks. Browsers always say it with an upgrade, other clients need not.
    #[must_use]
    pub fn origin(&self) -> Option<&'h str> {
        self.header("Origin")
    }

    /// The first header of this name (in any case), without the spaces around it; `None` also if it is not UTF-8,
    /// which no header that matters here can be.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&'h str> {
        self.values(name).next()
    }

    /// The elements of a header that is a list, over all headers of this name (RFC 9110 section 5.6.1).
    pub fn list<'s>(&'s self, name: &'s str) -> impl Iterator<Item = &'h str> + 's {
        self.values(name)
            .flat_map(|value| parts(value, b','))
            .map(|element| element.trim_matches([' ', '\t']))
            .filter(|element| !element.is_empty())
    }

    /// The same elements as bytes: for headers that pass on what strangers wrote, and may be no text.
    pub fn raw_list<'s>(&'s self, name: &'s str) -> impl Iterator<Item = &'h [u8]> + 's {
        self.lines(name)
            .flat_map(|line| line.value.split(|byte| *byte == b','))
            .map(<[u8]>::trim_ascii)
            .filter(|element| !element.is_empty())
    }

    /// Whether the request asks to become a WebSocket. Whether it asks well is judged in `upgrade`.
    #[must_use]
    pub fn wants_upgrade(&self) -> bool {
        self.list("Upgrade").any(|protocol| protocol.eq_ignore_ascii_case("websocket"))
    }

    /// How many bytes of body follow the head, as it says; `None` if it does not say, and then none do. A number that
    /// no machine counts to is as large as can be.
    #[must_use]
    pub fn content_length(&self) -> Option<u64> {
        // It was judged with the head: nothing but digits.
        self.header("Content-Length").map(|digits| digits.parse().unwrap_or(u64::MAX))
    }

    /// Whether the client waits to be told that its body is wanted (RFC 9110 section 10.1.1). In HTTP/1.0 nobody can
    /// mean that. Other expectations are ignored.
    #[must_use]
    pub fn expects_continue(&self) -> bool {
        self.is_http_1_1 && self.list("Expect").any(|what| what.eq_ignore_ascii_case("100-continue"))
    }

    /// Whether the client names this type among those it accepts (RFC 9110 section 12.5.1). By name only: neither by
    /// `*/*` nor by its weight.
    #[must_use]
    pub fn accepts(&self, media_type: &str) -> bool {
        let named = |element: &str| element.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        self.list("Accept").any(|element| named(element) == media_type)
    }

    /// Whether the version is HTTP/1.1; if not, it is 1.0.
    #[must_use]
    pub const fn is_http_1_1(&self) -> bool {
        self.is_http_1_1
    }

    fn lines<'s>(&'s self, name: &'s str) -> impl Iterator<Item = &'s httparse::Header<'h>> {
        self.headers.iter().filter(move |line| line.name.eq_ignore_ascii_case(name))
    }

    fn values<'s>(&'s self, name: &'s str) -> impl Iterator<Item = &'h str> + 's {
        self.lines(name).filter_map(|line| core::str::from_utf8(line.value).ok())
    }

    fn judge_headers(&self) -> Result<(), Refusal> {
        let mut seen = [false; DECISIVE.len()];
        for line in &self.headers {
            let mut decisive = DECISIVE.iter().zip(&mut seen);
            let found = decisive.find(|((name, _), _)| name.eq_ignore_ascii_case(line.name));
            let Some(((name, may), seen)) = found else { continue };
            if !line.value.is_ascii() {
                return Err(Refusal::HeaderValue);
            }
            if mem::replace(seen, true) && *may == May::StandOnce {
                return Err(Refusal::Twice(name));
            }
        }
        match self.header("Host") {
            None if self.is_http_1_1 => return Err(Refusal::NoHost),
            Some(host) if authority(host).is_none() => return Err(Refusal::Host),
            _ => {}
        }
        if self.header("Transfer-Encoding").is_some() {
            return Err(Refusal::TransferEncoding);
        }
        if let Some(length) = self.header("Content-Length") {
            let zero = length.bytes().all(|byte| byte == b'0');
            let number = !length.is_empty() && length.bytes().all(|byte| byte.is_ascii_digit());
            // GET and HEAD have no body, and whatever came in one would be read as the peer's next words.
            if !number || (matches!(self.method, "GET" | "HEAD") && !zero) {
                return Err(Refusal::Body);
            }
        }
        Ok(())
    }
}

/// Takes `host[:port]` apart, an IPv6 address with its brackets. `None` if it is neither a name nor an address.
#[must_use]
pub fn authority(text: &str) -> Option<(&str, Option<u16>)> {
    let (host, port) = match text.rfind(']') {
        Some(end) => text.split_at_checked(end + 1)?,
        None => text.split_at_checked(text.find(':').unwrap_or(text.len()))?,
    };
    let port = match port.strip_prefix(':') {
        None if port.is_empty() => None,
        None => return None,
        Some("") => None, // allowed and meaningless (RFC 3986 section 3.2.3)
        Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => Some(digits.parse().ok()?),
        Some(_) => return None,
    };
    let good = match host.strip_prefix('[') {
        Some(address) => address.strip_suffix(']').is_some_and(|a| {
            !a.is_empty() && a.bytes().all(|b| b.is_ascii_hexdigit() || matches!(b, b':' | b'.'))
        }),
        None => {
            !host.is_empty()
                && host.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~'))
        }
    };
    good.then_some((host, port))
}

/// What stands before the first of these letters of ASCII, and what behind it. `str::split_once` is made for long texts:
/// with it, to find the room and the nick in a target took 1.7 times as long.
fn cut(text: &str, letter: u8) -> Option<(&str, &str)> {
    let place = text.bytes().position(|byte| byte == letter)?;
    Some((text.get(..place)?, text.get(place + 1..)?))
}

/// What stands between these letters of ASCII.
fn parts(text: &str, letter: u8) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    core::iter::from_fn(move || {
        let all = rest.take()?;
        let Some((part, behind)) = cut(all, letter) else { return Some(all) };
        rest = Some(behind);
        Some(part)
    })
}

/// Resolves percent-escapes (RFC 3986 section 2.1). `None` if an escape is broken or the result is not UTF-8.
#[must_use]
pub fn decode(text: &str) -> Option<Cow<'_, str>> {
    unescape(text, false)
}

/// The same for a query, where `+` is a space.
fn decode_form(text: &str) -> Option<Cow<'_, str>> {
    unescape(text, true)
}

fn unescape(text: &str, plus_is_space: bool) -> Option<Cow<'_, str>> {
    let special = |byte| byte == b'%' || (plus_is_space && byte == b'+');
    if !text.bytes().any(special) {
        return Some(Cow::Borrowed(text));
    }
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        out.push(match byte {
            b'%' => hex(bytes.next()?)? << 4 | hex(bytes.next()?)?,
            b'+' if plus_is_space => b' ',
            other => other,
        });
    }
    String::from_utf8(out).ok().map(Cow::Owned)
}

const fn hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

/// A target must be a path (RFC 9112 section 3.2.1). Browsers leave a few more characters as they are than RFC 3986
/// allows; what no browser sends is refused.
fn judge_target(target: &str) -> Result<(), Refusal> {
    if target.len() > MAX_TARGET {
        return Err(Refusal::TargetTooLong);
    }
    let strange = |byte: u8| !byte.is_ascii_graphic() || matches!(byte, b'#' | b'\\' | b'"' | b'<' | b'>');
    if !target.starts_with('/') || target.bytes().any(strange) {
        return Err(Refusal::Target);
    }
    // A part between ASCII separators is UTF-8 if the whole is, so the parts need not be judged again.
    match decode(target) {
        Some(_) => Ok(()),
        None => Err(Refusal::Escape),
    }
}

fn refusal(fault: httparse::Error) -> Refusal {
    match fault {
        httparse::Error::HeaderName => Refusal::HeaderName,
        httparse::Error::HeaderValue => Refusal::HeaderValue,
        httparse::Error::TooManyHeaders => Refusal::TooManyHeaders,
        httparse::Error::Version => Refusal::HttpVersion,
        httparse::Error::NewLine | httparse::Error::Status | httparse::Error::Token => Refusal::RequestLine,
    }
}
