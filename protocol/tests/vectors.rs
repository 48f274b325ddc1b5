//! Frames as they stand in RFC 6455, and one story for every way to break its rules.

mod frames;

use std::borrow::Cow;
use std::collections::BTreeSet;

use frames::{CLIENT, Outcome, SERVER, hex, read};
use protocol::ws::encode::{self, Opcode};
use protocol::ws::{CloseCode, CloseFrame, Decoder, Role, Rules, Step, Violation};

fn text(text: &'static str) -> Step<'static> {
    Step::Text(text.into())
}

fn bytes(bytes: &[u8]) -> Cow<'static, [u8]> {
    Cow::Owned(bytes.to_vec())
}

fn closed(code: u16, reason: &'static str) -> Step<'static> {
    Step::Close(Some(CloseFrame { code: CloseCode(code), reason: reason.into() }))
}

fn whole(steps: impl IntoIterator<Item = Step<'static>>) -> Outcome {
    Outcome { steps: steps.into_iter().collect(), violation: None, unfinished: false }
}

#[test]
fn the_examples_of_section_5_7() {
    let hello = "48 65 6c 6c 6f";
    let masked_hello = "37 fa 21 3d 7f 9f 4d 51 58";

    // A single-frame unmasked text message.
    assert_eq!(read(&CLIENT, &hex(&format!("81 05 {hello}"))), whole([text("Hello")]));
    // A single-frame masked text message.
    assert_eq!(read(&SERVER, &hex(&format!("81 85 {masked_hello}"))), whole([text("Hello")]));
    // A fragmented unmasked text message: "Hel" and "lo".
    assert_eq!(read(&CLIENT, &hex("01 03 48 65 6c  80 02 6c 6f")), whole([text("Hello")]));
    // An unmasked ping and the masked pong that answers it.
    assert_eq!(read(&CLIENT, &hex(&format!("89 05 {hello}"))), whole([Step::Ping(bytes(b"Hello"))]));
    assert_eq!(read(&SERVER, &hex(&format!("8a 85 {masked_hello}"))), whole([Step::Pong(bytes(b"Hello"))]));
    // 256 bytes of binary data in one unmasked frame.
    let mut stream = hex("82 7e 0100");
    stream.extend([7; 256]);
    assert_eq!(read(&CLIENT, &stream), whole([Step::Binary(bytes(&[7; 256]))]));
    // 64 KiB of it.
    let mut stream = hex("82 7f 0000000000010000");
    stream.extend([7; 65536]);
    let rules = Rules { message: 65536, ..CLIENT };
    assert_eq!(read(&rules, &stream), whole([Step::Binary(bytes(&[7; 65536]))]));
}

#[test]
fn we_write_what_section_5_7_shows() {
    let written = |write: &dyn Fn(&mut Vec<u8>)| {
        let mut out = b"before".to_vec();
        write(&mut out);
        out.split_off(6)
    };
    let key = [0x37, 0xfa, 0x21, 0x3d];
    assert_eq!(written(&|out| encode::frame(Opcode::Text, b"Hello", out)), hex("81 05 48 65 6c 6c 6f"));
    assert_eq!(
        written(&|out| encode::masked_frame(Opcode::Pong, key, b"Hello", out)),
        hex("8a 85 37 fa 21 3d 7f 9f 4d 51 58")
    );
    for (len, header) in [
        (0, "82 00"),
        (125, "82 7d"),
        (126, "82 7e 007e"),
        (256, "82 7e 0100"),
        (65535, "82 7e ffff"),
        (65536, "82 7f 0000000000010000"),
    ] {
        assert_eq!(written(&|out| encode::header(Opcode::Binary, len, out)), hex(header), "{len} bytes");
    }
}

#[test]
fn closing_says_why_in_at_most_123_bytes() {
    let written = |code, reason: &str| {
        let mut out = Vec::new();
        encode::close(code, reason, &mut out);
        out
    };
    assert_eq!(written(CloseCode::NORMAL, ""), hex("88 02 03e8"));
    assert_eq!(written(CloseCode::GOING_AWAY, "bye"), hex("88 05 03e9 62 79 65"));
    // 'é' is two bytes: the 62nd would end at byte 124, so it is left out as a whole.
    let cut = written(CloseCode::POLICY, &"é".repeat(80));
    assert_eq!(&cut[..4], hex("88 7c 03f0"));
    assert_eq!(std::str::from_utf8(&cut[4..]), Ok("é".repeat(61).as_str()));
    // Every sentence we close with fits, so none is ever cut.
    for (_, _, violation) in stories() {
        assert!(violation.to_string().len() <= 123, "{violation}");
    }
}

#[test]
fn the_echo_of_a_close_has_its_code_alone() {
    let echo = |received: Option<CloseFrame<'_>>| {
        let mut out = Vec::new();
        encode::close_reply(received.as_ref(), &mut out);
        out
    };
    assert_eq!(echo(None), hex("88 00"));
    let received = CloseFrame { code: CloseCode(4000), reason: "tired".into() };
    assert_eq!(echo(Some(received)), hex("88 02 0fa0"));
}

