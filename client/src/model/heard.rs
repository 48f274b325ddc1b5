//! What the server tells. Must not know how it came here.

use std::borrow::Cow;

use protocol::chat::event::{
    ErrorCode, Event, Failure, Joined, Kind, Message, Presence, Renamed, Reset, Stored, Welcome,
};
use protocol::chat::id::Epoch;
use protocol::chat::name::{Nick, RoomName};
use protocol::chat::wire;
use protocol::time::Millis;

use super::asked::LEFT;
use super::news::{Ask, News, RoomLine, Said};
use super::outbox::Pending;
use super::{Me, Model, Phase, Question, Wish};

/// How many entries a reset brings (PROTOCOL.md: the default of a join).
const AFTER_RESET: u32 = protocol::limits::DEFAULT_LAST;

impl Model {
    pub(super) fn heard(&mut self, now: Millis, text: &str, asks: &mut Vec<Ask>) {
        let event = match wire::read_event(text) {
            Ok(event) => event,
            Err(fault) => return asks.push(Ask::Tell(News::Trouble(fault.to_string()))),
        };
        match event {
            Event::Welcome(welcome) => self.welcome(now, welcome, asks),
            Event::Error(failure) => self.failed(failure, asks),
            Event::Joined(joined) => self.joined(joined, asks),
            Event::Reset(reset) => self.reset(&reset, asks),
            Event::Message(message) => self.message(message, asks),
            Event::Stored(stored) => self.stored(&stored, asks),
            Event::Left { id, room } => {
                self.answered(id.as_deref());
                let Ok(room) = RoomName::new(room.into_owned()) else { return };
                self.gone_out(&room, LEFT, asks);
                asks.push(Ask::Tell(News::Left { room }));
            }
            Event::Renamed(renamed) => self.renamed(&renamed, asks),
            Event::Presence(presence) => self.presence(&presence, asks),
            Event::Who { id, room, people, count } => {
                self.answered(id.as_deref());
                let Ok(room) = RoomName::new(room.into_owned()) else { return };
                let people = people.map(|people| people.nicks().map(str::to_owned).collect());
                asks.push(Ask::Tell(News::People { room, people, count }));
            }
            Event::Rooms { id, rooms } => {
                self.answered(id.as_deref());
                let line = |room: protocol::chat::event::RoomInfo<'_>| RoomLine {
                    room: room.room.into_owned(),
                    count: room.count,
                    topic: room.topic.map(Cow::into_owned).unwrap_or_default(),
                };
                asks.push(Ask::Tell(News::Rooms(rooms.into_iter().map(line).collect())));
            }
            // Typing is for the full screen; the others this client never asks for, or does not know.
            _ => {}
        }
        if self.leaving.is_some() && self.outbox.is_empty() && self.is_welcome() {
            self.leaving = None;
            self.hang_up(asks);
        }
    }

    fn welcome(&mut self, now: Millis, welcome: Welcome<'_>, asks: &mut Vec<Ask>) {
        let (Some(epoch), Ok(nick)) = (Epoch::parse(&welcome.epoch), Nick::new(welcome.nick.into_owned()))
        else {
            return self.fail(
                "the server greets in a way this client does not understand; update one of them".into(),
                asks,
            );
        };
        self.answered(welcome.id.as_deref());
        if let Some(session) = protocol::chat::id::SessionKey::parse(&welcome.session) {
            self.session = session;
        }
        let wanted = match (&self.me, &self.wish) {
            (Some(me), _) => Some(&me.nick),
            (None, Wish::Like(wanted)) => Some(wanted),
            (None, Wish::Exactly(_) | Wish::Guest) => None,
        };
        let taken = wanted.filter(|wanted| **wanted != nick).cloned();
        let again = self.me.is_some();
        asks.push(Ask::Tell(News::Welcome {
            nick: nick.to_string(),
            durability: welcome.durability,
            again,
            taken,
        }));
        self.me = Some(Me { nick, user: welcome.user.into_owned() });
        self.epoch = Some(epoch);
        self.bounds = welcome.limits;
        self.phase = Phase::Welcome { since: now };
        let names: Vec<RoomName<'static>> = self.rooms.iter().map(|room| room.name.clone()).collect();
        for name in names {
            self.knock(&name, asks);
        }
    }

    fn failed(&mut self, failure: Failure<'_>, asks: &mut Vec<Ask>) {
        let why = failure.text.into_owned();
        let id = failure.id.as_deref();
        if id.is_some_and(|id| self.unsaid(id, why.clone(), asks)) {
            return self.send_due(asks);
        }
        let taken = failure.code == ErrorCode::NickTaken;
        match self.answered(id) {
            Some(Question::Hello) if taken || failure.code == ErrorCode::BadNick => {
                self.nick_refused(taken, &why, asks);
            }
            Some(Question::Hello) => self.fail(format!("the server does not let us in: {why}"), asks),
            Some(Question::Join(room)) => {
                self.gone_out(&room, &why, asks);
                asks.push(Ask::Tell(News::NotJoined { room, why }));
            }
            Some(Question::Other) | None => asks.push(Ask::Tell(News::Trouble(why))),
        }
    }

    fn joined(&mut self, joined: Joined<'_>, asks: &mut Vec<Ask>) {
        self.answered(joined.id.as_deref());
        let (Some(epoch), wanted) = (self.epoch, self.last) else { return };
        let Some(room) = self.room(&joined.room) else { return };
        room.list(joined.people.as_deref(), joined.count);
        room.topic = joined.topic.map(Cow::into_owned).unwrap_or_default();
        room.log.joined(epoch, joined.first, joined.last, wanted);
        let again = std::mem::replace(&mut room.known, true);
        room.inside = true;
        let people = joined.people.map(|_| room.nicks().map(str::to_owned).collect());
        let news = News::Joined {
            room: room.name.clone(),
            people,
            count: room.count,
            topic: room.topic.clone(),
            again,
        };
        asks.push(Ask::Tell(news));
        self.send_due(asks);
    }

    fn reset(&mut self, reset: &Reset<'_>, asks: &mut Vec<Ask>) {
        let Some(epoch) = self.epoch else { return };
        let Some(room) = self.room(&reset.room) else { return };
        room.log.reset(epoch, reset.first, reset.last, AFTER_RESET);
        asks.push(Ask::Tell(News::Reset { room: room.name.clone(), reason: reset.reason }));
    }

    fn message(&mut self, message: Message<'_>, asks: &mut Vec<Ask>) {
        let entry = message.entry;
        // Our own, by an earlier try whose tick was lost: this is its tick.
        let confirmed = entry.id.as_deref().is_some_and(|id| self.confirmed(id, asks).is_some());
        let mine = confirmed || self.me.as_ref().is_some_and(|me| me.user == entry.user);
        let Some(epoch) = self.epoch else { return };
        let Some(room) = self.room(&message.room) else { return };
        let name = room.name.clone();
        let seq = entry.seq;
        let out = match entry.kind {
            Kind::Unknown => room.log.skip(epoch, seq),
            kind => {
                let (nick, text) = (entry.nick.into_owned(), entry.text.into_owned());
                room.log.entry(epoch, Said { seq, nick, text, kind, mine })
            }
        };
        self.show(&name, out, asks);
        if confirmed {
            self.send_due(asks);
        }
    }

    fn stored(&mut self, stored: &Stored<'_>, asks: &mut Vec<Ask>) {
        let Some(pending) = stored.id.as_deref().and_then(|id| self.confirmed(id, asks)) else { return };
        let said = self.own(&pending, stored.seq);
        if let (Some(epoch), Some(room)) = (self.epoch, self.room(pending.room.as_str())) {
            let out = room.log.tick(epoch, said);
            self.show(&pending.room, out, asks);
        }
        self.send_due(asks);
    }

    /// Something we said is stored.
    fn confirmed(&mut self, id: &str, asks: &mut Vec<Ask>) -> Option<Pending> {
        let pending = self.outbox.take(id)?;
        asks.push(Ask::Forget(pending.id.clone()));
        Some(pending)
    }

    fn show(&mut self, name: &RoomName<'static>, out: Vec<Said>, asks: &mut Vec<Ask>) {
        for said in out {
            if let (Kind::Topic, Some(room)) = (said.kind, self.room(name.as_str())) {
                room.topic.clone_from(&said.text);
            }
            asks.push(Ask::Tell(News::Said { room: name.clone(), said }));
        }
    }

    fn renamed(&mut self, renamed: &Renamed<'_>, asks: &mut Vec<Ask>) {
        self.answered(renamed.id.as_deref());
        let mut news = false;
        for room in &mut self.rooms {
            news |= room.renamed(&renamed.user, &renamed.nick);
        }
        let Ok(nick) = Nick::new(renamed.nick.clone().into_owned()) else { return };
        let me = self.me.as_mut().filter(|me| me.user == renamed.user);
        let is_me = me.is_some();
        if let Some(me) = me {
            news |= me.nick != nick;
            me.nick = nick;
        }
        // The same news comes once for each room that we share, and rooms that are too large to list know nobody.
        if news || (!is_me && renamed.room.as_deref().is_some_and(|room| self.is_unlisted(room))) {
            let (was, nick) = (renamed.was.clone().into_owned(), renamed.nick.clone().into_owned());
            asks.push(Ask::Tell(News::Renamed { was, nick, me: is_me }));
        }
    }

    fn presence(&mut self, presence: &Presence<'_>, asks: &mut Vec<Ask>) {
        let me = self.me.as_ref().map(|me| me.user.clone()).unwrap_or_default();
        let Some(room) = self.room(&presence.room) else { return };
        room.count = presence.count;
        let name = room.name.clone();
        let mut went = Vec::new();
        for person in presence.left.iter() {
            went.extend(room.went(&person).filter(|_| person.user != me));
        }
        let mut entered = Vec::new();
        for person in presence.entered.iter() {
            entered.extend(room.entered(&person).filter(|_| person.user != me));
        }
        if !went.is_empty() {
            asks.push(Ask::Tell(News::Went { room: name.clone(), nicks: went }));
        }
        if !entered.is_empty() {
            asks.push(Ask::Tell(News::Entered { room: name, nicks: entered }));
        }
    }

    fn is_unlisted(&self, name: &str) -> bool {
        self.rooms.iter().any(|room| room.name.as_str() == name && room.nicks().next().is_none())
    }

    /// Takes the question that this is the answer to.
    fn answered(&mut self, id: Option<&str>) -> Option<Question> {
        let at = self.questions.iter().position(|(asked, _)| Some(asked.as_str()) == id)?;
        Some(self.questions.remove(at).1)
    }
}
