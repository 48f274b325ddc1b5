//! What the hub does for one line that is said: judges it, and when it is stored, says who is told. With a store that
//! numbers and forgets; sockets and frames are no business of the hub's.
//!
//! ```text
//! cargo bench -p snug-hub
//! ```

use std::hint::black_box;

use divan::Bencher;
use hub::effect::Effect;
use hub::input::{Applied, ConnId, Dialect, Greeting, Input, Recalled, Stored};
use hub::{Hub, Settings};
use protocol::chat::event::Durability;
use protocol::chat::id::{Epoch, RequestId, SessionKey};
use protocol::chat::name::{RoomName, Text};
use protocol::chat::request::{Envelope, Request};
use protocol::time::Millis;

fn main() {
    divan::main();
}

const NOW: Millis = Millis(1000);

/// The first of so many members of the lobby says a line; it is stored, and each member is counted.
#[divan::bench(args = [10, 100, 1000])]
fn say_into(bencher: Bencher<'_, '_>, members: u32) {
    let mut hub = Hub::new(Settings::new(Epoch([7; 8]), Durability::Memory, "snug", 1));
    let mut effects = Vec::new();
    (0..members).for_each(|slot| join(&mut hub, slot, &mut effects));
    let (conn, mut seq) = (ConnId { slot: 0, generation: 0 }, 0);
    bencher.bench_local(|| {
        let id = RequestId::new("c56a4180-65aa-42ec-a945-5fd21dec0538");
        let text =
            Text::new("soup is ready, and everybody is to come and see it while it boils").expect("a text");
        let room = RoomName::new("lobby").expect("a name");
        let request = Request::Say { room: Some(room), text, action: false };
        hub.handle(NOW, Input::Asked { conn, envelope: Envelope { id, request } }, &mut effects);
        seq += 1;
        store(&mut hub, seq, &mut effects);
        let mut told = 0;
        for effect in effects.drain(..) {
            if let Effect::Deliver { room, .. } = &effect {
                for slot in hub.members(*room) {
                    black_box(slot);
                    told += 1;
                }
            }
            black_box(effect);
        }
        assert_eq!(told, members as usize);
    });
}

/// What it asks to be recorded is applied.
fn store(hub: &mut Hub, seq: u64, effects: &mut Vec<Effect>) {
    let at = effects.iter().position(|effect| matches!(effect, Effect::Record(_))).expect("it is recorded");
    let Effect::Record(record) = effects.swap_remove(at) else { return };
    let entry = Stored {
        seq,
        time: 0,
        kind: record.kind,
        user: record.user,
        nick: record.nick,
        text: record.text,
        id: record.id,
    };
    let applied = Applied { room: record.room, entry, origin: record.origin, dup: false };
    hub.handle(NOW, Input::Applied(applied), effects);
}

/// Comes into the lobby, in which nothing was said yet, and is told so.
fn join(hub: &mut Hub, slot: u32, effects: &mut Vec<Effect>) {
    let conn = ConnId { slot, generation: 0 };
    let nick = format!("p{slot}");
    let greeting = Greeting { dialect: Dialect::Plain, nick: Some(&nick), room: Some("lobby"), last: 0 };
    let secret = SessionKey(u128::from(slot).to_be_bytes());
    hub.handle(NOW, Input::Opened { conn, secret, greeting }, effects);
    while let Some(effect) = effects.pop() {
        match effect {
            Effect::Recall(recall) => {
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
                hub.handle(NOW, Input::Recalled(recalled), effects);
            }
            Effect::AwaitDrain { conn } => hub.handle(NOW, Input::Drained { conn }, effects),
            _ => {}
        }
    }
}
