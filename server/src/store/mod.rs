//! Where entries are kept: a mailbox with an engine behind it. Must not know connections, frames or rooms' members.
//!
//! Letters go in, answers come out in the order of the letters, through the mailbox and never at once. So every engine
//! takes one path: one that answers within the turn (memory) and one that waits for a disk on a thread of its own.

#[cfg(not(feature = "disk"))]
mod diskless;
mod mailbox;
mod memory;
mod page;
#[cfg(feature = "disk")]
mod sqlite;

use std::collections::VecDeque;

use hub::effect::{Recall, Record};
use hub::input::{Applied, ConnId, Recalled, Refusal};
use protocol::chat::id::{Epoch, RequestId};

#[cfg(not(feature = "disk"))]
pub use diskless::{Fault, Sqlite};
pub use mailbox::{Rhythm, Store};
pub use memory::{Memory, Ring};
#[cfg(feature = "disk")]
pub use sqlite::{Fault, Notice, Sqlite};

/// Where new epochs come from: random numbers, or none if the system has none.
pub type Epochs = Box<dyn FnMut() -> Option<Epoch> + Send>;

/// Why there is no engine on a disk: this was built without. `None` if there is one.
pub const NO_DISK: Option<&str> = if cfg!(feature = "disk") {
    None
} else {
    Some(
        "this server was built to keep messages in memory only; start it with --memory (they are gone when it stops), \
         or take one that was built with the feature 'disk'",
    )
};

/// An engine begins no further letter when its answers take this many bytes: a thousand that join at once do not have
/// all their pages in memory at the same time.
pub const ANSWERS_AT_ONCE: usize = 256 * 1024;

/// What is asked of the store.
#[derive(Clone, Debug)]
pub enum Letter {
    /// Keep this entry, and number it.
    Record(Record),
    /// Find entries.
    Recall(Recall),
}

/// What the store answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The entry is kept, as safely as this engine can.
    Applied(Applied),
    /// The entries that were found.
    Recalled(Recalled),
    /// The entry is surely not kept.
    Refused {
        /// Who sent it, if it came by one of our connections.
        conn: Option<ConnId>,
        /// Of the request.
        id: Option<RequestId<'static>>,
        /// Why not.
        reason: Refusal,
    },
    /// The disk failed: the entry may be kept or not, or what was asked for could not be read. Nothing is to be said:
    /// the connection is to be ended (1011), so that its client comes back, asks again and sends again what had no
    /// tick.
    Unknown {
        /// Whose letter it was, if it came by one of our connections.
        conn: Option<ConnId>,
    },
    /// No letter's answer: an entry of which nothing was known, and which is kept, as has turned out.
    Late(Applied),
    /// No letter's answer: the logs are not what they were, since the disk has lost some of them. Every connection is to
    /// be ended (1012), so that all come back and are told by a reset.
    NewEpoch(Epoch),
}

/// Keeps entries.
pub trait Engine: std::fmt::Debug + Send {
    /// Does what `letters` ask, in their order, takes out those that are done and answers each of them; entries as one
    /// transaction. May leave letters for the next call, but does one at least.
    ///
    /// A room's numbers are 1, 2, 3 … without a hole, given in the transaction. An entry whose `(user, id)` is kept
    /// already is not kept again: same content, and the first numbers are answered with `dup`; other content, and it
    /// is refused. `wall` is the time by the clock on the wall, in milliseconds since 1970, for decoration: an entry's
    /// time never goes back within its room, and is 0 while no believable time is known.
    ///
    /// After a failure there may be answers that belong to no letter, before or after those.
    fn work(&mut self, wall: u64, letters: &mut VecDeque<Letter>, answers: &mut VecDeque<Answer>);

    /// The life of the logs to which the numbers given now belong. [`Answer::NewEpoch`] says when it changes.
    fn epoch(&self) -> Epoch;

    /// How many bytes of memory the kept entries take, about.
    fn held(&self) -> usize;

    /// Nobody has asked for anything for a while: time to tidy up.
    fn idle(&mut self) {}

    /// What whoever runs the server has to be told since the last call, in whole sentences. What concerns everybody is
    /// said in the rooms too, as an entry of theirs. `wall` is as in [`Self::work`].
    fn complaints(&mut self, wall: u64) -> Vec<String> {
        let _ = wall;
        Vec::new()
    }
}

impl Letter {
    /// Whether it can wait for others, to be stored together with them.
    fn is_patient(&self) -> bool {
        matches!(self, Self::Record(_))
    }

    /// Whose it is, if it came by one of our connections.
    fn conn(&self) -> Option<ConnId> {
        match self {
            Self::Record(record) => record.origin,
            Self::Recall(recall) => Some(recall.conn),
        }
    }

    /// How many bytes of memory it takes, about.
    fn bytes(&self) -> usize {
        let text = match self {
            Self::Record(record) => record.text.len() + record.nick.size(),
            Self::Recall(_) => 0,
        };
        size_of::<Self>() + text
    }
}

impl Answer {
    /// Whether a letter was answered with it.
    fn is_asked(&self) -> bool {
        !matches!(self, Self::Late(_) | Self::NewEpoch(_))
    }
}

#[cfg(test)]
mod tests;
