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

/// How many bytes at the front change nothing inside a line, about: most of a head. Eight at a time they take one
/// instruction each, and by [`Place::after`] forty.
fn uneventful(bytes: &[u8]) -> usize {
    let is_eventful = |bytes: &[u8]| bytes.iter().fold(false, |any, byte| any | byte.is_ascii_control());
    bytes.chunks_exact(8).take_while(|eight| !is_eventful(eight)).count() * 8
}
