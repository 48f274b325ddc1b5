//! The Snug terminal client: what people type goes out, what others say comes in.
//!
//! Parts that do not know each other are joined in [`app`]: [`link`] (the connection), [`term`] (the terminal),
//! [`model`] (what is known about the chat: pure) and the two faces, [`plain`] (for people) and [`pipe`] (for
//! programs). [`ui`] holds what a face is made of, [`args`] the command line, [`clock`] the time.

pub mod app;
pub mod args;
pub mod clock;
pub mod link;
pub mod model;
pub mod pipe;
pub mod plain;
pub mod term;
pub mod ui;
