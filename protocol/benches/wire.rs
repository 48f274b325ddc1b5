//! The wire: request heads and frames, beside tungstenite where it does the same. Times are for comparing two rows of one
//! run; `.ci/budget` keeps what repeats.
//!
//! ```text
//! cargo bench -p snug-protocol --bench wire
//! ```

use std::hint::black_box;
use std::io::{self, Cursor, Read, Write};

use divan::Bencher;
use divan::counter::BytesCount;

fn main() {
    divan::main();
}

/// From a word to a page; the longest message by default is 16 KiB.
const SIZES: [usize; 5] = [16, 125, 1024, 16 * 1024, 64 * 1024];

const MOST: usize = 1 << 20;

/// As a browser asks.
const HEAD: &[u8] = b"GET /ws/lobby?nick=anna HTTP/1.1\r\nHost: board:7684\r\n\
    User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0\r\nAccept: */*\r\n\
    Accept-Language: en-US,en;q=0.5\r\nAccept-Encoding: gzip, deflate\r\nSec-WebSocket-Version: 13\r\n\
    Origin: http://board:7684\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nConnection: keep-alive, Upgrade\r\n\
    Pragma: no-cache\r\nCache-Control: no-cache\r\nUpgrade: websocket\r\n\r\n";

/// Frames of a client's, masked, one after the other.
fn frames(payload: &str, count: usize) -> Vec<u8> {
    let mut frames = Vec::new();
    for number in 0..count as u32 {
        let key = (number.wrapping_mul(0x9e37_79b9) | 1).to_be_bytes();
        protocol::ws::encode::masked_frame(
            protocol::ws::encode::Opcode::Text,
            key,
            payload.as_bytes(),
            &mut frames,
        );
    }
    frames
}

/// Text of so many bytes, one letter in eight of which is not ASCII.
fn text(size: usize) -> String {
    let mut text = "Häuser, ".repeat(size / "Häuser, ".len());
    text.push_str(&".".repeat(size - text.len()));
    text
}

/// A socket from which the same bytes come for ever, and into which everything goes.
struct Endless {
    bytes: Vec<u8>,
    at: usize,
}

impl Endless {
    fn new(bytes: Vec<u8>) -> Self {
        Self { bytes, at: 0 }
    }
}

impl Read for Endless {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.at == self.bytes.len() {
            self.at = 0;
        }
        let count = buffer.len().min(self.bytes.len() - self.at);
        buffer[..count].copy_from_slice(&self.bytes[self.at..self.at + count]);
        self.at += count;
        Ok(count)
    }
}

