//! What was seen of a run from outside, and what must be true of it: the invariants A to J of delivery. Pure: it knows
//! neither servers nor sockets, so that a history can also be written by hand (`by_hand.rs`).
//!
//! A history is of one room. Everything that is said has an id and a text that nothing else has.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fmt;

/// One of those who talk or read.
pub(crate) type Person = usize;

/// Something that somebody did or was told. They stand in the order in which they happened: what is sent is written
/// down before its first byte leaves, what comes is written down after its last byte has come.
#[derive(Clone, Debug)]
pub(crate) enum Event {
    /// It is said, for the first time or again.
    Sent { by: Person, id: String, text: String },
    /// `stored` has come.
    Ticked { by: Person, id: String, seq: u64 },
    /// An `error` has come in answer to this text, and its author has given it up.
    Refused { by: Person, text: String },
    /// A reader begins with the first entry. From now on it resumes, whatever breaks.
    Begun { by: Person },
    /// `message` has come to a reader.
    Heard { by: Person, seq: u64, text: String },
    /// `reset` has come to a reader.
    Reset { by: Person, reason: String },
}

/// What is in the log in the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) seq: u64,
    pub(crate) id: String,
    pub(crate) text: String,
}

/// What must be true of every run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Invariant {
    /// What was ticked is in the log.
    A,
    /// Each id is in the log at most once.
    B,
    /// The log's numbers are 1, 2, 3 … without a hole.
    C,
    /// What a reader hears is the log from its beginning to its end: nothing missing, nothing twice, the same words.
    D,
    /// A tick's number is the number in the log.
    E,
    /// What was said after something else was ticked has a higher number.
    F,
    /// What one person said is in the order in which that person first said it.
    G,
    /// What anybody heard is in the log.
    H,
    /// What was answered with an error is not in the log.
    I,
    /// Whatever was said and not given up is in the log in the end.
    J,
}

/// A place where a history breaks an invariant.
#[derive(Clone, Debug)]
pub(crate) struct Broken {
    pub(crate) invariant: Invariant,
    how: String,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.invariant, self.how)
    }
}

/// Everything that is wrong.
pub(crate) fn check(events: &[Event], log: &[Entry]) -> Vec<Broken> {
    let mut court = Court::new(log);
    court.the_log_itself(log);
    court.ticks(events);
    court.order(events);
    court.readers(events);
    court.endings(events);
    court.broken
}

/// The invariants that are broken, each once.
pub(crate) fn letters(broken: &[Broken]) -> BTreeSet<Invariant> {
    broken.iter().map(|broken| broken.invariant).collect()
}

struct Court<'a> {
    by_seq: BTreeMap<u64, &'a Entry>,
    by_id: HashMap<&'a str, &'a Entry>,
    texts: HashSet<&'a str>,
    broken: Vec<Broken>,
}

impl<'a> Court<'a> {
    fn new(log: &'a [Entry]) -> Self {
        Self {
            by_seq: log.iter().map(|entry| (entry.seq, entry)).collect(),
            by_id: log.iter().map(|entry| (&*entry.id, entry)).collect(),
            texts: log.iter().map(|entry| &*entry.text).collect(),
            broken: Vec::new(),
        }
    }

    fn find(&mut self, invariant: Invariant, how: String) {
        self.broken.push(Broken { invariant, how });
    }

    fn the_log_itself(&mut self, log: &[Entry]) {
        let mut ids = HashSet::new();
        for (entry, number) in log.iter().zip(1..) {
            if !ids.insert(&entry.id) {
                self.find(Invariant::B, format!("{} is in the log twice, also as {}", entry.id, entry.seq));
            }
            if entry.seq != number {
                self.find(Invariant::C, format!("{} stands where {number} belongs", entry.seq));
            }
        }
    }

