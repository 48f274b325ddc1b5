//! Rooms without a WebSocket: one text posted, or a page of the latest entries read, each by one HTTP request. Owns what
//! such a request asks, who waits for the store, and how the answer is written; must not know sockets, nor who is in a
//! room.
//!
//! Who posts is a person by its nick ([`UserId::keyless`]), since a retry has to be the same person over another
//! connection. What is told in the room comes from the store as any other entry does.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use hub::Hub;
use hub::effect::{Purpose, Range, Recall, Record};
use hub::input::{Applied, ConnId, Dialect, Recalled, Refusal};
use protocol::chat::event::{ErrorCode, Event, Failure, Kind, Reset};
use protocol::chat::id::{self, Epoch, RequestId, UserId};
use protocol::chat::name::{NameFault, Nick, RoomName, TextFault};
use protocol::chat::request::Since;
use protocol::chat::{plain, wire};
use protocol::http::{self, Head};
use protocol::limits::{DEFAULT_LAST, MAX_REQUEST_ID};

use crate::conn::Verdict;
use crate::conn::outbox::Outbox;
use crate::metrics::Outcome;
use crate::telling::{message, tick, words};

/// Who posts and does not say as whom. No guest is called so: those have a number.
const NAMELESS: &str = "guest";

/// How many bytes of entries one answer holds, always one entry at least: as much as a page of the store. As text it may
/// be far more, since each line repeats the nick.
const PAGE_BYTES: usize = 64 * 1024;

/// A text to be posted, but for the text.
#[derive(Debug)]
pub(crate) struct Post<'h> {
    room: RoomName<'h>,
    nick: Nick<'h>,
    key: Option<RequestId<'h>>,
}

impl<'h> Post<'h> {
    /// Reads what the head says of it.
    pub(crate) fn read(head: &Head<'h>, room: &'h str) -> Result<Self, Fault> {
        let key = head.header("Idempotency-Key").map(|key| RequestId::new(key).ok_or(Fault::Key));
        Ok(Self {
            room: RoomName::new(room).map_err(Fault::Room)?,
            nick: Nick::new(head.query("nick").unwrap_or(Cow::Borrowed(NAMELESS))).map_err(Fault::Nick)?,
            key: key.transpose()?,
        })
    }

    /// What is to be stored of it.
    pub(crate) fn record(self, conn: ConnId, body: &[u8], hub: &Hub) -> Result<Record, Fault> {
        let text = std::str::from_utf8(body).map_err(|_| Fault::NotUtf8)?;
        let text = plain::said(text).map_err(Fault::Text)?;
        if hub.has_nick(&self.nick) {
            return Err(Fault::NickTaken(self.nick.into_owned()));
        }
        Ok(Record {
            room: self.room.into_owned(),
            user: UserId::keyless(&self.nick),
            nick: self.nick.as_str().into(),
            kind: Kind::Talk,
            text: text.as_str().into(),
            id: self.key.map(RequestId::into_owned),
            origin: Some(conn),
        })
    }
}

/// A page to be read.
#[derive(Debug)]
pub(crate) struct Reading<'h> {
    room: RoomName<'h>,
    since: Since,
}

impl<'h> Reading<'h> {
    /// Reads what the head asks for. A position that does not say its epoch is one of this epoch.
    pub(crate) fn read(head: &Head<'h>, room: &'h str, epoch: Epoch) -> Result<Self, Fault> {
        let last = number(head, "last", u64::from(u32::MAX))?.and_then(|last| u32::try_from(last).ok());
        let seq = number(head, "after", wire::NUMBER_END - 1)?;
        let epoch = match head.query("epoch") {
            Some(text) => Epoch::parse(&text).ok_or(Fault::Epoch)?,
            None => epoch,
        };
        let since = match (last, seq) {
            (Some(_), Some(_)) => return Err(Fault::LastAndAfter),
            (None, Some(seq)) => Since::After { epoch, seq },
            (last, None) => Since::Last(last.unwrap_or(DEFAULT_LAST)),
        };
        Ok(Self { room: RoomName::new(room).map_err(Fault::Room)?, since })
    }

    /// What the store is asked for it.
    pub(crate) fn recall(self, conn: ConnId) -> Recall {
        let purpose = Purpose::History { id: None };
        Recall { conn, room: self.room.into_owned(), purpose, span: Range::Since(self.since) }
    }
}

fn number(head: &Head<'_>, name: &'static str, most: u64) -> Result<Option<u64>, Fault> {
    let Some(text) = head.query(name) else { return Ok(None) };
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit());
    let number = text.parse().ok().filter(|number| is_plain && *number <= most);
    number.map(Some).ok_or(Fault::Number(name, most))
}

/// Who waits for the store. There are as many as connections at most.
#[derive(Debug, Default)]
pub(crate) struct Posts {
    waiting: BTreeMap<ConnId, Waiting>,
}

