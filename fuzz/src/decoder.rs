//! The frame decoder: whole = byte by byte = in random pieces; what it yields, written and read again, is the same;
//! and what is finished leaves nothing behind.
//!
//! Input: a byte whose lowest bit says whose side we are (0 server, 1 client), then the stream.

use protocol::ws::encode::{self, Opcode};
use protocol::ws::{Decoder, Role, Rules, Step, Violation};

use crate::chance::Chance;

/// Small limits, so that small inputs meet them.
pub const MESSAGE: usize = 512;

/// Reads the first byte.
pub fn rules(data: &[u8], fragments: u32) -> Option<(Rules, &[u8])> {
    let (first, stream) = data.split_first()?;
    let role = if first & 1 == 0 { Role::Server } else { Role::Client };
    Some((Rules { role, message: MESSAGE, fragments }, stream))
}

/// What came of a stream.
#[derive(Debug, PartialEq)]
pub struct Outcome {
    /// All steps, up to the first close if `until_close`.
    pub steps: Vec<Step<'static>>,
    /// The fault that ended it.
    pub violation: Option<Violation>,
    /// Whether something was unfinished at the end.
    pub unfinished: bool,
}

/// Decodes a stream that arrives in pieces.
pub fn decode(rules: &Rules, stream: &[u8], mut piece: impl FnMut() -> usize, until_close: bool) -> Outcome {
    let mut stream = stream.to_vec();
    let mut rest = &mut stream[..];
    let mut decoder = Decoder::new();
    let mut steps = Vec::new();
    while !rest.is_empty() {
        let (mut input, behind) = rest.split_at_mut(piece().clamp(1, rest.len()));
        rest = behind;
        loop {
            match decoder.next(rules, &mut input) {
                Ok(Some(step)) => {
                    let closed = matches!(step, Step::Close(_));
                    steps.push(step.into_owned());
                    if closed && until_close {
                        return Outcome { steps, violation: None, unfinished: false };
                    }
                }
                Ok(None) => break,
                Err(violation) => return Outcome { steps, violation: Some(violation), unfinished: false },
            }
        }
        assert!(input.is_empty(), "asks for more and leaves bytes");
    }
    Outcome { steps, violation: None, unfinished: decoder.is_mid_message() }
}

/// The target.
pub fn check(data: &[u8]) {
    let Some((rules, stream)) = rules(data, 8) else { return };
    let whole = decode(&rules, stream, || usize::MAX, false);
    assert_eq!(decode(&rules, stream, || 1, false), whole, "byte by byte");
    let mut chance = Chance::of(data);
    assert_eq!(decode(&rules, stream, || 1 + chance.below(23), false), whole, "in random pieces");
    written_and_read_again(&rules, &whole.steps, &mut chance);
    within_limits(&whole);
}

fn written_and_read_again(rules: &Rules, steps: &[Step<'_>], chance: &mut Chance) {
    let mut stream = Vec::new();
    for step in steps {
        let mut close = Vec::new();
        let (opcode, payload) = match step {
            Step::Text(text) => (Opcode::Text, text.as_bytes()),
            Step::Binary(bytes) => (Opcode::Binary, &bytes[..]),
            Step::Ping(bytes) => (Opcode::Ping, &bytes[..]),
            Step::Pong(bytes) => (Opcode::Pong, &bytes[..]),
            Step::Close(frame) => {
                if let Some(frame) = frame {
                    close.extend(frame.code.0.to_be_bytes());
                    close.extend(frame.reason.bytes());
                }
                (Opcode::Close, &close[..])
            }
        };
        match rules.role {
            Role::Server => {
                encode::masked_frame(opcode, (chance.bits() as u32).to_ne_bytes(), payload, &mut stream)
            }
            Role::Client => encode::frame(opcode, payload, &mut stream),
        }
    }
    let again = decode(rules, &stream, || usize::MAX, false);
    assert_eq!((&again.steps[..], again.violation, again.unfinished), (steps, None, false));
}

fn within_limits(outcome: &Outcome) {
    for step in &outcome.steps {
        match step {
            Step::Text(text) => assert!(text.len() <= MESSAGE),
            Step::Binary(bytes) => assert!(bytes.len() <= MESSAGE),
            Step::Ping(bytes) | Step::Pong(bytes) => assert!(bytes.len() <= 125),
            Step::Close(frame) => {
                if let Some(frame) = frame {
                    assert!(frame.code.may_be_sent() && frame.reason.len() <= 123);
                }
            }
        }
    }
    if let Some(violation) = outcome.violation {
        assert!(violation.close_code().may_be_sent() && violation.to_string().len() <= 123);
    }
}
