//! A chat server as one would write it with mio and tungstenite: the connections in a slab, and `send` for each
//! recipient and message. Usage: mio-tungstenite PORT
//!
//! /ws/ROOM, and a text goes to the room's other members. It knows no limits, timeouts or names, and leaves every
//! setting as the libraries have it.

use std::cell::OnceCell;
use std::collections::HashMap;
use std::io::ErrorKind::WouldBlock;
use std::rc::Rc;

use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};
use slab::Slab;
use tungstenite::handshake::MidHandshake;
use tungstenite::handshake::server::{Callback, ErrorResponse, Request, Response, ServerHandshake};
use tungstenite::{Error, HandshakeError, Message, WebSocket};

const LISTENER: Token = Token(usize::MAX);

type Handshake = MidHandshake<ServerHandshake<TcpStream, TakeRoom>>;

enum Connection {
    Greeting { handshake: Option<Handshake>, room: Rc<OnceCell<String>> },
    Open { socket: WebSocket<TcpStream>, room: String },
}

/// Keeps the room that the request names.
struct TakeRoom(Rc<OnceCell<String>>);

impl Callback for TakeRoom {
    fn on_request(self, request: &Request, response: Response) -> Result<Response, ErrorResponse> {
        let room = request.uri().path().strip_prefix("/ws/").unwrap_or_default();
        let _ = self.0.set(room.to_owned());
        Ok(response)
    }
}

struct Server {
    poll: Poll,
    listener: TcpListener,
    connections: Slab<Connection>,
    rooms: HashMap<String, Vec<usize>>,
}

fn main() -> std::io::Result<()> {
    let port = std::env::args().nth(1).expect("usage: mio-tungstenite PORT");
    let mut listener = TcpListener::bind(format!("127.0.0.1:{port}").parse().expect("a port"))?;
    let poll = Poll::new()?;
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
    let mut server = Server { poll, listener, connections: Slab::new(), rooms: HashMap::new() };
    let mut events = Events::with_capacity(1024);
    loop {
        server.poll.poll(&mut events, None)?;
        for event in &events {
            match event.token() {
                LISTENER => server.accept()?,
                Token(id) => server.ready(id),
            }
        }
    }
}

impl Server {
    fn accept(&mut self) -> std::io::Result<()> {
        loop {
            let mut stream = match self.listener.accept() {
                Ok((stream, _)) => stream,
                Err(error) if error.kind() == WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            };
            stream.set_nodelay(true)?;
            let room = Rc::new(OnceCell::new());
            let entry = self.connections.vacant_entry();
            let both = Interest::READABLE | Interest::WRITABLE;
            self.poll.registry().register(&mut stream, Token(entry.key()), both)?;
            let handshake = ServerHandshake::start(stream, TakeRoom(room.clone()), None);
            entry.insert(Connection::Greeting { handshake: Some(handshake), room });
        }
    }

    fn ready(&mut self, id: usize) {
        if let Some(Connection::Greeting { .. }) = self.connections.get(id) {
            self.greet(id);
        }
        if let Some(Connection::Open { socket, .. }) = self.connections.get_mut(id) {
            let _ = socket.flush();
            self.read(id);
        }
    }

    fn greet(&mut self, id: usize) {
        let Some(Connection::Greeting { handshake, room }) = self.connections.get_mut(id) else { return };
        let Some(begun) = handshake.take() else { return };
        match begun.handshake() {
            Ok(socket) => {
                let room = room.get().cloned().unwrap_or_default();
                self.rooms.entry(room.clone()).or_default().push(id);
                self.connections[id] = Connection::Open { socket, room };
            }
            Err(HandshakeError::Interrupted(begun)) => *handshake = Some(begun),
            Err(HandshakeError::Failure(_)) => drop(self.connections.remove(id)),
        }
    }

    fn read(&mut self, id: usize) {
        loop {
            let Some(Connection::Open { socket, room }) = self.connections.get_mut(id) else { return };
            match socket.read() {
                Ok(message @ Message::Text(_)) => {
                    let members = self.rooms.get(room).cloned().unwrap_or_default();
                    self.say(id, &members, &message);
                }
                Ok(_) => {}
                Err(Error::Io(error)) if error.kind() == WouldBlock => return,
                Err(_) => return self.hang_up(id),
            }
        }
    }

    fn say(&mut self, author: usize, members: &[usize], message: &Message) {
        for &member in members.iter().filter(|&&member| member != author) {
            if let Some(Connection::Open { socket, .. }) = self.connections.get_mut(member) {
                // What the socket does not take, tungstenite keeps until the next flush; a broken one fails in `read`.
                let _ = socket.send(message.clone());
            }
        }
    }

    fn hang_up(&mut self, id: usize) {
        if let Connection::Open { room, .. } = self.connections.remove(id) {
            let members = self.rooms.entry(room.clone()).or_default();
            members.retain(|&member| member != id);
            if members.is_empty() {
                self.rooms.remove(&room);
            }
        }
    }
}
