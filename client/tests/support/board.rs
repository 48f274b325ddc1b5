//! A small Snug server to be rude with: it loses ticks, dies, comes back, hangs up, and says what a real server never
//! would. Its conversation is that of PROTOCOL.md; its WebSocket is tungstenite's.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use std::time::Duration;

use protocol::chat::event::*;
use protocol::chat::id::{RequestId, SessionKey, text};
use protocol::chat::name::{Nick, RoomName, Text};
use protocol::chat::people::People;
use protocol::chat::request::{Request, Since};
use protocol::chat::wire;
use tungstenite::protocol::CloseFrame;
use tungstenite::{Error, Message as Frame, WebSocket};

use super::{accept, wait_until};

/// A server that lives as long as this value.
pub(crate) struct Board {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    epoch: u64,
    /// Whether connections are taken.
    up: bool,
    /// Ticks that will get lost, together with the connection.
    lose_ticks: usize,
    /// Whether ticks are given at all.
    mute: bool,
    taken: Vec<String>,
    logs: BTreeMap<String, Vec<Kept>>,
    connections: Vec<Connection>,
    hellos: usize,
}

#[derive(Clone)]
struct Kept {
    entry: Entry<'static>,
    session: SessionKey,
}

struct Connection {
    stream: TcpStream,
    nick: String,
    session: SessionKey,
    rooms: Vec<String>,
    mail: Sender<Frame>,
}

impl Board {
    /// A server on a free port.
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let state = Arc::new(Mutex::new(State { epoch: 1, up: true, ..State::default() }));
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let state = Arc::clone(&shared);
                // Down means: the connection is taken and dropped, since the port has to stay ours.
                if lock(&state).up {
                    thread::spawn(move || drop(serve(&state, stream)));
                }
            }
        });
        Self { address, state }
    }

    /// As `--server` wants it.
    pub(crate) fn address(&self) -> String {
        self.address.to_string()
    }

    /// The server dies: all connections break, no new ones are taken.
    pub(crate) fn die(&self) {
        let mut state = lock(&self.state);
        state.up = false;
        state.break_all();
    }

    /// The server comes back with its log.
    pub(crate) fn come_back(&self) {
        let mut state = lock(&self.state);
        state.epoch += 1;
        state.up = true;
    }

    /// The server comes back without its log.
    pub(crate) fn come_back_empty(&self) {
        lock(&self.state).logs.clear();
        self.come_back();
    }

    /// The next so many things said are stored, but the connection breaks before the tick.
    pub(crate) fn lose_ticks(&self, count: usize) {
        lock(&self.state).lose_ticks = count;
    }

    /// From now on nothing said is stored or answered.
    pub(crate) fn be_mute(&self) {
        lock(&self.state).mute = true;
    }

    /// It takes things in again, from those who come now: who spoke to a deaf ear is not listened to further, since nothing
    /// that was said may be left out.
    pub(crate) fn be_awake(&self) {
        lock(&self.state).mute = false;
    }

    /// Somebody else has this nick.
    pub(crate) fn take_nick(&self, nick: &str) {
        lock(&self.state).taken.push(nick.into());
    }

    /// Somebody else says something.
    pub(crate) fn say(&self, room: &str, nick: &str, said: &str) {
        let mut state = lock(&self.state);
        state.store(room, nick, SessionKey([0; 16]), None, said, Kind::Talk);
    }

    /// Sends this text to everybody, whatever it is.
    pub(crate) fn send_raw(&self, text: &str) {
        lock(&self.state).connections.iter().for_each(|one| drop(one.mail.send(Frame::text(text))));
    }

    /// Hangs up on everybody.
    pub(crate) fn close(&self, code: u16, reason: &'static str) {
        let frame = CloseFrame { code: code.into(), reason: reason.into() };
        lock(&self.state)
            .connections
            .iter()
            .for_each(|one| drop(one.mail.send(Frame::Close(Some(frame.clone())))));
    }

    /// All that was said in a room, as `nick: text`.
    pub(crate) fn said(&self, room: &str) -> Vec<String> {
        let state = lock(&self.state);
        let log = state.logs.get(room).into_iter().flatten();
        log.map(|kept| format!("{}: {}", kept.entry.nick, kept.entry.text)).collect()
    }

    /// How often somebody has greeted.
    pub(crate) fn hellos(&self) -> usize {
        lock(&self.state).hellos
    }

    /// Waits until somebody is in a room.
    pub(crate) fn wait_for(&self, nick: &str, room: &str) {
        wait_until(&format!("{nick} in {room}"), || {
            let state = lock(&self.state);
            state
                .connections
                .iter()
                .any(|one| one.nick == nick && one.rooms.iter().any(|known| known == room))
        });
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// One connection, in a thread of its own.
fn serve(state: &Mutex<State>, stream: TcpStream) -> Result<(), Error> {
    let (mail, letters) = mpsc::channel();
    let twin = stream.try_clone()?;
    let mut socket = accept(stream)?;
    socket.get_mut().set_read_timeout(Some(Duration::from_millis(5)))?;
    let result = talk(state, &mut socket, twin, mail, &letters);
    let port = socket.get_ref().peer_addr().ok();
    lock(state)
        .connections
        .retain(|one| one.stream.peer_addr().ok() != port && one.stream.peer_addr().is_ok());
    result
}

fn talk(
    state: &Mutex<State>,
    socket: &mut WebSocket<TcpStream>,
    stream: TcpStream,
    mail: Sender<Frame>,
    letters: &Receiver<Frame>,
) -> Result<(), Error> {
    let mut me = None;
    let mut newcomer = Some((stream, mail));
    let mut is_deaf = false;
    loop {
        while let Ok(frame) = letters.try_recv() {
            socket.send(frame)?;
        }
        let text = match socket.read() {
            Ok(Frame::Text(text)) => text,
            Ok(_) => continue,
            Err(Error::Io(error)) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                continue;
            }
            Err(error) => return Err(error),
        };
        let envelope = wire::read_request(&text).expect("the client sends nothing wrong");
        let id = envelope.id.as_ref().map(RequestId::to_string);
        let mut state = lock(state);
        match (me, envelope.request) {
            (None, Request::Hello { nick, session }) => {
                let Some((stream, mail)) = newcomer.take() else { return Ok(()) };
                match state.hello(id, nick, session, stream, mail) {
                    Ok(session) => me = Some(session),
                    Err(refused) => newcomer = Some(refused),
                }
            }
            (Some(_), Request::Say { .. }) if is_deaf || state.mute => is_deaf = true,
            (Some(session), request) => state.asked(session, id, request)?,
            (None, _) => panic!("hello comes first"),
        }
    }
}

