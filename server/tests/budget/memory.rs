//! Memory, as the kernel counts it (proc(5), smaps_rollup): of a server that nobody uses, and what each connection and each
//! line adds to it.
//!
//! What they add is counted in pages that are not mapped from a file, and after somebody has come, talked and gone: so the
//! code that is used for the first time, up to 200 KiB of it, is not taken for something that connections need.

use std::path::Path;

use crate::Figures;
use crate::people::{Dialect, Room, start_plainly};
use crate::support::folder::Folder;
use crate::support::{Server, settled};

/// A hundred rooms, ten in each.
const ROOMS: usize = 100;
pub(crate) const IN_A_ROOM: usize = 10;

pub(crate) fn measure(server: &Path) -> Figures {
    let mut figures = Figures::new();
    let (folder, other) = (Folder::new(), Folder::new());
    let [data, other] = [&folder, &other].map(|folder| folder.0.to_str().expect("UTF-8"));
    for (place, flags) in [("memory", &[][..]), ("disk", &["--data", other])] {
        let server = start_plainly(&server.with_extension("static"), flags);
        figures.insert(format!("memory.static.{place}"), settled(|| server.resident()) as f64);
    }
    for (place, flags) in [("memory", &[][..]), ("disk", &["--data", data])] {
        let server = start_plainly(server, flags);
        figures.insert(format!("memory.empty.{place}"), settled(|| server.resident()) as f64);
        figures.insert(format!("memory.own.{place}"), settled(|| server.own_memory()) as f64);
        for (what, kibibytes) in what_people_add(&server) {
            figures.insert(format!("memory.{what}.{place}"), kibibytes * 1024.0);
        }
    }
    figures
}

fn what_people_add(server: &Server) -> [(&'static str, f64); 3] {
    let own = || settled(|| server.own_memory());
    // All of a room come in one turn, so that chance has little to do with how the memory is cut up.
    let come = |name: String| {
        let mut room = server.while_stopped(|| Room::dial(server.address, Dialect::Plain, &name, IN_A_ROOM));
        room.enter();
        room
    };
    growth(come, own)
}

/// How much a figure grows for each connection when it is idle, and when each has said a line, which the store keeps; and
/// for each line beyond that. So what talking leaves behind in a connection is `talked` without `line` and `idle`.
pub(crate) fn growth(come: impl Fn(String) -> Room, figure: impl Fn() -> u64) -> [(&'static str, f64); 3] {
    let for_each = |after: u64, before: u64| (after as f64 - before as f64) / (ROOMS * IN_A_ROOM) as f64;
    // What the first need is not needed again.
    come("first".to_owned()).go_round();
    let empty = figure();
    let mut rooms: Vec<Room> = (0..ROOMS).map(|number| come(format!("room-{number}"))).collect();
    let idle = figure();
    rooms.iter_mut().for_each(Room::go_round);
    let talked = figure();
    rooms.iter_mut().for_each(Room::go_round);
    let again = figure();
    [("idle", for_each(idle, empty)), ("talked", for_each(talked, empty)), ("line", for_each(again, talked))]
}
