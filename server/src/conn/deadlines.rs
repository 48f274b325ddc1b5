//! By when something must have happened on a connection. Owns four queues of slots; must not know what is done when
//! one is late.
//!
//! All timeouts of one kind are equally long, so whoever is put in last is due last: a queue per kind, no sorting.
//! The queues are linked through one table indexed by slot, so putting in, taking out and moving are O(1) and a
//! connection costs 16 bytes. In one table a connection has one deadline at a time; the reactor has one table for what
//! its state waits for, and a small one each for the few that have a message unfinished or do not keep up.

use std::collections::BTreeMap;

use protocol::time::{Millis, Span};

use crate::thrift;

/// What a connection has to do in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deadline {
    /// Send its whole request head. Counts from accept and is never extended: a byte now and then does not help.
    Handshake,
    /// Send anything at all. When it is late, we ping.
    Idle,
    /// Answer the ping with anything at all. When it is late, nobody is there.
    Pong,
    /// Finish the closing handshake and hang up.
    Close,
    /// Finish the message it has begun, or the body of its request, however many bytes come meanwhile.
    Message,
    /// Take some of what waits for it.
    Progress,
    /// Be answered. It is we who are late, or rather the store.
    Answer,
}

impl Deadline {
    const ALL: [Self; 7] =
        [Self::Handshake, Self::Idle, Self::Pong, Self::Close, Self::Message, Self::Progress, Self::Answer];
}

/// How long each may take.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// For [`Deadline::Handshake`].
    pub handshake: Span,
    /// For [`Deadline::Idle`].
    pub idle: Span,
    /// For [`Deadline::Pong`].
    pub pong: Span,
    /// For [`Deadline::Close`].
    pub close: Span,
    /// For [`Deadline::Message`].
    pub message: Span,
    /// For [`Deadline::Progress`].
    pub progress: Span,
    /// For [`Deadline::Answer`].
    pub answer: Span,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            // A head is one packet. Five seconds are plenty on the worst radio link.
            handshake: Span::secs(5),
            // Home routers forget idle connections after a minute or more.
            idle: Span::secs(30),
            // 75 s after its last word a silent peer is gone: long enough for two lost pings and their repetition.
            pong: Span::secs(45),
            // RFC 6455 section 7.1.1: the peer should close promptly; who does not is cut off.
            close: Span::secs(2),
            // A page of text takes seconds on a 9600 baud radio; who takes longer keeps memory on purpose.
            message: Span::secs(30),
            // A link that is down for half a minute is a link to come back by.
            progress: Span::secs(30),
            // A memory card may be busy with itself for many seconds; who posts by a script has time.
            answer: Span::secs(60),
        }
    }
}

impl Patience {
    const fn span(&self, deadline: Deadline) -> Span {
        match deadline {
            Deadline::Handshake => self.handshake,
            Deadline::Idle => self.idle,
            Deadline::Pong => self.pong,
            Deadline::Close => self.close,
            Deadline::Message => self.message,
            Deadline::Progress => self.progress,
            Deadline::Answer => self.answer,
        }
    }
}

const NONE: u32 = u32::MAX;

#[derive(Clone, Copy, Debug)]
struct Link {
    due: Due,
    before: u32,
    after: u32,
}

/// When something is due, and what, in one word.
#[derive(Clone, Copy, Debug)]
struct Due(u64);

impl Due {
    const NEVER: Self = Self(u64::MAX);

    /// The last three bits are the deadline's place in [`Deadline::ALL`]; 2^61 milliseconds are enough.
    fn new(time: Millis, deadline: Deadline) -> Self {
        const { assert!(Deadline::ALL.len() < 8) };
        // A deadline may be lifted, and is then at the end of time.
        Self(time.0.min(u64::MAX >> 3) << 3 | deadline as u64)
    }

    fn time(self) -> Millis {
        Millis(self.0 >> 3)
    }

    fn deadline(self) -> Option<Deadline> {
        Deadline::ALL.get((self.0 & 7) as usize).copied()
    }
}

const UNLINKED: Link = Link { due: Due::NEVER, before: NONE, after: NONE };

/// By slot.
#[derive(Debug)]
enum Links {
    /// For all connections.
    All(Vec<Link>),
    /// For the few that have any at a time: more for each, and nothing when it is gone.
    Few(BTreeMap<u32, Link>),
}

impl Links {
    fn find(&self, slot: u32) -> Option<Link> {
        match self {
            Self::All(table) => table.get(slot as usize).copied(),
            Self::Few(few) => few.get(&slot).copied(),
        }
    }

    fn find_mut(&mut self, slot: u32) -> Option<&mut Link> {
        match self {
            Self::All(table) => table.get_mut(slot as usize),
            Self::Few(few) => few.get_mut(&slot),
        }
    }

    fn put(&mut self, slot: u32, link: Link) {
        match self {
            Self::All(table) => {
                thrift::reach(table, slot as usize, UNLINKED);
                table[slot as usize] = link;
            }
            Self::Few(few) => drop(few.insert(slot, link)),
        }
    }

