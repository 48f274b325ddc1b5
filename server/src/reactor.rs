//! The event loop: the poll, and the fixed order of one turn. Owns the sockets and their deadlines; must not know
//! rooms, frames or JSON. What connections mean is the [`Desk`]'s business.
//!
//! [`Reactor::run`] waits for the kernel and asks what time it is; its `turn` is told both, so a script can play
//! any turn at any time. One turn, always in this order:
//!
//! 1. **poll**: wait for the kernel, a deadline, or nothing at all if something was left over;
//! 2. **accept and read**: new connections, then what came in, each connection within a budget;
//! 3. **mail**: what the store has answered;
//! 4. **expire**: deadlines that have passed;
//! 5. **flush**: the only phase that writes; one vectored write for each connection that is due something;
//! 6. **reap**: the only phase that frees slots.
//!
//! Greeting is in `greet.rs`, reading in `read.rs`, flushing and reaping in `flush.rs`. What only scripts need is in
//! `scripted.rs`.
//!
//! Sockets are registered edge-triggered: for reading at once, for writing when the kernel first takes no more. So an
//! edge must never be forgotten: who is left with unread bytes is on the `again` list, who could not write is `blocked`
//! until the writable edge.

mod flush;
mod greet;
mod read;
#[cfg(any(test, feature = "scripted"))]
mod scripted;
mod stop;

use std::collections::{BTreeSet, VecDeque};
use std::io;
use std::time::Duration;

use hub::input::ConnId;
use log::{debug, info, trace};
use mio::{Events, Poll};
use protocol::http::Proxies;
use protocol::time::{Millis, Span};
use protocol::ws::encode::{self, Opcode};

use crate::clock::Clock;
use crate::conn::addresses::Addresses;
use crate::conn::cause::{Cause, Cut};
use crate::conn::deadlines::{Deadline, Deadlines, Patience};
use crate::conn::outbox::Outbox;
use crate::conn::table::Table;
use crate::conn::{Desk, Flushed, Manners, Waits};
use crate::listeners::{Listeners, Place};
use crate::metrics::{Bounds, Levels};
use crate::signal::StopSignals;
use crate::source::{Happened, Source};
use crate::worker::Bell;

/// The one read buffer of the loop, and so the most that one connection may read in one turn. Large enough that a
/// busy sender's messages share system calls, small enough that a hundred busy senders take turns quickly.
const SCRATCH: usize = 64 * 1024;

/// How many events the kernel tells at once. More wait for the next turn: so when a thousand speak in the same moment,
/// what they say and what others are told of it is in memory by quarters.
const EVENTS_PER_TURN: usize = 256;

/// For how many connections the large tables are laid out at the start, as far as so many are allowed. That is address
/// space, and becomes memory where a connection comes to use it. A table that grows instead is copied from place to
/// place, and what it leaves there is lost to large things: 250 bytes for each of 1,000 connections.
pub const LAID_OUT: u32 = 16_384;

/// What the loop as a whole is held to.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What each connection is held to.
    pub manners: Manners,
    /// How long each connection is waited for.
    pub patience: Patience,
    /// How many connections there may be; `None` for any number.
    pub connections: Option<u32>,
    /// How many connections one address may have; `None` for any number.
    pub per_address: Option<u32>,
    /// Who is believed when it says for whom it asks.
    pub proxies: Proxies,
    /// How many bytes everything that grows may take together; `None` for any number.
    pub memory: Option<usize>,
}

/// See the module's head.
#[derive(Debug)]
pub struct Reactor<D> {
    poll: Poll,
    settings: Settings,
    /// Without them, the event alone says that it is time to stop.
    signals: Option<StopSignals>,
    listeners: Listeners,
    table: Table,
    deadlines: Deadlines,
    /// Those of connections with a message unfinished.
    unfinished: Deadlines,
    /// Those of connections that lag.
    stalled: Deadlines,
    outbox: Outbox,
    scratch: Vec<u8>,
    /// Connections that have, or may have, more to read than they were allowed to this turn.
    again: Vec<ConnId>,
    /// Connections that sent faster than they may, and when they are read again.
    paused: BTreeSet<(Millis, u32, u32)>,
    /// Connections whose desk can take no more from them, until it has taken in mail.
    waiting: VecDeque<ConnId>,
    /// What the flush found out; the desk hears of it when nothing is written any more.
    findings: Vec<(u32, Flushed)>,
    /// Connections that have read all, as the desk wanted to know.
    drained: Vec<ConnId>,
    /// The desk has mail left.
    mail_left: bool,
    /// It is told to stop, and reads no more, but what was asked of the desk is not all done.
    settling: bool,
    /// When to give up waiting: for the desk while it is settling, then for the last connections to close.
    stop_at: Option<Millis>,
    desk: D,
}

