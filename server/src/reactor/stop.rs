//! The end: what was asked is still done and told, then everybody is told to come back later. Must not know what was asked.

use log::info;
use protocol::time::{Millis, Span};
use protocol::ws::Spread;

use super::Reactor;
use crate::conn::cause::Cause;
use crate::conn::{Desk, Waits};

/// From SIGTERM to the farewell, at most: so long a disk is waited for that has stalled.
const SETTLE_WITHIN: Span = Span::secs(10);

/// From the farewell to the end, at most.
const STOP_WITHIN: Span = Span(1500);

impl<D: Desk> Reactor<D> {
    /// Reads and accepts no more.
    pub(super) fn stop(&mut self, now: Millis) {
        if self.stop_at.is_some() {
            return;
        }
        info!("stopping");
        self.listeners.close();
        self.settling = true;
        self.stop_at = Some(now.plus(SETTLE_WITHIN));
    }

    /// When all that was asked for is done and has been told, everybody is told to come back later.
    pub(super) fn take_leave(&mut self, now: Millis) {
        let is_late = self.stop_at.is_some_and(|at| at <= now);
        if !self.settling || !(is_late || self.desk.is_settled()) {
            return;
        }
        self.settling = false;
        let advice = Spread::over(self.table.len());
        info!("{} connections are told to come back within {} s", self.table.len(), advice.span().0 / 1000);
        self.stop_at = Some(now.plus(STOP_WITHIN));
        for slot in self.table.slots() {
            match self.table.conn(slot).map(|(_, conn)| conn.waits()) {
                // Not a WebSocket yet: there is nobody to take leave of.
                Some(Waits::ForHead | Waits::ForBody) => self.lost(now, slot),
                // What the store still answers in time is passed on.
                Some(Waits::ForAnswer) => {}
                _ => self.outbox.hang_up(slot, Cause::Stopping(advice)),
            }
            if let Some((id, _)) = self.table.conn(slot) {
                self.list(id);
            }
        }
    }

    pub(super) fn has_stopped(&self) -> bool {
        self.stop_at.is_some() && self.table.is_empty()
    }
}
