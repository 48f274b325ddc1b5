//! A JSON request as it came, before anybody has judged it: each field of any sort, or absent. Owns which fields there
//! are and that none is there twice; must not know what a good value is, nor which request needs what.

use alloc::borrow::Cow;
use alloc::boxed::Box;
use core::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// A request as it came: all fields there are, each of any sort.
#[derive(Default)]
pub(super) struct Raw<'a> {
    pub(super) kind: Field<'a>,
    pub(super) id: Field<'a>,
    pub(super) nick: Field<'a>,
    pub(super) session: Field<'a>,
    pub(super) room: Field<'a>,
    pub(super) last: Field<'a>,
    pub(super) after: Field<'a>,
    pub(super) text: Field<'a>,
    pub(super) entry_kind: Field<'a>,
    pub(super) before: Field<'a>,
    pub(super) limit: Field<'a>,
    pub(super) twice: Option<&'static str>,
}

/// A field as it came.
#[derive(Default)]
pub(super) enum Field<'a> {
    /// Not there, or `null`.
    #[default]
    Absent,
    Text(Cow<'a, str>),
    Number(u64),
    Position(Box<RawPosition<'a>>),
    /// Of a sort that no request uses.
    Other,
}

#[derive(Default)]
pub(super) struct RawPosition<'a> {
    pub(super) epoch: Field<'a>,
    pub(super) seq: Field<'a>,
    pub(super) twice: Option<&'static str>,
}

impl<'a> Raw<'a> {
    fn slot(&mut self, key: Key) -> Option<(&'static str, &mut Field<'a>)> {
        Some(match key {
            Key::Type => ("type", &mut self.kind),
            Key::Id => ("id", &mut self.id),
            Key::Nick => ("nick", &mut self.nick),
            Key::Session => ("session", &mut self.session),
            Key::Room => ("room", &mut self.room),
            Key::Last => ("last", &mut self.last),
            Key::After => ("after", &mut self.after),
            Key::Text => ("text", &mut self.text),
            Key::Kind => ("kind", &mut self.entry_kind),
            Key::Before => ("before", &mut self.before),
            Key::Limit => ("limit", &mut self.limit),
            Key::Unknown => return None,
        })
    }
}

#[derive(Clone, Copy, Deserialize)]
#[serde(field_identifier, rename_all = "lowercase")]
enum Key {
    Type,
    Id,
    Nick,
    Session,
    Room,
    Last,
    After,
    Text,
    Kind,
    Before,
    Limit,
    #[serde(other)]
    Unknown,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(field_identifier, rename_all = "lowercase")]
enum PositionKey {
    Epoch,
    Seq,
    #[serde(other)]
    Unknown,
}

/// It is filled in place, so that what was read before a fault is still there.
impl<'de> DeserializeSeed<'de> for &mut Raw<'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<(), D::Error> {
        reader.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for &mut Raw<'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a request")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<Key>()? {
            let Some((name, slot)) = self.slot(key) else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            let is_first = matches!(slot, Field::Absent);
            *slot = map.next_value()?;
            if !is_first {
                self.twice = Some(name);
            }
        }
        Ok(())
    }
}

impl<'de> Deserialize<'de> for Field<'de> {
    fn deserialize<D: Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
        reader.deserialize_any(FieldVisitor)
    }
}

/// Takes anything; what no request uses becomes [`Field::Other`].
struct FieldVisitor;

impl<'de> Visitor<'de> for FieldVisitor {
    type Value = Field<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Field<'de>, E> {
        Ok(Field::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Field<'de>, E> {
        Ok(Field::Text(Cow::Owned(text.into())))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Field<'de>, E> {
        Ok(Field::Number(number))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Field<'de>, E> {
        Ok(Field::Other)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Field<'de>, E> {
        Ok(Field::Other)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Field<'de>, E> {
        Ok(Field::Other)
    }

    fn visit_unit<E>(self) -> Result<Field<'de>, E> {
        Ok(Field::Absent)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Field<'de>, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Field::Other)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Field<'de>, A::Error> {
        let mut position = RawPosition::default();
        while let Some(key) = map.next_key::<PositionKey>()? {
            let (name, slot) = match key {
                PositionKey::Epoch => ("after.epoch", &mut position.epoch),
                PositionKey::Seq => ("after.seq", &mut position.seq),
                PositionKey::Unknown => {
                    map.next_value::<IgnoredAny>()?;
                    continue;
                }
            };
            let is_first = matches!(slot, Field::Absent);
            *slot = map.next_value()?;
            if !is_first {
                position.twice = Some(name);
            }
        }
        Ok(Field::Position(Box::new(position)))
    }
}
