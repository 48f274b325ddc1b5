//! What the engine on a disk has at hand in memory.

use hub::effect::Range;
use protocol::chat::id::Epoch;
use protocol::chat::request::Since;

use super::super::{Sqlite, Store};
use super::{ALICE, BOB, Folder, applied, recall, say};

/// What the engine on a disk still has in memory is what it reads from the disk after the next start.
#[test]
fn what_is_recent_is_what_is_stored() {
    let folder = Folder::new();
    let open =
        |start| Store::new(Sqlite::open(&folder.0, 0, Box::new(move || Some(Epoch([start; 8])))).unwrap());
    let mut store = open(1);
    for number in 0..60 {
        applied(say(&mut store, ALICE, "", "lobby", &"x".repeat(number * 97 % 9_000)));
        applied(say(&mut store, BOB, "", "ops", &number.to_string()));
    }
    drop(store);
    let mut store = open(2);
    // Forty are read from the disk only, forty are recent too.
    for number in 60..100 {
        applied(say(&mut store, ALICE, "", "lobby", &"y".repeat(number * 97 % 9_000)));
    }
    let questions = || {
        let numbers = || (0..103).step_by(3);
        let before = numbers().flat_map(|seq| [1, 7, 50].map(|limit| Range::Before { seq, limit }));
        let last = [0, 1, 40, 41, 200].map(|count| Range::Since(Since::Last(count)));
        before.chain(numbers().map(Range::From)).chain(last).collect::<Vec<_>>()
    };
    let ask = |store: &mut Store| {
        let rooms = ["lobby", "ops", "quiet"];
        rooms.map(|room| questions().into_iter().map(|span| recall(store, room, span)).collect::<Vec<_>>())
    };
    let recent = ask(&mut store);
    drop(store);
    assert_eq!(ask(&mut open(3)), recent);
}
