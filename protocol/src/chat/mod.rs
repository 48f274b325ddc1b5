//! What people say to each other, and the two dialects it is written in.
//!
//! [`name`] and [`id`] are types whose constructor is the validation. [`request`] is all a client can ask and
//! [`event`] all a server can tell, both exhaustive. [`wire`] writes them as JSON (`snug.v1`), [`plain`] as lines of
//! text, [`slash`] is the one table of typed commands. Nothing here knows that WebSockets exist.

pub mod event;
mod fault;
mod fold;
pub mod id;
mod json;
mod letters;
pub mod name;
pub mod people;
pub mod plain;
mod raw;
pub mod request;
pub mod slash;
pub mod wire;
mod written;