/// How the answer is to be written.
#[derive(Clone, Copy, Debug)]
struct Waiting {
    form: Form,
    /// It was asked by `HEAD`.
    only_head: bool,
    epoch: Epoch,
}

impl Posts {
    /// From now on this connection waits for one answer of the store.
    pub(crate) fn wait(&mut self, conn: ConnId, head: &Head<'_>, epoch: Epoch) {
        let only_head = head.method() == "HEAD";
        self.waiting.insert(conn, Waiting { form: Form::of(head), only_head, epoch });
    }

    /// It waits no more.
    pub(crate) fn forget(&mut self, conn: ConnId) {
        self.waiting.remove(&conn);
    }

    /// An entry is stored: whoever posted it is told its number. False if nobody waits here.
    pub(crate) fn stored(&mut self, applied: &Applied, outbox: &mut Outbox) -> bool {
        let Some((conn, waiting)) = self.take(applied.origin) else { return false };
        let mut body = String::new();
        match waiting.form {
            Form::Text => body = format!("{}\n", applied.entry.seq),
            Form::Json => Form::Json.line(&tick(applied), &mut body),
        }
        outbox.metrics.outcomes.add(Outcome::Answered);
        respond(conn, 200, waiting.form.of_one(), &[], body.as_bytes(), outbox);
        outbox.answered(conn.slot);
        true
    }

    /// An entry is surely not stored: whoever posted it is told why. False if nobody waits here.
    pub(crate) fn unstored(&mut self, conn: ConnId, reason: Refusal, outbox: &mut Outbox) -> bool {
        let Some((conn, waiting)) = self.take(Some(conn)) else { return false };
        tell_fault(conn, waiting.form, &Fault::Refused(reason), outbox);
        outbox.answered(conn.slot);
        true
    }

    /// The disk failed, and nobody knows what became of what was asked. False if nobody waits here.
    pub(crate) fn unknown(&mut self, conn: ConnId, outbox: &mut Outbox) -> bool {
        let Some((conn, _)) = self.take(Some(conn)) else { return false };
        // Not in the words of an error: they would mean that it is surely not stored.
        let said = "the server's disk failed, and what was posted may be stored or not; try again, with the same \
                    Idempotency-Key if there was one\n";
        outbox.metrics.refused(500);
        respond(conn, 500, Form::Text.of_one(), &[], said.as_bytes(), outbox);
        outbox.answered(conn.slot);
        true
    }

    /// Entries are found: whoever asked for them gets them. False if nobody waits here.
    pub(crate) fn found(&mut self, recalled: &Recalled, outbox: &mut Outbox) -> bool {
        let Some((conn, waiting)) = self.take(Some(recalled.conn)) else { return false };
        let (last, body) = page(waiting.form, recalled);
        let (last, epoch) = (last.to_string(), id::text(waiting.epoch));
        let headers = [("Snug-After", last.as_str()), ("Snug-Epoch", epoch.as_str())];
        outbox.metrics.outcomes.add(Outcome::Answered);
        let body = body.as_bytes();
        match waiting.only_head {
            true => respond_to_head(conn, 200, waiting.form.of_many(), &headers, body.len(), outbox),
            false => respond(conn, 200, waiting.form.of_many(), &headers, body, outbox),
        }
        outbox.answered(conn.slot);
        true
    }

    /// Answers a request that is wrong, at once.
    pub(crate) fn refuse(conn: ConnId, head: &Head<'_>, fault: &Fault, outbox: &mut Outbox) -> Verdict {
        tell_fault(conn, Form::of(head), fault, outbox);
        Verdict::Answered
    }

    fn take(&mut self, conn: Option<ConnId>) -> Option<(ConnId, Waiting)> {
        self.waiting.remove_entry(&conn?)
    }
}

/// The entries that were found, as many as an answer holds, and the number to go on from.
fn page(form: Form, recalled: &Recalled) -> (u64, String) {
    let mut body = String::new();
    if let Some(reason) = recalled.reset {
        let (room, first, last) = (recalled.room.as_str().into(), recalled.first, recalled.last);
        form.line(&Event::Reset(Reset { room, reason, first, last }), &mut body);
    }
    let mut last = None;
    for entry in &recalled.entries {
        let before = body.len();
        form.line(&message(&recalled.room, entry, &id::text(entry.user), None), &mut body);
        if body.len() > PAGE_BYTES && last.is_some() {
            body.truncate(before);
            break;
        }
        last = Some(entry.seq);
    }
    (last.unwrap_or(recalled.last), body)
}

/// How an answer is written.
#[derive(Clone, Copy, Debug)]
enum Form {
    /// As the plain dialect does.
    Text,
    /// As `snug.v1` does, an event a line.
    Json,
}

