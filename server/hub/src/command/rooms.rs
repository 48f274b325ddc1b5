//! `rooms`: which rooms have people in them?

use alloc::vec::Vec;
use core::cmp::Reverse;

use protocol::chat::event::{Event, RoomInfo};

use super::Ask;
use crate::fault::Fault;
use crate::limits::MAX_ROOMS_LISTED;
use crate::room::Room;
use crate::tell::owned;

pub(super) fn rooms(ask: &mut Ask<'_>) -> Result<(), Fault> {
    ask.person()?;
    let mut rooms: Vec<&Room> = ask.hub.rooms.iter().map(|(_, room)| room).collect();
    rooms.sort_unstable_by_key(|room| (Reverse(room.persons), room.name.as_str()));
    rooms.truncate(MAX_ROOMS_LISTED);
    rooms.sort_unstable_by_key(|room| room.name.as_str());
    let rooms = rooms.into_iter().map(describe).collect();
    ask.answer(Event::Rooms { id: ask.echo(), rooms });
    Ok(())
}

fn describe(room: &Room) -> RoomInfo<'static> {
    RoomInfo {
        room: owned(room.name.as_str()),
        count: room.persons,
        topic: (!room.topic.is_empty()).then(|| owned(&room.topic)),
    }
}
