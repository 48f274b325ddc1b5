//! The turn's second phase: what came in, each connection within a budget. Who sends faster than it may is left unread
//! for a while; the kernel's buffers fill, and the sender waits. Nothing is refused and nothing is lost.

use std::io;

use hub::input::ConnId;
use log::{debug, trace};
use protocol::time::Millis;

use super::{Reactor, SCRATCH};
use crate::conn::deadlines::Deadline;
use crate::conn::{Context, Desk, Waits};

impl<D: Desk> Reactor<D> {
    pub(super) fn read_again(&mut self, now: Millis, id: ConnId) {
        let Some((now_there, conn)) = self.table.conn(id.slot) else { return };
        if now_there == id {
            conn.unlist();
            self.read(now, id.slot, true);
        }
    }

    /// Reads once, at most a scratch buffer full. A short read has emptied the socket: the next byte makes a new edge.
    /// With `to_the_end`, even a short read is followed by another, since the end of the stream may already be told.
    pub(super) fn read(&mut self, now: Millis, slot: u32, to_the_end: bool) {
        let manners = self.settings.manners;
        let Some((id, conn, addresses)) = self.table.conn_and_addresses(slot) else { return };
        let waited = conn.waits();
        // Who waits for its answer has said all that is listened to; it is only noticed that it is gone.
        if conn.is_dead() || conn.is_paused() || self.settling || (waited == Waits::ForAnswer && !to_the_end)
        {
            return;
        }
        if let Some(wait) = conn.must_wait(now, &manners) {
            trace!("conn {slot}: read again in {} ms, it sends faster than it may", wait.0);
            self.paused.insert((now.plus(wait), slot, id.generation));
            return self.pause(slot);
        }
        let allowed = self.desk.allowance(id).min(manners.largest_read()).min(SCRATCH);
        if allowed == 0 {
            trace!("conn {slot}: read again when the store has caught up");
            self.waiting.push_back(id);
            return self.pause(slot);
        }
        let scratch = self.scratch.get_mut(..allowed).unwrap_or_default();
        let had_unread = conn.has_unread();
        let count = match conn.read(scratch) {
            // It sends no more, and may still read.
            Ok(0) if waited == Waits::ForAnswer || conn.is_being_answered() => return,
            Ok(0) => return self.lost(now, slot),
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
            Err(error) => {
                debug!("conn {slot}: {error}");
                return self.lost(now, slot);
            }
        };
        if !had_unread {
            self.outbox.metrics.received += count as u64;
        }
        let was_mid_message = conn.is_mid_message();
        let input = self.scratch.get_mut(..count).unwrap_or_default();
        let (manners, desk, outbox) = (&manners, &mut self.desk, &mut self.outbox);
        let finished_one = conn.receive(id, input, &mut Context { now, manners, addresses, desk, outbox });
        let (waits, is_mid_message) = (conn.waits(), conn.is_mid_message());
        let was_left = had_unread || conn.has_unread();
        self.wait_for(now, slot, waits);
        if is_mid_message && (finished_one || !was_mid_message) {
            self.unfinished.set(slot, Deadline::Message, now);
        } else if !is_mid_message && was_mid_message {
            self.unfinished.remove(slot);
        }
        if was_mid_message || is_mid_message || was_left || waits != Waits::ForWords {
            self.table.recharge(slot);
        }
        if (count == allowed || was_left || to_the_end) && waited != Waits::ForAnswer {
            self.list(id);
        }
    }

    /// The peer is gone. What this turn has for it is still tried: it may have closed one direction only.
    pub(super) fn lost(&mut self, now: Millis, slot: u32) {
        let Some((id, conn)) = self.table.conn(slot) else { return };
        conn.tell_closed(now, id, &mut self.desk, &mut self.outbox);
        self.table.bury(slot);
    }

    /// Leaves it unread for a while. What it does not get to say, it need not say: its idle deadline stands still, and
    /// so does that of the message it has begun.
    fn pause(&mut self, slot: u32) {
        let Some((_, conn)) = self.table.conn(slot) else { return };
        conn.pause();
        self.unfinished.remove(slot);
        if conn.waits() == Waits::ForWords {
            self.deadlines.remove(slot);
        }
        self.outbox.metrics.pauses += 1;
    }

    /// The desk has taken in mail: those that had to wait for it are read again, in the order they came, for as long as
    /// it can take more.
    pub(super) fn go_on_reading(&mut self, now: Millis) {
        while let Some(&id) = self.waiting.front() {
            if self.desk.allowance(id) == 0 {
                return;
            }
            self.waiting.pop_front();
            self.resume(now, id);
        }
    }

    pub(super) fn resume(&mut self, now: Millis, id: ConnId) {
        let Some((now_there, conn)) = self.table.conn(id.slot) else { return };
        if now_there != id {
            return;
        }
        conn.resume();
        let (waits, is_mid_message) = (conn.waits(), conn.is_mid_message());
        self.wait_for(now, id.slot, waits);
        if is_mid_message {
            self.unfinished.set(id.slot, Deadline::Message, now);
        }
        self.list(id);
    }

    /// Reads it in the next turn, once, however often it is asked for.
    pub(super) fn list(&mut self, id: ConnId) {
        if self.table.conn(id.slot).is_some_and(|(now_there, conn)| now_there == id && conn.list()) {
            self.again.push(id);
        }
    }
}
