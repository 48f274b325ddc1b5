//! `topic`: sets what a room is about, which is an entry like any other; or tells it.

use protocol::chat::event::{Event, Kind};
use protocol::chat::name::{RoomName, Text};

use super::{Ask, say};
use crate::fault::Fault;
use crate::tell::owned;

pub(super) fn topic(
    ask: &mut Ask<'_>,
    room: Option<RoomName<'_>>,
    text: Option<Text<'_>>,
) -> Result<(), Fault> {
    if let Some(text) = text {
        return say::record(ask, room, &text, Kind::Topic);
    }
    let room = ask.room_inside(room)?;
    let room = &ask.hub.rooms[room];
    let event = Event::Topic { room: owned(room.name.as_str()), text: owned(&room.topic) };
    ask.answer(event);
    Ok(())
}
