//! The last gate before a terminal or a file: whatever others wrote is made unable to do anything but be read. Must
//! not know where the text came from; the server's checks count for nothing here (an old log, a sentence from a proxy,
//! another server).

use std::borrow::Cow;
use std::fmt::Write;

/// One line of text for people. Control characters (C0, DEL, C1) and those that turn the direction of writing are
/// shown instead of obeyed: ESC as `^[`, U+202E as `<U+202E>`. A tab stays.
#[must_use]
pub fn line(text: &str) -> Cow<'_, str> {
    if !text.chars().any(|c| is_harmful(c) && c != '\t') {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '\t' => out.push(c),
            c => show(c, &mut out),
        }
    }
    Cow::Owned(out)
}

/// Appends a character, or what stands for it if it is harmful.
pub fn show(c: char, out: &mut String) {
    match c {
        // Caret notation, as in stty(1) and less(1).
        '\0'..='\x1f' | '\x7f' => {
            out.push('^');
            out.push(char::from((c as u8) ^ 0x40));
        }
        c if is_harmful(c) => {
            // Writing to a string cannot fail.
            let _ = write!(out, "<U+{:04X}>", u32::from(c));
        }
        c => out.push(c),
    }
}

/// One line of JSON, with the same characters escaped as JSON does it: the value stays the same.
#[must_use]
pub fn json(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_harmful) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            // Not allowed within a string, white space between the parts.
            '\n' | '\r' | '\t' => out.push(' '),
            c if is_harmful(c) => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    Cow::Owned(out)
}

/// Whether a character does something instead of showing something.
fn is_harmful(c: char) -> bool {
    // The bidirectional controls of Unicode's UAX 9, and the two line separators that some terminals obey.
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_act_is_shown() {
        for (text, shown) in [
            ("plain text, küche, 部屋 👨‍👩‍👧", "plain text, küche, 部屋 👨‍👩‍👧"),
            ("a\ttab", "a\ttab"),
            ("\x1b[2J\x1b]52;c;aGk=\x07", "^[[2J^[]52;c;aGk=^G"),
            ("\u{9b}31mred", "<U+009B>31mred"),
            ("over\rwritten\n<alice> forged", "over^Mwritten^J<alice> forged"),
            ("\x7f\0", "^?^@"),
            ("\u{202e}evil\u{2066}\u{200f}", "<U+202E>evil<U+2066><U+200F>"),
        ] {
            assert_eq!(line(text), shown);
        }
    }

    #[test]
    fn no_character_gets_through_that_acts() {
        for c in '\0'..=char::MAX {
            let shown = line(c.encode_utf8(&mut [0; 4])).into_owned();
            assert!(shown.chars().all(|c| c == '\t' || !is_harmful(c)), "{c:?}");
            assert!(!json(c.encode_utf8(&mut [0; 4])).chars().any(is_harmful), "{c:?}");
        }
    }

    #[test]
    fn json_stays_the_same_value_on_one_line() {
        assert_eq!(json("{\"a\":\n\t\"x\u{7f}\u{9b}\u{202e}ü\"}"), "{\"a\":  \"x\\u007f\\u009b\\u202eü\"}");
    }
}
