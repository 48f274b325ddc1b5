//! Clients and a server in one thread and in virtual time, and the bytes between them, which may be cut anywhere. The
//! clients are the client's model; the server is the server's desk with its hub, its store and its fan-out. Only the
//! sockets, the poll and the clock are imagined, so each story comes out the same every time.

use std::collections::VecDeque;

use client::model::news::{Again, Ask, Loss, Msg, News, Said};
use client::model::random::Random;
use client::model::{Kept, Model, Settings, Wish};
use hub::input::ConnId;
use protocol::chat::event::Durability;
use protocol::chat::id::{Epoch, SessionKey};
use protocol::chat::name::{Nick, RoomName, Text};
use protocol::chat::request::Request;
use protocol::http::Head;
use protocol::limits::{MAX_FRAGMENTS, MAX_MESSAGE};
use protocol::time::{Millis, Span};
use protocol::upgrade::Origins;
use protocol::ws::encode::{self, Opcode};
use protocol::ws::{Decoder, Role, Rules, Step};
use server::conn::outbox::Outbox;
use server::conn::{Desk, Message, Verdict};
use server::server::Server;
use server::store::{Memory, Ring, Store};

const HEAD: &[u8] = b"GET /ws HTTP/1.1\r\nHost: board\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Protocol: snug.v1\r\n\r\n";

/// How late a server may notice that a client is gone: by then the client has long come back.
const LATE: Span = Span::secs(3);

/// Where a link breaks: after so many bytes in one direction.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cut {
    /// Towards the server, or from it.
    pub(crate) upwards: bool,
    pub(crate) after: usize,
    /// The server notices it late, and what was on the way to it still arrives then.
    pub(crate) late: bool,
}

/// Everybody.
pub(crate) struct World {
    pub(crate) now: Millis,
    house: House,
    pub(crate) people: Vec<Person>,
    /// What people will type: when, who, what. In the order of time.
    script: VecDeque<(Millis, usize, String)>,
    /// Ends that the server has not noticed yet, and what still arrives before them.
    unnoticed: Vec<(Millis, ConnId, Vec<u8>)>,
}

/// Somebody with a client.
pub(crate) struct Person {
    model: Model,
    link: Option<Link>,
    /// How its links break, the first one first. Those beyond do not.
    cuts: VecDeque<Cut>,
    /// How many links there were.
    pub(crate) links: usize,
    /// How many bytes went up and down on the first link.
    pub(crate) first_link: (usize, usize),
    pub(crate) read: Vec<Said>,
    /// How large the pieces are that arrive; 0 for everything at once.
    chop: usize,
}

struct Link {
    conn: ConnId,
    cut: Option<Cut>,
    /// On the way to the server.
    up: Vec<u8>,
    went_up: usize,
    came_down: usize,
    /// What of the answer to the upgrade has come.
    head: Option<Vec<u8>>,
    decoder: Decoder,
}

impl World {
    pub(crate) fn new() -> Self {
        let (people, script) = (Vec::new(), VecDeque::new());
        Self { now: Millis(0), house: House::new(), people, script, unnoticed: Vec::new() }
    }

    /// Somebody who wants to be in the lobby, and to read what was said there before.
    pub(crate) fn person(
        &mut self,
        nick: &'static str,
        random: &mut Random,
        cuts: &[Cut],
        chop: usize,
    ) -> usize {
        let mut words = std::array::from_fn::<u64, 6, _>(|_| random.below(u64::MAX));
        // The key of a person is no number that another one could have.
        words[4] = self.people.len() as u64;
        let mut session = [0; 16];
        session[..8].copy_from_slice(&words[4].to_be_bytes());
        session[8..].copy_from_slice(&words[5].to_be_bytes());
        let model = Model::new(Settings {
            wish: Wish::Exactly(Nick::new(nick).expect("a nick")),
            rooms: vec![RoomName::new("lobby").expect("a room")],
            last: 100,
            after: None,
            patient: true,
            session: SessionKey(session),
            kept: Kept::default(),
            seed: [words[0], words[1], words[2], words[3]],
        });
        let cuts = cuts.iter().copied().collect();
        let read = Vec::new();
        self.people.push(Person { model, link: None, cuts, links: 0, first_link: (0, 0), read, chop });
        let who = self.people.len() - 1;
        self.tell(who, Msg::Start);
        who
    }

    /// Somebody will type a line.
    pub(crate) fn will_type(&mut self, at: Millis, who: usize, line: String) {
        let place = self.script.partition_point(|(earlier, ..)| *earlier <= at);
        self.script.insert(place, (at, who, line));
    }

    /// Lets everything happen that will.
    pub(crate) fn play(&mut self) {
        while let Some(next) = self.settle() {
            assert!(next < Millis(600_000), "it does not come to rest: {:?}", self.standing());
            self.now = next;
        }
        for person in &self.people {
            let all = person.model.is_welcome() && person.model.is_inside();
            assert!(all && person.model.unconfirmed() == 0, "{:?}", self.standing());
        }
    }

