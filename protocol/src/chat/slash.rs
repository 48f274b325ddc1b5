//! The one table of slash commands, for the plain dialect and for the terminal client. Owns what people type; must not
//! know who carries it out.
//!
//! To add a command: one row here. Help, completion and parsing follow the table.

use alloc::borrow::Cow;
use core::fmt::{self, Write as _};

use super::event::ErrorCode;
use super::name::{NameFault, Nick, RoomName, Text, TextFault, is_control};
use super::request::{Request, Since};
use crate::limits::DEFAULT_LAST;

/// One row of the table.
#[derive(Debug)]
pub struct Command {
    /// What is typed after the slash.
    pub name: &'static str,
    /// What may follow: capitals stand for something, brackets say that it can be left out.
    pub arguments: &'static str,
    /// What it does, for people.
    pub help: &'static str,
    /// Whether a plain connection has it.
    pub plain: bool,
    /// Whether the terminal client has it.
    pub client: bool,
    build: Build,
}

type Build = for<'a> fn(&'static Command, &'a str) -> Result<Request<'a>, SlashFault<'a>>;

/// All commands, in the order of the help.
#[rustfmt::skip]
pub static COMMANDS: &[Command] = &[
    Command { name: "join",  arguments: "ROOM",   help: "go to a room",                           plain: true,  client: true, build: join },
    Command { name: "leave", arguments: "[ROOM]", help: "leave this room, or another",            plain: false, client: true, build: leave },
    Command { name: "who",   arguments: "[ROOM]", help: "list the people in this room, or another", plain: true, client: true, build: who },
    Command { name: "rooms", arguments: "",       help: "list the rooms that have people in them", plain: true,  client: true, build: rooms },
    Command { name: "nick",  arguments: "NAME",   help: "take another name",                      plain: true,  client: true, build: nick },
    Command { name: "me",    arguments: "TEXT",   help: "say what you do, as in /me waves",       plain: true,  client: true, build: me },
    Command { name: "topic", arguments: "[TEXT]", help: "tell the topic of this room, or set it", plain: true,  client: true, build: topic },
    Command { name: "help",  arguments: "",       help: "list these commands",                    plain: true,  client: true, build: help_request },
    Command { name: "quit",  arguments: "",       help: "leave for good",                         plain: true,  client: true, build: quit },
];

/// A line that somebody typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Typed<'a> {
    /// A command. Its room is `None` where the current one is meant.
    Request(Request<'a>),
    /// Something to be said, not yet judged: a line without a slash, or what follows the first slash of `//`.
    Text(&'a str),
}

/// Reads a line as the terminal client has it. `/help` and `/quit` come back as requests too; the client carries them
/// out itself.
///
/// # Errors
/// If it is no command, or one that lacks something. Such a line is never sent as a message.
pub fn parse(line: &str) -> Result<Typed<'_>, SlashFault<'_>> {
    parse_among(line, |command| command.client)
}

/// Reads a line as a plain connection has it.
pub(super) fn parse_plain(line: &str) -> Result<Typed<'_>, SlashFault<'_>> {
    parse_among(line, |command| command.plain)
}

/// The commands that a plain connection has, or those of the terminal client; each displays itself as a line of help.
pub fn help(for_plain: bool) -> impl Iterator<Item = &'static Command> {
    COMMANDS.iter().filter(move |command| if for_plain { command.plain } else { command.client })
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.usage(), self.help)
    }
}

impl Command {
    /// How it is typed, as in `/join ROOM`.
    #[must_use]
    pub fn usage(&self) -> impl fmt::Display + '_ {
        Usage(self)
    }
}

struct Usage<'a>(&'a Command);

impl fmt::Display for Usage<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.arguments {
            "" => write!(f, "/{}", self.0.name),
            arguments => write!(f, "/{} {arguments}", self.0.name),
        }
    }
}

/// Why a line with a slash is no command that could be carried out.
#[derive(Clone, Copy, Debug)]
pub enum SlashFault<'a> {
    /// No such command.
    Unknown {
        /// What followed the slash.
        name: &'a str,
    },
    /// The command needs something more.
    Missing {
        /// Which command.
        command: &'static Command,
    },
    /// What follows is no room name.
    Room(NameFault),
    /// What follows is no nick.
    Nick(NameFault),
    /// What follows is no text.
    Text(TextFault),
}

