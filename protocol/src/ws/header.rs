//! A frame's header (RFC 6455 section 5.2), judged as early as its bytes allow. Must not know payloads or messages.

use super::violation::Violation;
use crate::limits::MAX_CONTROL;

/// The longest header: 2 bytes, a 64-bit length and a mask.
pub(super) const LONGEST: usize = 14;

/// Whose side we are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// We are the server: what we read must be masked (section 5.1).
    Server,
    /// We are the client: what we read must not be masked.
    Client,
}

/// What a frame is for (section 5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opcode {
    /// The next part of a message.
    Continuation,
    /// A text, or its first part.
    Text,
    /// Bytes, or their first part.
    Binary,
    /// The end.
    Close,
    /// Are you there?
    Ping,
    /// Yes.
    Pong,
}

impl Opcode {
    /// The number on the wire.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::Continuation => 0,
            Self::Text => 1,
            Self::Binary => 2,
            Self::Close => 8,
            Self::Ping => 9,
            Self::Pong => 10,
        }
    }

    /// Whether the frame speaks about the connection, and so may come between the parts of a message.
    #[must_use]
    pub const fn is_control(self) -> bool {
        matches!(self, Self::Close | Self::Ping | Self::Pong)
    }

    const fn parse(number: u8) -> Result<Self, Violation> {
        Ok(match number {
            0 => Self::Continuation,
            1 => Self::Text,
            2 => Self::Binary,
            8 => Self::Close,
            9 => Self::Ping,
            10 => Self::Pong,
            other => return Err(Violation::ReservedOpcode(other)),
        })
    }
}

/// What the first byte says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Start {
    pub(super) fin: bool,
    pub(super) opcode: Opcode,
}

impl Start {
    pub(super) fn parse(byte: u8) -> Result<Self, Violation> {
        if byte & 0x70 != 0 {
            return Err(Violation::ReservedBits);
        }
        let start = Self { fin: byte & 0x80 != 0, opcode: Opcode::parse(byte & 0x0f)? };
        if start.opcode.is_control() && !start.fin {
            return Err(Violation::FragmentedControl);
        }
        Ok(start)
    }
}

/// What the bytes up to the end of the length say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Length {
    /// The payload's length as declared. Nothing may be allocated by it.
    pub(super) payload: u64,
    /// How many bytes of header stand before the mask.
    pub(super) before_mask: usize,
}

impl Length {
    /// Reads the length behind the first byte; `None` if it has not arrived as a whole.
    pub(super) fn parse(bytes: &[u8], opcode: Opcode, role: Role) -> Result<Option<Self>, Violation> {
        let Some(&second) = bytes.get(1) else { return Ok(None) };
        match (role, second & 0x80 != 0) {
            (Role::Server, false) => return Err(Violation::Unmasked),
            (Role::Client, true) => return Err(Violation::Masked),
            _ => {}
        }
        let short = second & 0x7f;
        if opcode.is_control() && usize::from(short) > MAX_CONTROL {
            return Err(Violation::LongControl);
        }
        if opcode == Opcode::Close && short == 1 {
            return Err(Violation::HalfCloseCode);
        }
        match short {
            126 => {
                let Some(&[_, _, a, b]) = bytes.first_chunk() else { return Ok(None) };
                let payload = u16::from_be_bytes([a, b]);
                if payload < 126 {
                    return Err(Violation::PaddedLength);
                }
                Ok(Some(Self { payload: u64::from(payload), before_mask: 4 }))
            }
            127 => {
                if bytes.get(2).is_some_and(|highest| highest & 0x80 != 0) {
                    return Err(Violation::NegativeLength);
                }
                let Some(&[_, _, a, b, c, d, e, f, g, h]) = bytes.first_chunk() else { return Ok(None) };
                let payload = u64::from_be_bytes([a, b, c, d, e, f, g, h]);
                if payload <= u64::from(u16::MAX) {
                    return Err(Violation::PaddedLength);
                }
                Ok(Some(Self { payload, before_mask: 10 }))
            }
            short => Ok(Some(Self { payload: u64::from(short), before_mask: 2 })),
        }
    }
}
