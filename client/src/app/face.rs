//! Whoever the client talks to: a person at a terminal, or programs at both ends of a pipe. Gives the loop one sight of
//! both; must not know the link or the poller beyond what is registered there.

use std::collections::VecDeque;
use std::io::{self, IsTerminal};
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::sync::mpsc::Receiver;

use mio::unix::SourceFd;
use mio::{Interest, Registry, Token, Waker};
use protocol::chat::request::Request;
use protocol::time::Millis;
use signal_hook::consts::SIGTSTP;

use super::Config;
use crate::model::Model;
use crate::model::news::{Msg, News};
use crate::pipe::lines::{self, Line};
use crate::pipe::output::Output;
use crate::pipe::{Options, Pipe, Standing, Word};
use crate::plain::{Act, Plain, Style};
use crate::say_on_stderr;
use crate::term::Terminal;
use crate::term::input::{Input as Keys, Key};
use crate::ui::words;

/// With more output than this waiting, the face is choked: that is a long page, and a serial line has enough to do.
const CHOKED: usize = 64 * 1024;

/// Which face is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// The line interface.
    Plain,
    /// Pipe mode.
    Pipe,
}

impl Wanted {
    /// A person is there if both ends are a terminal, and nobody asked for a program's fare.
    pub(super) fn of(config: &Config) -> Self {
        let terminals = io::stdin().is_terminal() && io::stdout().is_terminal();
        if terminals && !config.follow && !config.json { Self::Plain } else { Self::Pipe }
    }
}

/// See the head of this file.
pub(super) enum Face {
    Plain(Box<Person>),
    Pipe(Box<Programs>),
}

pub(super) struct Person {
    terminal: Terminal,
    keys: Keys,
    typed: VecDeque<Key>,
    plain: Plain,
    /// The terminal is gone.
    gone: bool,
}

pub(super) struct Programs {
    pipe: Pipe,
    lines: Option<Receiver<Line>>,
    output: Output,
    /// How we call ourselves in what we say on stderr.
    program: String,
    gave_up: bool,
    /// Whether it is there for its output, and not only for what it says.
    prints: bool,
    /// Why the output could not be written.
    fault: Option<String>,
}

/// What came in.
pub(super) enum Input {
    /// A line that a person typed.
    Line(String),
    /// Something for the model.
    Message(Msg<'static>),
}

impl Face {
    pub(super) fn open(
        config: &Config,
        program: &str,
        wanted: Wanted,
        kept: usize,
        registry: &Registry,
        token: Token,
        waker: &Arc<Waker>,
    ) -> io::Result<Self> {
        Ok(match wanted {
            Wanted::Plain => Self::Plain(Box::new(Person::open(registry, token)?)),
            Wanted::Pipe => {
                Self::Pipe(Box::new(Programs::open(config, program, kept, registry, token, waker)?))
            }
        })
    }

    /// The poller has something for its token. `closed`: what is written there is read by nobody.
    pub(super) fn ready(&mut self, closed: bool) {
        if let Self::Pipe(programs) = self
            && closed
        {
            programs.output.close();
        }
    }

    /// Reads what there is, and lets time pass for it.
    pub(super) fn read(&mut self, now: Millis) {
        if let Self::Plain(person) = self {
            person.read(now);
        }
    }

    /// The next thing that came in.
    pub(super) fn next(&mut self, model: &Model) -> Option<Input> {
        match self {
            Self::Plain(person) => person.next(model),
            Self::Pipe(programs) => programs.next(model),
        }
    }

