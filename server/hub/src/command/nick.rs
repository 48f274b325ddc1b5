//! `nick`: a person takes another nick; a plain connection that has none yet takes its first.

use alloc::vec::Vec;

use protocol::chat::event::{Event, Renamed};
use protocol::chat::id::text;
use protocol::chat::name::Nick;

use super::{Ask, hello};
use crate::fault::Fault;
use crate::tell::owned;

pub(super) fn nick(ask: &mut Ask<'_>, nick: &Nick<'_>) -> Result<(), Fault> {
    if ask.is_stranger() && ask.is_plain() {
        return hello::introduce(ask, Some(nick));
    }
    let me = ask.person()?;
    if ask.hub.persons.by_nick(nick.as_str()).is_some_and(|owner| owner != me) {
        return Err(Fault::NickTaken(nick.clone().into_owned()));
    }
    let was = ask.hub.persons[me].nick.clone();
    ask.hub.persons.rename(me, nick.into());

    let news = Renamed {
        id: None,
        room: None,
        user: text(ask.hub.persons[me].user).into(),
        was: owned(&was),
        nick: owned(nick.as_str()),
    };
    ask.answer(Event::Renamed(Renamed { id: ask.echo(), ..news.clone() }));
    if &*was != nick.as_str() {
        ask.charge(ask.hub.settings.rename_cost);
        tell_others(ask, &news);
    }
    Ok(())
}

/// The person's other connections learn it as their own new name, everybody else once in each room.
fn tell_others(ask: &mut Ask<'_>, news: &Renamed<'static>) {
    let Ok(me) = ask.person() else { return };
    let hub = &*ask.hub;
    let mut rooms = Vec::new();
    for slot in hub.connections_of(me) {
        let joined = hub.named(slot).map_or(&[][..], |named| named.rooms.as_slice());
        rooms.extend(joined.iter().map(|membership| membership.room));
        if slot != ask.conn.slot {
            hub.send_to_slot(slot, Event::Renamed(news.clone()), ask.effects);
        }
    }
    rooms.sort_unstable();
    rooms.dedup();
    for room in rooms {
        let news = Renamed { room: Some(owned(hub.room_name(room))), ..news.clone() };
        hub.publish(room, Event::Renamed(news), hub.slots_inside(me, room), ask.effects);
    }
}
