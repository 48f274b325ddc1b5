//! What this turn has to say, and to whom. Owns the turn's bytes; must not know sockets, frames or rooms.
//!
//! Bytes are written once into a *log*: one private log for what concerns a single connection, and as many shared
//! logs as the desk asks for. What a connection is due is a list of *segments*, ranges of those logs. The flush phase
//! gathers them into one vectored write. Nothing outlives the turn: [`Outbox::clear`] forgets it all, so a slow reader
//! pins nothing.

use std::ops::Range;

use super::cause::{self, Cause};
use crate::metrics::Metrics;
use crate::thrift;

/// A log of this turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogId(u32);

impl LogId {
    /// The log for what concerns a single connection.
    pub const PRIVATE: Self = Self(0);

    fn index(self) -> usize {
        self.0 as usize
    }
}

/// A place in a log. 32 bits are enough: what one turn may read and apply is bounded far below 4 GiB.
pub type Offset = u32;

const NONE: u32 = u32::MAX;

/// In the place of a first segment: it is to be flushed, and nothing is due to it.
const FLUSH_ALONE: u32 = NONE - 1;

/// How many bytes of memory the logs together keep for the next turn, those opened first before the others. Letting in 64
/// at once writes 20 KiB, and so does a room in which eight people send without end; more is given back.
const KEEP: usize = 32 * 1024;

/// How many logs are kept, full or empty: two for each of the rooms that speak in one turn of a busy server.
const LOGS: usize = 512;

/// With so many bytes a turn has enough to say. A few words can ask for long answers (`rooms`, `who`), and many answers
/// to one read are memory that no other limit sees.
const ENOUGH: usize = 256 * 1024;

/// See the module's head.
#[derive(Debug, Default)]
pub struct Outbox {
    /// `logs[0]` is the private one. Those behind `used` are spare.
    logs: Vec<Vec<u8>>,
    used: usize,
    segments: Vec<Segment>,
    /// By slot: the first and last segment due to it.
    due: Vec<Due>,
    /// Slots to be flushed, each once.
    dirty: Vec<u32>,
    /// Connections the desk wants ended after this turn's bytes.
    hangups: Vec<Hangup>,
    /// Connections whose desk wants to know when all is sent.
    awaited: Vec<u32>,
    /// Connections that waited for an answer, and have it.
    answered: Vec<u32>,
    /// What was charged for what is being taken in.
    charged: u64,
    /// How many bytes this turn's logs have.
    written: usize,
    /// What is counted. It travels here since whoever has something to say has something to count.
    pub metrics: Metrics,
}

#[derive(Clone, Copy, Debug)]
struct Segment {
    log: LogId,
    start: Offset,
    end: Offset,
    next: u32,
}

/// For each connection there ever was at the same time: 8 bytes.
#[derive(Clone, Copy, Debug)]
struct Due {
    head: u32,
    tail: u32,
}

const NOTHING_DUE: Due = Due { head: NONE, tail: NONE };

/// A connection to be ended politely.
#[derive(Clone, Copy, Debug)]
pub struct Hangup {
    /// The connection's slot.
    pub slot: u32,
    /// Why.
    pub cause: Cause,
}

impl Outbox {
    /// An outbox with nothing in it.
    #[must_use]
    pub fn new() -> Self {
        Self { logs: vec![Vec::new()], used: 1, metrics: Metrics::new(cause::names()), ..Self::default() }
    }

    /// With a table laid out for so many connections, and with what the turns keep: so it does not come to lie between
    /// what comes and goes.
    #[must_use]
    pub fn laid_out_for(mut self, connections: usize) -> Self {
        self.due.reserve_exact(connections);
        self.dirty.reserve_exact(thrift::kept::<u32>());
        self.segments.reserve_exact(thrift::kept::<Segment>());
        self.logs = vec![Vec::with_capacity(KEEP)];
        self
    }

    /// An empty shared log, for this turn.
    pub fn open_log(&mut self) -> LogId {
        if self.used == self.logs.len() {
            self.logs.push(Vec::new());
        }
        let id = LogId(u32::try_from(self.used).unwrap_or(NONE));
        self.used += 1;
        id
    }

