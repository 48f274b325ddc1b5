//! From the command line and the environment to what the server is built from. Parses, does not build.
//!
//! One table describes every option, in `config/flags.rs`; help and parser both read it.

mod flags;

use std::ffi::OsString;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;

use log::LevelFilter;
use protocol::http::Proxies;
use protocol::limits::{MAX_FRAGMENTS, MAX_HEAD, MAX_MESSAGE, MAX_PEOPLE_LISTED};
use protocol::time::Span;

use self::flags::{FLAGS, Flag};
use crate::conn::MAX_UNSENT;
use crate::listeners::Place;
use crate::store::NO_DISK;

/// The port: S-N-U-G on a phone's keys.
pub const PORT: u16 = 7684;

/// What was asked for on the command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Where to listen.
    pub listen: Vec<Place>,
    /// Where messages are kept.
    pub keep: Keep,
    /// How often they are written to the disk at most, so that flash is spared; ticks wait for it.
    pub sync: Span,
    /// The numbers that can be changed; 0 lifts a limit.
    pub limits: Limits,
    /// Who is believed when it says for whom it asks.
    pub proxies: Proxies,
    /// Origins beside its own that pages may connect from.
    pub allow_origin: Vec<String>,
    /// What is logged.
    pub log: LevelFilter,
}

/// Where messages are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Keep {
    /// In memory, until the server stops.
    Memory,
    /// In this folder. What is above it has to be there: a mistyped path should not become a new home.
    Folder(PathBuf),
    /// In the folder where people's data is usually kept. It may be the first of its kind.
    Usual(PathBuf),
    /// Nothing was said about it, and nothing says where people's data is usually kept.
    Nowhere,
}

/// The numbers that can be changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Frames a second from one connection.
    pub rate: u32,
    /// How many frames more a join counts as.
    pub join_cost: u32,
    /// How many frames more a rename counts as.
    pub rename_cost: u32,
    /// Connections in all.
    pub connections: u32,
    /// Connections from one address.
    pub connections_per_address: u32,
    /// Connections of one person.
    pub connections_per_person: u32,
    /// Bytes of a request head.
    pub head: u32,
    /// Seconds from accept to the end of the head.
    pub handshake_time: u32,
    /// Bytes of one message.
    pub message: u32,
    /// Fragments of one message.
    pub fragments: u32,
    /// Seconds from the first byte of a message to its last.
    pub message_time: u32,
    /// Bytes that may wait for one connection.
    pub unsent: u32,
    /// Rooms of one connection.
    pub rooms: u32,
    /// Rooms with people in them.
    pub rooms_in_all: u32,
    /// People of a room that are listed.
    pub people_listed: u32,
    /// Mebibytes of everything that grows.
    pub memory: u32,
    /// Requests that wait for the store.
    pub mail: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            // Nobody types a hundred lines a second; a script that does is slowed down, not refused.
            rate: 100,
            // Both are told to a whole room. At this rate 33 joins at once, then 16 a second; 7 renames, then almost 4.
            join_cost: 5,
            rename_cost: 25,
            // 4,000 sockets are some 20 MB of the kernel's memory, which a Pi Zero has to spare.
            connections: 4000,
            // A household or a classroom behind one router, and still not a whole flood.
            connections_per_address: 100,
            // More programs and screens than anybody has.
            connections_per_person: 16,
            head: MAX_HEAD as u32,
            // A head is one packet. Five seconds are plenty on the worst radio link.
            handshake_time: 5,
            message: MAX_MESSAGE as u32,
            fragments: MAX_FRAGMENTS,
            // A page of text takes seconds on a 9600 baud radio.
            message_time: 30,
            unsent: MAX_UNSENT as u32,
            // More rooms than anybody follows.
            rooms: 32,
            // 2 MB of names and places, and names are made up faster than they are used up.
            rooms_in_all: 10_000,
            people_listed: MAX_PEOPLE_LISTED as u32,
            // An eighth of a Pi Zero.
            memory: 64,
            // What a busy room says while a memory card does its own housekeeping.
            mail: 1024,
        }
    }
}

/// What the command line comes to.
#[derive(Debug, PartialEq, Eq)]
pub enum Wish {
    /// Run with this.
    Run(Config),
    /// Print this and end well.
    Tell(String),
}

impl Default for Config {
    fn default() -> Self {
        Self {
            // Nobody else can reach it until somebody decides so.
            listen: vec![Place::Tcp(SocketAddr::from(([127, 0, 0, 1], PORT)))],
            keep: Keep::Nowhere,
            // One fsync for all that waits, as often as something waits.
            sync: Span(0),
            limits: Limits::default(),
            proxies: Proxies::default(),
            allow_origin: Vec::new(),
            log: LevelFilter::Info,
        }
    }
}

