//! The outcome of a stream never depends on how it was cut: whole, byte by byte, in random pieces, and with something
//! behind it.

mod frames;

use frames::{CLIENT, Chance, Outcome, SERVER, hex, read, read_in};
use protocol::ws::encode::{self, Opcode};
use protocol::ws::{Role, Rules, Violation};

fn outcome_is_the_same_however_cut(rules: &Rules, stream: &[u8], chance: &mut Chance) -> Outcome {
    let whole = read(rules, stream);
    assert_eq!(read_in(rules, stream, || 1), whole, "byte by byte: {stream:02x?}");
    for _ in 0..4 {
        let seed = chance.next();
        let mut sizes = Chance::new(seed);
        assert_eq!(read_in(rules, stream, || 1 + sizes.below(17)), whole, "seed {seed}: {stream:02x?}");
    }
    whole
}

/// What comes behind a stream takes nothing from it.
fn trailing_data_changes_nothing(rules: &Rules, stream: &[u8], whole: &Outcome) {
    let ping = match rules.role {
        Role::Server => hex("89 80 00000000"),
        Role::Client => hex("89 00"),
    };
    let followed = read(rules, &[stream, &ping[..]].concat());
    assert_eq!(&followed.steps[..whole.steps.len()], &whole.steps[..]);
    if whole.violation.is_some() {
        assert_eq!(followed.violation, whole.violation);
    } else if !whole.unfinished {
        assert_eq!(followed.steps.len(), whole.steps.len() + 1, "the ping behind it");
    }
}

/// A stream of frames that are mostly good.
fn frames(chance: &mut Chance, role: Role) -> Vec<u8> {
    let mut stream = Vec::new();
    let mut open = false;
    for _ in 0..1 + chance.below(6) {
        let from = stream.len();
        let control = chance.one_in(3);
        let opcode = match (control, chance.below(3)) {
            (true, 0) => Opcode::Ping,
            (true, 1) => Opcode::Pong,
            (true, _) => Opcode::Close,
            (false, _) if open => Opcode::Continuation,
            (false, 0) => Opcode::Binary,
            (false, _) => Opcode::Text,
        };
        let mut payload: Vec<u8> = match chance.below(3) {
            0 => "zażółć 😀 gęślą".bytes().collect(),
            1 => (0..chance.below(300)).map(|_| b'a').collect(),
            _ => Vec::new(),
        };
        if opcode == Opcode::Close {
            payload = [&1000_u16.to_be_bytes()[..], &payload[..payload.len().min(100)]].concat();
        } else if control {
            payload.truncate(125);
        } else if opcode != Opcode::Binary && chance.one_in(4) {
            payload.truncate(payload.len() / 2); // often within a character
        }
        match role {
            Role::Server => {
                let [a, b, c, d, ..] = chance.next().to_ne_bytes();
                encode::masked_frame(opcode, [a, b, c, d], &payload, &mut stream);
            }
            Role::Client => encode::frame(opcode, &payload, &mut stream),
        }
        if !control {
            open = chance.one_in(2);
            if open {
                stream[from] &= 0x7f;
            }
        }
    }
    stream
}

#[test]
fn good_streams_and_spoiled_ones() {
    let mut seen_steps = 0;
    let mut seen_faults = std::collections::BTreeSet::new();
    for seed in 0..8_000 {
        let mut chance = Chance::new(seed);
        let rules = if chance.one_in(2) { SERVER } else { CLIENT };
        let mut stream = frames(&mut chance, rules.role);
        for _ in 0..chance.below(3) {
            let at = chance.below(stream.len());
            stream[at] ^= 1 << chance.below(8);
        }
        if chance.one_in(4) {
            stream.truncate(chance.below(stream.len()));
        }
        let whole = outcome_is_the_same_however_cut(&rules, &stream, &mut chance);
        trailing_data_changes_nothing(&rules, &stream, &whole);
        seen_steps += whole.steps.len();
        seen_faults.extend(whole.violation.map(Violation::name));
    }
    // If chance stopped finding things, this test would prove nothing.
    assert!(seen_steps > 10_000, "only {seen_steps} steps");
    assert!(seen_faults.len() >= 12, "only {seen_faults:?}");
}

#[test]
fn a_long_message_in_odd_pieces() {
    let rules = Rules { role: Role::Server, message: 200_000, fragments: 8 };
    let text = "äöü€😀".repeat(14_000);
    let mut stream = Vec::new();
    encode::masked_frame(Opcode::Text, [1, 2, 3, 4], text.as_bytes(), &mut stream);
    for size in [1, 2, 3, 7, 8, 9, 13, 1460, 16384, 65536, 65537] {
        let outcome = read_in(&rules, &stream, || size);
        assert_eq!(outcome.steps, [protocol::ws::Step::Text(text.as_str().into())], "pieces of {size}");
    }
}
