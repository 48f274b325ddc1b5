//! Bytes from the terminal become keys. Must not know what a key does, or where the bytes were read.
//!
//! Two things are done here and not by termina's parser: a bracketed paste is collected within a bound (the parser's
//! buffer has none), and a lone ESC is told from the beginning of a sequence by waiting 25 ms.

use protocol::time::{Millis, Span};
use termina::Parser;
use termina::event::{Event, KeyCode, KeyEvent, KeyEventKind, Modifiers};

/// How long ESC waits for more: a terminal sends a sequence in one go, nobody types two keys so fast.
const ESCAPE: Span = Span(25);
/// How long a paste may pause before we take it that its end was lost. Long, because what comes after the end is taken
/// as typed, and a line break typed is a line sent.
const PASTE_PAUSE: Span = Span::secs(5);
/// The longest paste, in bytes. Four times the longest message.
pub const MAX_PASTE: usize = 64 * 1024;

const PASTE_START: &[u8] = b"\x1b[200~";
const PASTE_END: &[u8] = b"\x1b[201~";

/// A key, or a paste.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Key {
    /// A letter.
    Char(char),
    /// Control and a letter, in lower case.
    Ctrl(char),
    /// Alt (or ESC before) and a letter.
    Alt(char),
    /// Enter, also C-j.
    Enter,
    /// Alt-Enter.
    LineBreak,
    /// Tab.
    Tab,
    /// Shift-Tab.
    BackTab,
    /// Backspace, also C-h.
    Backspace,
    /// Alt-Backspace.
    AltBackspace,
    /// Delete.
    Delete,
    /// Arrow.
    Left,
    /// Arrow.
    Right,
    /// Control or Alt and the arrow.
    WordLeft,
    /// Control or Alt and the arrow.
    WordRight,
    /// Arrow.
    Up,
    /// Arrow.
    Down,
    /// Home.
    Home,
    /// End.
    End,
    /// A paste. Line breaks in it are `\n`, other control characters but tab are gone, and so are the line breaks at
    /// its end.
    Paste {
        /// What was pasted.
        text: String,
        /// How many bytes at its end were beyond [`MAX_PASTE`].
        lost: usize,
    },
}

/// See the head of this file.
#[derive(Debug, Default)]
pub struct Input {
    parser: Parser,
    start: Marker,
    paste: Option<Paste>,
    /// When a sequence that has begun, or a paste, has waited long enough.
    deadline: Option<Millis>,
}

#[derive(Debug, Default)]
struct Paste {
    bytes: Vec<u8>,
    lost: usize,
    end: Marker,
}

/// How much of a marker has been seen.
#[derive(Debug, Default)]
struct Marker(usize);

impl Marker {
    /// Takes one byte; true if it completes `marker`. ESC stands at the beginning of a marker and nowhere else, so
    /// there is nothing to go back for.
    fn feed(&mut self, marker: &[u8], byte: u8) -> bool {
        self.0 = match marker.get(self.0) {
            Some(expected) if *expected == byte => self.0 + 1,
            _ => usize::from(marker.first() == Some(&byte)),
        };
        if self.0 < marker.len() {
            return false;
        }
        self.0 = 0;
        true
    }
}

impl Input {
    /// Takes what was read; the keys that are complete go into `keys`.
    pub fn feed(&mut self, now: Millis, bytes: &[u8], keys: &mut Vec<Key>) {
        for byte in bytes {
            self.feed_one(now, *byte, keys);
        }
    }

    /// When [`Input::expire`] is due.
    #[must_use]
    pub fn deadline(&self) -> Option<Millis> {
        self.deadline
    }

    /// Time has passed: what waited long enough is complete.
    pub fn expire(&mut self, now: Millis, keys: &mut Vec<Key>) {
        if self.deadline.is_none_or(|deadline| now < deadline) {
            return;
        }
        self.deadline = None;
        if let Some(paste) = self.paste.take() {
            return keys.extend(paste.key());
        }
        self.parser.parse(&[], false);
        self.pop(keys);
        self.parser = Parser::default();
        self.start = Marker::default();
    }

