//! The payload of a close frame (RFC 6455 sections 5.5.1 and 7.4). Must not know when one is sent: see `state.rs`.

use alloc::borrow::Cow;
use core::fmt;

use super::utf8;
use super::violation::Violation;

/// A close code (RFC 6455 section 7.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CloseCode(pub u16);

impl CloseCode {
    /// The purpose is fulfilled.
    pub const NORMAL: Self = Self(1000);
    /// The server stops, or the page was left.
    pub const GOING_AWAY: Self = Self(1001);
    /// A rule of RFC 6455 was broken.
    pub const PROTOCOL: Self = Self(1002);
    /// A kind of data that is not taken here.
    pub const UNSUPPORTED: Self = Self(1003);
    /// Text that is not UTF-8.
    pub const INVALID: Self = Self(1007);
    /// Our own rules were broken.
    pub const POLICY: Self = Self(1008);
    /// A message longer than we take.
    pub const TOO_BIG: Self = Self(1009);
    /// Our own fault.
    pub const INTERNAL: Self = Self(1011);
    /// We restart: come back in a moment (IANA registry).
    pub const RESTART: Self = Self(1012);
    /// We cannot serve this peer now: come back later (IANA registry).
    pub const AGAIN_LATER: Self = Self(1013);

    /// Whether the code may stand in a frame. 1004 to 1006 and 1015 are for reports only, what the IANA registry does
    /// not know below 3000 is unassigned (section 7.4.2).
    #[must_use]
    pub const fn may_be_sent(self) -> bool {
        matches!(self.0, 1000..=1003 | 1007..=1014 | 3000..=4999)
    }
}

impl fmt::Display for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Why a peer closes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CloseFrame<'b> {
    /// The reason as a number.
    pub code: CloseCode,
    /// The reason in words, often empty.
    pub reason: Cow<'b, str>,
}

impl CloseFrame<'_> {
    /// The same frame, borrowing nothing.
    #[must_use]
    pub fn into_owned(self) -> CloseFrame<'static> {
        CloseFrame { code: self.code, reason: Cow::Owned(self.reason.into_owned()) }
    }
}

/// Judges the beginning of a payload: refuses it at the first byte that cannot be mended by those to come.
pub(super) fn judge_beginning(payload: &[u8]) -> Result<(), Violation> {
    let Some((code, reason)) = payload.split_first_chunk() else { return Ok(()) };
    judge_code(*code)?;
    utf8::extend(reason, &mut 0).map_err(|_| Violation::ReasonNotUtf8)
}

/// Reads a whole payload. An empty one says nothing, which is allowed.
pub(super) fn parse(payload: &[u8]) -> Result<Option<(CloseCode, &str)>, Violation> {
    let Some((code, reason)) = payload.split_first_chunk() else {
        return if payload.is_empty() { Ok(None) } else { Err(Violation::HalfCloseCode) };
    };
    let code = judge_code(*code)?;
    let reason = core::str::from_utf8(reason).map_err(|_| Violation::ReasonNotUtf8)?;
    Ok(Some((code, reason)))
}

fn judge_code(bytes: [u8; 2]) -> Result<CloseCode, Violation> {
    let code = CloseCode(u16::from_be_bytes(bytes));
    if !code.may_be_sent() {
        return Err(Violation::BadCloseCode(code.0));
    }
    Ok(code)
}
