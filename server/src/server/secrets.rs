//! Secrets for persons to come. Must not know who gets them.

/// How many the system is asked for at once.
const AT_ONCE: usize = 32;

/// A stock of secrets. To ask the system for each by itself was a thirtieth of a handshake.
#[derive(Debug)]
pub(super) struct Secrets {
    /// Fills with random bytes.
    random: fn(&mut [u8]),
    stock: [[u8; 16]; AT_ONCE],
    /// How many of the stock were given out. They are no longer in it.
    given: usize,
}

impl Secrets {
    pub(super) fn new(random: fn(&mut [u8])) -> Self {
        Self { random, stock: [[0; 16]; AT_ONCE], given: AT_ONCE }
    }

    /// One that nobody had before.
    pub(super) fn next(&mut self) -> [u8; 16] {
        if self.given == self.stock.len() {
            (self.random)(self.stock.as_flattened_mut());
            self.given = 0;
        }
        let secret = self.stock.get_mut(self.given).map(std::mem::take).unwrap_or_default();
        self.given += 1;
        secret
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    thread_local! {
        static CALLS: Cell<u8> = const { Cell::new(0) };
    }

    /// Each call fills with bytes that are all different, and different from those of the calls before.
    fn counted(bytes: &mut [u8]) {
        CALLS.set(CALLS.get() + 1);
        for (number, secret) in bytes.chunks_exact_mut(16).enumerate() {
            secret.fill(u8::try_from(number).unwrap() + 100 * CALLS.get());
        }
    }

    #[test]
    fn nobody_gets_anothers_and_none_is_kept() {
        let mut secrets = Secrets::new(counted);
        let given: Vec<_> = (0..AT_ONCE + 2).map(|_| secrets.next()).collect();
        let expected = (100..).take(AT_ONCE).chain([200, 201]);
        assert!(given.iter().map(|secret| secret[0]).eq(expected), "{given:?}");
        assert_eq!((CALLS.get(), secrets.stock[0], secrets.stock[1]), (2, [0; 16], [0; 16]));
    }
}