    fn remove(&mut self, slot: u32) {
        match self {
            Self::All(table) => table[slot as usize] = UNLINKED,
            Self::Few(few) => drop(few.remove(&slot)),
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct Queue {
    head: u32,
    tail: u32,
}

/// See the module's head.
#[derive(Debug)]
pub struct Deadlines {
    links: Links,
    queues: [Queue; Deadline::ALL.len()],
    patience: Patience,
}

impl Deadlines {
    /// Nobody has a deadline, and everybody will have one. The table is laid out for so many connections.
    #[must_use]
    pub fn of_all(patience: Patience, connections: usize) -> Self {
        Self::new(patience, Links::All(Vec::with_capacity(connections)))
    }

    /// Nobody has a deadline, and few will have one at a time.
    #[must_use]
    pub fn of_few(patience: Patience) -> Self {
        Self::new(patience, Links::Few(BTreeMap::new()))
    }

    fn new(patience: Patience, links: Links) -> Self {
        Self { links, queues: [Queue { head: NONE, tail: NONE }; Deadline::ALL.len()], patience }
    }

    /// Gives a connection a deadline that begins now, in place of the one it had.
    pub fn set(&mut self, slot: u32, deadline: Deadline, now: Millis) {
        self.remove(slot);
        let queue = &mut self.queues[deadline as usize];
        let before = core::mem::replace(&mut queue.tail, slot);
        match self.links.find_mut(before) {
            Some(before) => before.after = slot,
            None => queue.head = slot,
        }
        let due = Due::new(now.plus(self.patience.span(deadline)), deadline);
        self.links.put(slot, Link { due, before, after: NONE });
    }

    /// Takes a connection's deadline away, if it has one.
    pub fn remove(&mut self, slot: u32) {
        let Some(link) = self.links.find(slot) else { return };
        let Some(deadline) = link.due.deadline() else { return };
        let queue = &mut self.queues[deadline as usize];
        match self.links.find_mut(link.before) {
            Some(before) => before.after = link.after,
            None => queue.head = link.after,
        }
        match self.links.find_mut(link.after) {
            Some(after) => after.before = link.before,
            None => queue.tail = link.before,
        }
        self.links.remove(slot);
    }

    /// The deadline a connection has.
    #[must_use]
    pub fn of(&self, slot: u32) -> Option<Deadline> {
        self.links.find(slot)?.due.deadline()
    }

    /// When the next one is due.
    #[must_use]
    pub fn next(&self) -> Option<Millis> {
        self.queues.iter().filter_map(|queue| Some(self.links.find(queue.head)?.due.time())).min()
    }

    /// The connection that was put in longest ago, if all are put in for the same thing.
    #[must_use]
    pub fn oldest(&self) -> Option<u32> {
        self.queues.iter().map(|queue| queue.head).find(|head| *head != NONE)
    }

    /// Takes out one connection that is late, and says with what.
    pub fn pop_late(&mut self, now: Millis) -> Option<(u32, Deadline)> {
        for deadline in Deadline::ALL {
            let slot = self.queues[deadline as usize].head;
            let Some(link) = self.links.find(slot) else { continue };
            if link.due.time() <= now {
                self.remove(slot);
                return Some((slot, deadline));
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_speaks_is_due_later() {
        let mut deadlines = Deadlines::of_all(Patience::default(), 0);
        deadlines.set(1, Deadline::Idle, Millis(0));
        deadlines.set(2, Deadline::Idle, Millis(10));
        deadlines.set(1, Deadline::Idle, Millis(20));

        assert_eq!(deadlines.oldest(), Some(2));
        assert_eq!(deadlines.next(), Some(Millis(30_010)));
        assert_eq!(deadlines.pop_late(Millis(30_009)), None);
        assert_eq!(deadlines.pop_late(Millis(30_020)), Some((2, Deadline::Idle)));
        assert_eq!(deadlines.pop_late(Millis(30_020)), Some((1, Deadline::Idle)));
        assert_eq!(deadlines.pop_late(Millis(u64::MAX)), None);
        assert_eq!((deadlines.next(), deadlines.oldest()), (None, None));
    }

    #[test]
    fn a_connection_waits_for_one_thing_at_a_time() {
        let mut deadlines = Deadlines::of_all(Patience::default(), 0);
        deadlines.set(0, Deadline::Handshake, Millis(0));
        deadlines.set(0, Deadline::Close, Millis(100));
        assert_eq!(deadlines.of(0), Some(Deadline::Close));
        assert_eq!(deadlines.pop_late(Millis(60_000)), Some((0, Deadline::Close)));
        assert_eq!(deadlines.pop_late(Millis(60_000)), None);
        assert_eq!(deadlines.of(0), None);
    }

    /// Every way of taking one out of the middle, the front and the back, against a plain list.
    #[test]
    fn the_queue_is_a_queue_whatever_is_taken_out() {
        let patience = Patience::default();
        for deadlines in [Deadlines::of_all(patience, 0), Deadlines::of_few(patience)] {
            check_queue(deadlines);
        }
    }

    fn check_queue(mut deadlines: Deadlines) {
        let mut model: Vec<u32> = Vec::new();
        let mut seed = 7_u64;
        for turn in 0..5000 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let slot = u32::try_from(seed >> 60).unwrap();
            model.retain(|other| *other != slot);
            if seed >> 59 & 1 == 0 {
                deadlines.set(slot, Deadline::Idle, Millis(turn));
                model.push(slot);
            } else {
                deadlines.remove(slot);
            }
        }
        let mut left = Vec::new();
        while let Some((slot, _)) = deadlines.pop_late(Millis(u64::MAX)) {
            left.push(slot);
        }
        assert_eq!(left, model);
        if let Links::Few(few) = deadlines.links {
            assert!(few.is_empty(), "nothing is left of those who are not waited for");
        }
    }

    #[test]
    fn a_connection_costs_16_bytes() {
        assert_eq!(size_of::<Link>(), 16);
    }

    #[test]
    fn a_word_has_room_for_the_time_and_the_deadline() {
        for deadline in Deadline::ALL {
            let due = Due::new(Millis(1 << 60), deadline);
            assert_eq!((due.time(), due.deadline()), (Millis(1 << 60), Some(deadline)));
        }
        assert_eq!(Due::NEVER.deadline(), None);
    }
}
