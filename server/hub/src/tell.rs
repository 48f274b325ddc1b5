//! How the hub's state is put into events. Owns no state. Must not know what was asked.

use alloc::borrow::Cow;
use alloc::string::ToString;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::cmp::Ordering;

use protocol::chat::event::{Entry, Event, Message, Presence};
use protocol::chat::id::{self, UserId};
use protocol::chat::name::fold;
use protocol::chat::people::People;
use protocol::time::Millis;

use crate::effect::Effect;
use crate::fault::echo;
use crate::hub::Hub;
use crate::input::Stored;
use crate::person::PersonId;
use crate::presence::{Change, Step};
use crate::room::RoomId;

impl Hub {
    /// Who is in a room, by nick, told to `reader`; `None` if they are too many to list. And how many they are.
    pub(crate) fn people(&mut self, room: RoomId, reader: UserId) -> (Option<Arc<People>>, u32) {
        // A room that is too large to be listed has still told how many there are.
        self.rooms[room].presence.listed_to(reader);
        let count = self.rooms[room].persons;
        if self.settings.is_crowd(count) {
            return (None, count);
        }
        let people = match self.listed.take() {
            Some((listed, people)) if listed == room => people,
            _ => Arc::new(self.list(room)),
        };
        self.listed = Some((room, Arc::clone(&people)));
        (Some(people), count)
    }

    /// Who is in a room, by nick.
    fn list(&self, room: RoomId) -> People {
        let members = self.rooms[room].members.as_slice().iter();
        // To fold both nicks at each comparison took four fifths of a join into a room of thirty.
        let placed = |person: PersonId| (self.persons[person].nick.head(), person);
        let mut persons: Vec<(u128, PersonId)> =
            members.filter_map(|slot| Some(placed(self.named(*slot)?.person))).collect();
        let whole = |person: PersonId| fold(&self.persons[person].nick);
        persons.sort_unstable_by(|a, b| match a.0.cmp(&b.0) {
            Ordering::Equal if a.1 != b.1 => whole(a.1).cmp(whole(b.1)),
            order => order,
        });
        persons.dedup();
        let mut people = People::with_capacity(persons.len());
        persons.iter().for_each(|(_, person)| self.describe(*person, &mut people));
        people
    }

    /// Tells the room that is due first who came and went there.
    pub(crate) fn tell_presence(&mut self, now: Millis, effects: &mut Vec<Effect>) {
        let Some((_, room)) = self.due.first().copied().filter(|(due, _)| *due <= now) else { return };
        self.due.pop_first();
        let mut changes = self.rooms[room].presence.take();
        let count = self.rooms[room].persons;
        if self.settings.is_crowd(count) {
            changes.clear();
        }
        let except = self.only_comer(&changes, room);
        if except == self.members(room) {
            // Somebody has come to an empty room. Nobody hears of it, and who comes next need not wait.
            return;
        }
        self.rooms[room].presence.told(now);
        let (mut entered, mut left) = (People::default(), People::default());
        for Change { user, step, .. } in changes {
            match step {
                Step::Entered => {
                    self.persons.by_user(user).into_iter().for_each(|id| self.describe(id, &mut entered));
                }
                Step::Left(nick) => left.push(user, &nick),
            }
        }
        let room_name = owned(self.rooms[room].name.as_str());
        let event = Event::Presence(Presence { room: room_name, entered, left, count });
        self.publish(room, event, except, effects);
    }

    /// Tells the live members of a room, but for `except`, who came, went, renamed or types. Those that are behind are
    /// told who is there when they have caught up, so that what waits for them does not grow.
    pub(crate) fn publish(
        &self,
        room: RoomId,
        event: Event<'static>,
        mut except: Vec<u32>,
        effects: &mut Vec<Effect>,
    ) {
        except.retain(|slot| self.is_live(*slot, room));
        effects.push(Effect::Publish { room, event, except });
    }

    /// The slots of the only person that the changes name, if it came: it knows.
    fn only_comer(&self, changes: &[Change], room: RoomId) -> Vec<u32> {
        let [Change { user, step: Step::Entered, .. }] = changes else { return Vec::new() };
        self.persons.by_user(*user).map_or_else(Vec::new, |person| self.slots_inside(person, room))
    }

    fn describe(&self, person: PersonId, people: &mut People) {
        let person = &self.persons[person];
        people.push(person.user, &person.nick);
    }
}

/// An entry of the past as a `message` for `reader`.
pub(crate) fn message(room: &str, stored: Stored, reader: UserId) -> Event<'static> {
    Event::Message(Message { room: owned(room), entry: entry(stored, reader) })
}

/// An entry of the past for `reader`, who sees the `id` of its own.
pub(crate) fn entry(stored: Stored, reader: UserId) -> Entry<'static> {
    let Stored { seq, time, kind, user, nick, text, id } = stored;
    Entry {
        seq,
        user: Cow::Owned(id::text(user)),
        nick: owned(&nick),
        text: owned(&text),
        time,
        kind,
        id: if user == reader { echo(id.as_ref()) } else { None },
    }
}

pub(crate) fn owned(text: &str) -> Cow<'static, str> {
    Cow::Owned(text.to_string())
}
