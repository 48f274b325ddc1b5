//! What a peer hears: bytes to an HTTP answer, then frames, then events or lines. Whatever is not exactly what the
//! protocol allows is a panic. Must not know whether what is heard is true.

use protocol::chat::event::Event;
use protocol::chat::name::{is_control, is_line_break};
use protocol::chat::wire;
use protocol::ws::{Decoder, Role, Rules, Step};

use crate::server::SUBPROTOCOL;

/// Something whole that was heard.
#[derive(Debug, PartialEq, Eq)]
pub enum Heard {
    /// An HTTP answer with this status.
    Answer(u16),
    /// An event of `snug.v1`.
    Event(Event<'static>),
    /// A line of the plain dialect.
    Line(String),
    /// The server asks whether anybody is there.
    Ping(Vec<u8>),
    /// The answer to a ping.
    Pong(Vec<u8>),
    /// The server says goodbye, with this code.
    Close(Option<u16>),
}

/// See the module's head.
#[derive(Debug, Default)]
pub struct Ear {
    /// Bytes that are not whole.
    rest: Vec<u8>,
    state: State,
}

#[derive(Debug, Default)]
enum State {
    #[default]
    Head,
    Body {
        left: usize,
    },
    Frames {
        is_v1: bool,
        decoder: Decoder,
    },
    Silence,
}

/// A page of the longest texts is one frame after another; no single one is longer than this.
const RULES: Rules = Rules { role: Role::Client, message: 1 << 20, fragments: 1 };

impl Ear {
    /// Hears bytes.
    ///
    /// # Panics
    /// At whatever a server must not say.
    pub fn hear(&mut self, bytes: &[u8]) -> Vec<Heard> {
        let mut heard = Vec::new();
        let mut input = std::mem::take(&mut self.rest);
        input.extend_from_slice(bytes);
        if matches!(self.state, State::Head) {
            let Some(end) = input.windows(4).position(|four| four == b"\r\n\r\n") else {
                self.rest = input;
                return heard;
            };
            let behind = input.split_off(end + 4);
            let head = String::from_utf8(input).expect("an answer is text");
            let status = status(&head);
            heard.push(Heard::Answer(status));
            self.state = match status {
                101 => State::Frames { is_v1: head.contains(SUBPROTOCOL), decoder: Decoder::new() },
                _ => State::Body { left: length(&head) },
            };
            input = behind;
        }
        match &mut self.state {
            State::Head => {}
            State::Body { left } => {
                *left = left.checked_sub(input.len()).expect("an answer is as long as it says");
            }
            State::Frames { .. } => self.hear_frames(&mut input, &mut heard),
            State::Silence => assert!(input.is_empty(), "nothing follows a close frame"),
        }
        heard
    }

    fn hear_frames(&mut self, mut input: &mut [u8], heard: &mut Vec<Heard>) {
        while let State::Frames { is_v1, decoder } = &mut self.state {
            let step = decoder.next(&RULES, &mut input).unwrap_or_else(|violation| panic!("{violation}"));
            let Some(step) = step else { return };
            match step {
                Step::Text(text) if *is_v1 => {
                    let event = wire::read_event(&text).unwrap_or_else(|fault| panic!("{fault}: {text}"));
                    assert!(event != Event::Unknown, "{text}");
                    heard.push(Heard::Event(event));
                }
                Step::Text(text) => heard.extend(text.split(is_line_break).map(line)),
                Step::Binary(_) => panic!("nothing binary is spoken here"),
                Step::Ping(payload) => heard.push(Heard::Ping(payload.into_owned())),
                Step::Pong(payload) => heard.push(Heard::Pong(payload.into_owned())),
                Step::Close(frame) => {
                    heard.push(Heard::Close(frame.map(|frame| frame.code.0)));
                    self.state = State::Silence;
                }
            }
        }
        assert!(input.is_empty(), "nothing follows a close frame");
    }
}

fn line(line: &str) -> Heard {
    assert!(["<", "* ", "! ", "+ "].iter().any(|begin| line.starts_with(begin)), "{line:?}");
    assert!(!line.contains(|c| is_control(c) && c != '\t'), "{line:?}");
    Heard::Line(line.to_owned())
}

fn status(head: &str) -> u16 {
    let status = head.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)?.parse().ok());
    status.unwrap_or_else(|| panic!("not an answer: {head:?}"))
}

fn length(head: &str) -> usize {
    let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: "));
    length.and_then(|length| length.parse().ok()).unwrap_or_else(|| panic!("no length: {head:?}"))
}
