//! `who`: who is in this room?

use protocol::chat::event::Event;
use protocol::chat::name::RoomName;

use super::Ask;
use crate::fault::Fault;
use crate::room::RoomId;
use crate::tell::owned;

pub(super) fn who(ask: &mut Ask<'_>, room: Option<RoomName<'_>>) -> Result<(), Fault> {
    let room = ask.room_inside(room)?;
    tell(ask, room)
}

/// Tells a member who is there.
pub(super) fn tell(ask: &mut Ask<'_>, room: RoomId) -> Result<(), Fault> {
    let me = ask.person()?;
    let reader = ask.hub.persons[me].user;
    let (people, count) = ask.hub.people(room, reader);
    let name = owned(ask.hub.room_name(room));
    ask.answer(Event::Who { id: ask.echo(), room: name, people, count });
    Ok(())
}
