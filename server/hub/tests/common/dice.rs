//! Choices, from a seed or from a fuzzer's bytes. Must not know what is chosen.

/// What happens by chance.
pub enum Dice<'a> {
    /// For ever, from a seed (SplitMix64, by Sebastiano Vigna).
    Seed(u64),
    /// As long as there are bytes, one for each throw.
    Bytes(&'a [u8]),
}

impl Dice<'_> {
    /// A number below `bound`, which is at most 256; 0 when nothing is left.
    pub fn below(&mut self, bound: usize) -> usize {
        match self {
            Self::Seed(state) => {
                *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
                let z = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
                let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
                ((z ^ (z >> 31)) % bound as u64) as usize
            }
            Self::Bytes(bytes) => {
                let Some((first, rest)) = bytes.split_first() else { return 0 };
                *bytes = rest;
                usize::from(*first) % bound
            }
        }
    }

    pub fn is_cold(&self) -> bool {
        matches!(self, Self::Bytes([]))
    }

    pub fn room(&mut self) -> &'static str {
        ["lobby", "ops", "den", "attic", "küche"][(self.below(5) * self.below(5)) / 4]
    }

    pub fn nick(&mut self) -> &'static str {
        ["anna", "Anna", "bob", "carol", "dan", "eve", "Ωμέγα", "guest-0001", "zoe"][self.below(9)]
    }
}
