//! How long things took, so that it can be asked what most of them took. Must not know what was measured.
//!
//! Counts in buckets: below 256 each number has its own, above that each power of two has 128, so what is told is at
//! most 0.8 % too large. Nothing is allocated by a measurement, and a measurement is an addition.

/// Buckets for each power of two.
const STEPS: u64 = 128;
/// All of them, up to the largest `u64`.
const BUCKETS: usize = (STEPS * 58) as usize;

/// See the module's head.
#[derive(Clone, Debug)]
pub(crate) struct Percentiles {
    counts: Vec<u64>,
    all: u64,
    largest: u64,
}

impl Default for Percentiles {
    fn default() -> Self {
        Self { counts: vec![0; BUCKETS], all: 0, largest: 0 }
    }
}

impl Percentiles {
    /// One more took so long.
    pub(crate) fn add(&mut self, took: u64) {
        if let Some(count) = self.counts.get_mut(bucket(took)) {
            *count += 1;
        }
        self.all += 1;
        self.largest = self.largest.max(took);
    }

    /// How many there are.
    pub(crate) const fn count(&self) -> u64 {
        self.all
    }

    /// The longest.
    pub(crate) const fn largest(&self) -> u64 {
        self.largest
    }

    /// So many of a thousand took this long or less. 0 if there are none.
    pub(crate) fn at(&self, of_a_thousand: u64) -> u64 {
        // The how manieth, from 1.
        let wanted = (u128::from(self.all) * u128::from(of_a_thousand)).div_ceil(1000).max(1) as u64;
        let mut below = 0;
        for (bucket, count) in self.counts.iter().enumerate() {
            below += count;
            if below >= wanted {
                return last_of(bucket as u64).min(self.largest);
            }
        }
        0
    }
}

fn bucket(took: u64) -> usize {
    // A number below 2 * STEPS is its own bucket; a larger one is halved until it is.
    let halvings = (64 - 8 - u64::from(took.leading_zeros()).min(64 - 8)) as u32;
    (u64::from(halvings) * STEPS + (took >> halvings)) as usize
}

/// The largest number in a bucket.
const fn last_of(bucket: u64) -> u64 {
    if bucket < 2 * STEPS {
        return bucket;
    }
    let halvings = bucket / STEPS - 1;
    let first = (bucket - halvings * STEPS) << halvings;
    first + ((1 << halvings) - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_is_in_the_bucket_that_ends_behind_it() {
        let near_powers = (0..64).flat_map(|power| [(1_u64 << power) - 1, 1 << power, (1 << power) + 1]);
        for number in (0..100_000).chain(near_powers).chain([u64::MAX]) {
            let bucket = bucket(number);
            assert!(bucket < BUCKETS, "{number} has a bucket");
            let last = last_of(bucket as u64);
            assert!(last >= number && (last - number) as f64 <= number as f64 / 128.0, "{number}: {last}");
            assert!(bucket == 0 || last_of(bucket as u64 - 1) < number, "{number} is in the first that fits");
        }
    }

    #[test]
    fn a_thousand_measurements() {
        let mut times = Percentiles::default();
        assert_eq!((times.count(), times.at(500), times.largest()), (0, 0, 0));
        (1..=1000).for_each(|time| times.add(time));
        assert_eq!(times.count(), 1000);
        // Up to 255 exact, then within 0.8 %.
        assert_eq!((times.at(0), times.at(1), times.at(100), times.at(200)), (1, 1, 100, 200));
        assert_eq!((times.at(500), times.at(990), times.at(999)), (501, 991, 999));
        assert_eq!((times.at(1000), times.largest()), (1000, 1000));
    }

    #[test]
    fn one_measurement_is_all_of_them() {
        let mut times = Percentiles::default();
        times.add(1_000_003);
        assert_eq!([1, 500, 999, 1000].map(|share| times.at(share)), [1_000_003; 4]);
    }

    #[test]
    fn one_slow_one_of_a_thousand_is_seen() {
        let mut times = Percentiles::default();
        (0..999).for_each(|_| times.add(10));
        times.add(5_000);
        assert_eq!((times.at(999), times.at(1000)), (10, 5_000));
    }
}