    fn feed_one(&mut self, now: Millis, byte: u8, keys: &mut Vec<Key>) {
        if let Some(paste) = &mut self.paste {
            self.deadline = Some(now.plus(PASTE_PAUSE));
            if paste.take(byte) {
                self.deadline = None;
                keys.extend(self.paste.take().and_then(Paste::key));
            }
            return;
        }
        if self.start.feed(PASTE_START, byte) {
            self.parser = Parser::default();
            self.paste = Some(Paste::default());
            self.deadline = Some(now.plus(PASTE_PAUSE));
            return;
        }
        self.parser.parse(&[byte], true);
        if self.pop(keys) {
            self.deadline = None;
        } else if byte == b'\x1b' || self.deadline.is_some() {
            self.deadline = Some(now.plus(ESCAPE));
        }
    }

    /// Whether there was anything to pop, be it a key or not.
    fn pop(&mut self, keys: &mut Vec<Key>) -> bool {
        let mut popped = false;
        while let Some(event) = self.parser.pop() {
            popped = true;
            if let Event::Key(event) = event {
                keys.extend(key(event));
            }
        }
        popped
    }
}

impl Paste {
    /// Takes one byte; true if the paste is complete.
    fn take(&mut self, byte: u8) -> bool {
        match self.bytes.len() < MAX_PASTE {
            true => self.bytes.push(byte),
            false => self.lost += 1,
        }
        if !self.end.feed(PASTE_END, byte) {
            return false;
        }
        // The marker itself is at the end of what was taken, or of what was lost.
        let kept = PASTE_END.len().saturating_sub(self.lost);
        self.bytes.truncate(self.bytes.len().saturating_sub(kept));
        self.lost = self.lost.saturating_sub(PASTE_END.len());
        true
    }

    fn key(self) -> Option<Key> {
        let text = String::from_utf8_lossy(&self.bytes).replace("\r\n", "\n").replace('\r', "\n");
        let text: String = text.chars().filter(|c| matches!(c, '\n' | '\t') || !c.is_control()).collect();
        let text = text.trim_end_matches('\n').to_owned();
        (!text.is_empty()).then_some(Key::Paste { text, lost: self.lost })
    }
}

