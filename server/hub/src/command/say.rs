//! `say`: somebody says something. It is told when it comes back from the store.

use protocol::chat::event::Kind;
use protocol::chat::name::{RoomName, Text};

use super::Ask;
use crate::effect::{Effect, Record};
use crate::fault::Fault;

pub(super) fn say(
    ask: &mut Ask<'_>,
    room: Option<RoomName<'_>>,
    text: &Text<'_>,
    action: bool,
) -> Result<(), Fault> {
    record(ask, room, text, if action { Kind::Me } else { Kind::Talk })
}

/// Hands an entry to the store.
pub(super) fn record(
    ask: &mut Ask<'_>,
    room: Option<RoomName<'_>>,
    text: &Text<'_>,
    kind: Kind,
) -> Result<(), Fault> {
    let author = ask.person()?;
    let room = ask.room_inside(room)?;
    let author = &ask.hub.persons[author];
    ask.effects.push(Effect::Record(Record {
        room: ask.hub.rooms[room].name.clone(),
        user: author.user,
        nick: author.nick.clone(),
        kind,
        text: text.as_str().into(),
        id: ask.id.map(|id| id.clone().into_owned()),
        origin: Some(ask.conn),
    }));
    Ok(())
}
