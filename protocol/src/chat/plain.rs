//! The plain dialect: lines of text, for shell scripts, browser consoles and microcontrollers. Owns how a line begins
//! and what nobody may forge; must not know who is connected.
//!
//! The first characters decide:
//!
//! ```text
//! <alice> hello          a person says something
//! <alice> /me waves      a person does something
//! * bob entered          a notice of the server
//! ! bad_text sentence    an error: the thing asked for was not done
//! + 17                   a tick: stored under this number
//! ```
//!
//! What people write comes out behind `<nick> ` only, in every line of it, so that nobody can make up a line that
//! begins otherwise. Within it, a line that begins with a slash gets one slash more, just as it is typed: so talk can
//! never look like an action.

use alloc::borrow::Cow;
use alloc::string::{String, ToString};
use core::fmt::Display;

use super::event::{Entry, ErrorCode, Event, Failure, Joined, Kind, Presence, Renamed, RoomInfo};
use super::name::{Text, TextFault, is_control, is_line_break, is_printable_ascii};
use super::people::People;
use super::request::{Request, Since};
use super::slash::{self, Typed};

/// Reads one text frame. Line breaks at its end do not count; within it `\r\n` and `\n` are the same.
///
/// # Errors
/// An `error` event, ready to be written: an unknown command, a bad name or text, or nothing at all.
pub fn read(message: &str) -> Result<Request<'_>, Failure<'static>> {
    let line = message.trim_end_matches(['\r', '\n']);
    match slash::parse_plain(line) {
        Ok(Typed::Text(text)) => {
            let text = said(text).map_err(|fault| failure(ErrorCode::BadText, fault))?;
            Ok(Request::Say { room: None, text, action: false })
        }
        Ok(Typed::Request(Request::Join { room, .. })) => Ok(Request::Join { room, since: Since::Last(0) }),
        Ok(Typed::Request(request)) => Ok(request),
        Err(fault) => Err(failure(fault.code(), fault)),
    }
}

/// Reads what is said where there are no commands: a text, whatever it begins with. Line breaks as in [`read`].
///
/// # Errors
/// The first rule that the text breaks.
pub fn said(text: &str) -> Result<Text<'_>, TextFault> {
    Text::new(slash::unix_lines(text.trim_end_matches(['\r', '\n'])))
}

/// Appends what this dialect says of an event: one frame, without a line break at its end. `false` if it says nothing
/// of it, and nothing was appended. A tick is always written; whether it is sent is for `?ack=1` to decide.
pub fn write(event: &Event<'_>, out: &mut String) -> bool {
    let mut lines = Lines { out, is_first: true };
    match event {
        Event::Welcome(welcome) => lines.notice(&["you are ", &welcome.nick]),
        Event::Joined(joined) => lines.joined(joined),
        Event::Reset(_) => lines.notice(&["what was said meanwhile cannot be told; here is the latest"]),
        Event::Message(message) => lines.entry(&message.entry),
        Event::Stored(stored) => lines.add(&["+ ", &stored.seq.to_string()]),
        Event::Left { room, .. } => lines.notice(&["you left ", room]),
        Event::Renamed(renamed) => lines.renamed(renamed),
        Event::Who { room, people, count, .. } => lines.who(room, people.as_deref(), *count),
        Event::Rooms { rooms, .. } => lines.rooms(rooms),
        Event::Presence(presence) => lines.presence(presence),
        Event::Error(failure) => lines.add(&["! ", failure.code.as_str(), " ", &failure.text]),
        Event::Topic { room, text } if text.is_empty() => lines.notice(&[room, " has no topic"]),
        Event::Topic { room, text } => lines.notice(&["topic of ", room, ": ", text]),
        Event::Help => slash::help(true).for_each(|command| lines.notice(&[&command.to_string()])),
        Event::Typing { .. } | Event::History { .. } | Event::Unknown => {}
    }
    !lines.is_first
}

fn failure(code: ErrorCode, fault: impl Display) -> Failure<'static> {
    Failure { code, text: Cow::Owned(fault.to_string()), id: None }
}

/// The lines of one frame.
struct Lines<'o> {
    out: &'o mut String,
    is_first: bool,
}