    fn standing(&self) -> Vec<(bool, usize)> {
        self.people.iter().map(|one| (one.model.is_welcome(), one.model.unconfirmed())).collect()
    }

    /// Does what is due now. Returns when something will be due again.
    fn settle(&mut self) -> Option<Millis> {
        while self.script.front().is_some_and(|(at, ..)| *at <= self.now) {
            let Some((_, who, line)) = self.script.pop_front() else { break };
            let text = Text::new(line).expect("a text");
            self.tell(who, Msg::Asked(Request::Say { room: None, text, action: false }));
        }
        for who in 0..self.people.len() {
            if self.people[who].model.deadline().is_some_and(|deadline| deadline <= self.now) {
                self.tell(who, Msg::Tick);
            }
        }
        let now = self.now;
        for (_, conn, mut bytes) in self.unnoticed.extract_if(.., |(at, ..)| *at <= now) {
            self.house.receive(now, conn, &mut bytes);
            self.house.turn(now);
            self.house.close(now, conn);
        }
        self.house.turn(now);
        while (0..self.people.len()).fold(false, |moved, who| self.pump(who) | moved) {}
        let people = self.people.iter().filter_map(|person| person.model.deadline());
        let others = self.unnoticed.iter().map(|(at, ..)| *at).chain(self.house.desk.deadline());
        people.chain(others).chain(self.script.front().map(|(at, ..)| *at)).min()
    }

    /// Moves bytes on somebody's link. Returns whether any moved.
    fn pump(&mut self, who: usize) -> bool {
        let chop = match self.people[who].chop {
            0 => usize::MAX,
            chop => chop,
        };
        let Some(link) = &mut self.people[who].link else { return false };
        let room = |upwards: bool, went: usize| match link.cut {
            Some(cut) if cut.upwards == upwards => cut.after - went,
            _ => usize::MAX,
        };
        let conn = link.conn;
        let count = link.up.len().min(chop).min(room(true, link.went_up));
        let waits = self.house.outgoing(conn);
        let count_down = waits.len().min(chop).min(room(false, link.came_down));
        let mut up: Vec<u8> = link.up.drain(..count).collect();
        let mut down: Vec<u8> = waits.drain(..count_down).collect();
        link.went_up += count;
        link.came_down += count_down;
        let reached = |cut: &Cut| cut.after == if cut.upwards { link.went_up } else { link.came_down };
        let breaks = link.cut.filter(reached);
        if self.people[who].links == 1 {
            let link = self.people[who].link.as_ref().expect("it is there");
            self.people[who].first_link = (link.went_up, link.came_down);
        }
        if !up.is_empty() {
            self.house.receive(self.now, conn, &mut up);
            self.house.turn(self.now);
        }
        self.hear(who, &mut down);
        if let Some(cut) = breaks {
            self.cut(who, cut.late);
        }
        count + count_down > 0 || breaks.is_some()
    }

    /// What comes from the server.
    fn hear(&mut self, who: usize, mut bytes: &mut [u8]) {
        let rules = Rules { role: Role::Client, message: 1 << 20, fragments: MAX_FRAGMENTS };
        let mut events = Vec::new();
        let Some(link) = &mut self.people[who].link else { return };
        if let Some(head) = &mut link.head {
            let before = head.len();
            head.extend_from_slice(bytes);
            let Some(at) = head.windows(4).position(|four| four == b"\r\n\r\n") else { return };
            assert!(head.starts_with(b"HTTP/1.1 101 "), "{}", String::from_utf8_lossy(head));
            bytes = &mut bytes[at + 4 - before..];
            link.head = None;
            events.push(None);
        }
        while let Some(step) = link.decoder.next(&rules, &mut bytes).expect("frames by the rules") {
            let Step::Text(text) = step else { panic!("the desk says text only, not {step:?}") };
            events.push(Some(text.into_owned()));
        }
        for event in events {
            match event {
                None => self.tell(who, Msg::Opened),
                Some(text) => self.tell(who, Msg::Heard(&text)),
            }
        }
    }

    fn cut(&mut self, who: usize, late: bool) {
        let Some(link) = self.people[who].link.take() else { return };
        match late {
            true => self.unnoticed.push((self.now.plus(LATE), link.conn, link.up)),
            false => self.house.close(self.now, link.conn),
        }
        self.house.turn(self.now);
        self.tell(who, Msg::Lost(Loss { why: "cut".into(), again: Again::Soon }));
    }

    fn tell(&mut self, who: usize, message: Msg<'_>) {
        let person = &mut self.people[who];
        for ask in person.model.update(self.now, message) {
            match ask {
                Ask::Connect => {
                    person.links += 1;
                    person.link = Some(Link {
                        conn: self.house.open(),
                        cut: person.cuts.pop_front(),
                        up: HEAD.to_vec(),
                        went_up: 0,
                        came_down: 0,
                        head: Some(Vec::new()),
                        decoder: Decoder::new(),
                    });
                }
                Ask::Send(text) => {
                    let link = person.link.as_mut().expect("it sends where there is a link");
                    encode::masked_frame(Opcode::Text, [1, 2, 3, 4], text.as_bytes(), &mut link.up);
                }
                Ask::Tell(News::Said { said, .. }) => person.read.push(said),
                Ask::Tell(news @ (News::Reset { .. } | News::Unsaid { .. } | News::Trouble(_))) => {
                    panic!("nothing is lost or refused here, but it is told {news:?}")
                }
                // Nobody crashes here.
                Ask::Keep(_) | Ask::Forget(_) | Ask::Tell(_) => {}
                Ask::HangUp | Ask::Drop | Ask::Stop(_) => {
                    panic!("nobody leaves here, but it wants to {ask:?}")
                }
            }
        }
    }
}

