//! What the store has found: the past, page by page, for a member that is behind. Must not know how it is stored.
//!
//! A join makes a member at once, but *behind*: what is said in the room does not reach it. The store is asked, and
//! since its answers come in the order of its mail, the first page ends exactly where the entries begin that are
//! applied later. As long as there is more, the next page is asked for; with the last one the member goes live.
//! So it sees each entry once, in order, whatever is said meanwhile.

use alloc::vec::Vec;

use protocol::chat::event::{Event, Joined, Reset};
use protocol::chat::id::{RequestId, UserId};

use crate::effect::{Effect, Purpose, Range, Recall};
use crate::fault::echo;
use crate::hub::Hub;
use crate::input::{ConnId, Recalled};
use crate::room::RoomId;
use crate::tell;

impl Hub {
    /// The store has answered. An answer to a connection that is gone, or to a join that was followed by another or
    /// by a leave, is dropped.
    pub(crate) fn recalled(&mut self, recalled: Recalled, effects: &mut Vec<Effect>) {
        let Some(user) = self.user_of(recalled.conn) else { return };
        match &recalled.purpose {
            Purpose::History { id } => {
                let id = echo(id.as_ref());
                let room = tell::owned(recalled.room.as_str());
                let entries = recalled.entries.into_iter().map(|stored| tell::entry(stored, user)).collect();
                effects.push(Effect::Send { to: recalled.conn, event: Event::History { id, room, entries } });
            }
            Purpose::Join { id, membership } => {
                let Some(room) = self.waiting(&recalled, *membership) else { return };
                if self.rooms[room].paging.contains(recalled.conn.slot) {
                    return;
                }
                self.rooms[room].topic = recalled.topic.clone();
                let event = self.joined(room, id.as_ref(), &recalled, user);
                effects.push(Effect::Send { to: recalled.conn, event });
                let membership = *membership;
                self.page(room, membership, recalled, user, effects);
            }
            Purpose::Page { membership } => {
                let Some(room) = self.waiting(&recalled, *membership) else { return };
                let membership = *membership;
                self.page(room, membership, recalled, user, effects);
            }
        }
    }

    /// Passes one page on, and asks for the next or lets the member go live.
    fn page(
        &mut self,
        room: RoomId,
        membership: u32,
        recalled: Recalled,
        user: UserId,
        effects: &mut Vec<Effect>,
    ) {
        let Recalled { conn, room: name, first, last, reset, entries, more, .. } = recalled;
        if let Some(reason) = reset {
            let room = tell::owned(name.as_str());
            effects.push(Effect::Send { to: conn, event: Event::Reset(Reset { room, reason, first, last }) });
        }
        let next = entries.last().filter(|_| more).map(|entry| entry.seq.saturating_add(1));
        for stored in entries {
            effects.push(Effect::Send { to: conn, event: tell::message(name.as_str(), stored, user) });
        }
        if let Some(next) = next {
            self.rooms[room].paging.insert(conn.slot);
            let purpose = Purpose::Page { membership };
            effects.push(Effect::Recall(Recall { conn, room: name, purpose, span: Range::From(next) }));
            return;
        }
        self.rooms[room].behind.remove(conn.slot);
        self.rooms[room].paging.remove(conn.slot);
        effects.push(Effect::Live { room, slot: conn.slot });
    }

    fn joined(
        &mut self,
        room: RoomId,
        id: Option<&RequestId<'_>>,
        recalled: &Recalled,
        user: UserId,
    ) -> Event<'static> {
        let (people, count) = self.people(room, user);
        Event::Joined(Joined {
            id: echo(id),
            room: tell::owned(recalled.room.as_str()),
            people,
            count,
            topic: (!recalled.topic.is_empty()).then(|| tell::owned(&recalled.topic)),
            first: recalled.first,
            last: recalled.last,
        })
    }

    /// The room, if the answer is for the membership that its asker has there, which is behind.
    fn waiting(&self, recalled: &Recalled, membership: u32) -> Option<RoomId> {
        let room = self.rooms.find(recalled.room.as_str())?;
        let slot = recalled.conn.slot;
        let is_current = self.named(slot)?.rooms.find(room)?.number == membership;
        (is_current && self.rooms[room].behind.contains(slot)).then_some(room)
    }

    fn user_of(&self, conn: ConnId) -> Option<UserId> {
        self.session(conn)?;
        Some(self.persons[self.named(conn.slot)?.person].user)
    }
}
