//! What is said when the data folder cannot be used: one sentence each.

use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt};
use std::process::{Command, Stdio};

use server::store::{Answer, Fault, Letter, Sqlite};

use crate::desk::{ALICE, Folder, NOON, lines, record, say, work};
use crate::mount::Mount;
use crate::vfs;

/// The sentence, with the folder's name in short.
fn sentence(folder: &Folder) -> String {
    let fault = folder.open().map(|_| ()).expect_err("it cannot be opened");
    fault.to_string().replace(folder.0.to_str().unwrap(), "DIR")
}

#[test]
fn the_folder_above_has_to_be_there() {
    let above = Folder::new();
    let folder = Folder(above.0.join("data"));
    let said = "cannot make the data folder DIR: the folder above it does not exist";
    assert_eq!(sentence(&folder), said);
    assert!(!above.0.exists(), "nothing is made for a slip of the pen");
}

#[test]
fn it_has_to_be_a_folder() {
    let folder = Folder::new();
    std::fs::write(&folder.0, "not a folder").unwrap();
    assert_eq!(sentence(&folder), "cannot keep data in DIR: it is not a folder");
    std::fs::remove_file(&folder.0).unwrap();
}

#[test]
fn a_second_server_is_told_so() {
    let folder = Folder::new();
    let mut store = folder.open().unwrap();
    assert_eq!(sentence(&folder), "another server already keeps its data in DIR");
    say(&mut store, ALICE, "", "lobby", "the first is not disturbed");
    drop(store);
    let mut store = folder.open().expect("when the first has ended its folder is free");
    assert_eq!(lines(&mut store, "lobby"), ["1 the first is not disturbed"]);
}

#[test]
fn a_newer_database_is_left_alone() {
    let folder = Folder::new();
    folder.open().unwrap().close();
    let newer = rusqlite::Connection::open(folder.database()).unwrap();
    newer.pragma_update(None, "user_version", 1000).unwrap();
    newer.close().unwrap();
    let before = std::fs::read(folder.database()).unwrap();
    let said = "cannot read DIR: a newer version of this program has written it; start that version";
    assert_eq!(sentence(&folder), said);
    assert_eq!(std::fs::read(folder.database()).unwrap(), before);
}

#[test]
fn without_permission_it_says_so() {
    let folder = Folder::new();
    std::fs::create_dir(&folder.0).unwrap();
    std::fs::set_permissions(&folder.0, PermissionsExt::from_mode(0o500)).unwrap();
    if std::fs::write(folder.0.join("probe"), "").is_ok() {
        println!("SKIPPED: this user may write everywhere");
        return;
    }
    let said =
        "cannot keep data in DIR: no permission to write there; start as its owner, or name another folder";
    assert_eq!(sentence(&folder), said);
    std::fs::set_permissions(&folder.0, PermissionsExt::from_mode(0o700)).unwrap();
}

#[test]
fn a_read_only_file_system_is_named() {
    let folder = Folder::new();
    folder.open().unwrap().close();
    let Some(_mount) = Mount::read_only(&folder.0) else { return };
    assert_eq!(sentence(&folder), "cannot keep data in DIR: its file system is mounted read-only");
}

#[test]
fn a_system_without_random_numbers_begins_nothing() {
    let folder = Folder::new();
    let fault = Sqlite::open(&folder.0, NOON, Box::new(|| None)).map(|_| ()).unwrap_err();
    assert_eq!(fault, Fault::Random);
}

/// Somebody looks at the database with another program, and holds it for long. Nothing of that is a fault of the disk.
#[test]
fn another_program_in_the_way_is_waited_for_and_named() {
    let folder = Folder::new();
    let mut store = folder.open().unwrap();
    say(&mut store, ALICE, "", "lobby", "one");
    let log = || std::fs::metadata(folder.log()).unwrap().ino();
    let before = log();
    let other = rusqlite::Connection::open(folder.database()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let answers = work(&mut store, [Letter::Record(record(ALICE, "k", "lobby", "two"))]);
    assert!(matches!(answers[..], [Answer::Unknown { .. }]), "{answers:?}");
    let fault = store.fault().expect("it is for the log").to_string();
    assert!(fault.ends_with("another program has the database open, and is in the way"), "{fault}");
    assert_eq!(lines(&mut store, "lobby"), ["1 one"], "reading goes on");
    other.execute_batch("ROLLBACK").unwrap();
    assert_eq!(say(&mut store, ALICE, "k", "lobby", "two").entry.seq, 2);
    assert_eq!(log(), before, "nothing was mended");
}

/// Somebody takes a message out with `sqlite3`. The server does not go on with what it knew.
#[test]
fn what_another_program_changes_is_seen() {
    let folder = Folder::new();
    let mut store = folder.open().unwrap();
    for text in ["one", "two", "three"] {
        say(&mut store, ALICE, "", "lobby", text);
    }
    assert_eq!(lines(&mut store, "lobby"), ["1 one", "2 two", "3 three"]);
    let other = rusqlite::Connection::open(folder.database()).unwrap();
    other.execute("DELETE FROM entries WHERE body = 'one'", []).unwrap();
    assert_eq!(lines(&mut store, "lobby"), ["2 two", "3 three"]);
    assert_eq!(say(&mut store, ALICE, "", "lobby", "four").entry.seq, 4);
}

/// The log of a database that another program has open must not be replaced: that program would go on with the old one.
#[test]
fn nothing_is_mended_while_another_program_has_the_database_open() {
    if let Some(path) = std::env::var_os(OTHER) {
        return be_another_program(&path);
    }
    let folder = Folder::new();
    vfs::install();
    let mut store = folder.open().unwrap();
    say(&mut store, ALICE, "", "lobby", "one");
    let log = || std::fs::metadata(folder.log()).unwrap().ino();
    let before = log();
    let name = "folder::nothing_is_mended_while_another_program_has_the_database_open";
    let mut other = Command::new(std::env::current_exe().unwrap())
        .args([name, "--exact", "--nocapture"])
        .env(OTHER, folder.database())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(other.stdout.take().unwrap()).lines().map_while(Result::ok);
    assert!(said.any(|line| line.contains("I have it open")), "it ended, and had not opened it");

    // The sync, which is the last.
    vfs::fail(0, 20, vfs::Fault::Io);
    let answers = work(&mut store, [Letter::Record(record(ALICE, "k", "lobby", "two"))]);
    vfs::heal();
    assert!(matches!(answers[..], [Answer::Unknown { .. }]), "{answers:?}");
    let fault = store.fault().expect("it is for the log").to_string();
    assert!(fault.ends_with("another program has the database open, and is in the way"), "{fault}");
    assert_eq!(log(), before);

    drop(other.stdin.take());
    other.wait().unwrap();
    assert_eq!(say(&mut store, ALICE, "k", "lobby", "two").entry.seq, 2);
}

const OTHER: &str = "SNUG_TEST_OTHER_PROGRAM";

fn be_another_program(path: &std::ffi::OsStr) {
    let conn = rusqlite::Connection::open(path).unwrap();
    let count: i64 = conn.query_row("SELECT count(*) FROM entries", [], |row| row.get(0)).unwrap();
    println!("I have it open: {count}");
    // Until whoever has started it lets go, also by dying.
    std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
}
