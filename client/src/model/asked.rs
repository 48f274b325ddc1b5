//! What the person asks for. Must not know how it was typed.

use protocol::chat::event::Kind;
use protocol::chat::name::RoomName;
use protocol::chat::request::Request;

use super::news::{Ask, News, Said, Turn};
use super::outbox::{Pending, Words};
use super::room::{Log, Room};
use super::{Model, Question, written};

/// Why something will not be sent any more.
pub(super) const LEFT: &str = "you have left the room";

impl Model {
    pub(super) fn asked(&mut self, request: Request<'_>, asks: &mut Vec<Ask>) {
        match request {
            Request::Join { room, .. } => self.enter(room.into_owned(), asks),
            Request::Leave { room } => {
                let Some(room) = self.meant(room, asks) else { return };
                self.go_out(&room, asks);
            }
            Request::Say { room, text, action } => {
                let Some(room) = self.meant(room, asks) else { return };
                let text = text.into_owned();
                self.say(room, if action { Words::Action(text) } else { Words::Talk(text) }, asks);
            }
            Request::Topic { room, text: Some(text) } => {
                let Some(room) = self.meant(room, asks) else { return };
                self.say(room, Words::Topic(text.into_owned()), asks);
            }
            Request::Topic { room, text: None } => {
                let Some(room) = self.meant(room, asks) else { return };
                let text = self.room(room.as_str()).map(|room| room.topic.clone()).unwrap_or_default();
                asks.push(Ask::Tell(News::Topic { room, text }));
            }
            Request::Who { room } => {
                let Some(room) = self.meant(room, asks) else { return };
                self.ask_at_once(Request::Who { room: Some(room) }, asks);
            }
            Request::Rooms => self.ask_at_once(Request::Rooms, asks),
            Request::Nick { nick } => self.ask_at_once(Request::Nick { nick }, asks),
            // Greeting and history are the model's own business, and help and quit that of the face.
            Request::Hello { .. }
            | Request::Typing { .. }
            | Request::History { .. }
            | Request::Help
            | Request::Quit => {}
        }
    }

    pub(super) fn switch(&mut self, turn: Turn, asks: &mut Vec<Ask>) {
        let at = self.rooms.iter().position(|room| Some(&room.name) == self.current.as_ref());
        let count = self.rooms.len();
        let to = match (turn, at) {
            (Turn::To(number), _) => Some(number),
            (Turn::Next, Some(at)) => (at + 1).checked_rem(count),
            (Turn::Previous, Some(at)) => (at + count).saturating_sub(1).checked_rem(count),
            (Turn::Next | Turn::Previous, None) => Some(0),
        };
        let Some(room) = to.and_then(|to| self.rooms.get(to)) else { return };
        if Some(&room.name) != self.current.as_ref() {
            let room = room.name.clone();
            self.current = Some(room.clone());
            asks.push(Ask::Tell(News::Switched { room }));
        }
    }

    /// Asks to be let into a room.
    pub(super) fn knock(&mut self, name: &RoomName<'static>, asks: &mut Vec<Ask>) {
        let (last, epoch) = (self.last, self.epoch);
        let after = self.after.take();
        let Some(room) = self.room(name.as_str()) else { return };
        if let (Some(seq), Some(epoch)) = (after, epoch) {
            room.log = Log::read_to(Some((epoch, seq)));
        }
        let since = room.log.since(last);
        self.ask(Question::Join(name.clone()), Request::Join { room: name.borrow(), since }, asks);
    }

    /// Sends what may be sent now.
    pub(super) fn send_due(&mut self, asks: &mut Vec<Ask>) {
        if !self.is_welcome() {
            return;
        }
        let rooms = &self.rooms;
        let due = self.outbox.due(|name| rooms.iter().any(|room| room.inside && room.name == *name));
        for envelope in due {
            let text = written(&envelope);
            // A server hangs up on a message that is too long, and would do so again at each try.
            let limit = self.bounds.message;
            if text.len() > usize::try_from(limit).unwrap_or(usize::MAX) {
                let id = envelope.id.as_ref().map(|id| id.as_str().to_owned()).unwrap_or_default();
                self.unsaid(&id, format!("it is too long; the server takes {limit} bytes"), asks);
            } else {
                asks.push(Ask::Send(text));
            }
        }
    }

    /// Something will never be said.
    pub(super) fn unsaid(&mut self, id: &str, why: String, asks: &mut Vec<Ask>) -> bool {
        let Some(Pending { id, room, words, .. }) = self.outbox.take(id) else { return false };
        asks.push(Ask::Forget(id.clone()));
        asks.push(Ask::Tell(News::Unsaid { id: Some(id), room, text: words.text().to_owned(), why }));
        true
    }

