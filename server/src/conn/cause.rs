//! Why the server ends a connection: one variant a cause, and the cause knows its close code, what the peer is told,
//! and the name under which it is counted. Must not know how the end is carried out.

use std::borrow::Cow;

use protocol::ws::{CloseCode, Spread, Violation};

/// Why a connection is hung up on. The peer is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// It broke a rule of RFC 6455, or passed a limit that stands beside them.
    Violation(Violation),
    /// It sent a binary message to a desk that takes text only.
    NotText,
    /// It sent pings and does not read the pongs.
    TooManyPings,
    /// It has begun a message and does not finish it.
    UnfinishedMessage,
    /// It does not read what it is sent.
    TooSlow,
    /// The server stops; its clients shall not all come back at once.
    Stopping(Spread),
    /// The desk has its own reason.
    Desk {
        /// The code to close with.
        code: CloseCode,
        /// For people, at most 123 bytes.
        reason: &'static str,
    },
}

/// Why a connection is cut off. Nobody is there to be told, or there is no way to say it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// Its request head did not come in time.
    LateHead,
    /// The body of its request did not come in time.
    LateBody,
    /// It did not answer the ping.
    NoPong,
    /// Memory is short, and it is the furthest behind.
    Memory,
}

impl Cause {
    /// Under which close code (RFC 6455 section 7.4.1).
    #[must_use]
    pub const fn code(self) -> CloseCode {
        match self {
            Self::Violation(violation) => violation.close_code(),
            Self::NotText => CloseCode::UNSUPPORTED,
            Self::TooManyPings | Self::UnfinishedMessage => CloseCode::POLICY,
            Self::TooSlow => CloseCode::AGAIN_LATER,
            Self::Stopping(_) => CloseCode::RESTART,
            Self::Desk { code, .. } => code,
        }
    }

    /// What the peer is told, at most 123 bytes.
    #[must_use]
    pub fn reason(self) -> Cow<'static, str> {
        Cow::Borrowed(match self {
            Self::Violation(violation) => violation.name(),
            Self::NotText => "only text is spoken here",
            Self::TooManyPings => "too many pings",
            Self::UnfinishedMessage => "an unfinished message",
            Self::TooSlow => "you read too slowly; come back",
            Self::Stopping(advice) => return Cow::Owned(format!("the server stops; {advice}")),
            Self::Desk { reason, .. } => reason,
        })
    }

    /// A short name for counters, which stays when the sentence is improved.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Violation(violation) => violation.name(),
            Self::NotText => "not-text",
            Self::TooManyPings => "too-many-pings",
            Self::UnfinishedMessage => "unfinished-message",
            Self::TooSlow => "too-slow",
            Self::Stopping(_) => "stopping",
            Self::Desk { .. } => "chat",
        }
    }
}

impl Cut {
    /// As [`Cause::name`].
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::LateHead => "late-head",
            Self::LateBody => "late-body",
            Self::NoPong => "no-pong",
            Self::Memory => "memory",
        }
    }
}

/// The names of all causes: what a counter is kept for.
pub fn names() -> impl Iterator<Item = &'static str> {
    let desk = Cause::Desk { code: CloseCode::NORMAL, reason: "" };
    let causes = [
        Cause::NotText,
        Cause::TooManyPings,
        Cause::UnfinishedMessage,
        Cause::TooSlow,
        Cause::Stopping(Spread::over(0)),
        desk,
    ];
    let violations = Violation::ALL.into_iter().map(Violation::name);
    let cuts = [Cut::LateHead, Cut::LateBody, Cut::NoPong, Cut::Memory].into_iter().map(Cut::name);
    violations.chain(causes.into_iter().map(Cause::name)).chain(cuts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cause_is_counted_under_its_own_name() {
        let mut names: Vec<&str> = names().collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
        assert!(
            names
                .iter()
                .all(|name| name.bytes().all(|byte| byte.is_ascii_lowercase() || b"-8".contains(&byte)))
        );
    }
}