#[test]
fn pings_come_between_the_parts_of_a_message() {
    // Section 5.4: "Hel", a ping, nothing, a pong, "lo".
    let stream = hex("01 03 48 65 6c  89 02 68 69  00 00  8a 00  80 02 6c 6f");
    assert_eq!(
        read(&CLIENT, &stream),
        whole([Step::Ping(bytes(b"hi")), Step::Pong(bytes(b"")), text("Hello")])
    );
}

#[test]
fn empty_messages_are_messages() {
    assert_eq!(read(&CLIENT, &hex("81 00")), whole([text("")]));
    assert_eq!(read(&CLIENT, &hex("82 00")), whole([Step::Binary(bytes(b""))]));
    assert_eq!(read(&CLIENT, &hex("01 00  00 00  80 00")), whole([text("")]));
    assert_eq!(read(&SERVER, &hex("81 80 37fa213d")), whole([text("")]));
}

#[test]
fn a_character_may_be_cut_between_frames() {
    // U+1F600 in four frames (section 5.6: only the whole message must be UTF-8).
    assert_eq!(read(&CLIENT, &hex("01 01 f0  00 01 9f  00 01 98  80 01 80")), whole([text("😀")]));
}

#[test]
fn closing_frames() {
    assert_eq!(read(&CLIENT, &hex("88 00")), whole([Step::Close(None)]));
    assert_eq!(read(&CLIENT, &hex("88 02 03e8")), whole([closed(1000, "")]));
    assert_eq!(read(&CLIENT, &hex("88 05 0fa0 62 79 65")), whole([closed(4000, "bye")]));
}

#[test]
fn close_codes_that_may_be_sent() {
    // Section 7.4 and the IANA registry of 2026.
    for code in 0..=u16::MAX {
        let good = matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999);
        assert_eq!(CloseCode(code).may_be_sent(), good, "{code}");
        let mut stream = hex("88 02");
        stream.extend(code.to_be_bytes());
        let expected = if good { None } else { Some(Violation::BadCloseCode(code)) };
        assert_eq!(read(&CLIENT, &stream).violation, expected, "{code}");
    }
}

