//! The desk alone, without sockets or a poll: one turn in which everything comes together.

use hub::input::ConnId;
use protocol::chat::event::Durability;
use protocol::chat::id::Epoch;
use protocol::http::Head;
use protocol::time::Millis;
use protocol::upgrade::Origins;
use server::conn::outbox::Outbox;
use server::conn::{Desk, Message, Verdict};
use server::store::{Memory, Ring, Store};

use crate::support::peer::upgrade;

const NOW: Millis = Millis(1);

fn secrets(bytes: &mut [u8]) {
    getrandom::fill(bytes).expect("random numbers");
}

/// Ben joins between Anna's first and second word, all in one turn. He gets the first by page and the second live.
#[test]
fn who_becomes_live_in_mid_turn_is_told_each_entry_once() {
    let epoch = Epoch([1; 8]);
    let hub = hub::Hub::new(hub::limits::Settings::new(epoch, Durability::Memory, "snug", 0));
    let store = Store::new(Memory::new(epoch, Ring::default()));
    let mut desk = server::server::Server::new(hub, store, secrets, Origins::default());
    let mut outbox = Outbox::new();
    let [anna, ben] = [0, 1].map(|slot| ConnId { slot, generation: 0 });
    let request = upgrade("/ws", true);
    let head = Head::parse(request.as_bytes()).expect("a head");
    for (conn, nick) in [(anna, "anna"), (ben, "ben")] {
        assert_eq!(desk.request(NOW, conn, &head, &mut outbox), Verdict::Upgraded);
        let hello = format!(r#"{{"type":"hello","nick":"{nick}"}}"#);
        desk.message(NOW, conn, Message::Text(&hello), &mut outbox);
    }
    let join = Message::Text(r#"{"type":"join","room":"lobby"}"#);
    let first = Message::Text(r#"{"type":"say","id":"1","room":"lobby","text":"first"}"#);
    let second = Message::Text(r#"{"type":"say","id":"2","room":"lobby","text":"second"}"#);
    desk.message(NOW, anna, join, &mut outbox);
    assert!(!desk.mail(NOW, &mut outbox), "all is answered");
    desk.fan_out(&mut outbox);
    outbox.clear();
    assert_eq!((outbox.metrics.told, outbox.metrics.paged), (0, 0));

    desk.message(NOW, anna, first, &mut outbox);
    desk.message(NOW, ben, join, &mut outbox);
    desk.message(NOW, anna, second, &mut outbox);
    assert!(!desk.mail(NOW, &mut outbox), "all is answered");
    desk.fan_out(&mut outbox);
    let bytes: Vec<u8> = outbox.pieces(ben.slot).flatten().copied().collect();
    let heard = String::from_utf8_lossy(&bytes).matches(r#""type":"message""#).count();
    assert_eq!(heard, 2, "{}", String::from_utf8_lossy(&bytes));
    assert_eq!((outbox.metrics.told, outbox.metrics.paged), (1, 1));
}
