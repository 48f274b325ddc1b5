//! All the connections, and the poll that tells which of them has something. Must not know what is measured.
//!
//! Readiness is edge-triggered (mio): each connection that is told of is read until it is empty. Between two of them
//! whoever measures may say something, so that a line is answered when it is heard and not when all are read.

use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::ops::Range;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::time::Duration;

use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use protocol::ws::encode::{self, Opcode};
use rustix::io::Errno;

use crate::clock::{Clock, Nanos};
use crate::dialect::{Dialect, Sort};
use crate::fault::Fault;
use crate::person::{self, KEY, Person, State};

/// The largest piece that is read at once.
const BUFFER: usize = 256 * 1024;
/// How many of them may be told of by one poll.
const EVENTS: usize = 1024;
/// Ports to come from, in turn. Left to choose one, the kernel looks through thousands that were used a moment ago:
/// 1,000 handshakes a second instead of 20,000.
const PORTS: Range<u16> = 10_000..60_000;
/// How many of them may be in use by others, one after the other.
const TRIES: usize = 100;
/// The token of what is no person.
const TIMER: Token = Token(usize::MAX);

/// Where people go, and how they talk there.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) address: SocketAddr,
    /// For the `Host` header.
    pub(crate) host: String,
    /// `{room}` in it is the room's name, `{person}` the person's number.
    pub(crate) path: String,
    pub(crate) rooms: usize,
    pub(crate) dialect: Dialect,
    /// From how many addresses of this machine they come; 1: from the one that the system chooses.
    pub(crate) sources: usize,
}

impl Place {
    /// Which room a person is in.
    pub(crate) const fn room_of(&self, who: usize) -> usize {
        who % self.rooms
    }

    fn fill(&self, who: usize) -> String {
        let room = room_name(self.room_of(who));
        self.path.replace("{room}", &room).replace("{person}", &who.to_string())
    }

    fn request(&self, who: usize) -> Vec<u8> {
        let (path, host) = (self.fill(who), &self.host);
        let protocol = self.dialect.subprotocol();
        let protocol = protocol.map_or(String::new(), |name| format!("Sec-WebSocket-Protocol: {name}\r\n"));
        format!(
            "GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Version: 13\r\n{protocol}\r\n"
        )
        .into_bytes()
    }

    /// From where the next of them comes. All of 127.0.0.0/8 is this machine.
    fn source(&self, dialled: usize) -> Option<SocketAddrV4> {
        if self.sources < 2 {
            return None;
        }
        let [high, low] = ((dialled % self.sources) as u16).to_be_bytes();
        let port = PORTS.start + (dialled / self.sources % PORTS.len()) as u16;
        Some(SocketAddrV4::new(Ipv4Addr::new(127, 1, high, low), port))
    }
}

/// As a room is called.
pub(crate) fn room_name(room: usize) -> String {
    format!("load-{room}")
}

