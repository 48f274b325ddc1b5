//! The checksum of a row: CRC-32 as in Ethernet and zip (ISO 3309). Must not know what rows there are.
//!
//! It finds flipped bits, not forgers: who can write the file can write the seal.

/// What a byte does to the checksum, when so many other bytes come behind it. With them eight bytes are taken in at once
/// ("slicing by eight"): one by one, the seal was a sixth of the time that storing an entry took.
const TABLES: [[u32; 256]; 8] = tables();

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
        let (eights, rest) = bytes.split_at(bytes.len() - bytes.len() % 8);
        let crc = eights.chunks_exact(8).fold(self.0, |crc, eight| {
            let [a, b, c, d] = crc.to_le_bytes();
            let mixed = eight.iter().zip([a, b, c, d, 0, 0, 0, 0]).map(|(byte, crc)| usize::from(byte ^ crc));
            mixed.zip(TABLES.iter().rev()).fold(0, |sum, (byte, table)| sum ^ table[byte])
        });
        Self(rest.iter().fold(crc, |crc, byte| {
            let [low, ..] = crc.to_le_bytes();
            TABLES[0][usize::from(low ^ byte)] ^ (crc >> 8)
        }))
    }
}

const fn tables() -> [[u32; 256]; 8] {
    let mut tables = [[0; 256]; 8];
    let mut at = 0;
    while at < 256 {
        let mut crc = at as u32;
        let mut bit = 0;
        while bit < 64 {
            crc = if crc & 1 == 1 { 0xedb8_8320 ^ (crc >> 1) } else { crc >> 1 };
            bit += 1;
            if bit % 8 == 0 {
                tables[bit / 8 - 1][at] = crc;
            }
        }
        at += 1;
    }
    tables
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_check_value_of_crc_32() {
        assert_eq!(!Seal::new().raw(b"123456789").0, 0xcbf4_3926);
    }

    /// A bit at a time, as the standard has it.
    fn slowly(bytes: &[u8]) -> u32 {
        !bytes.iter().fold(!0, |crc, byte| {
            (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
                (crc >> 1) ^ if crc & 1 == 1 { 0xedb8_8320 } else { 0 }
            })
        })
    }

    #[test]
    fn eight_bytes_at_once_are_eight_bytes() {
        let bytes: Vec<u8> = (0..100_u8).map(|at| at.wrapping_mul(151) ^ 0x5a).collect();
        for (from, to) in (0..9).flat_map(|from| (from..=100).map(move |to| (from, to))) {
            assert_eq!(!Seal::new().raw(&bytes[from..to]).0, slowly(&bytes[from..to]), "{from}..{to}");
        }
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
