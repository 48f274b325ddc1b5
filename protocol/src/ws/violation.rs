//! What a peer can do wrong in its frames: one variant a fault, and the fault knows its answer. Must not know who
//! finds it or what becomes of the connection.

use core::fmt;

use super::close::CloseCode;

/// A broken rule of RFC 6455, or one of our limits passed. The connection cannot go on after it: send a close frame
/// with [`Violation::close_code`] and read no further (section 7.1.7, "fail the connection").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Violation {
    /// A reserved bit is set, and no extension was agreed that would give it a meaning (section 5.2).
    ReservedBits,
    /// An opcode without a meaning, which is given (section 5.2).
    ReservedOpcode(u8),
    /// A control frame that says it is only a part (section 5.5).
    FragmentedControl,
    /// A control frame of more than 125 bytes (section 5.5).
    LongControl,
    /// A client's frame without a mask (section 5.1).
    Unmasked,
    /// A server's frame with a mask (section 5.1).
    Masked,
    /// A length written in more bytes than it needs (section 5.2).
    PaddedLength,
    /// A 64-bit length with its highest bit set (section 5.2).
    NegativeLength,
    /// A continuation where no message was begun (section 5.4).
    StrayContinuation,
    /// A new message before the last one was finished (section 5.4).
    InterruptedMessage,
    /// A text that is not UTF-8 (section 8.1).
    TextNotUtf8,
    /// A close frame of one byte: half a code (section 5.5.1).
    HalfCloseCode,
    /// A close code that may not be sent, which is given (section 7.4).
    BadCloseCode(u16),
    /// A close reason that is not UTF-8 (sections 5.5.1 and 8.1).
    ReasonNotUtf8,
    /// A message of more bytes than [`Rules::message`](super::Rules).
    MessageTooBig,
    /// A message in more frames than [`Rules::fragments`](super::Rules).
    TooManyFragments,
}

impl Violation {
    /// One of each, for whoever counts them.
    pub const ALL: [Self; 16] = [
        Self::ReservedBits,
        Self::ReservedOpcode(3),
        Self::FragmentedControl,
        Self::LongControl,
        Self::Unmasked,
        Self::Masked,
        Self::PaddedLength,
        Self::NegativeLength,
        Self::StrayContinuation,
        Self::InterruptedMessage,
        Self::TextNotUtf8,
        Self::HalfCloseCode,
        Self::BadCloseCode(1005),
        Self::ReasonNotUtf8,
        Self::MessageTooBig,
        Self::TooManyFragments,
    ];

    /// The code to close the connection with (section 7.4.1).
    #[must_use]
    pub const fn close_code(self) -> CloseCode {
        match self {
            Self::ReservedBits
            | Self::ReservedOpcode(_)
            | Self::FragmentedControl
            | Self::LongControl
            | Self::Unmasked
            | Self::Masked
            | Self::PaddedLength
            | Self::NegativeLength
            | Self::StrayContinuation
            | Self::InterruptedMessage
            | Self::HalfCloseCode
            | Self::BadCloseCode(_) => CloseCode::PROTOCOL,
            Self::TextNotUtf8 | Self::ReasonNotUtf8 => CloseCode::INVALID,
            Self::MessageTooBig => CloseCode::TOO_BIG,
            Self::TooManyFragments => CloseCode::POLICY,
        }
    }

    /// A short name for logs and counters, which stays when the sentence is improved.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ReservedBits => "reserved-bits",
            Self::ReservedOpcode(_) => "reserved-opcode",
            Self::FragmentedControl => "fragmented-control",
            Self::LongControl => "long-control",
            Self::Unmasked => "unmasked",
            Self::Masked => "masked",
            Self::PaddedLength => "padded-length",
            Self::NegativeLength => "negative-length",
            Self::StrayContinuation => "stray-continuation",
            Self::InterruptedMessage => "interrupted-message",
            Self::TextNotUtf8 => "text-not-utf8",
            Self::HalfCloseCode => "half-close-code",
            Self::BadCloseCode(_) => "bad-close-code",
            Self::ReasonNotUtf8 => "reason-not-utf8",
            Self::MessageTooBig => "message-too-big",
            Self::TooManyFragments => "too-many-fragments",
        }
    }
}

/// The sentence that goes into the close frame, at most 123 bytes.
impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ReservedBits => "a reserved bit is set; no extension such as compression is spoken here",
            Self::ReservedOpcode(opcode) => return write!(f, "opcode {opcode:#x} has no meaning"),
            Self::FragmentedControl => "a ping, pong or close must be one whole frame",
            Self::LongControl => "a ping, pong or close carries at most 125 bytes",
            Self::Unmasked => "a client must mask its frames",
            Self::Masked => "a server must not mask its frames",
            Self::PaddedLength => "the length must be written in as few bytes as it needs",
            Self::NegativeLength => "the highest bit of a 64-bit length must be zero",
            Self::StrayContinuation => "a continuation came, but no message was begun",
            Self::InterruptedMessage => "a new message began before the last one was finished",
            Self::TextNotUtf8 => "a text must be UTF-8; send bytes as a binary message",
            Self::HalfCloseCode => "a close frame of one byte is half a code",
            Self::BadCloseCode(code) => return write!(f, "the close code {code} may not be sent"),
            Self::ReasonNotUtf8 => "the reason in a close frame must be UTF-8",
            Self::MessageTooBig => "the message is too big; split it into several messages",
            Self::TooManyFragments => "the message came in too many frames; send it in fewer",
        })
    }
}

impl core::error::Error for Violation {}
