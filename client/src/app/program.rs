//! The face for a program: joins the input's thread, the output's thread and the pipe between them. Must not know what
//! the lines say.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError};

use mio::unix::SourceFd;
use mio::{Interest, Registry, Waker};
use protocol::chat::request::Request;
use protocol::time::Millis;

use super::chat::Chat;
use super::signals::Signal;
use super::{FACE, Face, Faults};
use crate::model::Model;
use crate::model::news::{Msg, News, Stop};
use crate::pipe::lines::{self, Line};
use crate::pipe::output::Output;
use crate::pipe::{Options, Pipe, Standing, Word};
use crate::ui::harmless;

/// How much may wait for whoever reads the output, in bytes, before nothing more is heard.
const MAX_UNWRITTEN: usize = 1024 * 1024;

/// See the head of this file.
pub(super) struct Program {
    /// What the program is called, for stderr.
    name: String,
    pipe: Pipe,
    /// None once it has ended, or if nothing is to be read.
    lines: Option<Receiver<Line>>,
    output: Output,
    /// Whether anything will ever be written to the output.
    writes: bool,
    leaving: bool,
    /// Somebody has stopped us: they do not want to wait for a slow reader.
    hasty: bool,
    /// How it ended, if it has.
    end: Option<Faults>,
}

impl Program {
    pub(super) fn new(
        registry: &Registry,
        waker: &Arc<Waker>,
        options: Options,
        reads: bool,
        name: &str,
    ) -> io::Result<Self> {
        let lines = if reads { Some(lines::read(io::stdin(), Arc::clone(waker))?) } else { None };
        let writes = options.follow || options.json;
        if writes {
            // Only to be told when nobody reads any more. A file is refused, and needs it not.
            let _ = registry.register(&mut SourceFd(&rustix::stdio::raw_stdout()), FACE, Interest::READABLE);
        }
        Ok(Self {
            name: name.to_owned(),
            pipe: Pipe::new(options),
            lines,
            output: Output::new(io::stdout(), Arc::clone(waker))?,
            writes,
            leaving: false,
            hasty: false,
            end: None,
        })
    }

    fn say(&mut self, words: Vec<Word>) {
        for word in words {
            match word {
                Word::Message(line) => self.output.line(&line),
                // If nobody reads stderr, nobody can be told.
                Word::Trouble(sentence) => {
                    let _ = writeln!(io::stderr(), "{}: {}", self.name, harmless::line(&sentence));
                }
            }
        }
    }

    fn leave(&mut self, now: Millis, chat: &mut Chat) {
        if !std::mem::replace(&mut self.leaving, true) {
            chat.update(now, Msg::Leave, self);
        }
    }
}

impl Face for Program {
    fn signal(&mut self, signal: Signal) -> io::Result<()> {
        if signal == Signal::Stop {
            (self.leaving, self.hasty) = (true, true);
        }
        Ok(())
    }

    fn hung_up(&mut self) {
        self.output.close();
    }

    fn read(&mut self, now: Millis, chat: &mut Chat) -> io::Result<bool> {
        let mut words = Vec::new();
        while !self.leaving && self.pipe.has_room(chat.model()) {
            let Some(lines) = &self.lines else { break };
            let line = match lines.try_recv() {
                Ok(line) => line,
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Disconnected) => Line::End(None),
            };
            if let Some(text) = self.pipe.line(line, &mut words) {
                chat.update(now, Msg::Asked(Request::Say { room: None, text, action: false }), self);
            }
        }
        self.say(words);
        Ok(false)
    }

    fn heard(&mut self, text: &str) {
        let word = self.pipe.heard(text);
        self.say(word.into_iter().collect());
    }

    fn news(&mut self, news: &News, _: &Model) {
        let mut words = Vec::new();
        self.pipe.news(news, &mut words);
        self.say(words);
    }

    fn show(&mut self, now: Millis, chat: &mut Chat) -> io::Result<Option<Faults>> {
        self.output
            .drive()
            .map_err(|error| io::Error::new(error.kind(), format!("cannot write the output: {error}")))?;
        if !self.leaving && self.end.is_none() && chat.stopped().is_none() {
            match self.pipe.standing(now, chat.model()) {
                _ if self.is_unread() => self.leave(now, chat),
                Standing::GoOn => {}
                Standing::Done => self.leave(now, chat),
                Standing::TimeUp | Standing::ShutOut => {
                    self.end = Some(self.pipe.last_words(chat.model().unconfirmed(), true));
                }
            }
        }
        if let (None, Some(stop)) = (&self.end, chat.stopped()) {
            self.end = Some(self.faults(stop, chat.model().unconfirmed()));
        }
        Ok(self.end.clone().filter(|_| self.hasty || self.output.is_idle()))
    }

    fn deadline(&self) -> Option<Millis> {
        self.pipe.deadline().filter(|_| !self.leaving && self.end.is_none())
    }

    fn is_full(&self) -> bool {
        self.output.waiting() > MAX_UNWRITTEN
    }
}

impl Program {
    /// Whether we write for nobody, as after `| head`.
    fn is_unread(&self) -> bool {
        self.writes && self.output.is_closed()
    }

    fn faults(&self, stop: &Stop, unconfirmed: usize) -> Faults {
        let mut faults = Faults::new();
        if self.is_unread() {
            return faults;
        }
        if let Stop::Failed(sentence) = stop {
            faults.push(sentence.clone());
        }
        faults.extend(self.pipe.last_words(unconfirmed, false));
        faults
    }
}
