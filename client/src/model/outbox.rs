//! What was said and is not confirmed yet. Must not know the connection, only whether there was a break.

use protocol::chat::id::RequestId;
use protocol::chat::name::RoomName;
use protocol::chat::request::{Envelope, Request};

use super::news::News;

/// How many things may be under way. With more, a break would send again what the server has long taken in.
const WINDOW: usize = 64;

/// Things said, in the order they were typed.
#[derive(Debug, Default)]
pub(super) struct Outbox(Vec<Pending>);

/// Something said.
#[derive(Debug)]
pub(super) struct Pending {
    /// Given before the first try, kept until the tick.
    pub(super) id: RequestId<'static>,
    pub(super) room: RoomName<'static>,
    pub(super) words: Words,
    /// It was sent, on this connection.
    under_way: bool,
    /// It was sent, on some connection: the server may have it.
    pub(super) tried: bool,
}

/// What was said.
#[derive(Clone, Debug)]
pub(super) enum Words {
    Talk(protocol::chat::name::Text<'static>),
    Action(protocol::chat::name::Text<'static>),
    Topic(protocol::chat::name::Text<'static>),
}

impl Words {
    pub(super) fn text(&self) -> &str {
        match self {
            Self::Talk(text) | Self::Action(text) | Self::Topic(text) => text.as_str(),
        }
    }
}

impl Pending {
    /// Something that was just said.
    pub(super) fn new(id: RequestId<'static>, room: RoomName<'static>, words: Words) -> Self {
        Self { id, room, words, under_way: false, tried: false }
    }

    /// Something that an earlier run has kept; nobody knows whether it was sent. `None` if it is nothing that is said.
    pub(super) fn kept(envelope: Envelope<'static>) -> Option<Self> {
        let (room, words) = match envelope.request {
            Request::Say { room, text, action: false } => (room?, Words::Talk(text)),
            Request::Say { room, text, action: true } => (room?, Words::Action(text)),
            Request::Topic { room, text } => (room?, Words::Topic(text?)),
            _ => return None,
        };
        Some(Self { id: envelope.id?, room, words, under_way: false, tried: true })
    }

    /// That it waits for its tick.
    pub(super) fn news(&self) -> News {
        let text = self.words.text().to_owned();
        News::Pending { id: self.id.clone(), room: self.room.clone(), text }
    }

    /// The request, the same at each try.
    pub(super) fn envelope(&self) -> Envelope<'static> {
        let room = Some(self.room.clone());
        let request = match self.words.clone() {
            Words::Talk(text) => Request::Say { room, text, action: false },
            Words::Action(text) => Request::Say { room, text, action: true },
            Words::Topic(text) => Request::Topic { room, text: Some(text) },
        };
        Envelope { id: Some(self.id.clone()), request }
    }
}

impl Outbox {
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn push(&mut self, pending: Pending) {
        self.0.push(pending);
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Pending> {
        self.0.iter()
    }

    /// It was answered: it is confirmed, or will never be.
    pub(super) fn take(&mut self, id: &str) -> Option<Pending> {
        let at = self.0.iter().position(|pending| pending.id.as_str() == id)?;
        Some(self.0.remove(at))
    }

    /// All that cannot be sent any more, since it was said in a room that is not ours. What is under way is still
    /// confirmed, or refused.
    pub(super) fn take_homeless(&mut self, is_ours: impl Fn(&RoomName<'_>) -> bool) -> Vec<Pending> {
        self.0.extract_if(.., |pending| !pending.under_way && !is_ours(&pending.room)).collect()
    }

    /// The connection broke: nobody knows what arrived, so all is sent again.
    pub(super) fn broken(&mut self) {
        for pending in &mut self.0 {
            pending.under_way = false;
        }
    }

    /// What is to be sent now, of the rooms we are in; marks it as under way.
    pub(super) fn due(&mut self, inside: impl Fn(&RoomName<'_>) -> bool) -> Vec<Envelope<'static>> {
        let under_way = self.0.iter().filter(|pending| pending.under_way).count();
        let due = self.0.iter_mut().filter(|pending| !pending.under_way && inside(&pending.room));
        due.take(WINDOW.saturating_sub(under_way))
            .map(|pending| {
                pending.under_way = true;
                pending.tried = true;
                pending.envelope()
            })
            .collect()
    }
}
