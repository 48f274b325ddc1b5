//! JSON as it is written (RFC 8259): objects, their members, lists, text and numbers, appended to the caller's text. Must
//! not know what is told.
//!
//! A `message` and its tick are written for every line that is said. With serde_json that took 4,900 instructions and
//! four allocations; this takes 3,100 and none.

use alloc::string::String;
use core::fmt::Write as _;

/// Appends one object. `write` adds its members.
pub(super) fn object(out: &mut String, write: impl FnOnce(&mut Members<'_>)) {
    out.push('{');
    write(&mut Members { out, is_first: true });
    out.push('}');
}

/// The members of an object. Their names are constants of the code, with nothing in them to be escaped.
///
/// What adds a member stands once in the program: inlined in fifty places it was 12 KiB more.
pub(super) struct Members<'o> {
    out: &'o mut String,
    is_first: bool,
}

impl Members<'_> {
    #[inline(never)]
    pub(super) fn text(&mut self, name: &str, value: &str) {
        text(value, self.member(name));
    }

    #[inline(never)]
    pub(super) fn text_if_any(&mut self, name: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.text(name, value);
        }
    }

    /// A word of ours: nothing in it has to be escaped.
    #[inline(never)]
    pub(super) fn word(&mut self, name: &str, word: &str) {
        let out = self.member(name);
        ["\"", word, "\""].iter().for_each(|part| out.push_str(part));
    }

    #[inline(never)]
    pub(super) fn number(&mut self, name: &str, number: u64) {
        // To write to a string cannot fail.
        let _ = write!(self.member(name), "{number}");
    }

    pub(super) fn yes(&mut self, name: &str) {
        self.member(name).push_str("true");
    }

    pub(super) fn object(&mut self, name: &str, write: impl FnOnce(&mut Members<'_>)) {
        object(self.member(name), write);
    }

    /// `write` appends one item.
    pub(super) fn list<T>(
        &mut self,
        name: &str,
        items: impl IntoIterator<Item = T>,
        mut write: impl FnMut(T, &mut String),
    ) {
        let out = self.member(name);
        out.push('[');
        for (number, item) in items.into_iter().enumerate() {
            if number > 0 {
                out.push(',');
            }
            write(item, out);
        }
        out.push(']');
    }

    /// Its value is to follow.
    fn member(&mut self, name: &str) -> &mut String {
        let before = if self.is_first { "\"" } else { ",\"" };
        self.is_first = false;
        [before, name, "\":"].iter().for_each(|part| self.out.push_str(part));
        self.out
    }
}

/// Appends a text in quotes. Escaped is what has to be, in the short form where there is one (section 7).
#[inline(never)]
pub(super) fn text(text: &str, out: &mut String) {
    out.push('"');
    if text.bytes().fold(true, |so_far, byte| so_far & !is_escaped(byte)) {
        out.push_str(text);
    } else {
        text.chars().for_each(|c| character(c, out));
    }
    out.push('"');
}

fn is_escaped(byte: u8) -> bool {
    (byte < b' ') | (byte == b'"') | (byte == b'\\')
}

fn character(c: char, out: &mut String) {
    match short_form(c) {
        Some(escape) => out.push_str(escape),
        None if c < ' ' => {
            // To write to a string cannot fail.
            let _ = write!(out, "\\u{:04x}", u32::from(c));
        }
        None => out.push(c),
    }
}

fn short_form(c: char) -> Option<&'static str> {
    Some(match c {
        '"' => "\\\"",
        '\\' => "\\\\",
        '\n' => "\\n",
        '\t' => "\\t",
        '\r' => "\\r",
        '\u{8}' => "\\b",
        '\u{c}' => "\\f",
        _ => return None,
    })
}
