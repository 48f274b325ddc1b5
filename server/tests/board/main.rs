//! What somebody sees of the disk who runs a server on a board: that it fills up, that it is spared, why a start is not
//! possible, and what it all costs. The real server, its data on a real file system.

#[path = "../support/mod.rs"]
mod support;

mod figures;
mod folder;
mod full;
mod quiet;
mod starts;
mod stores;
