//! Who has heard what: what is lost, doubled, and out of order, counted exactly for each receiver and each sender. Must
//! not know connections, times, or how lines are sent.
//!
//! Person number `p` is in room `p` modulo the rooms, and the first of each room are its senders. For each receiver and
//! each sender of its room stands the number that is expected next; whoever is in order costs one comparison. Numbers
//! that were skipped are remembered until they come: only so can a double be told from what is late.

use std::collections::HashSet;

/// What a line that came is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arrival {
    /// It came for the first time, and so many before it have not come yet.
    First(u32),
    /// It was overtaken by others, and came for the first time.
    Late,
    /// It is one's own line, for the first time: this server sends it to its sender too.
    Own,
    /// It came before.
    Double,
    /// Nobody who could be heard here has said it.
    Stray,
}

/// See the module's head.
#[derive(Debug)]
pub(crate) struct Tally {
    people: usize,
    rooms: usize,
    /// Senders in each room.
    seats: usize,
    /// Each sender's room, its seat among the senders there, and how many it has sent.
    senders: Vec<Sender>,
    /// The next number, for each receiver and sender of its room.
    expected: Vec<u32>,
    /// Skipped so far: which of `expected`, and the number.
    holes: HashSet<(u32, u32)>,
    /// Lines come back to their senders here.
    echoes: bool,
    /// What came, each line once for each receiver.
    arrived: u64,
    doubled: u64,
    reordered: u64,
    strays: u64,
}

#[derive(Clone, Copy, Debug)]
struct Sender {
    room: u32,
    seat: u32,
    sent: u32,
}

impl Tally {
    /// Nobody has said anything.
    pub(crate) fn new(people: usize, rooms: usize, seats: usize) -> Self {
        let sender =
            |number| Sender { room: (number % rooms) as u32, seat: (number / rooms) as u32, sent: 0 };
        Self {
            people,
            rooms,
            seats,
            senders: (0..seats * rooms).map(sender).collect(),
            expected: vec![0; people * seats],
            holes: HashSet::new(),
            echoes: false,
            arrived: 0,
            doubled: 0,
            reordered: 0,
            strays: 0,
        }
    }

    /// The number of a sender's next line.
    pub(crate) fn says(&mut self, sender: usize) -> u32 {
        let Some(sender) = self.senders.get_mut(sender) else { return 0 };
        sender.sent += 1;
        sender.sent - 1
    }

    /// A receiver has heard a line of a sender.
    pub(crate) fn hears(&mut self, receiver: usize, sender: usize, number: u32) -> Arrival {
        let Some(&Sender { room, seat, sent }) = self.senders.get(sender) else { return self.stray() };
        let stream = receiver * self.seats + seat as usize;
        let Some(expected) = self.expected.get_mut(stream) else { return self.stray() };
        if room != receiver as u32 % self.rooms as u32 || number >= sent {
            return self.stray();
        }
        let mut arrival = Arrival::First(0);
        if number == *expected {
            *expected += 1;
        } else if number > *expected {
            self.holes.extend((*expected..number).map(|skipped| (stream as u32, skipped)));
            arrival = Arrival::First(number - *expected);
            *expected = number + 1;
        } else if self.holes.remove(&(stream as u32, number)) {
            self.reordered += 1;
            arrival = Arrival::Late;
        } else {
            self.doubled += 1;
            return Arrival::Double;
        }
        self.arrived += 1;
        if receiver == sender {
            self.echoes = true;
            return Arrival::Own;
        }
        arrival
    }

    /// It is nobody's whom we know.
    pub(crate) fn stray(&mut self) -> Arrival {
        self.strays += 1;
        Arrival::Stray
    }

    /// How many others hear what is said in a room.
    pub(crate) fn listeners(&self, room: usize) -> usize {
        (self.people.saturating_sub(room)).div_ceil(self.rooms).saturating_sub(1)
    }

    /// All lines that were said.
    pub(crate) fn sent(&self) -> u64 {
        self.senders.iter().map(|sender| u64::from(sender.sent)).sum()
    }

    /// What was skipped, and has not come since. It has surely been overtaken.
    pub(crate) fn skipped(&self) -> u64 {
        self.holes.len() as u64
    }

    /// What was said and has not come, beyond what was skipped: it may be on its way.
    pub(crate) fn outstanding(&self) -> u64 {
        let due = self.senders.iter().map(|sender| {
            let receivers = self.listeners(sender.room as usize) + usize::from(self.echoes);
            u64::from(sender.sent) * receivers as u64
        });
        due.sum::<u64>().saturating_sub(self.arrived + self.skipped())
    }

    /// What came more than once: each time but the first.
    pub(crate) const fn doubled(&self) -> u64 {
        self.doubled
    }

    /// What was overtaken by what was said after it, and came.
    pub(crate) const fn reordered(&self) -> u64 {
        self.reordered
    }

    /// What nobody said whom one could hear.
    pub(crate) const fn strays(&self) -> u64 {
        self.strays
    }