/// The server without its sockets: the order of a turn is that of `reactor.rs`.
struct House {
    desk: Server,
    outbox: Outbox,
    /// By slot.
    conns: Vec<Option<Conn>>,
    generation: u32,
    drained: Vec<ConnId>,
}

struct Conn {
    id: ConnId,
    /// The request's head, as far as it has come; `None` once it is a WebSocket.
    head: Option<Vec<u8>>,
    decoder: Decoder,
    outgoing: Vec<u8>,
}

impl House {
    fn new() -> Self {
        let epoch = Epoch([7; 8]);
        let hub = hub::Hub::new(hub::limits::Settings::new(epoch, Durability::Memory, "snug", 0));
        let store = Store::new(Memory::new(epoch, Ring::default()));
        // The clients here bring keys of their own.
        let desk = Server::new(hub, store, |bytes| bytes.fill(0xee), Origins::default());
        let (conns, drained) = (Vec::new(), Vec::new());
        Self { desk, outbox: Outbox::new(), conns, generation: 0, drained }
    }

    fn open(&mut self) -> ConnId {
        let free = self.conns.iter().position(Option::is_none).unwrap_or(self.conns.len());
        if free == self.conns.len() {
            self.conns.push(None);
        }
        self.generation += 1;
        let id = ConnId { slot: u32::try_from(free).expect("few"), generation: self.generation };
        let (head, decoder, outgoing) = (Some(Vec::new()), Decoder::new(), Vec::new());
        self.conns[free] = Some(Conn { id, head, decoder, outgoing });
        id
    }

    fn conn(&mut self, id: ConnId) -> Option<&mut Conn> {
        self.conns.get_mut(id.slot as usize)?.as_mut().filter(|conn| conn.id == id)
    }

    /// What is on the way to a client.
    fn outgoing(&mut self, id: ConnId) -> &mut Vec<u8> {
        &mut self.conn(id).expect("it is open").outgoing
    }

    fn receive(&mut self, now: Millis, id: ConnId, mut bytes: &mut [u8]) {
        let Some(conn) = self.conns.get_mut(id.slot as usize).and_then(Option::as_mut) else { return };
        if let Some(head) = &mut conn.head {
            let before = head.len();
            head.extend_from_slice(bytes);
            let Some(at) = head.windows(4).position(|four| four == b"\r\n\r\n") else { return };
            bytes = &mut bytes[at + 4 - before..];
            let parsed = Head::parse(&head[..at + 4]).expect("a good head");
            assert_eq!(self.desk.request(now, id, &parsed, &mut self.outbox), Verdict::Upgraded);
            conn.head = None;
        }
        let rules = Rules { role: Role::Server, message: MAX_MESSAGE, fragments: MAX_FRAGMENTS };
        while let Some(step) = conn.decoder.next(&rules, &mut bytes).expect("frames by the rules") {
            let Step::Text(text) = step else { panic!("the model says text only, not {step:?}") };
            self.desk.message(now, id, Message::Text(&text), &mut self.outbox);
        }
    }

    fn close(&mut self, now: Millis, id: ConnId) {
        if self.conn(id).is_some_and(|conn| conn.head.is_none()) {
            self.desk.closed(now, id, &mut self.outbox);
        }
        self.turn(now);
        self.conns[id.slot as usize] = None;
    }

    fn turn(&mut self, now: Millis) {
        loop {
            for id in std::mem::take(&mut self.drained) {
                if self.conn(id).is_some() {
                    self.desk.drained(now, id, &mut self.outbox);
                }
            }
            let more = self.desk.mail(now, &mut self.outbox);
            self.desk.expire(now, &mut self.outbox);
            self.desk.fan_out(&mut self.outbox);
            assert!(self.outbox.take_hangups().is_empty(), "nobody is hung up on here");
            self.flush();
            if !more && self.drained.is_empty() {
                return;
            }
        }
    }

    fn flush(&mut self) {
        let mut index = 0;
        while let Some(slot) = self.outbox.dirty(index) {
            index += 1;
            let Some(conn) = self.conns.get_mut(slot as usize).and_then(Option::as_mut) else { continue };
            for piece in self.outbox.pieces(slot) {
                conn.outgoing.extend_from_slice(piece);
            }
        }
        for slot in self.outbox.take_awaited() {
            self.drained.extend(self.conns.get(slot as usize).and_then(Option::as_ref).map(|conn| conn.id));
        }
        self.outbox.clear();
    }
}