impl Write for Endless {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(black_box(bytes).len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

mod ours {
    use protocol::http::{Head, HeadBuffer};
    use protocol::limits::MAX_HEAD;
    use protocol::upgrade;
    use protocol::ws::encode::{self, Opcode};
    use protocol::ws::{Decoder, Role, Rules, Step};

    use super::*;

    const RULES: Rules = Rules { role: Role::Server, message: MOST, fragments: 16 };

    #[divan::bench]
    fn parse_head() -> u16 {
        let head = Head::parse(black_box(HEAD)).expect("it is good");
        black_box(&head).host().len() as u16
    }

    /// From the bytes of the request to those of the answer.
    #[divan::bench]
    fn upgrade(bencher: Bencher<'_, '_>) {
        let (mut scratch, mut out) = (HEAD.to_vec(), Vec::new());
        bencher.bench_local(|| {
            out.clear();
            scratch.copy_from_slice(HEAD);
            let mut buffer = HeadBuffer::new();
            assert_eq!(buffer.feed(&mut scratch.as_mut_slice(), MAX_HEAD), Ok(true));
            let head = Head::collected(&buffer).expect("it is good");
            upgrade::judge(&head).expect("it is good").accept(None, &mut out);
            black_box(out.len())
        });
    }

    /// A hundred headers, behind which there is nothing.
    #[divan::bench]
    fn decode_100_headers(bencher: Bencher<'_, '_>) {
        let (frames, mut decoder) = (frames("", 100), Decoder::new());
        let mut scratch = frames.clone();
        bencher.bench_local(|| {
            scratch.copy_from_slice(&frames);
            let mut input = scratch.as_mut_slice();
            let mut count = 0;
            while let Ok(Some(step)) = decoder.next(&RULES, &mut input) {
                black_box(step);
                count += 1;
            }
            assert_eq!(count, 100);
        });
    }

    /// Read, parsed, unmasked, and found to be UTF-8.
    #[divan::bench(args = SIZES)]
    fn receive_text(bencher: Bencher<'_, '_>, size: usize) {
        let mut socket = Endless::new(frames(&text(size), 1));
        let (mut scratch, mut decoder) = (socket.bytes.clone(), Decoder::new());
        bencher.counter(BytesCount::new(size)).bench_local(|| {
            let count = socket.read(&mut scratch).expect("it never fails");
            let mut input = &mut scratch[..count];
            let step = decoder.next(&RULES, &mut input).expect("it is good");
            assert!(matches!(&step, Some(Step::Text(text)) if text.len() == size));
            black_box(&step);
        });
    }

    #[divan::bench(args = SIZES)]
    fn encode_text(bencher: Bencher<'_, '_>, size: usize) {
        let (text, mut out) = (text(size), Vec::with_capacity(size + 10));
        bencher.counter(BytesCount::new(size)).bench_local(|| {
            out.clear();
            encode::frame(Opcode::Text, black_box(text.as_bytes()), &mut out);
            black_box(out.len())
        });
    }
}

mod tungstenite {
    use ::tungstenite::handshake::machine::TryParse;
    use ::tungstenite::handshake::server::{Request, create_response, write_response};
    use ::tungstenite::protocol::frame::coding::{Data, OpCode};
    use ::tungstenite::protocol::frame::{Frame, FrameHeader};
    use ::tungstenite::protocol::{Role, WebSocketConfig};
    use ::tungstenite::{Bytes, Message, WebSocket};

    use super::*;

    #[divan::bench]
    fn parse_head() -> u16 {
        let (length, request) =
            Request::try_parse(black_box(HEAD)).expect("it is good").expect("it is whole");
        black_box(&request);
        length as u16
    }

    #[divan::bench]
    fn upgrade(bencher: Bencher<'_, '_>) {
        let (mut scratch, mut out) = (HEAD.to_vec(), Vec::new());
        bencher.bench_local(|| {
            out.clear();
            scratch.copy_from_slice(HEAD);
            let (_, request) = Request::try_parse(&scratch).expect("it is good").expect("it is whole");
            write_response(&mut out, &create_response(&request).expect("it is good")).expect("there is room");
            black_box(out.len())
        });
    }

    #[divan::bench]
    fn decode_100_headers(bencher: Bencher<'_, '_>) {
        let frames = frames("", 100);
        let mut scratch = frames.clone();
        bencher.bench_local(|| {
            scratch.copy_from_slice(&frames);
            let mut cursor = Cursor::new(&*scratch);
            let mut count = 0;
            while let Ok(Some(header)) = FrameHeader::parse(&mut cursor) {
                black_box(header);
                count += 1;
            }
            assert_eq!(count, 100);
        });
    }

    /// With the read buffer that it has by default, 128 KiB.
    #[divan::bench(args = SIZES)]
    fn receive_text(bencher: Bencher<'_, '_>, size: usize) {
        receive(bencher, size, WebSocketConfig::default());
    }

    /// With one as a server with many idle connections would choose it.
    #[divan::bench(args = SIZES)]
    fn receive_text_by_4_kib(bencher: Bencher<'_, '_>, size: usize) {
        receive(bencher, size, WebSocketConfig::default().read_buffer_size(4096));
    }

    fn receive(bencher: Bencher<'_, '_>, size: usize, config: WebSocketConfig) {
        let socket = Endless::new(frames(&text(size), 1));
        let config = config.max_message_size(Some(MOST)).max_frame_size(Some(MOST));
        let mut socket = WebSocket::from_raw_socket(socket, Role::Server, Some(config));
        bencher.counter(BytesCount::new(size)).bench_local(|| {
            let message = socket.read().expect("it is good");
            assert!(matches!(&message, Message::Text(text) if text.len() == size));
            black_box(&message);
        });
    }

    #[divan::bench(args = SIZES)]
    fn encode_text(bencher: Bencher<'_, '_>, size: usize) {
        let (text, mut out) = (Bytes::from(text(size)), Vec::with_capacity(size + 10));
        bencher.counter(BytesCount::new(size)).bench_local(|| {
            out.clear();
            // The bytes are shared, not copied, until they are written.
            let frame = Frame::message(black_box(&text).clone(), OpCode::Data(Data::Text), true);
            frame.format(&mut out).expect("there is room");
            black_box(out.len())
        });
    }
}
