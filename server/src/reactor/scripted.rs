//! What only scripts need: a reactor with a fake door, its turns, and a look inside. Must not know what the script is.

use std::io;

use hub::input::ConnId;
use mio::Poll;
use protocol::time::{Millis, Span};

use super::{Reactor, Settings};
use crate::conn::deadlines::Deadlines;
use crate::conn::{Desk, Waits};
use crate::fake;
use crate::listeners::Listeners;
use crate::metrics::Metrics;
use crate::source::Happened;

/// Those behind them are like these.
const LOOKED_AT: u32 = 20;

impl<D: Desk> Reactor<D> {
    /// A reactor that nobody but a script drives: no signals, and one door.
    pub(crate) fn scripted(door: fake::Door, settings: Settings, desk: D) -> io::Result<Self> {
        Ok(Self::new(Poll::new()?, None, Listeners::fake(door), settings, desk))
    }

    /// As `turn`.
    pub(crate) fn play(&mut self, began: u64, happened: impl Iterator<Item = Happened>) {
        self.turn(began, happened);
    }

    /// As `wait`.
    pub(crate) fn waits(&self, now: Millis) -> Option<Span> {
        self.wait(now)
    }

    /// Who has a slot now.
    pub(crate) fn tenant(&mut self, slot: u32) -> Option<ConnId> {
        Some(self.table.conn(slot)?.0)
    }

    /// Whether it would stop running now.
    pub(crate) fn is_over(&self) -> bool {
        self.has_stopped()
    }

    pub(crate) fn desk(&self) -> &D {
        &self.desk
    }

    pub(crate) fn metrics(&self) -> &Metrics {
        &self.outbox.metrics
    }

    /// What must hold between any two turns.
    ///
    /// # Panics
    /// With a sentence, if it does not.
    pub(crate) fn check(&mut self) {
        assert!(self.findings.is_empty(), "what a flush found out is judged in its turn");
        for slot in 0..LOOKED_AT {
            match self.table.conn(slot) {
                Some(_) => self.check_conn(slot),
                None => {
                    for deadlines in [&self.deadlines, &self.unfinished, &self.stalled] {
                        assert_eq!(deadlines.of(slot), None, "slot {slot} is free and has a deadline");
                    }
                }
            }
        }
    }

    fn check_conn(&mut self, slot: u32) {
        let Some((id, conn)) = self.table.conn(slot) else { return };
        assert!(!conn.is_dead(), "conn {slot} is to be freed, and was not in the same turn");
        let waits = self.waiting.contains(&id)
            || self.paused.iter().any(|(_, at, generation)| (*at, *generation) == (slot, id.generation));
        assert_eq!(conn.is_paused(), waits, "conn {slot} is resumed if it is paused");
        let ends = conn.waits() == Waits::ForEnd;
        let is_due = |deadlines: &Deadlines| deadlines.of(slot).is_some();
        assert!(
            is_due(&self.deadlines) || conn.is_paused() && !ends,
            "conn {slot} is waited for without end"
        );
        // Who is left unread cannot send the other half; who is read has to.
        let (owes, lags) = (conn.is_mid_message() && !conn.is_paused(), conn.is_lagging());
        assert!(is_due(&self.unfinished) || !owes || ends, "conn {slot} owes half a message, without end");
        assert!(is_due(&self.stalled) || !lags || ends, "conn {slot} lags, without end");
        let (unsent, limit) = (conn.unsent_len(), self.settings.manners.max_unsent);
        assert!(unsent <= limit || ends, "{unsent} bytes wait for conn {slot}");
    }
}
