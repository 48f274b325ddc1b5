//! A list of people, packed: all its words in one text, and where each ends. Must not know who is on it, or where.
//!
//! Everybody who comes to a room is told who is there. With strings for every one of them a list of two hundred took
//! four hundred allocations for each comer; packed it takes two.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use serde::de::{Deserialize, Deserializer, SeqAccess, Visitor};

use super::event::Person;
use super::id::UserId;

/// People, in the order in which they were put in.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct People {
    /// Identity, nick, identity, nick …
    words: String,
    /// Of each person: where the identity ends in `words`, and where the nick.
    ends: Vec<(usize, usize)>,
}

impl People {
    /// Nobody, with room for so many.
    #[must_use]
    pub fn with_capacity(count: usize) -> Self {
        // 20 digits, and a nick as they usually are.
        Self { words: String::with_capacity(count * 32), ends: Vec::with_capacity(count) }
    }

    /// One more.
    pub fn push(&mut self, user: UserId, nick: &str) {
        user.append_to(&mut self.words);
        self.end(nick);
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether nobody is there.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Each of them.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Person<'_>> {
        let mut start = 0;
        self.ends.iter().map(move |&(middle, end)| {
            let words = |from, to| self.words.get(from..to).unwrap_or_default();
            let person = Person { user: words(start, middle).into(), nick: words(middle, end).into() };
            start = end;
            person
        })
    }

    /// Each one's nick.
    pub fn nicks(&self) -> impl ExactSizeIterator<Item = &str> {
        self.ends.iter().map(|&(middle, end)| self.words.get(middle..end).unwrap_or_default())
    }

    /// The identity stands there; this is the nick.
    fn end(&mut self, nick: &str) {
        let middle = self.words.len();
        self.words.push_str(nick);
        self.ends.push((middle, self.words.len()));
    }
}

impl<'a> FromIterator<Person<'a>> for People {
    fn from_iter<I: IntoIterator<Item = Person<'a>>>(people: I) -> Self {
        let mut list = Self::default();
        for person in people {
            list.words.push_str(&person.user);
            list.end(&person.nick);
        }
        list
    }
}

impl<'a, const N: usize> From<[Person<'a>; N]> for People {
    fn from(people: [Person<'a>; N]) -> Self {
        people.into_iter().collect()
    }
}

impl fmt::Debug for People {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl<'de> Deserialize<'de> for People {
    fn deserialize<D: Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
        reader.deserialize_seq(PeopleVisitor)
    }
}

struct PeopleVisitor;

impl<'de> Visitor<'de> for PeopleVisitor {
    type Value = People;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of people")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<People, A::Error> {
        core::iter::from_fn(|| list.next_element::<Person<'de>>().transpose()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;

    #[test]
    fn a_list_comes_out_as_it_was_put_in() {
        let mut people = People::with_capacity(2);
        people.push(UserId([0xa0; 10]), "anna");
        people.push(UserId([0x0b; 10]), "Jürgen");
        let listed: Vec<_> = people.iter().map(|person| format!("{} {}", person.user, person.nick)).collect();
        assert_eq!(listed, ["a0a0a0a0a0a0a0a0a0a0 anna", "0b0b0b0b0b0b0b0b0b0b Jürgen"]);
        assert!(people.nicks().eq(["anna", "Jürgen"]));
        assert_eq!((people.len(), people.is_empty()), (2, false));
        assert_eq!(people.iter().collect::<People>(), people);
        assert_eq!((People::default().len(), People::default().is_empty()), (0, true));
    }
}
