//! Bytes in, steps out (RFC 6455 section 5). Owns what has arrived of an unfinished frame or message, and nothing
//! else: an idle decoder holds no heap. Must not know sockets, chat, or what a step leads to.
//!
//! The rules:
//!
//! 1. Every byte is judged when it arrives, or earlier: a frame is refused from its header where the header tells, a
//!    text at its first impossible byte. So the outcome never depends on how the bytes were cut.
//! 2. A whole frame that is a message of its own is unmasked where it lies and borrowed from the read buffer. All
//!    else is collected in a [`Partial`] and comes out owned.
//! 3. Memory grows by what has arrived, never by what was declared.
//! 4. Control frames may come between the parts of a message and leave it as it was (section 5.4).

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use super::close::{self, CloseFrame};
use super::header::{LONGEST, Length, Opcode, Role, Start};
use super::violation::Violation;
use super::{mask, utf8};

/// What we take from the peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Whose side we are.
    pub role: Role,
    /// The most bytes of one message, over all its frames.
    pub message: usize,
    /// The most frames of one message.
    pub fragments: u32,
}

/// What the peer did: one whole message or control frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step<'b> {
    /// A text message.
    Text(Cow<'b, str>),
    /// A binary message.
    Binary(Cow<'b, [u8]>),
    /// A ping, to be answered by a pong with the same bytes (section 5.5.3).
    Ping(Cow<'b, [u8]>),
    /// A pong, whether asked for or not.
    Pong(Cow<'b, [u8]>),
    /// The peer's last frame; what it sends after that is not read.
    Close(Option<CloseFrame<'b>>),
}

impl Step<'_> {
    /// The same step, borrowing nothing.
    #[must_use]
    pub fn into_owned(self) -> Step<'static> {
        match self {
            Self::Text(text) => Step::Text(Cow::Owned(text.into_owned())),
            Self::Binary(bytes) => Step::Binary(Cow::Owned(bytes.into_owned())),
            Self::Ping(bytes) => Step::Ping(Cow::Owned(bytes.into_owned())),
            Self::Pong(bytes) => Step::Pong(Cow::Owned(bytes.into_owned())),
            Self::Close(frame) => Step::Close(frame.map(CloseFrame::into_owned)),
        }
    }
}

/// Finds the steps in a stream of bytes.
#[derive(Debug, Default)]
pub struct Decoder {
    partial: Option<Box<Partial>>,
}

impl Decoder {
    /// A decoder at the beginning of a stream.
    #[must_use]
    pub const fn new() -> Self {
        Self { partial: None }
    }

    /// Takes bytes from the front of `input` until they make a step. `None` means that all were taken and more are
    /// needed. The bytes taken are unmasked in place.
    ///
    /// # Errors
    /// The first rule that the peer broke. The stream has no meaning after it, and this decoder must not be used
    /// again.
    pub fn next<'b>(
        &mut self,
        rules: &Rules,
        input: &mut &'b mut [u8],
    ) -> Result<Option<Step<'b>>, Violation> {
        self.next_counted(rules, input, &mut 0)
    }

    /// As [`Decoder::next`]; adds to `frames` how many have begun. A step may take many: fragments cost their sender
    /// little and us as much as messages.
    ///
    /// # Errors
    /// As [`Decoder::next`].
    pub fn next_counted<'b>(
        &mut self,
        rules: &Rules,
        input: &mut &'b mut [u8],
        frames: &mut u64,
    ) -> Result<Option<Step<'b>>, Violation> {
        loop {
            if self.is_in_payload() {
                let step = self.collect(input)?;
                if step.is_some() || self.is_in_payload() {
                    return Ok(step);
                }
            }
            let Some(frame) = self.header(rules, input)? else { return Ok(None) };
            *frames = frames.saturating_add(1);
            if frame.stands_alone(self.message()) && frame.len <= input.len() {
                let payload = take(input, frame.len);
                mask::apply(payload, frame.key, 0);
                return borrowed_step(frame.start.opcode, payload).map(Some);
            }
            self.partial.get_or_insert_default().begin(frame);
        }
    }

    /// Whether a frame or a message in fragments is unfinished: the peer owes us something, which ought to have a
    /// deadline.
    #[must_use]
    pub const fn is_mid_message(&self) -> bool {
        self.partial.is_some()
    }

    /// How many bytes of memory what is unfinished takes.
    #[must_use]
    pub fn held(&self) -> usize {
        let Some(partial) = &self.partial else { return 0 };
        let message = partial.message.as_ref().map_or(0, |message| message.data.capacity());
        size_of::<Partial>().saturating_add(partial.control.capacity()).saturating_add(message)
    }

    fn is_in_payload(&self) -> bool {
        self.partial.as_ref().is_some_and(|partial| partial.frame.is_some())
    }

    fn message(&self) -> Option<&Message> {
        self.partial.as_ref()?.message.as_ref()
    }

    /// Reads the next header, from `input` alone if it lies there whole.
    fn header(&mut self, rules: &Rules, input: &mut &mut [u8]) -> Result<Option<Frame>, Violation> {
        if self.partial.as_ref().is_none_or(|partial| partial.spill.is_empty()) {
            if let Some((frame, size)) = Frame::parse(input, self.message(), rules)? {
                take(input, size);
                return Ok(Some(frame));
            }
        }
        while !input.is_empty() {
            let byte = take(input, 1);
            let partial = self.partial.get_or_insert_default();
            partial.spill.push(byte);
            if let Some((frame, _)) = Frame::parse(partial.spill.bytes(), partial.message.as_ref(), rules)? {
                partial.spill = Spill::default();
                self.rest();
                return Ok(Some(frame));
            }
        }
        Ok(None)
    }

    /// Takes what has arrived of the payload under way.
    fn collect(&mut self, input: &mut &mut [u8]) -> Result<Option<Step<'static>>, Violation> {
        let Some(partial) = &mut self.partial else { return Ok(None) };
        let step = partial.collect(input)?;
        self.rest();
        Ok(step)
    }

    /// Gives the memory back if nothing is unfinished.
    fn rest(&mut self) {
        if self.partial.as_ref().is_some_and(|partial| partial.is_finished()) {
            self.partial = None;
        }
    }
}

