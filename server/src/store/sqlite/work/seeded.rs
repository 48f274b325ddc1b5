//! The one seeded fault (`faults.rs`) that takes more than a line: everybody but the author is told of an entry before it
//! is committed. Only there with the feature `faults`.

use std::collections::VecDeque;
use std::thread;
use std::time::Duration;

use rusqlite::Connection;

use super::super::super::{Answer, Letter};
use super::super::Sqlite;
use super::{Mode, applied, run};
use crate::faults::{self, Fault};

impl Sqlite {
    /// Without [`Fault::ToldEarly`] it changes nothing. With it, all but the authors are told in a first call (`None`:
    /// the letters stay for another), and the transaction is committed in a second, in which all its entries are found
    /// to be there.
    pub(super) fn tell_early(
        &mut self,
        wall: u64,
        letters: &VecDeque<Letter>,
        mode: Mode,
        answers: &mut VecDeque<Answer>,
    ) -> Option<Mode> {
        if !faults::has(Fault::ToldEarly) || self.conn.is_none() {
            return Some(mode);
        }
        let is_settled = |store: &Self| store.conn.as_ref().is_none_or(Connection::is_autocommit);
        if is_settled(self) {
            let outcomes = self.attempt(wall, letters, mode).unwrap_or_default();
            answers.extend(outcomes.iter().zip(letters).filter_map(applied).map(Answer::Late));
            return Some(mode).filter(|_| is_settled(self));
        }
        // The disk is slow, or nobody would ever see it.
        thread::sleep(Duration::from_millis(5));
        run(self.conn.as_ref()?, "COMMIT").ok().map(|()| Mode::LeaveUnknown)
    }
}
