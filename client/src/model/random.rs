//! Random numbers from a seed that is handed in, so that a story in a test comes out the same each time. Not for
//! secrets: the session key comes from the operating system.

use protocol::chat::id::RequestId;

/// xoshiro256++ by Blackman and Vigna. Seeded with 256 random bits it never repeats an id within anybody's life.
#[derive(Clone, Debug)]
pub struct Random([u64; 4]);

impl Random {
    /// From a seed. The one seed it cannot start from, all zeros, is replaced.
    #[must_use]
    pub fn new(seed: [u64; 4]) -> Self {
        Self(if seed == [0; 4] { [1, 2, 3, 4] } else { seed })
    }

    /// A number below `end`; 0 if `end` is 0.
    pub fn below(&mut self, end: u64) -> u64 {
        // The bias of the remainder does not matter for a waiting time.
        self.next().checked_rem(end).unwrap_or(0)
    }

    /// A new request id: 128 random bits in hexadecimal digits.
    pub fn id(&mut self) -> RequestId<'static> {
        let digits = format!("{:016x}{:016x}", self.next(), self.next());
        RequestId::new(digits).expect("hexadecimal digits are visible ASCII")
    }

    fn next(&mut self) -> u64 {
        let [a, b, c, d] = &mut self.0;
        let result = a.wrapping_add(*d).rotate_left(23).wrapping_add(*a);
        let shifted = *b << 17;
        *c ^= *a;
        *d ^= *b;
        *b ^= *c;
        *a ^= *d;
        *c ^= shifted;
        *d = d.rotate_left(45);
        result
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_xoshiro256plusplus() {
        // The first numbers of the authors' C code for the seed 1, 2, 3, 4.
        let mut random = Random::new([1, 2, 3, 4]);
        assert_eq!([random.next(), random.next(), random.next()], [41943041, 58720359, 3588806011781223]);
    }

    #[test]
    fn ids_differ_and_seeds_repeat() {
        let (mut one, mut two) = (Random::new([7; 4]), Random::new([7; 4]));
        let id = one.id();
        assert_eq!(id.as_str().len(), 32);
        assert_ne!(id, one.id());
        assert_eq!(id, two.id());
        assert_eq!(one.below(0), 0);
    }
}
