//! What stands before the engine in these tests: people who say things, each with an id, and say them again until they
//! are ticked; and somebody who listens all the time. Must not know how the engine keeps things.

use std::collections::{BTreeMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use hub::effect::{Purpose, Range, Recall, Record};
use hub::input::{Applied, ConnId, Recalled, Refusal, Stored};
use protocol::chat::event::{Kind, ResetReason};
use protocol::chat::id::{Epoch, RequestId, UserId};
use protocol::chat::name::RoomName;
use protocol::chat::request::Since;
use server::store::{Answer, Engine, Epochs, Fault, Letter, Sqlite};

pub(crate) const CONN: ConnId = ConnId { slot: 3, generation: 9 };
pub(crate) const ALICE: UserId = UserId([0xa; 10]);
pub(crate) const BOB: UserId = UserId([0xb; 10]);
pub(crate) const NOON: u64 = 1_800_000_000_000;

/// A folder that is not there yet, and is gone when the story ends.
pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        Self::within(&std::env::temp_dir())
    }

    /// In memory if there is such a place, for what is done hundreds of times and asks nothing of the disk.
    pub(crate) fn quick() -> Self {
        let memory = Path::new("/dev/shm");
        if memory.is_dir() { Self::within(memory) } else { Self::new() }
    }

    pub(crate) fn within(parent: &Path) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        Self(parent.join(format!("snug-storage-{}-{number}", std::process::id())))
    }

    /// As it is now, as if the power was cut and everything had reached the disk.
    pub(crate) fn copy(&self) -> Self {
        let copy = Self::within(self.0.parent().expect("it lies somewhere"));
        copy.fill(&self.0);
        copy
    }

    pub(crate) fn fill(&self, from: &Path) {
        std::fs::create_dir(&self.0).unwrap();
        for file in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
            // SQLite's shared memory is gone when the power is.
            if !file.file_name().to_string_lossy().ends_with("-shm") {
                std::fs::copy(file.path(), self.0.join(file.file_name())).unwrap();
            }
        }
    }

    /// A test beside this one may be starting a child, which for a moment holds our lock too.
    pub(crate) fn open(&self) -> Result<Sqlite, Fault> {
        for _ in 0..50 {
            match Sqlite::open(&self.0, NOON, epochs()) {
                Err(Fault::InUse(_)) => std::thread::sleep(Duration::from_millis(5)),
                opened => return opened,
            }
        }
        Sqlite::open(&self.0, NOON, epochs())
    }

    pub(crate) fn database(&self) -> PathBuf {
        self.0.join("snug.db")
    }

    pub(crate) fn log(&self) -> PathBuf {
        self.0.join("snug.db-wal")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Never the same twice.
pub(crate) fn epochs() -> Epochs {
    static COUNT: AtomicU64 = AtomicU64::new(1);
    Box::new(|| Some(Epoch(COUNT.fetch_add(1, Ordering::Relaxed).to_be_bytes())))
}

pub(crate) fn room(name: &str) -> RoomName<'static> {
    RoomName::new(name.to_owned()).unwrap()
}

pub(crate) fn record(user: UserId, id: &str, at: &str, text: &str) -> Record {
    Record {
        room: room(at),
        user,
        nick: "somebody".into(),
        kind: Kind::Talk,
        text: text.into(),
        id: RequestId::new(id.to_owned()),
        origin: Some(CONN),
    }
}

pub(crate) fn work(store: &mut Sqlite, letters: impl IntoIterator<Item = Letter>) -> Vec<Answer> {
    let (mut letters, mut answers) = (letters.into_iter().collect::<VecDeque<_>>(), VecDeque::new());
    while !letters.is_empty() {
        let left = letters.len();
        store.work(NOON, &mut letters, &mut answers);
        assert!(letters.len() < left, "one at least is done");
    }
    answers.into()
}

pub(crate) fn say(store: &mut Sqlite, user: UserId, id: &str, at: &str, text: &str) -> Applied {
    let mut answers = work(store, [Letter::Record(record(user, id, at, text))]);
    match answers.pop() {
        Some(Answer::Applied(applied)) => applied,
        other => panic!("not stored: {other:?}"),
    }
}

pub(crate) fn recall(store: &mut Sqlite, at: &str, span: Range) -> Recalled {
    match try_recall(store, at, span) {
        Some(recalled) => recalled,
        None => panic!("{span:?} of {at} cannot be read: {:?}", store.fault()),
    }
}

pub(crate) fn try_recall(store: &mut Sqlite, at: &str, span: Range) -> Option<Recalled> {
    let purpose = Purpose::Page { membership: 0 };
    let mut answers = work(store, [Letter::Recall(Recall { conn: CONN, room: room(at), purpose, span })]);
    match answers.pop() {
        Some(Answer::Recalled(recalled)) => Some(recalled),
        _ => None,
    }
}

pub(crate) fn after(epoch: Epoch, seq: u64) -> Range {
    Range::Since(Since::After { epoch, seq })
}

/// What a client would have to be told before it is given anything.
pub(crate) fn reset(store: &mut Sqlite, at: &str, epoch: Epoch, seq: u64) -> Option<ResetReason> {
    recall(store, at, after(epoch, seq)).reset
}

/// All of a room, page by page; or nothing if it cannot be read.
pub(crate) fn try_log(store: &mut Sqlite, at: &str) -> Option<Vec<Stored>> {
    let mut entries: Vec<Stored> = Vec::new();
    let mut from = try_recall(store, at, Range::From(1))?.first.max(1);
    loop {
        let page = try_recall(store, at, Range::From(from))?;
        entries.extend(page.entries);
        if !page.more {
            return Some(entries);
        }
        from = entries.last().expect("a page with more behind it has an entry").seq + 1;
    }
}

