//! Chance from a seed, and what chance does to an input. The same seed does the same for ever.

/// A small generator (xorshift64*).
pub struct Chance(u64);

impl Chance {
    /// A generator that is not zero, whatever the seed.
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// A generator from any bytes.
    pub fn of(data: &[u8]) -> Self {
        Self::new(data.iter().fold(data.len() as u64, |sum, byte| sum.wrapping_mul(257) ^ u64::from(*byte)))
    }

    /// 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// A number below `end`; 0 if there is none.
    pub fn below(&mut self, end: usize) -> usize {
        self.bits().checked_rem(end as u64).unwrap_or(0) as usize
    }

    /// One of several.
    pub fn pick<'a, T>(&mut self, of: &'a [T]) -> Option<&'a T> {
        of.get(self.below(of.len()))
    }

    /// Does to `data` what fuzzers do: bits turned, bytes that often matter put in, pieces doubled, cut or joined
    /// from another input.
    pub fn mutate(&mut self, data: &mut Vec<u8>, other: &[u8]) {
        for _ in 0..1 + self.below(4) {
            let at = self.below(data.len());
            match self.below(7) {
                0 => data.truncate(at),
                1 => data.extend_from_slice(other.get(self.below(other.len())..).unwrap_or_default()),
                2 => data.insert(at, self.bits() as u8),
                3 => data.extend_from_within(at..),
                4 if !data.is_empty() => drop(data.remove(at)),
                5 => {
                    let telling =
                        [0, 1, 0x7d, 0x7e, 0x7f, 0x80, 0x88, 0xff, b'\r', b'\n', b' ', b':', b'%', b'/'];
                    if let (Some(byte), Some(telling)) = (data.get_mut(at), self.pick(&telling)) {
                        *byte = *telling;
                    }
                }
                _ => {
                    let bit = 1 << self.below(8);
                    data.get_mut(at).into_iter().for_each(|byte| *byte ^= bit);
                }
            }
        }
        data.truncate(16 << 10);
    }
}