    /// How long a log is by now.
    #[must_use]
    pub fn end(&self, log: LogId) -> Offset {
        self.logs.get(log.index()).map_or(0, |bytes| offset(bytes.len()))
    }

    /// Lets `write` append to a log; returns what it appended.
    pub fn append(&mut self, log: LogId, write: impl FnOnce(&mut Vec<u8>)) -> Range<Offset> {
        let Some(bytes) = self.logs.get_mut(log.index()) else { return 0..0 };
        let start = offset(bytes.len());
        write(bytes);
        let end = offset(bytes.len());
        self.written += (end - start) as usize;
        start..end
    }

    /// Appends to the private log what is due to one connection alone.
    pub fn send(&mut self, slot: u32, write: impl FnOnce(&mut Vec<u8>)) {
        let range = self.append(LogId::PRIVATE, write);
        self.push(slot, LogId::PRIVATE, range);
    }

    /// Makes a range of a log due to a connection, behind all that is due to it already.
    pub fn push(&mut self, slot: u32, log: LogId, range: Range<Offset>) {
        if range.is_empty() {
            return;
        }
        let new = offset(self.segments.len());
        let due = touch(&mut self.due, &mut self.dirty, slot);
        match self.segments.get_mut(due.tail as usize) {
            Some(last) if last.log == log && last.end == range.start => {
                last.end = range.end;
                return;
            }
            Some(last) => last.next = new,
            None => due.head = new,
        }
        due.tail = new;
        self.segments.push(Segment { log, start: range.start, end: range.end, next: NONE });
    }

    /// Puts a connection on the list of those to be flushed.
    pub fn mark(&mut self, slot: u32) {
        touch(&mut self.due, &mut self.dirty, slot);
    }

    /// What the connection that is just being listened to has asked costs so many frames beyond its own.
    pub fn charge(&mut self, frames: u32) {
        self.charged += u64::from(frames);
    }

    /// Takes out what was charged.
    pub fn take_charged(&mut self) -> u64 {
        core::mem::take(&mut self.charged)
    }

    /// Whether there is so much to say in this turn that nobody should be listened to further.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.written >= ENOUGH
    }

    /// Asks for a connection to be ended after what is due to it.
    pub fn hang_up(&mut self, slot: u32, cause: Cause) {
        self.hangups.push(Hangup { slot, cause });
    }

    /// Takes out the connections to be ended.
    pub fn take_hangups(&mut self) -> Vec<Hangup> {
        core::mem::take(&mut self.hangups)
    }

    /// Asks to be told ([`super::Desk::drained`]) when all that is due to a connection has left.
    pub fn await_drain(&mut self, slot: u32) {
        self.awaited.push(slot);
        self.mark(slot);
    }

    /// Takes out the connections whose desk waits for them.
    pub fn take_awaited(&mut self) -> Vec<u32> {
        core::mem::take(&mut self.awaited)
    }

    /// Says that a connection has been sent the answer it waited for ([`super::Verdict::Waiting`]).
    pub fn answered(&mut self, slot: u32) {
        self.answered.push(slot);
        self.mark(slot);
    }

    /// Takes out the connections that were answered.
    pub fn take_answered(&mut self) -> Vec<u32> {
        core::mem::take(&mut self.answered)
    }

    /// Whether anything waits to be flushed.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.dirty.is_empty() && self.hangups.is_empty()
    }

    /// The `index`-th connection to be flushed.
    #[must_use]
    pub fn dirty(&self, index: usize) -> Option<u32> {
        self.dirty.get(index).copied()
    }

    /// What is due to a connection, piece by piece, in order.
    pub fn pieces(&self, slot: u32) -> impl Iterator<Item = &[u8]> {
        let mut at = self.due.get(slot as usize).map_or(NONE, |due| due.head);
        std::iter::from_fn(move || {
            let segment = self.segments.get(at as usize)?;
            at = segment.next;
            self.logs.get(segment.log.index())?.get(segment.start as usize..segment.end as usize)
        })
    }

    /// Forgets the turn.
    pub fn clear(&mut self) {
        for slot in &self.dirty {
            if let Some(due) = self.due.get_mut(*slot as usize) {
                *due = NOTHING_DUE;
            }
        }
        thrift::empty(&mut self.dirty);
        thrift::empty(&mut self.segments);
        let mut left = KEEP;
        for log in self.logs.iter_mut().take(self.used) {
            log.clear();
            log.shrink_to(left);
            left = left.saturating_sub(log.capacity());
        }
        self.logs.truncate(LOGS);
        self.logs.shrink_to(LOGS);
        self.used = 1;
        self.written = 0;
    }
}

