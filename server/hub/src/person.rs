//! Who exists, and under which nick. Must not know rooms.
//!
//! A person is found by nick and by `user`, the public form of its session key. The key itself is not kept: whoever
//! shows a key that has this public form is this person (finding another one would take 2^80 tries).

use core::ops::{Index, IndexMut};

use hashbrown::HashTable;
use protocol::chat::id::UserId;
use protocol::chat::name::folds_alike;

use crate::dense::{Dense, Seed};
use crate::nick::SmallNick;
use crate::session::Link;

/// The number of a living person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct PersonId(u32);

#[derive(Debug)]
pub(crate) struct Person {
    pub(crate) user: UserId,
    pub(crate) nick: SmallNick,
    /// The first of its connections; the others follow from session to session. There is at least one.
    pub(crate) first: Link,
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
    /// Nobody, and the table laid out for so many.
    pub(crate) fn new(seed: u64, laid_out: usize) -> Self {
        Self {
            table: Dense::with_capacity(laid_out),
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
        let same = |number: &u32| folds_alike(&self.table[*number].nick, nick);
        self.by_nick.find(self.seed.hash_folded(nick), same).copied().map(PersonId)
    }

    pub(crate) fn by_user(&self, user: UserId) -> Option<PersonId> {
        let same = |number: &u32| self.table[*number].user == user;
        self.by_user.find(self.seed.hash(user), same).copied().map(PersonId)
    }

    /// A new person, without a connection yet. Nobody may have that user or that nick.
    pub(crate) fn insert(&mut self, user: UserId, nick: SmallNick) -> PersonId {
        let number = self.table.insert(Person { user, nick, first: Link::END });
        let Self { table, seed, .. } = self;
        self.by_user.insert_unique(seed.hash(user), number, |other| seed.hash(table[*other].user));
        self.index_nick(number);
        PersonId(number)
    }

    /// Nobody else may have that nick.
    pub(crate) fn rename(&mut self, person: PersonId, nick: SmallNick) {
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
        let hash = |number: &u32| seed.hash_folded(&table[*number].nick);
        self.by_nick.insert_unique(hash(&number), number, hash);
    }

    fn forget_nick(&mut self, person: PersonId) {
        let hash = self.seed.hash_folded(&self.table[person.0].nick);
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
    use protocol::chat::name::Nick;

    use super::*;

    fn nick(name: &str) -> SmallNick {
        (&Nick::new(name).unwrap()).into()
    }

    #[test]
    #[cfg(target_pointer_width = "64")]
    fn a_person_is_small() {
        assert_eq!(size_of::<Option<Person>>(), 32);
    }

    #[test]
    fn anna_is_found_by_nick_in_any_case_and_by_user() {
        let mut persons = Persons::new(7, 0);
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
