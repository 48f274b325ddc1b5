//! The file, torn and flipped at each byte; what is written, and how often; and the folder.

mod power;

use protocol::chat::id::{Epoch, RequestId, SessionKey};
use protocol::chat::name::{RoomName, Text};
use protocol::chat::request::{Envelope, Request};

use super::folder::{self, Fault, Folder};
use super::journal::{Image, Record};
use super::{Keeper, TIDY};
use crate::model::Kept;
use crate::model::random::Random;
use crate::model::room::{Log, Place, Room};
use power::Paper;

const BOB: SessionKey = SessionKey([0xb0; 16]);
const EPOCH: Epoch = Epoch([1; 8]);

fn id(number: usize) -> RequestId<'static> {
    RequestId::new(format!("id-{number}")).expect("an id")
}

fn room(name: &'static str) -> RoomName<'static> {
    RoomName::new(name).expect("a room name")
}

fn said(number: usize) -> Envelope<'static> {
    let text = Text::new(format!("line {number}\n\"quoted\" ü")).expect("a text");
    let room = Some(room("lobby"));
    let request = match number % 3 {
        0 => Request::Topic { room, text: Some(Text::topic(format!("topic {number}")).expect("a topic")) },
        kind => Request::Say { room, text, action: kind == 1 },
    };
    Envelope { id: Some(id(number)), request }
}

fn place(name: &'static str, seq: u64) -> Place {
    Place { room: room(name), epoch: EPOCH, seq }
}

fn reading(name: &'static str, seq: u64) -> Room {
    let mut reading = Room::new(room(name), None);
    reading.log = Log::read_to(Some((EPOCH, seq)));
    reading
}

/// A file with one record of each sort and more.
fn records() -> Vec<Record> {
    vec![
        Record::Person(BOB),
        Record::Inside(room("lobby")),
        Record::Said(said(1)),
        Record::Said(said(2)),
        Record::Answered(id(1)),
        Record::Place(place("lobby", 7)),
        Record::Inside(room("ops")),
        Record::Said(said(3)),
        Record::Left(room("ops")),
        Record::Place(place("lobby", 8)),
    ]
}

fn written(records: &[Record]) -> Vec<u8> {
    let mut out = Vec::new();
    records.iter().for_each(|record| record.write(&mut out));
    out
}

fn come_to(records: &[Record]) -> Image {
    let mut image = Image::default();
    records.iter().cloned().for_each(|record| image.apply(record));
    image
}

#[test]
fn what_stands_in_the_file() {
    let drawn = String::from_utf8(written(&[
        Record::Person(BOB),
        Record::Place(place("lobby", 7)),
        Record::Said(said(2)),
        Record::Answered(id(2)),
        Record::Ended,
    ]))
    .expect("text");
    let bodies: Vec<&str> = drawn.lines().map(|line| &line[17..]).collect();
    assert_eq!(
        bodies,
        [
            r#"{"type":"hello","session":"b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0"}"#,
            r#"{"type":"join","room":"lobby","after":{"epoch":"0101010101010101","seq":7}}"#,
            r#"{"type":"say","id":"id-2","room":"lobby","text":"line 2\n\"quoted\" ü"}"#,
            "- id-2",
            ".",
        ]
    );
    // FNV-1a of ".", worked out by hand from its two constants.
    let sum = (0xcbf2_9ce4_8422_2325_u64 ^ 0x2e).wrapping_mul(0x0100_0000_01b3);
    assert_eq!(drawn.lines().last(), Some(format!("{sum:016x} .").as_str()));
}

#[test]
fn it_is_read_as_it_was_written() {
    let (image, is_whole) = Image::read(&written(&records()));
    assert!(is_whole);
    assert_eq!(image, come_to(&records()));
    assert_eq!(image.person, Some(BOB));
    assert_eq!(image.lines, [said(2), said(3)]);
    assert_eq!(image.places, [place("lobby", 8)]);
    assert_eq!(image.rooms, [room("lobby")]);
    // Written anew it is shorter and comes to the same.
    let anew = image.write();
    assert!(anew.len() < written(&records()).len());
    assert_eq!(Image::read(&anew), (image, true));
    let ended = [records(), vec![Record::Ended]].concat();
    assert_eq!(Image::read(&written(&ended)).0.rooms, []);
    assert_eq!(Image::read(b""), (Image::default(), true));
}