impl State {
    #[allow(clippy::result_large_err, reason = "a test's server")]
    fn hello(
        &mut self,
        id: Option<String>,
        nick: Option<Nick<'_>>,
        session: Option<SessionKey>,
        stream: TcpStream,
        mail: Sender<Frame>,
    ) -> Result<SessionKey, (TcpStream, Sender<Frame>)> {
        self.hellos += 1;
        let nick = nick.map_or_else(|| "guest-1".into(), |nick| nick.to_string());
        let session = session.expect("this client always brings a key");
        if self.taken.contains(&nick) {
            let text = format!("{nick} is taken");
            let failure = Failure { code: ErrorCode::NickTaken, text: text.into(), id: id.map(Into::into) };
            send(&mail, &Event::Error(failure));
            return Err((stream, mail));
        }
        let welcome = Welcome {
            id: id.map(Into::into),
            nick: nick.clone().into(),
            user: text(session.user()).into(),
            session: text(session).into(),
            epoch: format!("{:016x}", self.epoch).into(),
            version: "board".into(),
            features: Vec::new(),
            durability: Durability::Disk,
            limits: Bounds { text: 15 * 1024, message: 16 * 1024, rooms: 8 },
        };
        send(&mail, &Event::Welcome(welcome));
        self.connections.push(Connection { stream, nick, session, rooms: Vec::new(), mail });
        Ok(session)
    }

    fn asked(&mut self, session: SessionKey, id: Option<String>, request: Request<'_>) -> Result<(), Error> {
        let Some(at) = self.connections.iter().rposition(|one| one.session == session) else {
            return Err(Error::ConnectionClosed);
        };
        match request {
            Request::Join { room, since } => self.join(at, id, room.as_str(), since),
            Request::Say { room: Some(room), text, action } => {
                let kind = if action { Kind::Me } else { Kind::Talk };
                return self.say(at, id, &room, &text, kind);
            }
            Request::Topic { room: Some(room), text: Some(text) } => {
                return self.say(at, id, &room, &text, Kind::Topic);
            }
            Request::Leave { room: Some(room) } => {
                self.connections[at].rooms.retain(|known| known != room.as_str());
                let room = room.to_string().into();
                send(&self.connections[at].mail, &Event::Left { id: id.map(Into::into), room });
            }
            _ => {}
        }
        Ok(())
    }

