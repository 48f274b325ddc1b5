//! A client in a terminal of its own: a pseudo-terminal whose other end is an imagined screen (vt100).
//!
//! A process gets a controlling terminal by a system call that Rust's library has no safe way to make between fork
//! and exec. So the client is started by `setsid --ctty`, which every Linux has (package util-linux).

use std::fs::File;
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::num::NonZeroU16;
use std::process::Command;
use std::time::Instant;

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::fs::{Mode, OFlags};
use rustix::process::{Signal, WaitId, WaitIdOptions};
use rustix::pty::OpenptFlags;
use rustix::termios::{OptionalActions, Termios, Winsize};

use super::{PATIENCE, Process, patiently, undisturbed};

/// The program.
pub(crate) const CLIENT: &str = env!("CARGO_BIN_EXE_client");

const ROWS: u16 = 12;
const COLUMNS: u16 = 72;

/// A screen, a keyboard, and what runs there.
pub(crate) struct Terminal {
    master: File,
    /// Kept open, so that the terminal stays what it is after the client's end.
    slave: File,
    before: Termios,
    screen: vt100::Parser,
    written: Vec<u8>,
    process: Process,
}

impl Terminal {
    /// `client --server SERVER ARGUMENTS`
    pub(crate) fn start(server: SocketAddr, arguments: &[&str]) -> Self {
        let server = server.to_string();
        Self::run(COLUMNS, CLIENT, &[&["--server", &server], arguments].concat())
    }

    /// `client ARGUMENTS`, on a screen so wide that every sentence fits into a line.
    pub(crate) fn wide(arguments: &[&str]) -> Self {
        Self::run(200, CLIENT, arguments)
    }

    /// Any program.
    pub(crate) fn run(columns: u16, program: &str, arguments: &[&str]) -> Self {
        let (master, slave) = pair(columns);
        let before = rustix::termios::tcgetattr(&slave).expect("it is a terminal");
        let mut command = Command::new("setsid");
        undisturbed(&mut command).args(["--ctty", program]).args(arguments);
        let end = || slave.try_clone().expect("a descriptor");
        let child = command.stdin(end()).stdout(end()).stderr(end()).spawn();
        let process = Process(child.expect("these tests need the program setsid, of the package util-linux"));
        let screen = vt100::Parser::new(size(ROWS), size(columns), 0);
        Self { master, slave, before, screen, written: Vec::new(), process }
    }

    /// Presses keys.
    pub(crate) fn types(&mut self, keys: &str) {
        self.master.write_all(keys.as_bytes()).expect("the terminal is there");
    }

    /// Pastes, as a terminal does that was asked to mark it.
    pub(crate) fn pastes(&mut self, text: &str) {
        assert!(self.screen.screen().bracketed_paste(), "nobody asked for it to be marked");
        self.types(&format!("\x1b[200~{text}\x1b[201~"));
    }

    /// Waits until the screen shows exactly these lines, with `|` where the cursor is.
    #[track_caller]
    pub(crate) fn shows(&mut self, lines: &[&str]) {
        let wanted = lines.join("\n");
        self.awaits(&wanted, |screen| drawn(screen) == wanted);
    }

    /// Waits until the last lines of the screen are these.
    #[track_caller]
    pub(crate) fn ends_with(&mut self, lines: &[&str]) {
        let wanted = lines.join("\n");
        self.awaits(&wanted, |screen| format!("\n{}", drawn(screen)).ends_with(&format!("\n{wanted}")));
    }

    #[track_caller]
    pub(crate) fn awaits(&mut self, wanted: &str, is_so: impl Fn(&vt100::Screen) -> bool) {
        let began = Instant::now();
        while !is_so(self.screen.screen()) {
            let seen = drawn(self.screen.screen());
            assert!(began.elapsed() < PATIENCE, "waited for\n{wanted}\nbut there is\n{seen}");
            self.look();
        }
    }

    /// Whether the terminal is now as it was before the client.
    pub(crate) fn is_restored(&self) -> bool {
        let now = rustix::termios::tcgetattr(&self.slave).expect("it is a terminal");
        modes(&now) == modes(&self.before) && !self.screen.screen().bracketed_paste()
    }

    /// Another program makes the terminal what it was before the client.
    pub(crate) fn is_reset(&mut self) {
        rustix::termios::tcsetattr(&self.slave, OptionalActions::Now, &self.before)
            .expect("it is a terminal");
        self.is_written_on("\x1b[?2004l");
    }

