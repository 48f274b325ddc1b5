//! The loop, played: connections that have no sockets, and turns in the order of the reactor's, in virtual time. Owns
//! the bytes on the way. Must not know what they say.
//!
//! What comes in goes through the real [`Conn`](server::conn::Conn), which also closes, in the real table with its slots
//! that are used again. What goes out is taken here from the outbox, since a real connection would give it to a kernel:
//! a reader takes as much in a turn as it likes, and the rest waits under the rules of `Conn::flush`.

use std::collections::{BTreeMap, VecDeque};
use std::mem;
use std::os::unix::net::UnixStream;

use hub::input::ConnId;
use protocol::limits::{MAX_FRAGMENTS, MAX_MESSAGE};
use protocol::time::Millis;
use protocol::ws::{Role, Rules, encode};
use server::conn::cause::Cause;
use server::conn::outbox::{Hangup, Outbox};
use server::conn::table::Table;
use server::conn::transport::Transport;
use server::conn::{Desk, Flushed, Manners, Waits};

use super::witness::Witness;

/// As many bytes as may wait for a reader: a dozen events.
const MAX_UNSENT: usize = 4096;

const MANNERS: Manners = Manners {
    rules: Rules { role: Role::Server, message: MAX_MESSAGE, fragments: MAX_FRAGMENTS },
    pace: None,
    max_unsent: MAX_UNSENT,
};

/// In so many turns the other side has to go when all is said.
const PATIENCE: u32 = 8;

/// More pieces than any evening has.
pub const ALL: usize = usize::MAX;

pub struct House {
    pub now: Millis,
    pub witness: Witness,
    table: Table,
    outbox: Outbox,
    pub lines: BTreeMap<u32, Line>,
    drained: Vec<ConnId>,
    findings: Vec<(u32, Flushed)>,
    mail_left: bool,
    /// What the readers have taken.
    pub taken: Vec<(ConnId, Vec<u8>)>,
    /// How often a slot got another tenant.
    pub used_again: u64,
    /// How many slots there were.
    slots: u32,
    pub lags: u64,
    /// Stands for all sockets: no byte goes through it.
    socket: UnixStream,
}

/// One connection, without its socket.
pub struct Line {
    pub id: ConnId,
    /// What the other side has sent, in pieces; an empty one is the end of the stream.
    pub incoming: VecDeque<Vec<u8>>,
    /// How many pieces are read in a turn.
    pub haste: usize,
    /// What waits for the reader.
    unsent: Vec<u8>,
    /// How many bytes the reader takes in a turn.
    pub appetite: usize,
    is_lagging: bool,
    is_awaited: bool,
    /// For how many turns it has waited for the end.
    waited: u32,
}

impl House {
    pub fn new(witness: Witness) -> Self {
        let (socket, _) = UnixStream::pair().expect("two more files");
        Self {
            now: Millis(1000),
            witness,
            table: Table::default(),
            outbox: Outbox::new(),
            lines: BTreeMap::new(),
            drained: Vec::new(),
            findings: Vec::new(),
            mail_left: false,
            taken: Vec::new(),
            used_again: 0,
            slots: 0,
            lags: 0,
            socket,
        }
    }

    /// Somebody has connected.
    pub fn greet(&mut self) -> ConnId {
        let socket = self.socket.try_clone().expect("one more file");
        let slot = self.table.insert(Transport::Unix(mio::net::UnixStream::from_std(socket)), None);
        let (id, _) = self.table.conn(slot).expect("it was put in");
        let incoming = VecDeque::new();
        let line = Line {
            id,
            incoming,
            haste: ALL,
            unsent: Vec::new(),
            appetite: ALL,
            is_lagging: false,
            is_awaited: false,
            waited: 0,
        };
        assert!(self.lines.insert(slot, line).is_none(), "the slot was free");
        self.used_again += u64::from(slot < self.slots);
        self.slots = self.slots.max(slot + 1);
        id
    }

    /// One turn; the connections are read from this slot on.
    pub fn turn(&mut self, first: u32) {
        let slots: Vec<u32> = self.lines.keys().copied().collect();
        let (before, behind): (Vec<u32>, Vec<u32>) = slots.into_iter().partition(|slot| *slot < first);
        self.outbox.metrics.now = self.now.0 * 1000;
        for slot in behind.into_iter().chain(before) {
            self.happened(slot);
        }
        for conn in mem::take(&mut self.drained) {
            self.witness.drained(self.now, conn, &mut self.outbox);
        }
        self.mail_left = self.witness.mail(self.now, &mut self.outbox);
        self.witness.expire(self.now, &mut self.outbox);
        self.witness.fan_out(&mut self.outbox);
        self.hang_up();
        self.flush();
        self.reap();
    }

    /// Whether a turn without anybody's doing would do nothing.
    pub fn is_quiet(&self) -> bool {
        let is_done = |line: &Line| line.incoming.is_empty() && line.unsent.is_empty() && !line.is_awaited;
        self.lines.values().all(is_done)
            && self.drained.is_empty()
            && !self.mail_left
            && self.witness.mail == 0
            && self.witness.deadline().is_none()
            && self.outbox.is_idle()
    }

