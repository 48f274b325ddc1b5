//! One room as this client knows it: who is there, and how far its log has been read. Must not know the other rooms,
//! or the connection.

use std::collections::BTreeMap;

use protocol::chat::event::Person;
use protocol::chat::id::Epoch;
use protocol::chat::name::RoomName;
use protocol::chat::people::People;
use protocol::chat::request::Since;

use super::news::Said;

/// How far a room's log has been read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Which room.
    pub room: RoomName<'static>,
    /// The epoch in which the number was learnt.
    pub epoch: Epoch,
    /// The number of the last entry that was shown, or that one did not want to see.
    pub seq: u64,
}

/// A room we are in, or want to be in.
#[derive(Debug)]
pub struct Room {
    /// Its name.
    pub name: RoomName<'static>,
    /// Whether the server has let us in, on this connection.
    pub inside: bool,
    /// Whether we have been inside before.
    pub known: bool,
    /// How many people are there.
    pub count: u32,
    /// Its topic; empty if there is none.
    pub topic: String,
    /// How far its log has been read.
    pub log: Log,
    /// Nicks by user; empty if they are too many to list.
    people: BTreeMap<String, String>,
}

impl Room {
    /// A room that we want to be in, whose log has been read so far.
    #[must_use]
    pub fn new(name: RoomName<'static>, position: Option<(Epoch, u64)>) -> Self {
        let (log, people) = (Log::read_to(position), BTreeMap::new());
        Self { name, inside: false, known: false, count: 0, topic: String::new(), log, people }
    }

    /// How far its log has been read, if any of it has.
    #[must_use]
    pub fn place(&self) -> Option<Place> {
        let (epoch, seq) = self.log.position()?;
        Some(Place { room: self.name.clone(), epoch, seq })
    }

    /// The nicks of those who are there, as far as they are known.
    pub fn nicks(&self) -> impl Iterator<Item = &str> {
        self.people.values().map(String::as_str)
    }

    /// The server has told who is there.
    pub fn list(&mut self, people: Option<&People>, count: u32) {
        self.count = count;
        let people = people.into_iter().flat_map(People::iter);
        self.people = people.map(|person| (person.user.to_string(), person.nick.to_string())).collect();
    }

    /// Somebody came. Returns the nick, unless they were there already.
    pub fn entered(&mut self, person: &Person<'_>) -> Option<String> {
        let was = self.people.insert(person.user.to_string(), person.nick.to_string());
        was.is_none().then(|| person.nick.to_string())
    }

    /// Somebody went. Returns the nick, unless they were not there.
    pub fn went(&mut self, person: &Person<'_>) -> Option<String> {
        self.people.remove(person.user.as_ref())
    }

    /// Somebody has another nick. Returns whether that is news here.
    pub fn renamed(&mut self, user: &str, nick: &str) -> bool {
        match self.people.get_mut(user) {
            Some(known) if known != nick => {
                nick.clone_into(known);
                true
            }
            _ => false,
        }
    }
}

/// How far a room's log has been read. Each entry comes out once, in the order of the numbers.
///
/// A tick may overtake entries that still come as pages of the past; our own entry is then *parked* until its turn.
#[derive(Debug, Default)]
pub struct Log {
    /// The last number that came out, and the epoch it was learnt in.
    position: Option<(Epoch, u64)>,
    parked: BTreeMap<u64, Said>,
}

impl Log {
    /// A log that has been read up to a place.
    #[must_use]
    pub fn read_to(position: Option<(Epoch, u64)>) -> Self {
        Self { position, parked: BTreeMap::new() }
    }

    /// The last number that came out, and the epoch it was learnt in.
    #[must_use]
    pub fn position(&self) -> Option<(Epoch, u64)> {
        self.position
    }

    /// From where on the past is wanted: after what is known, else the latest `last`.
    #[must_use]
    pub fn since(&self, last: u32) -> Since {
        match self.position {
            Some((epoch, seq)) => Since::After { epoch, seq },
            None => Since::Last(last),
        }
    }

    /// We are in. If nothing is known yet, the latest `wanted` entries of `first..=end` will follow.
    ///
    /// A position that is known stays as it is, in its old epoch: until something more is heard, the server may yet
    /// say that it is of no use. What was parked is dropped: it comes again, or is no longer there, if somebody put an
    /// old copy of the logs back and another entry has its number.
    pub fn joined(&mut self, epoch: Epoch, first: u64, end: u64, wanted: u32) {
        let before = first.saturating_sub(1).max(end.saturating_sub(u64::from(wanted)));
        self.position.get_or_insert((epoch, before));
        self.parked.clear();
    }

    /// The position was of no use. The latest `wanted` entries of `first..=end` will follow.
    pub fn reset(&mut self, epoch: Epoch, first: u64, end: u64, wanted: u32) {
        self.position = None;
        self.joined(epoch, first, end, wanted);
    }

    /// An entry came. Returns what comes out now.
    pub fn entry(&mut self, epoch: Epoch, said: Said) -> Vec<Said> {
        let seq = said.seq;
        if self.position.is_some_and(|(_, last)| seq <= last) {
            return Vec::new();
        }
        let later = self.parked.split_off(&seq);
        let mut out: Vec<Said> = std::mem::replace(&mut self.parked, later).into_values().collect();
        self.parked.remove(&seq);
        out.push(said);
        self.advance(epoch, seq, &mut out);
        out
    }

