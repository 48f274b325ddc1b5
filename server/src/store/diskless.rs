//! Stands in for `sqlite.rs` where the feature `disk` is off: an engine that cannot be opened, and says why. So nobody
//! above has to know of the feature.

use std::collections::VecDeque;
use std::fmt;
use std::path::Path;

use protocol::chat::id::Epoch;

use super::{Answer, Engine, Epochs, Letter, NO_DISK};

/// There is none.
#[derive(Debug)]
pub enum Sqlite {}

/// This server was built without a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault;

impl Sqlite {
    /// Does not open anything.
    ///
    /// # Errors
    /// Always.
    pub fn open(_folder: &Path, _wall: u64, _epochs: Epochs) -> Result<Self, Fault> {
        Err(Fault)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(NO_DISK.unwrap_or_default())
    }
}

impl std::error::Error for Fault {}

impl Engine for Sqlite {
    fn work(&mut self, _wall: u64, _letters: &mut VecDeque<Letter>, _answers: &mut VecDeque<Answer>) {
        match *self {}
    }

    fn epoch(&self) -> Epoch {
        match *self {}
    }

    fn held(&self) -> usize {
        match *self {}
    }
}
