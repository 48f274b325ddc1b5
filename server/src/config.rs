//! From the command line and the environment to what the server is built from. Parses, does not build.
//!
//! One table describes every option, in `config/flags.rs`; help and parser both read it.

mod flags;

use std::ffi::OsString;
use std::fmt::Write as _;
use std::net::SocketAddr;

use log::LevelFilter;
use protocol::http::Proxies;
use protocol::limits::{MAX_FRAGMENTS, MAX_HEAD, MAX_MESSAGE, MAX_PEOPLE_LISTED};

use self::flags::{FLAGS, Flag};
use crate::conn::MAX_UNSENT;
use crate::listeners::Place;

/// The port: S-N-U-G on a phone's keys.
pub const PORT: u16 = 7684;

/// What was asked for on the command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Where to listen.
    pub listen: Vec<Place>,
    /// The numbers that can be changed; 0 lifts a limit.
    pub limits: Limits,
    /// Who is believed when it says for whom it asks.
    pub proxies: Proxies,
    /// Origins beside its own that pages may connect from.
    pub allow_origin: Vec<String>,
    /// What is logged.
    pub log: LevelFilter,
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
    for flag in FLAGS.iter().filter(|flag| !given.contains(&flag.name)) {
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
    Ok(Wish::Run(config))
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
mod tests {
    use super::*;

    fn run(line: &str, environment: &[(&str, &str)]) -> Result<Wish, String> {
        let environment = |name: &str| {
            environment.iter().find(|(other, _)| *other == name).map(|(_, value)| (*value).to_owned())
        };
        parse(line.split_whitespace().map(OsString::from), environment, "server")
    }

    fn config(line: &str, environment: &[(&str, &str)]) -> Config {
        match run(line, environment) {
            Ok(Wish::Run(config)) => config,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn without_flags_only_this_machine_can_reach_it() {
        assert_eq!(config("", &[]), Config::default());
        assert!(
            Config::default()
                .listen
                .iter()
                .all(|place| matches!(place, Place::Tcp(at) if at.ip().is_loopback()))
        );
    }

    #[test]
    fn flags_and_environment() {
        let both = config(
            "--listen 127.0.0.1:1 --listen=[::1]:2 --listen unix:/run/snug.sock --memory --max-rate 0",
            &[("SNUG_MAX_RATE", "7"), ("SNUG_LOG", "trace"), ("SNUG_ALLOW_ORIGIN", "http://a http://b")],
        );
        let places: Vec<String> = both.listen.iter().map(ToString::to_string).collect();
        assert_eq!(places, ["127.0.0.1:1", "[::1]:2", "unix:/run/snug.sock"]);
        assert_eq!(both.limits.rate, 0, "the command line wins");
        assert_eq!(both.log, LevelFilter::Trace);
        assert_eq!(both.allow_origin, ["http://a", "http://b"]);
        let proxies = config("--trust-proxy 10.0.0.0/8 --trust-proxy unix", &[]).proxies;
        assert_eq!(proxies, config("", &[("SNUG_TRUST_PROXY", "10.0.0.0/8 unix")]).proxies);
        assert_eq!(proxies.0.len(), 2);
    }

    #[test]
    fn what_is_wrong_is_said() {
        let said = |line: &str| run(line, &[]).expect_err("it is wrong");
        assert_eq!(said("--lsten x"), "there is no option --lsten; see server --help");
        assert_eq!(
            said("--listen board"),
            "--listen: 'board' is not ADDR:PORT, such as 0.0.0.0:7684, nor unix:PATH; see server --help"
        );
        assert_eq!(
            said("--max-rate lots"),
            "--max-rate: 'lots' is not a whole number from 0 to 4294967295; see server --help"
        );
        assert_eq!(
            said("--log loud"),
            "--log: 'loud' is none of off, error, warn, info, debug, trace; see server --help"
        );
        assert_eq!(
            said("--trust-proxy 10.0.0.0/33"),
            "--trust-proxy: '10.0.0.0/33': that is no ADDRESS[/BITS], such as 10.0.0.2, 10.0.0.0/8 or fd00::/8, nor unix; \
             see server --help"
        );
        assert_eq!(said("lobby"), "unexpected argument \"lobby\"; see server --help");
        assert_eq!(
            run("", &[("SNUG_MAX_RATE", "x")]).expect_err("it is wrong"),
            "SNUG_MAX_RATE: 'x' is not a whole number from 0 to 4294967295; see server --help"
        );
    }

    #[test]
    fn help_names_every_flag() {
        let Ok(Wish::Tell(help)) = run("--help", &[]) else { panic!("no help") };
        for flag in FLAGS {
            assert!(help.contains(&format!("--{}", flag.name)), "{}", flag.name);
        }
        assert!(help.lines().all(|line| line.len() <= 120));
    }

    #[test]
    fn the_defaults_are_those_that_help_names() {
        for flag in FLAGS {
            let is_number = ["N", "BYTES", "SECONDS", "MIB"].contains(&flag.value);
            assert!(!is_number || flag.help.contains("; 0 lifts the limit]") || flag.help.contains("; 0: "));
            let Some((_, default)) = flag.help.split_once("[default: ") else { continue };
            let end = default.find([';', ',', ']']).expect("the bracket is closed");
            let line = format!("--{} {}", flag.name, &default[..end]);
            assert_eq!(config(&line, &[]), Config::default(), "{line}");
        }
    }
}
