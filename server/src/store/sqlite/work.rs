//! Works through letters in one transaction, and comes out of what fails on the way. Must not know how the database is
//! opened or made.

#[cfg(feature = "faults")]
mod seeded;

use std::collections::VecDeque;

use hub::effect::Record;
use hub::input::{Applied, Recalled, Refusal, Stored};
use protocol::chat::event::Kind;
use protocol::chat::id::{Epoch, UserId};
use protocol::chat::name::RoomName;
use rusqlite::Connection;

use super::super::page::{cost, stamp};
use super::super::{ANSWERS_AT_ONCE, Answer, Engine, Letter};
use super::fault::{Fault, Trouble};
use super::folder::beside;
use super::recall::recall;
use super::recent::Recent;
use super::rooms::{Room, Rooms};
use super::rows::{Entry, Insert, Raw};
use super::{CACHE_KIB, OVERHEAD, Sqlite, wal};
use crate::faults::{self, Fault as Seeded};

/// What became of a letter.
enum Outcome {
    New { room: i64, seq: u64, time: u64 },
    Again(Stored),
    Conflict,
    Full,
    Unknown,
    Found(Recalled),
}

/// What is to become of entries that are new.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Store,
    /// There is no space.
    Refuse,
    /// The disk has just failed.
    LeaveUnknown,
}

/// Why a transaction did not come to its end, and what its outcomes are if it did nevertheless: its commit failed.
struct Failure {
    trouble: Trouble,
    doubt: Option<Vec<Outcome>>,
}

impl Outcome {
    /// How many bytes of memory it takes, about.
    fn bytes(&self) -> usize {
        match self {
            Self::Again(entry) => cost(entry),
            Self::Found(recalled) => recalled.entries.iter().map(cost).sum(),
            Self::New { .. } | Self::Conflict | Self::Full | Self::Unknown => 0,
        }
    }
}

impl Engine for Sqlite {
    fn work(&mut self, wall: u64, letters: &mut VecDeque<Letter>, answers: &mut VecDeque<Answer>) {
        let epoch = self.epoch;
        if self.conn.is_none() && self.reopen(wall, false).is_ok() {
            let doubt = std::mem::take(&mut self.doubt);
            let stored = doubt.first().is_some_and(|first| self.is_stored(first));
            answers.extend(doubt.into_iter().filter(|_| stored).map(Answer::Late));
        }
        let adds = letters.iter().any(|letter| matches!(letter, Letter::Record(_)));
        let mode = if adds && self.folder.is_full() { Mode::Refuse } else { Mode::Store };
        #[cfg(feature = "faults")]
        let Some(mode) = self.tell_early(wall, letters, mode, answers) else { return };
        let outcomes = match self.attempt(wall, letters, mode) {
            Ok(outcomes) => outcomes,
            Err(failure) => self.recover(wall, letters, failure),
        };
        self.told = outcomes.iter().rev().find_map(key).or(self.told);
        if epoch != self.epoch {
            answers.push_back(Answer::NewEpoch(self.epoch));
        }
        let done = letters.drain(..outcomes.len().min(letters.len()));
        for (letter, outcome) in done.zip(outcomes) {
            let room = key(&outcome).map(|(room, _)| room);
            let answer = answer(letter, outcome);
            if let (Some(room), Answer::Applied(applied)) = (room, &answer) {
                self.recent.push(room, applied.entry.clone());
            }
            answers.push_back(answer);
        }
    }

    fn epoch(&self) -> Epoch {
        self.epoch
    }

    fn held(&self) -> usize {
        CACHE_KIB as usize * 1024 + OVERHEAD + self.recent.held()
    }

    fn idle(&mut self) {
        Self::idle(self);
    }

    fn complaints(&mut self, wall: u64) -> Vec<String> {
        let fault = self.fault().map(|fault| fault.to_string());
        let notice = self.notice().map(|notice| {
            self.announce(wall, notice.sentence());
            notice.to_string()
        });
        fault.into_iter().chain(notice).collect()
    }
}

impl Sqlite {
    /// Says something in every room. Its author is nobody: people's nicks begin with a letter.
    fn announce(&mut self, wall: u64, text: String) {
        let rooms = self.conn.as_ref().map_or(Ok(Vec::new()), Room::names);
        // What cannot be told here stands in the log all the same.
        let rooms = rooms.unwrap_or_default();
        let mut letters: VecDeque<Letter> = rooms.into_iter().map(|room| announcement(room, &text)).collect();
        let mut answers = VecDeque::new();
        while !letters.is_empty() {
            self.work(wall, &mut letters, &mut answers);
        }
    }