    /// What a typed line means to the model.
    pub(super) fn understand<'a>(&mut self, line: &'a str) -> Option<Msg<'a>> {
        match self {
            Self::Plain(person) => match person.plain.understand(line)? {
                Request::Quit => Some(Msg::Leave),
                request => Some(Msg::Asked(request)),
            },
            Self::Pipe(_) => None,
        }
    }

    pub(super) fn heard(&mut self, text: &str) {
        if let Self::Pipe(programs) = self {
            let word = programs.pipe.heard(text);
            programs.speak(word);
        }
    }

    pub(super) fn news(&mut self, news: &News, model: &Model) {
        match self {
            Self::Plain(person) => person.plain.news(news, model),
            Self::Pipe(programs) => {
                let mut words = Vec::new();
                programs.pipe.news(news, &mut words);
                programs.speak(words);
            }
        }
    }

    /// Draws and writes what has changed.
    pub(super) fn finish_turn(&mut self, now: Millis, model: &Model) {
        match self {
            Self::Plain(person) => {
                person.plain.refresh(now, model);
                person.write();
            }
            Self::Pipe(programs) => {
                if let Err(error) = programs.output.drive() {
                    programs.fault = Some(format!("cannot write the output: {error}"));
                }
            }
        }
    }

    /// Whether it has nothing more to do, as the model may not know.
    pub(super) fn wants_to_end(&mut self, now: Millis, model: &Model) -> bool {
        match self {
            Self::Plain(person) => std::mem::take(&mut person.gone),
            Self::Pipe(programs) => programs.wants_to_end(now, model),
        }
    }

    /// Whether there is no time left for a polite end.
    pub(super) fn gave_up(&self) -> bool {
        matches!(self, Self::Pipe(programs) if programs.gave_up)
    }

    /// Whether all output is out.
    pub(super) fn is_idle(&self) -> bool {
        match self {
            // The last second for that is in `Terminal::leave`.
            Self::Plain(_) => true,
            Self::Pipe(programs) => programs.output.is_idle(),
        }
    }

    /// Whether a person has got all that there was to tell.
    pub(super) fn is_shown(&self) -> bool {
        matches!(self, Self::Plain(person) if person.terminal.unwritten() == 0)
    }

    /// See the head of `app.rs`.
    pub(super) fn is_choked(&self) -> bool {
        match self {
            Self::Plain(person) => person.terminal.unwritten() > CHOKED,
            Self::Pipe(programs) => programs.output.waiting() > CHOKED,
        }
    }

    pub(super) fn deadline(&self) -> Option<Millis> {
        match self {
            Self::Plain(person) => person.keys.deadline().into_iter().chain(person.plain.deadline()).min(),
            Self::Pipe(programs) => programs.pipe.deadline(),
        }
    }

    pub(super) fn resized(&mut self) {
        if let Self::Plain(person) = self {
            person.plain.resize(person.terminal.width());
        }
    }

    /// Stops the process, as `C-z` does elsewhere; comes back when it goes on.
    pub(super) fn suspend(&mut self) {
        if let Self::Plain(person) = self {
            person.suspend();
        }
    }

    /// The process goes on after a stop, however it was stopped.
    pub(super) fn resume(&mut self) {
        if let Self::Plain(person) = self {
            person.resume();
        }
    }

    /// Restores everything. Returns what there is to say about it. `kept`: the next run will send what is unconfirmed.
    pub(super) fn close(self, unconfirmed: usize, kept: bool) -> Vec<String> {
        match self {
            Self::Plain(mut person) => {
                person.plain.hide();
                person.write();
                person.terminal.leave();
                words::unconfirmed(unconfirmed, kept).into_iter().collect()
            }
            Self::Pipe(programs) => {
                let rest = programs.pipe.last_words(unconfirmed, programs.gave_up);
                programs.fault.into_iter().chain(rest).collect()
            }
        }
    }
}

impl Person {
    fn open(registry: &Registry, token: Token) -> io::Result<Self> {
        let terminal = Terminal::open(registry, token)
            .map_err(|error| io::Error::new(error.kind(), format!("cannot open the terminal: {error}")))?;
        let colourless = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let style = if colourless { Style::None } else { Style::Faint };
        let plain = Plain::new(terminal.width(), terminal.is_dumb(), style);
        Ok(Self { terminal, keys: Keys::default(), typed: VecDeque::new(), plain, gone: false })
    }

    fn read(&mut self, now: Millis) {
        let mut keys = Vec::new();
        let mut buffer = [0; 4096];
        loop {
            match self.terminal.read(&mut buffer) {
                Ok(count) => self.keys.feed(now, buffer.get(..count).unwrap_or_default(), &mut keys),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => {
                    self.gone = true;
                    break;
                }
            }
        }
        self.keys.expire(now, &mut keys);
        self.typed.extend(keys);
    }

