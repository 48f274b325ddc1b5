//! The engine that keeps entries on a disk: what it keeps, and what it does when the disk is full, fails, is cut off or
//! has gone bad.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "../support/chance.rs"]
#[allow(dead_code, reason = "others use more of it")]
mod chance;
mod cuts;
mod damage;
mod desk;
mod faults;
mod figures;
mod folder;
mod full;
mod lives;
#[path = "../support/mount.rs"]
mod mount;
mod vfs;
