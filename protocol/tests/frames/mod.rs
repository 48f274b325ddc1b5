//! What several tests of the wire need: hexadecimal, a reader, and chance with a seed.
#![allow(dead_code, unreachable_pub, missing_docs, reason = "every test file uses a part of it")]

use protocol::ws::{Decoder, Role, Rules, Step, Violation};

pub const SERVER: Rules = Rules { role: Role::Server, message: 1024, fragments: 8 };
pub const CLIENT: Rules = Rules { role: Role::Client, message: 1024, fragments: 8 };

/// Reads bytes as RFCs write them: `81 85 37fa213d`.
pub fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    assert!(digits.len() % 2 == 0, "an odd number of digits: {text}");
    let byte = |pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    digits.chunks(2).map(|pair| byte(pair).expect("hexadecimal")).collect()
}

/// All that came of a stream.
#[derive(Debug, PartialEq)]
pub struct Outcome {
    pub steps: Vec<Step<'static>>,
    /// The fault that ended it, if one did.
    pub violation: Option<Violation>,
    /// Whether the peer still owed something at the end.
    pub unfinished: bool,
}

/// Feeds a stream in chunks of the sizes that `sizes` gives (0 counts as 1).
pub fn read_in(rules: &Rules, stream: &[u8], mut sizes: impl FnMut() -> usize) -> Outcome {
    let mut decoder = Decoder::new();
    let mut outcome = Outcome { steps: Vec::new(), violation: None, unfinished: false };
    let mut stream = stream.to_vec();
    let mut rest = &mut stream[..];
    while !rest.is_empty() {
        let size = sizes().clamp(1, rest.len());
        let (mut chunk, behind) = rest.split_at_mut(size);
        rest = behind;
        loop {
            match decoder.next(rules, &mut chunk) {
                Ok(Some(step)) => outcome.steps.push(step.into_owned()),
                Ok(None) => break,
                Err(violation) => {
                    outcome.violation = Some(violation);
                    return outcome;
                }
            }
        }
        assert!(chunk.is_empty(), "the decoder asks for more and leaves bytes");
    }
    outcome.unfinished = decoder.is_mid_message();
    outcome
}

pub fn read(rules: &Rules, stream: &[u8]) -> Outcome {
    read_in(rules, stream, || usize::MAX)
}

/// A small generator (xorshift64*), so that a failure can be repeated from its seed.
pub struct Chance(pub u64);

impl Chance {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// A number below `end`.
    pub fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end as u64).expect("below a usize")
    }

    pub fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }
}
