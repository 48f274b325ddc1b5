//! One connection: from its request head through the WebSocket to the last byte. Must not know rooms or the hub's
//! state: what a message means is asked of a [`Desk`], what is to be said goes to the [`Outbox`].
//!
//! ```text
//! Head ──101──▶ Open ──close sent and received──▶ Draining ──end of stream──▶ freed
//!   ├──────────── any other answer ─────────────────▲
//!   └──▶ (Body ──▶) Waiting ──answer, later─────────┘
//! ```
//!
//! An idle connection holds no heap: the decoder has none between messages, the head buffer goes with the upgrade,
//! and what could not be sent at once is freed when it is sent. What comes in is in `receive.rs`.

pub mod addresses;
pub mod cause;
pub mod deadlines;
mod desk;
mod manners;
pub mod outbox;
mod receive;
pub mod table;
pub mod transport;
mod unsent;

use std::io;

use hub::input::ConnId;
use log::{debug, trace};
use mio::{Registry, Token};
use protocol::http::{BodyBuffer, HeadBuffer};
use protocol::time::{Millis, Span};
use protocol::ws::encode;
use protocol::ws::{Closing, Decoder};

use self::addresses::Place;
use self::cause::Cause;
use self::outbox::Outbox;
use self::transport::Transport;
use self::unsent::Unsent;
use crate::faults::{self, Fault};
use crate::metrics::Metrics;

pub use self::desk::{Desk, Message, Verdict};
pub use self::manners::{MAX_UNSENT, Manners, Pace};
pub use self::receive::Context;

/// See the module's head.
#[derive(Debug)]
pub struct Conn {
    transport: Transport,
    phase: Phase,
    unsent: Unsent,
    /// When what was run up will be worked off, in microseconds of the clock (the generic cell rate algorithm).
    worked_off: u64,
    generation: u32,
    /// Where it comes from.
    address: Place,
    /// What was read and not yet looked at, since it was enough for one turn. A boxed vector takes one word.
    #[expect(clippy::box_collection)]
    unread: Option<Box<Vec<u8>>>,
    closing: Closing,
    /// Reading waits until what was run up is worked off.
    paused: bool,
    /// It is on the list of those to be read again.
    listed: bool,
    /// The desk knows it and has to be told of its end.
    known: bool,
    /// It is on the list of those to be freed.
    dead: bool,
    /// More waits for it than should, and the desk was told so.
    lagging: bool,
    /// The desk wants to know when all is sent.
    awaited: bool,
}

/// The table is as long as the server was ever full, so every byte counts. Debug builds of mio add an id to every
/// socket, and a script's socket is a pointer.
#[cfg(all(target_pointer_width = "64", not(any(debug_assertions, test, feature = "scripted"))))]
const _: () = assert!(size_of::<Conn>() == 64);

#[derive(Debug)]
enum Phase {
    Head(Box<HeadBuffer>),
    Body(Box<Arriving>),
    Waiting,
    Open(Decoder),
    Draining,
}

/// A request whose body is on the way.
#[derive(Debug)]
struct Arriving {
    head: HeadBuffer,
    body: BodyBuffer,
}

/// How many bytes of memory a connection holds beyond its place in the table. Nobody is let hold 4 GiB.
#[derive(Clone, Copy, Debug, Default)]
struct Held {
    /// Of a request or a message that is not whole.
    unfinished: u32,
    /// That wait for the kernel.
    unsent: u32,
}

/// What a connection waits for, as far as deadlines go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waits {
    /// For the rest of its request head.
    ForHead,
    /// For the rest of its request's body.
    ForBody,
    /// For the answer to its request.
    ForAnswer,
    /// For whatever it says next.
    ForWords,
    /// For the peer to hang up.
    ForEnd,
}

/// What a flush came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flushed {
    /// All is sent, or waits for the kernel within the budget.
    Fine,
    /// All is sent, and the desk wanted to know it.
    Drained,
    /// Both close frames have passed and all is sent: the server closes first (RFC 6455 section 7.1.1).
    Finished,
    /// More waits than should, since this flush.
    Lags,
    /// More waits than is allowed.
    OverBudget,
    /// The socket is broken.
    Broken,
}