    /// Our own entry was stored. Returns what comes out now.
    pub fn tick(&mut self, epoch: Epoch, said: Said) -> Vec<Said> {
        let seq = said.seq;
        match self.position {
            // It was stored long ago, but lies before what came after a reset. Late is better than never.
            Some((_, last)) if seq <= last => vec![said],
            Some((_, last)) if seq > last.saturating_add(1) => {
                self.parked.insert(seq, said);
                Vec::new()
            }
            _ => {
                let mut out = vec![said];
                self.advance(epoch, seq, &mut out);
                out
            }
        }
    }

    /// An entry of a kind that this version cannot show: it is counted.
    pub fn skip(&mut self, epoch: Epoch, seq: u64) -> Vec<Said> {
        let mut out = Vec::new();
        if self.position.is_none_or(|(_, last)| seq > last) {
            self.advance(epoch, seq, &mut out);
        }
        out
    }

    fn advance(&mut self, epoch: Epoch, mut last: u64, out: &mut Vec<Said>) {
        while let Some(next) = self.parked.remove(&last.saturating_add(1)) {
            last = next.seq;
            out.push(next);
        }
        self.position = Some((epoch, last));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::chat::event::Kind;

    const ONE: Epoch = Epoch([1; 8]);
    const TWO: Epoch = Epoch([2; 8]);

    fn said(seq: u64) -> Said {
        Said { seq, nick: "bob".into(), text: "x".into(), kind: Kind::Talk, mine: false }
    }

    fn numbers(out: Vec<Said>) -> Vec<u64> {
        out.into_iter().map(|said| said.seq).collect()
    }

    #[test]
    fn each_entry_comes_out_once() {
        let mut log = Log::default();
        assert_eq!(log.since(50), Since::Last(50));
        log.joined(ONE, 1, 3, 50);
        assert_eq!(numbers(log.entry(ONE, said(1))), [1]);
        assert_eq!(numbers(log.entry(ONE, said(2))), [2]);
        assert_eq!(numbers(log.entry(ONE, said(2))), [0; 0]);
        assert_eq!(numbers(log.entry(ONE, said(1))), [0; 0]);
        assert_eq!(numbers(log.entry(ONE, said(3))), [3]);
        assert_eq!(log.since(50), Since::After { epoch: ONE, seq: 3 });
    }

    #[test]
    fn a_tick_that_overtakes_a_page_waits_for_its_turn() {
        let mut log = Log::default();
        log.joined(ONE, 1, 2, 50);
        assert_eq!(numbers(log.tick(ONE, said(3))), [0; 0]);
        assert_eq!(numbers(log.entry(ONE, said(1))), [1]);
        assert_eq!(numbers(log.entry(ONE, said(2))), [2, 3]);
        assert_eq!(numbers(log.tick(ONE, said(4))), [4]);
        // The page may also bring the entry itself.
        assert_eq!(numbers(log.tick(ONE, said(6))), [0; 0]);
        assert_eq!(numbers(log.entry(ONE, said(5))), [5, 6]);
        assert_eq!(numbers(log.entry(ONE, said(6))), [0; 0]);
    }

    /// Alice's 3 is ticked before 2 has come; then the connection breaks, and the server comes back with an old copy of
    /// its logs, which ends with 1. Bob is given 3 by now.
    #[test]
    fn what_was_parked_does_not_take_the_place_of_another_entry() {
        let mut log = Log::default();
        log.joined(ONE, 1, 2, 50);
        assert_eq!(numbers(log.entry(ONE, said(1))), [1]);
        assert_eq!(numbers(log.tick(ONE, said(3))), [0; 0]);
        log.joined(TWO, 1, 3, 50);
        assert_eq!(numbers(log.entry(TWO, said(2))), [2]);
        assert_eq!(numbers(log.entry(TWO, said(3))), [3]);
    }

    #[test]
    fn a_kind_that_is_not_known_is_counted() {
        let mut log = Log::default();
        log.joined(ONE, 0, 0, 50);
        assert_eq!(numbers(log.skip(ONE, 1)), [0; 0]);
        assert_eq!(numbers(log.tick(ONE, said(2))), [2]);
        assert_eq!(log.since(50), Since::After { epoch: ONE, seq: 2 });
    }

    #[test]
    fn a_number_belongs_to_the_epoch_it_was_learnt_in() {
        let mut log = Log::default();
        log.joined(ONE, 1, 7, 0);
        assert_eq!(log.since(0), Since::After { epoch: ONE, seq: 7 });
        // The server has restarted and let us in, but a reset may yet follow: 7 is still a number of the old epoch.
        log.joined(TWO, 1, 9, 0);
        assert_eq!(log.since(0), Since::After { epoch: ONE, seq: 7 });
        log.entry(TWO, said(8));
        assert_eq!(log.since(0), Since::After { epoch: TWO, seq: 8 });
        log.reset(ONE, 1, 60, 50);
        assert_eq!(log.since(0), Since::After { epoch: ONE, seq: 10 });
        assert_eq!(numbers(log.entry(ONE, said(11))), [11]);
    }
}
