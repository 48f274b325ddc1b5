//! From the command line and the environment to what the client is run with. Parses, does not connect.
//!
//! One table describes every option; help and parser both read it.

use std::ffi::OsString;
use std::fmt::Write as _;

use protocol::chat::name::{Nick, RoomName};
use protocol::time::Span;

use crate::link::address::{Address, PORT, Place};

/// The room of a person who names none. Lines of a program go nowhere without a name.
pub const ROOM: &str = "lobby";

/// What the client is run with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The rooms that were named.
    pub rooms: Vec<RoomName<'static>>,
    /// The server.
    pub server: Address,
    /// The nick that was asked for.
    pub nick: Option<Nick<'static>>,
    /// The line interface is wanted, also where another one would be the default.
    pub plain: bool,
    /// Events are printed as JSON.
    pub json: bool,
    /// What others say is printed until somebody stops it.
    pub follow: bool,
    /// After which entry of its room it begins.
    pub after: Option<u64>,
    /// How long connecting and confirming may take in pipe mode; `None` for any time.
    pub timeout: Option<Span>,
}

/// What the command line comes to.
#[derive(Debug, PartialEq, Eq)]
pub enum Wish {
    /// Run with this.
    Run(Box<Config>),
    /// Print this and end well.
    Tell(String),
}

impl Default for Config {
    fn default() -> Self {
        Self {
            rooms: Vec::new(),
            // Both addresses of this machine are tried.
            server: Address {
                place: Place::Tcp { host: "localhost".into(), port: PORT },
                path: "/ws".into(),
            },
            nick: None,
            plain: false,
            json: false,
            follow: false,
            after: None,
            timeout: Some(Span::secs(10)),
        }
    }
}

struct Flag {
    name: &'static str,
    /// Its value, for the help; empty if it takes none.
    value: &'static str,
    help: &'static str,
    /// A flag without a value is set with an empty one.
    set: fn(&mut Config, &str) -> Result<(), String>,
}

