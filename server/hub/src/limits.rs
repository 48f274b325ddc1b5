//! What the hub has to be told once, and every bound it keeps, each with its reason. Plain data: must not know where
//! a setting comes from.

use protocol::chat::event::Durability;
use protocol::chat::id::Epoch;
use protocol::limits::{MAX_MESSAGE, MAX_PEOPLE_LISTED, MAX_TEXT};
use protocol::time::Span;

/// At most one `presence` a room in this time. Short enough to look immediate, long enough that a hundred clients that
/// come back together cost each other one event instead of a hundred.
pub const PRESENCE_EVERY: Span = Span(250);

/// The most rooms that `rooms` names, the fullest ones. With the longest topics the answer is 125 KB, half of what may
/// wait for a connection.
pub const MAX_ROOMS_LISTED: usize = 200;

/// Whether there is no place for one more. A limit of 0 is lifted.
pub(crate) fn is_reached(limit: u32, count: usize) -> bool {
    limit > 0 && count >= limit as usize
}

/// What the hub is told at its birth.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The life of the logs that numbers belong to. Told in `welcome`.
    pub epoch: Epoch,
    /// What a tick means. Told in `welcome`.
    pub durability: Durability,
    /// The server's name and version, for people. Told in `welcome`.
    pub version: &'static str,
    /// What this server can do beyond the base. Told in `welcome`.
    pub features: &'static [&'static str],
    /// Random, and known to nobody outside, so that nobody can choose names that meet in one bucket.
    pub hash_seed: u64,
    /// How many rooms a `snug.v1` connection may be in; a plain one is in one. Each costs a member's place in the
    /// room and eight bytes of the session, and makes each rename one event more. 0: as many as it likes.
    pub rooms_per_connection: u32,
    /// How many connections a person may have. More than anybody has programs and screens, few enough that a person's
    /// list, which is walked whenever one of them enters, leaves or says something, stays short. 0: any number.
    pub connections_per_person: u32,
    /// How many rooms may be resident, that is, have somebody in them. Each takes about 200 bytes and its name, so
    /// this many are 2 MB, and names are made up faster than they are used up. 0: any number.
    pub rooms: u32,
    /// How many people a list names. In a larger room only the count is told, since everybody who comes would cost a
    /// line for each who is there. 0: any number.
    pub people_listed: u32,
    /// For how many connections, and as many persons, tables are laid out at the start. That is address space, and
    /// becomes memory where somebody comes to use it. 0: they grow as people come, which leaves holes in the heap.
    pub laid_out: u32,
    /// How many messages a join costs beyond its own, at the rate that a connection is held to: it is told to a whole
    /// room, and answered with a page. 0: none.
    pub join_cost: u32,
    /// How many messages a rename costs beyond its own: it is told at once in all rooms of the person, while comers and
    /// goers are put together. 0: none.
    pub rename_cost: u32,
    /// The longest text of an entry, in bytes. Told in `welcome`; kept by the types of `protocol`.
    pub text: u32,
    /// The longest message of a client, in bytes. Told in `welcome`; kept by the connection.
    pub message: u32,
}

impl Settings {
    /// The usual bounds. `hash_seed` has to be random outside of tests.
    #[must_use]
    pub fn new(epoch: Epoch, durability: Durability, version: &'static str, hash_seed: u64) -> Self {
        Self {
            epoch,
            durability,
            version,
            features: &[],
            hash_seed,
            rooms_per_connection: 32,
            connections_per_person: 16,
            rooms: 10_000,
            laid_out: 0,
            people_listed: MAX_PEOPLE_LISTED as u32,
            // At 100 messages a second, 200 at once: 33 joins at once, more than a client that comes back needs; and
            // 16 a second when kept up.
            join_cost: 5,
            // 7 renames at once, and not quite 4 a second when kept up.
            rename_cost: 25,
            text: MAX_TEXT as u32,
            message: MAX_MESSAGE as u32,
        }
    }

    /// Whether so many people are too many to be listed.
    pub(crate) fn is_crowd(&self, people: u32) -> bool {
        self.people_listed > 0 && people > self.people_listed
    }

    /// The most names of comers and goers that a room keeps between two `presence` events: a whole listed room replaced
    /// by another. Beyond that only the new count is told.
    pub(crate) fn changes_named(&self) -> usize {
        match self.people_listed {
            0 => usize::MAX,
            listed => (listed as usize).saturating_mul(2),
        }
    }
}
