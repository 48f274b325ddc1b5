//! A terminal to run the client in: a real pseudo-terminal, with an emulator at its other end. A screen is looked at
//! as it is drawn, with `|` where the cursor is.

use std::fs::File;
use std::io::{Read, Write};
use std::num::NonZero;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;

use rustix::fs::{Mode, OFlags};
use rustix::process::{Pid, Signal, WaitOptions};
use rustix::pty::OpenptFlags;
use rustix::termios::{Termios, Winsize};

use super::wait_until;

/// A program in a terminal.
pub(crate) struct Pty {
    child: Child,
    keyboard: File,
    /// Kept open, so that the terminal outlives the program and can be asked how it was left.
    tty: OwnedFd,
    seen: Arc<Mutex<Seen>>,
}

struct Seen {
    emulator: vt100::Parser,
    bytes: Vec<u8>,
}

impl Pty {
    /// Starts a program in a terminal of this size.
    pub(crate) fn start(mut command: Command, rows: u16, columns: u16) -> Self {
        let master = rustix::pty::openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)
            .expect("a pty");
        rustix::pty::grantpt(&master).expect("a pty");
        rustix::pty::unlockpt(&master).expect("a pty");
        let name = rustix::pty::ptsname(&master, Vec::new()).expect("a name");
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
        let tty = rustix::fs::open(&name, flags, Mode::empty()).expect("the other end");
        rustix::termios::tcsetwinsize(&tty, size(rows, columns)).expect("a size");
        let end = || tty.try_clone().expect("a copy");
        command.stdin(end()).stdout(end()).stderr(end());
        // SAFETY: between fork and exec these two system calls are allowed (signal-safety(7)); nothing is allocated.
        unsafe {
            command.pre_exec(|| {
                rustix::process::setsid()?;
                rustix::process::ioctl_tiocsctty(rustix::stdio::stdin())?;
                Ok(())
            });
        }
        let child = command.spawn().expect("the program starts");
        let keyboard = File::from(master);
        let mut screen = keyboard.try_clone().expect("a copy");
        let seen = Arc::new(Mutex::new(Seen {
            emulator: vt100::Parser::new(number(rows), number(columns), 0),
            bytes: Vec::new(),
        }));
        let shared = Arc::clone(&seen);
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(count @ 1..) = screen.read(&mut buffer) {
                let mut seen = lock(&shared);
                seen.emulator.process(&buffer[..count]);
                seen.bytes.extend_from_slice(&buffer[..count]);
            }
        });
        Self { child, keyboard, tty, seen }
    }

    /// Types, or pastes with the markers around it.
    pub(crate) fn types(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).expect("a terminal");
    }

    /// The screen as it is drawn, without the empty rows below.
    pub(crate) fn screen(&self) -> String {
        let seen = lock(&self.seen);
        let screen = seen.emulator.screen();
        let (rows, columns) = screen.size();
        let cursor = screen.cursor_position();
        let mut drawn = Vec::new();
        for row in 0..rows.get() {
            let mut line = String::new();
            for column in 0..columns.get() {
                if cursor == (row, column) {
                    line.push('|');
                }
                let Some(cell) = screen.cell(row, column) else { continue };
                match cell.contents() {
                    "" if cell.is_wide_continuation() => {}
                    "" => line.push(' '),
                    contents => line.push_str(contents),
                }
            }
            drawn.push(line.trim_end().to_owned());
        }
        while drawn.last().is_some_and(String::is_empty) {
            drawn.pop();
        }
        drawn.join("\n")
    }

    /// Waits until the screen looks like this; the lines may be indented as the test is.
    #[track_caller]
    pub(crate) fn expect(&self, expected: &str) {
        let lines: Vec<&str> = expected.trim_matches('\n').lines().collect();
        let indent = lines
            .iter()
            .filter(|line| !line.trim().is_empty())
            .map(|line| line.len() - line.trim_start().len());
        let indent = indent.min().unwrap_or(0);
        let lines: Vec<&str> =
            lines.into_iter().map(|line| line.get(indent..).unwrap_or("").trim_end()).collect();
        let mut expected = lines.join("\n");
        expected.truncate(expected.trim_end_matches('\n').len());
        self.wait(&format!("this screen:\n{expected}\n"), |screen| screen == expected);
    }

    /// Waits until the screen holds this text.
    #[track_caller]
    pub(crate) fn expect_text(&self, text: &str) {
        self.wait(text, |screen| screen.contains(text));
    }

    /// Waits until the screen holds these words, wherever its lines end: for a sentence around a path, whose length
    /// differs from machine to machine.
    #[track_caller]
    pub(crate) fn expect_words(&self, words: &str) {
        self.wait(words, |screen| screen.split_whitespace().collect::<Vec<_>>().join(" ").contains(words));
    }

    #[track_caller]
    fn wait(&self, what: &str, condition: impl Fn(&str) -> bool) {
        let start = std::time::Instant::now();
        loop {
            let screen = self.screen();
            if condition(&screen) {
                return;
            }
            assert!(start.elapsed() < super::DEADLINE, "waited in vain for {what}\nbut there is:\n{screen}");
            thread::sleep(std::time::Duration::from_millis(5));
        }
    }

    /// All bytes that came, as text.
    pub(crate) fn transcript(&self) -> String {
        String::from_utf8_lossy(&lock(&self.seen).bytes).into_owned()
    }

    /// Whether the terminal marks pastes.
    pub(crate) fn marks_pastes(&self) -> bool {
        lock(&self.seen).emulator.screen().bracketed_paste()
    }

    /// The settings of the terminal, as far as they can be compared.
    pub(crate) fn settings(&self) -> String {
        let settings: Termios = rustix::termios::tcgetattr(&self.tty).expect("a terminal");
        let Termios { input_modes, output_modes, control_modes, local_modes, .. } = &settings;
        format!("{input_modes:?} {output_modes:?} {control_modes:?} {local_modes:?}")
    }

    /// Changes the size; the program is told by SIGWINCH, as by any terminal.
    pub(crate) fn resize(&self, rows: u16, columns: u16) {
        lock(&self.seen).emulator.screen_mut().set_size(number(rows), number(columns));
        rustix::termios::tcsetwinsize(&self.tty, size(rows, columns)).expect("a size");
    }

    /// Sends a signal to the program.
    pub(crate) fn signal(&self, signal: Signal) {
        rustix::process::kill_process(self.pid(), signal).expect("the program runs");
    }

    /// Waits until the program has stopped, as by C-z.
    pub(crate) fn wait_for_stop(&self) {
        wait_until("the program stops", || {
            let options = WaitOptions::UNTRACED | WaitOptions::NOHANG;
            let status = rustix::process::waitpid(Some(self.pid()), options).expect("our child");
            status.is_some_and(|(_, status)| status.stopped())
        });
    }

    /// Waits until the program has ended.
    pub(crate) fn end(&mut self) -> ExitStatus {
        let mut status = None;
        wait_until("the program ends", || {
            status = self.child.try_wait().expect("our child");
            status.is_some()
        });
        status.expect("it has ended")
    }

    fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }
}

impl Drop for Pty {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn lock(seen: &Mutex<Seen>) -> MutexGuard<'_, Seen> {
    seen.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn size(rows: u16, columns: u16) -> Winsize {
    Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 }
}

fn number(rows_or_columns: u16) -> NonZero<u16> {
    NonZero::new(rows_or_columns).expect("a screen has rows and columns")
}
