//! One line an event, on stderr. Must not know what is logged; keeps anybody's words from forging a line.

use std::fmt::{self, Write as _};
use std::io::Write as _;

use log::{Level, LevelFilter, Log, Metadata, Record};

use crate::clock::Clock;

/// Writes log lines: seconds since the start, the level, the event. Under systemd, the level as journald reads it, and
/// no time, since the journal has its own.
struct Lines {
    clock: Clock,
    journal: bool,
}

/// Begins to log what is at least as grave as `level`.
pub fn start(level: LevelFilter) {
    let lines = Lines { clock: Clock::start(), journal: std::env::var_os("JOURNAL_STREAM").is_some() };
    // It fails only if logging has begun already, and then there is nothing to do.
    if log::set_boxed_logger(Box::new(lines)).is_ok() {
        log::set_max_level(level);
    }
}

impl Log for Lines {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        // The libraries below us have their own trace, which helps nobody who runs a chat.
        metadata.target().starts_with("server") || metadata.level() <= Level::Warn
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let mut line = String::new();
        let millis = self.clock.now().0;
        let _ = match self.journal {
            true => write!(line, "<{}>", priority(record.level())),
            false => write!(line, "{:>5}.{:03} {:<5} ", millis / 1000, millis % 1000, name(record.level())),
        };
        let _ = write!(Escaped(&mut line), "{}", record.args());
        line.push('\n');
        // Nobody can be told that logging fails.
        let _ = std::io::stderr().write_all(line.as_bytes());
    }

    fn flush(&self) {}
}

/// Writes control characters so that they can be seen and do nothing: a newline cannot begin a forged line.
struct Escaped<'a>(&'a mut String);

impl fmt::Write for Escaped<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for c in text.chars() {
            match c.is_control()
                || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
            {
                true => write!(self.0, "\\u{{{:x}}}", u32::from(c))?,
                false => self.0.push(c),
            }
        }
        Ok(())
    }
}

/// As in sd-daemon(3).
fn priority(level: Level) -> u8 {
    match level {
        Level::Error => 3,
        Level::Warn => 4,
        Level::Info => 6,
        Level::Debug | Level::Trace => 7,
    }
}

fn name(level: Level) -> &'static str {
    match level {
        Level::Error => "error",
        Level::Warn => "warn",
        Level::Info => "info",
        Level::Debug => "debug",
        Level::Trace => "trace",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_can_forge_a_line() {
        let mut line = String::new();
        write!(Escaped(&mut line), "GET /\n<3>all is lost\u{1b}[2J\u{85}").unwrap();
        assert_eq!(line, "GET /\\u{a}<3>all is lost\\u{1b}[2J\\u{85}");
    }
}