/// All that is unfinished.
#[derive(Debug, Default)]
struct Partial {
    /// The beginning of a header.
    spill: Spill,
    /// The frame whose payload is arriving.
    frame: Option<Frame>,
    /// What has arrived of it, if it is a control frame.
    control: Vec<u8>,
    /// What has arrived of a message, over all frames.
    message: Option<Message>,
}

impl Partial {
    const fn is_finished(&self) -> bool {
        self.spill.is_empty() && self.frame.is_none() && self.message.is_none()
    }

    fn begin(&mut self, frame: Frame) {
        if !frame.start.opcode.is_control() {
            let message = self.message.get_or_insert_with(|| Message::new(frame.start.opcode));
            message.fragments = message.fragments.saturating_add(1);
        }
        self.frame = Some(frame);
    }

    fn collect(&mut self, input: &mut &mut [u8]) -> Result<Option<Step<'static>>, Violation> {
        let Some(frame) = &mut self.frame else { return Ok(None) };
        let part = take(input, frame.len.saturating_sub(frame.done).min(input.len()));
        mask::apply(part, frame.key, frame.done);
        frame.done = frame.done.saturating_add(part.len());
        let Frame { start, len, done, .. } = *frame;

        if start.opcode.is_control() {
            self.control.extend_from_slice(part);
            if start.opcode == Opcode::Close {
                close::judge_beginning(&self.control)?;
            }
        } else if let Some(message) = &mut self.message {
            message.extend(part)?;
        }
        if done < len {
            return Ok(None);
        }
        self.frame = None;
        if start.opcode.is_control() {
            return owned_step(start.opcode, core::mem::take(&mut self.control)).map(Some);
        }
        if !start.fin {
            return Ok(None);
        }
        self.message.take().map(|message| owned_step(message.opcode, message.data)).transpose()
    }
}

/// The beginning of a header whose rest has not arrived.
#[derive(Debug, Default)]
struct Spill {
    bytes: [u8; LONGEST],
    len: u8,
}

impl Spill {
    const fn is_empty(&self) -> bool {
        self.len == 0
    }

    fn bytes(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len)).unwrap_or_default()
    }

    fn push(&mut self, more: &[u8]) {
        for (to, byte) in self.bytes.iter_mut().skip(usize::from(self.len)).zip(more) {
            *to = *byte;
            self.len = self.len.saturating_add(1);
        }
    }
}

/// A frame whose header is known.
#[derive(Clone, Copy, Debug)]
struct Frame {
    start: Start,
    /// All zero if there is no mask, which changes nothing.
    key: [u8; 4],
    /// The declared length of the payload. Within [`Rules::message`], so it fits in memory.
    len: usize,
    /// How much of it has arrived.
    done: usize,
}

