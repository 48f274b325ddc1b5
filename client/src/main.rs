//! The Snug client.
fn main() {}
