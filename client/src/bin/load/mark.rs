//! What every line that is said here carries: of which run it is, who said it, as its how manieth, and when. So whoever
//! hears it can tell what is lost, doubled, late or not ours, with nothing to look up. Must not know what surrounds it:
//! a nick before it, JSON around it.
//!
//! A mark is 32 letters, so that it is also an `id` of `snug.v1`:
//!
//! ```text
//! ~5eed000007000001a40003e8b5c2f19~
//! ~ run   sender  number     nanoseconds   ~
//!   4     6       8          12 hexadecimal digits
//! ```

use crate::clock::Nanos;

/// How long a mark is, in bytes.
pub(crate) const LENGTH: usize = 32;

/// The most senders that fit: six digits.
pub(crate) const MAX_SENDERS: usize = 1 << 24;

const FENCE: u8 = b'~';
const DIGITS: &[u8; 16] = b"0123456789abcdef";
/// The fence and the run: how each mark of a run begins.
const BEGINNING: usize = 5;

/// What a mark says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    /// Who says it: 24 bits.
    pub(crate) sender: u32,
    /// It is this sender's how manieth, from 0.
    pub(crate) number: u32,
    /// When it was said, or due to be: 48 bits.
    pub(crate) at: Nanos,
}

/// What there is in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// A mark of this run.
    Ours(Mark),
    /// A mark, but of another run: somebody else measures here, or did.
    Foreign,
    /// No mark.
    Nothing,
}

/// Writes and finds the marks of one run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Marks {
    beginning: [u8; BEGINNING],
}

impl Marks {
    /// The run is a number by chance, so that what is left of earlier runs is told apart.
    pub(crate) fn new(run: u16) -> Self {
        let mut beginning = [FENCE; BEGINNING];
        if let Some(digits) = beginning.get_mut(1..) {
            write_digits(digits, u64::from(run));
        }
        Self { beginning }
    }

    /// As it stands in a text.
    pub(crate) fn write(&self, mark: Mark) -> [u8; LENGTH] {
        let mut text = [FENCE; LENGTH];
        let (beginning, rest) = text.split_at_mut(BEGINNING);
        beginning.copy_from_slice(&self.beginning);
        let (sender, rest) = rest.split_at_mut(6);
        write_digits(sender, u64::from(mark.sender));
        let (number, rest) = rest.split_at_mut(8);
        write_digits(number, u64::from(mark.number));
        let (at, _) = rest.split_at_mut(12);
        write_digits(at, mark.at);
        text
    }

    /// The first mark in a text.
    pub(crate) fn find(&self, text: &[u8]) -> Found {
        let mut rest = text;
        while let Some(at) = rest.iter().position(|byte| *byte == FENCE) {
            rest = rest.get(at..).unwrap_or_default();
            let Some(candidate) = rest.first_chunk::<LENGTH>() else { break };
            if let Some(mark) = read(candidate) {
                return match candidate.starts_with(&self.beginning) {
                    true => Found::Ours(mark),
                    false => Found::Foreign,
                };
            }
            rest = rest.get(1..).unwrap_or_default();
        }
        Found::Nothing
    }
}

fn read(text: &[u8; LENGTH]) -> Option<Mark> {
    let [first, _, _, _, _, digits @ .., last] = text;
    if (*first, *last) != (FENCE, FENCE) {
        return None;
    }
    let (sender, rest) = digits.split_at(6);
    let (number, at) = rest.split_at(8);
    let (sender, number, at) = (value(sender)?, value(number)?, value(at)?);
    Some(Mark { sender: sender as u32, number: number as u32, at })
}

/// What a letter is worth; those that are no digits have bits that no digit has.
const VALUES: [u8; 256] = {
    let mut values = [0xff; 256];
    let mut digit = 0;
    while digit < 16 {
        values[DIGITS[digit] as usize] = digit as u8;
        digit += 1;
    }
    values
};

/// This is done for each delivery: no branch for a digit, one for all of them.
fn value(digits: &[u8]) -> Option<u64> {
    let (mut value, mut all) = (0, 0);
    for letter in digits {
        let digit = VALUES[usize::from(*letter)];
        all |= digit;
        value = value << 4 | u64::from(digit);
    }
    (all < 16).then_some(value)
}

/// Writes the lowest digits of a number: as many as there is room for.
fn write_digits(room: &mut [u8], mut value: u64) {
    for letter in room.iter_mut().rev() {
        *letter = DIGITS[(value & 15) as usize];
        value >>= 4;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MARK: Mark = Mark { sender: 7, number: 0x1a4, at: 0x3e_8b5c_2f19 };
    const TEXT: &str = "~5eed000007000001a4003e8b5c2f19~";

    #[test]
    fn as_it_is_drawn() {
        let marks = Marks::new(0x5eed);
        assert_eq!(str::from_utf8(&marks.write(MARK)), Ok(TEXT));
        let largest = Mark { sender: 0xff_ffff, number: u32::MAX, at: (1 << 48) - 1 };
        assert_eq!(marks.find(&marks.write(largest)), Found::Ours(largest));
    }

    #[test]
    fn it_is_found_in_whatever_is_around_it() {
        let marks = Marks::new(0x5eed);
        for around in [
            TEXT.to_owned(),
            format!("{TEXT}xxxxxxxx"),
            format!("<~~guest~12> {TEXT}"),
            format!("{{\"type\":\"message\",\"text\":\"{TEXT}x\"}}"),
            format!("~{TEXT}"),
            format!("~5eed00000700000_a4003e8b5c2f19~{TEXT}"),
        ] {
            assert_eq!(marks.find(around.as_bytes()), Found::Ours(MARK), "{around}");
        }
    }

    #[test]
    fn what_is_no_mark() {
        let marks = Marks::new(0x5eed);
        for length in 0..TEXT.len() {
            assert_eq!(marks.find(&TEXT.as_bytes()[..length]), Found::Nothing, "{length} bytes of it");
        }
        for letter in 5..LENGTH {
            let mut broken = TEXT.as_bytes().to_vec();
            broken[letter] = b'G';
            assert_eq!(marks.find(&broken), Found::Nothing, "letter {letter}");
        }
    }

    #[test]
    fn another_run_is_told_apart() {
        assert_eq!(Marks::new(0x5eee).find(TEXT.as_bytes()), Found::Foreign);
    }
}
