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
//!
//! Where things are, from the ground up (a file uses only what stands above it here):
//!
//! ```text
//! limits    the settings, each bound with its reason        nick            a nick as it is kept
//! input, effect   the two ends of the door                  fault           what can be wrong with a request
//! dense     tables by small number
//! session   one connection: who it is, where it is          person          who exists, under which nick
//! presence  who came and went, not yet told                 behind          which members are not live
//! room      one room, and all rooms by name                 hub             the state as a whole, and the door
//! tell      how state is put into events                    membership      who enters and leaves what
//! replay    how those who are behind catch up               check           what must hold at all times
//! command   one file for each thing that can be asked
//! ```
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod behind;
mod check;
mod command;
mod dense;
pub mod effect;
mod fault;
mod hub;
pub mod input;
pub mod limits;
mod membership;
mod nick;
mod person;
mod presence;
mod replay;
mod room;
mod session;
mod tell;

pub use hub::{Counts, Hub};
pub use limits::Settings;
pub use nick::SmallNick;
pub use room::RoomId;