impl<D: Desk> Reactor<D> {
    /// Listens at `places` and is ready to run. `desk` is built when that has gone well; its workers ring the bell when
    /// they have answered.
    ///
    /// # Errors
    /// A sentence for people: which address it was, and what to do; or what `desk` says.
    pub fn bind(
        places: &[Place],
        settings: Settings,
        desk: impl FnOnce(Bell) -> Result<D, String>,
    ) -> Result<Self, String> {
        let fault = |error: io::Error| format!("cannot start the event loop: {error}");
        let poll = Poll::new().map_err(fault)?;
        let signals = StopSignals::catch(poll.registry(), Source::Signals.token()).map_err(fault)?;
        let patience = Span(settings.patience.idle.0 + settings.patience.pong.0);
        let token = |index| Source::Listener(index).token();
        let listeners = Listeners::bind(poll.registry(), places, patience, token)?;
        let bell = Bell::new(poll.registry(), Source::Bell.token()).map_err(fault)?;
        Ok(Self::new(poll, Some(signals), listeners, settings, desk(bell)?))
    }

    fn new(
        poll: Poll,
        signals: Option<StopSignals>,
        listeners: Listeners,
        settings: Settings,
        desk: D,
    ) -> Self {
        let laid_out = settings.connections.unwrap_or(LAID_OUT).min(LAID_OUT) as usize;
        let mut outbox = Outbox::new().laid_out_for(laid_out);
        outbox.metrics.bounds = Bounds { connections: settings.connections, memory: settings.memory };
        let addresses = Addresses::new(settings.per_address, settings.proxies.clone());
        Self {
            poll,
            signals,
            listeners,
            table: Table::new(addresses, laid_out),
            deadlines: Deadlines::of_all(settings.patience, laid_out),
            unfinished: Deadlines::of_few(settings.patience),
            stalled: Deadlines::of_few(settings.patience),
            settings,
            outbox,
            scratch: vec![0; SCRATCH],
            again: Vec::new(),
            paused: BTreeSet::new(),
            waiting: VecDeque::new(),
            findings: Vec::new(),
            drained: Vec::new(),
            mail_left: false,
            settling: false,
            stop_at: None,
            desk,
        }
    }

    /// Where it listens: what the kernel made of port 0.
    pub fn places(&self) -> impl Iterator<Item = Place> {
        self.listeners.places()
    }

    /// Runs until it is told to stop and has stopped.
    ///
    /// # Errors
    /// Only what makes going on impossible: the poll itself fails.
    pub fn run(&mut self) -> io::Result<()> {
        let clock = Clock::start();
        let mut events = Events::with_capacity(EVENTS_PER_TURN);
        while !self.has_stopped() {
            let timeout = self.wait(clock.now()).map(|span| Duration::from_millis(span.0));
            match self.poll.poll(&mut events, timeout) {
                Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
                _ => {}
            }
            let began = clock.micros();
            self.turn(began, events.iter().map(Happened::from));
            self.outbox.metrics.turns.observe(clock.micros().saturating_sub(began));
        }
        info!("stopped");
        Ok(())
    }

    /// All of a turn but the poll. `began` is the time in microseconds, which never goes back; an event may be stale.
    fn turn(&mut self, began: u64, happened: impl Iterator<Item = Happened>) {
        let now = Millis(began / 1000);
        self.outbox.metrics.now = began;
        trace!("turn at {} ms: {} to read again", now.0, self.again.len());

        let again = std::mem::take(&mut self.again);
        for event in happened {
            self.happened(now, event);
        }
        for id in again {
            self.read_again(now, id);
        }
        for caller in self.listeners.accept_again(now, &mut self.outbox.metrics) {
            self.greet(now, caller);
        }

        for conn in std::mem::take(&mut self.drained) {
            self.desk.drained(now, conn, &mut self.outbox);
        }
        self.mail_left = self.desk.mail(now, &mut self.outbox);
        // Before deadlines: who has its answer is not late with it.
        self.end_answered(now);
        self.go_on_reading(now);
        self.take_leave(now);

        self.expire(now);
        self.desk.fan_out(&mut self.outbox);
        self.hang_up(now);

        self.flush(now);
        self.reap(now);
        self.outbox.metrics.levels = Levels {
            connections: self.table.len(),
            paused: self.paused.len() + self.waiting.len(),
            unsent: self.table.unsent(),
            held: self.held(),
        };
    }

