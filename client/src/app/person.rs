//! The face for a person: joins the terminal, its keys and the line interface. Must not know what the keys do, or what
//! the chat is made of.

use std::io;

use mio::Registry;
use protocol::chat::request::Request;
use protocol::time::Millis;
use rustix::process::Signal as Number;

use super::chat::Chat;
use super::signals::Signal;
use super::{FACE, Face, Faults};
use crate::model::Model;
use crate::model::news::{Msg, News, Stop};
use crate::plain::{Act, Plain, Style};
use crate::term::Terminal;
use crate::term::input::{Input, Key};

/// How many bytes of what was typed are taken in one turn, so that a paste does not keep the link waiting.
const READ_PER_TURN: usize = 16 * 1024;
/// How much may wait for the terminal, in bytes, before nothing more is heard. A person may have stopped it (C-s).
const MAX_UNWRITTEN: usize = 256 * 1024;

/// See the head of this file.
pub(super) struct Person {
    terminal: Terminal,
    input: Input,
    plain: Plain,
    /// The terminal is gone: nobody is there any more.
    gone: bool,
}

impl Person {
    pub(super) fn new(registry: &Registry, style: Style) -> io::Result<Self> {
        let terminal = Terminal::open(registry, FACE)?;
        let plain = Plain::new(terminal.width(), terminal.is_dumb(), style);
        Ok(Self { terminal, input: Input::default(), plain, gone: false })
    }

    fn press(&mut self, now: Millis, key: Key, chat: &mut Chat) {
        match self.plain.key(key, chat.model()) {
            None => {}
            Some(Act::Line(line)) => match self.plain.understand(&line) {
                None => {}
                Some(Request::Quit) => self.leave(now, chat),
                Some(request) => chat.update(now, Msg::Asked(request), self),
            },
            Some(Act::Switch(turn)) => chat.update(now, Msg::Switch(turn), self),
            Some(Act::Suspend) => self.ask_to_suspend(),
            Some(Act::Leave) => self.leave(now, chat),
        }
    }

    fn leave(&mut self, now: Millis, chat: &mut Chat) {
        chat.update(now, Msg::Leave, self);
        let waiting = chat.model().unconfirmed();
        if waiting > 0 && !chat.is_ending() && chat.stopped().is_none() {
            let sentence =
                format!("{waiting} of your lines not confirmed yet; Ctrl-C once more leaves at once");
            self.news(&News::Trouble(sentence), chat.model());
        }
    }

    /// Stops everybody in the foreground, as the terminal itself does: `cargo run` has to stop too, or the shell does
    /// not come back. The signal to ourselves is then one like any other.
    fn ask_to_suspend(&mut self) {
        // In the group of the session's leader there is no shell that could bring us back.
        let group = rustix::process::getpgrp();
        if rustix::process::getsid(None) != Ok(group) {
            let _ = rustix::process::kill_process_group(group, Number::TSTP);
        }
    }

    fn suspend(&mut self) -> io::Result<()> {
        self.plain.hide();
        self.terminal.write(self.plain.take_output().as_bytes());
        self.terminal.leave();
        signal_hook::low_level::emulate_default_handler(signal_hook::consts::SIGTSTP)
    }

    /// Another program has had the terminal, or none: SIGCONT also comes after a SIGSTOP, of which nobody was told.
    fn resume(&mut self) -> io::Result<()> {
        self.terminal.enter()?;
        self.plain.resize(self.terminal.width());
        self.plain.resume();
        Ok(())
    }
}

impl Face for Person {
    fn signal(&mut self, signal: Signal) -> io::Result<()> {
        match signal {
            Signal::Stop => Ok(()),
            Signal::Resize => {
                self.plain.resize(self.terminal.width());
                Ok(())
            }
            Signal::Suspend => self.suspend(),
            Signal::Resume => self.resume(),
        }
    }

    /// The next read says so too, and knows it better.
    fn hung_up(&mut self) {}

    fn read(&mut self, now: Millis, chat: &mut Chat) -> io::Result<bool> {
        let mut keys = Vec::new();
        let mut buffer = [0; 4096];
        let mut taken = 0;
        while !self.gone && taken < READ_PER_TURN {
            match self.terminal.read(&mut buffer) {
                Ok(count) => {
                    taken += count;
                    self.input.feed(now, buffer.get(..count).unwrap_or_default(), &mut keys);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => {
                    self.gone = true;
                    chat.update(now, Msg::Leave, self);
                }
            }
        }
        self.input.expire(now, &mut keys);
        for key in keys {
            self.press(now, key, chat);
        }
        Ok(taken >= READ_PER_TURN)
    }

    fn heard(&mut self, _: &str) {}

    fn news(&mut self, news: &News, model: &Model) {
        self.plain.news(news, model);
    }

    fn show(&mut self, now: Millis, chat: &mut Chat) -> io::Result<Option<Faults>> {
        match chat.stopped() {
            None => self.plain.refresh(now, chat.model()),
            Some(_) => self.plain.hide(),
        }
        self.terminal.write(self.plain.take_output().as_bytes());
        let Some(stop) = chat.stopped() else { return Ok(None) };
        self.terminal.leave();
        Ok(Some(faults(stop, chat.model().unconfirmed())))
    }

    fn deadline(&self) -> Option<Millis> {
        self.input.deadline().into_iter().chain(self.plain.deadline()).min()
    }

    fn is_full(&self) -> bool {
        self.terminal.unwritten() > MAX_UNWRITTEN
    }
}

fn faults(stop: &Stop, unconfirmed: usize) -> Faults {
    let mut faults = Faults::new();
    if let Stop::Failed(sentence) = stop {
        faults.push(sentence.clone());
    }
    if unconfirmed > 0 {
        faults.push(format!("{unconfirmed} of your lines not confirmed by the server"));
    }
    faults
}
