//! What every connection is held to. Plain data, made from the flags once.

use protocol::time::{Millis, Span};
use protocol::ws::Rules;

/// How many bytes one connection may keep unsent before it is hung up on, whatever they are. A reader that lags is
/// told less from half of it on, so only what it asks for itself gets it there.
pub const MAX_UNSENT: usize = 256 * 1024;

/// How many pongs are kept for a peer that does not read. Of more pings only the latest is answered (RFC 6455 section
/// 5.5.3).
pub(super) const MAX_PONGS_KEPT: u32 = 16;

/// How many pings a peer may send without reading. Whoever sends more wants to know nothing.
pub(super) const MAX_PINGS_UNREAD: u32 = 1000;

/// See the module's head.
#[derive(Clone, Copy, Debug)]
pub struct Manners {
    /// How many bytes its request head may have.
    pub head: usize,
    /// What its frames are held to.
    pub rules: Rules,
    /// How often it may send a frame; `None` for as often as it likes. What costs others more costs as much as several.
    pub pace: Option<Pace>,
    /// How many bytes it may keep unsent.
    pub max_unsent: usize,
}

/// A rate with a burst: the generic cell rate algorithm. All that a connection has to remember is until when what it
/// has sent would have taken at the allowed rate.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Microseconds that one frame costs.
    cost: u64,
    /// Microseconds of cost that may be run up at once.
    burst: u64,
}

impl Manners {
    /// How many bytes are read at once. What one read brings beyond the credit waits in memory, so who has a rate is read
    /// in small pieces: as many bytes as twice the usual rate of short lines.
    #[must_use]
    pub fn largest_read(&self) -> usize {
        if self.pace.is_some() { 8 * 1024 } else { usize::MAX }
    }

    /// From so many unsent bytes on a reader lags.
    #[must_use]
    pub fn lag(&self) -> usize {
        self.max_unsent / 2
    }
}

impl Pace {
    /// So many frames a second, and twice as many at once. `None` for zero, which lifts the limit.
    #[must_use]
    pub fn per_second(frames: u32) -> Option<Self> {
        let cost = 1_000_000_u64.checked_div(u64::from(frames))?;
        Some(Self { cost, burst: 2_000_000 })
    }

    /// Charges for frames, and what costs as much.
    pub(super) fn charge(self, worked_off: &mut u64, now: Millis, frames: u64) {
        *worked_off = (*worked_off).max(micros(now)).saturating_add(self.cost.saturating_mul(frames));
    }

    /// How long to wait until so much is worked off that more may be sent.
    pub(super) fn wait(self, worked_off: u64, now: Millis) -> Option<Span> {
        let over = worked_off.checked_sub(micros(now).saturating_add(self.burst))?;
        // At least a millisecond, so that waiting is waiting.
        (over > 0).then(|| Span(over / 1000 + 1))
    }
}

fn micros(now: Millis) -> u64 {
    now.0.saturating_mul(1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twice_the_rate_at_once_then_the_rate() {
        let pace = Pace::per_second(10).unwrap();
        let mut worked_off = 0;
        pace.charge(&mut worked_off, Millis(1000), 20);
        assert_eq!(pace.wait(worked_off, Millis(1000)), None);
        pace.charge(&mut worked_off, Millis(1000), 1);
        assert_eq!(
            pace.wait(worked_off, Millis(1000)),
            Some(Span(101)),
            "a tenth of a second for the one too many"
        );
        assert_eq!(pace.wait(worked_off, Millis(1101)), None);
    }

    #[test]
    fn silence_saves_nothing_up() {
        let pace = Pace::per_second(10).unwrap();
        let mut worked_off = 0;
        pace.charge(&mut worked_off, Millis(3_600_000), 21);
        assert!(pace.wait(worked_off, Millis(3_600_000)).is_some());
    }

    #[test]
    fn zero_lifts_the_limit() {
        assert!(Pace::per_second(0).is_none());
    }
}
