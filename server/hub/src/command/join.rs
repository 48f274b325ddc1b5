//! `join`: a connection enters a room, or asks again for what it missed there.

use protocol::chat::name::RoomName;
use protocol::chat::request::Since;

use super::{Ask, who};
use crate::effect::{Effect, Purpose, Range, Recall};
use crate::fault::Fault;
use crate::hub::Hub;
use crate::limits::is_reached;

pub(super) fn join(ask: &mut Ask<'_>, name: RoomName<'_>, since: Since) -> Result<(), Fault> {
    ask.person()?;
    let slot = ask.conn.slot;
    let inside = ask.hub.rooms.find(name.as_str()).filter(|room| ask.hub.is_inside(slot, *room));
    let membership = match inside {
        // It has no position from which it could ask for what it missed; so it must not miss anything now.
        Some(room) if ask.is_plain() => return who::tell(ask, room),
        Some(room) => ask.hub.enter_again(slot, room),
        None => {
            check_place(ask, &name)?;
            make_place(ask)?;
            let room = ask.hub.rooms.find_or_insert(name.borrow());
            ask.hub.enter(ask.now, slot, room)
        }
    };
    ask.charge(ask.hub.settings.join_cost);
    let purpose = Purpose::Join { id: ask.id.map(|id| id.clone().into_owned()), membership };
    let (room, span) = (name.into_owned(), Range::Since(since));
    ask.effects.push(Effect::Recall(Recall { conn: ask.conn, room, purpose, span }));
    Ok(())
}

/// A room that nobody is in yet takes a place among the server's rooms.
fn check_place(ask: &Ask<'_>, name: &RoomName<'_>) -> Result<(), Fault> {
    let Hub { settings, rooms, .. } = &*ask.hub;
    if rooms.find(name.as_str()).is_none() && is_reached(settings.rooms, rooms.len()) {
        return Err(Fault::FullOfRooms(settings.rooms));
    }
    Ok(())
}

/// A plain connection is in one room: it leaves the old one. Another may be in so many.
fn make_place(ask: &mut Ask<'_>) -> Result<(), Fault> {
    let slot = ask.conn.slot;
    if ask.is_plain() {
        if let Some(room) = ask.first_room() {
            ask.hub.leave(ask.now, slot, room);
        }
        return Ok(());
    }
    let limit = ask.hub.settings.rooms_per_connection;
    let count = ask.hub.named(slot).map_or(0, |named| named.rooms.as_slice().len());
    if is_reached(limit, count) {
        return Err(Fault::TooManyRooms(limit));
    }
    Ok(())
}
