//! The loop: the only place where link, model, face, terminal, signals and the clock meet. Must not know what a frame,
//! a key or a chat message is.
//!
//! One turn, always in this order: wait, signals, input (keys or lines), timers, link, output. Whatever the model asks
//! is carried out at once. A face that cannot get rid of its output *chokes*: then the link is not read, the server
//! feels it, and catches us up later from its log.

mod face;
mod keep;
mod signals;

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mio::{Events, Poll, Token, Waker};
use protocol::chat::id::SessionKey;
use protocol::chat::name::RoomName;
use protocol::limits::DEFAULT_LAST;
use protocol::time::{Millis, Span};
use signal_hook::consts::{SIGCONT, SIGTSTP, SIGWINCH};
use signal_hook_mio::v1_0::Signals;

use self::face::{Face, Wanted};
use self::keep::{Found, Safe};
use crate::args::{Config, ROOM};
use crate::link::address::Address;
use crate::link::fault::{Fault, Retry};
use crate::link::{Heard, Link, Options};
use crate::login;
use crate::model::news::{Again, Ask, Loss, Msg, News, Stop};
use crate::model::{Model, Settings, Wish};

const WAKER: Token = Token(0);
const SIGNALS: Token = Token(1);
const LINK: Token = Token(2);
/// The terminal, or the output of a pipe.
const FACE: Token = Token(3);

/// How it ended.
#[derive(Debug, PartialEq, Eq)]
pub struct Outcome {
    /// What there is to say about it, on stderr. Not harmless yet.
    pub words: Vec<String>,
    /// For the shell.
    pub code: u8,
}

/// Done.
const DONE: u8 = 0;
/// It could not be done.
const COULD_NOT: u8 = 1;
/// Wrong usage, or it cannot start.
const CANNOT_START: u8 = 2;

impl Outcome {
    /// It cannot start.
    #[must_use]
    pub fn cannot_start(why: impl Into<String>) -> Self {
        Self { words: vec![why.into()], code: CANNOT_START }
    }
}

/// Runs the client until it ends.
#[must_use]
pub fn run(config: &Config, program: &str) -> Outcome {
    let wanted = Wanted::of(config);
    let (settings, safe, fault) = match settings(config, wanted) {
        Ok(settings) => settings,
        Err(outcome) => return outcome,
    };
    match App::start(config, program, wanted, Model::new(settings), safe).and_then(|app| app.run(fault)) {
        Ok(outcome) => outcome,
        Err(error) => Outcome::cannot_start(error.to_string()),
    }
}

/// With what the model begins, where its words are kept, and why they cannot be.
fn settings(config: &Config, wanted: Wanted) -> Result<(Settings, Safe, Option<String>), Outcome> {
    let mut rooms = config.rooms.clone();
    let piped = wanted == Wanted::Pipe;
    match rooms.len() {
        1 => {}
        count if piped => {
            let sentence = format!(
                "lines that are piped in, and --follow and --json, need exactly one room, not {count}"
            );
            return Err(Outcome::cannot_start(sentence));
        }
        0 => rooms.extend(RoomName::new(ROOM)),
        _ => {}
    }
    let mut secret = [0; 16];
    let mut seed = [0; 32];
    if getrandom::fill(&mut secret).and_then(|()| getrandom::fill(&mut seed)).is_err() {
        return Err(Outcome::cannot_start("the system gives no random numbers"));
    }
    let mut words =
        seed.chunks_exact(8).map(|word| word.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte)));
    let wish = match (&config.nick, login::nick()) {
        (Some(nick), _) => Wish::Exactly(nick.clone()),
        (None, Some(nick)) => Wish::Like(nick),
        (None, None) => Wish::Guest,
    };
    let nick = match &wish {
        Wish::Exactly(nick) | Wish::Like(nick) => Some(nick.as_str()),
        Wish::Guest => None,
    };
    let (safe, Found { session, kept, fault }) = Safe::open(config, wanted, nick);
    let settings = Settings {
        wish,
        rooms,
        last: if piped { 0 } else { DEFAULT_LAST },
        after: config.after,
        patient: piped,
        session: session.unwrap_or(SessionKey(secret)),
        kept,
        seed: std::array::from_fn(|_| words.next().unwrap_or_default()),
    };
    Ok((settings, safe, fault))
}

