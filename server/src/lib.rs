//! The Snug server.
