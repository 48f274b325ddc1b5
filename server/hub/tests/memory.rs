//! How much memory the hub takes, counted by the allocator: what is asked for, not what an allocator adds to it.
//! An idle connection is what a small board has most of, so its price is a promise (DESIGN.md, section 3).

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use hub::effect::{Effect, Purpose, Record};
use hub::input::{Applied, ConnId, Dialect, Greeting, Input, Recalled, Stored};
use hub::{Hub, Settings};
use protocol::chat::event::{Durability, Kind};
use protocol::chat::id::{Epoch, RequestId, SessionKey};
use protocol::chat::name::Text;
use protocol::chat::request::{Envelope, Request};
use protocol::time::Millis;

thread_local! {
    static BYTES: Cell<isize> = const { Cell::new(0) };
    static CALLS: Cell<usize> = const { Cell::new(0) };
}

/// The system's allocator, counting what each thread holds and how often it asked.
struct Counting;

// SAFETY: every call is passed on to the system's allocator as it came; the counters are plain cells.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        CALLS.set(CALLS.get() + 1);
        BYTES.set(BYTES.get() + layout.size() as isize);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        BYTES.set(BYTES.get() - layout.size() as isize);
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

#[test]
#[cfg(target_pointer_width = "64")]
fn an_idle_plain_guest_takes_less_than_105_bytes() {
    for connections in [1_000, 1_025, 4_000] {
        let before = BYTES.get();
        let hub = room_of(connections, Dialect::Plain);
        let each = (BYTES.get() - before) / connections as isize;
        assert_eq!(hub.counts().persons, connections);
        println!("{each} bytes for each of {connections}");
        assert!(each < 105, "{each} bytes for each of {connections}");
    }
}

#[test]
fn what_everybody_leaves_is_given_back() {
    let mut hub = room_of(1_000, Dialect::Plain);
    let full = BYTES.get();
    for slot in 0..1_000 {
        handle(&mut hub, Input::Closed { conn: ConnId { slot, generation: 0 } });
    }
    assert_eq!(hub.counts(), hub::Counts::default());
    let refilled = room_of_into(hub, 1_000, Dialect::Plain);
    assert!(BYTES.get() <= full + 1_000 * 16, "the tables are used again");
    drop(refilled);
}

/// The way of everything that is said: it takes what the record owns, and the same in any room.
#[test]
fn talking_costs_the_same_in_a_large_room() {
    let [small, large] = [10, 2_000].map(|members| {
        let mut hub = room_of(members, Dialect::Plain);
        let mut effects = Vec::with_capacity(4);
        let calls = CALLS.get();
        let request =
            Request::Say { room: None, text: Text::new("is anybody here?").unwrap(), action: false };
        let envelope = Envelope { id: RequestId::new("1"), request };
        let conn = ConnId { slot: 3, generation: 0 };
        hub.handle(Millis(1), Input::Asked { conn, envelope }, &mut effects);
        let said = CALLS.get() - calls;

        let Some(Effect::Record(record)) = effects.pop() else { panic!("it is recorded") };
        let applied = applied(record);
        let calls = CALLS.get();
        hub.handle(Millis(2), Input::Applied(applied), &mut effects);
        assert!(matches!(effects.as_slice(), [Effect::Deliver { .. }]));
        (said, CALLS.get() - calls)
    });
    assert_eq!(small, large);
    assert_eq!(small, (3, 0), "room, text and id of the record; and nothing");
}

fn room_of(connections: u32, dialect: Dialect) -> Hub {
    room_of_into(Hub::new(Settings::new(Epoch([0; 8]), Durability::Memory, "snug", 7)), connections, dialect)
}

/// Fills the lobby: everybody is there, and has got its answer.
fn room_of_into(mut hub: Hub, connections: u32, dialect: Dialect) -> Hub {
    for slot in 0..connections {
        let mut secret = [1; 16];
        secret[..4].copy_from_slice(&slot.to_le_bytes());
        let greeting = Greeting { dialect, nick: None, room: Some("lobby"), last: 0 };
        let conn = ConnId { slot, generation: 0 };
        let effects = handle(&mut hub, Input::Opened { conn, secret: SessionKey(secret), greeting });
        for effect in effects {
            let Effect::Recall(recall) = effect else { continue };
            assert!(matches!(recall.purpose, Purpose::Join { .. }));
            let recalled = Recalled {
                conn,
                room: recall.room,
                purpose: recall.purpose,
                topic: "".into(),
                first: 0,
                last: 0,
                reset: None,
                entries: Vec::new(),
                more: false,
            };
            handle(&mut hub, Input::Recalled(recalled));
        }
        handle(&mut hub, Input::Tick);
    }
    let lobby = hub.room("lobby").expect("somebody is there");
    assert_eq!((hub.members(lobby).len(), hub.behind(lobby).count()), (connections as usize, 0));
    hub
}

fn handle(hub: &mut Hub, input: Input<'_>) -> Vec<Effect> {
    let mut effects = Vec::new();
    hub.handle(Millis(u64::from(hub.counts().connections) * 1000), input, &mut effects);
    effects
}

fn applied(record: Record) -> Applied {
    let Record { room, user, nick, kind, text, id, origin } = record;
    assert_eq!((room.as_str(), kind), ("lobby", Kind::Talk));
    Applied { room, entry: Stored { seq: 1, time: 0, kind, user, nick, text, id }, origin, dup: false }
}
