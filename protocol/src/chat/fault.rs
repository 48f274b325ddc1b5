//! What can be wrong with a JSON request: one variant a fault, and the fault knows its code and its sentence. Must not
//! know how it was found.

use alloc::string::String;
use core::fmt;

use super::event::ErrorCode;
use super::name::{NameFault, TextFault, is_control};
use crate::limits::{MAX_JSON_DEPTH, MAX_REQUEST_ID};

/// What can be wrong with a request.
pub(super) enum Fault {
    NotJson { line: usize, column: usize },
    TooShort,
    TooDeep,
    NotAnObject,
    Twice(&'static str),
    NoType,
    BadId,
    SayWithoutId,
    LastAndAfter,
    Missing(&'static str, &'static str),
    Wrong { field: &'static str, wanted: &'static str },
    UnknownRequest(String),
    Room(NameFault),
    Nick(NameFault),
    Text(TextFault),
}

impl Fault {
    /// So much of the unknown word as may go into a sentence.
    pub(super) fn unknown_request(word: &str) -> Self {
        let visible = word.chars().map(|c| if is_control(c) { '\u{FFFD}' } else { c });
        Self::UnknownRequest(visible.take(32).collect())
    }

    pub(super) fn code(&self) -> ErrorCode {
        match self {
            Self::UnknownRequest(_) => ErrorCode::UnknownRequest,
            Self::Room(_) => ErrorCode::BadRoom,
            Self::Nick(_) => ErrorCode::BadNick,
            Self::Text(_) => ErrorCode::BadText,
            _ => ErrorCode::BadRequest,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotJson { line, column } => write!(f, "this is not JSON (line {line}, column {column})"),
            Self::TooShort => f.write_str("this JSON breaks off before its end"),
            Self::TooDeep => write!(f, "this JSON is deeper than {MAX_JSON_DEPTH} levels"),
            Self::NotAnObject => f.write_str("a request is one JSON object, as in {\"type\":\"rooms\"}"),
            Self::Twice(field) => write!(f, "`{field}` is there twice; send it once"),
            Self::NoType => f.write_str("a request needs a `type`, as in {\"type\":\"rooms\"}"),
            Self::BadId => {
                write!(f, "`id` has to be a string of 1 to {MAX_REQUEST_ID} visible ASCII characters")
            }
            Self::SayWithoutId => {
                f.write_str("`say` needs an `id` of your choice, so that sending it again is safe")
            }
            Self::LastAndAfter => f.write_str("`join` takes `last` or `after`, not both"),
            Self::Missing(request, field) => write!(f, "`{request}` needs a `{field}`"),
            Self::Wrong { field, wanted } => write!(f, "`{field}` has to be {wanted}"),
            Self::UnknownRequest(name) => write!(f, "there is no request `{name}` here"),
            Self::Room(fault) => write!(f, "`room`: {fault}"),
            Self::Nick(fault) => write!(f, "`nick`: {fault}"),
            Self::Text(fault) => write!(f, "`text`: {fault}"),
        }
    }
}
