//! The loop: joins the chat, a face (for a person or a program) and the signals. Must not know what is said, or how it
//! is shown.
//!
//! Each turn does whatever can be done without waiting, in the same order, whatever the poll has told: signals, input,
//! link and timers, output. So no edge can be missed, and nobody has to ask who is ready.

mod chat;
mod person;
mod program;
mod signals;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use mio::{Events, Poll, Token, Waker};
use protocol::time::{Millis, Span};

use self::chat::Chat;
use self::person::Person;
use self::program::Program;
use self::signals::{Signal, Signals};
use crate::clock::Clock;
use crate::link::address::Address;
use crate::model::news::{Msg, News};
use crate::model::{Model, Settings};
use crate::pipe::Options;
use crate::plain::Style;

const LINK: Token = Token(0);
const WAKE: Token = Token(1);
const SIGNALS: Token = Token(2);
/// What the face watches: the terminal, or the output.
const FACE: Token = Token(3);

/// Whoever uses the chat.
trait Face {
    /// A signal came. What it means to the chat is done already.
    fn signal(&mut self, signal: Signal) -> io::Result<()>;
    /// The other end of what [`FACE`] stands for is gone.
    fn hung_up(&mut self);
    /// Takes what is put in. Returns true if there was more than one turn may take.
    fn read(&mut self, now: Millis, chat: &mut Chat) -> io::Result<bool>;
    /// The server said this, word for word; the model has yet to see it.
    fn heard(&mut self, text: &str);
    /// There is news.
    fn news(&mut self, news: &News, model: &Model);
    /// Shows how things stand now. Returns what went wrong, once it has ended and everything is written.
    fn show(&mut self, now: Millis, chat: &mut Chat) -> io::Result<Option<Faults>>;
    /// When the face is due even if nothing happens.
    fn deadline(&self) -> Option<Millis>;
    /// Whether so much waits to be written that nothing more should be heard for now.
    fn is_full(&self) -> bool;
}

/// What did not go as it was wanted, in sentences for stderr; empty if all did.
pub type Faults = Vec<String>;

/// Talks with a person, at the terminal.
///
/// # Errors
/// If there is no terminal, or the system has no more descriptors.
pub fn talk(address: Address, settings: Settings, style: Style) -> io::Result<Faults> {
    let poll = Poll::new()?;
    let waker = Arc::new(Waker::new(poll.registry(), WAKE)?);
    let person = Person::new(poll.registry(), style)?;
    let signals = Signals::of_a_person(poll.registry())?;
    run(poll, Chat::new(address, settings, &waker), person, signals)
}

/// Talks with a program: lines come from stdin if `reads`, and messages go to stdout. `name` is what stands before a
/// complaint.
///
/// # Errors
/// If the output cannot be written, or the system has no more descriptors or threads.
pub fn pipe(
    address: Address,
    settings: Settings,
    options: Options,
    reads: bool,
    name: &str,
) -> io::Result<Faults> {
    let poll = Poll::new()?;
    let waker = Arc::new(Waker::new(poll.registry(), WAKE)?);
    let program = Program::new(poll.registry(), &waker, options, reads, name)?;
    let signals = Signals::of_a_program(poll.registry())?;
    run(poll, Chat::new(address, settings, &waker), program, signals)
}

fn run(mut poll: Poll, mut chat: Chat, mut face: impl Face, mut signals: Signals) -> io::Result<Faults> {
    let clock = Clock::start();
    let mut events = Events::with_capacity(16);
    let registry = poll.registry().try_clone()?;
    chat.update(clock.now(), Msg::Start, &mut face);
    // Whether there was more than the last turn took: typed, or to be heard. The poll tells of each only once.
    let (mut typed, mut told) = (true, true);
    loop {
        let hears = !face.is_full() || chat.is_ending();
        let hurry = typed || (hears && (told || chat.has_work()));
        let timeout = if hurry { Some(Duration::ZERO) } else { until(clock.now(), due(&chat, &face, hears)) };
        match poll.poll(&mut events, timeout) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => result?,
        }
        if events.iter().any(|event| event.token() == FACE && (event.is_error() || event.is_write_closed())) {
            face.hung_up();
        }
        let now = clock.now();
        for signal in signals.pending() {
            if signal == Signal::Stop {
                chat.update(now, Msg::Leave, &mut face);
            }
            face.signal(signal)?;
        }
        typed = face.read(now, &mut chat)?;
        told = !hears || chat.drive(now, &registry, &mut face);
        chat.update(now, Msg::Tick, &mut face);
        if let Some(faults) = face.show(now, &mut chat)? {
            return Ok(faults);
        }
    }
}

/// When the next turn is due even if nothing happens.
fn due(chat: &Chat, face: &impl Face, hears: bool) -> Option<Millis> {
    // A link that is not driven cannot meet its deadline.
    let link = chat.link_deadline().filter(|_| hears);
    [chat.model().deadline(), link, face.deadline()].into_iter().flatten().min()
}

fn until(now: Millis, due: Option<Millis>) -> Option<Duration> {
    due.map(|due| {
        let Span(millis) = due.since(now);
        Duration::from_millis(millis)
    })
}