    /// How long the poll may wait; `None` for as long as nothing happens.
    fn wait(&self, now: Millis) -> Option<Span> {
        let work_is_left = !self.again.is_empty() || !self.drained.is_empty() || self.mail_left;
        if work_is_left || !self.outbox.is_idle() {
            return Some(Span(0));
        }
        let next = [
            self.deadlines.next(),
            self.unfinished.next(),
            self.stalled.next(),
            self.desk.deadline(),
            self.listeners.deadline(),
            self.paused.first().map(|(until, ..)| *until),
            self.stop_at,
        ];
        Some(next.into_iter().flatten().min()?.since(now))
    }

    fn happened(&mut self, now: Millis, event: Happened) {
        match event.source {
            Source::Signals => {
                if self.signals.as_mut().is_none_or(StopSignals::came) {
                    self.stop(now);
                }
            }
            // Mail is taken in each turn anyway.
            Source::Bell => {}
            Source::Listener(index) => {
                for caller in self.listeners.accept(now, index, &mut self.outbox.metrics) {
                    self.greet(now, caller);
                }
            }
            Source::Conn(slot) => {
                let Some((_, conn)) = self.table.conn(slot) else { return };
                if event.writable {
                    conn.unblock();
                    if conn.unsent_len() > 0 {
                        self.outbox.mark(slot);
                    }
                }
                // Who is on the list is read by it, later in this turn: one share a turn is enough for anybody.
                let is_listed = conn.is_listed();
                if !is_listed && (event.readable || event.ended) {
                    self.read(now, slot, event.ended);
                }
            }
        }
    }

    fn wait_for(&mut self, now: Millis, slot: u32, waits: Waits) {
        match waits {
            // The deadline of the handshake counts from accept.
            Waits::ForHead => {}
            // Like that one, these two are not moved on by what comes meanwhile.
            Waits::ForBody => self.set_once(slot, Deadline::Message, now),
            Waits::ForAnswer => self.set_once(slot, Deadline::Answer, now),
            Waits::ForWords => self.deadlines.set(slot, Deadline::Idle, now),
            Waits::ForEnd if self.deadlines.of(slot) == Some(Deadline::Progress) => {}
            Waits::ForEnd => self.set_once(slot, Deadline::Close, now),
        }
    }

    fn set_once(&mut self, slot: u32, deadline: Deadline, now: Millis) {
        if self.deadlines.of(slot) != Some(deadline) {
            self.deadlines.set(slot, deadline, now);
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
                Deadline::Answer => {
                    let Some((id, conn)) = self.table.conn(slot) else { continue };
                    conn.end_waiting(now, id, &mut self.desk, &mut self.outbox);
                    self.wait_for(now, slot, Waits::ForEnd);
                    self.list(id);
                }
                late => {
                    // A thousand may have come at once, and what this one sent may lie there unread.
                    let owes_request = matches!(late, Deadline::Handshake | Deadline::Message);
                    if owes_request && self.has_brought_it(now, slot) {
                        continue;
                    }
                    debug!("conn {slot}: too late with {late:?}");
                    match late {
                        Deadline::Handshake => self.outbox.metrics.hangups.add(Cut::LateHead.name()),
                        Deadline::Message => self.outbox.metrics.hangups.add(Cut::LateBody.name()),
                        Deadline::Pong => self.outbox.metrics.hangups.add(Cut::NoPong.name()),
                        // It was counted when it began to end.
                        _ => {}
                    }
                    self.lost(now, slot);
                }
            }
        }
        while let Some((slot, _)) = self.unfinished.pop_late(now) {
            self.outbox.hang_up(slot, Cause::UnfinishedMessage);
        }
        while let Some((slot, _)) = self.stalled.pop_late(now) {
            self.findings.push((slot, Flushed::OverBudget));
        }
        self.desk.expire(now, &mut self.outbox);
        if self.stop_at.is_some_and(|at| at <= now) {
            for slot in self.table.slots() {
                self.lost(now, slot);
            }
        }
    }

    fn has_brought_it(&mut self, now: Millis, slot: u32) -> bool {
        let waited = self.table.conn(slot).map(|(_, conn)| conn.waits());
        self.read(now, slot, false);
        self.table.conn(slot).map(|(_, conn)| conn.waits()) != waited
    }
}

#[cfg(test)]
mod tests;
