//! Collects a request head from chunks of any size. Must not know what the lines mean: see `head.rs`.
//!
//! Every byte is looked at once, however the head is chopped, and a head that cannot become good is refused at the
//! byte that spoils it.

use alloc::vec::Vec;

use super::refusal::Refusal;
use crate::limits::MAX_TARGET;

/// The head of one request, as far as it has arrived.
#[derive(Debug, Default)]
pub struct HeadBuffer {
    bytes: Vec<u8>,
    place: Place,
}

impl HeadBuffer {
    /// Empty, and without heap.
    #[must_use]
    pub const fn new() -> Self {
        Self { bytes: Vec::new(), place: Place::Start }
    }

    /// Takes bytes from the front of `input`, up to the blank line that ends the head. True: the head is complete,
    /// and what is left in `input` lies behind it. False: all was taken, and more is needed. `max` is how many bytes a
    /// head may have, and all that is held ([`crate::limits::MAX_HEAD`], unless somebody chose otherwise).
    ///
    /// # Errors
    /// What no honest head contains, or a head longer than `max`. Nothing sensible can follow.
    pub fn feed(&mut self, input: &mut &mut [u8], max: usize) -> Result<bool, Refusal> {
        let room = max.saturating_sub(self.bytes.len());
        let (place, taken) = self.place.through(input.get(..room).unwrap_or(input))?;
        self.place = place;
        let all = core::mem::take(input);
        let (head, rest) = all.split_at_mut(taken);
        *input = rest;
        self.keep(head, max);

        if self.place == Place::End {
            return Ok(true);
        }
        if self.bytes.len() >= max {
            let only_target = self.place == Place::RequestLine && max > MAX_TARGET;
            return Err(if only_target { Refusal::TargetTooLong } else { Refusal::HeadTooLarge(max) });
        }
        Ok(false)
    }

    /// What was collected: the head with its blank line, once it is complete.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Whether the blank line has come.
    pub(super) fn is_complete(&self) -> bool {
        self.place == Place::End
    }

    /// A vector would double its memory beyond the limit.
    fn keep(&mut self, more: &[u8], max: usize) {
        let needed = self.bytes.len().saturating_add(more.len());
        if needed > self.bytes.capacity() {
            let wanted = needed.max(self.bytes.capacity().saturating_mul(2)).min(max);
            self.bytes.reserve_exact(wanted.saturating_sub(self.bytes.len()));
        }
        self.bytes.extend_from_slice(more);
    }
}

/// Where in a head we are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Place {
    /// Before the first byte.
    #[default]
    Start,
    /// In the first line.
    RequestLine,
    /// Behind a carriage return that ends a line.
    LineEnd,
    /// At the beginning of a line that is not the first.
    LineStart,
    /// In such a line.
    Line,
    /// Behind the carriage return of the blank line.
    BlankLine,
    /// Behind the head.
    End,
}

impl Place {
    /// Where we are behind as many of `bytes` as belong to the head, and how many those are.
    pub(super) fn through(mut self, bytes: &[u8]) -> Result<(Self, usize), Refusal> {
        let mut rest = bytes;
        while let [byte, behind @ ..] = rest {
            if self == Self::End {
                break;
            }
            self = self.after(*byte)?;
            rest = behind;
            if matches!(self, Self::RequestLine | Self::Line) {
                rest = rest.get(uneventful(rest)..).unwrap_or_default();
            }
        }
        Ok((self, bytes.len() - rest.len()))
    }

    /// Where we are one byte later.
    const fn after(self, byte: u8) -> Result<Self, Refusal> {
        match (self, byte) {
            (Self::LineEnd, b'\n') => Ok(Self::LineStart),
            (Self::BlankLine, b'\n') => Ok(Self::End),
            (Self::LineEnd | Self::BlankLine, _) => Err(Refusal::BareCarriageReturn),
            (Self::Start, b'\r' | b' ' | b'\t') => Err(Refusal::RequestLine),
            (Self::LineStart, b'\r') => Ok(Self::BlankLine),
            (Self::LineStart, b' ' | b'\t') => Err(Refusal::FoldedHeader),
            (Self::RequestLine | Self::Line, b'\r') => Ok(Self::LineEnd),
            (_, b'\n') => Err(Refusal::BareLineFeed),
            (_, 0..=8 | 11..=31 | 127) => Err(Refusal::Control(byte)),
            (Self::Start | Self::RequestLine, _) => Ok(Self::RequestLine),
            (Self::LineStart | Self::Line, _) => Ok(Self::Line),
            (Self::End, _) => Ok(Self::End),
        }
    }
}

/// How many bytes at the front change nothing inside a line, but for up to seven at the end: most of a head. So a
/// head of 190 bytes takes 800 instructions; by [`Place::after`] alone each byte takes forty.
fn uneventful(bytes: &[u8]) -> usize {
    let mut rest = bytes;
    while let Some((eight, behind)) = rest.split_first_chunk() {
        let controls = controls(u64::from_le_bytes(*eight));
        if controls != 0 {
            return bytes.len() - rest.len() + controls.trailing_zeros() as usize / 8;
        }
        rest = behind;
    }
    bytes.len() - rest.len()
}

/// The lowest bit that is set is the high bit of the first byte that is a control character; none is set if none is.
/// (A subtraction borrows from the bytes behind one that is found, so those may be found wrongly.)
const fn controls(eight: u64) -> u64 {
    const EACH: u64 = u64::MAX / 255;
    let below_space = eight.wrapping_sub(EACH * 0x20) & !eight;
    let not_delete = eight ^ (EACH * 0x7f);
    let delete = not_delete.wrapping_sub(EACH) & !not_delete;
    (below_space | delete) & (EACH * 0x80)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_control_character_is_found_wherever_it_stands() {
        for byte in 0..=255_u8 {
            for place in 0..24 {
                // Beside each other those bytes that a borrow or a carry could confuse.
                for around in [b' ', b'~', 0x7e, 0x80, 0xff, b'a'] {
                    let mut bytes = [around; 24];
                    bytes[place] = byte;
                    let expected = if byte.is_ascii_control() { place } else { 24 };
                    assert_eq!(uneventful(&bytes), expected, "{byte} at {place} among {around}");
                }
            }
        }
        assert_eq!(uneventful(b"eight+\x1f\x7f"), 6, "the first of two");
        assert_eq!(uneventful(b"eight+\x7f\x1f"), 6);
        assert_eq!(uneventful(b"seven..\r"), 7);
        assert_eq!(uneventful(b"seven.\r"), 0, "less than eight are left to who asks");
    }
}
