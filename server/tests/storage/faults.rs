//! The disk fails: once, at each operation of a conversation in turn, in each of the ways a disk can. Whatever happens,
//! what was ticked is there, nothing is there twice, who is refused is not there, and a live member misses nothing.

use std::os::unix::fs::MetadataExt as _;

use server::store::Sqlite;

use crate::desk::{Folder, People};
use crate::vfs::{self, Fault};

/// Two rooms, short and long, one at a time and many at once, with a checkpoint in between.
fn converse(people: &mut People, store: &mut Sqlite) {
    for (count, length) in [(1, 40), (5, 300), (1, 9_000), (3, 60)] {
        (0..count).for_each(|_| people.think(length));
        people.speak(store);
    }
    store.idle();
    (0..4).for_each(|_| people.think(2_000));
    people.speak(store);
}

/// Until all are ticked, as clients do that come back and send again.
fn insist(people: &mut People, store: &mut Sqlite) {
    for _ in 0..3 {
        people.speak(store);
    }
    assert!(people.pending.is_empty(), "without a fault everything is ticked; {:?}", store.fault());
}

/// Tells how many entries were told late.
fn each_operation_fails(fault: Fault, bad: usize) -> usize {
    vfs::install();
    let (mut hit, mut late) = (0, 0);
    for good in 0.. {
        let folder = Folder::quick();
        let mut store = folder.open().unwrap();
        let epoch = server::store::Engine::epoch(&store);
        let may_be_full = matches!(fault, Fault::NoSpace | Fault::Short);
        let mut people = People { may_be_full, ..People::default() };
        vfs::fail(good, bad, fault);
        converse(&mut people, &mut store);
        let failed = vfs::heal();
        insist(&mut people, &mut store);
        people.check(&mut store);
        people.check_heard(&mut store);
        assert_eq!(server::store::Engine::epoch(&store), epoch, "nothing was lost, so nobody is reset");
        assert!(store.notice().is_none(), "a fault of the disk is no damage");
        drop(store);
        let mut store = folder.open().unwrap();
        people.check(&mut store);
        if failed == 0 {
            break;
        }
        hit += 1;
        late += people.late;
    }
    println!("{fault:?}, {bad} at a time: {hit} places, {late} told late");
    assert!(hit > 40, "only {hit} operations were there to fail");
    late
}

#[test]
fn each_operation_fails_once_with_eio() {
    each_operation_fails(Fault::Io, 1);
}

#[test]
fn each_operation_fails_once_with_enospc() {
    each_operation_fails(Fault::NoSpace, 1);
}

#[test]
fn each_operation_is_short_once() {
    each_operation_fails(Fault::Short, 1);
}

#[test]
fn the_disk_fails_for_a_while() {
    each_operation_fails(Fault::Io, 12);
    each_operation_fails(Fault::NoSpace, 12);
}

/// So for some time the database cannot be opened again. What was being stored when the disk went may turn out to be
/// there after its author was told that nothing is known: then the others are told of it late, but are told.
#[test]
fn the_disk_is_pulled_out_and_comes_back() {
    each_operation_fails(Fault::Gone, 4);
    assert!(each_operation_fails(Fault::Gone, 40) > 0, "this is how it comes to that");
}

/// What the system failed to put on the disk it holds in memory as if it were there, and a second fsync(2) would not
/// write it. So nobody is ticked before the log has been written to another file.
#[test]
fn after_a_failed_sync_the_log_is_written_anew() {
    vfs::install();
    let mut seen = 0;
    for good in 0..60 {
        let folder = Folder::quick();
        let mut store = folder.open().unwrap();
        let mut people = People::default();
        people.think(50);
        people.speak(&mut store);
        let file = |folder: &Folder| std::fs::metadata(folder.log()).unwrap().ino();
        let before = file(&folder);
        vfs::fail(good, 1, Fault::Io);
        for _ in 0..5 {
            people.think(50);
            people.speak(&mut store);
            if vfs::has_failed_to_sync_a_log() {
                assert_ne!(file(&folder), before, "operation {good} was a sync of the log, and failed");
                seen += 1;
                break;
            }
        }
        vfs::heal();
    }
    assert!(seen >= 3, "only {seen} syncs were there to fail");
}

/// The same at a start: it may say that it cannot, and the next start can.
#[test]
fn each_operation_of_a_start_fails_once() {
    for fault in [Fault::Io, Fault::NoSpace, Fault::Short] {
        for good in 0.. {
            let folder = Folder::quick();
            let mut people = People::default();
            let mut store = folder.open().unwrap();
            people.think(100);
            people.speak(&mut store);
            drop(store);

            for place in [&folder, &Folder::quick()] {
                vfs::fail(good, 1, fault);
                let first = place.open();
                vfs::heal();
                let told = first.map(|mut store| store.notice());
                assert!(!matches!(told, Ok(Some(_))), "a fault of the disk is no damage: {told:?}");
                let mut store = place.open().expect("now it can");
                assert!(store.notice().is_none());
                if place.0 == folder.0 {
                    people.check(&mut store);
                }
            }
            if good > 60 {
                break;
            }
        }
    }
}