    /// Does what letters ask, until the answers are many.
    fn attempt(
        &mut self,
        wall: u64,
        letters: &VecDeque<Letter>,
        mode: Mode,
    ) -> Result<Vec<Outcome>, Failure> {
        let Self { conn: Some(conn), rooms, recent, ordinal, .. } = self else {
            return Ok(letters.iter().map(|_| Outcome::Unknown).collect());
        };
        let writes = mode == Mode::Store && letters.iter().any(|letter| matches!(letter, Letter::Record(_)));
        let failed = |trouble| Failure { trouble, doubt: None };
        if writes {
            begin(conn).map_err(failed)?;
        }
        if rooms.are_outdated(conn).map_err(failed)? {
            recent.clear();
        }
        let insert = Insert::new(conn).map_err(failed)?;
        let mut work = Work { conn, insert, rooms, recent, ordinal: *ordinal, wall, mode };
        let (mut outcomes, mut bytes) = (Vec::with_capacity(letters.len()), 0);
        for letter in letters {
            let outcome = work.outcome(letter).map_err(failed)?;
            bytes += letter.bytes() + outcome.bytes();
            outcomes.push(outcome);
            if bytes >= ANSWERS_AT_ONCE {
                break;
            }
        }
        match if writes { commit(conn) } else { Ok(()) } {
            Ok(()) => Ok(outcomes),
            Err(trouble) => Err(Failure { trouble, doubt: Some(outcomes) }),
        }
    }

    /// What became of the letters of a transaction that failed. Afterwards the database is open, or cannot be.
    fn recover(&mut self, wall: u64, letters: &VecDeque<Letter>, failure: Failure) -> Vec<Outcome> {
        let Failure { trouble, doubt } = failure;
        let unknown = || letters.iter().map(|_| Outcome::Unknown).collect();
        self.rooms.forget();
        let is_open = self.conn.as_ref().is_some_and(Connection::is_autocommit);
        if is_open && matches!(trouble, Trouble::Busy) {
            // It had not begun, and nothing is wrong.
            self.fault = Some(trouble.at(self.folder.path()));
            return self.attempt(wall, letters, Mode::LeaveUnknown).unwrap_or_else(|_| unknown());
        }
        self.conn = None;
        self.forget();
        let mode = match trouble {
            Trouble::Damaged(why) => {
                self.fault = self.replace(why, wall).err();
                return unknown();
            }
            Trouble::Full => Mode::Refuse,
            Trouble::Newer | Trouble::Busy | Trouble::Other(_) => Mode::LeaveUnknown,
        };
        let full = mode == Mode::Refuse;
        self.fault = Some(trouble.at(self.folder.path())).filter(|_| !full);
        let applied = doubt.iter().flatten().zip(letters).filter_map(applied);
        let applied = applied.collect::<Vec<_>>();
        let epoch = self.epoch;
        if let Err(fault) = self.reopen(wall, full) {
            self.fault = Some(fault);
            self.doubt = applied;
            return unknown();
        }
        if epoch != self.epoch {
            return unknown();
        }
        match doubt {
            Some(doubt) if applied.first().is_some_and(|first| self.is_stored(first)) => doubt,
            _ => self.attempt(wall, letters, mode).unwrap_or_else(|_| unknown()),
        }
    }

    /// Opens the database again, after something failed. If that takes a new one, or what was stored is gone, it begins
    /// a new epoch. `certain`: what the log holds is on the disk.
    fn reopen(&mut self, wall: u64, certain: bool) -> Result<(), Fault> {
        if !self.folder.database().exists() {
            return self.start(wall);
        }
        match self.mend(certain).and_then(|()| self.connect(false)) {
            Err(Trouble::Damaged(why)) => return self.replace(why, wall),
            opened => opened.map_err(|trouble| trouble.at(self.folder.path()))?,
        }
        let (Some((room, seq)), Some(conn)) = (self.told, &self.conn) else { return Ok(()) };
        match Entry::find(conn, room, seq) {
            Ok(Some(_)) => Ok(()),
            Ok(None) => {
                self.fault =
                    Some(Fault::Io(self.folder.path().to_owned(), "what was stored is gone".to_owned()));
                self.told = None;
                self.begin_epoch(wall)
            }
            Err(Trouble::Damaged(why)) => self.replace(why, wall),
            Err(trouble) => {
                self.conn = None;
                Err(trouble.at(self.folder.path()))
            }
        }
    }

    /// Mends the write-ahead log, if nobody else has the database open: another program would go on with the old one.
    fn mend(&self, certain: bool) -> Result<(), Trouble> {
        if self.folder.is_shared()? {
            return Err(Trouble::Busy);
        }
        Ok(wal::mend(&beside(&self.folder.database(), "-wal"), certain)?)
    }

    fn is_stored(&mut self, applied: &Applied) -> bool {
        let Some(conn) = &self.conn else { return false };
        let Ok(Some(room)) = self.rooms.find(conn, &applied.room) else { return false };
        matches!(Entry::find(conn, room.key, applied.entry.seq), Ok(Some(entry)) if entry.stored == applied.entry)
    }
}

/// A transaction at work.
struct Work<'a> {
    conn: &'a Connection,
    insert: Insert<'a>,
    rooms: &'a mut Rooms,
    recent: &'a Recent,
    /// Of the epoch.
    ordinal: i64,
    wall: u64,
    mode: Mode,
}

