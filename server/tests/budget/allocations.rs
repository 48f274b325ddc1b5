//! Heap allocations, and the bytes that stay, by an allocator that counts. The server's loop and its store run on threads
//! of this process; all the clients are on the first thread, whose allocations are not counted. What SQLite takes for itself
//! it takes from C, so that is not counted either.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use protocol::chat::id::Epoch;
use server::store::{Rhythm, Sqlite, Store};

use crate::Figures;
use crate::memory::{IN_A_ROOM, growth};
use crate::people::{Dialect, Room};
use crate::support::folder::Folder;
use crate::support::{here, settled};

#[global_allocator]
static COUNTING: Counting = Counting;

struct Counting;

static ALLOCATIONS: AtomicI64 = AtomicI64::new(0);
static LIVE: AtomicI64 = AtomicI64::new(0);

thread_local! {
    /// Whether this thread is none of the server's.
    static IS_OURS: Cell<bool> = const { Cell::new(false) };
}

fn count(allocations: i64, bytes: i64) {
    // A thread that is about to end is none of those we look at.
    if !IS_OURS.try_with(Cell::get).unwrap_or(true) {
        ALLOCATIONS.fetch_add(allocations, Ordering::Relaxed);
        LIVE.fetch_add(bytes, Ordering::Relaxed);
    }
}

// SAFETY: everything is handed on to the system's allocator as it came, and counting does not allocate.
#[expect(unsafe_code)]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(1, layout.size() as i64);
        // SAFETY: the caller's promises are the same.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        count(0, -(layout.size() as i64));
        // SAFETY: the caller's promises are the same.
        unsafe { System.dealloc(place, layout) }
    }

    unsafe fn realloc(&self, place: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(1, size as i64 - layout.size() as i64);
        // SAFETY: the caller's promises are the same.
        unsafe { System.realloc(place, layout, size) }
    }
}

/// So many hear each line. What they add is what an allocation for each of them would add.
const FEW: usize = 10;
const MANY: usize = 100;

/// After so many lines a room is as it will be: the store in memory keeps 256 of them.
const WARM_UP: usize = 10;
const ROUNDS: usize = 10;
const LINES: usize = 32;

const EPOCH: Epoch = Epoch([0; 8]);

pub(crate) fn measure() -> Figures {
    IS_OURS.set(true);
    let mut figures = Figures::new();
    for dialect in [Dialect::Plain, Dialect::V1] {
        let server = || here::run(here::patient(), here::RULES);
        for (how, at_once) in [("one", 1), ("batch", LINES)] {
            let [few, many] = [FEW, MANY].map(|hearers| for_a_line(server(), dialect, hearers, at_once));
            let for_each = (many - few) / (MANY - FEW) as f64;
            let name = format!("{how}.{}", dialect.name());
            figures.insert(format!("allocations.hearer.{name}"), for_each);
            figures.insert(format!("allocations.line.{name}"), few - for_each * FEW as f64);
        }
        let server = server();
        let come = |name: String| Room::come(server, dialect, &name, IN_A_ROOM);
        for (what, bytes) in growth(come, live_bytes) {
            figures.insert(format!("allocations.bytes.{what}.{}", dialect.name()), bytes);
        }
    }
    let folder = Folder::new();
    let on_a_disk = here::run_with(here::patient(), here::RULES, EPOCH, |bell| {
        let epochs = Box::new(|| Some(EPOCH));
        let engine = Sqlite::open(&folder.0, 0, epochs).expect("a database");
        Store::on_a_thread(engine, Rhythm { window: Duration::ZERO, rest: None }, bell).expect("a thread")
    });
    figures.insert("allocations.line.one.disk".to_owned(), for_a_line(on_a_disk, Dialect::V1, FEW, 1));
    figures
}

/// How many allocations there are for each line that is said to so many, so many lines at once.
fn for_a_line(address: SocketAddr, dialect: Dialect, hearers: usize, at_once: usize) -> f64 {
    let mut room = Room::come(address, dialect, "lobby", 1 + hearers);
    let mut talk = |rounds: usize| {
        for _ in 0..rounds * LINES / at_once {
            room.send(1, at_once);
            room.hear(1, at_once);
        }
    };
    talk(WARM_UP);
    settle();
    talk(1);
    let before = ALLOCATIONS.load(Ordering::Relaxed);
    talk(ROUNDS);
    settle();
    (ALLOCATIONS.load(Ordering::Relaxed) - before) as f64 / (ROUNDS * LINES) as f64
}

/// How many bytes of heap the server's threads have taken and not given back.
fn live_bytes() -> u64 {
    settled(|| u64::try_from(LIVE.load(Ordering::Relaxed)).expect("more is taken than given back"))
}

/// The loop has ended its turn, and has told who came.
fn settle() {
    std::thread::sleep(Duration::from_millis(400));
}
