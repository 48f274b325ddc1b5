//! The whole desk over a fake transport: bytes in, bytes out, without a socket that carries any, in virtual time.
//!
//! The connections, the desk, the hub, the outbox and the store are the real ones; the loop is played. What comes in is
//! chosen by the input: request heads, requests in both dialects, garbage, ends; whole, chopped or damaged. So is how
//! much each reader takes, and how many letters the store answers.
//!
//! What is asked of all this is written down without asking the hub. Between connection and desk stands a *witness*, who
//! knows what was asked, and in the store sits a *notary*, who knows what was kept. Of the two follows what each
//! connection is due: which entries, ticks, pages and refusals, in which order. At the other end of each connection is a
//! *program*, which reads the bytes it gets and holds them against that and against the promises of PROTOCOL.md.
//!
//! ```text
//! evening ──bytes──▶ house (the loop) ──▶ Conn ──▶ witness ──▶ Server: Hub, FanOut, Store ──▶ notary ──▶ Memory
//!                      │  ▲                           │                                         │
//!    program ◀──bytes──┘  └──────── Outbox ◀──────────┼─────────────────────────────────────────┘
//!       └──────────────── is it what it is due? ──────┘
//! ```
//!
//! Input: choices, one byte each.

mod evening;
mod house;
mod notary;
mod program;
mod witness;

use std::collections::BTreeMap;

use self::evening::Evening;

/// About 200 things that happen. More of them find little more, more slowly.
const LONGEST: usize = 600;

/// What there was, and how often: an evening on which something never happens says nothing about it.
pub type Tally = BTreeMap<&'static str, u64>;

/// The target.
pub fn check(data: &[u8]) {
    play(data);
}

/// The target; and what there was.
pub fn play(data: &[u8]) -> Tally {
    let mut evening = Evening::new(data.get(..LONGEST).unwrap_or(data));
    while evening.step() {}
    evening.end()
}
