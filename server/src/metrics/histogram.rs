//! How long something takes: how often it took how long, and all of it together. Must not ask the time.

/// Upper bounds of the buckets in microseconds, each included. A turn takes some 50 us for one message on a desk and
/// should stay below 10 ms for a full room on a board; a card that stalls takes seconds.
pub(super) const BOUNDS: [u64; 15] = [
    50, 100, 250, 500, 1000, 2500, 5000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000,
    5_000_000,
];

/// See the module's head.
#[derive(Clone, Copy, Debug, Default)]
pub struct Histogram {
    /// How many fell into each bucket, and not into the one before it.
    counts: [u64; BOUNDS.len()],
    /// How many there were, those beyond the last bound included.
    count: u64,
    /// How long all took together, in microseconds.
    sum: u64,
}

impl Histogram {
    /// One took so many microseconds.
    pub fn observe(&mut self, micros: u64) {
        let bucket = BOUNDS.partition_point(|bound| *bound < micros);
        if let Some(count) = self.counts.get_mut(bucket) {
            *count += 1;
        }
        self.count += 1;
        self.sum = self.sum.saturating_add(micros);
    }

    /// How many there were.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// How long all took together, in microseconds.
    #[must_use]
    pub const fn sum(&self) -> u64 {
        self.sum
    }

    /// How many took at most so long, for each bound: as Prometheus wants it.
    pub(super) fn cumulative(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        BOUNDS.iter().zip(&self.counts).scan(0, |sum, (bound, count)| {
            *sum += count;
            Some((*bound, *sum))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_belongs_to_the_bucket_below_it() {
        let mut histogram = Histogram::default();
        for micros in [0, 50, 51, 1000, 1001, 5_000_000, 5_000_001, u64::MAX] {
            histogram.observe(micros);
        }
        let up_to: Vec<(u64, u64)> = histogram.cumulative().collect();
        assert_eq!(up_to[..6], [(50, 2), (100, 3), (250, 3), (500, 3), (1000, 4), (2500, 5)]);
        assert_eq!(up_to[14], (5_000_000, 6));
        assert_eq!((histogram.count(), histogram.sum()), (8, u64::MAX), "the last two are beyond all bounds");
    }
}
