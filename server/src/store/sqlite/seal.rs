//! The checksum of a row: CRC-32 as in Ethernet and zip (ISO 3309). Must not know what rows there are.
//!
//! It finds flipped bits, not forgers: who can write the file can write the seal.

const TABLE: [u32; 256] = table();

/// A checksum over parts of a row. What is between the parts counts, so that ("ab", "c") is not ("a", "bc").
#[derive(Clone, Copy, Debug)]
pub(super) struct Seal(u32);

impl Seal {
    pub(super) fn new() -> Self {
        Self(!0)
    }

    #[must_use]
    pub(super) fn bytes(self, part: &[u8]) -> Self {
        self.raw(part).raw(&(part.len() as u64).to_le_bytes())
    }

    #[must_use]
    pub(super) fn number(self, part: i64) -> Self {
        self.raw(&part.to_le_bytes())
    }

    /// As a number of 32 bits with a sign, which SQLite keeps in four bytes.
    pub(super) fn value(self) -> i64 {
        i64::from((!self.0) as i32)
    }

    fn raw(self, bytes: &[u8]) -> Self {
        Self(bytes.iter().fold(self.0, |crc, byte| {
            let [low, ..] = crc.to_le_bytes();
            TABLE[usize::from(low ^ byte)] ^ (crc >> 8)
        }))
    }
}

const fn table() -> [u32; 256] {
    let mut table = [0; 256];
    let mut at = 0;
    while at < 256 {
        let mut crc = at as u32;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 == 1 { 0xedb8_8320 ^ (crc >> 1) } else { crc >> 1 };
            bit += 1;
        }
        table[at] = crc;
        at += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_check_value_of_crc_32() {
        assert_eq!(!Seal::new().raw(b"123456789").0, 0xcbf4_3926);
    }

    #[test]
    fn every_bit_and_every_border_counts() {
        let seal = |a: &[u8], b: &[u8]| Seal::new().bytes(a).bytes(b).value();
        assert_ne!(seal(b"ab", b"c"), seal(b"a", b"bc"));
        assert_ne!(seal(b"", b"abc"), seal(b"abc", b""));
        for bit in 0..24 {
            let mut text = *b"abc";
            text[bit / 8] ^= 1 << (bit % 8);
            assert_ne!(seal(b"abc", b""), seal(&text, b""));
        }
    }
}