    /// Whether a connection listens to what is said to it.
    pub fn is_listened_to(&mut self, slot: u32) -> bool {
        self.table.conn(slot).is_some_and(|(_, conn)| conn.waits() == Waits::ForWords)
    }

    fn happened(&mut self, slot: u32) {
        let Some(line) = self.lines.get_mut(&slot) else { return };
        if !line.unsent.is_empty() && line.appetite > 0 {
            self.outbox.mark(slot);
        }
        let count = line.haste.min(line.incoming.len());
        for mut piece in line.incoming.drain(..count).collect::<Vec<_>>() {
            let Some((id, conn)) = self.table.conn(slot) else { return };
            if conn.is_dead() {
                return;
            }
            match piece.is_empty() {
                true => self.lost(slot),
                false => {
                    conn.receive(self.now, id, &mut piece, &MANNERS, &mut self.witness, &mut self.outbox);
                }
            }
        }
    }

    /// The other side is gone.
    pub fn lost(&mut self, slot: u32) {
        let Some((id, conn)) = self.table.conn(slot) else { return };
        conn.tell_closed(self.now, id, &mut self.witness, &mut self.outbox);
        self.table.bury(slot);
    }

    fn hang_up(&mut self) {
        for Hangup { slot, cause } in self.outbox.take_hangups() {
            let Some((id, conn)) = self.table.conn(slot) else { continue };
            conn.send_close(self.now, id, cause, &mut self.witness, &mut self.outbox);
        }
        self.witness.fan_out(&mut self.outbox);
    }

    fn flush(&mut self) {
        for slot in self.outbox.take_awaited() {
            if let Some(line) = self.lines.get_mut(&slot) {
                line.is_awaited = true;
            }
        }
        let mut index = 0;
        while let Some(slot) = self.outbox.dirty(index) {
            index += 1;
            let Some(line) = self.lines.get_mut(&slot) else { continue };
            self.outbox.pieces(slot).for_each(|piece| line.unsent.extend_from_slice(piece));
            let count = line.appetite.min(line.unsent.len());
            self.taken.push((line.id, line.unsent.drain(..count).collect()));
            let is_open = self.table.conn(slot).is_some_and(|(_, conn)| conn.waits() == Waits::ForWords);
            match line.judge(is_open) {
                Flushed::Fine => {}
                Flushed::Drained => self.drained.push(line.id),
                found => self.findings.push((slot, found)),
            }
        }
        self.outbox.clear();
    }

    fn reap(&mut self) {
        for (slot, found) in mem::take(&mut self.findings) {
            self.judge_flush(slot, found);
        }
        for slot in self.lines.keys().copied().collect::<Vec<_>>() {
            let is_ending = self.table.conn(slot).is_some_and(|(_, conn)| conn.waits() == Waits::ForEnd);
            let Some(line) = self.lines.get_mut(&slot).filter(|_| is_ending) else { continue };
            line.waited += 1;
            if line.waited > PATIENCE {
                self.lost(slot);
            }
        }
        while let Some(slot) = self.table.next_dead() {
            if let Some((id, conn)) = self.table.conn(slot) {
                conn.tell_closed(self.now, id, &mut self.witness, &mut self.outbox);
            }
            self.table.free(slot);
            self.lines.remove(&slot);
        }
    }

    fn judge_flush(&mut self, slot: u32, found: Flushed) {
        let Some((id, conn)) = self.table.conn(slot) else { return };
        match found {
            Flushed::Fine | Flushed::Drained | Flushed::Broken => {}
            Flushed::Lags => {
                self.lags += 1;
                self.witness.lagging(self.now, id, &mut self.outbox);
            }
            Flushed::OverBudget => {
                let is_open = conn.waits() == Waits::ForWords;
                conn.tell_closed(self.now, id, &mut self.witness, &mut self.outbox);
                // It keeps its last frame where a kernel would get it. Here nobody would.
                conn.give_up(&mut self.outbox.metrics);
                if let Some(line) = self.lines.get_mut(&slot).filter(|_| is_open) {
                    let cause = Cause::TooSlow;
                    encode::close(cause.code(), cause.reason(), &mut line.unsent);
                }
                self.outbox.mark(slot);
            }
        }
    }
}

impl Line {
    /// As the real connection does after it has written.
    fn judge(&mut self, is_open: bool) -> Flushed {
        let left = self.unsent.len();
        if left > MANNERS.max_unsent {
            return Flushed::OverBudget;
        }
        if left > MANNERS.lag() && !self.is_lagging && is_open {
            self.is_lagging = true;
            return Flushed::Lags;
        }
        if left > 0 {
            return Flushed::Fine;
        }
        self.is_lagging = false;
        match mem::take(&mut self.is_awaited) {
            true => Flushed::Drained,
            false => Flushed::Fine,
        }
    }
}
