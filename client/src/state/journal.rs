//! What stands in the file: records, one a line, each behind a checksum of its own, and what they come to. Pure; must
//! not know files.
//!
//! ```text
//! 1f0e6c2a9b3d4855 {"type":"hello","session":"…"}                  this person
//! 9c31d0a85577f1e2 {"type":"join","room":"lobby","last":0}         we are in
//! 03b7aa9e41c6d210 {"type":"join","room":"lobby","after":{…}}      read so far
//! 5d2ec9f80b61a734 {"type":"say","id":"7f3a","room":"lobby",…}     said
//! b8405e63cf1972ad - 7f3a                                          answered: stored, refused or given up
//! 6a97f2b1083dce45 {"type":"leave","room":"lobby"}                 no longer in
//! e40d5b7c9826f31a .                                               ended well: in no room
//! ```
//!
//! Most records are what the client says, or would say, to the server (PROTOCOL.md section 6), so a line that was said
//! stands there byte for byte as it is sent. A file that ends anywhere, or is damaged anywhere, still says what its
//! whole lines say; there is no length, offset or order of fields to go wrong.

use protocol::chat::id::{RequestId, SessionKey};
use protocol::chat::name::RoomName;
use protocol::chat::request::{Envelope, Request, Since};
use protocol::chat::wire;

use crate::model::room::Place;

/// How many places in rooms are remembered: more than anybody reads. The oldest go.
const MAX_PLACES: usize = 256;

/// One line of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    /// Who all this is about.
    Person(SessionKey),
    /// Something was said.
    Said(Envelope<'static>),
    /// It was answered, or given up.
    Answered(RequestId<'static>),
    /// We are in a room.
    Inside(RoomName<'static>),
    /// A room was read so far.
    Place(Place),
    /// We are not in a room any more.
    Left(RoomName<'static>),
    /// The run ended well.
    Ended,
}

impl Record {
    /// Appends the record.
    pub fn write(&self, out: &mut Vec<u8>) {
        let mut body = String::new();
        let ask = |request| Envelope { id: None, request };
        match self {
            Self::Person(session) => {
                wire::write_request(&ask(Request::Hello { nick: None, session: Some(*session) }), &mut body);
            }
            Self::Said(envelope) => wire::write_request(envelope, &mut body),
            Self::Answered(id) => body.extend(["- ", id.as_str()]),
            Self::Inside(room) => {
                let request = Request::Join { room: room.borrow(), since: Since::Last(0) };
                wire::write_request(&ask(request), &mut body);
            }
            Self::Place(Place { room, epoch, seq }) => {
                let since = Since::After { epoch: *epoch, seq: *seq };
                wire::write_request(&ask(Request::Join { room: room.borrow(), since }), &mut body);
            }
            Self::Left(room) => {
                wire::write_request(&ask(Request::Leave { room: Some(room.borrow()) }), &mut body);
            }
            Self::Ended => body.push('.'),
        }
        out.extend_from_slice(format!("{:016x} {body}\n", checksum(body.as_bytes())).as_bytes());
    }

    /// Reads one line, without its end; `None` if it is damaged, or of a sort that this version does not know.
    fn read(line: &[u8]) -> Option<Self> {
        let (sum, body) = (line.get(..16)?, line.get(17..)?);
        if line.get(16) != Some(&b' ') || sum != format!("{:016x}", checksum(body)).as_bytes() {
            return None;
        }
        let body = str::from_utf8(body).ok()?;
        if body == "." {
            return Some(Self::Ended);
        }
        if let Some(id) = body.strip_prefix("- ") {
            return RequestId::new(id.to_owned()).map(Self::Answered);
        }
        let Envelope { id, request } = wire::read_request(body).ok()?;
        let said = |request| Some(Self::Said(Envelope { id: Some(id?.into_owned()), request }));
        match request {
            Request::Hello { session, .. } => session.map(Self::Person),
            Request::Join { room, since: Since::Last(_) } => Some(Self::Inside(room.into_owned())),
            Request::Join { room, since: Since::After { epoch, seq } } => {
                Some(Self::Place(Place { room: room.into_owned(), epoch, seq }))
            }
            Request::Leave { room } => Some(Self::Left(room?.into_owned())),
            Request::Say { room, text, action } => {
                let room = Some(room?.into_owned());
                said(Request::Say { room, text: text.into_owned(), action })
            }
            Request::Topic { room, text } => {
                let room = Some(room?.into_owned());
                said(Request::Topic { room, text: Some(text?.into_owned()) })
            }
            _ => None,
        }
    }
}

/// What a file's records come to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Image {
    /// Who all this is about.
    pub person: Option<SessionKey>,
    /// What was said and not answered, in the order it was said.
    pub lines: Vec<Envelope<'static>>,
    /// How far rooms were read, the latest last.
    pub places: Vec<Place>,
    /// In which rooms we are.
    pub rooms: Vec<RoomName<'static>>,
}

impl Image {
    /// Reads a file. The second value is whether all of it could be read, to the last line's end.
    #[must_use]
    pub fn read(bytes: &[u8]) -> (Self, bool) {
        let mut image = Self::default();
        let mut is_whole = bytes.last().is_none_or(|last| *last == b'\n');
        for line in bytes.split(|byte| *byte == b'\n') {
            match Record::read(line) {
                Some(record) => image.apply(record),
                // What stands behind the last line's end is empty.
                None => is_whole &= line.is_empty(),
            }
        }
        (image, is_whole)
    }

    /// The shortest file that comes to the same.
    #[must_use]
    pub fn write(&self) -> Vec<u8> {
        let mut out = Vec::new();
        let person = self.person.map(Record::Person).into_iter();
        let rooms = self.rooms.iter().cloned().map(Record::Inside);
        let places = self.places.iter().cloned().map(Record::Place);
        let lines = self.lines.iter().cloned().map(Record::Said);
        person.chain(rooms).chain(places).chain(lines).for_each(|record| record.write(&mut out));
        out
    }

    /// Whether this was said and not answered.
    #[must_use]
    pub fn has(&self, id: &RequestId<'_>) -> bool {
        self.lines.iter().any(|line| line.id.as_ref() == Some(id))
    }

    /// Takes in a record.
    pub fn apply(&mut self, record: Record) {
        match record {
            Record::Person(session) => self.person = Some(session),
            // The same line twice, as after a copy by hand, is the same line.
            Record::Said(envelope) if envelope.id.as_ref().is_some_and(|id| self.has(id)) => {}
            Record::Said(envelope) => self.lines.push(envelope),
            // Ticks come in the order of the lines: the first one it is, nearly always.
            Record::Answered(id) => {
                let at = self.lines.iter().position(|line| line.id.as_ref() == Some(&id));
                at.into_iter().for_each(|at| drop(self.lines.remove(at)));
            }
            Record::Inside(room) if self.rooms.contains(&room) => {}
            Record::Inside(room) => self.rooms.push(room),
            Record::Place(place) => {
                self.places.retain(|known| known.room != place.room);
                self.places.push(place);
                let surplus = self.places.len().saturating_sub(MAX_PLACES);
                self.places.drain(..surplus);
            }
            Record::Left(room) => self.rooms.retain(|known| *known != room),
            Record::Ended => self.rooms.clear(),
        }
    }
}

/// FNV-1a with 64 bits (Fowler, Noll, Vo). One wrong byte always changes it: each of its steps can be undone.
fn checksum(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |sum, byte| (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}
