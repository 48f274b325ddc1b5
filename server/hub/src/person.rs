//! Who exists, and under which nick. Must not know rooms.
//!
//! A person is found by nick and by `user`, the public form of its session key. The key itself is not kept: whoever
//! shows a key that has this public form is this person (finding another one would take 2^80 tries).

use alloc::boxed::Box;
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
    pub(crate) nick: SmallNick,
    /// The first of its connections; the others follow from session to session. There is at least one.
    pub(crate) first: Link,
}

/// A nick in 16 bytes. Up to 14 bytes lie in place, which is what most people have, and guests; a longer one is boxed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SmallNick {
    Short(Letters<14>),
    Long(Box<Letters<MAX_NICK>>),
}

/// Text of at most `N` bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Letters<const N: usize> {
    length: u8,
    bytes: [u8; N],
}

impl<const N: usize> Letters<N> {
    /// `None` if it is longer.
    fn new(text: &str) -> Option<Self> {
        let mut bytes = [0; N];
        bytes.get_mut(..text.len())?.copy_from_slice(text.as_bytes());
        Some(Self { length: u8::try_from(text.len()).ok()?, bytes })
    }

    fn as_str(&self) -> &str {
        let bytes = self.bytes.get(..usize::from(self.length)).unwrap_or_default();
        str::from_utf8(bytes).unwrap_or_default()
    }

    /// See [`SmallNick::head`].
    fn head(&self) -> u128 {
        // Behind a short nick there are zeros.
        let mut head = [0; 16];
        head.iter_mut().zip(self.bytes).for_each(|(to, from)| *to = from);
        match head.is_ascii() {
            true => lower(u128::from_be_bytes(head)),
            false => fold_head(self.as_str()),
        }
    }
}

impl SmallNick {
    pub(crate) fn as_str(&self) -> &str {
        match self {
            Self::Short(letters) => letters.as_str(),
            Self::Long(letters) => letters.as_str(),
        }
    }

    /// The beginning of it as a number to sort by ([`fold_head`]).
    pub(crate) fn head(&self) -> u128 {
        match self {
            Self::Short(letters) => letters.head(),
            Self::Long(letters) => letters.head(),
        }
    }
}

impl From<&Nick<'_>> for SmallNick {
    fn from(nick: &Nick<'_>) -> Self {
        const { assert!(MAX_NICK <= u8::MAX as usize) };
        let long = || Letters::new(nick.as_str()).expect("a nick is not longer than the limit, by its type");
        Letters::new(nick.as_str()).map_or_else(|| Self::Long(Box::new(long())), Self::Short)
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
        let same = |number: &u32| folds_alike(self.table[*number].nick.as_str(), nick);
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

    fn nick(name: &str) -> SmallNick {
        (&Nick::new(name).unwrap()).into()
    }

    #[test]
    #[cfg(target_pointer_width = "64")]
    fn a_person_is_small() {
        assert_eq!((size_of::<SmallNick>(), size_of::<Option<Person>>()), (16, 32));
    }

    #[test]
    fn a_short_nick_lies_in_place_and_a_long_one_does_not() {
        let (short, long) = (["a", "Bo", "Людмила", "Fourteen-bytes"], ["Fifteen-bytes-x", "Ωμέγα7-Ωμέ"]);
        let longest = ["sixteen-letters-Ö", "x123456789012345678901234567890x"];
        for name in short.into_iter().chain(long).chain(longest) {
            assert_eq!((nick(name).as_str(), nick(name).head()), (name, fold_head(name)));
            assert_eq!(matches!(nick(name), SmallNick::Short(_)), short.contains(&name), "{name}");
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