impl Lines<'_> {
    /// Something said or done, or a new topic.
    fn entry(&mut self, entry: &Entry<'_>) {
        match entry.kind {
            Kind::Talk => self.speech(&entry.nick, "", &entry.text),
            Kind::Me => self.speech(&entry.nick, "/me ", &entry.text),
            Kind::Topic if entry.text.is_empty() => self.notice(&[&entry.nick, " took the topic away"]),
            Kind::Topic => self.notice(&["topic by ", &entry.nick, ": ", &entry.text]),
            Kind::Unknown => {}
        }
    }

    fn speech(&mut self, nick: &str, verb: &str, text: &str) {
        // Nearly all that is said is one plain line. To look for breaks in it, character by character, took a tenth of
        // all that a message takes.
        if is_printable_ascii(text) {
            self.speaker(nick, verb, text);
            return self.out.push_str(text);
        }
        let mut verb = verb;
        for line in text.split(is_line_break) {
            self.speaker(nick, verb, line);
            self.visible(line);
            verb = "";
        }
    }

    /// Begins a line of speech.
    fn speaker(&mut self, nick: &str, verb: &str, line: &str) {
        let escape = if verb.is_empty() && line.starts_with('/') { "/" } else { "" };
        self.add(&["<"]);
        self.visible(nick);
        ["> ", verb, escape].iter().for_each(|part| self.out.push_str(part));
    }

    fn joined(&mut self, joined: &Joined<'_>) {
        let count = joined.count.to_string();
        match &joined.people {
            _ if joined.count <= 1 => self.notice(&["you are in ", &joined.room, "; nobody else is here"]),
            Some(people) => {
                self.notice(&[
                    "you are in ",
                    &joined.room,
                    "; ",
                    &count,
                    " people are here: ",
                    &names(people),
                ]);
            }
            None => self.notice(&["you are in ", &joined.room, "; ", &count, " people are here"]),
        }
        if let Some(topic) = &joined.topic {
            self.notice(&["topic of ", &joined.room, ": ", topic]);
        }
    }

    fn who(&mut self, room: &str, people: Option<&People>, count: u32) {
        let many = people_are(count);
        match people {
            _ if count == 0 => self.notice(&["nobody is in ", room]),
            Some(people) => self.notice(&[&many, " in ", room, ": ", &names(people)]),
            None => self.notice(&[&many, " in ", room]),
        }
    }

    fn rooms(&mut self, rooms: &[RoomInfo<'_>]) {
        if rooms.is_empty() {
            self.notice(&["no room has anybody in it"]);
        }
        for info in rooms {
            let many = people_are(info.count);
            match &info.topic {
                Some(topic) => self.notice(&[&many, " in ", &info.room, "; topic: ", topic]),
                None => self.notice(&[&many, " in ", &info.room]),
            }
        }
    }

    /// Without a room it is the answer to `/nick`, with one it is news of somebody else.
    fn renamed(&mut self, renamed: &Renamed<'_>) {
        match renamed.room {
            None => self.notice(&["you are now ", &renamed.nick]),
            Some(_) => self.notice(&[&renamed.was, " is now ", &renamed.nick]),
        }
    }

    /// In a room that is too large to list nothing is said: a count that changes four times a second is noise.
    fn presence(&mut self, presence: &Presence<'_>) {
        if !presence.entered.is_empty() {
            self.notice(&[&names(&presence.entered), " entered"]);
        }
        if !presence.left.is_empty() {
            self.notice(&[&names(&presence.left), " left"]);
        }
    }

    fn notice(&mut self, parts: &[&str]) {
        self.add(&["* "]);
        parts.iter().for_each(|part| self.visible(part));
    }

    /// Begins a line.
    fn add(&mut self, parts: &[&str]) {
        if !self.is_first {
            self.out.push('\n');
        }
        self.is_first = false;
        parts.iter().for_each(|part| self.visible(part));
    }

    /// Whatever a name or text might hold, it stays in its line. Good names and texts hold no such thing; this is for
    /// those that came another way.
    fn visible(&mut self, text: &str) {
        if is_printable_ascii(text) {
            return self.out.push_str(text);
        }
        self.out.extend(text.chars().map(|c| match c {
            '\t' => c,
            _ if is_line_break(c) => ' ',
            _ if is_control(c) => '\u{FFFD}',
            _ => c,
        }));
    }
}

fn people_are(count: u32) -> String {
    match count {
        1 => "1 person is".into(),
        _ => count.to_string() + " people are",
    }
}

/// `alice`, `alice and bob`, `alice, bob and carol`.
fn names(people: &People) -> String {
    let mut list = String::with_capacity(people.len() * 16);
    for (i, nick) in people.nicks().enumerate() {
        match i {
            0 => {}
            _ if i + 1 == people.len() => list.push_str(" and "),
            _ => list.push_str(", "),
        }
        list.push_str(nick);
    }
    list
}
