//! The event loop: the poll, and the fixed order of one turn. Owns the sockets and their deadlines; must not know
//! rooms, frames or JSON. What connections mean is the [`Desk`]'s business.
//!
//! One turn, always in this order:
//!
//! 1. **poll**: wait for the kernel, a deadline, or nothing at all if something was left over;
//! 2. **accept and read**: new connections, then what came in, each connection within a budget;
//! 3. **mail**: what the store has answered;
//! 4. **expire**: deadlines that have passed;
//! 5. **flush**: the only phase that writes; one vectored write for each connection that is due something;
//! 6. **reap**: the only phase that frees slots.
//!
//! Sockets are registered once, for both directions, edge-triggered. So an edge must never be forgotten: who is left
//! with unread bytes is on the `again` list, who could not write is `blocked` until the writable edge.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::time::Duration;

use hub::input::ConnId;
use log::{debug, info, trace, warn};
use mio::event::Event;
use mio::net::TcpStream;
use mio::{Events, Poll};
use protocol::http::Refusal;
use protocol::time::{Millis, Span};
use protocol::ws::CloseCode;
use protocol::ws::encode::{self, Opcode};

use crate::clock::Clock;
use crate::conn::deadlines::{Deadline, Deadlines, Patience};
use crate::conn::outbox::{Hangup, Outbox};
use crate::conn::table::Table;
use crate::conn::transport::{Transport, address_number};
use crate::conn::{Desk, Flushed, Manners, Waits};
use crate::listeners::Listeners;
use crate::signal::StopSignals;
use crate::source::Source;

/// The one read buffer of the loop, and so the most that one connection may read in one turn. Large enough that a
/// busy sender's messages share system calls, small enough that a hundred busy senders take turns quickly.
const SCRATCH: usize = 64 * 1024;

/// How many events the kernel tells at once. More wait for the next turn.
const EVENTS_PER_TURN: usize = 1024;

/// From SIGTERM to the end, at most.
const STOP_WITHIN: Span = Span(1500);

/// What everybody is told then.
const STOP_REASON: &str = "the server stops; come back";

/// What the loop as a whole is held to.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// What each connection is held to.
    pub manners: Manners,
    /// How long each connection is waited for.
    pub patience: Patience,
    /// How many connections one address may have; `None` for any number.
    pub per_address: Option<u32>,
}

/// See the module's head.
#[derive(Debug)]
pub struct Reactor<D> {
    poll: Poll,
    clock: Clock,
    settings: Settings,
    signals: StopSignals,
    listeners: Listeners,
    table: Table,
    deadlines: Deadlines,
    outbox: Outbox,
    scratch: Vec<u8>,
    /// Connections that have, or may have, more to read than they were allowed to this turn.
    again: Vec<ConnId>,
    /// Connections that sent faster than they may, and when they are read again.
    paused: BTreeSet<(Millis, u32, u32)>,
    /// Connections that were given up during the flush; the desk hears of it when nothing is written any more.
    given_up: Vec<u32>,
    /// The desk has mail left.
    mail_left: bool,
    /// When to give up waiting for the last connections to close.
    stop_at: Option<Millis>,
    desk: D,
}

impl<D: Desk> Reactor<D> {
    /// Listens at `addresses` and is ready to run.
    ///
    /// # Errors
    /// A sentence for people: which address it was, and what to do.
    pub fn bind(addresses: &[SocketAddr], settings: Settings, desk: D) -> Result<Self, String> {
        let fault = |error: io::Error| format!("cannot start the event loop: {error}");
        let poll = Poll::new().map_err(fault)?;
        let signals = StopSignals::catch(poll.registry(), Source::Signals.token()).map_err(fault)?;
        let listeners = Listeners::bind(poll.registry(), addresses, |index| Source::Listener(index).token())?;
        Ok(Self {
            poll,
            clock: Clock::start(),
            settings,
            signals,
            listeners,
            table: Table::default(),
            deadlines: Deadlines::new(settings.patience),
            outbox: Outbox::new(),
            scratch: vec![0; SCRATCH],
            again: Vec::new(),
            paused: BTreeSet::new(),
            given_up: Vec::new(),
            mail_left: false,
            stop_at: None,
            desk,
        })
    }

    /// Where it listens: what the kernel made of port 0.
    pub fn addresses(&self) -> impl Iterator<Item = SocketAddr> {
        self.listeners.addresses()
    }

    /// Runs until it is told to stop and has stopped.
    ///
    /// # Errors
    /// Only what makes going on impossible: the poll itself fails.
    pub fn run(&mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(EVENTS_PER_TURN);
        while !self.has_stopped() {
            self.turn(&mut events)?;
        }
        info!("stopped");
        Ok(())
    }

