//! `leave`: a connection goes out of a room.

use protocol::chat::event::Event;
use protocol::chat::name::RoomName;

use super::Ask;
use crate::fault::Fault;
use crate::tell::owned;

pub(super) fn leave(ask: &mut Ask<'_>, room: Option<RoomName<'_>>) -> Result<(), Fault> {
    let room = ask.room_inside(room)?;
    let name = owned(ask.hub.room_name(room));
    ask.hub.leave(ask.now, ask.conn.slot, room);
    ask.answer(Event::Left { id: ask.echo(), room: name });
    Ok(())
}