struct App {
    poll: Poll,
    waker: Arc<Waker>,
    signals: Signals,
    clock: Clock,
    server: Address,
    link: Option<Link>,
    /// The link has, or may have, more to read than could be taken.
    more: bool,
    model: Model,
    safe: Safe,
    face: Face,
    stop: Option<Stop>,
    /// The end has begun: the face is not asked any more whether it wants to.
    ending: bool,
    /// How often a signal has asked us to end.
    signalled: u32,
}

impl App {
    fn start(config: &Config, program: &str, wanted: Wanted, model: Model, safe: Safe) -> io::Result<Self> {
        let poll = Poll::new()?;
        let waker = Arc::new(Waker::new(poll.registry(), WAKER)?);
        let mut signals = Signals::new(signals::answered(wanted))?;
        poll.registry().register(&mut signals, SIGNALS, mio::Interest::READABLE)?;
        let face = Face::open(config, program, wanted, model.unconfirmed(), poll.registry(), FACE, &waker)?;
        let (clock, server) = (Clock(Instant::now()), config.server.clone());
        let (link, stop) = (None, None);
        Ok(Self {
            poll,
            waker,
            signals,
            clock,
            server,
            link,
            more: false,
            model,
            safe,
            face,
            stop,
            ending: false,
            signalled: 0,
        })
    }