const FLAGS: &[Flag] = &[
    Flag {
        name: "server",
        value: "HOST[:PORT]|unix:PATH",
        help: "the server, or the socket where it listens on this machine; also ws://HOST[:PORT][/PATH], where the \
               port is 80 if it is not given [default: this machine, port 7684]",
        set: |config, value| {
            config.server = Address::parse(value).map_err(|fault| fault.to_string())?;
            Ok(())
        },
    },
    Flag {
        name: "nick",
        value: "NAME",
        help: "the name others see; if it is taken, the client ends with an error [default: your login name, with a \
               number behind it if it is taken; for root and pi a guest name]",
        set: |config, value| {
            let nick = Nick::new(value.to_owned()).map_err(|fault| fault.to_string())?;
            config.nick = Some(nick);
            Ok(())
        },
    },
    Flag {
        name: "plain",
        value: "",
        help: "the line interface, for serial consoles and screen readers; in this version the only one",
        set: |config, value| switch(value).map(|on| config.plain = on),
    },
    Flag {
        name: "follow",
        value: "",
        help: "print what others say, one line each as `<nick> text`, until stopped; the end of the input does not \
               end it, and a terminal is not read from",
        set: |config, value| switch(value).map(|on| config.follow = on),
    },
    Flag {
        name: "json",
        value: "",
        help: "print one JSON object per event, as the server sends them (but for the session key, which is secret)",
        set: |config, value| switch(value).map(|on| config.json = on),
    },
    Flag {
        name: "after",
        value: "NUMBER",
        help: "with --follow or --json: begin with what was said in the room after this number, as --json tells it; \
               0 begins with the oldest that is kept. It is a number of the server's present log: if that has none \
               such, a `reset` says so, and the latest 50 follow",
        set: |config, value| {
            let number: u64 =
                value.parse().map_err(|_| format!("\"{value}\" is not the number of an entry"))?;
            if number >= 1 << 53 {
                return Err(format!("{value} is more than any number of an entry"));
            }
            config.after = Some(number);
            Ok(())
        },
    },
    Flag {
        name: "timeout",
        value: "SECONDS",
        help: "how long to try, when lines are piped in: for a connection, and for each confirmation; 0 tries for \
               ever, and so does --follow once it has been in the room [default: 10]",
        set: |config, value| {
            let value = value.strip_suffix('s').unwrap_or(value);
            let seconds: f64 = value.parse().map_err(|_| not_seconds(value))?;
            if !(0.0..=1e9).contains(&seconds) {
                return Err(not_seconds(value));
            }
            // Rounded up, so that a short time is not none.
            let millis = (seconds * 1000.0).ceil() as u64;
            config.timeout = (millis > 0).then_some(Span(millis));
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
    let hint = |fault: String| format!("{fault}; see {program} --help");
    let mut config = Config::default();
    let mut given = Vec::new();
    let mut parser = lexopt::Parser::from_args(arguments);
    while let Some(argument) = parser.next().map_err(|error| hint(error.to_string()))? {
        let name = match argument {
            lexopt::Arg::Short('h') | lexopt::Arg::Long("help") => return Ok(Wish::Tell(help(program))),
            lexopt::Arg::Short('V') | lexopt::Arg::Long("version") => {
                return Ok(Wish::Tell(format!("snug client {}\n", env!("CARGO_PKG_VERSION"))));
            }
            lexopt::Arg::Value(value) => {
                let name = value.to_string_lossy().into_owned();
                let room = RoomName::new(name.clone())
                    .map_err(|fault| hint(format!("\"{name}\" is no room name: {fault}")))?;
                config.rooms.push(room);
                continue;
            }
            lexopt::Arg::Long(name) => name.to_owned(),
            lexopt::Arg::Short(_) => return Err(hint(argument.unexpected().to_string())),
        };
        let Some(flag) = FLAGS.iter().find(|flag| flag.name == name) else {
            return Err(hint(format!("there is no option --{name}")));
        };
        let value = match flag.value {
            "" => String::new(),
            _ => {
                let value = parser.value().map_err(|error| hint(error.to_string()))?;
                value.to_string_lossy().into_owned()
            }
        };
        (flag.set)(&mut config, &value).map_err(|fault| hint(format!("--{name}: {fault}")))?;
        given.push(flag.name);
    }
    for flag in FLAGS.iter().filter(|flag| !given.contains(&flag.name)) {
        let variable = format!("SNUG_{}", flag.name.to_uppercase());
        let Some(value) = environment(&variable).filter(|value| !value.is_empty()) else { continue };
        (flag.set)(&mut config, &value).map_err(|fault| hint(format!("{variable}: {fault}")))?;
    }
    if config.after.is_some() && !config.follow && !config.json {
        return Err(hint("--after goes with --follow or --json".into()));
    }
    Ok(Wish::Run(Box::new(config)))
}

/// A flag without a value: given, it is on; in the environment it may also say so.
fn switch(value: &str) -> Result<bool, String> {
    match value {
        "" | "1" | "true" | "yes" | "on" => Ok(true),
        "0" | "false" | "no" | "off" => Ok(false),
        _ => Err(format!("\"{value}\" is neither 1 nor 0")),
    }
}

fn not_seconds(value: &str) -> String {
    format!("\"{value}\" is not a number of seconds")
}

fn help(program: &str) -> String {
    let mut text = format!(
        "The Snug chat client.\n\n\
         Usage: {program} [ROOM...] [OPTIONS]\n\
         \x20      COMMAND | {program} ROOM\n\n\
         In a terminal it enters the rooms (default: {ROOM}) and lets you talk; /help there lists the commands.\n\
         With lines piped in, it says each of them in the one room given, prints nothing, and ends when the server\n\
         has confirmed all of them. Empty lines are skipped, and no line is a command.\n\
         What is not confirmed yet is kept in $XDG_STATE_HOME/snug, or ~/.local/state/snug: if the client is killed,\n\
         the next one with this server and nick (and this room, if piped) sends it first.\n\n\
         Options:\n"
    );
    let mut row = |left: &str, right: &str| {
        // Writing to a string cannot fail.
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
    let _ = write!(
        text,
        "\nExamples:\n\
         \x20 {program} lobby --server board --nick alice\n\
         \x20 echo \"disk full\" | {program} ops\n\
         \x20 {program} ops --follow | grep fire\n\
         \x20 {program} ops --follow --json --after 42\n\n\
         Every option can stand in the environment too: SNUG_SERVER, SNUG_NICK, and so on; the command line wins.\n\
         You talk if input and output are both a terminal and neither --follow nor --json is given; else lines are\n\
         read from the input and messages go to the output, whichever of them is a terminal.\n\
         Exit codes: 0 done, 1 could not (not confirmed, no connection), 2 wrong usage or cannot start.\n"
    );
    text
}

/// Breaks a sentence into lines of at most so many bytes, if its words are no longer.
#[must_use]
pub fn wrap(text: &str, width: usize) -> Vec<String> {
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
        let variable = |name: &str| {
            environment.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        };
        parse(line.split_whitespace().map(OsString::from), variable, "snug")
    }

    fn config(line: &str, environment: &[(&str, &str)]) -> Config {
        match run(line, environment) {
            Ok(Wish::Run(config)) => *config,
            other => panic!("{line}: {other:?}"),
        }
    }

    fn rooms(config: &Config) -> Vec<&str> {
        config.rooms.iter().map(RoomName::as_str).collect()
    }

    #[test]
    fn nothing_given() {
        let config = config("", &[]);
        assert_eq!(rooms(&config), [""; 0]);
        assert_eq!(config.server.to_string(), "localhost:7684");
        assert_eq!((config.nick, config.timeout), (None, Some(Span::secs(10))));
    }

    #[test]
    fn all_given() {
        let config = config(
            "Lobby --server board:99 ops --nick=alice --follow --json --plain --timeout 2.5 --after 42",
            &[],
        );
        assert_eq!(rooms(&config), ["lobby", "ops"]);
        assert_eq!(config.server.to_string(), "board:99");
        assert_eq!(config.nick.map(|nick| nick.to_string()), Some("alice".into()));
        assert_eq!((config.follow, config.json, config.plain), (true, true, true));
        assert_eq!((config.timeout, config.after), (Some(Span(2500)), Some(42)));
    }

    #[test]
    fn the_command_line_wins_over_the_environment() {
        let environment =
            [("SNUG_SERVER", "boat"), ("SNUG_NICK", "bob"), ("SNUG_TIMEOUT", "10s"), ("SNUG_JSON", "0")];
        let from_both = config("--nick alice", &environment);
        assert_eq!(from_both.server.to_string(), "boat:7684");
        assert_eq!(from_both.nick.map(|nick| nick.to_string()), Some("alice".into()));
        assert!(!from_both.json);
        assert!(config("", &[("SNUG_FOLLOW", "1")]).follow);
        assert_eq!(config("--timeout 0", &[]).timeout, None);
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (line, said) in [
            ("a b", None),
            (
                "@anna",
                Some(
                    "\"@anna\" is no room name: a name cannot begin with '@'; use a letter or a digit; see snug --help",
                ),
            ),
            (
                "--server wss://x",
                Some("--server: this version cannot do wss:// yet; use ws:// or HOST:PORT; see snug --help"),
            ),
            (
                "--server unix:",
                Some("--server: the path of a socket has 1 to 107 bytes; give unix:PATH; see snug --help"),
            ),
            ("--timeout soon", Some("--timeout: \"soon\" is not a number of seconds; see snug --help")),
            ("--timeout -1", Some("--timeout: \"-1\" is not a number of seconds; see snug --help")),
            ("--timeout nan", Some("--timeout: \"nan\" is not a number of seconds; see snug --help")),
            ("ops --after 42", Some("--after goes with --follow or --json; see snug --help")),
            (
                "ops --follow --after -1",
                Some("--after: \"-1\" is not the number of an entry; see snug --help"),
            ),
            (
                "ops --follow --after 9007199254740992",
                Some("--after: 9007199254740992 is more than any number of an entry; see snug --help"),
            ),
            ("--nosuch", Some("there is no option --nosuch; see snug --help")),
            ("-x", Some("invalid option '-x'; see snug --help")),
            ("--nick", Some("missing argument for option '--nick'; see snug --help")),
            ("--json=yes", Some("unexpected argument for option '--json': \"yes\"; see snug --help")),
        ] {
            assert_eq!(run(line, &[]).err().as_deref(), said, "{line}");
        }
        let said = run("", &[("SNUG_NICK", "a b")]).err();
        let rule = "a name cannot contain a space; use letters, digits and any of - _ .";
        assert_eq!(said, Some(format!("SNUG_NICK: {rule}; see snug --help")));
    }

    #[test]
    fn help_names_every_flag_and_the_program() {
        let Ok(Wish::Tell(help)) = run("--help", &[]) else { panic!("no help") };
        for flag in FLAGS {
            assert!(help.contains(&format!("--{}", flag.name)), "{help}");
        }
        assert!(help.contains("snug [ROOM...]"));
        assert!(help.lines().all(|line| line.len() <= 110), "{help}");
        assert!(matches!(run("-V", &[]), Ok(Wish::Tell(version)) if version.starts_with("snug client")));
    }
}
