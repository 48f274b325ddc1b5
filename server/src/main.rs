//! The Snug server.
fn main() {}
