//! The Snug server: an event loop, the connections, the store, and the desk that joins them to the chat.
//!
//! Floors, and a file imports only from floors below its own:
//!
//! ```text
//! 5  main.rs, config.rs      choose, build, run, exit code
//! 4  reactor.rs              poll, and the fixed order of one turn; knows no rooms
//! 3  server.rs, fan_out.rs, posts.rs, telling.rs   the desk: applies the hub's effects
//! 2  conn/ web/ store/       organs; none imports another
//! 1  hub (crate)             persons, rooms, commands -> effects
//! 0  protocol (crate)        frames, requests, events
//! ```
#![forbid(unsafe_code)]

pub mod clock;
pub mod config;
pub mod conn;
#[cfg(any(test, feature = "scripted"))]
pub mod fake;
mod fan_out;
pub mod faults;
pub mod listeners;
pub mod logging;
pub mod metrics;
mod posts;
pub mod reactor;
pub mod server;
pub mod signal;
mod source;
#[cfg(any(test, feature = "scripted"))]
pub mod stage;
pub mod store;
mod telling;
mod thrift;
pub mod web;
pub mod worker;
