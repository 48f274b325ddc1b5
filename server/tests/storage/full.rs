//! A full disk is a normal state: reading goes on, whoever says something is told, and writing resumes by itself.

use hub::effect::{Purpose, Range, Recall};
use hub::input::Refusal;
use server::store::{Answer, Letter};

use crate::desk::{ALICE, BOB, CONN, Folder, People, body, lines, record, room, say, work};
use crate::mount::Mount;

#[test]
fn a_small_disk_fills_up_and_is_freed_again() {
    let disk = Folder::new();
    std::fs::create_dir(&disk.0).unwrap();
    let Some(_mount) = Mount::small_disk(&disk.0, "size=8m") else { return };
    let folder = Folder(disk.0.join("data"));
    let mut store = folder.open().unwrap();
    say(&mut store, ALICE, "first", "lobby", "there is room");

    std::fs::write(disk.0.join("other"), vec![7; 7_900_000]).unwrap();
    let ask = Letter::Recall(Recall {
        conn: CONN,
        room: room("lobby"),
        purpose: Purpose::History { id: None },
        span: Range::From(1),
    });
    let letters = [record(BOB, "late", "lobby", "no room"), record(ALICE, "first", "lobby", "there is room")];
    let answers = work(&mut store, letters.map(Letter::Record).into_iter().chain([ask]));
    let [
        Answer::Refused { reason: Refusal::StorageFull, .. },
        Answer::Applied(again),
        Answer::Recalled(page),
    ] = &answers[..]
    else {
        panic!("refused, ticked again, read; not {answers:?}");
    };
    assert!(again.dup && page.entries.len() == 1);
    assert!(store.fault().is_none(), "it is a normal state");

    std::fs::remove_file(disk.0.join("other")).unwrap();
    assert_eq!(say(&mut store, BOB, "late", "lobby", "no room").entry.seq, 2, "it resumes by itself");
    drop(store);
    assert_eq!(lines(&mut folder.open().unwrap(), "lobby"), ["1 there is room", "2 no room"]);
}

/// More is said at once than fits: what is refused is not there, what is ticked is.
#[test]
fn of_too_much_at_once_it_keeps_what_fits() {
    let disk = Folder::new();
    std::fs::create_dir(&disk.0).unwrap();
    let Some(_mount) = Mount::small_disk(&disk.0, "size=8m") else { return };
    let folder = Folder(disk.0.join("data"));
    let mut store = folder.open().unwrap();
    std::fs::write(disk.0.join("other"), vec![7; 6_500_000]).unwrap();
    let mut people = People { may_be_full: true, ..People::default() };
    (0..200).for_each(|_| people.think(14_000));
    people.speak(&mut store);
    let (fits, refused) = (people.ticked.len(), people.pending.len());
    assert!(fits > 10 && refused > 10, "{fits} fit, {refused} do not");
    people.check(&mut store);
    people.check_heard(&mut store);

    std::fs::remove_file(disk.0.join("other")).unwrap();
    people.speak(&mut store);
    assert_eq!(people.ticked.len(), 200);
    people.check(&mut store);
    people.check_heard(&mut store);
}

/// A disk can also be so full that there is nothing to begin with.
#[test]
fn a_start_on_a_full_disk_says_so() {
    let disk = Folder::new();
    std::fs::create_dir(&disk.0).unwrap();
    let Some(_mount) = Mount::small_disk(&disk.0, "size=1m") else { return };
    let _ = std::fs::write(disk.0.join("other"), body(0, 2_000_000));
    let folder = Folder(disk.0.join("data"));
    let fault = folder.open().map(|_| ()).expect_err("nothing fits");
    let said = format!("cannot keep data in {}: no space is left there", folder.0.display());
    assert_eq!(fault.to_string(), said);
    std::fs::remove_file(disk.0.join("other")).unwrap();
    say(&mut folder.open().unwrap(), ALICE, "", "lobby", "now there is");
}