/// What happens, the bytes, the fault.
type Story = (&'static str, (Rules, Vec<u8>), Violation);

/// The bytes of each end with the one that spoils the stream: nothing is refused later
/// than it could be, which the test below checks.
fn stories() -> Vec<Story> {
    let server = |text| (SERVER, hex(text));
    let client = |text| (CLIENT, hex(text));
    let long_text = |length: &str, sent: usize| {
        let mut stream = hex(length);
        stream.extend(vec![b'a'; sent]);
        (CLIENT, stream)
    };
    vec![
        ("RSV1, as compression would set it", client("c1"), Violation::ReservedBits),
        ("RSV2", client("a1"), Violation::ReservedBits),
        ("RSV3 on a ping", client("99"), Violation::ReservedBits),
        ("RSV1 on a continuation", client("01 01 61  c0"), Violation::ReservedBits),
        ("opcode 3", client("83"), Violation::ReservedOpcode(3)),
        ("opcode 7", client("07"), Violation::ReservedOpcode(7)),
        ("opcode 11", client("8b"), Violation::ReservedOpcode(11)),
        ("opcode 15", client("8f"), Violation::ReservedOpcode(15)),
        ("a ping in parts", client("09"), Violation::FragmentedControl),
        ("a close in parts", client("08"), Violation::FragmentedControl),
        ("a ping of 126 bytes", client("89 7e"), Violation::LongControl),
        ("a pong with a 64-bit length", server("8a ff"), Violation::LongControl),
        ("a client without a mask", server("81 05"), Violation::Unmasked),
        ("a client's ping without a mask", server("89 00"), Violation::Unmasked),
        ("a server with a mask", client("81 85"), Violation::Masked),
        ("125 written in 16 bits", client("82 7e 007d"), Violation::PaddedLength),
        ("0 written in 16 bits", server("81 fe 0000"), Violation::PaddedLength),
        ("65535 written in 64 bits", client("82 7f 000000000000ffff"), Violation::PaddedLength),
        ("0 written in 64 bits", client("82 7f 0000000000000000"), Violation::PaddedLength),
        ("a length of 2^63", client("82 7f 80"), Violation::NegativeLength),
        ("a length of 2^64-1", server("82 ff ff"), Violation::NegativeLength),
        ("a continuation first", client("00"), Violation::StrayContinuation),
        ("a last continuation first", client("80"), Violation::StrayContinuation),
        ("a continuation of a finished message", client("81 01 61  80"), Violation::StrayContinuation),
        ("a continuation of nothing but a ping", client("89 00  80"), Violation::StrayContinuation),
        ("a text within a text", client("01 01 61  81"), Violation::InterruptedMessage),
        ("a binary within a text", client("01 01 61  00 01 62  02"), Violation::InterruptedMessage),
        ("a text within a binary, after a ping", client("02 00  89 00  01"), Violation::InterruptedMessage),
        ("a continuation byte first", client("81 01 80"), Violation::TextNotUtf8),
        ("an impossible byte, and 9 more to come", client("81 0a ff"), Violation::TextNotUtf8),
        ("a surrogate, and more to come", client("01 0a 61 ed a0"), Violation::TextNotUtf8),
        ("a character spoiled by the next frame", client("01 02 e2 82  00 05 61"), Violation::TextNotUtf8),
        ("a text that ends within a character", client("81 02 e2 82"), Violation::TextNotUtf8),
        ("the same in two frames", client("01 02 e2 82  80 00"), Violation::TextNotUtf8),
        ("the same, masked", server("81 82 00000000 e2 82"), Violation::TextNotUtf8),
        ("half a close code", client("88 01"), Violation::HalfCloseCode),
        ("close code 0", client("88 02 0000"), Violation::BadCloseCode(0)),
        ("close code 999", client("88 02 03e7"), Violation::BadCloseCode(999)),
        ("close code 1005, with a reason to come", client("88 0a 03ed"), Violation::BadCloseCode(1005)),
        ("close code 1015", client("88 02 03f7"), Violation::BadCloseCode(1015)),
        ("close code 2999", client("88 02 0bb7"), Violation::BadCloseCode(2999)),
        ("close code 5000", client("88 02 1388"), Violation::BadCloseCode(5000)),
        ("a reason that is not text", client("88 04 03e8 ff"), Violation::ReasonNotUtf8),
        ("a reason that ends within a character", client("88 04 03e8 e2 82"), Violation::ReasonNotUtf8),
        ("1025 bytes where 1024 are taken", client("81 7e 0401"), Violation::MessageTooBig),
        ("2^63-1 bytes", client("82 7f 7fffffffffffffff"), Violation::MessageTooBig),
        ("2^63-1 bytes, masked", server("82 ff 7fffffffffffffff"), Violation::MessageTooBig),
        ("too much over two frames", long_text("01 7e 0400", 1024).and("80 01"), Violation::MessageTooBig),
        (
            "a ninth frame where eight are taken",
            client("01 00 0000 0000 0000 0000 0000 0000 0000  80"),
            Violation::TooManyFragments,
        ),
    ]
}

/// Lets a story go on.
trait And {
    fn and(self, more: &str) -> Self;
}

impl And for (Rules, Vec<u8>) {
    fn and(mut self, more: &str) -> Self {
        self.1.extend(hex(more));
        self
    }
}

#[test]
fn every_way_to_break_the_rules() {
    for (story, (rules, stream), violation) in stories() {
        assert_eq!(read(&rules, &stream).violation, Some(violation), "{story}");
        // Not a byte earlier: what came before could still have become good.
        assert_eq!(read(&rules, &stream[..stream.len() - 1]).violation, None, "{story}, one byte less");
        // And whatever follows changes nothing.
        let followed = [&stream[..], &hex("81 00 ffff 0000")].concat();
        assert_eq!(read(&rules, &followed).violation, Some(violation), "{story}, and more");
    }
}

#[test]
fn every_fault_has_a_story_and_an_answer() {
    let told: BTreeSet<&str> = stories().into_iter().map(|(_, _, violation)| violation.name()).collect();
    let all: BTreeSet<&str> = Violation::ALL.into_iter().map(Violation::name).collect();
    assert_eq!(told, all, "a fault without a story");
    assert_eq!(all.len(), Violation::ALL.len(), "two faults of one name");
    for (story, _, violation) in stories() {
        let code = match violation {
            Violation::TextNotUtf8 | Violation::ReasonNotUtf8 => 1007,
            Violation::TooManyFragments => 1008,
            Violation::MessageTooBig => 1009,
            _ => 1002,
        };
        assert_eq!(violation.close_code(), CloseCode(code), "{story}");
    }
}

#[test]
fn the_largest_message_and_the_most_frames_are_taken() {
    let mut stream = hex("01 7e 03ff");
    stream.extend([b'a'; 1023]);
    // The largest ping takes nothing from what the message may have.
    encode::frame(Opcode::Ping, &[7; 125], &mut stream);
    stream.extend(hex("80 01 62"));
    let outcome = read(&CLIENT, &stream);
    assert_eq!((outcome.steps.len(), outcome.violation), (2, None));
    // Nor does it count as a message.
    let rules = Rules { message: 10, ..CLIENT };
    assert_eq!(read(&rules, &stream[1027..1154]), whole([Step::Ping(bytes(&[7; 125]))]));
    let eight = read(&CLIENT, &hex("01 00 0000 0000 0000 0000 0000 0000  80 00"));
    assert_eq!(eight, whole([text("")]));
}

#[test]
fn a_whole_frame_stays_in_the_read_buffer() {
    let mut stream = hex("81 85 37fa213d 7f9f4d5158  82 81 00000000 07  89 80 00000000");
    let mut input = &mut stream[..];
    let mut decoder = Decoder::new();
    for _ in 0..3 {
        let step = decoder.next(&SERVER, &mut input).unwrap().unwrap();
        let borrowed = match step {
            Step::Text(text) => matches!(text, Cow::Borrowed("Hello")),
            Step::Binary(bytes) | Step::Ping(bytes) => matches!(bytes, Cow::Borrowed(_)),
            other => panic!("{other:?}"),
        };
        assert!(borrowed && !decoder.is_mid_message());
    }
    assert_eq!(decoder.next(&SERVER, &mut input), Ok(None));
}

#[test]
fn the_decoder_knows_when_the_peer_owes_something() {
    let mut decoder = Decoder::new();
    // A header, its payload, a fragment, a ping within, the end: a byte at a time.
    let stream = hex("01 01 61  89 00  80 01 62");
    let owes: Vec<bool> = stream
        .iter()
        .map(|byte| {
            let mut byte = [*byte];
            decoder.next(&CLIENT, &mut &mut byte[..]).unwrap();
            decoder.is_mid_message()
        })
        .collect();
    assert_eq!(owes, [true, true, true, true, true, true, true, false]);
}

#[test]
fn a_server_and_a_client_ask_for_opposite_masks() {
    for (role, masked) in [(Role::Server, true), (Role::Client, false)] {
        let rules = Rules { role, ..SERVER };
        let stream = hex(if masked { "81 80 01020304" } else { "81 00" });
        assert_eq!(read(&rules, &stream), whole([text("")]));
    }
}