impl SlashFault<'_> {
    /// The same fault for programs.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Unknown { .. } => ErrorCode::UnknownRequest,
            Self::Missing { .. } => ErrorCode::BadRequest,
            Self::Room(_) => ErrorCode::BadRoom,
            Self::Nick(_) => ErrorCode::BadNick,
            Self::Text(_) => ErrorCode::BadText,
        }
    }
}

impl fmt::Display for SlashFault<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown { name } => {
                f.write_str("there is no /")?;
                name.chars().filter(|c| !is_control(*c)).take(32).try_for_each(|c| f.write_char(c))?;
                f.write_str(
                    "; /help lists what there is; // at the beginning says a line that begins with a slash",
                )
            }
            Self::Missing { command } => {
                write!(f, "/{} needs a ", command.name)?;
                command.arguments.chars().try_for_each(|c| f.write_char(c.to_ascii_lowercase()))?;
                write!(f, ": {}", command.usage())
            }
            Self::Room(fault) | Self::Nick(fault) => fault.fmt(f),
            Self::Text(fault) => fault.fmt(f),
        }
    }
}

fn parse_among(line: &str, is_there: fn(&Command) -> bool) -> Result<Typed<'_>, SlashFault<'_>> {
    let Some(rest) = line.strip_prefix('/') else { return Ok(Typed::Text(line)) };
    if rest.starts_with('/') {
        return Ok(Typed::Text(rest));
    }
    let (name, arguments) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    let found = COMMANDS.iter().find(|command| is_there(command) && command.name.eq_ignore_ascii_case(name));
    let Some(command) = found else { return Err(SlashFault::Unknown { name }) };
    (command.build)(command, arguments.trim()).map(Typed::Request)
}

/// The text with `\n` for every `\r\n`.
pub(super) fn unix_lines(text: &str) -> Cow<'_, str> {
    if text.contains("\r\n") { Cow::Owned(text.replace("\r\n", "\n")) } else { Cow::Borrowed(text) }
}

fn join<'a>(command: &'static Command, room: &'a str) -> Result<Request<'a>, SlashFault<'a>> {
    let room = optional_room(room)?.ok_or(SlashFault::Missing { command })?;
    Ok(Request::Join { room, since: Since::Last(DEFAULT_LAST) })
}

fn leave<'a>(_: &'static Command, room: &'a str) -> Result<Request<'a>, SlashFault<'a>> {
    Ok(Request::Leave { room: optional_room(room)? })
}

fn who<'a>(_: &'static Command, room: &'a str) -> Result<Request<'a>, SlashFault<'a>> {
    Ok(Request::Who { room: optional_room(room)? })
}

fn rooms<'a>(_: &'static Command, _: &'a str) -> Result<Request<'a>, SlashFault<'a>> {
    Ok(Request::Rooms)
}

fn nick<'a>(command: &'static Command, nick: &'a str) -> Result<Request<'a>, SlashFault<'a>> {
    if nick.is_empty() {
        return Err(SlashFault::Missing { command });
    }
    Ok(Request::Nick { nick: Nick::new(nick).map_err(SlashFault::Nick)? })
}

fn me<'a>(command: &'static Command, text: &'a str) -> Result<Request<'a>, SlashFault<'a>> {
    if text.is_empty() {
        return Err(SlashFault::Missing { command });
    }
    let text = Text::new(unix_lines(text)).map_err(SlashFault::Text)?;
    Ok(Request::Say { room: None, text, action: true })
}

fn topic<'a>(_: &'static Command, text: &'a str) -> Result<Request<'a>, SlashFault<'a>> {
    let text = match text {
        "" => None,
        text => Some(Text::topic(text).map_err(SlashFault::Text)?),
    };
    Ok(Request::Topic { room: None, text })
}

fn help_request<'a>(_: &'static Command, _: &'a str) -> Result<Request<'a>, SlashFault<'a>> {
    Ok(Request::Help)
}

fn quit<'a>(_: &'static Command, _: &'a str) -> Result<Request<'a>, SlashFault<'a>> {
    Ok(Request::Quit)
}

fn optional_room(room: &str) -> Result<Option<RoomName<'_>>, SlashFault<'_>> {
    match room {
        "" => Ok(None),
        room => RoomName::new(room).map(Some).map_err(SlashFault::Room),
    }
}
