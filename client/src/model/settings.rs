//! With what a model begins. Must not know where it comes from: the command line, chance, or an earlier run.

use protocol::chat::id::SessionKey;
use protocol::chat::name::{Nick, RoomName};
use protocol::chat::request::Envelope;

use super::room::Place;

/// Which nick is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wish {
    /// Any: the server gives a guest name.
    Guest,
    /// This one, or one like it.
    Like(Nick<'static>),
    /// This one and no other.
    Exactly(Nick<'static>),
}

/// With what a model begins.
#[derive(Debug)]
pub struct Settings {
    /// Which nick is wanted.
    pub wish: Wish,
    /// The rooms to enter.
    pub rooms: Vec<RoomName<'static>>,
    /// How many old entries each of them shall bring at first, if it is not known how far it was read.
    pub last: u32,
    /// After which entry the first of the rooms shall be read: a number of the epoch in which the server is then.
    pub after: Option<u64>,
    /// Whether to go on trying when the very first connection fails.
    pub patient: bool,
    /// The key of this person: fresh random bytes, or that of an earlier run.
    pub session: SessionKey,
    /// What an earlier run of this person has left behind.
    pub kept: Kept,
    /// Where the other random numbers come from.
    pub seed: [u64; 4],
}

/// What an earlier run has left behind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kept {
    /// What was said and not confirmed, in the order it was typed.
    pub unconfirmed: Vec<Envelope<'static>>,
    /// The same, where it is not known any more which person has said it: it cannot be sent again.
    pub nobodys: Vec<Envelope<'static>>,
    /// How far rooms' logs were read.
    pub places: Vec<Place>,
    /// The rooms it was in when it was cut short; none if it ended well.
    pub rooms: Vec<RoomName<'static>>,
}
