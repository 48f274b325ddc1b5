//! `snug.v1`: requests and events as JSON. The only file that knows serde_json; it must not know what a request does, nor
//! how anything is written (`written.rs`).
//!
//! A request comes from a stranger, so it is read as it came (`raw.rs`) and judged here: whatever is wrong with one
//! field, the `id` can still be echoed and the sentence can name the field. Reading an internally tagged enum instead
//! would buffer each object first. Events come from a server that the client has chosen, so there serde's derived
//! reader will do.
//!
//! The rules, also in PROTOCOL.md: unknown fields are ignored; a field that is `null` is absent; a field that is there
//! twice is refused, because two readers could each take another one (RFC 8259 section 4).

use alloc::borrow::Cow;
use alloc::string::{String, ToString};
use core::fmt;

use serde::de::DeserializeSeed;
use serde_json::error::Category;

use super::event::{Event, Failure};
use super::fault::Fault;
use super::id::{Epoch, RequestId, SessionKey};
use super::name::{Nick, RoomName, Text};
use super::raw::{Field, Raw, RawPosition};
use super::request::{Envelope, Request, Since};
use super::written;
use crate::limits::{DEFAULT_LAST, MAX_JSON_DEPTH};

/// One more than the largest number on the wire: 2^53, up to which JavaScript counts exactly.
pub const NUMBER_END: u64 = 1 << 53;

/// Reads one request. It borrows from `text` all that is not escaped there.
///
/// # Errors
/// An `error` event, ready to be sent: its sentence names the field, and it echoes the request's `id` if that could be
/// read, even when the JSON breaks off behind it.
pub fn read_request(text: &str) -> Result<Envelope<'_>, Failure<'_>> {
    let mut raw = Raw::default();
    let parsed = raw.fill(text);
    let (id, id_fault) = match core::mem::take(&mut raw.id).request_id() {
        Ok(id) => (id, None),
        Err(fault) => (None, Some(fault)),
    };
    let judged = parsed.and_then(|()| match id_fault {
        Some(fault) => Err(fault),
        None => raw.judge(id.is_some()),
    });
    match judged {
        Ok(request) => Ok(Envelope { id, request }),
        Err(fault) => Err(Failure {
            code: fault.code(),
            text: Cow::Owned(fault.to_string()),
            id: id.map(|id| Cow::Owned(id.as_str().into())),
        }),
    }
}

/// Appends one request. What only the plain dialect has (`help`, `quit`, a missing `room`) is written all the same,
/// and a server refuses it.
pub fn write_request(envelope: &Envelope<'_>, out: &mut String) {
    written::request(envelope, out);
}

/// Reads one event. One that this version does not know is [`Event::Unknown`], and no fault.
///
/// # Errors
/// If it is no JSON, or an event that this version knows lacks a field or has one of another sort.
pub fn read_event(text: &str) -> Result<Event<'static>, EventFault> {
    if is_too_deep(text) {
        return Err(EventFault::TooDeep);
    }
    serde_json::from_str(text).map_err(|error| match error.classify() {
        Category::Data => EventFault::NotAnEvent(error.to_string()),
        _ => EventFault::NotJson { line: error.line(), column: error.column() },
    })
}

/// Appends one event. What only the plain dialect has (`topic`, `help`) is written all the same; a client ignores it,
/// as it does all that it does not know.
pub fn write_event(event: &Event<'_>, out: &mut String) {
    written::event(event, out);
}

/// Why what a server sent is no event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EventFault {
    /// Not JSON at all.
    NotJson {
        /// Where it stops being JSON, from 1.
        line: usize,
        /// Where in that line, in bytes from 1.
        column: usize,
    },
    /// Deeper than [`MAX_JSON_DEPTH`].
    TooDeep,
    /// JSON, but not an object with a `type`, or a field is missing or of another sort; says which.
    NotAnEvent(String),
}

impl fmt::Display for EventFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotJson { line, column } => {
                write!(f, "the server sent something that is not JSON (line {line}, column {column})")
            }
            Self::TooDeep => write!(f, "the server sent JSON that is deeper than {MAX_JSON_DEPTH} levels"),
            Self::NotAnEvent(reason) => write!(f, "the server sent something that is no event: {reason}"),
        }
    }
}

impl<'a> Raw<'a> {
    fn fill(&mut self, text: &'a str) -> Result<(), Fault> {
        if is_too_deep(text) {
            return Err(Fault::TooDeep);
        }
        let mut reader = serde_json::Deserializer::from_str(text);
        let read = self.deserialize(&mut reader).and_then(|()| reader.end());
        read.map_err(|error| match error.classify() {
            Category::Data => Fault::NotAnObject,
            Category::Eof => Fault::TooShort,
            _ => Fault::NotJson { line: error.line(), column: error.column() },
        })?;
        match self.twice {
            Some(field) => Err(Fault::Twice(field)),
            None => Ok(()),
        }
    }

