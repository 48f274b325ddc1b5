//! Time as a number that is handed in. Owns no clock and must not know one.
//!
//! All timers are monotonic: a [`Millis`] counts from an origin that means nothing, so a board that believes it is
//! 1970, or whose wall clock jumps, loses nothing.

/// An instant, in milliseconds since an arbitrary origin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Millis(pub u64);

impl Millis {
    /// The instant `span` later; stays at the end of time rather than wrapping.
    #[must_use]
    pub fn plus(self, span: Span) -> Self {
        Self(self.0.saturating_add(span.0))
    }

    /// How long ago `earlier` was; zero if it lies ahead.
    #[must_use]
    pub fn since(self, earlier: Self) -> Span {
        Span(self.0.saturating_sub(earlier.0))
    }
}

/// A length of time, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span(pub u64);

impl Span {
    /// A span of whole seconds.
    #[must_use]
    pub const fn secs(seconds: u64) -> Self {
        Self(seconds.saturating_mul(1000))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_never_wraps() {
        assert_eq!(Millis(5).plus(Span::secs(2)), Millis(2005));
        assert_eq!(Millis(u64::MAX).plus(Span(1)), Millis(u64::MAX));
        assert_eq!(Millis(3).since(Millis(5)), Span(0));
    }
}