    fn turn(&mut self, events: &mut Events) -> io::Result<()> {
        match self.poll.poll(events, self.timeout()) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
            _ => {}
        }
        let now = self.clock.now();
        trace!("turn at {} ms: {} to read again", now.0, self.again.len());

        let again = std::mem::take(&mut self.again);
        for event in events.iter() {
            self.happened(now, event);
        }
        for id in again {
            self.read_again(now, id);
        }
        for (stream, address) in self.listeners.accept_again(now) {
            self.greet(now, stream, address);
        }

        self.mail_left = self.desk.mail(now, &mut self.outbox);

        self.expire(now);
        self.desk.fan_out(&mut self.outbox);
        self.hang_up(now);

        self.flush(now);
        self.reap(now);
        Ok(())
    }

    fn timeout(&self) -> Option<Duration> {
        if !self.again.is_empty() || self.mail_left || !self.outbox.is_idle() {
            return Some(Duration::ZERO);
        }
        let paused = self.paused.first().map(|(until, ..)| *until);
        let next =
            [self.deadlines.next(), self.desk.deadline(), self.listeners.deadline(), self.stop_at, paused];
        let next = next.into_iter().flatten().min()?;
        Some(Duration::from_millis(next.since(self.clock.now()).0))
    }

    fn happened(&mut self, now: Millis, event: &Event) {
        match Source::from(event.token()) {
            Source::Signals => {
                if self.signals.came() {
                    self.stop(now);
                }
            }
            Source::Listener(index) => {
                for (stream, address) in self.listeners.accept(now, index) {
                    self.greet(now, stream, address);
                }
            }
            Source::Conn(slot) => {
                let Some((_, conn)) = self.table.conn(slot) else { return };
                if event.is_writable() {
                    conn.unblock();
                    if conn.unsent_len() > 0 {
                        self.outbox.mark(slot);
                    }
                }
                if event.is_readable() || event.is_read_closed() || event.is_error() {
                    self.read(now, slot, event.is_read_closed() || event.is_error());
                }
            }
        }
    }

    fn greet(&mut self, now: Millis, mut stream: TcpStream, address: SocketAddr) {
        let number = address_number(address.ip());
        if self.settings.per_address.is_some_and(|limit| self.table.from_address(number) >= limit) {
            debug!("refused a connection: its address has too many already");
            let mut answer = Vec::new();
            Refusal::Full.respond(&mut answer);
            // One small write into an empty buffer; whether it arrives does not matter.
            drop(stream.write(&answer));
            return;
        }
        // Chat messages are small and wait for nobody.
        drop(stream.set_nodelay(true));
        let slot = self.table.insert(Transport::Plain(stream), number);
        let Some((_, conn)) = self.table.conn(slot) else { return };
        if let Err(error) = conn.register(self.poll.registry(), Source::Conn(slot).token()) {
            warn!("cannot watch a new connection: {error}");
            self.table.bury(slot);
            return;
        }
        debug!("conn {slot}: accepted");
        self.deadlines.set(slot, Deadline::Handshake, now);
    }

    fn read_again(&mut self, now: Millis, id: ConnId) {
        if self.table.conn(id.slot).is_some_and(|(now_there, _)| now_there == id) {
            self.read(now, id.slot, true);
        }
    }

    /// Reads once, at most a scratch buffer full. A short read has emptied the socket: the next byte makes a new edge.
    /// With `to_the_end`, even a short read is followed by another, since the end of the stream may already be told.
    fn read(&mut self, now: Millis, slot: u32, to_the_end: bool) {
        let manners = self.settings.manners;
        let Some((id, conn)) = self.table.conn(slot) else { return };
        if conn.is_dead() || conn.is_paused() {
            return;
        }
        if let Some(wait) = conn.must_wait(now, &manners) {
            conn.pause();
            trace!("conn {slot}: read again in {} ms, it sends faster than it may", wait.0);
            self.paused.insert((now.plus(wait), slot, id.generation));
            if conn.waits() == Waits::ForWords {
                self.deadlines.remove(slot);
            }
            return;
        }
        let count = match conn.read(&mut self.scratch) {
            Ok(0) => return self.lost(now, slot),
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
            Err(error) => {
                debug!("conn {slot}: {error}");
                return self.lost(now, slot);
            }
        };
        if let Some(input) = self.scratch.get_mut(..count) {
            conn.receive(now, id, input, &manners, &mut self.desk, &mut self.outbox);
        }
        let waits = conn.waits();
        self.wait_for(now, slot, waits);
        if count == SCRATCH || to_the_end {
            self.again.push(id);
        }
    }

    /// The peer is gone. What this turn has for it is still tried: it may have closed one direction only.
    fn lost(&mut self, now: Millis, slot: u32) {
        let Some((id, conn)) = self.table.conn(slot) else { return };
        conn.tell_closed(now, id, &mut self.desk, &mut self.outbox);
        self.table.bury(slot);
    }

    fn wait_for(&mut self, now: Millis, slot: u32, waits: Waits) {
        match waits {
            // The deadline of the handshake counts from accept.
            Waits::ForHead => {}
            Waits::ForWords => self.deadlines.set(slot, Deadline::Idle, now),
            Waits::ForEnd => {
                if self.deadlines.of(slot) != Some(Deadline::Close) {
                    self.deadlines.set(slot, Deadline::Close, now);
                }
            }
        }
    }

    fn expire(&mut self, now: Millis) {
        while let Some(&(until, slot, generation)) = self.paused.first() {
            if until > now {
                break;
            }
            self.paused.pop_first();
            self.resume(now, ConnId { slot, generation });
        }
        while let Some((slot, deadline)) = self.deadlines.pop_late(now) {
            match deadline {
                Deadline::Idle => {
                    trace!("conn {slot}: ping");
                    self.outbox.send(slot, |log| encode::frame(Opcode::Ping, &[], log));
                    self.deadlines.set(slot, Deadline::Pong, now);
                }
                Deadline::Handshake | Deadline::Pong | Deadline::Close => {
                    debug!("conn {slot}: too late with {deadline:?}");
                    self.lost(now, slot);
                }
            }
        }
        self.desk.expire(now, &mut self.outbox);
        if self.stop_at.is_some_and(|at| at <= now) {
            for slot in self.table.slots() {
                self.lost(now, slot);
            }
        }
    }

    fn resume(&mut self, now: Millis, id: ConnId) {
        let Some((now_there, conn)) = self.table.conn(id.slot) else { return };
        if now_there != id {
            return;
        }
        conn.resume();
        let waits = conn.waits();
        self.wait_for(now, id.slot, waits);
        self.again.push(id);
    }

    /// Ends the connections that the desk wants ended. Their close frames come behind all that was said to them.
    fn hang_up(&mut self, now: Millis) {
        for hangup in self.outbox.take_hangups() {
            let Some((_, conn)) = self.table.conn(hangup.slot) else { continue };
            conn.send_close(now, hangup, &mut self.desk, &mut self.outbox);
            self.wait_for(now, hangup.slot, Waits::ForEnd);
        }
    }

    fn flush(&mut self, now: Millis) {
        let mut index = 0;
        while let Some(slot) = self.outbox.dirty(index) {
            index += 1;
            let Some((_, conn)) = self.table.conn(slot) else { continue };
            match conn.flush(slot, &self.outbox, &self.settings.manners) {
                Flushed::Fine => {}
                Flushed::OverBudget => {
                    debug!("conn {slot}: hung up, it does not read what it is sent");
                    conn.give_up();
                    self.given_up.push(slot);
                    self.wait_for(now, slot, Waits::ForEnd);
                }
                Flushed::Broken => self.table.bury(slot),
            }
        }
        self.outbox.clear();
    }

    /// What the desk says on hearing of an end waits in the outbox for the next turn.
    fn reap(&mut self, now: Millis) {
        for slot in std::mem::take(&mut self.given_up) {
            if let Some((id, conn)) = self.table.conn(slot) {
                conn.tell_closed(now, id, &mut self.desk, &mut self.outbox);
            }
        }
        let mut freed = false;
        while let Some(slot) = self.table.next_dead() {
            if let Some((id, conn)) = self.table.conn(slot) {
                conn.tell_closed(now, id, &mut self.desk, &mut self.outbox);
            }
            debug!("conn {slot}: gone");
            self.deadlines.remove(slot);
            self.table.free(slot);
            freed = true;
        }
        if freed {
            self.listeners.one_was_freed(now);
        }
    }

    fn stop(&mut self, now: Millis) {
        if self.stop_at.is_some() {
            return;
        }
        info!("stopping: {} connections are told to come back later", self.table.len());
        self.stop_at = Some(now.plus(STOP_WITHIN));
        self.listeners.close();
        for slot in self.table.slots() {
            match self.table.conn(slot).map(|(_, conn)| conn.waits()) {
                // Not a WebSocket yet: there is nobody to take leave of.
                Some(Waits::ForHead) => self.lost(now, slot),
                _ => self.outbox.hang_up(Hangup { slot, code: CloseCode::RESTART, reason: STOP_REASON }),
            }
        }
    }

    fn has_stopped(&self) -> bool {
        self.stop_at.is_some() && self.table.is_empty()
    }
}
