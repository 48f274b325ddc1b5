//! What happens by chance. The same seed, or the same bytes, throw the same for ever.

/// See the module's head.
#[derive(Debug)]
pub enum Dice<'a> {
    /// So many throws, from a seed (SplitMix64, by Sebastiano Vigna).
    Seed(u64, usize),
    /// As long as there are bytes, one for each throw.
    Bytes(&'a [u8]),
}

impl Dice<'_> {
    /// A number below `bound`, which is from 1 to 256; 0 when nothing is left.
    pub fn below(&mut self, bound: usize) -> usize {
        match self {
            Self::Seed(_, 0) | Self::Bytes([]) => 0,
            Self::Seed(state, left) => {
                *left -= 1;
                *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
                let z = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
                let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
                ((z ^ (z >> 31)) % bound as u64) as usize
            }
            Self::Bytes([first, rest @ ..]) => {
                let throw = usize::from(*first) % bound;
                *self = Self::Bytes(rest);
                throw
            }
        }
    }

    /// One of several.
    ///
    /// # Panics
    /// If there is none.
    pub fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }

    /// As many bytes, or as are left.
    pub fn bytes(&mut self, count: usize) -> Vec<u8> {
        let left = match self {
            Self::Seed(_, left) => *left,
            Self::Bytes(bytes) => bytes.len(),
        };
        (0..count.min(left)).map(|_| self.below(256) as u8).collect()
    }

    /// Whether nothing is left.
    #[must_use]
    pub fn is_cold(&self) -> bool {
        matches!(self, Self::Seed(_, 0) | Self::Bytes([]))
    }
}
