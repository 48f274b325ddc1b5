//! The time since the beginning, in nanoseconds. The only file of this program that asks for it.

use std::time::{Duration, Instant};

/// Counts from when it was made. It is a `Copy`: all that measure have the same beginning.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock(Instant);

/// A moment: nanoseconds since the clock's beginning. 48 bits of it, which is what a mark carries, are three days.
pub(crate) type Nanos = u64;

/// A second.
pub(crate) const SECOND: Nanos = 1_000_000_000;

impl Clock {
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    pub(crate) fn now(self) -> Nanos {
        // It would wrap after 584 years.
        self.0.elapsed().as_nanos() as Nanos
    }
}

/// Seconds as people write them.
pub(crate) fn nanos(seconds: f64) -> Nanos {
    (seconds * SECOND as f64) as Nanos
}

/// Seconds as people read them.
pub(crate) fn seconds(nanos: Nanos) -> f64 {
    Duration::from_nanos(nanos).as_secs_f64()
}
