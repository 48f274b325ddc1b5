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
//! Members and exceptions are both sorted by slot, so one merge serves a room of any size. A room is found by its
//! number, so hundreds of rooms in one turn cost no more each.

use std::ops::Range;

use hub::input::Dialect;
use hub::{Hub, RoomId};

use crate::conn::outbox::{LogId, Offset, Outbox};
use crate::thrift;

/// How much of one room is told in one turn. What the store has beyond it waits a turn, so that others' words are
/// not held up by one room's.
const TURN_BYTES: Offset = 64 * 1024;

/// The rooms' logs of this turn.
#[derive(Debug, Default)]
pub(crate) struct FanOut {
    /// In the order in which they began to speak.
    rooms: Vec<RoomLog>,
    /// By the room's number: which of `rooms` it is, counted from 1, or 0 if none.
    places: Vec<u32>,
    /// Of all rooms.
    exceptions: Vec<Exception>,
    /// Some room has had its share.
    is_full: bool,
}

#[derive(Debug)]
struct RoomLog {
    room: RoomId,
    plain: LogId,
    v1: LogId,
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
    /// Which of the rooms, as in `places`.
    place: u32,
    slot: u32,
    /// In which order they were made. 0 for a member that is behind: that comes first, and leaves nothing.
    number: u32,
    from: Place,
    to: Place,
    instead: Range<Offset>,
}

impl Exception {
    /// Of which room, and of whom; as one number, since it is sorted by.
    fn whose(&self) -> u64 {
        whose(self.place, self.slot)
    }
}

fn whose(place: u32, slot: u32) -> u64 {
    u64::from(place) << 32 | u64::from(slot)
}

impl FanOut {
    /// Appends to a room's log what `write` makes of it in each dialect; says where it lies.
    pub(crate) fn append(
        &mut self,
        outbox: &mut Outbox,
        room: RoomId,
        mut write: impl FnMut(Dialect, &mut Vec<u8>),
    ) -> (Place, Place) {
        let (_, log) = self.open(outbox, room);
        let plain = outbox.append(log.plain, |out| write(Dialect::Plain, out));
        let v1 = outbox.append(log.v1, |out| write(Dialect::V1, out));
        self.is_full |= plain.end.max(v1.end) >= TURN_BYTES;
        (Place { plain: plain.start, v1: v1.start }, Place { plain: plain.end, v1: v1.end })
    }

    /// What was appended last is an entry; `untold` members get something else in its place.
    pub(crate) fn is_entry(&mut self, room: RoomId, untold: u64) {
        if let Some((_, log)) = self.find(room) {
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
        let (place, _) = self.open(outbox, room);
        self.except_at(place, slot, (from, to), instead);
    }

    fn except_at(&mut self, place: u32, slot: u32, (from, to): (Place, Place), instead: Range<Offset>) {
        let number = self.exceptions.len() as u32 + 1;
        self.exceptions.push(Exception { place, slot, number, from, to, instead });
    }

    /// A member gets what is said in the room from now on.
    pub(crate) fn live_from_here(&mut self, outbox: &mut Outbox, room: RoomId, slot: u32) {
        let Some((place, log)) = self.find(room) else { return };
        let here = Place { plain: outbox.end(log.plain), v1: outbox.end(log.v1) };
        log.untold += log.entries;
        self.except_at(place, slot, (Place::default(), here), 0..0);
    }

    /// Whether some room has had its share of this turn.
    pub(crate) fn is_full(&self) -> bool {
        self.is_full
    }

    /// Makes the logs due to those who are to read them, and forgets them.
    pub(crate) fn deliver(&mut self, outbox: &mut Outbox, hub: &Hub, dialect: impl Fn(u32) -> Dialect) {
        for (log, place) in self.rooms.iter().zip(1..) {
            let behind = hub.behind(log.room).map(|slot| Exception {
                place,
                slot,
                number: 0,
                from: Place::default(),
                to: END,
                instead: 0..0,
            });
            let before = self.exceptions.len();
            self.exceptions.extend(behind);
            let live = hub.members(log.room).len().saturating_sub(self.exceptions.len() - before) as u64;
            outbox.metrics.told += (log.entries * live).saturating_sub(log.untold);
        }
        self.exceptions.sort_unstable_by_key(|exception| (exception.whose(), exception.number));
        let mut exceptions = self.exceptions.iter().peekable();
        for (log, place) in self.rooms.iter().zip(1..) {
            let ends = [outbox.end(log.plain), outbox.end(log.v1)];
            for &slot in hub.members(log.room) {
                let (id, end, offset): (_, _, fn(Place) -> Offset) = match dialect(slot) {
                    Dialect::Plain => (log.plain, ends[0], |place| place.plain),
                    Dialect::V1 => (log.v1, ends[1], |place| place.v1),
                };
                let mut done = 0;
                while let Some(exception) = exceptions.next_if(|next| next.whose() <= whose(place, slot)) {
                    // Of a member that has left.
                    if exception.whose() != whose(place, slot) {
                        continue;
                    }
                    outbox.push(slot, id, done..offset(exception.from).min(end).max(done));
                    outbox.push(slot, LogId::PRIVATE, exception.instead.clone());
                    done = done.max(offset(exception.to).min(end));
                }
                outbox.push(slot, id, done..end);
            }
            if let Some(place) = self.places.get_mut(log.room.index()) {
                *place = 0;
            }
        }
        thrift::empty(&mut self.rooms);
        thrift::empty(&mut self.exceptions);
        self.is_full = false;
    }

    /// The log of a room that has said something in this turn, and its place.
    fn find(&mut self, room: RoomId) -> Option<(u32, &mut RoomLog)> {
        let place = *self.places.get(room.index())?;
        Some((place, self.rooms.get_mut((place as usize).checked_sub(1)?)?))
    }

    fn open(&mut self, outbox: &mut Outbox, room: RoomId) -> (u32, &mut RoomLog) {
        thrift::reach(&mut self.places, room.index(), 0);
        let place = &mut self.places[room.index()];
        if *place == 0 {
            let (plain, v1) = (outbox.open_log(), outbox.open_log());
            self.rooms.push(RoomLog { room, plain, v1, entries: 0, untold: 0 });
            *place = self.rooms.len() as u32;
        }
        (*place, &mut self.rooms[*place as usize - 1])
    }
}