    fn judge(self, has_id: bool) -> Result<Request<'a>, Fault> {
        let kind = match self.kind {
            Field::Text(kind) => kind,
            Field::Absent => return Err(Fault::NoType),
            _ => return Err(Fault::Wrong { field: "type", wanted: "a string, as in \"rooms\"" }),
        };
        Ok(match kind.as_ref() {
            "hello" => Request::Hello { nick: self.nick.nick()?, session: self.session.session()? },
            "join" => Request::Join {
                room: self.room.room()?.ok_or(Fault::Missing("join", "room"))?,
                since: since(self.last, self.after)?,
            },
            "leave" => Request::Leave { room: needed("leave", "room", self.room.room()?)? },
            "say" if !has_id => return Err(Fault::SayWithoutId),
            "say" => Request::Say {
                room: needed("say", "room", self.room.room()?)?,
                text: self.text.text()?.ok_or(Fault::Missing("say", "text"))?,
                action: self.entry_kind.action()?,
            },
            "nick" => Request::Nick { nick: self.nick.nick()?.ok_or(Fault::Missing("nick", "nick"))? },
            "topic" => Request::Topic {
                room: needed("topic", "room", self.room.room()?)?,
                text: needed("topic", "text", self.text.topic()?)?,
            },
            "who" => Request::Who { room: needed("who", "room", self.room.room()?)? },
            "rooms" => Request::Rooms,
            "typing" => Request::Typing { room: needed("typing", "room", self.room.room()?)? },
            "history" => Request::History {
                room: self.room.room()?.ok_or(Fault::Missing("history", "room"))?,
                before: self.before.number("before")?.ok_or(Fault::Missing("history", "before"))?,
                limit: saturated(self.limit.number("limit")?.unwrap_or(DEFAULT_LAST.into())),
            },
            unknown => return Err(Fault::unknown_request(unknown)),
        })
    }
}

/// The room or the text that only the plain dialect may leave out.
fn needed<T>(request: &'static str, field: &'static str, value: Option<T>) -> Result<Option<T>, Fault> {
    match value {
        None => Err(Fault::Missing(request, field)),
        some => Ok(some),
    }
}

fn since(last: Field<'_>, after: Field<'_>) -> Result<Since, Fault> {
    let last = last.number("last")?;
    match (last, after) {
        (None, Field::Absent) => Ok(Since::Last(DEFAULT_LAST)),
        (Some(last), Field::Absent) => Ok(Since::Last(saturated(last))),
        (Some(_), _) => Err(Fault::LastAndAfter),
        (None, Field::Position(position)) => {
            let RawPosition { epoch, seq, twice } = *position;
            if let Some(field) = twice {
                return Err(Fault::Twice(field));
            }
            let epoch = match epoch {
                Field::Text(text) => Epoch::parse(&text),
                _ => None,
            };
            let epoch = epoch.ok_or(Fault::Wrong {
                field: "after.epoch",
                wanted: "16 hexadecimal digits in lower case, as in `welcome`",
            })?;
            let seq = seq.number("after.seq")?.ok_or(Fault::Missing("join", "after.seq"))?;
            Ok(Since::After { epoch, seq })
        }
        (None, _) => Err(Fault::Wrong { field: "after", wanted: "an object with `epoch` and `seq`" }),
    }
}

/// Asking for more than there can be is asking for all.
fn saturated(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

impl<'a> Field<'a> {
    fn string(self, field: &'static str) -> Result<Option<Cow<'a, str>>, Fault> {
        match self {
            Self::Absent => Ok(None),
            Self::Text(text) => Ok(Some(text)),
            _ => Err(Fault::Wrong { field, wanted: "a string" }),
        }
    }

    fn number(self, field: &'static str) -> Result<Option<u64>, Fault> {
        match self {
            Self::Absent => Ok(None),
            Self::Number(number) if number < NUMBER_END => Ok(Some(number)),
            _ => Err(Fault::Wrong { field, wanted: "a whole number from 0 to 2^53 - 1" }),
        }
    }

    fn request_id(self) -> Result<Option<RequestId<'a>>, Fault> {
        match self {
            Self::Absent => Ok(None),
            Self::Text(text) => RequestId::new(text).map(Some).ok_or(Fault::BadId),
            _ => Err(Fault::BadId),
        }
    }

    fn session(self) -> Result<Option<SessionKey>, Fault> {
        let Some(text) = self.string("session")? else { return Ok(None) };
        let wanted = "32 hexadecimal digits in lower case, as in `welcome`";
        SessionKey::parse(&text).map(Some).ok_or(Fault::Wrong { field: "session", wanted })
    }

    fn room(self) -> Result<Option<RoomName<'a>>, Fault> {
        self.string("room")?.map(RoomName::new).transpose().map_err(Fault::Room)
    }

    fn nick(self) -> Result<Option<Nick<'a>>, Fault> {
        self.string("nick")?.map(Nick::new).transpose().map_err(Fault::Nick)
    }

    fn text(self) -> Result<Option<Text<'a>>, Fault> {
        self.string("text")?.map(Text::new).transpose().map_err(Fault::Text)
    }

    fn topic(self) -> Result<Option<Text<'a>>, Fault> {
        self.string("text")?.map(Text::topic).transpose().map_err(Fault::Text)
    }

    fn action(self) -> Result<bool, Fault> {
        match self {
            Self::Absent => Ok(false),
            Self::Text(kind) if kind == "me" => Ok(true),
            _ => Err(Fault::Wrong { field: "kind", wanted: "\"me\", or left out for talk" }),
        }
    }
}

/// Whether arrays and objects are nested deeper than [`MAX_JSON_DEPTH`]. Asked before anything is read, so that depth
/// costs no stack.
fn is_too_deep(text: &str) -> bool {
    // Almost every message has fewer brackets than it may have levels, and counting is quick: in a byte, so that the
    // compiler takes many at a time, which took 700 instructions off a line.
    let opening = |byte: &u8| u8::from(matches!(byte, b'{' | b'['));
    let counts = text.as_bytes().chunks(255).map(|chunk| chunk.iter().map(opening).sum::<u8>());
    if counts.map(usize::from).sum::<usize>() <= MAX_JSON_DEPTH {
        return false;
    }
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            _ if in_string => {}
            b'{' | b'[' => depth = depth.saturating_add(1),
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > MAX_JSON_DEPTH {
            return true;
        }
    }
    false
}
