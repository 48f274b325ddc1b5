//! SIGTERM and SIGINT as events of the poll. Must not know what stopping means.

use std::io;

use mio::{Interest, Registry, Token};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook_mio::v1_0::Signals;

/// The signals that end the server.
pub struct StopSignals {
    signals: Signals,
}

impl StopSignals {
    /// Catches them from now on.
    ///
    /// # Errors
    /// Whatever sigaction(2) or the poll says.
    pub fn catch(registry: &Registry, token: Token) -> io::Result<Self> {
        let mut signals = Signals::new([SIGTERM, SIGINT])?;
        registry.register(&mut signals, token, Interest::READABLE)?;
        Ok(Self { signals })
    }

    /// Whether one has come.
    pub fn came(&mut self) -> bool {
        // All are taken out: the poll tells of them only once.
        self.signals.pending().count() > 0
    }
}

impl std::fmt::Debug for StopSignals {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("StopSignals")
    }
}
