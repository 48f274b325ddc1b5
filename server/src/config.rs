//! From the command line and the environment to what the server is built from. Parses, does not build.
//!
//! One table describes every option; help and parser both read it. Longer than 400 lines because of that table.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::net::{SocketAddr, ToSocketAddrs};

use log::LevelFilter;
use protocol::limits::{MAX_FRAGMENTS, MAX_MESSAGE};

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
    /// Connections in all.
    pub connections: u32,
    /// Connections from one address.
    pub connections_per_address: u32,
    /// Bytes of one message.
    pub message: u32,
    /// Fragments of one message.
    pub fragments: u32,
    /// Bytes that may wait for one connection.
    pub unsent: u32,
    /// Rooms of one connection.
    pub rooms: u32,
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
            // 4,000 sockets are some 20 MB of the kernel's memory, which a Pi Zero has to spare.
            connections: 4000,
            // A household or a classroom behind one router, and still not a whole flood.
            connections_per_address: 100,
            message: MAX_MESSAGE as u32,
            fragments: MAX_FRAGMENTS,
            unsent: MAX_UNSENT as u32,
            // More rooms than anybody follows.
            rooms: 32,
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
            allow_origin: Vec::new(),
            log: LevelFilter::Info,
        }
    }
}

struct Flag {
    name: &'static str,
    /// Its value, for the help; empty if it takes none.
    value: &'static str,
    help: &'static str,
    /// Given once more, it adds instead of replacing.
    adds: bool,
    set: fn(&mut Config, &str) -> Result<(), String>,
}

const FLAGS: &[Flag] = &[
    Flag {
        name: "listen",
        value: "ADDR:PORT|unix:PATH",
        help: "where to listen; may be given several times [default: 127.0.0.1:7684, this machine only; \
               0.0.0.0:7684 is for everybody on the network]",
        adds: true,
        set: |config, value| {
            config.listen.extend(resolve(value)?);
            Ok(())
        },
    },
    Flag {
        name: "memory",
        value: "",
        help: "keep messages in memory only, as this version always does",
        adds: false,
        set: |_, _| Ok(()),
    },
    Flag {
        name: "max-rate",
        value: "N",
        help: "messages a second from one connection, pings and fragments too, with twice as many at once; who sends \
               faster is read more slowly [default: 100; 0 lifts the limit]",
        adds: false,
        set: |config, value| number(value, &mut config.limits.rate),
    },
    Flag {
        name: "max-connections",
        value: "N",
        help: "connections in all; more are answered 503 [default: 4000; 0 lifts the limit]",
        adds: false,
        set: |config, value| number(value, &mut config.limits.connections),
    },
    Flag {
        name: "max-connections-per-address",
        value: "N",
        help: "connections from one address; more are answered 503 [default: 100; 0 lifts the limit]",
        adds: false,
        set: |config, value| number(value, &mut config.limits.connections_per_address),
    },
    Flag {
        name: "max-message",
        value: "N",
        help: "bytes of one message; a longer one is hung up on [default: 16384; 0 lifts the limit]",
        adds: false,
        set: |config, value| number(value, &mut config.limits.message),
    },
    Flag {
        name: "max-fragments",
        value: "N",
        help: "frames that one message may come in; more are hung up on [default: 128; 0 lifts the limit]",
        adds: false,
        set: |config, value| number(value, &mut config.limits.fragments),
    },
    Flag {
        name: "max-unsent",
        value: "N",
        help: "bytes that may wait for one connection; from half of it on a reader gets less and catches up later, \
               beyond it is hung up on [default: 262144; 0 lifts the limit]",
        adds: false,
        set: |config, value| number(value, &mut config.limits.unsent),
    },
    Flag {
        name: "max-rooms",
        value: "N",
        help: "rooms that one connection may be in [default: 32; 0 lifts the limit]",
        adds: false,
        set: |config, value| number(value, &mut config.limits.rooms),
    },
    Flag {
        name: "max-memory",
        value: "N",
        help: "MiB that everything that grows may take together; above 80 % new connections are answered 503, above \
               90 % those who read least are cut off [default: 64; 0 lifts the limit]",
        adds: false,
        set: |config, value| number(value, &mut config.limits.memory),
    },
    Flag {
        name: "max-mail",
        value: "N",
        help: "messages, and KiB of them, that may wait for the store; beyond, who sends them is read more slowly \
               [default: 1024; 0 lifts the limit]",
        adds: false,
        set: |config, value| number(value, &mut config.limits.mail),
    },
    Flag {
        name: "allow-origin",
        value: "ORIGIN",
        help: "let pages from ORIGIN (such as https://chat.example) connect, beside the server's own; may be given \
               several times",
        adds: true,
        set: |config, value| {
            config.allow_origin.push(value.to_owned());
            Ok(())
        },
    },
    Flag {
        name: "log",
        value: "LEVEL",
        help: "what to log: off, error, warn, info, debug, or trace for every turn and frame (never what is said) \
               [default: info]",
        adds: false,
        set: |config, value| {
            config.log = value
                .parse()
                .map_err(|_| format!("'{value}' is none of off, error, warn, info, debug, trace"))?;
            Ok(())
        },
    },
];

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

fn resolve(value: &str) -> Result<Vec<Place>, String> {
    if let Some(path) = value.strip_prefix("unix:") {
        return Ok(vec![Place::Unix(path.into())]);
    }
    let advice = || format!("'{value}' is not ADDR:PORT, such as 0.0.0.0:{PORT}, nor unix:PATH");
    let places: Vec<Place> = value.to_socket_addrs().map_err(|_| advice())?.map(Place::Tcp).collect();
    if places.is_empty() { Err(advice()) } else { Ok(places) }
}

fn number(value: &str, field: &mut u32) -> Result<(), String> {
    *field = value.parse().map_err(|_| format!("'{value}' is not a whole number from 0 to {}", u32::MAX))?;
    Ok(())
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
}