    /// Whether lines come back to their senders.
    pub(crate) const fn echoes(&self) -> bool {
        self.echoes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two rooms: 0, 2 and 4 in the one, 1 and 3 in the other. 0 and 1 talk.
    fn tally() -> Tally {
        Tally::new(5, 2, 1)
    }

    /// Lost (as far as it is sure), outstanding, doubled, reordered, strays.
    fn sums(tally: &Tally) -> [u64; 5] {
        [tally.skipped(), tally.outstanding(), tally.doubled(), tally.reordered(), tally.strays()]
    }

    fn say(tally: &mut Tally, sender: usize, count: u32) {
        for _ in 0..count {
            tally.says(sender);
        }
    }

    #[test]
    fn all_is_well() {
        let mut tally = tally();
        assert_eq!((tally.listeners(0), tally.listeners(1)), (2, 1));
        assert_eq!([tally.says(0), tally.says(0), tally.says(1)], [0, 1, 0]);
        assert_eq!(sums(&tally), [0, 5, 0, 0, 0]);
        for (receiver, sender, number) in [(2, 0, 0), (2, 0, 1), (3, 1, 0), (4, 0, 0), (4, 0, 1)] {
            assert_eq!(tally.hears(receiver, sender, number), Arrival::First(0));
        }
        assert_eq!((sums(&tally), tally.sent(), tally.echoes()), ([0; 5], 3, false));
    }

    #[test]
    fn what_is_skipped_is_lost_until_it_comes() {
        let mut tally = tally();
        say(&mut tally, 0, 5);
        tally.hears(2, 0, 0);
        assert_eq!(tally.hears(2, 0, 3), Arrival::First(2));
        // 1 and 2 were overtaken; 4 is on its way, and so is all to person 4.
        assert_eq!(sums(&tally), [2, 1 + 5, 0, 0, 0]);
        assert_eq!(tally.hears(2, 0, 2), Arrival::Late);
        assert_eq!(sums(&tally), [1, 6, 0, 1, 0]);
        assert_eq!(tally.hears(2, 0, 1), Arrival::Late);
        assert_eq!(sums(&tally), [0, 6, 0, 2, 0]);
    }

    #[test]
    fn a_double_is_one_also_beside_a_gap() {
        let mut tally = tally();
        say(&mut tally, 0, 4);
        tally.hears(2, 0, 0);
        tally.hears(2, 0, 2); // 1 is missing
        assert_eq!(tally.hears(2, 0, 0), Arrival::Double);
        assert_eq!(tally.hears(2, 0, 2), Arrival::Double);
        // The gap is as it was, and nothing is called out of order.
        assert_eq!(sums(&tally), [1, 1 + 4, 2, 0, 0]);
        assert_eq!(tally.hears(2, 0, 1), Arrival::Late);
        assert_eq!(tally.hears(2, 0, 1), Arrival::Double);
        assert_eq!(sums(&tally), [0, 1 + 4, 3, 1, 0]);
    }

    #[test]
    fn a_double_of_the_latest() {
        let mut tally = tally();
        say(&mut tally, 1, 1);
        assert_eq!(tally.hears(3, 1, 0), Arrival::First(0));
        assert_eq!(tally.hears(3, 1, 0), Arrival::Double);
        assert_eq!(sums(&tally), [0, 0, 1, 0, 0]);
    }

    #[test]
    fn the_gaps_of_two_receivers_are_two() {
        let mut tally = tally();
        say(&mut tally, 0, 2);
        tally.hears(2, 0, 1);
        tally.hears(4, 0, 0);
        tally.hears(4, 0, 1);
        assert_eq!(sums(&tally), [1, 0, 0, 0, 0]);
        assert_eq!(tally.hears(4, 0, 0), Arrival::Double);
        assert_eq!(tally.hears(2, 0, 0), Arrival::Late);
        assert_eq!(sums(&tally), [0, 0, 1, 1, 0]);
    }

    #[test]
    fn a_server_that_echoes_owes_its_senders_too() {
        let mut tally = tally();
        say(&mut tally, 0, 2);
        assert_eq!(tally.outstanding(), 4);
        assert_eq!(tally.hears(0, 0, 0), Arrival::Own);
        // Now it is known that the second owes itself to its sender as well.
        assert_eq!((tally.echoes(), tally.outstanding()), (true, 5));
        assert_eq!(tally.hears(0, 0, 0), Arrival::Double);
        assert_eq!(tally.hears(0, 0, 1), Arrival::Own);
        assert_eq!(sums(&tally), [0, 4, 1, 0, 0]);
    }

    #[test]
    fn what_cannot_be_is_a_stray() {
        let mut tally = tally();
        say(&mut tally, 0, 1);
        // Of the other room; not said yet; of nobody; to nobody.
        for (receiver, sender, number) in [(3, 0, 0), (2, 0, 1), (2, 2, 0), (2, 1 << 23, 0), (99, 0, 0)] {
            assert_eq!(tally.hears(receiver, sender, number), Arrival::Stray, "{receiver} {sender} {number}");
        }
        assert_eq!(sums(&tally), [0, 2, 0, 0, 5]);
    }

    #[test]
    fn two_senders_in_each_of_two_rooms() {
        // 0 and 2 talk in the one room, 1 and 3 in the other.
        let mut tally = Tally::new(6, 2, 2);
        (0..4).for_each(|sender| say(&mut tally, sender, 1));
        assert_eq!(tally.outstanding(), 4 * 2);
        for (receiver, sender) in [(0, 2), (2, 0), (4, 0), (4, 2), (1, 3), (3, 1), (5, 1), (5, 3)] {
            assert_eq!(tally.hears(receiver, sender, 0), Arrival::First(0), "{receiver} {sender}");
        }
        assert_eq!((tally.outstanding(), sums(&tally)), (0, [0; 5]));
    }
}
