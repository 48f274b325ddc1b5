//! Live or behind: how a member that is behind gets what it has not been told, page by page. Must not know how the past
//! is stored.
//!
//! A member is behind from its join until it has the past it asked for, and whenever it reads more slowly than it is
//! told things. What is said in the room does not reach it then. The store is asked for a page; what the page holds is
//! sent; when that has left, the next is asked for. So no more than a page waits for it, however long it takes. Since
//! the store's answers come in the order of its mail, the last page ends exactly where the entries begin that are
//! applied later: with it the member goes live. So it sees each entry once, in order, whatever is said meanwhile.
//!
//! ```text
//!            join                          answered, the last page
//! (outside) ------> Wait::Join ----------------------------------------> live
//!                       | answered, more                                 | ^
//!                       v            lagging                             | | answered, the last page
//!                   Wait::Drain <----------------------------------------+ |
//!                       | ^ answered, more                                 |
//!               drained v |                                                |
//!                   Wait::Page --------------------------------------------+
//! ```
//!
//! A member that joins again is back at `Wait::Join`, from wherever it was.

use alloc::vec::Vec;

use protocol::chat::event::{Event, Joined, Reset};
use protocol::chat::id::{RequestId, UserId};

use crate::behind::Wait;
use crate::effect::{Effect, Purpose, Range, Recall};
use crate::fault::echo;
use crate::hub::Hub;
use crate::input::{ConnId, Recalled};
use crate::room::RoomId;
use crate::session::Membership;
use crate::tell;

impl Hub {
    /// More waits for a connection than should: wherever it is live it is behind from now on. Nothing is asked of the
    /// store before there is room for the answer.
    pub(crate) fn lagging(&mut self, conn: ConnId, effects: &mut Vec<Effect>) {
        if self.session(conn).is_none() {
            return;
        }
        for Membership { room, .. } in self.memberships(conn) {
            let room = &mut self.rooms[room];
            if !room.behind.contains(conn.slot) {
                room.behind.set(conn.slot, Wait::Drain { next: room.last.saturating_add(1) });
            }
        }
        effects.push(Effect::AwaitDrain { conn });
    }

    /// Nothing waits for a connection any more: it gets a page of each room where it is behind.
    pub(crate) fn drained(&mut self, conn: ConnId, effects: &mut Vec<Effect>) {
        for Membership { room, number } in self.memberships(conn) {
            let room = &mut self.rooms[room];
            let Some(Wait::Drain { next }) = room.behind.get(conn.slot) else { continue };
            room.behind.set(conn.slot, Wait::Page);
            let purpose = Purpose::Page { membership: number };
            let (name, span) = (room.name.clone(), Range::From(next));
            effects.push(Effect::Recall(Recall { conn, room: name, purpose, span }));
        }
    }

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
                let Some(room) = self.waiting(&recalled, *membership, Wait::Join) else { return };
                self.rooms[room].topic = recalled.topic.clone();
                let event = self.joined(room, id.as_ref(), &recalled, user);
                effects.push(Effect::Send { to: recalled.conn, event });
                self.page(room, recalled, user, effects);
            }
            Purpose::Page { membership } => {
                let Some(room) = self.waiting(&recalled, *membership, Wait::Page) else { return };
                self.page(room, recalled, user, effects);
            }
        }
    }

    /// Passes one page on. Then the member waits for the next, or goes live.
    fn page(&mut self, room: RoomId, recalled: Recalled, user: UserId, effects: &mut Vec<Effect>) {
        let Recalled { conn, room: name, purpose, first, last, reset, entries, more, .. } = recalled;
        self.rooms[room].told_up_to(last);
        if let Some(reason) = reset {
            let room = tell::owned(name.as_str());
            effects.push(Effect::Send { to: conn, event: Event::Reset(Reset { room, reason, first, last }) });
        }
        let next = entries.last().filter(|_| more).map(|entry| entry.seq.saturating_add(1));
        for stored in entries {
            effects.push(Effect::Send { to: conn, event: tell::message(name.as_str(), stored, user) });
        }
        if let Some(next) = next {
            self.rooms[room].behind.set(conn.slot, Wait::Drain { next });
            effects.push(Effect::AwaitDrain { conn });
            return;
        }
        if matches!(purpose, Purpose::Page { .. }) {
            // Since it was told who is there, people came, went and renamed without its being told.
            let (people, count) = self.people(room, user);
            let event = Event::Who { id: None, room: tell::owned(name.as_str()), people, count };
            effects.push(Effect::Send { to: conn, event });
        }
        self.rooms[room].behind.remove(conn.slot);
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

    /// The room, if the answer is what its asker waits for there, in this membership.
    fn waiting(&self, recalled: &Recalled, membership: u32, wait: Wait) -> Option<RoomId> {
        let room = self.rooms.find(recalled.room.as_str())?;
        let slot = recalled.conn.slot;
        let is_current = self.named(slot)?.rooms.find(room)?.number == membership;
        (is_current && self.rooms[room].behind.get(slot) == Some(wait)).then_some(room)
    }

    /// Where a connection is; nowhere, if it is gone or nobody yet.
    fn memberships(&self, conn: ConnId) -> Vec<Membership> {
        let named = self.session(conn).and_then(|_| self.named(conn.slot));
        named.map_or_else(Vec::new, |named| named.rooms.as_slice().to_vec())
    }

    fn user_of(&self, conn: ConnId) -> Option<UserId> {
        self.session(conn)?;
        Some(self.persons[self.named(conn.slot)?.person].user)
    }
}
