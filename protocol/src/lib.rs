//! What travels between a Snug client and a Snug server.
//!
//! Two vocabularies live here, and they do not know each other:
//!
//! * the wire: [`http`] (a request's head), [`upgrade`] (RFC 6455 section 4) and [`ws`] (frames);
//! * the chat: [`chat`] (names, requests, events, and the two dialects they are written in).
//!
//! Everything is a pure function of its arguments. Bytes and the time come in, values and bytes go out. There is no
//! socket, clock, thread, random source or log call in this crate, and `no_std` makes that a compile error rather than
//! a promise. `protocol/PROTOCOL.md` specifies the same things in prose.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod chat;
pub mod http;
pub mod limits;
pub mod time;
pub mod upgrade;
pub mod ws;