    fn join(&mut self, at: usize, id: Option<String>, room: &str, since: Since) {
        if !self.connections[at].rooms.iter().any(|known| known == room) {
            self.connections[at].rooms.push(room.into());
        }
        let inside = self.connections.iter().filter(|one| one.rooms.iter().any(|known| known == room));
        let people: People = inside
            .map(|one| Person { user: text(one.session.user()).into(), nick: one.nick.clone().into() })
            .collect();
        let log = self.logs.get(room).cloned().unwrap_or_default();
        let last = log.len() as u64;
        let count = people.len() as u32;
        let me = &self.connections[at];
        let room_name = room.to_owned();
        send(
            &me.mail,
            &Event::Joined(Joined {
                id: id.map(Into::into),
                room: room_name.clone().into(),
                people: Some(people.into()),
                count,
                topic: None,
                first: last.min(1),
                last,
            }),
        );
        let after = match since {
            Since::Last(count) => last.saturating_sub(count.into()),
            Since::After { seq, .. } if seq <= last => seq,
            Since::After { .. } => {
                let (room, reason) = (room_name.clone().into(), ResetReason::Epoch);
                send(&me.mail, &Event::Reset(Reset { room, reason, first: last.min(1), last }));
                0
            }
        };
        for kept in log.iter().filter(|kept| kept.entry.seq > after) {
            let mut entry = kept.entry.clone();
            entry.id = entry.id.filter(|_| kept.session == me.session);
            send(&me.mail, &Event::Message(Message { room: room_name.clone().into(), entry }));
        }
    }

    fn say(
        &mut self,
        at: usize,
        id: Option<String>,
        room: &RoomName<'_>,
        said: &Text<'_>,
        kind: Kind,
    ) -> Result<(), Error> {
        let me = &self.connections[at];
        assert!(me.rooms.iter().any(|known| known == room.as_str()), "one speaks in rooms one is in");
        let (nick, session) = (me.nick.clone(), me.session);
        let known = self.logs.get(room.as_str()).into_iter().flatten();
        let dup = known
            .into_iter()
            .find(|kept| kept.session == session && kept.entry.id.as_deref() == id.as_deref());
        let is_dup = dup.is_some();
        let seq = match dup {
            Some(kept) => kept.entry.seq,
            None => self.store(room.as_str(), &nick, session, id.clone(), said.as_str(), kind),
        };
        if self.lose_ticks > 0 {
            self.lose_ticks -= 1;
            let _ = self.connections[at].stream.shutdown(Shutdown::Both);
            return Err(Error::ConnectionClosed);
        }
        let room = room.to_string().into();
        send(
            &self.connections[at].mail,
            &Event::Stored(Stored { id: id.map(Into::into), room, seq, time: 0, dup: is_dup }),
        );
        Ok(())
    }

    fn store(
        &mut self,
        room: &str,
        nick: &str,
        session: SessionKey,
        id: Option<String>,
        said: &str,
        kind: Kind,
    ) -> u64 {
        let log = self.logs.entry(room.into()).or_default();
        let entry = Entry {
            seq: log.len() as u64 + 1,
            user: text(session.user()).into(),
            nick: nick.to_owned().into(),
            text: said.to_owned().into(),
            time: 0,
            kind,
            id: id.map(Into::into),
        };
        log.push(Kept { entry: entry.clone(), session });
        let seq = entry.seq;
        let event =
            Event::Message(Message { room: room.to_owned().into(), entry: Entry { id: None, ..entry } });
        for other in &self.connections {
            if other.session != session && other.rooms.iter().any(|known| known == room) {
                send(&other.mail, &event);
            }
        }
        seq
    }

    fn break_all(&mut self) {
        for connection in self.connections.drain(..) {
            let _ = connection.stream.shutdown(Shutdown::Both);
        }
    }
}

fn send(mail: &Sender<Frame>, event: &Event<'_>) {
    let mut text = String::new();
    wire::write_event(event, &mut text);
    let _ = mail.send(Frame::text(text));
}
