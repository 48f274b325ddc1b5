//! The disk fails: once, at each operation of a conversation in turn, in each of the ways a disk can. Whatever happens,
//! what was ticked is there, nothing is there twice, who is refused is not there, and a live member misses nothing.

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

fn each_operation_fails(fault: Fault, bad: usize) {
    vfs::install();
    let mut hit = 0;
    for good in 0.. {
        let folder = Folder::quick();
        let mut store = folder.open().unwrap();
        let epoch = server::store::Engine::epoch(&store);
        let mut people = People::default();
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
    }
    println!("{fault:?}, {bad} at a time: {hit} places");
    assert!(hit > 40, "only {hit} operations were there to fail");
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
