//! Entries as the events that tell them, and events as frames. Must not know who is told.

use hub::input::{Applied, Dialect, Stored};
use protocol::chat::event::{Entry, Event, Message, Stored as Tick};
use protocol::chat::id::RequestId;
use protocol::chat::name::RoomName;
use protocol::chat::{plain, wire};
use protocol::ws::encode::{self, Opcode};

/// An entry, told. `user` is its author's as text; `id` is for the author's own connections.
pub(crate) fn message<'a>(
    room: &'a RoomName<'_>,
    entry: &'a Stored,
    user: &'a str,
    id: Option<&'a str>,
) -> Event<'a> {
    Event::Message(Message {
        room: room.as_str().into(),
        entry: Entry {
            seq: entry.seq,
            user: user.into(),
            nick: (&*entry.nick).into(),
            text: (&*entry.text).into(),
            time: entry.time,
            kind: entry.kind,
            id: id.map(Into::into),
        },
    })
}

/// That an entry is stored.
pub(crate) fn tick(applied: &Applied) -> Event<'_> {
    Event::Stored(Tick {
        id: applied.entry.id.as_ref().map(|id: &RequestId<'_>| id.as_str().into()),
        room: applied.room.as_str().into(),
        seq: applied.entry.seq,
        time: applied.entry.time,
        dup: applied.dup,
    })
}

/// Appends an event as a dialect writes it. False, and nothing, if the dialect has no words for it.
pub(crate) fn words(dialect: Dialect, event: &Event<'_>, out: &mut String) -> bool {
    match dialect {
        Dialect::Plain => plain::write(event, out),
        Dialect::V1 => {
            wire::write_event(event, out);
            true
        }
    }
}

/// How many bytes a log begins with: a few lines.
const FIRST: usize = 512;

/// Writes an event as one frame of a dialect; nothing, if the dialect has no words for it.
pub(crate) fn frame(dialect: Dialect, event: &Event<'_>, scratch: &mut String, log: &mut Vec<u8>) {
    scratch.clear();
    if words(dialect, event, scratch) {
        // A room's log begins with nothing when hundreds of rooms speak in one turn. To let it grow from one frame to the
        // next took a sixteenth of all that a message takes there.
        if log.capacity() == 0 {
            log.reserve(FIRST);
        }
        encode::frame(Opcode::Text, scratch.as_bytes(), log);
    }
}