    fn next(&mut self, model: &Model) -> Option<Input> {
        while let Some(key) = self.typed.pop_front() {
            match self.plain.key(key, model) {
                None => {}
                Some(Act::Line(line)) => return Some(Input::Line(line)),
                Some(Act::Switch(turn)) => return Some(Input::Message(Msg::Switch(turn))),
                Some(Act::Leave) => return Some(Input::Message(Msg::Leave)),
                Some(Act::Suspend) => ask_to_suspend(),
            }
        }
        None
    }

    fn write(&mut self) {
        let output = self.plain.take_output();
        if !output.is_empty() {
            self.terminal.write(output.as_bytes());
        } else if self.terminal.unwritten() > 0 {
            // If the terminal is gone, the next read says so.
            let _ = self.terminal.flush();
        }
    }

    fn suspend(&mut self) {
        self.plain.hide();
        self.write();
        self.terminal.leave();
        let _ = signal_hook::low_level::emulate_default_handler(SIGTSTP);
        self.resume();
    }

    fn resume(&mut self) {
        if self.terminal.enter().is_err() {
            self.gone = true;
        }
        self.plain.resume();
        self.plain.resize(self.terminal.width());
    }
}

/// Stops everybody in the foreground, as the terminal itself does: `cargo run` has to stop too, or the shell does not
/// come back. The signal to ourselves is then one like any other.
fn ask_to_suspend() {
    // In the group of the session's leader there is no shell that could bring us back.
    let group = rustix::process::getpgrp();
    if rustix::process::getsid(None) != Ok(group) {
        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::TSTP);
    }
}

impl Programs {
    fn open(
        config: &Config,
        program: &str,
        kept: usize,
        registry: &Registry,
        token: Token,
        waker: &Arc<Waker>,
    ) -> io::Result<Self> {
        let options = Options { json: config.json, follow: config.follow, timeout: config.timeout };
        let mut pipe = Pipe::new(options, kept);
        if kept > 0 {
            let plural = if kept == 1 { "" } else { "s" };
            let sentence = format!("an earlier run was cut short; its last {kept} line{plural} come first");
            say_on_stderr(program, &sentence);
        }
        // A terminal that is only followed is not read: reading would stop us in the background.
        let lines = match config.follow && io::stdin().is_terminal() {
            false => Some(lines::read(io::stdin(), Arc::clone(waker))?),
            true => {
                pipe.line(Line::End(None), &mut Vec::new());
                None
            }
        };
        let stdout = io::stdout();
        if !stdout.is_terminal() {
            // Only to learn that its reader has gone. A file cannot be watched so, and need not be.
            let _ = registry.register(&mut SourceFd(&stdout.as_raw_fd()), token, Interest::READABLE);
        }
        let output = Output::new(stdout, Arc::clone(waker))?;
        let prints = config.follow || config.json;
        Ok(Self { pipe, lines, output, program: program.into(), gave_up: false, prints, fault: None })
    }

    fn next(&mut self, model: &Model) -> Option<Input> {
        while self.pipe.has_room(model) {
            let line = self.lines.as_ref()?.try_recv().ok()?;
            let mut words = Vec::new();
            let text = self.pipe.line(line, &mut words);
            self.speak(words);
            if let Some(text) = text {
                return Some(Input::Message(Msg::Asked(Request::Say { room: None, text, action: false })));
            }
        }
        None
    }

    fn wants_to_end(&mut self, now: Millis, model: &Model) -> bool {
        match self.pipe.standing(now, model) {
            Standing::GoOn => self.prints && self.output.is_closed(),
            Standing::Done => true,
            Standing::GiveUp => {
                self.gave_up = true;
                true
            }
        }
    }

    fn speak(&mut self, words: impl IntoIterator<Item = Word>) {
        for word in words {
            match word {
                Word::Message(line) => self.output.line(&line),
                Word::Trouble(sentence) => say_on_stderr(&self.program, &sentence),
            }
        }
    }
}
