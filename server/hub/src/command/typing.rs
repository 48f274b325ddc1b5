//! `typing`: somebody is typing. Not kept, not answered.

use protocol::chat::event::Event;
use protocol::chat::id::text;
use protocol::chat::name::RoomName;

use super::Ask;
use crate::effect::Effect;
use crate::fault::Fault;
use crate::tell::owned;

pub(super) fn typing(ask: &mut Ask<'_>, room: Option<RoomName<'_>>) -> Result<(), Fault> {
    let me = ask.person()?;
    let room = ask.room_inside(room)?;
    let person = &ask.hub.persons[me];
    let event = Event::Typing {
        room: owned(ask.hub.room_name(room)),
        user: text(person.user).into(),
        nick: owned(person.nick.as_str()),
    };
    let mut except = ask.hub.slots_inside(me, room);
    except.retain(|slot| ask.hub.is_live(*slot, room));
    ask.effects.push(Effect::Publish { room, event, except });
    Ok(())
}
