//! Signals as events of the poll. Must not know what is done about them.

use std::ffi::c_int;
use std::io;

use mio::{Interest, Registry};
use signal_hook::consts::{SIGCONT, SIGHUP, SIGINT, SIGTERM, SIGTSTP, SIGWINCH};
use signal_hook_mio::v1_0::Signals as Source;

use super::SIGNALS;

/// What a signal means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Signal {
    /// To leave for good.
    Stop,
    /// The terminal has another size.
    Resize,
    /// To stop for now.
    Suspend,
    /// To go on after a stop.
    Resume,
}

/// See the head of this file.
pub(super) struct Signals(Source);

impl Signals {
    /// A person has a terminal, which has to be restored whatever comes.
    pub(super) fn of_a_person(registry: &Registry) -> io::Result<Self> {
        Self::catch(registry, &[SIGINT, SIGTERM, SIGHUP, SIGWINCH, SIGTSTP, SIGCONT])
    }

    /// A program gets its last words. Not SIGHUP: nohup(1) has it ignored, and to catch it would undo that.
    pub(super) fn of_a_program(registry: &Registry) -> io::Result<Self> {
        Self::catch(registry, &[SIGINT, SIGTERM])
    }

    /// Those that have come since the last time.
    pub(super) fn pending(&mut self) -> Vec<Signal> {
        let meaning = |signal| match signal {
            SIGWINCH => Signal::Resize,
            SIGTSTP => Signal::Suspend,
            SIGCONT => Signal::Resume,
            _ => Signal::Stop,
        };
        self.0.pending().map(meaning).collect()
    }

    fn catch(registry: &Registry, signals: &[c_int]) -> io::Result<Self> {
        let mut source = Source::new(signals)?;
        registry.register(&mut source, SIGNALS, Interest::READABLE)?;
        Ok(Self(source))
    }
}
