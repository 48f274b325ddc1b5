//! By when something must have happened on a connection. Owns four queues of slots; must not know what is done when
//! one is late.
//!
//! All timeouts of one kind are equally long, so whoever is put in last is due last: a queue per kind, no sorting.
//! The queues are linked through one table indexed by slot, so putting in, taking out and moving are O(1) and a
//! connection costs 24 bytes. In one table a connection has one deadline at a time; the reactor has one table for what
//! its state waits for, and one each for the few that have a message unfinished or do not keep up.

use protocol::time::{Millis, Span};

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
    due: Millis,
    before: u32,
    after: u32,
    queue: Option<Deadline>,
}

const UNLINKED: Link = Link { due: Millis(0), before: NONE, after: NONE, queue: None };

#[derive(Clone, Copy, Debug)]
struct Queue {
    head: u32,
    tail: u32,
}

/// See the module's head.
#[derive(Debug)]
pub struct Deadlines {
    links: Vec<Link>,
    queues: [Queue; Deadline::ALL.len()],
    patience: Patience,
}

impl Deadlines {
    /// Nobody has a deadline.
    #[must_use]
    pub fn new(patience: Patience) -> Self {
        Self { links: Vec::new(), queues: [Queue { head: NONE, tail: NONE }; Deadline::ALL.len()], patience }
    }

    /// Gives a connection a deadline that begins now, in place of the one it had.
    pub fn set(&mut self, slot: u32, deadline: Deadline, now: Millis) {
        self.remove(slot);
        let index = slot as usize;
        if index >= self.links.len() {
            self.links.resize(index + 1, UNLINKED);
        }
        let queue = &mut self.queues[deadline as usize];
        let before = core::mem::replace(&mut queue.tail, slot);
        if before == NONE {
            queue.head = slot;
        } else {
            self.links[before as usize].after = slot;
        }
        self.links[index] =
            Link { due: now.plus(self.patience.span(deadline)), before, after: NONE, queue: Some(deadline) };
    }

    /// Takes a connection's deadline away, if it has one.
    pub fn remove(&mut self, slot: u32) {
        let Some(link) = self.links.get(slot as usize).copied() else { return };
        let Some(deadline) = link.queue else { return };
        let queue = &mut self.queues[deadline as usize];
        match self.links.get_mut(link.before as usize) {
            Some(before) => before.after = link.after,
            None => queue.head = link.after,
        }
        match self.links.get_mut(link.after as usize) {
            Some(after) => after.before = link.before,
            None => queue.tail = link.before,
        }
        self.links[slot as usize] = UNLINKED;
    }

    /// The deadline a connection has.
    #[must_use]
    pub fn of(&self, slot: u32) -> Option<Deadline> {
        self.links.get(slot as usize)?.queue
    }

    /// When the next one is due.
    #[must_use]
    pub fn next(&self) -> Option<Millis> {
        self.queues.iter().filter_map(|queue| Some(self.links.get(queue.head as usize)?.due)).min()
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
            let Some(link) = self.links.get(slot as usize) else { continue };
            if link.due <= now {
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
        let mut deadlines = Deadlines::new(Patience::default());
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
        let mut deadlines = Deadlines::new(Patience::default());
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
        let mut deadlines = Deadlines::new(Patience::default());
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
    }

    #[test]
    fn a_connection_costs_24_bytes() {
        assert_eq!(size_of::<Link>(), 24);
    }
}
