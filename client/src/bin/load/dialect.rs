//! What is said in each of the two dialects, and what kind of line comes back (PROTOCOL.md, sections 6, 7 and 12). Must
//! not know connections, or what a line is counted as.
//!
//! Events are told apart by how they begin, not parsed: they come a million times a second, and all that is wanted of
//! them is the mark inside. Snug writes an event's `type` first.

use crate::mark::{LENGTH, Mark, Marks};

/// How lines are said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// A text frame is what is said. Any server that passes texts on speaks it.
    #[default]
    Plain,
    /// Snug's JSON.
    SnugV1,
}

/// What sort of line a server has sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sort {
    /// What somebody says; or anything else that a server says on its own, which then has no mark.
    Said,
    /// What this connection said is stored.
    Tick,
    /// This connection is in its room now.
    Joined,
    /// The server did not do what it was asked for.
    Fault,
    /// Nothing that matters here.
    Other,
}

impl Dialect {
    /// As it is named in the upgrade.
    pub(crate) const fn subprotocol(self) -> Option<&'static str> {
        match self {
            Self::Plain => None,
            Self::SnugV1 => Some("snug.v1"),
        }
    }

    /// As it is named on the command line.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::SnugV1 => "snug.v1",
        }
    }

    /// Whether the upgrade alone brings one into the room, with nothing more to wait for.
    pub(crate) const fn is_in_at_once(self) -> bool {
        matches!(self, Self::Plain)
    }

    /// What a connection says first, frame by frame. A room in the path is joined with the `hello`.
    pub(crate) fn greeting(self, room: &str, is_in_path: bool) -> Vec<String> {
        match self {
            Self::Plain => Vec::new(),
            Self::SnugV1 => {
                let mut greeting = vec![r#"{"type":"hello"}"#.to_owned()];
                if !is_in_path {
                    greeting.push(format!(r#"{{"type":"join","room":"{room}","last":0}}"#));
                }
                greeting
            }
        }
    }

    /// What sort of line this is.
    pub(crate) fn sort(self, text: &[u8]) -> Sort {
        match self {
            Self::Plain if text.starts_with(b"! ") => Sort::Fault,
            Self::Plain => Sort::Said,
            Self::SnugV1 => match text.strip_prefix(br#"{"type":""#).unwrap_or_default() {
                rest if rest.starts_with(br#"message""#) => Sort::Said,
                rest if rest.starts_with(br#"stored""#) => Sort::Tick,
                rest if rest.starts_with(br#"joined""#) => Sort::Joined,
                rest if rest.starts_with(br#"error""#) => Sort::Fault,
                _ => Sort::Other,
            },
        }
    }
}

/// What one sender says in one room, always the same but for the mark.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    text: Vec<u8>,
    /// Where marks stand: in the text, and in `snug.v1` also as the `id`.
    places: Vec<usize>,
}

impl Line {
    /// `size` bytes are said, the mark included.
    pub(crate) fn new(dialect: Dialect, room: &str, size: usize) -> Self {
        let mark = "~".repeat(LENGTH);
        let said = format!("{mark}{}", "x".repeat(size.saturating_sub(LENGTH)));
        let text = match dialect {
            Dialect::Plain => said,
            Dialect::SnugV1 => {
                format!(r#"{{"type":"say","id":"{mark}","room":"{room}","text":"{said}"}}"#)
            }
        };
        let places = text.match_indices(&mark).map(|(place, _)| place).collect();
        Self { text: text.into_bytes(), places }
    }

    /// The whole text with this mark.
    pub(crate) fn with(&mut self, marks: &Marks, mark: Mark) -> &[u8] {
        let mark = marks.write(mark);
        for place in &self.places {
            if let Some(room) = self.text.get_mut(*place..*place + LENGTH) {
                room.copy_from_slice(&mark);
            }
        }
        &self.text
    }
}

#[cfg(test)]
mod tests {
    use protocol::chat::event::{Event, Failure, Joined, Stored};
    use protocol::chat::request::Request;
    use protocol::chat::wire;

    use super::*;

    const MARKS: (u16, Mark) = (0x5eed, Mark { sender: 1, number: 2, at: 3 });

    #[test]
    fn a_plain_line_is_its_mark_and_something_to_carry() {
        let mut line = Line::new(Dialect::Plain, "load-0", 40);
        let text = line.with(&Marks::new(MARKS.0), MARKS.1).to_vec();
        assert_eq!(str::from_utf8(&text), Ok("~5eed00000100000002000000000003~xxxxxxxx"));
        // The next one replaces it.
        let next = line.with(&Marks::new(MARKS.0), Mark { number: 3, ..MARKS.1 });
        assert_eq!(next.get(..32), Some(&b"~5eed00000100000003000000000003~"[..]));
    }

    #[test]
    fn the_server_reads_what_is_said_in_snug_v1() {
        let mut line = Line::new(Dialect::SnugV1, "load-0", 40);
        let text = line.with(&Marks::new(MARKS.0), MARKS.1).to_vec();
        let envelope = wire::read_request(str::from_utf8(&text).expect("UTF-8")).expect("a request");
        let Request::Say { room: Some(room), text, .. } = envelope.request else {
            panic!("it says something")
        };
        assert_eq!((room.as_str(), text.as_str().len()), ("load-0", 40));
        let id = envelope.id.map(|id| id.as_str().to_owned());
        assert_eq!(id.as_deref(), text.as_str().get(..32), "the id is the mark");
        for words in Dialect::SnugV1.greeting("load-0", false) {
            wire::read_request(&words).expect("a request");
        }
    }

    #[test]
    fn what_the_server_writes_is_told_apart() {
        let sort = |event: Event<'_>| {
            let mut text = String::new();
            wire::write_event(&event, &mut text);
            Dialect::SnugV1.sort(text.as_bytes())
        };
        let joined =
            Joined { id: None, room: "a".into(), people: None, count: 1, topic: None, first: 0, last: 0 };
        let stored = Stored { id: None, room: "a".into(), seq: 1, time: 0, dup: false };
        let code = protocol::chat::event::ErrorCode::BadRoom;
        assert_eq!(sort(Event::Joined(joined)), Sort::Joined);
        assert_eq!(sort(Event::Stored(stored)), Sort::Tick);
        assert_eq!(sort(Event::Error(Failure { code, text: "no".into(), id: None })), Sort::Fault);
        assert_eq!(sort(Event::Left { id: None, room: "a".into() }), Sort::Other);
        assert_eq!(Dialect::SnugV1.sort(br#"{"type":"message","room":"a"}"#), Sort::Said);
        assert_eq!(Dialect::SnugV1.sort(b"hello"), Sort::Other);
        assert_eq!(Dialect::Plain.sort(b"<anna> hello"), Sort::Said);
        assert_eq!(Dialect::Plain.sort(b"! too_many_rooms the server is full"), Sort::Fault);
    }
}