/// Who measures.
pub(crate) trait Ear {
    /// Something has come from a person; `at` is when it was read.
    fn hears(&mut self, who: usize, at: Nanos, heard: Heard<'_>);
    /// After each person that was looked at, and after each poll: what is due is said now. Whether there was something.
    fn says(&mut self, _: &mut People) -> bool {
        false
    }
}

/// What comes from a person's connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Heard<'b> {
    /// It is in its room.
    In,
    /// A line that may be somebody's.
    Said(&'b [u8]),
    /// A tick for a line of its own.
    Tick(&'b [u8]),
    /// It is over, and was not ended from here.
    Gone,
}

/// See the module's head.
#[derive(Debug)]
pub(crate) struct Crowd {
    poll: Poll,
    events: Events,
    pub(crate) people: People,
    /// For an open loop: an edge whenever a line is due.
    timer: Option<OwnedFd>,
    /// Polls that find nothing are not slept in: see `--spin`.
    spins: bool,
    /// How long something was done, in all: not waiting, and not looking in vain.
    pub(crate) busy: Nanos,
}

/// All the connections.
#[derive(Debug)]
pub(crate) struct People {
    registry: mio::Registry,
    place: Place,
    pub(crate) clock: Clock,
    people: Vec<Person>,
    /// How often somebody was dialled.
    dialled: usize,
    buffer: Vec<u8>,
    /// A frame that is being written.
    frame: Vec<u8>,
    /// For masks: they have to differ, and nobody here is to be kept from guessing them.
    random: u64,
    /// In their rooms.
    pub(crate) inside: usize,
    /// Those that ended, and not from here.
    pub(crate) gone: u64,
    /// Those that were not let in.
    pub(crate) refused: usize,
    /// What they were told; may be empty.
    first_refusal: String,
    /// Bytes that came, all of them.
    pub(crate) received: u64,
    /// Complaints of the server, and the first of them.
    pub(crate) faults: u64,
    pub(crate) first_fault: String,
}

impl Crowd {
    pub(crate) fn new(place: Place, clock: Clock, spins: bool) -> Result<Self, Fault> {
        let poll = Poll::new()?;
        let people = People {
            registry: poll.registry().try_clone()?,
            place,
            clock,
            people: Vec::new(),
            dialled: 0,
            buffer: vec![0; BUFFER],
            frame: Vec::new(),
            random: clock.now() | 1,
            inside: 0,
            gone: 0,
            refused: 0,
            first_refusal: String::new(),
            received: 0,
            faults: 0,
            first_fault: String::new(),
        };
        Ok(Self { poll, events: Events::with_capacity(EVENTS), people, timer: None, spins, busy: 0 })
    }

    /// Waits for something to come, at most so long, and hands it on.
    pub(crate) fn turn(&mut self, wait: Duration, ear: &mut impl Ear) -> Result<(), Fault> {
        let Self { poll, events, people, timer, .. } = self;
        let wait = if self.spins { Duration::ZERO } else { wait };
        match poll.poll(events, Some(wait)) {
            Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error.into()),
            _ => {}
        }
        let begun = people.clock.now();
        let mut did_something = !events.is_empty();
        for event in events.iter() {
            match timer {
                // Its next expiry is counted from when it is read (timerfd_create(2)).
                Some(timer) if event.token() == TIMER => drop(rustix::io::read(timer, &mut [0; 8])),
                _ => people.look(event, ear)?,
            }
            ear.says(people);
        }
        did_something |= ear.says(people);
        if did_something {
            self.busy += people.clock.now() - begun;
        }
        Ok(())
    }

    /// From now on a turn ends at least once in so long, to the microsecond, which a poll cannot promise.
    pub(crate) fn tick_every(&mut self, period: Duration) -> Result<(), Fault> {
        use rustix::time::{
            Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
            timerfd_settime,
        };
        let timer = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC)
            .map_err(io::Error::from)?;
        let period =
            Timespec { tv_sec: period.as_secs() as _, tv_nsec: period.subsec_nanos().max(1000).into() };
        let setting = Itimerspec { it_interval: period, it_value: period };
        timerfd_settime(&timer, TimerfdTimerFlags::empty(), &setting).map_err(io::Error::from)?;
        self.people.registry.register(&mut SourceFd(&timer.as_raw_fd()), TIMER, Interest::READABLE)?;
        self.timer = Some(timer);
        Ok(())
    }

    /// The timer is of no more use.
    pub(crate) fn tick_no_more(&mut self) -> Result<(), Fault> {
        if let Some(timer) = self.timer.take() {
            self.people.registry.deregister(&mut SourceFd(&timer.as_raw_fd()))?;
        }
        Ok(())
    }
}

impl People {
    /// Person `who` begins to connect: a new one, or one who has left.
    pub(crate) fn dial(&mut self, who: usize) -> Result<(), Fault> {
        let mut person = self.connect().map_err(|error| self.cannot_connect(error))?;
        if let Some(stream) = person.stream() {
            self.registry.register(stream, Token(who), Interest::READABLE | Interest::WRITABLE)?;
        }
        while self.people.len() <= who {
            self.people.push(Person::nobody());
        }
        if let Some(place) = self.people.get_mut(who) {
            *place = person;
        }
        Ok(())
    }

    fn connect(&mut self) -> io::Result<Person> {
        let mut tries = 0;
        loop {
            let source = self.place.source(self.dialled);
            self.dialled += 1;
            tries += 1;
            match Person::dial(self.place.address, source) {
                Err(error) if is_taken(&error) && source.is_some() && tries < TRIES => {}
                outcome => return outcome,
            }
        }
    }

    /// Person `who` ends its connection.
    pub(crate) fn leave(&mut self, who: usize) {
        if let Some(person) = self.people.get_mut(who) {
            self.inside -= usize::from(person.is_in);
            person.leave();
        }
    }

    /// Person `who` says something. False if it is not there any more.
    pub(crate) fn say(&mut self, who: usize, text: &[u8]) -> bool {
        self.send(who, Opcode::Text, text)
    }

    /// Whether a person's connection is open.
    pub(crate) fn is_open(&self, who: usize) -> bool {
        self.people.get(who).is_some_and(|person| person.state == State::Open)
    }

