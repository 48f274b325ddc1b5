//! The chat's two dialects, both ways: what a client asks, as the server reads it; what the server tells, as it writes it.
//!
//! ```text
//! cargo bench -p snug-protocol --bench chat
//! ```

use std::hint::black_box;

use divan::Bencher;
use protocol::chat::event::{Entry, Event, Kind, Message, Stored};
use protocol::chat::{plain, wire};

fn main() {
    divan::main();
}

/// 64 bytes, of which two have to be escaped in JSON.
const TEXT: &str = r#"he said "the soup is ready", and everybody came to see it boil.."#;

const ID: &str = "c56a4180-65aa-42ec-a945-5fd21dec0538";

fn message() -> Event<'static> {
    Event::Message(Message {
        room: "lobby".into(),
        entry: Entry {
            seq: 42,
            user: "9130a5c2d7e8f0b1c3d4".into(),
            nick: "anna".into(),
            text: TEXT.into(),
            time: 1_795_362_272_184,
            kind: Kind::Talk,
            id: None,
        },
    })
}

fn write(bencher: Bencher<'_, '_>, event: &Event<'_>, write: impl Fn(&Event<'_>, &mut String)) {
    let mut out = String::with_capacity(1024);
    bencher.bench_local(|| {
        out.clear();
        write(black_box(event), &mut out);
        black_box(out.len())
    });
}

#[divan::bench]
fn v1_reads_say(bencher: Bencher<'_, '_>) {
    let text = format!(r#"{{"type":"say","id":"{ID}","room":"lobby","text":{TEXT:?}}}"#);
    assert_eq!(TEXT.len(), 64);
    bencher.bench_local(|| {
        wire::read_request(black_box(&text)).map(|envelope| drop(black_box(envelope))).is_ok()
    });
}

#[divan::bench]
fn v1_reads_join(bencher: Bencher<'_, '_>) {
    let text = r#"{"type":"join","id":"1","room":"lobby","last":50}"#;
    bencher.bench_local(|| {
        wire::read_request(black_box(text)).map(|envelope| drop(black_box(envelope))).is_ok()
    });
}

#[divan::bench]
fn plain_reads_say(bencher: Bencher<'_, '_>) {
    bencher.bench_local(|| plain::read(black_box(TEXT)).map(|request| drop(black_box(request))).is_ok());
}

#[divan::bench]
fn v1_writes_message(bencher: Bencher<'_, '_>) {
    write(bencher, &message(), wire::write_event);
}

#[divan::bench]
fn v1_writes_stored(bencher: Bencher<'_, '_>) {
    let stored =
        Stored { id: Some(ID.into()), room: "lobby".into(), seq: 42, time: 1_795_362_272_184, dup: false };
    write(bencher, &Event::Stored(stored), wire::write_event);
}

#[divan::bench]
fn plain_writes_message(bencher: Bencher<'_, '_>) {
    write(bencher, &message(), |event, out| assert!(plain::write(event, out)));
}
