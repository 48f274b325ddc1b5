//! System calls, by strace(1): all of them for what is delivered, and those that write and sync for what is stored.

use std::path::Path;
use std::time::Duration;

use crate::Figures;
use crate::people::{Dialect, Room, start};
use crate::support::folder::Folder;
use crate::support::trace::Trace;

/// As in `instructions.rs`.
const HEARERS: usize = 100;
const AUTHORS: usize = 8;
const LINES_EACH: usize = 4;

const LINES: usize = 100;
const BATCHES: usize = 20;

pub(crate) fn measure(server: &Path) -> Figures {
    let mut figures = Figures::new();
    for dialect in [Dialect::Plain, Dialect::V1] {
        let trace = Trace::new("all");
        let server = start(trace.strace().arg(server), &[]);
        let mut room = Room::come(server.address, dialect, "lobby", 1 + HEARERS);
        room.talk(2);
        // Until the room has been told who came.
        std::thread::sleep(Duration::from_millis(500));

        let begun = trace.calls();
        room.talk(LINES);
        let talked = trace.calls();
        for _ in 0..BATCHES {
            server.while_stopped(|| room.send(AUTHORS, LINES_EACH));
            room.hear(AUTHORS, LINES_EACH);
        }
        let batched = trace.calls();
        let name = dialect.name();
        let per_delivery = |calls: u64, lines: usize| calls as f64 / (lines * HEARERS) as f64;
        figures.insert(format!("calls.one.{name}"), per_delivery(talked - begun, LINES));
        let lines = BATCHES * AUTHORS * LINES_EACH;
        figures.insert(format!("calls.batch.{name}"), per_delivery(batched - talked, lines));
    }
    figures
}

/// A thousand lines, each ticked before the next, and a thousand that come a hundred at a time.
pub(crate) fn measure_disk(server: &Path) -> Figures {
    let mut figures = Figures::new();
    for (name, batches, lines, sync) in [("one", 1000, 1, "always"), ("batch", 10, 100, "200ms")] {
        let folder = Folder::new();
        let data = folder.0.to_str().expect("UTF-8");
        let trace = Trace::new("pwrite64,pwritev,fdatasync,fsync,ftruncate");
        let server = start(trace.strace().arg(server), &["--data", data, "--sync", sync]);
        let mut room = Room::come(server.address, Dialect::V1, "lobby", 1);
        let mut talk = |batches| {
            for _ in 0..batches {
                room.send(1, lines);
                room.hear(1, lines);
            }
        };
        talk(batches / 10);
        let begun = trace.written(data);
        talk(batches);
        let talked = trace.written(data);
        figures.insert(format!("disk.syncs.{name}"), (talked.0 - begun.0) as f64);
        figures.insert(format!("disk.written.{name}"), (talked.1 - begun.1) as f64 / 1024.0);
    }
    figures
}
