//! `hello`: a `snug.v1` connection says who it is; and how a plain one, which never does, becomes somebody.

use alloc::format;

use protocol::chat::event::{Bounds, Event, Welcome};
use protocol::chat::id::{SessionKey, UserId, text};
use protocol::chat::name::Nick;
use protocol::chat::request::Since;

use super::{Ask, join};
use crate::fault::Fault;
use crate::hub::Hub;
use crate::limits::is_reached;
use crate::nick::SmallNick;
use crate::person::PersonId;
use crate::session::{State, Stranger};
use crate::tell::owned;

pub(super) fn hello(
    ask: &mut Ask<'_>,
    nick: Option<Nick<'_>>,
    session: Option<SessionKey>,
) -> Result<(), Fault> {
    if !ask.is_stranger() {
        return Err(Fault::HelloTwice);
    }
    if ask.is_plain() {
        return Err(Fault::Nameless);
    }
    let Some(stranger) = stranger(ask) else { return Ok(()) };
    let key = session.unwrap_or(stranger.secret);
    let person = person(ask, key, nick.as_ref())?;
    settle(ask, person, Some(key))
}

/// A plain connection becomes a person of its own, under `nick`, or that of its first request line, or a guest's. It
/// is told which, unless it has just named it in that line: then it is in its room without further words.
pub(super) fn introduce(ask: &mut Ask<'_>, nick: Option<&Nick<'_>>) -> Result<(), Fault> {
    let Some(stranger) = stranger(ask) else { return Ok(()) };
    let key = stranger.secret;
    let is_expected = nick.is_none() && stranger.nick.is_some();
    let person = person(ask, key, nick)?;
    settle(ask, person, (!is_expected).then_some(key))
}

/// The person that has this key, or a new one.
fn person(ask: &mut Ask<'_>, key: SessionKey, nick: Option<&Nick<'_>>) -> Result<PersonId, Fault> {
    let user = key.user();
    if let Some(person) = ask.hub.persons.by_user(user) {
        let limit = ask.hub.settings.connections_per_person;
        if is_reached(limit, ask.hub.connections_of(person).count()) {
            return Err(Fault::TooManyConnections(limit));
        }
        return Ok(person);
    }
    let nick = choose(ask, nick, user)?;
    Ok(ask.hub.persons.insert(user, nick))
}

/// The nick of a new person: the one it asks for now, or the one of its first request line, or a guest's.
fn choose(ask: &Ask<'_>, asked: Option<&Nick<'_>>, user: UserId) -> Result<SmallNick, Fault> {
    let hub = &*ask.hub;
    let greeted = stranger(ask).and_then(|stranger| stranger.nick.as_ref());
    let wanted = match (asked, greeted) {
        (Some(nick), _) | (None, Some(Ok(nick))) => nick.borrow(),
        (None, Some(Err(fault))) => return Err(Fault::BadNick(*fault)),
        (None, None) => return Ok(guest_nick(hub, user)),
    };
    match hub.persons.by_nick(wanted.as_str()) {
        Some(_) => Err(Fault::NickTaken(wanted.into_owned())),
        None => Ok((&wanted).into()),
    }
}

/// `guest-` and a number made of `user`, so that the same person is likely to be the same guest again. Four digits
/// are enough for a classroom; after every fourth number that is taken there is one digit more.
fn guest_nick(hub: &Hub, user: UserId) -> SmallNick {
    let seed =
        user.0.iter().fold(0_u64, |number, byte| number.wrapping_mul(257).wrapping_add((*byte).into()));
    let candidate = |attempt: u32| {
        let digits = (4 + attempt / 4).min(18);
        let number = seed.wrapping_add(attempt.into()) % 10_u64.pow(digits);
        Nick::new(format!("guest-{number:0width$}", width = digits as usize)).ok()
    };
    let mut free = (0..).filter_map(candidate).filter(|nick| hub.persons.by_nick(nick.as_str()).is_none());
    let nick = free.next().expect("there are more numbers than persons");
    (&nick).into()
}

/// The connection is somebody from now on. With a `key` it is welcomed. Then it joins the room of its path.
fn settle(ask: &mut Ask<'_>, person: PersonId, key: Option<SessionKey>) -> Result<(), Fault> {
    let Some(State::Stranger(stranger)) = ask.hub.attach(ask.conn.slot, person) else { return Ok(()) };
    let Stranger { room, last, .. } = *stranger;
    if let Some(key) = key {
        let event = welcome(ask, person, key);
        ask.answer(event);
    }
    // The request was `hello`, and that was done: what comes of the path is not an answer to it.
    ask.id = None;
    match room {
        Some(Ok(room)) => join::join(ask, room, Since::Last(last)),
        Some(Err(fault)) => Err(Fault::BadRoom(fault)),
        None => Ok(()),
    }
}

fn welcome(ask: &Ask<'_>, person: PersonId, key: SessionKey) -> Event<'static> {
    let settings = &ask.hub.settings;
    let person = &ask.hub.persons[person];
    Event::Welcome(Welcome {
        id: ask.echo(),
        nick: owned(&person.nick),
        user: text(person.user).into(),
        session: text(key).into(),
        epoch: text(settings.epoch).into(),
        version: settings.version.into(),
        features: settings.features.iter().map(|feature| (*feature).into()).collect(),
        durability: settings.durability,
        limits: Bounds {
            text: settings.text,
            message: settings.message,
            rooms: settings.rooms_per_connection,
        },
    })
}

fn stranger<'a>(ask: &'a Ask<'_>) -> Option<&'a Stranger> {
    match &ask.hub.at(ask.conn.slot)?.state {
        State::Stranger(stranger) => Some(stranger),
        State::Named(_) => None,
    }
}
