//! Masking (RFC 6455 section 5.3): XOR with four bytes, over and over. Must not know frames.

/// Masks or unmasks `payload` in place; it is the same operation. `done` is how many bytes of this frame's payload
/// came before, so that a payload in pieces goes on with the right byte of the key.
pub(super) fn apply(payload: &mut [u8], mut key: [u8; 4], done: usize) {
    key.rotate_left(done % 4);
    let [a, b, c, d] = key;
    // Eight bytes at a time; the compiler makes vectors of it.
    let word = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    let mut words = payload.chunks_exact_mut(8);
    for bytes in &mut words {
        if let Ok(masked) = <[u8; 8]>::try_from(&*bytes) {
            bytes.copy_from_slice(&(u64::from_ne_bytes(masked) ^ word).to_ne_bytes());
        }
    }
    for (byte, key) in words.into_remainder().iter_mut().zip(key.into_iter().cycle()) {
        *byte ^= key;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

    /// The sentence of the RFC, word by word: transformed octet i = original octet i XOR key octet (i MOD 4).
    fn by_the_book(payload: &[u8]) -> Vec<u8> {
        payload.iter().enumerate().map(|(i, byte)| byte ^ KEY[i % 4]).collect()
    }

    #[test]
    fn does_what_the_book_says_at_every_length_and_cut() {
        let payload: Vec<u8> = (0..67).collect();
        for len in 0..payload.len() {
            for cut in 0..=len {
                let mut masked = payload[..len].to_vec();
                let (front, back) = masked.split_at_mut(cut);
                apply(front, KEY, 0);
                apply(back, KEY, cut);
                assert_eq!(masked, by_the_book(&payload[..len]), "{len} bytes cut at {cut}");
            }
        }
    }
}