/// Reads the command line (without the program's name) and the environment.
///
/// # Errors
/// A sentence that says what is wrong and what to do.
pub fn parse(
    arguments: impl IntoIterator<Item = OsString>,
    environment: impl Fn(&str) -> Option<String>,
    program: &str,
) -> Result<Wish, String> {
    let mut config = Config { listen: Vec::new(), ..Config::default() };
    let mut given = Vec::new();
    let mut parser = lexopt::Parser::from_args(arguments);
    while let Some(argument) = parser.next().map_err(|error| hint(&error.to_string(), program))? {
        let name = match &argument {
            lexopt::Arg::Short('h') | lexopt::Arg::Long("help") => return Ok(Wish::Tell(help(program))),
            lexopt::Arg::Short('V') | lexopt::Arg::Long("version") => {
                return Ok(Wish::Tell(format!("snug server {}\n", env!("CARGO_PKG_VERSION"))));
            }
            lexopt::Arg::Long(name) => (*name).to_owned(),
            _ => return Err(hint(&argument.unexpected().to_string(), program)),
        };
        let Some(flag) = FLAGS.iter().find(|flag| flag.name == name) else {
            return Err(hint(&format!("there is no option --{name}"), program));
        };
        let value = match flag.value {
            "" => String::new(),
            _ => parser.value().map_err(|error| hint(&error.to_string(), program))?.into_string().map_err(
                |value| hint(&format!("--{name}: {} is not text", value.to_string_lossy()), program),
            )?,
        };
        (flag.set)(&mut config, &value).map_err(|fault| hint(&format!("--{name}: {fault}"), program))?;
        given.push(flag.name);
    }
    if KEEPING.iter().all(|name| given.contains(name)) {
        return Err(hint("--memory keeps nothing on a disk, so --data has no place beside it", program));
    }
    let is_given = |name: &str| {
        given.contains(&name) || KEEPING.contains(&name) && KEEPING.iter().any(|other| given.contains(other))
    };
    for flag in FLAGS.iter().filter(|flag| !is_given(flag.name)) {
        let variable = variable(flag);
        let Some(value) = environment(&variable) else { continue };
        let mut set = |value: &str| (flag.set)(&mut config, value);
        let outcome = match flag.adds {
            true => value.split_whitespace().try_for_each(&mut set),
            false => set(&value),
        };
        outcome.map_err(|fault| hint(&format!("{variable}: {fault}"), program))?;
    }
    if config.listen.is_empty() {
        config.listen = Config::default().listen;
    }
    if config.keep == Keep::Nowhere {
        let folder = usual_folder(environment).ok_or_else(|| {
            hint("nothing says where your data is kept, so name a folder with --data, or keep none with --memory", program)
        })?;
        config.keep = Keep::Usual(folder);
    }
    Ok(Wish::Run(config))
}

/// Options that say the same thing: what the command line says of one, the environment does not say of the other.
const KEEPING: [&str; 2] = ["data", "memory"];

/// systemd names the folder of a service (systemd.exec(5)); otherwise it is where a person's programs keep their data
/// (the XDG base directory specification).
fn usual_folder(environment: impl Fn(&str) -> Option<String>) -> Option<PathBuf> {
    let variable = |name| environment(name).filter(|value| value.starts_with('/')).map(PathBuf::from);
    if let Some(folders) = environment("STATE_DIRECTORY").filter(|folders| folders.starts_with('/')) {
        return folders.split(':').next().map(PathBuf::from);
    }
    let data = variable("XDG_DATA_HOME").or_else(|| Some(variable("HOME")?.join(".local/share")))?;
    Some(data.join("snug"))
}

fn hint(fault: &str, program: &str) -> String {
    format!("{fault}; see {program} --help")
}

fn variable(flag: &Flag) -> String {
    format!("SNUG_{}", flag.name.to_uppercase().replace('-', "_"))
}

fn help(program: &str) -> String {
    let mut text = format!(
        "The Snug chat server.\n\n\
         Usage: {program} [OPTIONS]\n\n\
         People join with `client ROOM` (see its --help), a browser, or any WebSocket tool.\n\n\
         Options:\n"
    );
    let mut row = |left: &str, right: &str| {
        let _ = writeln!(text, "  {left}");
        for line in wrap(right, 70) {
            let _ = writeln!(text, "        {line}");
        }
    };
    for flag in FLAGS {
        row(format!("--{} {}", flag.name, flag.value).trim_end(), flag.help);
    }
    row("-h, --help", "this text");
    row("-V, --version", "the version");
    if let Some(why) = NO_DISK {
        let _ = writeln!(text, "\n{}.", wrap(&format!("Note: {why}"), 110).join("\n"));
    }
    text.push_str(
        "\nEvery option can stand in the environment too: SNUG_LISTEN, SNUG_MAX_RATE, and so on; the command line wins.\n\
         Exit codes: 0 stopped when asked to, 1 could not go on, 2 wrong usage or cannot start.\n",
    );
    text
}

fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) if line.len() + 1 + word.len() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests;