    fn send(&mut self, who: usize, opcode: Opcode, payload: &[u8]) -> bool {
        let key = self.mask();
        let Some(person) = self.people.get_mut(who).filter(|person| person.state == State::Open) else {
            return false;
        };
        self.frame.clear();
        encode::masked_frame(opcode, key, payload, &mut self.frame);
        // If it has ended, that is what will be heard of it next.
        person.send(&self.frame).is_ok()
    }

    /// By xorshift.
    fn mask(&mut self) -> [u8; 4] {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        ((self.random >> 32) as u32).to_ne_bytes()
    }

    /// Looks at what has happened to one person.
    fn look(&mut self, event: &mio::event::Event, ear: &mut impl Ear) -> Result<(), Fault> {
        let Token(who) = event.token();
        let Some(person) = self.people.get_mut(who) else { return Ok(()) };
        if event.is_writable() {
            let written = person.writable(|| self.place.request(who));
            match (written, person.state) {
                (Err(error), State::Connecting) => return Err(self.cannot_connect(error)),
                // What has ended otherwise is heard of when it is read.
                (_, State::Connecting) => return Ok(()),
                _ => {}
            }
        }
        if event.is_readable() {
            return self.read(who, event.is_read_closed(), ear);
        }
        Ok(())
    }

    fn read(&mut self, who: usize, is_ending: bool, ear: &mut impl Ear) -> Result<(), Fault> {
        let Self { place, people, buffer, inside, gone, refused, faults, clock, .. } = self;
        let (first_fault, first_refusal) = (&mut self.first_fault, &mut self.first_refusal);
        let Some(person) = people.get_mut(who) else { return Ok(()) };
        let (was_open, was_in) = (person.state == State::Open, person.is_in);
        let (mut has_opened, mut is_in, mut is_gone, mut pings) = (false, was_in, false, Vec::new());
        let mut at = None;
        let mut hear = |heard: person::Heard<'_>| {
            // One look at the clock for all that was read at once.
            let at = *at.get_or_insert_with(|| clock.now());
            match heard {
                person::Heard::Text(text) => match place.dialect.sort(text) {
                    Sort::Said => ear.hears(who, at, Heard::Said(text)),
                    Sort::Tick => ear.hears(who, at, Heard::Tick(text)),
                    Sort::Joined => {
                        is_in = true;
                        ear.hears(who, at, Heard::In);
                    }
                    Sort::Fault => {
                        *faults += 1;
                        if first_fault.is_empty() {
                            *first_fault = String::from_utf8_lossy(text).chars().take(200).collect();
                        }
                    }
                    Sort::Other => {}
                },
                person::Heard::Open => {
                    has_opened = true;
                    if place.dialect.is_in_at_once() {
                        is_in = true;
                        ear.hears(who, at, Heard::In);
                    }
                }
                person::Heard::Full(said) => said.clone_into(first_refusal),
                person::Heard::Ping(bytes) => pings.push(bytes.to_vec()),
                person::Heard::Gone => {
                    is_gone = true;
                    if was_open || has_opened {
                        *gone += 1;
                        ear.hears(who, at, Heard::Gone);
                    } else {
                        // Those who are on their way in are waited for, so that it can be told how many fitted.
                        *refused += 1;
                    }
                }
            }
        };
        let came = person.read(buffer, is_ending, &mut hear, place.dialect.subprotocol());
        is_in &= !is_gone;
        person.is_in = is_in;
        *inside = *inside + usize::from(is_in) - usize::from(was_in);
        self.received += came?;
        if has_opened {
            let is_in_path = self.place.path.contains("{room}");
            for text in self.place.dialect.greeting(&room_name(self.place.room_of(who)), is_in_path) {
                self.send(who, Opcode::Text, text.as_bytes());
            }
        }
        for ping in pings {
            self.send(who, Opcode::Pong, &ping);
        }
        Ok(())
    }

    /// What it means that people were not let in.
    pub(crate) fn is_full(&self) -> Fault {
        let (inside, sources) = (self.inside, self.place.sources);
        Fault::Full { inside, sources, said: self.first_refusal.clone() }
    }

    fn cannot_connect(&self, why: io::Error) -> Fault {
        let address = self.place.address.to_string();
        match why.kind() {
            ErrorKind::ConnectionRefused if self.inside == 0 => Fault::NobodyThere { address },
            _ if is_taken(&why) => Fault::TooFewPorts,
            _ if why.raw_os_error() == Some(Errno::MFILE.raw_os_error()) => Fault::System(why),
            _ => Fault::CannotConnect { address, why, inside: self.inside },
        }
    }
}

/// That a port is in use, or was with this server a moment ago.
fn is_taken(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::AddrNotAvailable | ErrorKind::AddrInUse)
}