/// What is due to a connection, which is on the list of those to be flushed from now on.
fn touch<'d>(due: &'d mut Vec<Due>, dirty: &mut Vec<u32>, slot: u32) -> &'d mut Due {
    let index = slot as usize;
    thrift::reach(due, index, NOTHING_DUE);
    let due = &mut due[index];
    if due.head == NONE {
        due.head = FLUSH_ALONE;
        dirty.push(slot);
    }
    due
}

fn offset(length: usize) -> Offset {
    Offset::try_from(length).unwrap_or(Offset::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn due(outbox: &Outbox, slot: u32) -> String {
        outbox
            .pieces(slot)
            .map(|piece| String::from_utf8_lossy(piece).into_owned())
            .collect::<Vec<_>>()
            .join("|")
    }

    #[test]
    fn one_log_is_shared_and_the_private_one_is_not() {
        let mut outbox = Outbox::new();
        let room = outbox.open_log();
        outbox.send(7, |log| log.extend_from_slice(b"welcome "));
        let hello = outbox.append(room, |log| log.extend_from_slice(b"hello "));
        let world = outbox.append(room, |log| log.extend_from_slice(b"world "));
        outbox.push(7, room, hello.clone());
        outbox.push(3, room, hello);
        outbox.push(3, room, world.clone());
        outbox.push(7, room, world);
        outbox.send(3, |log| log.extend_from_slice(b"bye"));

        assert_eq!(due(&outbox, 7), "welcome |hello world ", "neighbours in a log become one piece");
        assert_eq!(due(&outbox, 3), "hello world |bye");
        assert_eq!((outbox.dirty(0), outbox.dirty(1), outbox.dirty(2)), (Some(7), Some(3), None));
    }

    #[test]
    fn a_turn_leaves_nothing_behind() {
        let mut outbox = Outbox::new();
        let room = outbox.open_log();
        let range = outbox.append(room, |log| log.extend_from_slice(&vec![b'x'; 2 * KEEP]));
        outbox.push(0, room, range);
        outbox.clear();

        assert!(outbox.is_idle());
        assert_eq!(due(&outbox, 0), "");
        assert_eq!(outbox.open_log(), room, "the log is used again");
        assert_eq!(outbox.end(room), 0);
        assert!(outbox.logs[room.index()].capacity() <= KEEP, "a long page gives its memory back");
    }

    /// A thousand rooms speak in one turn, to a thousand connections each.
    #[test]
    fn a_busy_turn_leaves_little_behind() {
        let mut outbox = Outbox::new();
        for room in 0..1000 {
            let log = outbox.open_log();
            let range = outbox.append(log, |log| log.extend_from_slice(&[b'x'; 500]));
            (0..1000).for_each(|slot| outbox.push(slot + room % 2, log, range.clone()));
        }
        outbox.clear();
        let kept: usize = outbox.logs.iter().map(Vec::capacity).sum();
        assert!(kept <= KEEP && outbox.logs.capacity() <= LOGS, "{kept} bytes in {}", outbox.logs.capacity());
        let lists = (outbox.segments.capacity() * size_of::<Segment>(), outbox.dirty.capacity() * 4);
        assert!(lists.0.max(lists.1) <= thrift::KEPT, "{lists:?}");
        assert_eq!(size_of::<Due>(), 8, "what a connection costs here from then on");
    }

    #[test]
    fn an_empty_range_makes_nobody_dirty() {
        let mut outbox = Outbox::new();
        outbox.push(1, LogId::PRIVATE, 5..5);
        assert!(outbox.is_idle());
    }
}
