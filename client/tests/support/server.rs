//! A server that says what the test wants: tungstenite's WebSocket, PROTOCOL.md's words, and no mind of its own.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};

use serde_json::{Value, json};
use tungstenite::handshake::server::{Request, Response};
use tungstenite::protocol::CloseFrame;
use tungstenite::{Message, WebSocket};

use super::{PATIENCE, patiently};

/// The life of its logs, until the test thinks of another one.
pub(crate) const EPOCH: &str = "5eed000000000001";

/// What others cannot connect to until the test accepts them.
pub(crate) struct Server {
    listener: TcpListener,
    pub(crate) address: SocketAddr,
}

impl Server {
    pub(crate) fn listen() -> Self {
        Self::listen_at("127.0.0.1:0")
    }

    pub(crate) fn listen_at(address: &str) -> Self {
        let listener = TcpListener::bind(address).expect("the address is free");
        listener.set_nonblocking(true).expect("it can");
        let address = listener.local_addr().expect("it has an address");
        Self { listener, address }
    }

    /// The next connection, of whatever sort.
    pub(crate) fn accept_raw(&self) -> TcpStream {
        let stream = patiently("for a connection", || match self.listener.accept() {
            Ok((stream, _)) => Some(stream),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => None,
            Err(error) => panic!("cannot accept: {error}"),
        });
        stream.set_nonblocking(false).expect("it can");
        stream.set_read_timeout(Some(PATIENCE)).expect("it can");
        stream
    }

    /// The next connection, shaken hands with.
    pub(crate) fn accept(&self) -> Peer {
        #[allow(clippy::result_large_err)] // tungstenite's own type
        let shake = |request: &Request, mut response: Response| {
            let asked = request.headers().get("Sec-WebSocket-Protocol").expect("a subprotocol").clone();
            assert_eq!((request.uri().path(), asked.as_bytes()), ("/ws", &b"snug.v1"[..]));
            response.headers_mut().insert("Sec-WebSocket-Protocol", asked);
            Ok(response)
        };
        let socket = tungstenite::accept_hdr(self.accept_raw(), shake).expect("a handshake");
        Peer { socket, epoch: EPOCH.into() }
    }

    /// Answers the next request as an HTTP server would.
    pub(crate) fn answer_http(&self, answer: &str) {
        let mut stream = self.accept_raw();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).expect("a whole request");
            head.extend_from_slice(&byte);
        }
        stream.write_all(answer.as_bytes()).expect("it reads");
    }
}

/// One connection. The client at its other end is called what it is greeted with.
pub(crate) struct Peer {
    socket: WebSocket<TcpStream>,
    pub(crate) epoch: String,
}

impl Peer {
    /// The next request, which must be of this type.
    pub(crate) fn hears(&mut self, kind: &str) -> Value {
        let request = self.next().unwrap_or_else(|| panic!("the client hung up instead of a {kind}"));
        assert_eq!(request["type"], kind, "{request}");
        request
    }

    /// The next thing said in this room must be this. Returns its id.
    pub(crate) fn hears_said(&mut self, room: &str, text: &str) -> String {
        let said = self.hears("say");
        assert_eq!((said["room"].as_str(), said["text"].as_str()), (Some(room), Some(text)), "{said}");
        said["id"].as_str().expect("an id").to_owned()
    }

    /// Nothing more was said before the client hung up in good order, with this code.
    pub(crate) fn hears_goodbye(mut self) {
        assert_eq!(self.next(), None);
    }

    /// Whatever it said before, the client hung up, in good order or not.
    pub(crate) fn loses(mut self) {
        while let Ok(message) = self.socket.read() {
            drop(message);
        }
    }

    pub(crate) fn tells(&mut self, event: &Value) {
        self.socket.send(Message::text(event.to_string())).expect("the client is there");
    }

    /// Hears the greeting and answers it. Returns it.
    pub(crate) fn greets(&mut self, nick: &str) -> Value {
        let hello = self.hears("hello");
        self.tells(&json!({
            "type": "welcome", "id": hello["id"], "nick": nick, "user": user(nick), "session": hello["session"],
            "epoch": self.epoch, "version": "a test", "features": [], "durability": "disk",
            "limits": { "text": 15360, "message": 16384, "rooms": 32 },
        }));
        hello
    }

    /// Hears a join and lets the client in, to these people; `last` entries are kept. Returns the join.
    pub(crate) fn lets_in(&mut self, room: &str, people: &[&str], last: u64) -> Value {
        let join = self.hears("join");
        assert_eq!(join["room"], room, "{join}");
        let people: Vec<Value> = people.iter().map(|nick| person(nick)).collect();
        self.tells(&json!({
            "type": "joined", "id": join["id"], "room": room, "people": people, "count": people.len(),
            "first": last.min(1), "last": last,
        }));
        join
    }

    /// The tick.
    pub(crate) fn ticks(&mut self, room: &str, id: &str, seq: u64) {
        self.tells(
            &json!({ "type": "stored", "id": id, "room": room, "seq": seq, "time": 1_800_000_000_000_u64 }),
        );
    }

    /// Hears what is said and ticks it.
    pub(crate) fn stores(&mut self, room: &str, text: &str, seq: u64) {
        let id = self.hears_said(room, text);
        self.ticks(room, &id, seq);
    }

    /// Somebody else says something.
    pub(crate) fn says(&mut self, room: &str, seq: u64, nick: &str, text: &str) {
        self.tells(&message(room, seq, nick, text));
    }

    /// It does not do what was asked.
    pub(crate) fn refuses(&mut self, request: &Value, code: &str, text: &str) {
        self.tells(&json!({ "type": "error", "id": request["id"], "code": code, "text": text }));
    }

    /// Ends the connection in good order.
    pub(crate) fn closes(mut self, code: u16, reason: &str) {
        let frame = CloseFrame { code: code.into(), reason: reason.into() };
        self.socket.close(Some(frame)).expect("the client is there");
        self.loses();
    }

    /// The next request; none after a close in good order.
    fn next(&mut self) -> Option<Value> {
        loop {
            match self.socket.read() {
                Ok(Message::Text(text)) => return Some(serde_json::from_str(&text).expect("JSON")),
                Ok(Message::Close(frame)) => {
                    assert_eq!(frame.map(|frame| frame.code.into()), Some(1000_u16));
                    // Sends the answer to it.
                    let _ = self.socket.flush();
                    return None;
                }
                Ok(Message::Ping(_) | Message::Pong(_)) => {}
                Ok(message) => panic!("not text: {message:?}"),
                Err(error) => panic!("the client is gone without a word: {error}"),
            }
        }
    }
}

/// An entry that somebody else wrote.
pub(crate) fn message(room: &str, seq: u64, nick: &str, text: &str) -> Value {
    json!({
        "type": "message", "room": room, "seq": seq, "user": user(nick), "nick": nick, "text": text,
        "time": 1_800_000_000_000_u64,
    })
}

pub(crate) fn person(nick: &str) -> Value {
    json!({ "user": user(nick), "nick": nick })
}

/// Who is called so in these tests: 20 hexadecimal digits.
pub(crate) fn user(nick: &str) -> String {
    let digits: String = nick.bytes().map(|byte| format!("{byte:02x}")).collect();
    format!("{digits:0<20.20}")
}
