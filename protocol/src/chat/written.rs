//! Requests and events as they are written in JSON: which members there are, and in which order. What is absent is left
//! out. Must not know how JSON is written ([`super::json`]), nor how it is read back.

use alloc::string::String;

use super::event::{
    Durability, Entry, Event, Joined, Kind, Person, Presence, Renamed, Reset, ResetReason, RoomInfo, Stored,
    Welcome,
};
use super::id::{self, RequestId};
use super::json::{self, Members, object};
use super::name::{Nick, RoomName, Text};
use super::people::People;
use super::request::{Envelope, Request, Since};

/// Appends an event.
pub(super) fn event(event: &Event<'_>, out: &mut String) {
    object(out, |json| {
        json.word("type", kind_of(event));
        match event {
            Event::Welcome(told) => welcome(told, json),
            Event::Joined(told) => joined(told, json),
            Event::Reset(told) => reset(told, json),
            Event::Message(told) => {
                json.text("room", &told.room);
                entry(&told.entry, json);
            }
            Event::Stored(told) => stored(told, json),
            Event::Left { id, room } => {
                json.text_if_any("id", id.as_deref());
                json.text("room", room);
            }
            Event::Renamed(told) => renamed(told, json),
            Event::Who { id, room, people, count } => {
                json.text_if_any("id", id.as_deref());
                json.text("room", room);
                people.iter().for_each(|people| list_people("people", people, json));
                json.number("count", (*count).into());
            }
            Event::Rooms { id, rooms } => {
                json.text_if_any("id", id.as_deref());
                json.list("rooms", rooms, |room, out| object(out, |json| room_info(room, json)));
            }
            Event::Typing { room, user, nick } => {
                json.text("room", room);
                json.text("user", user);
                json.text("nick", nick);
            }
            Event::Presence(told) => presence(told, json),
            Event::History { id, room, entries } => {
                json.text_if_any("id", id.as_deref());
                json.text("room", room);
                json.list("entries", entries, |told, out| object(out, |json| entry(told, json)));
            }
            Event::Error(failure) => {
                json.word("code", failure.code.as_str());
                json.text("text", &failure.text);
                json.text_if_any("id", failure.id.as_deref());
            }
            Event::Topic { room, text } => {
                json.text("room", room);
                json.text("text", text);
            }
            Event::Help | Event::Unknown => {}
        }
    });
}

