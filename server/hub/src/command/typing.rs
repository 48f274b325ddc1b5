//! `typing`: somebody is typing. Not kept, not answered.

use protocol::chat::event::Event;
use protocol::chat::id::text;
use protocol::chat::name::RoomName;

use super::Ask;
use crate::fault::Fault;
use crate::tell::owned;

pub(super) fn typing(ask: &mut Ask<'_>, room: Option<RoomName<'_>>) -> Result<(), Fault> {
    let me = ask.person()?;
    let room = ask.room_inside(room)?;
    let person = &ask.hub.persons[me];
    let event = Event::Typing {
        room: owned(ask.hub.room_name(room)),
        user: text(person.user).into(),
        nick: owned(&person.nick),
    };
    ask.hub.publish(room, event, ask.hub.slots_inside(me, room), ask.effects);
    Ok(())
}
