//! The chat itself: persons, their connections, rooms, and what happens when somebody asks for something.
//!
//! A state machine with one door, [`Hub::handle`]: an [`input::Input`] and the time go in, [`effect::Effect`]s come
//! out. **One input, full drain:** whoever calls takes out all effects before the next input. There is no clock,
//! socket, thread, random source or log call in here; secrets and time are handed in. So the hub is tested in virtual
//! time and replayed from a seed.
//!
//! What the hub does not hold: the entries. An entry that is said leaves as [`effect::Effect::Record`] and comes back,
//! numbered, as [`input::Input::Applied`]; the past leaves as [`effect::Effect::Recall`] and comes back as
//! [`input::Input::Recalled`]. By then the author may have left, renamed or died.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod check;
mod command;
pub mod effect;
mod hub;
pub mod input;
pub mod limits;
mod person;
mod room;

pub use hub::Hub;
pub use room::RoomId;
