//! The Snug client.
