//! The only place that asks what time it is. Everything else is told.

use std::time::Instant;

use protocol::time::Millis;

/// Counts monotonic milliseconds from the moment it was made.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    origin: Instant,
}

impl Clock {
    /// A clock that stands at zero now.
    #[must_use]
    pub fn start() -> Self {
        Self { origin: Instant::now() }
    }

    /// Milliseconds since the start. Never goes back, whatever happens to the wall clock.
    #[must_use]
    pub fn now(&self) -> Millis {
        Millis(u64::try_from(self.origin.elapsed().as_millis()).unwrap_or(u64::MAX))
    }
}