    /// What we said ourselves, as an entry.
    pub(super) fn own(&self, pending: &Pending, seq: u64) -> Said {
        let kind = match &pending.words {
            Words::Talk(_) => Kind::Talk,
            Words::Action(_) => Kind::Me,
            Words::Topic(_) => Kind::Topic,
        };
        let nick = self.nick().unwrap_or_default().to_owned();
        Said { seq, nick, text: pending.words.text().to_owned(), kind, mine: true }
    }

    /// The room that is meant, or a word to the person that there is none.
    fn meant(&self, room: Option<RoomName<'_>>, asks: &mut Vec<Ask>) -> Option<RoomName<'static>> {
        let room = room.map(RoomName::into_owned).or_else(|| self.current.clone());
        if room.is_none() {
            asks.push(Ask::Tell(News::Trouble("you are in no room; /join ROOM goes to one".into())));
        }
        room
    }

    fn enter(&mut self, name: RoomName<'static>, asks: &mut Vec<Ask>) {
        if self.room(name.as_str()).is_some() {
            if self.current.as_ref() != Some(&name) {
                self.current = Some(name.clone());
                asks.push(Ask::Tell(News::Switched { room: name }));
            }
            return;
        }
        let place = self.places.iter().position(|place| place.room == name);
        let position = place.map(|at| self.places.swap_remove(at)).map(|place| (place.epoch, place.seq));
        self.rooms.push(Room::new(name.clone(), position));
        self.current = Some(name.clone());
        if self.is_welcome() {
            self.knock(&name, asks);
        }
    }

    fn go_out(&mut self, name: &RoomName<'static>, asks: &mut Vec<Ask>) {
        let Some(room) = self.room(name.as_str()) else {
            let trouble = format!("you are not in the room {name}");
            return asks.push(Ask::Tell(News::Trouble(trouble)));
        };
        if room.inside {
            return self.ask_at_once(Request::Leave { room: Some(name.clone()) }, asks);
        }
        self.gone_out(name, LEFT, asks);
        asks.push(Ask::Tell(News::Left { room: name.clone() }));
    }

    /// A room is no longer ours.
    pub(super) fn gone_out(&mut self, name: &RoomName<'_>, why: &str, asks: &mut Vec<Ask>) {
        for room in self.rooms.extract_if(.., |room| room.name == *name) {
            self.places.extend(room.place());
        }
        self.give_up_homeless(why, asks);
        if self.current.as_ref() == Some(name) {
            self.current = self.rooms.first().map(|room| room.name.clone());
        }
    }

    /// Gives up what was said in rooms that are not ours and is not under way.
    pub(super) fn give_up_homeless(&mut self, why: &str, asks: &mut Vec<Ask>) {
        let rooms = &self.rooms;
        for pending in self.outbox.take_homeless(|name| rooms.iter().any(|room| room.name == *name)) {
            let (id, room, why) = (pending.id, pending.room, why.to_owned());
            let text = pending.words.text().to_owned();
            asks.push(Ask::Forget(id.clone()));
            asks.push(Ask::Tell(match pending.tried {
                true => News::Unsure { id, room, text, why },
                false => News::Unsaid { id: Some(id), room, text, why },
            }));
        }
    }

    fn say(&mut self, room: RoomName<'static>, words: Words, asks: &mut Vec<Ask>) {
        if self.room(room.as_str()).is_none() {
            let trouble = format!("you are not in the room {room}");
            return asks.push(Ask::Tell(News::Trouble(trouble)));
        }
        let limit = self.bounds.text;
        if words.text().len() > usize::try_from(limit).unwrap_or(usize::MAX) {
            let text = words.text().to_owned();
            let why = format!("it is too long; the server takes {limit} bytes");
            return asks.push(Ask::Tell(News::Unsaid { id: None, room, text, why }));
        }
        let pending = Pending::new(self.random.id(), room, words);
        asks.push(Ask::Keep(pending.envelope()));
        asks.push(Ask::Tell(pending.news()));
        self.outbox.push(pending);
        self.send_due(asks);
    }

    fn ask_at_once(&mut self, request: Request<'_>, asks: &mut Vec<Ask>) {
        if self.is_welcome() {
            return self.ask(Question::Other, request, asks);
        }
        let trouble = "there is no connection now; try again when it is back".into();
        asks.push(Ask::Tell(News::Trouble(trouble)));
    }
}
