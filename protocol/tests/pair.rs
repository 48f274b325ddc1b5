//! Two ends of our own over a link that cuts as it likes, and our encoder against somebody else's decoder.

mod frames;

use frames::Chance;
use protocol::ws::encode::{self, Opcode};
use protocol::ws::{CloseCode, Closing, Decoder, Reply, Role, Rules, Step};

/// One end of a connection, with nothing around it: what it received, and what it has to send.
struct End {
    rules: Rules,
    decoder: Decoder,
    closing: Closing,
    heard: Vec<Step<'static>>,
    out: Vec<u8>,
    chance: Chance,
}

impl End {
    fn new(role: Role, seed: u64) -> Self {
        Self {
            rules: Rules { role, message: 100_000, fragments: 8 },
            decoder: Decoder::new(),
            closing: Closing::Open,
            heard: Vec::new(),
            out: Vec::new(),
            chance: Chance::new(seed),
        }
    }

    fn send(&mut self, opcode: Opcode, payload: &[u8]) {
        match self.rules.role {
            Role::Server => encode::frame(opcode, payload, &mut self.out),
            Role::Client => {
                let [a, b, c, d, ..] = self.chance.next().to_ne_bytes();
                encode::masked_frame(opcode, [a, b, c, d], payload, &mut self.out);
            }
        }
    }

    fn close(&mut self, code: CloseCode) {
        if self.closing.send() {
            self.send(Opcode::Close, &code.0.to_be_bytes());
        }
    }

    fn receive(&mut self, mut bytes: &mut [u8]) {
        while let Some(step) = self.decoder.next(&self.rules, &mut bytes).expect("both obey") {
            let step = step.into_owned();
            match &step {
                Step::Ping(payload) if self.closing.may_send_data() => self.send(Opcode::Pong, payload),
                Step::Close(frame) => {
                    let reply = self.closing.receive();
                    if reply == Reply::Echo {
                        let code = frame.as_ref().map(|frame| frame.code.0.to_be_bytes());
                        self.send(Opcode::Close, code.as_ref().map_or(&[], |code| &code[..]));
                    }
                }
                _ => {}
            }
            self.heard.push(step);
        }
    }
}

/// Carries everything both ways until nothing is left, in pieces of at most `piece` bytes.
fn drive(a: &mut End, b: &mut End, piece: usize) {
    while !a.out.is_empty() || !b.out.is_empty() {
        for piece in std::mem::take(&mut a.out).chunks_mut(piece) {
            b.receive(piece);
        }
        for piece in std::mem::take(&mut b.out).chunks_mut(piece) {
            a.receive(piece);
        }
    }
}

const LENGTHS: [usize; 12] = [0, 1, 7, 8, 124, 125, 126, 127, 65_535, 65_536, 65_537, 100_000];

#[test]
fn what_one_end_sends_the_other_hears() {
    for piece in [1, 5, 4096, usize::MAX] {
        let (mut server, mut client) = (End::new(Role::Server, 1), End::new(Role::Client, 2));
        let said: Vec<Vec<u8>> = LENGTHS.iter().map(|len| vec![b'x'; *len]).collect();
        for payload in &said {
            server.send(Opcode::Text, payload);
            client.send(Opcode::Binary, payload);
        }
        drive(&mut server, &mut client, piece);
        for (payload, (text, binary)) in said.iter().zip(client.heard.iter().zip(&server.heard)) {
            assert_eq!(*text, Step::Text(String::from_utf8(payload.clone()).unwrap().into()));
            assert_eq!(*binary, Step::Binary(payload.as_slice().into()));
        }
        assert_eq!((client.heard.len(), server.heard.len()), (LENGTHS.len(), LENGTHS.len()));
    }
}

#[test]
fn a_conversation_with_a_ping_and_a_close() {
    let (mut server, mut client) = (End::new(Role::Server, 1), End::new(Role::Client, 2));
    client.send(Opcode::Text, b"hello");
    server.send(Opcode::Ping, b"there?");
    client.close(CloseCode::NORMAL);
    drive(&mut server, &mut client, 3);
    assert_eq!(format!("{:?}", server.heard[0]), r#"Text("hello")"#);
    // The client had closed before the ping came, so it owes no pong; the server echoes the close.
    assert_eq!(server.heard.len(), 2);
    assert_eq!(client.heard.len(), 2);
    assert!(server.closing.is_done() && client.closing.is_done());
}

#[test]
fn both_ends_close_at_once() {
    let (mut server, mut client) = (End::new(Role::Server, 1), End::new(Role::Client, 2));
    server.close(CloseCode::RESTART);
    client.close(CloseCode::GOING_AWAY);
    drive(&mut server, &mut client, 1);
    assert_eq!((server.heard.len(), client.heard.len()), (1, 1), "nobody answers an answer");
    assert!(server.closing.is_done() && client.closing.is_done());
}

/// Bytes that are read, as if from a socket that then has no more.
struct Stream(std::io::Cursor<Vec<u8>>);

impl std::io::Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        match self.0.read(buffer)? {
            0 => Err(std::io::ErrorKind::WouldBlock.into()),
            read => Ok(read),
        }
    }
}

impl std::io::Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn tungstenite_reads_what_we_write() {
    use tungstenite::Message;
    use tungstenite::protocol::{Role, WebSocket};

    for role in [Role::Client, Role::Server] {
        let write = |opcode, payload: &[u8], out: &mut Vec<u8>| match role {
            Role::Client => encode::frame(opcode, payload, out),
            Role::Server => encode::masked_frame(opcode, [0xde, 0xad, 0xbe, 0xef], payload, out),
        };
        let mut out = Vec::new();
        for len in LENGTHS {
            write(Opcode::Text, &vec![b'x'; len], &mut out);
            write(Opcode::Binary, &vec![7; len], &mut out);
        }
        write(Opcode::Ping, b"there?", &mut out);
        if role == Role::Client {
            encode::close(CloseCode::RESTART, "back soon", &mut out);
        } else {
            write(Opcode::Close, &[], &mut out);
        }
        let mut theirs = WebSocket::from_raw_socket(Stream(std::io::Cursor::new(out)), role, None);
        for len in LENGTHS {
            assert_eq!(theirs.read().unwrap(), Message::text("x".repeat(len)));
            assert_eq!(theirs.read().unwrap(), Message::binary(vec![7; len]));
        }
        assert_eq!(theirs.read().unwrap(), Message::Ping("there?".into()));
        let Message::Close(frame) = theirs.read().unwrap() else { panic!("no close") };
        let said = frame.map(|frame| (u16::from(frame.code), frame.reason.to_string()));
        assert_eq!(said, (role == Role::Client).then(|| (1012, "back soon".to_string())));
    }
}
