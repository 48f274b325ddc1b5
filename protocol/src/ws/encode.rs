//! Frames, written (RFC 6455 section 5.2). Must not know who gets them: one frame is encoded once for a whole room.
//!
//! Every frame is whole: we never send a message in fragments.

use alloc::vec::Vec;

use super::close::{CloseCode, CloseFrame};
pub use super::header::Opcode;
use super::mask;
use crate::limits::MAX_CONTROL;

const FIN: u8 = 0x80;
const MASKED: u8 = 0x80;

/// Appends a whole frame as a server sends it: final and unmasked.
pub fn frame(opcode: Opcode, payload: &[u8], out: &mut Vec<u8>) {
    header(opcode, payload.len(), out);
    out.extend_from_slice(payload);
}

/// Appends only the header of such a frame, for a payload of `len` bytes that is written apart: 2, 4 or 10 bytes.
pub fn header(opcode: Opcode, len: usize, out: &mut Vec<u8>) {
    start(opcode, 0, len, out);
}

/// Appends a whole frame as a client sends it. The mask must be fresh and random for every frame (section 5.3), which
/// is why it is handed in.
pub fn masked_frame(opcode: Opcode, key: [u8; 4], payload: &[u8], out: &mut Vec<u8>) {
    start(opcode, MASKED, payload.len(), out);
    out.extend_from_slice(&key);
    let at = out.len();
    out.extend_from_slice(payload);
    if let Some(payload) = out.get_mut(at..) {
        mask::apply(payload, key, 0);
    }
}

/// Appends a close frame. The reason is cut at a character boundary to the 123 bytes that fit.
pub fn close(code: CloseCode, reason: &str, out: &mut Vec<u8>) {
    let reason = reason.get(..reason_fits(reason)).unwrap_or_default();
    header(Opcode::Close, reason.len() + 2, out);
    out.extend_from_slice(&code.0.to_be_bytes());
    out.extend_from_slice(reason.as_bytes());
}

/// Appends the answer to a close frame: the same code, or none if none was given (section 5.5.1).
pub fn close_reply(received: Option<&CloseFrame<'_>>, out: &mut Vec<u8>) {
    match received {
        Some(received) => close(received.code, "", out),
        None => frame(Opcode::Close, &[], out),
    }
}

fn start(opcode: Opcode, mask_bit: u8, len: usize, out: &mut Vec<u8>) {
    out.push(FIN | opcode.number());
    match (u8::try_from(len), u16::try_from(len)) {
        (Ok(len @ 0..=125), _) => out.push(mask_bit | len),
        (_, Ok(len)) => {
            out.push(mask_bit | 126);
            out.extend_from_slice(&len.to_be_bytes());
        }
        _ => {
            out.push(mask_bit | 127);
            out.extend_from_slice(&(len as u64).to_be_bytes());
        }
    }
}

/// How many bytes of a reason fit beside the code.
fn reason_fits(reason: &str) -> usize {
    const ROOM: usize = MAX_CONTROL - 2;
    if reason.len() <= ROOM {
        return reason.len();
    }
    (0..=ROOM).rev().find(|&at| reason.is_char_boundary(at)).unwrap_or(0)
}
