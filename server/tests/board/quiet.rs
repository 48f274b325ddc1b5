//! When nobody talks nothing is written, and nobody is woken up but to ping.

use std::time::{Duration, SystemTime};

use tungstenite::Message;

use crate::folder::Folder;
use crate::support::{Client, Server, settled};

/// What a server has done so far: bytes written, times woken up; and its files, with size and time of change.
#[derive(Debug, PartialEq)]
struct Done {
    bytes: u64,
    wake_ups: u64,
    files: Vec<(std::ffi::OsString, u64, SystemTime)>,
}

fn done(server: &Server, folder: &Folder) -> Done {
    let file = |file: std::fs::DirEntry| {
        let data = file.metadata().expect("it is there");
        (file.file_name(), data.len(), data.modified().expect("it has a time"))
    };
    let mut files: Vec<_> =
        std::fs::read_dir(folder.data()).expect("it is there").flatten().map(file).collect();
    files.sort();
    Done { bytes: server.bytes_written(), wake_ups: server.wake_ups(), files }
}

/// Ten people in a room, who have talked.
fn people(server: &Server) -> Vec<Client> {
    let mut people: Vec<_> = (0..10).map(|number| server.v1_in(&format!("p{number}"), "lobby")).collect();
    people[0].say(r#"{"type":"say","id":"1","room":"lobby","text":"hello"}"#);
    people[0].event("stored");
    people[9].event("message");
    people
}

#[test]
fn ten_who_say_nothing_cost_nothing() {
    let folder = Folder::new();
    let server = folder.server(&[]);
    let mut people = people(&server);
    let before = settled(|| done(&server, &folder));
    // Somewhat less than the half minute after which it pings and tidies up.
    std::thread::sleep(Duration::from_secs(5));
    assert_eq!(done(&server, &folder), before);
    // It has not died meanwhile, and the figures do move.
    people[0].say(r#"{"type":"say","id":"2","room":"lobby","text":"anybody?"}"#);
    people[0].event("stored");
    let after = done(&server, &folder);
    assert!(after.bytes > before.bytes && after.wake_ups > before.wake_ups && after.files != before.files);
}

/// The same for as long as it takes to ping everybody and to tidy up, and then for two rounds of pings more:
///
/// ```text
/// cargo test --release -p snug-server --test board quiet -- --ignored --nocapture
/// ```
#[test]
#[ignore = "it takes two minutes"]
fn pings_are_all_there_is_to_do() {
    let folder = Folder::new();
    let server = folder.server(&[]);
    let people = people(&server);
    let pinged = std::sync::atomic::AtomicU64::new(0);
    let begun = done(&server, &folder);
    let (tidied, after) = std::thread::scope(|scope| {
        let sockets: Vec<_> = people.iter().map(|person| person.socket.get_ref().try_clone()).collect();
        for mut person in people {
            let pinged = &pinged;
            scope.spawn(move || {
                let _ = person.socket.get_ref().set_read_timeout(None);
                while let Ok(message) = person.socket.read() {
                    if matches!(message, Message::Ping(_)) {
                        pinged.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
                    }
                }
            });
        }
        std::thread::sleep(Duration::from_secs(45));
        let first = pinged.swap(0, std::sync::atomic::Ordering::SeqCst);
        assert!(first >= 10, "all have been pinged, not {first}");
        let tidied = done(&server, &folder);
        std::thread::sleep(Duration::from_secs(60));
        let after = done(&server, &folder);
        for socket in sockets.into_iter().flatten() {
            let _ = socket.shutdown(std::net::Shutdown::Both);
        }
        (tidied, after)
    });
    let pings = pinged.into_inner();
    println!(
        "the tidy-up wrote {} KiB; then, in a minute, {} pings: {} bytes written, woken up {} times",
        (tidied.bytes - begun.bytes) / 1024,
        pings,
        after.bytes - tidied.bytes,
        after.wake_ups - tidied.wake_ups
    );
    assert!(tidied.bytes > begun.bytes, "it has tidied up");
    assert_eq!((after.bytes, &after.files), (tidied.bytes, &tidied.files), "nothing is written");
    assert!(pings >= 10, "{pings} pings");
    // To send a ping, and to take its answer.
    assert!(after.wake_ups - tidied.wake_ups <= 2 * pings + 2, "{} times", after.wake_ups - tidied.wake_ups);
}
