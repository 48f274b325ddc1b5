//! A program that reads: what it keeps of each room outlives its connections, which may break with words on the way. It
//! knows nothing but what it has taken in, and goes by the rules of PROTOCOL.md, sections 5 and 9. With them it must
//! never meet a gap that it was not told of, nor an entry twice (but for its own, of which it may have had the tick).

use std::collections::{BTreeMap, BTreeSet};

use protocol::chat::event::Event;
use protocol::chat::id::SessionKey;
use protocol::chat::request::Since;

use super::Parcel;

#[derive(Default)]
pub struct Reader {
    /// The key of its person, by the last `welcome`.
    pub key: Option<SessionKey>,
    pub rooms: BTreeMap<String, Progress>,
}

/// How far a room's log has been read.
#[derive(Default)]
pub struct Progress {
    /// The position: the number of the last entry it has, and all before it, since it began.
    pub seq: Option<u64>,
    /// Its own entries of which it has had the tick, but not yet the entry itself: that may come or not.
    ticked: BTreeSet<u64>,
}

impl Reader {
    /// It takes something in.
    pub fn reads(&mut self, parcel: &Parcel) {
        match &parcel.event {
            Event::Welcome(e) => self.key = SessionKey::parse(&e.session),
            Event::Joined(e) => {
                let since = parcel.since.expect("a join is answered with what it asked for");
                self.room(&e.room).seq = match since {
                    Since::After { seq, .. } => Some(seq),
                    Since::Last(_) => None,
                };
            }
            Event::Reset(e) => *self.room(&e.room) = Progress::default(),
            Event::Message(e) => self.room(&e.room).message(e.entry.seq),
            Event::Stored(e) => self.room(&e.room).tick(e.seq),
            _ => {}
        }
    }

    fn room(&mut self, name: &str) -> &mut Progress {
        self.rooms.entry(name.into()).or_default()
    }
}

impl Progress {
    fn message(&mut self, seq: u64) {
        let had_the_tick = self.ticked.remove(&seq);
        match self.seq {
            Some(last) if seq <= last => assert!(had_the_tick, "{seq} came again after {last}"),
            Some(last) => {
                assert_eq!(seq, last + 1, "nothing is missing between {last} and {seq}");
                self.seq = Some(seq);
            }
            None => self.seq = Some(seq),
        }
    }

    fn tick(&mut self, seq: u64) {
        self.ticked.insert(seq);
        if self.seq.is_some_and(|last| seq == last + 1) {
            self.seq = Some(seq);
        }
    }
}