impl Work<'_> {
    fn outcome(&mut self, letter: &Letter) -> Result<Outcome, Trouble> {
        match letter {
            Letter::Record(record) => self.record(record),
            Letter::Recall(asked) => recall(self.conn, self.rooms, self.recent, asked).map(Outcome::Found),
        }
    }

    fn record(&mut self, record: &Record) -> Result<Outcome, Trouble> {
        match self.mode {
            Mode::Refuse => return Ok(self.resent(record)?.unwrap_or(Outcome::Full)),
            Mode::LeaveUnknown => return Ok(self.resent(record)?.unwrap_or(Outcome::Unknown)),
            Mode::Store => {}
        }
        if faults::number_again() {
            self.conn.execute("DELETE FROM entries WHERE key = (SELECT max(key) FROM entries)", [])?;
            self.rooms.forget();
        }
        let room = match self.rooms.find(self.conn, &record.room)? {
            Some(room) => room,
            None => match self.resent(record)? {
                None => self.rooms.make(self.conn, &record.room)?,
                // What was said before, in another room, makes no room.
                Some(outcome) => return Ok(outcome),
            },
        };
        let time = stamp(self.wall, room.time);
        if !self.insert.entry(&Raw::new(room, self.ordinal, record, time))? {
            // Most ids are new, so it is not asked before whether this one is.
            return self.resent(record)?.ok_or_else(|| Trouble::damaged("a number was given already"));
        }
        room.grow(time);
        if record.kind == Kind::Topic {
            room.set_topic(self.conn, record.room.as_str(), &record.text)?;
        }
        Ok(Outcome::New { room: room.key, seq: room.last, time })
    }

    /// What became of an entry whose id is there already.
    fn resent(&self, record: &Record) -> Result<Option<Outcome>, Trouble> {
        let Some(id) = record.id.as_ref().filter(|_| !faults::has(Seeded::Doubles)) else { return Ok(None) };
        let Some((room, Entry { stored, .. })) = Entry::by_id(self.conn, record.user, id)? else {
            return Ok(None);
        };
        let same = room == record.room.as_str() && stored.text == record.text && stored.kind == record.kind;
        Ok(Some(if same { Outcome::Again(stored) } else { Outcome::Conflict }))
    }
}

fn begin(conn: &Connection) -> Result<(), Trouble> {
    if faults::has(Seeded::TickEarly) && !conn.is_autocommit() {
        run(conn, "COMMIT")?;
    }
    run(conn, "BEGIN IMMEDIATE")
}

fn commit(conn: &Connection) -> Result<(), Trouble> {
    if faults::has(Seeded::TickEarly) || faults::has(Seeded::ToldEarly) {
        return Ok(());
    }
    run(conn, "COMMIT")?;
    if faults::commit_seems_to_fail() {
        return Err(Trouble::Other("it seems to fail".to_owned()));
    }
    Ok(())
}

fn announcement(room: RoomName<'static>, text: &str) -> Letter {
    Letter::Record(Record {
        room,
        user: UserId([0; 10]),
        nick: "*".into(),
        kind: Kind::Talk,
        text: text.into(),
        id: None,
        origin: None,
    })
}

fn run(conn: &Connection, sql: &str) -> Result<(), Trouble> {
    conn.prepare_cached(sql)?.execute([])?;
    Ok(())
}

/// The room and the number of an entry that is new.
fn key(outcome: &Outcome) -> Option<(i64, u64)> {
    match outcome {
        Outcome::New { room, seq, .. } => Some((*room, *seq)),
        _ => None,
    }
}

/// A new entry, as it is told to those in the room. Its author is told that nothing is known.
fn applied((outcome, letter): (&Outcome, &Letter)) -> Option<Applied> {
    let (Outcome::New { seq, time, .. }, Letter::Record(record)) = (outcome, letter) else { return None };
    let Record { room, .. } = record.clone();
    Some(Applied { room, entry: stored(record.clone(), *seq, *time), origin: None, dup: false })
}

fn stored(record: Record, seq: u64, time: u64) -> Stored {
    let Record { user, nick, kind, text, id, .. } = record;
    Stored { seq, time, kind, user, nick, text, id }
}

fn answer(letter: Letter, outcome: Outcome) -> Answer {
    let record = match letter {
        Letter::Record(record) => record,
        Letter::Recall(asked) => {
            return match outcome {
                Outcome::Found(recalled) => Answer::Recalled(recalled),
                _ => Answer::Unknown { conn: Some(asked.conn) },
            };
        }
    };
    let origin = record.origin;
    let (entry, dup, room) = match outcome {
        Outcome::New { seq, time, .. } => {
            let room = record.room.clone();
            (stored(record, seq, time), false, room)
        }
        Outcome::Again(entry) => (entry, true, record.room),
        Outcome::Conflict => {
            return Answer::Refused { conn: origin, id: record.id, reason: Refusal::IdConflict };
        }
        Outcome::Full => {
            return Answer::Refused { conn: origin, id: record.id, reason: Refusal::StorageFull };
        }
        Outcome::Unknown | Outcome::Found(_) => return Answer::Unknown { conn: origin },
    };
    Answer::Applied(Applied { room, entry, origin, dup })
}
