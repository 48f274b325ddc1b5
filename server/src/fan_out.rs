//! Rooms' logs of this turn, and who gets which part of them. Owns which bytes belong to which room; must not know
//! sockets, nor what the bytes say.
//!
//! What is said in a room is encoded once per dialect, into a shared log of the turn. A member is due the whole log in
//! its dialect, in one piece. The few who are not are *exceptions*: a range they do not get, and perhaps a private
//! range in its place.
//!
//! * the author of an entry gets its tick in the entry's place;
//! * the author's other connections get the entry with its id;
//! * who became live in mid-turn does not get what was said before;
//! * who is behind gets nothing from here; pages come instead.
//!
//! Members and exceptions are both sorted by slot, so one merge serves a room of any size.

use std::ops::Range;

use hub::input::Dialect;
use hub::{Hub, RoomId};

use crate::conn::outbox::{LogId, Offset, Outbox};

/// How much of one room is told in one turn. What the store has beyond it waits a turn, so that others' words are
/// not held up by one room's.
const TURN_BYTES: Offset = 64 * 1024;

/// The rooms' logs of this turn.
#[derive(Debug, Default)]
pub(crate) struct FanOut {
    rooms: Vec<RoomLog>,
}

#[derive(Debug)]
struct RoomLog {
    room: RoomId,
    plain: LogId,
    v1: LogId,
    exceptions: Vec<Exception>,
    /// How many entries are among what the log says, for the counter.
    entries: u64,
    /// How many times one of them is not told to a member that is live in the end.
    untold: u64,
}

/// A place in both logs of a room at once.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Place {
    plain: Offset,
    v1: Offset,
}

/// The end of any log.
const END: Place = Place { plain: Offset::MAX, v1: Offset::MAX };

/// What one member gets otherwise than the others.
#[derive(Clone, Debug)]
struct Exception {
    slot: u32,
    from: Place,
    to: Place,
    instead: Range<Offset>,
}

impl FanOut {
    /// Appends to a room's log what `write` makes of it in each dialect; says where it lies.
    pub(crate) fn append(
        &mut self,
        outbox: &mut Outbox,
        room: RoomId,
        mut write: impl FnMut(Dialect, &mut Vec<u8>),
    ) -> (Place, Place) {
        let log = self.open(outbox, room);
        let plain = outbox.append(log.plain, |out| write(Dialect::Plain, out));
        let v1 = outbox.append(log.v1, |out| write(Dialect::V1, out));
        (Place { plain: plain.start, v1: v1.start }, Place { plain: plain.end, v1: v1.end })
    }

    /// What was appended last is an entry; `untold` members get something else in its place.
    pub(crate) fn is_entry(&mut self, room: RoomId, untold: u64) {
        if let Some(log) = self.rooms.iter_mut().find(|log| log.room == room) {
            log.entries += 1;
            log.untold += untold;
        }
    }

    /// A member does not get this part of the room's log, but `instead`, a range of the private log.
    pub(crate) fn except(
        &mut self,
        outbox: &mut Outbox,
        room: RoomId,
        slot: u32,
        (from, to): (Place, Place),
        instead: Range<Offset>,
    ) {
        self.open(outbox, room).exceptions.push(Exception { slot, from, to, instead });
    }

    /// A member gets what is said in the room from now on.
    pub(crate) fn live_from_here(&mut self, outbox: &mut Outbox, room: RoomId, slot: u32) {
        let Some(log) = self.rooms.iter_mut().find(|log| log.room == room) else { return };
        let here = Place { plain: outbox.end(log.plain), v1: outbox.end(log.v1) };
        log.exceptions.push(Exception { slot, from: Place::default(), to: here, instead: 0..0 });
        log.untold += log.entries;
    }

    /// Whether some room has had its share of this turn.
    pub(crate) fn is_full(&self, outbox: &Outbox) -> bool {
        self.rooms.iter().any(|log| outbox.end(log.plain).max(outbox.end(log.v1)) >= TURN_BYTES)
    }

    /// Makes the logs due to those who are to read them, and forgets them.
    pub(crate) fn deliver(&mut self, outbox: &mut Outbox, hub: &Hub, dialect: impl Fn(u32) -> Dialect) {
        for mut log in self.rooms.drain(..) {
            // A stable sort: the exceptions of one member stay in the order of the log, but being behind comes first,
            // and leaves nothing of it.
            let nothing = |slot: u32| Exception { slot, from: Place::default(), to: END, instead: 0..0 };
            log.exceptions.splice(0..0, hub.behind(log.room).map(nothing));
            let live = hub.members(log.room).len().saturating_sub(hub.behind(log.room).count()) as u64;
            outbox.metrics.told += (log.entries * live).saturating_sub(log.untold);
            log.exceptions.sort_by_key(|exception| exception.slot);
            let mut exceptions = log.exceptions.as_slice();
            for &slot in hub.members(log.room) {
                let skip = exceptions.partition_point(|exception| exception.slot < slot);
                exceptions = exceptions.get(skip..).unwrap_or_default();
                let count = exceptions.partition_point(|exception| exception.slot == slot);
                let (own, rest) = exceptions.split_at(count);
                exceptions = rest;
                deliver_to(outbox, &log, slot, dialect(slot), own);
            }
        }
    }

    fn open(&mut self, outbox: &mut Outbox, room: RoomId) -> &mut RoomLog {
        // Rooms that speak in one turn are few: what many rooms say arrives over many turns.
        let index = match self.rooms.iter().position(|log| log.room == room) {
            Some(index) => index,
            None => {
                let (plain, v1) = (outbox.open_log(), outbox.open_log());
                self.rooms.push(RoomLog { room, plain, v1, exceptions: Vec::new(), entries: 0, untold: 0 });
                self.rooms.len() - 1
            }
        };
        &mut self.rooms[index]
    }
}

fn deliver_to(outbox: &mut Outbox, log: &RoomLog, slot: u32, dialect: Dialect, exceptions: &[Exception]) {
    let (id, offset): (LogId, fn(Place) -> Offset) = match dialect {
        Dialect::Plain => (log.plain, |place| place.plain),
        Dialect::V1 => (log.v1, |place| place.v1),
    };
    let end = outbox.end(id);
    let mut done = 0;
    for exception in exceptions {
        outbox.push(slot, id, done..offset(exception.from).min(end).max(done));
        outbox.push(slot, LogId::PRIVATE, exception.instead.clone());
        done = done.max(offset(exception.to).min(end));
    }
    outbox.push(slot, id, done..end);
}
