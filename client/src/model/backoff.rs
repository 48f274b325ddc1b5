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
/// The bound when the server said that it goes, but not over how long to spread: all of its clients begin to wait now.
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
    /// How long to wait now.
    pub fn next(&mut self, random: &mut Random) -> Span {
        Span(random.below(self.grow().0))
    }

    /// How long to wait now that many others wait too. Where the server has said over how long all of them shall spread,
    /// that is the bound, whatever failed before.
    pub fn spread(&mut self, over: Option<Span>, random: &mut Random) -> Span {
        let bound = over.unwrap_or_else(|| self.grow().max(SPREAD));
        Span(random.below(bound.0))
    }

    /// Doubles the bound; returns what it was.
    fn grow(&mut self) -> Span {
        let doubled = Span(self.0.0.saturating_mul(2)).min(LONGEST);
        std::mem::replace(&mut self.0, doubled)
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
            assert!(backoff.next(&mut random).0 < bound);
        }
        backoff.reset();
        assert_eq!(backoff.0, Span(500));
    }

    #[test]
    fn after_a_restart_the_first_tries_are_spread() {
        let mut random = Random::new([1; 4]);
        let mut tired = Backoff(LONGEST);
        let advised = (0..1000).map(|_| tired.spread(Some(Span::secs(1)), &mut random).0);
        assert!(advised.max() < Some(1000));
        let waits: Vec<u64> = (0..1000).map(|_| Backoff::default().spread(None, &mut random).0).collect();
        assert!(waits.iter().all(|wait| *wait < 3000));
        assert!(waits.iter().filter(|wait| **wait > 1500).count() > 300);
    }
}
