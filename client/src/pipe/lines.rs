//! Lines from a program: read by a thread of its own, since the poller takes no regular files and the flag that makes
//! reading non-blocking would be the whole shell's. Must not know what becomes of a line.

use std::io::{self, BufRead, Read};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver};
use std::thread;

use mio::Waker;
use protocol::chat::name::{Text, TextFault};
use protocol::limits::MAX_TEXT;

/// How many lines may be read ahead. The thread waits when there are more.
const AHEAD: usize = 64;

/// Something read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// A line to be said.
    Text {
        /// Its number in the input, from 1.
        number: u64,
        /// What it says, without the line break and a CR before it.
        text: Text<'static>,
        /// Bytes that are not UTF-8, or control characters, were replaced by U+FFFD.
        mended: bool,
    },
    /// A line that no server takes.
    TooLong {
        /// Its number in the input, from 1.
        number: u64,
    },
    /// The end, or a fault of the input, which ends it too.
    End(Option<String>),
}

/// Starts to read. The waker is woken when there is something; [`Line::End`] comes last.
///
/// # Errors
/// If the system has no more threads.
pub fn read(input: impl Read + Send + 'static, waker: Arc<Waker>) -> io::Result<Receiver<Line>> {
    let (sender, receiver) = mpsc::sync_channel(AHEAD);
    thread::Builder::new().name("input".into()).spawn(move || {
        let mut lines = Lines::new(io::BufReader::new(input));
        loop {
            let line = lines.next();
            let ended = matches!(line, Line::End(_));
            // If nobody listens any more, the program is about to end.
            if sender.send(line).is_err() || waker.wake().is_err() || ended {
                return;
            }
        }
    })?;
    Ok(receiver)
}

/// Cuts an input into lines.
struct Lines<R> {
    input: R,
    number: u64,
}

impl<R: BufRead> Lines<R> {
    fn new(input: R) -> Self {
        Self { input, number: 0 }
    }

    /// The next line that is not empty.
    fn next(&mut self) -> Line {
        loop {
            let mut bytes = Vec::new();
            // One more for the line break and one for the CR; what is longer is too long anyway.
            let bound = MAX_TEXT + 2;
            match self.input.by_ref().take(bound as u64).read_until(b'\n', &mut bytes) {
                Ok(0) => return Line::End(None),
                Ok(_) => {}
                Err(error) => return Line::End(Some(format!("cannot read the input: {error}"))),
            }
            self.number += 1;
            let number = self.number;
            if bytes.last() == Some(&b'\n') {
                bytes.pop();
            } else if bytes.len() == bound {
                return match self.input.skip_until(b'\n') {
                    Ok(_) => Line::TooLong { number },
                    Err(error) => Line::End(Some(format!("cannot read the input: {error}"))),
                };
            }
            if bytes.last() == Some(&b'\r') {
                bytes.pop();
            }
            let (text, mended) = mend(&bytes);
            match Text::new(text) {
                Ok(text) => return Line::Text { number, text, mended },
                Err(TextFault::Empty) => {}
                Err(TextFault::TooLong(_) | TextFault::Control(_)) => return Line::TooLong { number },
            }
        }
    }
}

/// Replaces what may not be said by U+FFFD. Better a line with a hole than no line: it may be an alarm.
fn mend(bytes: &[u8]) -> (String, bool) {
    let text = String::from_utf8_lossy(bytes);
    let mended: String = text
        .chars()
        .map(|c| if c.is_control() && c != '\t' { char::REPLACEMENT_CHARACTER } else { c })
        .collect();
    let is_mended = mended.as_bytes() != bytes;
    (mended, is_mended)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All lines of an input, drawn: `3! text` is line 3, mended. Read as a whole and byte by byte.
    fn lines(input: &[u8]) -> Vec<String> {
        let read = |capacity| {
            let mut lines = Lines::new(io::BufReader::with_capacity(capacity, input));
            let mut drawn = Vec::new();
            loop {
                match lines.next() {
                    Line::Text { number, text, mended } => {
                        drawn.push(format!("{number}{} {}", if mended { "!" } else { "" }, text.as_str()));
                    }
                    Line::TooLong { number } => drawn.push(format!("{number} too long")),
                    Line::End(fault) => {
                        assert_eq!(fault, None);
                        return drawn;
                    }
                }
            }
        };
        let whole = read(64 * 1024);
        assert_eq!(whole, read(1));
        whole
    }

    #[test]
    fn lines_are_text() {
        assert_eq!(lines(b"one\ntwo\r\n/quit\n  three\n"), ["1 one", "2 two", "3 /quit", "4   three"]);
        assert_eq!(lines(b"no line break"), ["1 no line break"]);
        assert_eq!(lines(b"\n\r\n \t \nx\n\n"), ["4 x"]);
        assert_eq!(lines(b""), [""; 0]);
    }

    #[test]
    fn what_may_not_be_said_is_replaced() {
        assert_eq!(
            lines(b"a\xffb\nc\x1b[31md\na\rb\ttab\n"),
            ["1! a\u{fffd}b", "2! c\u{fffd}[31md", "3! a\u{fffd}b\ttab"]
        );
        assert_eq!(lines("ü\u{85}\n".as_bytes()), ["1! ü\u{fffd}"]);
    }

    #[test]
    fn a_line_has_a_bound() {
        let longest = "x".repeat(MAX_TEXT);
        assert_eq!(lines(format!("{longest}\nb").as_bytes()), [format!("1 {longest}"), "2 b".into()]);
        assert_eq!(lines(format!("{longest}\r\nb").as_bytes()), [format!("1 {longest}"), "2 b".into()]);
        assert_eq!(lines(format!("{longest}x\nb").as_bytes()), ["1 too long", "2 b"]);
        assert_eq!(lines(format!("{longest}xyz{longest}\nb").as_bytes()), ["1 too long", "2 b"]);
        assert_eq!(lines(format!("{longest}xyz").as_bytes()), ["1 too long"]);
        // Each bad byte grows to three.
        assert_eq!(lines(&[0xff; MAX_TEXT]), ["1 too long"]);
    }
}
