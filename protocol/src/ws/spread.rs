//! What a server that stops advises with its close code 1012: over how long its clients shall spread their return, so
//! that the next server is not met by all of them at once. Must not know who waits, or a clock.

use core::fmt;

use crate::time::Span;

/// How many clients that come back a small board surely serves in a second. Each of them costs it a handshake, a
/// greeting, and for each room a page of what was missed; a Pi Zero has one core for all of it.
const RETURNS_PER_SECOND: usize = 400;

/// The longest advice in seconds. People wait for it, and with more clients than fit into it a server is no small
/// board.
const LONGEST: u8 = 30;

/// What stands before the number.
const BEFORE: &str = "spread your return over ";
/// And behind it.
const BEHIND: &str = " s";

/// Over how many seconds clients shall spread their return: 1 to 30.
///
/// It ends the reason of a close frame (RFC 6455 section 7.1.6) as `spread your return over 10 s`. What stands before
/// it is for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spread(u8);

impl Spread {
    /// The advice for so many clients.
    #[must_use]
    pub fn over(clients: usize) -> Self {
        let seconds = u8::try_from(clients.div_ceil(RETURNS_PER_SECOND)).unwrap_or(LONGEST);
        Self(seconds.clamp(1, LONGEST))
    }

    /// Finds the advice in a reason; `None` if there is none, or none that can be followed.
    #[must_use]
    pub fn find(reason: &str) -> Option<Self> {
        let (_, number) = reason.strip_suffix(BEHIND)?.rsplit_once(BEFORE)?;
        // `parse` alone would also take a sign and leading zeros.
        let plain = number.bytes().all(|byte| byte.is_ascii_digit()) && !number.starts_with('0');
        let seconds = number.parse().ok().filter(|_| plain)?;
        (1..=LONGEST).contains(&seconds).then_some(Self(seconds))
    }

    /// As a length of time.
    #[must_use]
    pub const fn span(self) -> Span {
        Span::secs(self.0 as u64)
    }
}

/// As it stands in a reason.
impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{BEFORE}{}{BEHIND}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;
    use alloc::string::ToString;

    use super::*;

    #[test]
    fn so_many_clients_so_many_seconds() {
        for (clients, seconds) in
            [(0, 1), (1, 1), (400, 1), (401, 2), (4_000, 10), (12_000, 30), (12_001, 30), (usize::MAX, 30)]
        {
            assert_eq!(Spread::over(clients).span(), Span::secs(seconds), "{clients}");
        }
    }

    #[test]
    fn what_is_written_is_found() {
        assert_eq!(Spread::over(4_000).to_string(), "spread your return over 10 s");
        for seconds in 1..=30 {
            let advice = Spread(seconds);
            assert_eq!(Spread::find(&advice.to_string()), Some(advice));
            assert_eq!(Spread::find(&format!("the server stops; {advice}")), Some(advice));
            assert_eq!(Spread::find(&format!("Küche zu: {advice}")), Some(advice));
        }
    }

    #[test]
    fn what_cannot_be_followed_is_no_advice() {
        for reason in [
            "",
            " s",
            "the server stops; come back",
            "spread your return over  s",
            "spread your return over 0 s",
            "spread your return over 010 s",
            "spread your return over +5 s",
            "spread your return over -5 s",
            "spread your return over 5.5 s",
            "spread your return over 31 s",
            "spread your return over 256 s",
            "spread your return over 99999999999999999999999 s",
            "spread your return over ٣ s",
            "spread your return over 5",
            "spread your return over 5 s, please",
            "spread your return over 5 m",
            "Spread your return over 5 s",
        ] {
            assert_eq!(Spread::find(reason), None, "{reason:?}");
        }
        let advice = "spread your return over 10 s";
        for end in 0..advice.len() {
            assert_eq!(Spread::find(&advice[..end]), None, "{end}");
        }
    }
}
