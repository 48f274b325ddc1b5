//! The hub: whatever people do, in whatever order, while the store answers late: its tables agree, and everybody is
//! told each entry once, in order. The world, the model and the meaning of the bytes are those of the hub's own
//! simulation, which plays the same evenings from seeds.
//!
//! Input: choices, one byte each.

#[path = "../../server/hub/tests/common/mod.rs"]
mod common;

use common::dice::Dice;
use common::evening::Evening;

/// About 100 things that happen. More of them find little more, more slowly.
const LONGEST: usize = 400;

/// The target.
pub fn check(data: &[u8]) {
    let choices = data.get(..LONGEST).unwrap_or(data);
    let mut evening = Evening::new(Dice::Bytes(choices));
    while evening.step() {}
    evening.end();
}
