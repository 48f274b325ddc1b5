//! The Snug terminal client: what people type goes out, what others say comes in.
//!
//! Parts that do not know each other are joined in [`app`]: [`link`] (the connection), [`term`] (the terminal),
//! [`model`] (what is known about the chat: pure), [`state`] (what survives a crash) and the two faces, [`plain`] (for
//! people) and [`pipe`] (for programs). [`ui`] holds what a face is made of.

pub mod app;
pub mod args;
pub mod link;
pub mod login;
pub mod model;
pub mod pipe;
pub mod plain;
pub mod state;
pub mod term;
pub mod ui;

use std::io::Write;

/// Says something on stderr, behind the program's name, as tools do. What a server sent is made harmless.
pub fn say_on_stderr(program: &str, sentence: &str) {
    // Where nobody listens on stderr either, there is nobody to tell.
    let _ = writeln!(std::io::stderr(), "{program}: {}", ui::harmless::line(sentence));
}