    fn ticks(&mut self, events: &[Event]) {
        let mut said = HashSet::new();
        for event in events {
            match event {
                Event::Sent { by, id, .. } => drop(said.insert((*by, id))),
                Event::Ticked { by, id, seq } => match self.by_id.get(&**id) {
                    _ if !said.contains(&(*by, id)) => {
                        self.find(
                            Invariant::A,
                            format!("{by} was told that {id} is {seq}, and had not said it"),
                        );
                    }
                    None => {
                        self.find(Invariant::A, format!("{id} was ticked as {seq}, and is not in the log"));
                    }
                    Some(entry) if entry.seq != *seq => {
                        let how = format!("{id} was ticked as {seq}, and is {} in the log", entry.seq);
                        self.find(Invariant::E, how);
                    }
                    Some(_) => {}
                },
                _ => {}
            }
        }
    }

    fn order(&mut self, events: &[Event]) {
        // The highest number that anybody knew of before it was said, and the author's own last.
        let (mut ticked, mut begun, mut latest) = (0, HashSet::new(), HashMap::new());
        for event in events {
            match event {
                Event::Sent { by, id, .. } if begun.insert(id) => {
                    let Some(entry) = self.by_id.get(&**id).copied() else { continue };
                    if entry.seq <= ticked {
                        let how =
                            format!("{id} is {}, and was said after {ticked} had been ticked", entry.seq);
                        self.find(Invariant::F, how);
                    }
                    let before = latest.insert(*by, entry.seq).unwrap_or(0);
                    if entry.seq <= before {
                        let how =
                            format!("{id} is {}, and its author's words before it are {before}", entry.seq);
                        self.find(Invariant::G, how);
                    }
                }
                Event::Ticked { seq, .. } => ticked = ticked.max(*seq),
                _ => {}
            }
        }
    }

    fn readers(&mut self, events: &[Event]) {
        let mut readers = BTreeMap::<Person, u64>::new();
        for event in events {
            match event {
                Event::Begun { by } => drop(readers.insert(*by, 0)),
                Event::Reset { by, reason } => {
                    self.find(Invariant::D, format!("{by} was reset ({reason}), and nothing had been lost"));
                }
                Event::Heard { by, seq, text } => {
                    let before = readers.insert(*by, *seq).unwrap_or(0);
                    if *seq != before + 1 {
                        self.find(Invariant::D, format!("{by} heard {seq} after {before}"));
                    }
                    let entry = self.by_seq.get(seq).copied();
                    if !self.texts.contains(&**text) {
                        let how = format!("{by} heard {text:?} as {seq}, and it is not in the log");
                        self.find(Invariant::H, how);
                    } else if entry.is_none_or(|entry| entry.text != *text) {
                        let is = entry.map(|entry| &entry.text);
                        self.find(Invariant::D, format!("{by} heard {text:?} as {seq}, which is {is:?}"));
                    }
                }
                _ => {}
            }
        }
        let last = self.by_seq.keys().last().copied().unwrap_or(0);
        for (by, heard) in readers.into_iter().filter(|(_, heard)| *heard < last) {
            self.find(Invariant::D, format!("{by} heard no more than {heard} of {last}"));
        }
    }

    fn endings(&mut self, events: &[Event]) {
        let mut refused = HashSet::new();
        for event in events {
            if let Event::Refused { by, text } = event {
                refused.insert(text);
                if self.texts.contains(&**text) {
                    let how = format!("{by} was told that {text:?} is not stored, and it is in the log");
                    self.find(Invariant::I, how);
                }
            }
        }
        let mut missed = BTreeSet::new();
        for event in events {
            if let Event::Sent { by, id, text } = event {
                let is_there = self.by_id.get(&**id).is_some_and(|entry| entry.text == *text);
                if !is_there && !refused.contains(text) && missed.insert(id) {
                    let how = format!("{by} said {id} ({text:?}) to the end, and it is not in the log");
                    self.find(Invariant::J, how);
                }
            }
        }
    }
}
