//! What can be asked, one file each. A command reads the state, changes it through [`crate::membership`], and answers
//! with effects; or it gives back the [`Fault`] that keeps it from being carried out.
//!
//! Commands are tested from outside, as dialogue: `tests/naming.rs` (hello, nick), `tests/rooms.rs` (join, leave, rooms,
//! history), `tests/story.rs` (the rest).

mod hello;
mod help;
mod history;
mod join;
mod leave;
mod nick;
mod quit;
mod rooms;
mod say;
mod topic;
mod typing;
mod who;

use alloc::borrow::Cow;
use alloc::vec::Vec;

use protocol::chat::event::Event;
use protocol::chat::id::RequestId;
use protocol::chat::name::RoomName;
use protocol::chat::request::{Envelope, Request};
use protocol::time::Millis;

use crate::effect::Effect;
use crate::fault::{Fault, echo};
use crate::hub::Hub;
use crate::input::{ConnId, Dialect};
use crate::person::PersonId;
use crate::room::RoomId;
use crate::session::State;

/// Carries out what a connection asks.
pub(crate) fn carry_out(
    hub: &mut Hub,
    now: Millis,
    conn: ConnId,
    envelope: Envelope<'_>,
    effects: &mut Vec<Effect>,
) {
    if hub.session(conn).is_none() {
        return;
    }
    let Envelope { id, request } = envelope;
    let mut ask = Ask { hub, now, conn, id: id.as_ref(), effects };
    let outcome = match request {
        Request::Hello { nick, session } => hello::hello(&mut ask, nick, session),
        Request::Join { room, since } => join::join(&mut ask, room, since),
        Request::Leave { room } => leave::leave(&mut ask, room),
        Request::Say { room, text, action } => say::say(&mut ask, room, &text, action),
        Request::Nick { nick } => nick::nick(&mut ask, &nick),
        Request::Topic { room, text } => topic::topic(&mut ask, room, text),
        Request::Who { room } => who::who(&mut ask, room),
        Request::Rooms => rooms::rooms(&mut ask),
        Request::Typing { room } => typing::typing(&mut ask, room),
        Request::History { room, before, limit } => history::history(&mut ask, room, before, limit),
        Request::Help => help::help(&mut ask),
        Request::Quit => quit::quit(&mut ask),
    };
    ask.conclude(outcome);
}

/// A plain connection was opened: it becomes somebody, and joins the room of its path.
pub(crate) fn introduce(hub: &mut Hub, now: Millis, conn: ConnId, effects: &mut Vec<Effect>) {
    let mut ask = Ask { hub, now, conn, id: None, effects };
    let outcome = hello::introduce(&mut ask, None);
    ask.conclude(outcome);
}

/// One request on its way through the hub: who asks, and where the answers go.
struct Ask<'a> {
    hub: &'a mut Hub,
    now: Millis,
    /// Whose session is there: that was looked up before.
    conn: ConnId,
    id: Option<&'a RequestId<'a>>,
    effects: &'a mut Vec<Effect>,
}

impl Ask<'_> {
    /// Who asks, unless it is nobody yet.
    fn person(&self) -> Result<PersonId, Fault> {
        match self.hub.named(self.conn.slot) {
            Some(named) => Ok(named.person),
            None if self.is_plain() => Err(Fault::Nameless),
            None => Err(Fault::HelloFirst),
        }
    }

    /// The room that is meant, if the asker is in it: the one named, or else the one it joined first.
    fn room_inside(&self, room: Option<RoomName<'_>>) -> Result<RoomId, Fault> {
        self.person()?;
        let Some(name) = room else { return self.first_room().ok_or(Fault::NotInRoom(None)) };
        let inside = |room: &RoomId| self.hub.is_inside(self.conn.slot, *room);
        match self.hub.rooms.find(name.as_str()).filter(inside) {
            Some(room) => Ok(room),
            None => Err(Fault::NotInRoom(Some(name.into_owned()))),
        }
    }

    fn first_room(&self) -> Option<RoomId> {
        self.hub.first_room(self.conn.slot)
    }

    fn is_plain(&self) -> bool {
        self.hub.at(self.conn.slot).is_some_and(|session| session.dialect == Dialect::Plain)
    }

    fn is_stranger(&self) -> bool {
        self.hub.at(self.conn.slot).is_some_and(|session| matches!(session.state, State::Stranger(_)))
    }

    /// The `id` of the request, for the answer.
    fn echo(&self) -> Option<Cow<'static, str>> {
        echo(self.id)
    }

    /// Answers the asker.
    fn answer(&mut self, event: Event<'static>) {
        self.effects.push(Effect::Send { to: self.conn, event });
    }

    /// What is asked costs more than another message.
    fn charge(&mut self, messages: u32) {
        if messages > 0 {
            self.effects.push(Effect::Charge { conn: self.conn, messages });
        }
    }

    fn conclude(&mut self, outcome: Result<(), Fault>) {
        if let Err(fault) = outcome {
            let event = fault.event(self.id);
            self.answer(event);
        }
    }
}
