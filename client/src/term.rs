//! The terminal: raw mode and back, bytes in, bytes out. Must not know what the bytes mean, but for the two sequences
//! that switch bracketed paste.
//!
//! `/dev/tty` is opened anew: `O_NONBLOCK` belongs to the open file and would otherwise be the shell's as well. What
//! was the state before is restored by `leave`, on drop, and by a panic hook; in a release build a panic ends the
//! process right after the hook.

pub mod input;

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::OpenOptionsExt;
use std::panic;
use std::path::PathBuf;

use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::fs::OFlags;
use rustix::termios::{InputModes, OptionalActions, Termios};

/// What asks the terminal to mark a paste (xterm, "Bracketed Paste Mode").
const PASTE_ON: &[u8] = b"\x1b[?2004h";
const PASTE_OFF: &[u8] = b"\x1b[?2004l";

/// How wide a terminal is that does not say, as a serial line.
const WIDTH: u16 = 80;

/// How long the last output may take, in all. Longer than a line at 1200 baud.
const LAST_OUTPUT: Timespec = Timespec { tv_sec: 1, tv_nsec: 0 };

/// The terminal.
#[derive(Debug)]
pub struct Terminal {
    tty: File,
    before: Termios,
    dumb: bool,
    raw: bool,
    /// What the terminal has not taken yet.
    output: Vec<u8>,
    token: Token,
    registry: Registry,
    awaits_writable: bool,
}

impl Terminal {
    /// Opens the terminal, registers it, and puts it into raw mode.
    ///
    /// # Errors
    /// If there is no terminal.
    pub fn open(registry: &Registry, token: Token) -> io::Result<Self> {
        let tty = open_tty()?;
        let before = rustix::termios::tcgetattr(&tty)?;
        let registry = registry.try_clone()?;
        registry.register(&mut SourceFd(&tty.as_raw_fd()), token, Interest::READABLE)?;
        let dumb = is_dumb();
        let mut terminal = Self {
            tty,
            before,
            dumb,
            raw: false,
            output: Vec::new(),
            token,
            registry,
            awaits_writable: false,
        };
        terminal.restore_on_panic()?;
        terminal.enter()?;
        Ok(terminal)
    }

    /// Raw mode, for the first time or after a stop.
    ///
    /// # Errors
    /// If the terminal is gone.
    pub fn enter(&mut self) -> io::Result<()> {
        let mut raw = self.before.clone();
        raw.make_raw();
        // A serial line may depend on XON and XOFF.
        let flow = InputModes::IXON | InputModes::IXOFF | InputModes::IXANY;
        raw.input_modes |= self.before.input_modes & flow;
        rustix::termios::tcsetattr(&self.tty, OptionalActions::Now, &raw)?;
        self.raw = true;
        if !self.dumb {
            self.write(PASTE_ON);
        }
        Ok(())
    }

    /// As it was before. What is still to be written is written, if the terminal takes it within a second.
    pub fn leave(&mut self) {
        if !self.raw {
            return;
        }
        self.raw = false;
        if !self.dumb {
            self.output.extend_from_slice(PASTE_OFF);
        }
        while self.flush().is_ok() && !self.output.is_empty() {
            let mut waits = [PollFd::new(&self.tty, PollFlags::OUT)];
            if !matches!(rustix::event::poll(&mut waits, Some(&LAST_OUTPUT)), Ok(1)) {
                break;
            }
        }
        let _ = rustix::termios::tcsetattr(&self.tty, OptionalActions::Now, &self.before);
    }

    /// Whether it understands nothing but text, as `TERM=dumb` says.
    #[must_use]
    pub fn is_dumb(&self) -> bool {
        self.dumb
    }

    /// How many columns it has.
    #[must_use]
    pub fn width(&self) -> u16 {
        match rustix::termios::tcgetwinsize(&self.tty) {
            Ok(size) if size.ws_col > 0 => size.ws_col,
            _ => WIDTH,
        }
    }

    /// Reads what was typed.
    ///
    /// # Errors
    /// `WouldBlock` if there is no more; `UnexpectedEof` and others if the terminal is gone.
    pub fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.tty.read(buffer) {
            Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
            result => result,
        }
    }

    /// Writes, now or when the terminal takes it.
    pub fn write(&mut self, bytes: &[u8]) {
        self.output.extend_from_slice(bytes);
        // If the terminal is gone, the next read says so.
        let _ = self.flush();
    }

    /// How many bytes the terminal has not taken yet.
    #[must_use]
    pub fn unwritten(&self) -> usize {
        self.output.len()
    }

    /// Writes what the terminal takes.
    ///
    /// # Errors
    /// If the terminal is gone.
    pub fn flush(&mut self) -> io::Result<()> {
        let result = self.write_out();
        if result.is_err() {
            self.output.clear();
        }
        // Edge-triggered and always on, each write would make the next event, and the loop would spin.
        let awaits = !self.output.is_empty();
        if awaits != self.awaits_writable {
            let interest = if awaits { Interest::READABLE | Interest::WRITABLE } else { Interest::READABLE };
            self.registry.reregister(&mut SourceFd(&self.tty.as_raw_fd()), self.token, interest)?;
            self.awaits_writable = awaits;
        }
        result
    }

    fn write_out(&mut self) -> io::Result<()> {
        while !self.output.is_empty() {
            match self.tty.write(&self.output) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => drop(self.output.drain(..written)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn restore_on_panic(&self) -> io::Result<()> {
        let tty = self.tty.try_clone()?;
        let (before, dumb) = (self.before.clone(), self.dumb);
        let report = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !dumb {
                let _ = (&tty).write_all(PASTE_OFF);
            }
            let _ = (&tty).write_all(b"\r\n");
            let _ = rustix::termios::tcsetattr(&tty, OptionalActions::Now, &before);
            report(info);
        }));
        Ok(())
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.leave();
    }
}

/// Whether `TERM` promises nothing.
fn is_dumb() -> bool {
    std::env::var_os("TERM").is_none_or(|term| term.is_empty() || term == "dumb")
}

/// The controlling terminal; without one, as under `setsid`, the one that stdin is.
fn open_tty() -> io::Result<File> {
    open(PathBuf::from("/dev/tty")).or_else(|error| {
        let name = rustix::termios::ttyname(io::stdin(), Vec::new()).map_err(|_| error)?;
        open(std::ffi::OsString::from_vec(name.into_bytes()).into())
    })
}

fn open(path: PathBuf) -> io::Result<File> {
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
    let flags = i32::try_from(flags.bits()).map_err(io::Error::other)?;
    OpenOptions::new().read(true).write(true).custom_flags(flags).open(path)
}