impl Frame {
    /// Judges what has arrived of a header, in the order of its bytes. Gives the frame and the header's size once the
    /// header is whole.
    fn parse(
        bytes: &[u8],
        message: Option<&Message>,
        rules: &Rules,
    ) -> Result<Option<(Self, usize)>, Violation> {
        let Some(&first) = bytes.first() else { return Ok(None) };
        let start = Start::parse(first)?;
        match (start.opcode, message) {
            (Opcode::Continuation, None) => return Err(Violation::StrayContinuation),
            (Opcode::Text | Opcode::Binary, Some(_)) => return Err(Violation::InterruptedMessage),
            (Opcode::Continuation, Some(message)) if message.fragments >= rules.fragments => {
                return Err(Violation::TooManyFragments);
            }
            _ => {}
        }
        let Some(length) = Length::parse(bytes, start.opcode, rules.role)? else { return Ok(None) };
        let before = message.map_or(0, |message| message.data.len());
        let len = match usize::try_from(length.payload) {
            Ok(len) if start.opcode.is_control() || len <= rules.message.saturating_sub(before) => len,
            _ => return Err(Violation::MessageTooBig),
        };
        if rules.role == Role::Client {
            return Ok(Some((Self { start, key: [0; 4], len, done: 0 }, length.before_mask)));
        }
        let key = bytes.get(length.before_mask..).and_then(|rest| rest.first_chunk::<4>());
        Ok(key.map(|key| (Self { start, key: *key, len, done: 0 }, length.before_mask + 4)))
    }

    /// Whether the payload is a step by itself, with nothing before and nothing after.
    const fn stands_alone(&self, message: Option<&Message>) -> bool {
        self.start.opcode.is_control() || (self.start.fin && message.is_none())
    }
}

/// A message whose last frame has not arrived whole.
#[derive(Debug)]
struct Message {
    /// Text or Binary.
    opcode: Opcode,
    data: Vec<u8>,
    /// How much of a text is known to be UTF-8.
    checked: usize,
    /// In how many frames it came so far.
    fragments: u32,
}

impl Message {
    const fn new(opcode: Opcode) -> Self {
        Self { opcode, data: Vec::new(), checked: 0, fragments: 0 }
    }

    fn extend(&mut self, part: &[u8]) -> Result<(), Violation> {
        self.data.extend_from_slice(part);
        if self.opcode == Opcode::Text {
            utf8::extend(&self.data, &mut self.checked).map_err(|_| Violation::TextNotUtf8)?;
        }
        Ok(())
    }
}

/// Splits `count` bytes off the front of `input`, or all there are.
fn take<'b>(input: &mut &'b mut [u8], count: usize) -> &'b mut [u8] {
    let all = core::mem::take(input);
    let (front, back) = all.split_at_mut(count.min(all.len()));
    *input = back;
    front
}

fn borrowed_step(opcode: Opcode, payload: &[u8]) -> Result<Step<'_>, Violation> {
    Ok(match opcode {
        Opcode::Text => {
            Step::Text(Cow::Borrowed(core::str::from_utf8(payload).map_err(|_| Violation::TextNotUtf8)?))
        }
        Opcode::Ping => Step::Ping(Cow::Borrowed(payload)),
        Opcode::Pong => Step::Pong(Cow::Borrowed(payload)),
        Opcode::Close => Step::Close(
            close::parse(payload)?.map(|(code, reason)| CloseFrame { code, reason: Cow::Borrowed(reason) }),
        ),
        // A continuation never stands alone; its message is finished under the opcode it began with.
        Opcode::Binary | Opcode::Continuation => Step::Binary(Cow::Borrowed(payload)),
    })
}

fn owned_step(opcode: Opcode, payload: Vec<u8>) -> Result<Step<'static>, Violation> {
    Ok(match opcode {
        Opcode::Text => {
            Step::Text(Cow::Owned(String::from_utf8(payload).map_err(|_| Violation::TextNotUtf8)?))
        }
        Opcode::Ping => Step::Ping(Cow::Owned(payload)),
        Opcode::Pong => Step::Pong(Cow::Owned(payload)),
        Opcode::Close => Step::Close(
            close::parse(&payload)?
                .map(|(code, reason)| CloseFrame { code, reason: Cow::Owned(String::from(reason)) }),
        ),
        Opcode::Binary | Opcode::Continuation => Step::Binary(Cow::Owned(payload)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decoder_is_one_pointer() {
        assert_eq!(size_of::<Decoder>(), size_of::<usize>());
    }
}
