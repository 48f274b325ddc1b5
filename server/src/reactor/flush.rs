//! The turn's last phases: ends, writing, and freeing. The only place that writes to sockets and frees slots.

use log::{debug, info};
use protocol::time::Millis;

use super::Reactor;
use crate::conn::cause::Cut;
use crate::conn::deadlines::Deadline;
use crate::conn::{Desk, Flushed, Waits};
use crate::metrics::Outcome;
use crate::source::Source;

impl<D: Desk> Reactor<D> {
    /// Those who waited for an answer have it. What they have still sent is read, or the end of the socket would take the
    /// answer with it (RFC 9112 section 9.6).
    pub(super) fn end_answered(&mut self, now: Millis) {
        for slot in self.outbox.take_answered() {
            let Some((id, conn)) = self.table.conn(slot) else { continue };
            if conn.answered() {
                self.wait_for(now, slot, Waits::ForEnd);
                self.list(id);
            }
        }
    }

    /// Ends the connections that the desk wants ended. Their close frames come behind all that was said to them.
    pub(super) fn hang_up(&mut self, now: Millis) {
        for hangup in self.outbox.take_hangups() {
            let Some((id, conn)) = self.table.conn(hangup.slot) else { continue };
            conn.send_close(now, id, hangup.cause, &mut self.desk, &mut self.outbox);
            self.wait_for(now, hangup.slot, Waits::ForEnd);
        }
        // What others hear of those ends.
        self.desk.fan_out(&mut self.outbox);
    }

    pub(super) fn flush(&mut self, now: Millis) {
        for slot in self.outbox.take_awaited() {
            if let Some((_, conn)) = self.table.conn(slot) {
                conn.await_drain();
            }
        }
        let mut index = 0;
        while let Some(slot) = self.outbox.dirty(index) {
            index += 1;
            let Some((id, conn)) = self.table.conn(slot) else { continue };
            let (held_some, was_lagging) = (conn.unsent_len() > 0, conn.is_lagging());
            let mut moved = 0;
            let mut flushed = conn.flush(slot, &self.outbox, &self.settings.manners, &mut moved);
            if !held_some && conn.unsent_len() > 0 {
                if let Err(error) = conn.watch_room(self.poll.registry(), Source::Conn(slot).token()) {
                    debug!("conn {slot}: cannot be watched: {error}");
                    flushed = Flushed::Broken;
                }
            }
            let (holds_some, is_lagging) = (conn.unsent_len() > 0, conn.is_lagging());
            self.outbox.metrics.sent += moved;
            match flushed {
                Flushed::Fine => {}
                Flushed::Drained => self.drained.push(id),
                found => self.findings.push((slot, found)),
            }
            match (was_lagging, is_lagging) {
                (false, true) => self.stalled.set(slot, Deadline::Progress, now),
                (true, true) if moved > 0 => self.stalled.set(slot, Deadline::Progress, now),
                (true, false) => self.stalled.remove(slot),
                _ => {}
            }
            if held_some || holds_some {
                self.table.recharge(slot);
                self.be_patient(now, slot, moved > 0);
            }
        }
        self.outbox.clear();
    }

    /// Who reads a long answer slowly has time for it, as long as it reads; then for hanging up.
    fn be_patient(&mut self, now: Millis, slot: u32, has_moved: bool) {
        let Some((_, conn)) = self.table.conn(slot) else { return };
        match (conn.is_being_answered(), self.deadlines.of(slot)) {
            (true, Some(Deadline::Progress)) if !has_moved => {}
            (true, _) => self.deadlines.set(slot, Deadline::Progress, now),
            (false, Some(Deadline::Progress)) => self.deadlines.set(slot, Deadline::Close, now),
            (false, _) => {}
        }
    }

    /// What the desk says on hearing of these things waits in the outbox for the next turn.
    pub(super) fn reap(&mut self, now: Millis) {
        for (slot, found) in std::mem::take(&mut self.findings) {
            self.judge_flush(now, slot, found);
        }
        self.save_memory(now);
        let mut freed = false;
        while let Some(slot) = self.table.next_dead() {
            if let Some((id, conn)) = self.table.conn(slot) {
                if matches!(conn.waits(), Waits::ForHead | Waits::ForBody) {
                    self.outbox.metrics.outcomes.add(Outcome::Unfinished);
                }
                conn.tell_closed(now, id, &mut self.desk, &mut self.outbox);
            }
            debug!("conn {slot}: gone");
            self.deadlines.remove(slot);
            self.unfinished.remove(slot);
            self.stalled.remove(slot);
            self.table.free(slot);
            freed = true;
        }
        if freed {
            self.listeners.one_was_freed(now);
        }
    }

    fn judge_flush(&mut self, now: Millis, slot: u32, found: Flushed) {
        let Some((id, conn)) = self.table.conn(slot) else { return };
        match found {
            Flushed::Fine | Flushed::Drained => {}
            Flushed::Broken | Flushed::Finished => self.table.bury(slot),
            Flushed::Lags => {
                debug!("conn {slot}: lags, {} bytes wait for it", conn.unsent_len());
                self.outbox.metrics.lags += 1;
                self.desk.lagging(now, id, &mut self.outbox);
            }
            Flushed::OverBudget => {
                debug!("conn {slot}: hung up, it does not read what it is sent");
                conn.tell_closed(now, id, &mut self.desk, &mut self.outbox);
                conn.give_up(&mut self.outbox.metrics);
                self.wait_for(now, slot, Waits::ForEnd);
                self.outbox.mark(slot);
            }
        }
    }

    /// Above nine tenths of the budget those who read least are cut off, so that the many who read are served: who lags
    /// and has taken nothing for the longest time, and only if nobody lags, for whom the most waits. (By bytes alone it
    /// would be whoever was just told much, and reads it in the next moment.)
    fn save_memory(&mut self, now: Millis) {
        let Some(limit) = self.settings.memory else { return };
        while self.held() > limit / 10 * 9 {
            let Some(slot) = self.stalled.oldest().or_else(|| self.table.furthest_behind()) else { return };
            self.stalled.remove(slot);
            info!("conn {slot}: cut off, memory is short and it is the furthest behind");
            self.outbox.metrics.hangups.add(Cut::Memory.name());
            self.lost(now, slot);
            self.table.recharge_nothing(slot);
        }
    }
}
