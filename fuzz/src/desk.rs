//! The whole server, from its door to its store: whatever people send and do, and whenever the kernel, the clock and the
//! store let them, everybody hears the protocol and nothing else, answers to its own questions alone, and the entries
//! of its rooms once and in order; and nothing is left in the end. What may happen, and what is checked after each turn,
//! stands in the server's own stage, which plays the same evenings from seeds.
//!
//! Input: choices, one byte each; and in their midst whatever bytes somebody sends.

use server::stage::{Dice, Play};

/// About 100 things that happen. More of them find little more, more slowly.
const LONGEST: usize = 400;

/// The target.
pub fn check(data: &[u8]) {
    let choices = data.get(..LONGEST).unwrap_or(data);
    let mut play = Play::new(Dice::Bytes(choices), true);
    while play.step() {}
    play.end();
}
