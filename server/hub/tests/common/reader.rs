//! A program that reads: what it keeps of each room outlives its connections, which may break with words on the way. It
//! knows nothing but what it has taken in, and goes by the rules of PROTOCOL.md, sections 5 and 9. With them it must
//! never meet a gap that it was not told of, nor an entry twice (but for its own, of which it may have had the tick).

use std::collections::{BTreeMap, BTreeSet};

use protocol::chat::event::Event;
use protocol::chat::id::{Epoch, SessionKey};
use protocol::chat::request::Since;

use super::Parcel;

#[derive(Default)]
pub struct Reader {
    /// The key of its person, by the last `welcome`.
    pub key: Option<SessionKey>,
    /// The epoch, by the last `welcome`.
    epoch: Option<Epoch>,
    pub rooms: BTreeMap<String, Progress>,
}

/// How far a room's log has been read.
#[derive(Default)]
pub struct Progress {
    /// The position: the number of the last entry it has, and all before it, since it began.
    pub seq: Option<u64>,
    /// The epoch that this number is of.
    pub epoch: Option<Epoch>,
    /// When each entry was said that it has, by its number: no two entries have the same time.
    pub entries: BTreeMap<u64, u64>,
    /// Its own entries of which it has had the tick, but not yet the entry itself: that may come or not.
    ticked: BTreeSet<u64>,
}

impl Reader {
    /// It takes something in.
    pub fn reads(&mut self, parcel: &Parcel) {
        match &parcel.event {
            Event::Welcome(e) => {
                self.key = SessionKey::parse(&e.session);
                self.epoch = Epoch::parse(&e.epoch);
            }
            Event::Joined(e) => {
                let since = parcel.since.expect("a join is answered with what it asked for");
                let room = self.room(&e.room);
                match since {
                    // The number is still of its old epoch: a reset may follow.
                    Since::After { epoch, seq } => room.goes_on(epoch, seq),
                    Since::Last(_) => *room = Progress::default(),
                }
            }
            Event::Reset(e) => *self.room(&e.room) = Progress::default(),
            Event::Message(e) => {
                let epoch = self.epoch;
                self.room(&e.room).message(epoch, e.entry.seq, e.entry.time);
            }
            Event::Stored(e) => {
                let epoch = self.epoch;
                self.room(&e.room).tick(epoch, e.seq, e.time);
            }
            _ => {}
        }
    }

    fn room(&mut self, name: &str) -> &mut Progress {
        self.rooms.entry(name.into()).or_default()
    }
}

impl Progress {
    /// What it was ticked beyond its position comes again, or is no longer there if an old copy was put back.
    fn goes_on(&mut self, epoch: Epoch, seq: u64) {
        (self.seq, self.epoch) = (Some(seq), Some(epoch));
        self.entries.retain(|kept, _| *kept <= seq);
        self.ticked.clear();
    }

    fn message(&mut self, epoch: Option<Epoch>, seq: u64, time: u64) {
        let before = self.entries.insert(seq, time);
        assert!(before.is_none_or(|before| before == time), "{seq} is another entry than before");
        let had_the_tick = self.ticked.remove(&seq);
        match self.seq {
            Some(last) if seq <= last => assert!(had_the_tick, "{seq} came again after {last}"),
            Some(last) => {
                assert_eq!(seq, last + 1, "nothing is missing between {last} and {seq}");
                (self.seq, self.epoch) = (Some(seq), epoch);
            }
            None => (self.seq, self.epoch) = (Some(seq), epoch),
        }
    }

    fn tick(&mut self, epoch: Option<Epoch>, seq: u64, time: u64) {
        self.entries.insert(seq, time);
        self.ticked.insert(seq);
        if self.seq.is_some_and(|last| seq == last + 1) {
            (self.seq, self.epoch) = (Some(seq), epoch);
        }
    }
}