fn kind_of(event: &Event<'_>) -> &'static str {
    match event {
        Event::Welcome(_) => "welcome",
        Event::Joined(_) => "joined",
        Event::Reset(_) => "reset",
        Event::Message(_) => "message",
        Event::Stored(_) => "stored",
        Event::Left { .. } => "left",
        Event::Renamed(_) => "renamed",
        Event::Who { .. } => "who",
        Event::Rooms { .. } => "rooms",
        Event::Typing { .. } => "typing",
        Event::Presence(_) => "presence",
        Event::History { .. } => "history",
        Event::Error(_) => "error",
        Event::Topic { .. } => "topic",
        Event::Help => "help",
        Event::Unknown => "unknown",
    }
}

fn welcome(welcome: &Welcome<'_>, json: &mut Members<'_>) {
    json.text_if_any("id", welcome.id.as_deref());
    json.text("nick", &welcome.nick);
    json.text("user", &welcome.user);
    json.text("session", &welcome.session);
    json.text("epoch", &welcome.epoch);
    json.text("version", &welcome.version);
    json.list("features", &welcome.features, |feature, out| json::text(feature, out));
    json.word(
        "durability",
        match welcome.durability {
            Durability::Disk => "disk",
            Durability::Memory => "memory",
            Durability::Unknown => "unknown",
        },
    );
    json.object("limits", |json| {
        json.number("text", welcome.limits.text.into());
        json.number("message", welcome.limits.message.into());
        json.number("rooms", welcome.limits.rooms.into());
    });
}

fn joined(joined: &Joined<'_>, json: &mut Members<'_>) {
    json.text_if_any("id", joined.id.as_deref());
    json.text("room", &joined.room);
    joined.people.iter().for_each(|people| list_people("people", people, json));
    json.number("count", joined.count.into());
    json.text_if_any("topic", joined.topic.as_deref());
    json.number("first", joined.first);
    json.number("last", joined.last);
}

fn reset(reset: &Reset<'_>, json: &mut Members<'_>) {
    json.text("room", &reset.room);
    json.word(
        "reason",
        match reset.reason {
            ResetReason::Epoch => "epoch",
            ResetReason::Gone => "gone",
            ResetReason::Ahead => "ahead",
            ResetReason::Unknown => "unknown",
        },
    );
    json.number("first", reset.first);
    json.number("last", reset.last);
}

fn entry(entry: &Entry<'_>, json: &mut Members<'_>) {
    json.number("seq", entry.seq);
    json.text("user", &entry.user);
    json.text("nick", &entry.nick);
    json.text("text", &entry.text);
    json.number("time", entry.time);
    match entry.kind {
        Kind::Talk => {}
        Kind::Me => json.word("kind", "me"),
        Kind::Topic => json.word("kind", "topic"),
        Kind::Unknown => json.word("kind", "unknown"),
    }
    json.text_if_any("id", entry.id.as_deref());
}

fn stored(stored: &Stored<'_>, json: &mut Members<'_>) {
    json.text_if_any("id", stored.id.as_deref());
    json.text("room", &stored.room);
    json.number("seq", stored.seq);
    json.number("time", stored.time);
    if stored.dup {
        json.yes("dup");
    }
}

fn renamed(renamed: &Renamed<'_>, json: &mut Members<'_>) {
    json.text_if_any("id", renamed.id.as_deref());
    json.text_if_any("room", renamed.room.as_deref());
    json.text("user", &renamed.user);
    json.text("was", &renamed.was);
    json.text("nick", &renamed.nick);
}

fn presence(presence: &Presence<'_>, json: &mut Members<'_>) {
    json.text("room", &presence.room);
    for (name, people) in [("entered", &presence.entered), ("left", &presence.left)] {
        if !people.is_empty() {
            list_people(name, people, json);
        }
    }
    json.number("count", presence.count.into());
}

fn list_people(name: &str, people: &People, json: &mut Members<'_>) {
    json.list(name, people.iter(), |Person { user, nick }, out| {
        object(out, |json| {
            json.text("user", &user);
            json.text("nick", &nick);
        });
    });
}

fn room_info(info: &RoomInfo<'_>, json: &mut Members<'_>) {
    json.text("room", &info.room);
    json.number("count", info.count.into());
    json.text_if_any("topic", info.topic.as_deref());
}

/// Appends a request.
pub(super) fn request(envelope: &Envelope<'_>, out: &mut String) {
    object(out, |json| {
        json.word("type", kind_of_request(&envelope.request));
        json.text_if_any("id", envelope.id.as_ref().map(RequestId::as_str));
        match &envelope.request {
            Request::Hello { nick, session } => {
                json.text_if_any("nick", nick.as_ref().map(Nick::as_str));
                json.text_if_any("session", session.map(id::text).as_deref());
            }
            Request::Join { room, since } => {
                json.text("room", room.as_str());
                match since {
                    Since::Last(last) => json.number("last", (*last).into()),
                    Since::After { epoch, seq } => json.object("after", |json| {
                        json.text("epoch", &id::text(epoch));
                        json.number("seq", *seq);
                    }),
                }
            }
            Request::Say { room, text, action } => {
                about(room.as_ref(), json);
                json.text("text", text.as_str());
                if *action {
                    json.word("kind", "me");
                }
            }
            Request::Nick { nick } => json.text("nick", nick.as_str()),
            Request::Topic { room, text } => {
                about(room.as_ref(), json);
                json.text_if_any("text", text.as_ref().map(Text::as_str));
            }
            Request::Leave { room } | Request::Who { room } | Request::Typing { room } => {
                about(room.as_ref(), json);
            }
            Request::History { room, before, limit } => {
                about(Some(room), json);
                json.number("before", *before);
                json.number("limit", (*limit).into());
            }
            Request::Rooms | Request::Help | Request::Quit => {}
        }
    });
}

fn about(room: Option<&RoomName<'_>>, json: &mut Members<'_>) {
    json.text_if_any("room", room.map(RoomName::as_str));
}

fn kind_of_request(request: &Request<'_>) -> &'static str {
    match request {
        Request::Hello { .. } => "hello",
        Request::Join { .. } => "join",
        Request::Leave { .. } => "leave",
        Request::Say { .. } => "say",
        Request::Nick { .. } => "nick",
        Request::Topic { .. } => "topic",
        Request::Who { .. } => "who",
        Request::Rooms => "rooms",
        Request::Typing { .. } => "typing",
        Request::History { .. } => "history",
        Request::Help => "help",
        Request::Quit => "quit",
    }
}