impl Form {
    fn of(head: &Head<'_>) -> Self {
        match head.accepts("application/json") || head.accepts("application/x-ndjson") {
            true => Self::Json,
            false => Self::Text,
        }
    }

    /// Appends an event and ends the line; nothing, if there are no words for it.
    fn line(self, event: &Event<'_>, out: &mut String) {
        let dialect = match self {
            Self::Text => Dialect::Plain,
            Self::Json => Dialect::V1,
        };
        if words(dialect, event, out) {
            out.push('\n');
        }
    }

    const fn of_one(self) -> &'static str {
        match self {
            Self::Text => "text/plain; charset=utf-8",
            Self::Json => "application/json",
        }
    }

    const fn of_many(self) -> &'static str {
        match self {
            Self::Text => "text/plain; charset=utf-8",
            Self::Json => "application/x-ndjson",
        }
    }
}

/// What is wrong with such a request.
#[derive(Debug)]
pub(crate) enum Fault {
    Room(NameFault),
    Nick(NameFault),
    /// Somebody who is connected has it.
    NickTaken(Nick<'static>),
    NotUtf8,
    Text(TextFault),
    /// The `Idempotency-Key` is no good id.
    Key,
    Epoch,
    LastAndAfter,
    /// This parameter is no number, or one above this.
    Number(&'static str, u64),
    /// The store refused it.
    Refused(Refusal),
}

impl Fault {
    const fn status(&self) -> u16 {
        match self {
            Self::Key | Self::Epoch | Self::LastAndAfter | Self::Number(..) => 400,
            Self::NickTaken(_) | Self::Refused(Refusal::IdConflict) => 409,
            Self::Room(_) | Self::Nick(_) | Self::NotUtf8 | Self::Text(_) => 422,
            Self::Refused(Refusal::StorageFull) => 507,
        }
    }

    const fn code(&self) -> ErrorCode {
        match self {
            Self::Key | Self::Epoch | Self::LastAndAfter | Self::Number(..) => ErrorCode::BadRequest,
            Self::Room(_) => ErrorCode::BadRoom,
            Self::Nick(_) => ErrorCode::BadNick,
            Self::NickTaken(_) => ErrorCode::NickTaken,
            Self::NotUtf8 | Self::Text(_) => ErrorCode::BadText,
            Self::Refused(Refusal::IdConflict) => ErrorCode::IdConflict,
            Self::Refused(Refusal::StorageFull) => ErrorCode::StorageFull,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Room(fault) => write!(f, "the room's name in the path: {fault}"),
            Self::Nick(fault) => write!(f, "?nick=: {fault}"),
            Self::NickTaken(nick) => {
                write!(
                    f,
                    "somebody who is connected has the nick {nick}; post under another, with ?nick=NAME"
                )
            }
            Self::NotUtf8 => f.write_str("a text has to be UTF-8"),
            Self::Text(fault) => fault.fmt(f),
            Self::Key => write!(
                f,
                "Idempotency-Key has to be 1 to {MAX_REQUEST_ID} visible ASCII characters, such as a UUID"
            ),
            Self::Epoch => f.write_str("?epoch= has to be what an earlier answer said in Snug-Epoch"),
            Self::LastAndAfter => f.write_str("ask with ?last= or with ?after=, not both"),
            Self::Number(name, most) => write!(f, "?{name}= has to be a number from 0 to {most}"),
            Self::Refused(Refusal::IdConflict) => {
                f.write_str("that Idempotency-Key was used before for another text; post it with a new one")
            }
            Self::Refused(Refusal::StorageFull) => {
                f.write_str("not stored: the server's storage is full; reading goes on, try again later")
            }
        }
    }
}

fn tell_fault(conn: ConnId, form: Form, fault: &Fault, outbox: &mut Outbox) {
    log::debug!("conn {}: refused with {}: {}", conn.slot, fault.status(), fault.code());
    outbox.metrics.refused(fault.status());
    let failure = Failure { code: fault.code(), text: fault.to_string().into(), id: None };
    let mut body = String::new();
    form.line(&Event::Error(failure), &mut body);
    respond(conn, fault.status(), form.of_one(), &[], body.as_bytes(), outbox);
}

fn respond(
    conn: ConnId,
    status: u16,
    content_type: &str,
    headers: &[(&str, &str)],
    body: &[u8],
    outbox: &mut Outbox,
) {
    respond_to_head(conn, status, content_type, headers, body.len(), outbox);
    outbox.send(conn.slot, |log| log.extend_from_slice(body));
}

fn respond_to_head(
    conn: ConnId,
    status: u16,
    content_type: &str,
    headers: &[(&str, &str)],
    length: usize,
    outbox: &mut Outbox,
) {
    let headers = [&[("Cache-Control", "no-store")], headers].concat();
    outbox.send(conn.slot, |log| http::respond_to_head(status, content_type, &headers, length, log));
}
