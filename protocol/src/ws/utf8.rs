//! UTF-8 that arrives in pieces, refused at the first impossible byte (RFC 6455 section 8.1). Must not know frames.

/// The text can never become valid, whatever follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NotUtf8;

/// Judges a text that has grown. `checked` counts the bytes already found good and moves on; what it leaves behind is
/// at most three bytes of a character that is not complete yet.
pub(super) fn extend(text: &[u8], checked: &mut usize) -> Result<(), NotUtf8> {
    let rest = text.get(*checked..).unwrap_or_default();
    match core::str::from_utf8(rest) {
        Ok(_) => *checked = text.len(),
        // No length means that the text ends within a character that may still become good.
        Err(fault) if fault.error_len().is_none() => *checked = checked.saturating_add(fault.valid_up_to()),
        Err(_) => return Err(NotUtf8),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where a text becomes impossible when its bytes arrive one at a time.
    fn first_impossible(text: &[u8]) -> Option<usize> {
        let mut checked = 0;
        (0..text.len()).find(|&at| extend(&text[..=at], &mut checked).is_err())
    }

    #[test]
    fn fails_at_the_first_impossible_byte() {
        // The byte that is named cannot follow what stands before it (Unicode 15, table 3-7).
        for (text, at) in [
            (&b"\x80"[..], 0),        // a continuation that continues nothing
            (b"a\xc0\x80", 1),        // an overlong NUL
            (b"\xc1\xbf", 0),         // overlong
            (b"\xe0\x9f\xbf", 1),     // overlong
            (b"\xed\xa0\x80", 1),     // U+D800, a surrogate
            (b"\xf0\x8f\xbf\xbf", 1), // overlong
            (b"\xf4\x90\x80\x80", 1), // U+110000, behind the last character
            (b"\xf5\x80\x80\x80", 0), // further behind
            (b"\xff", 0),             // never in UTF-8
            (b"\xce\xba\xe1\xbd\xb9a\xff", 6),
            (b"\xe2\x82a", 2), // a character broken off
            (b"\xf0\x9f\x98\xc0", 3),
        ] {
            assert_eq!(first_impossible(text), Some(at), "{text:02x?}");
        }
    }

    #[test]
    fn takes_every_character_in_pieces() {
        for c in (0..=0x10_ffff).filter_map(char::from_u32) {
            let mut bytes = [0; 4];
            let text = c.encode_utf8(&mut bytes).as_bytes();
            assert_eq!(first_impossible(text), None, "{c:?}");
        }
    }

    #[test]
    fn a_character_that_never_ends_is_never_counted() {
        let mut checked = 0;
        assert_eq!(extend(b"a\xf0\x9f\x98", &mut checked), Ok(()));
        assert_eq!(checked, 1);
        assert_eq!(extend("a😀".as_bytes(), &mut checked), Ok(()));
        assert_eq!(checked, 5);
    }
}
