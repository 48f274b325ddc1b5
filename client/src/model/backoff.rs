//! How long to wait before the next try. Must not know a clock.
//!
//! "Full jitter": a random time below a bound that doubles. After a power cut a whole classroom comes back; whoever
//! waits a fixed time comes back at the same moment as everybody else.

use protocol::time::Span;

use super::random::Random;

/// The bound of the first wait.
const FIRST: Span = Span(500);
/// The bound of the longest wait.
const LONGEST: Span = Span::secs(30);
/// The bound when the server said that it restarts: all of its clients begin to wait now.
const SPREAD: Span = Span::secs(3);

/// The bound of the next wait.
#[derive(Clone, Debug)]
pub struct Backoff(Span);

impl Default for Backoff {
    fn default() -> Self {
        Self(FIRST)
    }
}

impl Backoff {
    /// How long to wait now. `spread`: many others wait too.
    pub fn next(&mut self, spread: bool, random: &mut Random) -> Span {
        let bound = if spread { self.0.max(SPREAD) } else { self.0 };
        self.0 = Span(self.0.0.saturating_mul(2)).min(LONGEST);
        Span(random.below(bound.0))
    }

    /// It went well for a while: begin anew.
    pub fn reset(&mut self) {
        self.0 = FIRST;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bound_doubles_up_to_half_a_minute() {
        let mut backoff = Backoff::default();
        let mut random = Random::new([1; 4]);
        for bound in [500, 1000, 2000, 4000, 8000, 16000, 30000, 30000] {
            assert_eq!(backoff.0, Span(bound));
            assert!(backoff.next(false, &mut random).0 < bound);
        }
        backoff.reset();
        assert_eq!(backoff.0, Span(500));
    }

    #[test]
    fn after_a_restart_the_first_tries_are_spread() {
        let mut random = Random::new([1; 4]);
        let waits: Vec<u64> = (0..1000).map(|_| Backoff::default().next(true, &mut random).0).collect();
        assert!(waits.iter().all(|wait| *wait < 3000));
        assert!(waits.iter().filter(|wait| **wait > 1500).count() > 300);
    }
}
