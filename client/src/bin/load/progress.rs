//! One line on a terminal's stderr that says how far it is, written over again and again. Whoever reads stderr otherwise
//! is spared it.

use std::io::{IsTerminal as _, Write as _, stderr};

use crate::clock::{Clock, Nanos, SECOND};

/// See the module's head.
#[derive(Debug)]
pub(crate) struct Progress {
    clock: Clock,
    /// When it may be written again; never, if nobody looks.
    next: Option<Nanos>,
    is_drawn: bool,
}

impl Progress {
    pub(crate) fn new(clock: Clock) -> Self {
        Self { clock, next: stderr().is_terminal().then_some(0), is_drawn: false }
    }

    /// Says how far it is, a few times a second.
    pub(crate) fn show(&mut self, words: impl FnOnce() -> String) {
        let Some(next) = self.next.filter(|next| *next <= self.clock.now()) else { return };
        self.next = Some(next.max(self.clock.now()) + SECOND / 4);
        self.is_drawn = true;
        // To the beginning of the line, and what is left of the old one away.
        let _ = write!(stderr(), "\r{}\x1b[K", words());
    }

    /// Takes the line away, so that what comes next stands alone.
    pub(crate) fn clear(&mut self) {
        if std::mem::take(&mut self.is_drawn) {
            let _ = write!(stderr(), "\r\x1b[K");
        }
    }
}
