//! One connection: from its request head through the WebSocket to the last byte. Must not know rooms or the hub's
//! state: what a message means is asked of a [`Desk`], what is to be said goes to the [`Outbox`].
//!
//! ```text
//! Head ──101──▶ Open ──close sent and received──▶ Draining ──end of stream──▶ freed
//!   └──────────── any other answer ─────────────────▲
//! ```
//!
//! An idle connection holds no heap: the decoder has none between messages, the head buffer goes with the upgrade,
//! and what could not be sent at once is freed when it is sent.

pub mod deadlines;
pub mod outbox;
pub mod table;
pub mod transport;

use std::io::{self, IoSlice};

use hub::input::ConnId;
use log::{debug, trace};
use mio::{Registry, Token};
use protocol::http::{Head, HeadBuffer, Refusal};
use protocol::time::{Millis, Span};
use protocol::ws::encode::{self, Opcode};
use protocol::ws::{CloseCode, CloseFrame, Closing, Decoder, Reply, Rules, Step, Violation};

use self::outbox::{Hangup, Outbox};
use self::transport::Transport;

/// How many bytes one connection may keep unsent. A reader that is behind by more is not reading.
pub const MAX_UNSENT: usize = 256 * 1024;

/// What a connection's messages mean. The chat is one desk, the conformance echo another.
pub trait Desk {
    /// A whole request head has come. The desk sends its answer through `outbox`.
    fn request(&mut self, now: Millis, conn: ConnId, head: &Head<'_>, outbox: &mut Outbox) -> Verdict;

    /// A message has come.
    fn message(&mut self, now: Millis, conn: ConnId, message: Message<'_>, outbox: &mut Outbox);

    /// An upgraded connection has ended. Nothing may be sent to it any more.
    fn closed(&mut self, now: Millis, conn: ConnId, outbox: &mut Outbox);

    /// Takes in what workers have answered. True if some is left for the next turn.
    fn mail(&mut self, now: Millis, outbox: &mut Outbox) -> bool;

    /// Does what is due.
    fn expire(&mut self, now: Millis, outbox: &mut Outbox);

    /// When [`Desk::expire`] has something to do.
    fn deadline(&self) -> Option<Millis>;

    /// Makes what was said in rooms due to those who are in them. The last call before the flush.
    fn fan_out(&mut self, outbox: &mut Outbox);
}

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is a WebSocket now.
    Upgraded,
    /// It was answered; nothing more is read from it.
    Answered,
}

/// A message, whole.
#[derive(Clone, Copy, Debug)]
pub enum Message<'a> {
    /// Text.
    Text(&'a str),
    /// Anything else.
    Binary(&'a [u8]),
}

/// What every connection is held to. Read from the flags once.
#[derive(Clone, Copy, Debug)]
pub struct Manners {
    /// What its frames are held to.
    pub rules: Rules,
    /// How often it may send a frame; `None` for as often as it likes.
    pub pace: Option<Pace>,
    /// How much it may keep unsent.
    pub max_unsent: usize,
}

/// A rate with a burst.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Microseconds that one frame costs.
    pub cost: u64,
    /// Microseconds of cost that may be run up at once.
    pub burst: u64,
}

impl Pace {
    /// So many frames a second, and twice as many at once.
    #[must_use]
    pub fn per_second(frames: u32) -> Option<Self> {
        let cost = 1_000_000_u64.checked_div(u64::from(frames))?;
        Some(Self { cost, burst: 2_000_000 })
    }
}

/// See the module's head.
#[derive(Debug)]
pub struct Conn {
    transport: Transport,
    phase: Phase,
    unsent: Option<Box<Unsent>>,
    /// When what was run up will be worked off, in microseconds of the clock (the generic cell rate algorithm).
    worked_off: u64,
    generation: u32,
    address: [u8; 16],
    closing: Closing,
    /// The kernel takes no more; a writable edge will tell.
    blocked: bool,
    /// Reading waits until what was run up is worked off.
    paused: bool,
    /// The desk knows it and has to be told of its end.
    known: bool,
    /// It is on the list of those to be freed.
    dead: bool,
}

/// The table is as long as the server was ever full, so every byte counts. Debug builds of mio add an id to every
/// socket.
#[cfg(not(debug_assertions))]
const _: () = assert!(size_of::<Conn>() <= 96);

#[derive(Debug)]
enum Phase {
    Head(Box<HeadBuffer>),
    Open(Decoder),
    Draining,
}

#[derive(Debug, Default)]
struct Unsent {
    bytes: Vec<u8>,
    sent: usize,
}

/// What a connection waits for, as far as deadlines go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waits {
    /// For the rest of its request head.
    ForHead,
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
    /// More waits than is allowed.
    OverBudget,
    /// The socket is broken.
    Broken,
}