#[test]
fn a_file_that_ends_anywhere() {
    let bytes = written(&records());
    let ends: Vec<usize> = (0..=records().len()).map(|count| written(&records()[..count]).len()).collect();
    for length in 0..=bytes.len() {
        let (image, is_whole) = Image::read(&bytes[..length]);
        let at_an_end = ends.contains(&length);
        // Only the line's end may be missing: then it is whole all the same.
        let count = ends.iter().filter(|end| **end <= length + 1).count() - 1;
        let count = if length == 0 { 0 } else { count };
        assert_eq!(image, come_to(&records()[..count]), "{length} bytes");
        assert_eq!(is_whole, at_an_end, "{length} bytes");
    }
}

/// Each bit of each byte turned: at most the line it is in is lost, and no line says anything else than it did.
#[test]
fn a_file_that_is_damaged_anywhere() {
    let bytes = written(&records());
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1 << bit;
            let (image, is_whole) = Image::read(&damaged);
            assert!(!is_whole, "byte {at}, bit {bit}");
            // A line's end that is lost takes the next line with it; one that comes in takes half of its own.
            let hurt = bytes[..at].iter().filter(|byte| **byte == b'\n').count();
            let without = |lost: &[usize]| {
                let left = records().into_iter().enumerate().filter(|(at, _)| !lost.contains(at));
                come_to(&left.map(|(_, record)| record).collect::<Vec<_>>())
            };
            let expected = if bytes[at] == b'\n' { without(&[hurt, hurt + 1]) } else { without(&[hurt]) };
            assert_eq!(image, expected, "byte {at}, bit {bit}");
        }
    }
}

#[test]
fn any_bytes_at_all() {
    let mut random = Random::new([5, 6, 7, 8]);
    let bytes = written(&records());
    for _ in 0..5000 {
        let mut damaged = bytes.clone();
        for _ in 0..=random.below(20) {
            let at = usize::try_from(random.below(damaged.len() as u64)).expect("small");
            match random.below(3) {
                0 => damaged[at] = u8::try_from(random.below(256)).expect("a byte"),
                1 => drop(damaged.remove(at)),
                _ => damaged.insert(at, b'\n'),
            }
        }
        let (image, _) = Image::read(&damaged);
        assert!(image.lines.iter().all(|line| [said(1), said(2), said(3)].contains(line)), "{damaged:?}");
        assert!(image.person.is_none_or(|person| person == BOB));
    }
}

#[test]
fn lines_of_a_person_that_is_not_known_any_more_are_nobodys() {
    let mut disk = Paper::default();
    let (mut keeper, ..) = Keeper::open(&mut disk).expect("an empty disk");
    keeper.keep(BOB, said(1));
    keeper.settle().expect("it works");
    disk.files[0].bytes[20] ^= 1;
    let (_, person, kept) = Keeper::open(&mut disk).expect("it can be read");
    assert_eq!((person, kept.unconfirmed, kept.nobodys), (None, vec![], vec![said(1)]));
    // That is told once.
    let (_, person, kept) = Keeper::open(&mut disk).expect("it can be read");
    assert_eq!((person, kept), (None, Kept::default()));
}

#[test]
fn a_portion_is_one_sync_and_nothing_is_written_when_nothing_happens() {
    let mut disk = Paper::default();
    let (mut keeper, ..) = Keeper::open(&mut disk).expect("an empty disk");
    keeper.settle().expect("it works");
    assert_eq!(keeper.disk().operations, 0);
    (1..=100).for_each(|number| keeper.keep(BOB, said(number)));
    keeper.settle().expect("it works");
    // It is created, written and synced, and so is its folder.
    assert_eq!(keeper.disk().operations, 4);
    keeper.keep(BOB, said(101));
    keeper.settle().expect("it works");
    assert_eq!(keeper.disk().operations, 6);
    // A tick is written, and does not wait for the disk.
    keeper.forget(&id(1));
    keeper.settle().expect("it works");
    assert_eq!(keeper.disk().operations, 7);
    keeper.forget(&id(1));
    keeper.forget(&id(999));
    keeper.settle().expect("it works");
    assert_eq!(keeper.disk().operations, 7);
}

#[test]
fn it_stays_small() {
    let mut disk = Paper::default();
    let (mut keeper, ..) = Keeper::open(&mut disk).expect("an empty disk");
    let mut longest = 0;
    for number in 1..=5000 {
        keeper.keep(BOB, said(number));
        keeper.note(&[reading("lobby", number as u64)]);
        keeper.settle().expect("it works");
        keeper.forget(&id(number));
        longest = longest.max(keeper.length);
    }
    assert!(longest < TIDY + 1024, "{longest}");
}

