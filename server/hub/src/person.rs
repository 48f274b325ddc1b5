//! Who exists, and under which nick. Must not know rooms.
//!
//! A person is found by nick and by `user`, the public form of its session key. The key itself is not kept: whoever
//! shows a key that has this public form is this person (finding another one would take 2^80 tries).

use core::num::NonZeroU8;
use core::ops::{Index, IndexMut};
use core::str;

use hashbrown::HashTable;
use protocol::chat::id::UserId;
use protocol::chat::name::{Nick, fold_head, folds_alike};
use protocol::limits::MAX_NICK;

use crate::dense::{Dense, Seed};
use crate::session::Link;

/// The number of a living person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct PersonId(u32);

#[derive(Debug)]
pub(crate) struct Person {
    pub(crate) user: UserId,
    pub(crate) nick: ShortNick,
    /// The first of its connections; the others follow from session to session. There is at least one.
    pub(crate) first: Link,
}

/// A nick in place. A box would take more: its two words here and at least two on the heap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ShortNick {
    length: NonZeroU8,
    bytes: [u8; MAX_NICK],
}

impl ShortNick {
    pub(crate) fn as_str(&self) -> &str {
        let bytes = self.bytes.get(..usize::from(self.length.get())).unwrap_or_default();
        str::from_utf8(bytes).unwrap_or_default()
    }

    /// The beginning of it as a number to sort by ([`fold_head`]).
    pub(crate) fn head(&self) -> u128 {
        match self.bytes.first_chunk::<16>().copied() {
            // Behind a short nick there are zeros.
            Some(head) if head.is_ascii() => lower(u128::from_be_bytes(head)),
            _ => fold_head(self.as_str()),
        }
    }
}

impl From<&Nick<'_>> for ShortNick {
    fn from(nick: &Nick<'_>) -> Self {
        const { assert!(MAX_NICK <= u8::MAX as usize) };
        let mut bytes = [0; MAX_NICK];
        bytes.iter_mut().zip(nick.as_str().bytes()).for_each(|(to, from)| *to = from);
        // A nick is not empty and not longer than the limit: that is what the type means.
        Self { length: NonZeroU8::new(nick.as_str().len() as u8).unwrap_or(NonZeroU8::MIN), bytes }
    }
}

/// Sixteen characters of ASCII in lower case, at once: one by one took 190 instructions.
fn lower(letters: u128) -> u128 {
    const EACH: u128 = u128::MAX / 255;
    // The high bit of each byte, which ASCII leaves free, says whether it is at least 'A', and whether it is above 'Z'.
    let from_a = letters + EACH * (0x80 - b'A' as u128);
    let above_z = letters + EACH * (0x7f - b'Z' as u128);
    letters | (from_a & !above_z & (EACH * 0x80)) >> 2
}

/// All persons.
#[derive(Debug)]
pub(crate) struct Persons {
    table: Dense<Person>,
    by_nick: HashTable<u32>,
    by_user: HashTable<u32>,
    seed: Seed,
}

impl Persons {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            table: Dense::new(),
            by_nick: HashTable::new(),
            by_user: HashTable::new(),
            seed: Seed::new(seed),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.table.len()
    }

    /// How many entries the two indexes have.
    pub(crate) fn indexed(&self) -> (usize, usize) {
        (self.by_nick.len(), self.by_user.len())
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (PersonId, &Person)> {
        self.table.iter().map(|(number, person)| (PersonId(number), person))
    }

    /// Who has this nick, in whatever case.
    pub(crate) fn by_nick(&self, nick: &str) -> Option<PersonId> {
        let same = |number: &u32| folds_alike(self.table[*number].nick.as_str(), nick);
        self.by_nick.find(self.seed.hash_folded(nick), same).copied().map(PersonId)
    }

    pub(crate) fn by_user(&self, user: UserId) -> Option<PersonId> {
        let same = |number: &u32| self.table[*number].user == user;
        self.by_user.find(self.seed.hash(user), same).copied().map(PersonId)
    }

    /// A new person, without a connection yet. Nobody may have that user or that nick.
    pub(crate) fn insert(&mut self, user: UserId, nick: ShortNick) -> PersonId {
        let number = self.table.insert(Person { user, nick, first: Link::END });
        let Self { table, seed, .. } = self;
        self.by_user.insert_unique(seed.hash(user), number, |other| seed.hash(table[*other].user));
        self.index_nick(number);
        PersonId(number)
    }

    /// Nobody else may have that nick.
    pub(crate) fn rename(&mut self, person: PersonId, nick: ShortNick) {
        self.forget_nick(person);
        self.table[person.0].nick = nick;
        self.index_nick(person.0);
    }

    pub(crate) fn remove(&mut self, person: PersonId) {
        self.forget_nick(person);
        let hash = self.seed.hash(self.table[person.0].user);
        if let Ok(found) = self.by_user.find_entry(hash, |number| *number == person.0) {
            found.remove();
        }
        self.table.remove(person.0);
    }

    fn index_nick(&mut self, number: u32) {
        let Self { table, seed, .. } = self;
        let hash = |number: &u32| seed.hash_folded(table[*number].nick.as_str());
        self.by_nick.insert_unique(hash(&number), number, hash);
    }

    fn forget_nick(&mut self, person: PersonId) {
        let hash = self.seed.hash_folded(self.table[person.0].nick.as_str());
        if let Ok(found) = self.by_nick.find_entry(hash, |number| *number == person.0) {
            found.remove();
        }
    }
}

impl Index<PersonId> for Persons {
    type Output = Person;

    fn index(&self, person: PersonId) -> &Person {
        &self.table[person.0]
    }
}

impl IndexMut<PersonId> for Persons {
    fn index_mut(&mut self, person: PersonId) -> &mut Person {
        &mut self.table[person.0]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nick(name: &str) -> ShortNick {
        (&Nick::new(name).unwrap()).into()
    }

    #[test]
    fn a_person_is_small() {
        assert_eq!(size_of::<Option<Person>>(), 48);
    }

    #[test]
    fn a_nick_fits_in_place() {
        for name in ["a", "Bo", "Ωμέγα7", "sixteen-letters-Ö", "x123456789012345678901234567890x"] {
            assert_eq!((nick(name).as_str(), nick(name).head()), (name, fold_head(name)));
        }
    }

    #[test]
    fn letters_are_lowered_at_once() {
        for start in (0..=112).step_by(16) {
            let letters: [u8; 16] = core::array::from_fn(|n| start + n as u8);
            assert_eq!(
                lower(u128::from_be_bytes(letters)).to_be_bytes(),
                letters.map(|c| c.to_ascii_lowercase())
            );
        }
    }

    #[test]
    fn anna_is_found_by_nick_in_any_case_and_by_user() {
        let mut persons = Persons::new(7);
        let anna = persons.insert(UserId([1; 10]), nick("Änna"));
        let bob = persons.insert(UserId([2; 10]), nick("bob"));
        assert_eq!(persons.by_nick("äNNA"), Some(anna));
        assert_eq!(persons.by_user(UserId([2; 10])), Some(bob));

        persons.rename(anna, nick("carol"));
        assert_eq!((persons.by_nick("änna"), persons.by_nick("Carol")), (None, Some(anna)));

        persons.remove(anna);
        assert_eq!(
            (persons.by_nick("carol"), persons.by_user(UserId([1; 10])), persons.len()),
            (None, None, 1)
        );
    }
}