impl Conn {
    fn new(transport: Transport, generation: u32, address: u128) -> Self {
        Self {
            transport,
            phase: Phase::Head(Box::new(HeadBuffer::new())),
            unsent: None,
            worked_off: 0,
            generation,
            address: address.to_be_bytes(),
            closing: Closing::Open,
            blocked: false,
            paused: false,
            known: false,
            dead: false,
        }
    }

    /// Reads once. `Ok(0)` is the end of the stream.
    ///
    /// # Errors
    /// As [`Transport::read`].
    pub fn read(&mut self, scratch: &mut [u8]) -> io::Result<usize> {
        self.transport.read(scratch)
    }

    /// Puts the socket under the poll's eyes.
    ///
    /// # Errors
    /// As [`Transport::register`].
    pub fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        self.transport.register(registry, token)
    }

    /// Takes in what was read.
    pub fn receive<D: Desk>(
        &mut self,
        now: Millis,
        id: ConnId,
        mut input: &mut [u8],
        manners: &Manners,
        desk: &mut D,
        outbox: &mut Outbox,
    ) {
        if let Phase::Head(buffer) = &mut self.phase {
            match buffer.feed(&mut input) {
                Ok(false) => return,
                Ok(true) => self.judge_head(now, id, desk, outbox),
                Err(refusal) => self.refuse(id, &refusal, outbox),
            }
        }
        let frames = self.receive_frames(now, id, input, manners, desk, outbox);
        if let Some(pace) = manners.pace {
            self.worked_off =
                self.worked_off.max(micros(now)).saturating_add(pace.cost.saturating_mul(frames));
        }
    }

    fn judge_head<D: Desk>(&mut self, now: Millis, id: ConnId, desk: &mut D, outbox: &mut Outbox) {
        let Phase::Head(buffer) = std::mem::replace(&mut self.phase, Phase::Draining) else { return };
        let head = match Head::parse(buffer.bytes()) {
            Ok(head) => head,
            Err(refusal) => return self.refuse(id, &refusal, outbox),
        };
        trace!("conn {}: {} {}", id.slot, head.method(), head.path());
        if desk.request(now, id, &head, outbox) == Verdict::Upgraded {
            self.phase = Phase::Open(Decoder::new());
            self.known = true;
        }
    }

    fn refuse(&mut self, id: ConnId, refusal: &Refusal, outbox: &mut Outbox) {
        debug!("conn {}: refused with {}: {refusal}", id.slot, refusal.status());
        outbox.send(id.slot, |log| refusal.respond(log));
        self.phase = Phase::Draining;
    }

    /// Decodes and hands on; returns how many steps there were. What comes after a close is not looked at.
    fn receive_frames<D: Desk>(
        &mut self,
        now: Millis,
        id: ConnId,
        mut input: &mut [u8],
        manners: &Manners,
        desk: &mut D,
        outbox: &mut Outbox,
    ) -> u64 {
        let mut frames = 0;
        loop {
            let Phase::Open(decoder) = &mut self.phase else { return frames };
            let step = match decoder.next(&manners.rules, &mut input) {
                Ok(Some(step)) => step,
                Ok(None) => return frames,
                Err(violation) => {
                    self.violated(now, id, violation, desk, outbox);
                    return frames;
                }
            };
            frames += 1;
            if let Step::Close(frame) = &step {
                trace!("conn {}: close received, {:?}", id.slot, frame.as_ref().map(|frame| frame.code));
                self.receive_close(now, id, frame.as_ref(), desk, outbox);
                return frames;
            }
            if self.closing.ignores_data() {
                continue;
            }
            trace!("conn {}: {}", id.slot, describe(&step));
            match step {
                Step::Text(text) => desk.message(now, id, Message::Text(&text), outbox),
                Step::Binary(bytes) => desk.message(now, id, Message::Binary(&bytes), outbox),
                Step::Ping(payload) => {
                    outbox.send(id.slot, |log| encode::frame(Opcode::Pong, &payload, log));
                }
                Step::Pong(_) | Step::Close(_) => {}
            }
        }
    }

    fn violated<D: Desk>(
        &mut self,
        now: Millis,
        id: ConnId,
        violation: Violation,
        desk: &mut D,
        outbox: &mut Outbox,
    ) {
        debug!("conn {}: hung up on: {violation}", id.slot);
        let reason = violation.name();
        self.send_close(now, Hangup { slot: id.slot, code: violation.close_code(), reason }, desk, outbox);
        self.phase = Phase::Draining;
    }

    fn receive_close<D: Desk>(
        &mut self,
        now: Millis,
        id: ConnId,
        frame: Option<&CloseFrame<'_>>,
        desk: &mut D,
        outbox: &mut Outbox,
    ) {
        self.tell_closed(now, id, desk, outbox);
        if self.closing.receive() == Reply::Echo {
            outbox.send(id.slot, |log| encode::close_reply(frame, log));
        }
        self.phase = Phase::Draining;
    }

    /// Begins the closing handshake, or cuts a connection off that is not a WebSocket yet. The desk hears of the end
    /// at once, so nothing can be said behind the close frame.
    pub fn send_close<D: Desk>(&mut self, now: Millis, hangup: Hangup, desk: &mut D, outbox: &mut Outbox) {
        let id = ConnId { slot: hangup.slot, generation: self.generation };
        self.tell_closed(now, id, desk, outbox);
        match self.phase {
            Phase::Head(_) => self.phase = Phase::Draining,
            Phase::Draining => return,
            Phase::Open(_) => {}
        }
        if self.closing.send() {
            trace!("conn {}: close sent, code {}", hangup.slot, hangup.code.0);
            outbox.send(hangup.slot, |log| encode::close(hangup.code, hangup.reason, log));
        }
        outbox.mark(hangup.slot);
    }

    /// Tells the desk, once, that this connection has ended.
    pub fn tell_closed<D: Desk>(&mut self, now: Millis, id: ConnId, desk: &mut D, outbox: &mut Outbox) {
        if std::mem::take(&mut self.known) {
            desk.closed(now, id, outbox);
        }
    }

    /// Writes what this turn has for it, behind what was left of earlier turns, as far as the kernel takes it.
    pub fn flush(&mut self, slot: u32, outbox: &Outbox, manners: &Manners) -> Flushed {
        if let Some(unsent) = &mut self.unsent {
            unsent.extend(outbox.pieces(slot));
        } else if self.write_pieces(slot, outbox).is_err() {
            return Flushed::Broken;
        }
        if self.write_unsent().is_err() {
            return Flushed::Broken;
        }
        trace!("conn {slot}: flushed, {} bytes are left", self.unsent_len());
        if self.unsent_len() > manners.max_unsent {
            return Flushed::OverBudget;
        }
        if self.unsent.is_none() && matches!(self.phase, Phase::Draining) {
            self.transport.finish();
        }
        Flushed::Fine
    }

    /// The usual case: nothing was left over, so the turn's pieces go to the kernel as they lie in the logs. What it
    /// does not take is copied, since the logs end with the turn.
    fn write_pieces(&mut self, slot: u32, outbox: &Outbox) -> io::Result<()> {
        // 64 pieces are 32 own messages in one turn of one room; who has more needs a second system call.
        const PIECES: usize = 64;
        let mut pieces = outbox.pieces(slot);
        while !self.blocked {
            let mut slices = [IoSlice::new(&[]); PIECES];
            let mut count = 0;
            for (slice, piece) in slices.iter_mut().zip(&mut pieces) {
                *slice = IoSlice::new(piece);
                count += 1;
            }
            let Some(slices) = slices.get(..count) else { break };
            if slices.is_empty() {
                return Ok(());
            }
            let accepted = match self.transport.write(slices) {
                Ok(accepted) => accepted,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
                Err(error) => return Err(error),
            };
            let total: usize = slices.iter().map(|slice| slice.len()).sum();
            if accepted < total {
                self.blocked = true;
                let mut unsent = Box::<Unsent>::default();
                unsent.extend(slices.iter().map(|slice| &**slice));
                unsent.sent = accepted;
                self.unsent = Some(unsent);
            }
        }
        let unsent = self.unsent.get_or_insert_default();
        unsent.extend(pieces);
        if unsent.bytes.is_empty() {
            self.unsent = None;
        }
        Ok(())
    }

    fn write_unsent(&mut self) -> io::Result<()> {
        while let Some(unsent) = &mut self.unsent {
            if self.blocked {
                return Ok(());
            }
            let rest = unsent.bytes.get(unsent.sent..).unwrap_or_default();
            match self.transport.write(&[IoSlice::new(rest)]) {
                Ok(accepted) if accepted == rest.len() => self.unsent = None,
                Ok(accepted) => {
                    unsent.sent += accepted;
                    self.blocked = true;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.blocked = true,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Ends a connection whose reader does not keep up: the close frame is the last thing that waits for it.
    pub fn give_up(&mut self) {
        if self.closing.send() {
            let unsent = self.unsent.get_or_insert_default();
            encode::close(CloseCode::AGAIN_LATER, "you read too slowly; come back", &mut unsent.bytes);
        }
    }

    /// How many bytes wait for the kernel.
    #[must_use]
    pub fn unsent_len(&self) -> usize {
        self.unsent.as_ref().map_or(0, |unsent| unsent.bytes.len() - unsent.sent)
    }

    /// The kernel takes bytes again.
    pub fn unblock(&mut self) {
        self.blocked = false;
    }

    /// What it waits for now.
    #[must_use]
    pub fn waits(&self) -> Waits {
        match self.phase {
            Phase::Head(_) => Waits::ForHead,
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

    /// How long reading has to wait for what was run up to be worked off.
    #[must_use]
    pub fn must_wait(&self, now: Millis, manners: &Manners) -> Option<Span> {
        let pace = manners.pace?;
        let over = self.worked_off.checked_sub(micros(now).saturating_add(pace.burst))?;
        // At least a millisecond, so that waiting is waiting.
        (over > 0).then(|| Span(over / 1000 + 1))
    }
}

impl Unsent {
    fn extend<'a>(&mut self, pieces: impl Iterator<Item = &'a [u8]>) {
        // What was sent goes only when something comes behind it, so a long rest is not moved at every write.
        if self.sent > 0 {
            self.bytes.drain(..self.sent);
            self.sent = 0;
        }
        for piece in pieces {
            self.bytes.extend_from_slice(piece);
        }
    }
}

fn micros(now: Millis) -> u64 {
    now.0.saturating_mul(1000)
}

/// A frame for the log: what it is and how long, never what it says.
fn describe(step: &Step<'_>) -> String {
    match step {
        Step::Text(text) => format!("text, {} bytes", text.len()),
        Step::Binary(bytes) => format!("binary, {} bytes", bytes.len()),
        Step::Ping(bytes) => format!("ping, {} bytes", bytes.len()),
        Step::Pong(bytes) => format!("pong, {} bytes", bytes.len()),
        Step::Close(_) => "close".to_owned(),
    }
}
