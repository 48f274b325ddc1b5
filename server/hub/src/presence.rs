//! Who came to a room and who went, since that was last told. Must not know the room, or other rooms.
//!
//! What is kept is the *net* change of each person: who comes and goes between two `presence` events is not mentioned.
//! There is one exception. Lists of people are told in between (`joined`, `who`), and whoever got one has seen the
//! middle of a story. So a change that such a list has shown is no longer cancelled by its opposite, it is replaced
//! by it: better "left" about somebody one never saw than a ghost in somebody's list.

use alloc::vec::Vec;
use core::mem;

use protocol::chat::id::UserId;
use protocol::time::Millis;

use crate::limits::PRESENCE_EVERY;
use crate::nick::SmallNick;

/// What a room has not told yet about comers and goers.
#[derive(Debug, Default)]
pub(crate) struct Presence {
    /// When it was told last.
    last: Option<Millis>,
    /// When what is pending will be told; `None` if nothing is.
    due: Option<Millis>,
    changes: Vec<Change>,
    /// So many changes that their names are no longer kept.
    crowded: bool,
}

/// Where a person has got to.
#[derive(Debug)]
pub(crate) struct Change {
    pub(crate) user: UserId,
    pub(crate) step: Step,
    /// A list of people has shown it to somebody.
    seen: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// It is here now. Its nick is asked for when this is told: it may rename until then.
    Entered,
    /// It is gone, and had this nick when it went.
    Left(SmallNick),
}

impl Presence {
    /// Somebody is here now.
    pub(crate) fn entered(&mut self, user: UserId, nick: SmallNick) {
        let Some(place) = self.place(user) else { return self.note(user, Step::Entered) };
        let Some(change) = self.changes.get_mut(place) else { return };
        // Back under another nick is news even if nobody noticed the absence.
        if change.seen || change.step != Step::Left(nick) {
            (change.step, change.seen) = (Step::Entered, true);
            return;
        }
        self.changes.remove(place);
    }

    /// Somebody is no longer here.
    pub(crate) fn left(&mut self, user: UserId, nick: SmallNick) {
        let Some(place) = self.place(user) else { return self.note(user, Step::Left(nick)) };
        let Some(change) = self.changes.get_mut(place) else { return };
        if change.seen {
            change.step = Step::Left(nick);
            return;
        }
        self.changes.remove(place);
    }

    /// `reader` was told who is here at this moment. (That it is here itself is no news to it, and when it goes there
    /// is nobody left who has seen it come.)
    pub(crate) fn listed_to(&mut self, reader: UserId) {
        self.changes.iter_mut().filter(|change| change.user != reader).for_each(|change| change.seen = true);
    }

    pub(crate) fn is_pending(&self) -> bool {
        self.crowded || !self.changes.is_empty()
    }

    pub(crate) fn due(&self) -> Option<Millis> {
        self.due
    }

    /// Sets when it is due, after a change: at once, but not too soon after the last time. More than `most` changes are
    /// not named.
    pub(crate) fn reschedule(&mut self, now: Millis, most: usize) {
        if self.changes.len() > most {
            self.crowded = true;
            self.changes = Vec::new();
        }
        let earliest = self.last.map_or(now, |last| now.max(last.plus(PRESENCE_EVERY)));
        self.due = self.is_pending().then(|| self.due.unwrap_or(earliest));
    }

    pub(crate) fn changes(&self) -> &[Change] {
        &self.changes
    }

    /// Takes all changes; none if they were too many to name.
    pub(crate) fn take(&mut self) -> Vec<Change> {
        self.due = None;
        self.crowded = false;
        mem::take(&mut self.changes)
    }

    /// What was taken is told now, so that the next time has to wait.
    pub(crate) fn told(&mut self, now: Millis) {
        self.last = Some(now);
    }

    fn place(&self, user: UserId) -> Option<usize> {
        self.changes.iter().position(|change| change.user == user)
    }

    fn note(&mut self, user: UserId, step: Step) {
        if !self.crowded {
            // One is the usual number, and a vector begins with four.
            if self.changes.is_empty() {
                self.changes.reserve_exact(1);
            }
            self.changes.push(Change { user, step, seen: false });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::chat::name::Nick;

    const ANNA: UserId = UserId([1; 10]);
    const BOB: UserId = UserId([2; 10]);

    fn nick(name: &str) -> SmallNick {
        (&Nick::new(name).unwrap()).into()
    }

    fn told(presence: &mut Presence) -> Vec<(UserId, Step)> {
        presence.take().into_iter().map(|change| (change.user, change.step)).collect()
    }

    #[test]
    fn who_comes_and_goes_is_not_mentioned() {
        let mut presence = Presence::default();
        presence.entered(ANNA, nick("anna"));
        presence.left(ANNA, nick("anna"));
        assert!(!presence.is_pending());
        presence.left(BOB, nick("bob"));
        presence.entered(BOB, nick("bob"));
        assert!(!presence.is_pending());
    }

    #[test]
    fn who_comes_back_under_another_nick_is_mentioned() {
        let mut presence = Presence::default();
        presence.left(BOB, nick("bob"));
        presence.entered(BOB, nick("robert"));
        assert_eq!(told(&mut presence), [(BOB, Step::Entered)]);

        presence.left(BOB, nick("bob"));
        presence.entered(BOB, nick("robert"));
        presence.left(BOB, nick("robert"));
        assert_eq!(told(&mut presence), [(BOB, Step::Left(nick("robert")))]);
    }

    #[test]
    fn what_a_list_has_shown_is_taken_back_aloud() {
        let mut presence = Presence::default();
        presence.entered(ANNA, nick("anna"));
        presence.listed_to(ANNA);
        presence.left(ANNA, nick("anna"));
        assert!(!presence.is_pending(), "nobody but Anna has seen Anna");

        presence.entered(ANNA, nick("anna"));
        presence.listed_to(BOB);
        presence.left(ANNA, nick("anna"));
        assert_eq!(told(&mut presence), [(ANNA, Step::Left(nick("anna")))]);
    }

    #[test]
    fn too_many_changes_are_not_named() {
        let mut presence = Presence::default();
        for n in 0..10 {
            presence.entered(UserId([n; 10]), nick("x"));
            presence.reschedule(Millis(0), 7);
            assert_eq!(presence.changes().len(), [1, 2, 3, 4, 5, 6, 7, 0, 0, 0][usize::from(n)]);
        }
        assert!(presence.is_pending());
        assert_eq!(told(&mut presence), []);
        assert!(!presence.is_pending());
    }

    #[test]
    fn the_first_change_is_told_at_once_and_the_next_waits() {
        let mut presence = Presence::default();
        let due = |presence: &mut Presence, now| {
            presence.reschedule(Millis(now), usize::MAX);
            presence.due()
        };
        assert_eq!(due(&mut presence, 900), None);
        presence.entered(ANNA, nick("anna"));
        assert_eq!(due(&mut presence, 1000), Some(Millis(1000)));
        presence.take();
        presence.told(Millis(1000));
        assert_eq!(due(&mut presence, 1000), None);
        presence.entered(BOB, nick("bob"));
        assert_eq!(due(&mut presence, 1001), Some(Millis(1250)));
        presence.left(ANNA, nick("anna"));
        assert_eq!(due(&mut presence, 1200), Some(Millis(1250)), "what waits does not wait longer");
        presence.take();
        presence.told(Millis(1250));
        presence.entered(ANNA, nick("anna"));
        assert_eq!(due(&mut presence, 2000), Some(Millis(2000)));
    }
}