pub(crate) fn log(store: &mut Sqlite, at: &str) -> Vec<Stored> {
    try_log(store, at).expect("it can be read")
}

/// What a log says, in short: `1 one`.
pub(crate) fn lines(store: &mut Sqlite, at: &str) -> Vec<String> {
    log(store, at).iter().map(|entry| format!("{} {}", entry.seq, entry.text)).collect()
}

/// A text that tells whether it is what was said: how many bytes, and of which number.
pub(crate) fn body(number: usize, length: usize) -> String {
    let mut text = format!("{number} {length} ");
    let mut state = number as u32;
    while text.len() < length {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        text.push(char::from(b'a' + (state >> 24) as u8 % 26));
    }
    text
}

/// Whether a text is one that [`body`] made.
pub(crate) fn is_sound(text: &str) -> bool {
    let mut words = text.split(' ').map(|word| word.parse().unwrap_or(usize::MAX));
    matches!((words.next(), words.next()), (Some(number), Some(length)) if number < 1 << 20 && length < 1 << 20 && body(number, length) == text)
}

/// Says things until each is ticked, and knows of every entry what became of it. It also is a live member of each room.
#[derive(Default)]
pub(crate) struct People {
    /// What was said, and has no tick yet: by id.
    pub(crate) pending: BTreeMap<usize, Record>,
    /// What has a tick, and its number.
    pub(crate) ticked: BTreeMap<usize, (Record, u64)>,
    /// What a live member was told, by room.
    pub(crate) heard: BTreeMap<String, Vec<Stored>>,
    /// Whether the disk may be full.
    pub(crate) may_be_full: bool,
    /// How many entries were told after their authors had been told that nothing is known.
    pub(crate) late: usize,
    pub(crate) said: usize,
}

impl People {
    /// Something new to be said, by one of two people, in one of two rooms.
    pub(crate) fn think(&mut self, length: usize) {
        let number = self.said;
        self.said += 1;
        let user = if number % 3 == 0 { ALICE } else { BOB };
        let at = if number % 4 == 3 { "ops" } else { "lobby" };
        self.pending.insert(number, record(user, &format!("id-{number}"), at, &body(number, length)));
    }

    /// Says all that has no tick.
    ///
    /// # Panics
    /// If an answer is not one that may come.
    pub(crate) fn speak(&mut self, store: &mut Sqlite) {
        let asked: Vec<_> = self.pending.iter().map(|(number, record)| (*number, record.clone())).collect();
        let answers = work(store, asked.iter().map(|(_, record)| Letter::Record(record.clone())));
        let mut asked = asked.into_iter();
        for answer in answers {
            if let Answer::Late(applied) = &answer {
                assert!(applied.origin.is_none() && !applied.dup);
                self.late += 1;
                self.hear(applied);
                continue;
            }
            let (number, record) = asked.next().expect("a letter has one answer");
            match &answer {
                Answer::Applied(applied) => {
                    assert_eq!(
                        (&applied.entry.text, &applied.room, applied.entry.user),
                        (&record.text, &record.room, record.user),
                        "the tick is for what was said"
                    );
                    if !applied.dup {
                        self.hear(applied);
                    }
                    self.ticked.insert(number, (record, applied.entry.seq));
                    self.pending.remove(&number);
                }
                Answer::Refused { reason: Refusal::StorageFull, .. } if self.may_be_full => {
                    if let Some(log) = try_log(store, record.room.as_str()) {
                        assert!(
                            log.iter().all(|entry| entry.text != record.text),
                            "refused, but it is there"
                        );
                    }
                }
                Answer::Unknown { conn } => assert_eq!(*conn, Some(CONN)),
                other => panic!("{other:?} to {record:?}"),
            }
        }
        assert!(asked.next().is_none(), "every letter is answered");
    }

    fn hear(&mut self, applied: &Applied) {
        self.heard.entry(applied.room.as_str().to_owned()).or_default().push(applied.entry.clone());
    }

    /// Every tick was true, nothing is there twice or of nobody, and no number is missing.
    pub(crate) fn check(&self, store: &mut Sqlite) {
        let mut found = 0;
        for name in ["lobby", "ops"] {
            let log = log(store, name);
            found += log.len();
            let numbers: Vec<u64> = log.iter().map(|entry| entry.seq).collect();
            assert_eq!(numbers, (1..=log.len() as u64).collect::<Vec<_>>(), "the numbers of {name}");
            let mut ids: Vec<_> = log.iter().map(|entry| (entry.user, entry.id.clone())).collect();
            ids.sort();
            ids.dedup();
            assert_eq!(ids.len(), log.len(), "nothing is there twice in {name}");
            for entry in &log {
                assert!(is_sound(&entry.text), "garbage in {name}: {entry:?}");
            }
            for (record, seq) in self.ticked.values().filter(|(record, _)| record.room.as_str() == name) {
                let entry = log.get(*seq as usize - 1).map(|entry| &entry.text);
                assert_eq!(entry, Some(&record.text), "{seq} of {name} was ticked");
            }
        }
        let said = self.ticked.len() + self.pending.len();
        assert!(found <= said, "{found} entries, but only {said} were said");
    }

    /// A live member was told every entry once, in order.
    pub(crate) fn check_heard(&self, store: &mut Sqlite) {
        for name in ["lobby", "ops"] {
            let heard = self.heard.get(name).map_or(&[][..], Vec::as_slice);
            assert_eq!(heard, log(store, name), "what a live member of {name} was told");
        }
    }
}