    fn run(mut self, fault: Option<String>) -> io::Result<Outcome> {
        let mut events = Events::with_capacity(16);
        self.tell_trouble(fault);
        self.tell_model(Msg::Start);
        while !self.turn() {
            match self.poll.poll(&mut events, self.timeout()) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            }
            for event in &events {
                if event.token() == FACE {
                    self.face.ready(event.is_error() || event.is_write_closed());
                }
            }
        }
        Ok(self.outcome())
    }

    /// One turn after something has happened; true if it was the last.
    fn turn(&mut self) -> bool {
        self.take_signals();
        if self.stop.is_none() {
            self.take_input();
            let now = self.clock.now();
            if self.model.deadline().is_some_and(|deadline| now >= deadline) {
                self.tell_model(Msg::Tick);
            }
            self.settle();
            self.drive_link();
        }
        self.face.finish_turn(self.clock.now(), &self.model);
        if self.face.is_shown() {
            self.safe.note(self.clock.now(), self.model.rooms());
        }
        self.settle();
        if !self.ending && self.stop.is_none() && self.face.wants_to_end(self.clock.now(), &self.model) {
            self.end();
        }
        self.signalled > 2 || (self.stop.is_some() && self.face.is_idle())
    }

    fn take_signals(&mut self) {
        let pending: Vec<i32> = self.signals.pending().collect();
        for signal in pending {
            match signal {
                SIGWINCH => self.face.resized(),
                SIGCONT => self.face.resume(),
                SIGTSTP => self.face.suspend(),
                _ => {
                    self.signalled += 1;
                    self.ending = true;
                    self.tell_model(Msg::Leave);
                }
            }
        }
    }

    /// Keys or lines; one at a time, since each may change what the next one means.
    fn take_input(&mut self) {
        self.face.read(self.clock.now());
        while let Some(input) = self.face.next(&self.model) {
            match input {
                face::Input::Line(line) => {
                    if let Some(request) = self.face.understand(&line) {
                        self.tell_model(request);
                    }
                }
                face::Input::Message(message) => self.tell_model(message),
            }
        }
    }

    fn drive_link(&mut self) {
        self.more = false;
        let mut heard = Vec::new();
        while !self.more {
            // Its edge may be used up: once there is room again it has to be looked at, whatever the poller says.
            self.more = self.face.is_choked();
            if self.more {
                return;
            }
            let Some(link) = &mut self.link else { return };
            self.more = link.drive(self.clock.now(), &mut heard);
            if heard.is_empty() {
                return;
            }
            for heard in heard.drain(..) {
                self.take_heard(heard);
            }
        }
    }

    fn take_heard(&mut self, heard: Heard) {
        match heard {
            Heard::Open => self.tell_model(Msg::Opened),
            Heard::Text(text) => {
                self.face.heard(&text);
                self.tell_model(Msg::Heard(&text));
            }
            Heard::Binary(_) => {
                let fault = Fault::Broken { why: "a binary message".into() };
                self.link = None;
                self.tell_model(Msg::Lost(loss(&fault)));
            }
            Heard::Lost(fault) => {
                self.link = None;
                self.tell_model(Msg::Lost(loss(&fault)));
            }
        }
    }

    fn tell_model(&mut self, message: Msg<'_>) {
        let asks = self.model.update(self.clock.now(), message);
        for ask in asks {
            match ask {
                Ask::Connect => self.connect(),
                Ask::Keep(envelope) => self.safe.keep(self.model.session(), envelope),
                Ask::Forget(id) => self.safe.forget(&id),
                Ask::Send(text) => {
                    if let (Some(text), Some(link)) = (self.safe.pass(text), &mut self.link) {
                        link.send_text(text);
                    }
                }
                Ask::HangUp => match &mut self.link {
                    // RFC 6455 section 7.4.1: done what it was for.
                    Some(link) => link.close(self.clock.now(), 1000),
                    None => self.finish(Stop::Left { unconfirmed: self.model.unconfirmed() }),
                },
                Ask::Drop => self.link = None,
                Ask::Tell(news) => self.face.news(&news, &self.model),
                Ask::Stop(stop) => self.finish(stop),
            }
        }
    }

    /// What was kept is on the disk after this, and what waited for that goes out.
    fn settle(&mut self) {
        let (texts, fault) = self.safe.settle();
        if let Some(link) = &mut self.link {
            texts.into_iter().for_each(|text| link.send_text(text));
        }
        self.tell_trouble(fault);
    }

    fn tell_trouble(&mut self, sentence: Option<String>) {
        if let Some(sentence) = sentence {
            self.face.news(&News::Trouble(sentence), &self.model);
        }
    }

    fn connect(&mut self) {
        // The old one goes first: it has the same token.
        self.link = None;
        self.safe.drop_held();
        let (now, registry) = (self.clock.now(), self.poll.registry());
        match Link::open(now, self.server.clone(), Options::default(), registry, LINK, &self.waker) {
            Ok(link) => self.link = Some(link),
            Err(error) => {
                let loss = Loss { why: format!("cannot open a connection: {error}"), again: Again::Soon };
                self.tell_model(Msg::Lost(loss));
            }
        }
    }

    /// The face wants to end; a polite end takes the model and the link, an impatient one does not wait for them.
    fn end(&mut self) {
        self.ending = true;
        match self.face.gave_up() {
            true => self.finish(Stop::Left { unconfirmed: self.model.unconfirmed() }),
            false => self.tell_model(Msg::Leave),
        }
    }

    /// Nothing more is heard or said; what is still to be written is written.
    fn finish(&mut self, stop: Stop) {
        self.link = None;
        self.more = false;
        self.stop = Some(stop);
    }

    fn timeout(&self) -> Option<Duration> {
        if self.more && !self.face.is_choked() {
            return Some(Duration::ZERO);
        }
        // While the face is choked the link cannot be judged: it may well have said something.
        let link = self.link.as_ref().filter(|_| !self.face.is_choked()).and_then(Link::deadline);
        let face = if self.ending { None } else { self.face.deadline() };
        let places = if self.face.is_shown() { self.safe.deadline() } else { None };
        let deadlines = [link, self.model.deadline(), face, places];
        let next = deadlines.into_iter().flatten().min()?;
        Some(Duration::from_millis(next.since(self.clock.now()).0))
    }

    fn outcome(self) -> Outcome {
        let unconfirmed = self.model.unconfirmed();
        let kept = self.safe.end(&self.model, self.face.is_shown());
        let mut words = self.face.close(unconfirmed, kept);
        let failed = match self.stop {
            Some(Stop::Failed(sentence)) => {
                words.insert(0, sentence);
                true
            }
            Some(Stop::Left { .. }) | None => false,
        };
        let code = if failed || !words.is_empty() { COULD_NOT } else { DONE };
        Outcome { words, code }
    }
}

fn loss(fault: &Fault) -> Loss {
    let again = match fault.retry() {
        Retry::Soon => Again::Soon,
        Retry::Spread(over) => Again::Spread(over),
        Retry::Never => Again::Never,
    };
    Loss { why: fault.to_string(), again }
}

/// The only clock: time since the program started.
struct Clock(Instant);

impl Clock {
    fn now(&self) -> Millis {
        Millis(0).plus(Span(u64::try_from(self.0.elapsed().as_millis()).unwrap_or(u64::MAX)))
    }
}
