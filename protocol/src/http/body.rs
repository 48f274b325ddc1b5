//! Collects a request's body from chunks of any size. Must not know what it says.
//!
//! A body has the length that its head declares, and no other: what follows it is left alone. Memory is taken for what
//! has come, never for what was declared.

use alloc::vec::Vec;

use super::head::Head;
use super::refusal::Refusal;

/// The body of one request, as far as it has arrived.
#[derive(Debug)]
pub struct BodyBuffer {
    bytes: Vec<u8>,
    length: usize,
}

impl BodyBuffer {
    /// Empty, and without heap, for the body that this head declares. `max` is how many bytes it may have.
    ///
    /// # Errors
    /// [`Refusal::LengthRequired`] and [`Refusal::ContentTooLarge`].
    pub fn declared(head: &Head<'_>, max: usize) -> Result<Self, Refusal> {
        let length = head.content_length().ok_or(Refusal::LengthRequired)?;
        match usize::try_from(length) {
            Ok(length) if length <= max => Ok(Self { bytes: Vec::new(), length }),
            _ => Err(Refusal::ContentTooLarge(max)),
        }
    }

    /// Takes bytes from the front of `input`, up to the end of the body. True: it is complete, and what is left in
    /// `input` lies behind it. False: all was taken, and more is needed.
    pub fn feed(&mut self, input: &mut &mut [u8]) -> bool {
        let missing = self.length.saturating_sub(self.bytes.len());
        let all = core::mem::take(input);
        let (body, rest) = all.split_at_mut(missing.min(all.len()));
        *input = rest;
        self.keep(body);
        self.bytes.len() == self.length
    }

    /// What was collected: all of it, once it is complete.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// A vector would double its memory beyond what can come.
    fn keep(&mut self, more: &[u8]) {
        let needed = self.bytes.len().saturating_add(more.len());
        if needed > self.bytes.capacity() {
            let wanted = needed.max(self.bytes.capacity().saturating_mul(2)).min(self.length);
            self.bytes.reserve_exact(wanted.saturating_sub(self.bytes.len()));
        }
        self.bytes.extend_from_slice(more);
    }
}
