//! When nobody talks: how often the server is woken up, and what it writes, in a few seconds. All its threads count.

use std::path::Path;
use std::time::Duration;

use crate::Figures;
use crate::people::{Dialect, Room, start_plainly};
use crate::support::folder::Folder;
use crate::support::{Server, settled};

/// Less than the half minute after which people are pinged, and the database is tidied up; `board/quiet.rs` looks at what
/// comes then.
const WATCHED: Duration = Duration::from_secs(8);

const PEOPLE: usize = 100;

/// Wake-ups, and bytes written to disks.
type Done = (u64, u64);

pub(crate) fn measure(server: &Path) -> Figures {
    let folders = [Folder::new(), Folder::new()];
    let [empty, used] = folders.each_ref().map(|folder| folder.0.to_str().expect("UTF-8"));
    let servers = [
        ("empty", start_plainly(server, &[])),
        ("empty.disk", start_plainly(server, &["--data", empty])),
        ("people.disk", start_plainly(server, &["--data", used])),
    ];
    let mut room = Room::come(servers[2].1.address, Dialect::V1, "lobby", PEOPLE);
    room.talk(10);

    let before = settled(|| done(&servers));
    std::thread::sleep(WATCHED);
    let after = done(&servers);
    // It has not died meanwhile, and the figures do move.
    room.talk(1);
    let talked = done(&servers);
    assert!(talked[2].0 > after[2].0 && talked[2].1 > after[2].1, "{:?}, then {:?}", after[2], talked[2]);

    let mut figures = Figures::new();
    for ((name, _), (before, after)) in servers.iter().zip(before.into_iter().zip(after)) {
        figures.insert(format!("quiet.wakeups.{name}"), (after.0 - before.0) as f64);
        figures.insert(format!("quiet.written.{name}"), (after.1 - before.1) as f64);
    }
    figures
}

fn done(servers: &[(&str, Server); 3]) -> [Done; 3] {
    servers.each_ref().map(|(_, server)| (server.wake_ups(), server.bytes_written()))
}