impl Conn {
    fn new(transport: Transport, generation: u32, address: Place) -> Self {
        Self {
            transport,
            phase: Phase::Head(Box::new(HeadBuffer::new())),
            unsent: Unsent::default(),
            worked_off: 0,
            generation,
            address,
            unread: None,
            closing: Closing::Open,
            paused: false,
            listed: false,
            known: false,
            dead: false,
            lagging: false,
            awaited: false,
        }
    }

    /// Reads once, or gives what an earlier read has left. `Ok(0)` is the end of the stream.
    ///
    /// # Errors
    /// As [`Transport::read`].
    pub fn read(&mut self, scratch: &mut [u8]) -> io::Result<usize> {
        let Some(mut unread) = self.unread.take() else { return self.transport.read(scratch) };
        let count = unread.len().min(scratch.len());
        scratch.iter_mut().zip(unread.drain(..count)).for_each(|(to, from)| *to = from);
        if !unread.is_empty() {
            self.unread = Some(unread);
        }
        Ok(count)
    }

    /// As [`Transport::register`], or fails as that does.
    pub fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        self.transport.register(registry, token)
    }

    /// As [`Transport::watch_room`], or fails as that does.
    pub fn watch_room(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        self.transport.watch_room(registry, token)
    }

    /// Begins the closing handshake, or cuts a connection off that is not a WebSocket yet. The desk hears of the end
    /// at once, so nothing can be said behind the close frame.
    pub fn send_close<D: Desk>(
        &mut self,
        now: Millis,
        id: ConnId,
        cause: Cause,
        desk: &mut D,
        outbox: &mut Outbox,
    ) {
        self.tell_closed(now, id, desk, outbox);
        match self.phase {
            // A close frame would be the answer to no request.
            Phase::Head(_) | Phase::Body(_) | Phase::Waiting => {
                self.phase = Phase::Draining;
                return outbox.mark(id.slot);
            }
            Phase::Draining => return,
            Phase::Open(_) => {}
        }
        if self.closing.send() {
            trace!("conn {}: close sent, code {}", id.slot, cause.code().0);
            outbox.metrics.hangups.add(cause.name());
            // Nothing follows a close frame.
            self.unsent.drop_last_word();
            outbox.send(id.slot, |log| encode::close(cause.code(), &cause.reason(), log));
        }
        outbox.mark(id.slot);
    }

    /// It has been sent the answer it waited for. False if it did not wait.
    pub fn answered(&mut self) -> bool {
        let has_waited = matches!(self.phase, Phase::Waiting);
        if has_waited {
            self.phase = Phase::Draining;
            self.known = false;
        }
        has_waited
    }

    /// Whether some of the answer to its request still waits for the kernel.
    #[must_use]
    pub fn is_being_answered(&self) -> bool {
        matches!(self.phase, Phase::Draining) && self.closing == Closing::Open && self.unsent_len() > 0
    }

    /// Tells the desk, once, that this connection has ended.
    pub fn tell_closed<D: Desk>(&mut self, now: Millis, id: ConnId, desk: &mut D, outbox: &mut Outbox) {
        if std::mem::take(&mut self.known) {
            desk.closed(now, id, outbox);
        }
    }

    /// Writes what this turn has for it, behind what was left of earlier turns, as far as the kernel takes it. Adds to
    /// `moved` how many bytes it took.
    pub fn flush(&mut self, slot: u32, outbox: &Outbox, manners: &Manners, moved: &mut u64) -> Flushed {
        if faults::has(Fault::AllocatePerRecipient) {
            drop(std::hint::black_box(Box::new(slot)));
        }
        if let Err(error) = self.unsent.write(&mut self.transport, outbox.pieces(slot), moved) {
            debug!("conn {slot}: {error}");
            return Flushed::Broken;
        }
        trace!("conn {slot}: flushed, {} bytes are left", self.unsent_len());
        let left = self.unsent_len();
        // Who is hung up on already, or has asked for a page, has a deadline, and is told nothing more.
        let is_open = self.waits() == Waits::ForWords;
        if left > manners.max_unsent && is_open {
            return Flushed::OverBudget;
        }
        if left > manners.lag() && !self.lagging && is_open {
            self.lagging = true;
            return Flushed::Lags;
        }
        if left > 0 {
            return Flushed::Fine;
        }
        self.drained(slot)
    }

    fn drained(&mut self, slot: u32) -> Flushed {
        self.lagging = false;
        if matches!(self.phase, Phase::Draining) {
            if self.closing.is_done() {
                return Flushed::Finished;
            }
            self.transport.finish();
        }
        if !std::mem::take(&mut self.awaited) {
            return Flushed::Fine;
        }
        trace!("conn {slot}: has read all");
        Flushed::Drained
    }

    /// Ends a connection whose reader does not keep up: the close frame is the last thing that waits for it.
    pub fn give_up(&mut self, metrics: &mut Metrics) {
        if self.closing.send() {
            let (cause, mut frame) = (Cause::TooSlow, Vec::new());
            metrics.hangups.add(cause.name());
            encode::close(cause.code(), &cause.reason(), &mut frame);
            self.unsent.drop_last_word();
            self.unsent.keep(std::iter::once(frame.as_slice()));
        }
    }

    /// The desk wants to know when all is sent.
    pub fn await_drain(&mut self) {
        self.awaited = true;
    }

    /// Whether more waits for it than should.
    #[must_use]
    pub fn is_lagging(&self) -> bool {
        self.lagging
    }

    /// Whether something was read that was not yet looked at.
    #[must_use]
    pub fn has_unread(&self) -> bool {
        self.unread.is_some()
    }

    /// Whether a message is unfinished.
    #[must_use]
    pub fn is_mid_message(&self) -> bool {
        matches!(&self.phase, Phase::Open(decoder) if decoder.is_mid_message())
    }

    /// How many bytes of memory it holds beyond its place in the table.
    #[must_use]
    fn held(&self) -> Held {
        let unfinished = match &self.phase {
            Phase::Head(buffer) => buffer.bytes().len(),
            Phase::Body(request) => request.head.bytes().len() + request.body.bytes().len(),
            Phase::Open(decoder) => decoder.held(),
            Phase::Waiting | Phase::Draining => 0,
        };
        let count = |bytes: usize| u32::try_from(bytes).unwrap_or(u32::MAX);
        let unread = self.unread.as_ref().map_or(0, |unread| unread.len());
        Held { unfinished: count(unfinished + unread), unsent: count(self.unsent_len()) }
    }

    /// How many bytes wait for the kernel.
    #[must_use]
    pub fn unsent_len(&self) -> usize {
        self.unsent.len()
    }

    /// The kernel takes bytes again.
    pub fn unblock(&mut self) {
        self.unsent.unblock();
    }

    /// What it waits for now.
    #[must_use]
    pub fn waits(&self) -> Waits {
        match self.phase {
            Phase::Head(_) => Waits::ForHead,
            Phase::Body(_) => Waits::ForBody,
            Phase::Waiting => Waits::ForAnswer,
            Phase::Open(_) if self.closing == Closing::Open => Waits::ForWords,
            Phase::Open(_) | Phase::Draining => Waits::ForEnd,
        }
    }

    /// Whether it is on the list of those to be freed.
    #[must_use]
    pub fn is_dead(&self) -> bool {
        self.dead
    }

    /// Whether reading waits until what was run up is worked off.
    #[must_use]
    pub fn is_paused(&self) -> bool {
        self.paused
    }

    /// Reads no more, until [`Conn::resume`].
    pub fn pause(&mut self) {
        self.paused = true;
    }

    /// Reads again.
    pub fn resume(&mut self) {
        self.paused = false;
    }

    /// Puts it down to be read again. False if it is down already: it is read once in a turn, whatever happens.
    pub fn list(&mut self) -> bool {
        !std::mem::replace(&mut self.listed, true)
    }

    /// Its turn to be read again has come.
    pub fn unlist(&mut self) {
        self.listed = false;
    }

    /// Whether it is read again in any case.
    #[must_use]
    pub fn is_listed(&self) -> bool {
        self.listed
    }

    /// How long reading has to wait for what was run up to be worked off.
    #[must_use]
    pub fn must_wait(&self, now: Millis, manners: &Manners) -> Option<Span> {
        manners.pace?.wait(self.worked_off, now)
    }
}