#[test]
fn what_is_taken_back_is_not_sent_by_the_next() {
    let mut disk = Paper::default();
    let (mut keeper, ..) = Keeper::open(&mut disk).expect("an empty disk");
    keeper.keep(BOB, said(1));
    keeper.settle().expect("it works");
    // The first run was killed; the second one ends by itself, and could not say its own line.
    let (mut keeper, _, kept) = Keeper::open(&mut disk).expect("it can be read");
    assert_eq!(kept.unconfirmed, [said(1)]);
    keeper.keep(BOB, said(2));
    keeper.settle().expect("it works");
    keeper.give_back();
    keeper.settle().expect("it works");
    let (_, _, kept) = Keeper::open(&mut disk).expect("it can be read");
    assert_eq!(kept.unconfirmed, [said(1)]);
}

#[test]
fn rooms_are_noted_as_long_as_a_run_goes_on() {
    let mut disk = Paper::default();
    let (mut keeper, ..) = Keeper::open(&mut disk).expect("an empty disk");
    keeper.note(&[reading("lobby", 7), reading("ops", 1)]);
    keeper.settle().expect("it works");
    keeper.note(&[reading("lobby", 9)]);
    keeper.settle().expect("it works");
    let (mut keeper, _, kept) = Keeper::open(&mut disk).expect("it can be read");
    assert_eq!(kept.rooms, [room("lobby")]);
    assert_eq!(kept.places, [place("ops", 1), place("lobby", 9)]);
    keeper.end();
    keeper.settle().expect("it works");
    let (_, _, kept) = Keeper::open(&mut disk).expect("it can be read");
    assert_eq!((kept.rooms.len(), kept.places.len()), (0, 2));
}

#[test]
fn where_it_lies() {
    let folder = |state: Option<&str>, home: Option<&str>| {
        let variable = |name: &str| if name == "HOME" { home } else { state }.map(Into::into);
        folder::folder(variable).map(|path| path.display().to_string()).map_err(|fault| fault.to_string())
    };
    assert_eq!(folder(Some("/s"), Some("/home/bob")).as_deref(), Ok("/s/snug"));
    assert_eq!(folder(None, Some("/home/bob")).as_deref(), Ok("/home/bob/.local/state/snug"));
    // The specification says so.
    assert_eq!(folder(Some("s"), Some("/home/bob")).as_deref(), Ok("/home/bob/.local/state/snug"));
    let fault =
        "neither XDG_STATE_HOME nor HOME is set; so if this client is killed, what it has not sent is lost";
    assert_eq!(folder(Some(""), None), Err(fault.into()));

    assert_eq!(folder::file_name("board:7684", Some("Bob"), None), "board:7684,bob");
    assert_eq!(folder::file_name("board:7684", None, Some("ops")), "board:7684,,ops");
    assert_eq!(folder::file_name("unix:/run/a,b%.sock", Some("ü"), None), "unix:%2Frun%2Fa%2Cb%25.sock,ü");
}

#[test]
fn one_client_at_a_time_and_nobody_else_may_read() {
    use std::os::unix::fs::PermissionsExt;
    let path = std::env::temp_dir().join(format!("snug-state-{}", std::process::id()));
    let deep = path.join("state/snug");
    let open = || Folder::open(deep.clone(), "board:7684,bob".into());
    let (mut keeper, ..) = Keeper::open(open().expect("a folder")).expect("an empty folder");
    assert!(matches!(open(), Err(Fault::InUse)));
    assert!(Folder::open(deep.clone(), "board:7684,amy".into()).is_ok());
    keeper.keep(BOB, said(1));
    keeper.settle().expect("it works");
    keeper.rewrite().expect("it works");
    keeper.keep(BOB, said(2));
    keeper.settle().expect("it works");
    // It is still this one's, though the file is another.
    assert!(matches!(open(), Err(Fault::InUse)));
    drop(keeper);
    let (_, person, kept) = Keeper::open(open().expect("it is free")).expect("it can be read");
    assert_eq!((person, kept.unconfirmed), (Some(BOB), vec![said(1), said(2)]));

    let mode =
        |path: &std::path::Path| std::fs::metadata(path).expect("it is there").permissions().mode() & 0o777;
    assert_eq!((mode(&deep), mode(&path)), (0o700, 0o700));
    for entry in std::fs::read_dir(&deep).expect("a folder") {
        let path = entry.expect("a file").path();
        assert_eq!(mode(&path), 0o600, "{}", path.display());
    }
    std::fs::remove_dir_all(&path).expect("it is ours");
    // A file where the folder should be.
    std::fs::write(&path, "").expect("a file");
    assert!(matches!(open(), Err(Fault::Io { .. })));
    std::fs::remove_file(&path).expect("it is ours");
}