fn key(event: KeyEvent) -> Option<Key> {
    if event.kind == KeyEventKind::Release {
        return None;
    }
    let control = event.modifiers.contains(Modifiers::CONTROL);
    let alt = event.modifiers.contains(Modifiers::ALT);
    let by_word = control || alt;
    Some(match event.code {
        KeyCode::Char('j' | 'm') if control => Key::Enter,
        KeyCode::Char('h') if control => Key::Backspace,
        KeyCode::Char('i') if control => Key::Tab,
        KeyCode::Char(c) if control && !alt => Key::Ctrl(c.to_ascii_lowercase()),
        KeyCode::Char(c) if alt && !control => Key::Alt(c),
        KeyCode::Char(c) if !control && !c.is_control() => Key::Char(c),
        KeyCode::Enter if alt => Key::LineBreak,
        KeyCode::Enter => Key::Enter,
        KeyCode::Tab => Key::Tab,
        KeyCode::BackTab => Key::BackTab,
        KeyCode::Backspace if alt => Key::AltBackspace,
        KeyCode::Backspace => Key::Backspace,
        KeyCode::Delete => Key::Delete,
        KeyCode::Left if by_word => Key::WordLeft,
        KeyCode::Right if by_word => Key::WordRight,
        KeyCode::Left => Key::Left,
        KeyCode::Right => Key::Right,
        KeyCode::Up => Key::Up,
        KeyCode::Down => Key::Down,
        KeyCode::Home => Key::Home,
        KeyCode::End => Key::End,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Millis = Millis(1000);

    /// All at once, then byte by byte: the same has to come out.
    fn typed(bytes: &[u8]) -> Vec<Key> {
        let mut whole = Vec::new();
        Input::default().feed(NOW, bytes, &mut whole);
        let mut bit_by_bit = Vec::new();
        let mut input = Input::default();
        for byte in bytes {
            input.feed(NOW, &[*byte], &mut bit_by_bit);
        }
        assert_eq!(whole, bit_by_bit);
        whole
    }

    fn paste(text: &str, lost: usize) -> Key {
        Key::Paste { text: text.into(), lost }
    }

    #[test]
    fn keys() {
        for (bytes, key) in [
            (&b"a"[..], Key::Char('a')),
            ("ß".as_bytes(), Key::Char('ß')),
            ("👍".as_bytes(), Key::Char('👍')),
            (b"\x01", Key::Ctrl('a')),
            (b"\x1a", Key::Ctrl('z')),
            (b"\x1bf", Key::Alt('f')),
            (b"\x1b3", Key::Alt('3')),
            (b"\r", Key::Enter),
            (b"\n", Key::Enter),
            (b"\x1b\r", Key::LineBreak),
            (b"\t", Key::Tab),
            (b"\x1b[Z", Key::BackTab),
            (b"\x7f", Key::Backspace),
            (b"\x08", Key::Backspace),
            (b"\x1b\x7f", Key::AltBackspace),
            (b"\x1b[3~", Key::Delete),
            (b"\x1b[A", Key::Up),
            (b"\x1bOB", Key::Down),
            (b"\x1b[1;5D", Key::WordLeft),
            (b"\x1b[1;3C", Key::WordRight),
            (b"\x1b[H", Key::Home),
            (b"\x1b[4~", Key::End),
        ] {
            assert_eq!(typed(bytes), [key], "{bytes:?}");
        }
        assert_eq!(typed(b"hi\r"), [Key::Char('h'), Key::Char('i'), Key::Enter]);
    }

    #[test]
    fn what_a_terminal_reports_is_no_key() {
        assert_eq!(typed(b"\x1b[I\x1b[12;40Rx"), [Key::Char('x')]);
        assert_eq!(typed(b"\x1b[<0;3;4Mx"), [Key::Char('x')]);
        assert_eq!(typed(b"\xff\xfex"), [Key::Char('x')]);
    }

    #[test]
    fn a_lone_escape_does_not_swallow_the_next_key() {
        let mut input = Input::default();
        let mut keys = Vec::new();
        input.feed(NOW, b"\x1b", &mut keys);
        assert_eq!(input.deadline(), Some(Millis(1025)));
        input.expire(Millis(1024), &mut keys);
        assert_eq!(input.deadline(), Some(Millis(1025)));
        input.expire(Millis(1025), &mut keys);
        assert_eq!(input.deadline(), None);
        input.feed(Millis(1026), b"f", &mut keys);
        assert_eq!(keys, [Key::Char('f')]);
    }

    #[test]
    fn half_a_letter_has_all_the_time_it_needs() {
        let mut input = Input::default();
        let mut keys = Vec::new();
        input.feed(NOW, &"ß".as_bytes()[..1], &mut keys);
        assert_eq!(input.deadline(), None);
        input.feed(NOW, &"ß".as_bytes()[1..], &mut keys);
        assert_eq!(keys, [Key::Char('ß')]);
    }

    #[test]
    fn a_paste_is_one_thing() {
        assert_eq!(typed(b"\x1b[200~two\rlines\r\x1b[201~x"), [paste("two\nlines", 0), Key::Char('x')]);
        assert_eq!(typed(b"\x1b[200~a\r\nb\nc\x1b[201~"), [paste("a\nb\nc", 0)]);
        assert_eq!(typed(b"\x1b[200~\x1b[31mred\x07\ttab\x1b[201~"), [paste("[31mred\ttab", 0)]);
        assert_eq!(typed(b"\x1b[200~\x1b[20\x1b[201~y"), [paste("[20", 0), Key::Char('y')]);
        assert_eq!(typed(b"\x1b[200~\r\x1b[201~y"), [Key::Char('y')]);
    }

    #[test]
    fn a_paste_has_a_bound() {
        for beyond in [0, 1, 3, 5, 6, 7, 1000] {
            let mut bytes = PASTE_START.to_vec();
            bytes.resize(bytes.len() + MAX_PASTE - 3 + beyond, b'x');
            bytes.extend_from_slice(PASTE_END);
            let mut keys = Vec::new();
            Input::default().feed(NOW, &bytes, &mut keys);
            let lost = beyond.saturating_sub(3);
            assert_eq!(keys, [paste(&"x".repeat(MAX_PASTE - 3 + beyond - lost), lost)], "{beyond}");
        }
    }

    #[test]
    fn a_paste_without_an_end_ends_after_a_while() {
        let mut input = Input::default();
        let mut keys = Vec::new();
        input.feed(NOW, b"\x1b[200~hel", &mut keys);
        input.feed(Millis(3000), b"lo\r", &mut keys);
        input.expire(Millis(7999), &mut keys);
        assert_eq!(keys, []);
        input.expire(Millis(8000), &mut keys);
        assert_eq!(keys, [paste("hello", 0)]);
    }
}