    /// The window gets another width.
    pub(crate) fn resizes(&mut self, columns: u16) {
        self.screen.set_size(size(ROWS), size(columns));
        rustix::termios::tcsetwinsize(&self.master, window(columns)).expect("it is a terminal");
    }

    /// Something else writes on the terminal.
    pub(crate) fn is_written_on(&mut self, text: &str) {
        self.slave.write_all(text.as_bytes()).expect("the terminal is there");
    }

    /// All that was written on it.
    pub(crate) fn written(&self) -> &[u8] {
        &self.written
    }

    pub(crate) fn signal(&self, signal: Signal) {
        self.process.signal(signal);
    }

    /// Waits until the client has been stopped (not ended) by a signal.
    pub(crate) fn stops(&mut self) {
        let options = WaitIdOptions::STOPPED | WaitIdOptions::NOHANG;
        let pid = self.process.pid();
        patiently("for the client to stop", || {
            self.look();
            rustix::process::waitid(WaitId::Pid(pid), options).expect("it is our child")
        });
    }

    /// Waits for the end; the exit code.
    pub(crate) fn ends(&mut self) -> Option<i32> {
        let Self { process, master, screen, written, .. } = self;
        let code = process.ends(|| {
            look(master, screen, written);
        });
        // What it wrote last.
        while self.look() {}
        code
    }

    /// The window is closed. Returns the process, to wait for its end.
    pub(crate) fn vanishes(self) -> Process {
        self.process
    }

    fn look(&mut self) -> bool {
        look(&mut self.master, &mut self.screen, &mut self.written)
    }
}

/// Takes in what was written, or waits a moment for it. Returns whether there was anything.
fn look(master: &mut File, screen: &mut vt100::Parser, written: &mut Vec<u8>) -> bool {
    let mut waits = [PollFd::new(&*master, PollFlags::IN)];
    let moment = Timespec { tv_sec: 0, tv_nsec: 20_000_000 };
    if !matches!(rustix::event::poll(&mut waits, Some(&moment)), Ok(1)) {
        return false;
    }
    let mut buffer = [0; 4096];
    let count = master.read(&mut buffer).expect("the terminal is there");
    screen.process(&buffer[..count]);
    written.extend_from_slice(&buffer[..count]);
    count > 0
}

/// The lines of a screen, with `|` where the cursor is, and without the empty ones below it.
fn drawn(screen: &vt100::Screen) -> String {
    let (rows, columns) = screen.size();
    let (cursor_row, cursor_column) = screen.cursor_position();
    let mut lines: Vec<String> = Vec::new();
    for row in 0..rows.get() {
        let mut line = String::new();
        for column in 0..columns.get() {
            if (row, column) == (cursor_row, cursor_column) {
                line.push('|');
            }
            match screen.cell(row, column) {
                Some(cell) if cell.is_wide_continuation() => {}
                Some(cell) if cell.has_contents() => line.push_str(cell.contents()),
                _ => line.push(' '),
            }
        }
        lines.push(line.trim_end().to_owned());
    }
    while lines.last().is_some_and(String::is_empty) {
        lines.pop();
    }
    lines.join("\n")
}

/// How a terminal treats what is typed and written, as text.
fn modes(terminal: &Termios) -> String {
    let Termios { input_modes, output_modes, control_modes, local_modes, special_codes, .. } = terminal;
    format!("{input_modes:?} {output_modes:?} {control_modes:?} {local_modes:?} {special_codes:?}")
}

/// The two ends of a new pseudo-terminal.
fn pair(columns: u16) -> (File, File) {
    let master = rustix::pty::openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC);
    let master = master.expect("a pseudo-terminal");
    rustix::pty::grantpt(&master).expect("it is ours");
    rustix::pty::unlockpt(&master).expect("it is ours");
    let name = rustix::pty::ptsname(&master, Vec::new()).expect("it has a name");
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
    let slave = rustix::fs::open(&*name, flags, Mode::empty()).expect("it can be opened");
    rustix::termios::tcsetwinsize(&master, window(columns)).expect("it is a terminal");
    (master.into(), slave.into())
}

fn window(columns: u16) -> Winsize {
    Winsize { ws_row: ROWS, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 }
}

fn size(cells: u16) -> NonZeroU16 {
    NonZeroU16::new(cells).expect("a screen has cells")
}
