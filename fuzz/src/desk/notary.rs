//! The store of an evening: the real memory, with little room and short pages. It answers when it may, one letter at a
//! time, and notes what it was asked and what it answered.
//!
//! One letter at a time means that the hub is told of an answer before the store looks at the next letter, so that the
//! notes are in the order in which things happened.

use std::cell::Cell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::mpsc::Sender;

use hub::effect::Purpose;
use hub::input::Refusal;
use protocol::chat::id::Epoch;
use server::store::{Answer, Engine, Letter, Memory, Ring};

pub const EPOCH: Epoch = Epoch([7; 8]);

/// Entries on one page.
const PAGE: usize = 3;

/// When all this is said to happen.
const WALL: u64 = 1_800_000_000_000;

/// What the notary has seen.
#[derive(Debug)]
pub enum Note {
    /// A letter was put into the mailbox.
    Posted(Letter),
    /// A letter was answered.
    Answered(Answer),
}

/// What the store may do at present.
#[derive(Debug, Default)]
pub struct Leave {
    /// How many letters it may answer.
    pub letters: Cell<usize>,
    /// It has no space left.
    pub is_full: Cell<bool>,
}

#[derive(Debug)]
pub struct Notary {
    memory: Memory,
    leave: Rc<Leave>,
    notes: Sender<Note>,
    /// How many of the letters in the mailbox are noted.
    seen: usize,
    answered: u64,
}

impl Notary {
    pub fn new(ring: Ring, leave: Rc<Leave>, notes: Sender<Note>) -> Self {
        Self { memory: Memory::new(EPOCH, ring), leave, notes, seen: 0, answered: 0 }
    }

    fn answer(&mut self, letter: Letter) -> Answer {
        if let (Letter::Record(record), true) = (&letter, self.leave.is_full.get()) {
            let (conn, id) = (record.origin, record.id.clone());
            return Answer::Refused { conn, id, reason: Refusal::StorageFull };
        }
        let mut answers = VecDeque::new();
        self.memory.work(WALL + self.answered, &mut VecDeque::from([letter]), &mut answers);
        assert_eq!(answers.len(), 1, "each letter is answered");
        let mut answer = answers.remove(0).expect("one answer");
        if let Answer::Recalled(recalled) = &mut answer {
            if recalled.entries.len() > PAGE && !matches!(recalled.purpose, Purpose::History { .. }) {
                recalled.entries.truncate(PAGE);
                recalled.more = true;
            }
        }
        answer
    }
}

impl Engine for Notary {
    fn work(&mut self, _: u64, letters: &mut VecDeque<Letter>, answers: &mut VecDeque<Answer>) {
        for letter in letters.iter().skip(self.seen) {
            self.notes.send(Note::Posted(letter.clone())).expect("the witness listens");
        }
        self.seen = letters.len();
        let leave = self.leave.letters.get();
        if leave == 0 {
            return;
        }
        let Some(letter) = letters.pop_front() else { return };
        self.leave.letters.set(leave - 1);
        self.seen -= 1;
        self.answered += 1;
        let answer = self.answer(letter);
        self.notes.send(Note::Answered(answer.clone())).expect("the witness listens");
        answers.push_back(answer);
    }

    fn epoch(&self) -> Epoch {
        EPOCH
    }

    fn held(&self) -> usize {
        self.memory.held()
    }
}
