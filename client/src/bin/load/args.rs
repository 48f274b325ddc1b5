//! From the command line to what is measured. Parses, does not connect. One table describes every option.

use std::ffi::OsString;
use std::fmt::Write as _;

use client::args::wrap;
use client::link::address::{Address, Place};

use crate::dialect::Dialect;
use crate::mark;

/// What is measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Mode {
    /// People talk.
    #[default]
    Talk,
    /// People are there and do nothing; then each talks once.
    Idle,
    /// People come and go, as fast as they are let in.
    Connect,
    /// All come into one room, and leave.
    Storm,
}

impl Mode {
    pub(crate) const ALL: [(Self, &str); 4] =
        [(Self::Talk, "talk"), (Self::Idle, "idle"), (Self::Connect, "connect"), (Self::Storm, "storm")];

    /// As it is named on the command line.
    pub(crate) fn name(self) -> &'static str {
        Self::ALL.iter().find(|(mode, _)| *mode == self).map_or("", |(_, name)| name)
    }
}

/// How lines follow each other.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Pace {
    /// Closed loop: each sender has so many lines on the way, and says the next when one has come to everybody.
    Window(u32),
    /// Open loop: so many a second, of all senders together, whatever becomes of them.
    Rate(f64),
}

/// What was asked for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Plan {
    pub(crate) mode: Mode,
    pub(crate) host: String,
    pub(crate) port: u16,
    /// For the `Host` header.
    pub(crate) host_header: String,
    pub(crate) path: String,
    pub(crate) people: usize,
    pub(crate) rooms: usize,
    /// Senders in each room.
    pub(crate) publishers: usize,
    pub(crate) pace: Pace,
    pub(crate) size: usize,
    pub(crate) seconds: f64,
    pub(crate) warmup: f64,
    pub(crate) dialect: Dialect,
    pub(crate) pid: Option<u32>,
    pub(crate) json: bool,
    /// From so many addresses; `None`: as it fits.
    pub(crate) sources: Option<usize>,
    pub(crate) spin: bool,
}

/// What the command line comes to.
#[derive(Debug, PartialEq)]
pub(crate) enum Wish {
    /// Measure this.
    Run(Box<Plan>),
    /// Print this and end well.
    Tell(String),
}

/// What was given, before it is judged as a whole.
#[derive(Default)]
struct Given {
    mode: Option<Mode>,
    server: Option<Address>,
    url: Option<Address>,
    people: Option<usize>,
    rooms: Option<usize>,
    publishers: Option<usize>,
    window: Option<u32>,
    rate: Option<f64>,
    size: Option<usize>,
    seconds: Option<f64>,
    warmup: Option<f64>,
    dialect: Dialect,
    pid: Option<u32>,
    json: bool,
    sources: Option<usize>,
    spin: bool,
}

struct Flag {
    name: &'static str,
    /// Its value, for the help; empty if it takes none.
    value: &'static str,
    help: &'static str,
    set: fn(&mut Given, &str) -> Result<(), String>,
}

const FLAGS: &[Flag] = &[
    Flag {
        name: "server",
        value: "HOST[:PORT]",
        help: "the server [default: 127.0.0.1:7684]",
        set: |given, value| {
            given.server = Some(Address::parse(value).map_err(|fault| fault.to_string())?);
            Ok(())
        },
    },
    Flag {
        name: "url",
        value: "ws://HOST:PORT/PATH",
        help: "the same with a path, for any server that passes a text frame on to the others in a room; {room} in it \
               becomes the room's name, {person} a number [default: ws://127.0.0.1:7684/ws/{room}]",
        set: |given, value| {
            given.url = Some(Address::parse(value).map_err(|fault| fault.to_string())?);
            Ok(())
        },
    },
    Flag {
        name: "people",
        value: "N",
        help: "so many connections; with `connect`, so many at a time [default: 100]",
        set: |given, value| number(value, 1, 1 << 20).map(|number| given.people = Some(number)),
    },
    Flag {
        name: "rooms",
        value: "R",
        help: "so many rooms, with people in equal parts [default: 1; with `idle` one for ten people]",
        set: |given, value| number(value, 1, 1 << 20).map(|number| given.rooms = Some(number)),
    },
    Flag {
        name: "publishers",
        value: "P",
        help: "so many in each room talk, the others listen [default: 1]",
        set: |given, value| number(value, 1, 1 << 20).map(|number| given.publishers = Some(number)),
    },
    Flag {
        name: "window",
        value: "W",
        help: "closed loop: who talks has so many lines on the way, and says the next when one of them has come to \
               everybody in the room (with snug.v1: and was ticked) [default: 1]",
        set: |given, value| number(value, 1, 1 << 20).map(|number| given.window = Some(number as u32)),
    },
    Flag {
        name: "rate",
        value: "N",
        help: "open loop: so many lines a second of all together, whatever becomes of them",
        set: |given, value| decimal(value, 0.001, 1e7).map(|number| given.rate = Some(number)),
    },
    Flag {
        name: "size",
        value: "BYTES",
        help: "how long a line is, 32 at least [default: 64]",
        set: |given, value| number(value, mark::LENGTH, 1 << 20).map(|number| given.size = Some(number)),
    },
    Flag {
        name: "seconds",
        value: "S",
        help: "how long it is measured; with `idle`, how long nothing happens [default: 5]",
        set: |given, value| decimal(value, 0.0, 1e5).map(|number| given.seconds = Some(number)),
    },
    Flag {
        name: "warmup",
        value: "S",
        help: "how long it runs before that [default: 1]",
        set: |given, value| decimal(value, 0.0, 1e5).map(|number| given.warmup = Some(number)),
    },
    Flag {
        name: "dialect",
        value: "plain|snug.v1",
        help: "how lines are said [default: plain]",
        set: |given, value| {
            let dialects = [Dialect::Plain, Dialect::SnugV1];
            let found = dialects.into_iter().find(|dialect| dialect.name() == value);
            given.dialect =
                found.ok_or_else(|| format!("there is no dialect \"{value}\"; give plain or snug.v1"))?;
            Ok(())
        },
    },
    Flag {
        name: "pid",
        value: "PID",
        help: "the server's process on this machine, whose memory and processor time are told too",
        set: |given, value| number(value, 1, u32::MAX as usize).map(|number| given.pid = Some(number as u32)),
    },
    Flag {
        name: "json",
        value: "",
        help: "print one JSON object instead of words",
        set: |given, _| {
            given.json = true;
            Ok(())
        },
    },
    Flag {
        name: "sources",
        value: "N",
        help: "let people come from so many addresses of this machine (127.1.0.0 and on), if the server is on it \
               [default: 1, and one more for each 25,000 people; with `connect` 4]",
        set: |given, value| number(value, 1, 60_000).map(|number| given.sources = Some(number)),
    },
    Flag {
        name: "spin",
        value: "",
        help: "never sleep while waiting: a whole processor for load, so that its own waking up is in no figure. To \
               compare servers on a machine with several processors",
        set: |given, _| {
            given.spin = true;
            Ok(())
        },
    },
];

/// Reads the command line without the program's name.
///
/// # Errors
/// A sentence that says what is wrong and what to do.
pub(crate) fn parse(arguments: impl IntoIterator<Item = OsString>, program: &str) -> Result<Wish, String> {
    let hint = |fault: String| format!("{fault}; see {program} --help");
    let mut given = Given::default();
    let mut parser = lexopt::Parser::from_args(arguments);
    while let Some(argument) = parser.next().map_err(|error| hint(error.to_string()))? {
        let name = match argument {
            lexopt::Arg::Short('h') | lexopt::Arg::Long("help") => return Ok(Wish::Tell(help(program))),
            lexopt::Arg::Short('V') | lexopt::Arg::Long("version") => {
                return Ok(Wish::Tell(format!("snug load {}\n", env!("CARGO_PKG_VERSION"))));
            }
            lexopt::Arg::Value(value) => {
                let name = value.to_string_lossy().into_owned();
                let mode = Mode::ALL.iter().find(|(_, known)| *known == name).map(|(mode, _)| *mode);
                let mode = mode.ok_or_else(|| {
                    hint(format!(
                        "there is nothing called \"{name}\" to measure; give talk, idle, connect or storm"
                    ))
                })?;
                if given.mode.replace(mode).is_some() {
                    return Err(hint("one thing is measured at a time".into()));
                }
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
            _ => parser.value().map_err(|error| hint(error.to_string()))?.to_string_lossy().into_owned(),
        };
        (flag.set)(&mut given, &value).map_err(|fault| hint(format!("--{name}: {fault}")))?;
    }
    judge(given).map(|plan| Wish::Run(Box::new(plan))).map_err(hint)
}

/// Whether all of it can be done together.
fn judge(given: Given) -> Result<Plan, String> {
    let mode = given.mode.unwrap_or_default();
    let people = given.people.unwrap_or(100);
    let usual_rooms = if mode == Mode::Idle { (people / 10).max(1) } else { 1 };
    let rooms = given.rooms.unwrap_or(usual_rooms);
    let address = match (given.server, given.url) {
        (Some(_), Some(_)) => {
            return Err("--server and --url name the same thing, so one of them will do".into());
        }
        (None, Some(url)) => url,
        (Some(server), None) => Address { path: "/ws/{room}".into(), ..server },
        (None, None) => Address {
            place: Place::Tcp { host: "127.0.0.1".into(), port: client::link::address::PORT },
            path: "/ws/{room}".into(),
        },
    };
    let host_header = address.host_header().unwrap_or_else(|| "board".into());
    let Place::Tcp { host, port } = address.place else {
        return Err("load comes over TCP only; give HOST:PORT".into());
    };
    let pace = match (given.window, given.rate) {
        (Some(_), Some(_)) => {
            return Err("--window is a closed loop and --rate an open one; give one of them".into());
        }
        (window, None) => Pace::Window(window.unwrap_or(1)),
        (None, Some(rate)) => Pace::Rate(rate),
    };
    if matches!(mode, Mode::Talk | Mode::Idle) && people < 2 * rooms {
        return Err(format!(
            "somebody has to listen: {rooms} rooms need {} --people or more, or take fewer --rooms",
            2 * rooms
        ));
    }
    if mode == Mode::Storm && rooms != 1 {
        return Err("a storm is one on one room, so --rooms has no place beside it".into());
    }
    if rooms > people {
        return Err(format!("{people} people cannot be in {rooms} rooms; take fewer --rooms"));
    }
    let per_room = people / rooms;
    let publishers = if mode == Mode::Idle { per_room } else { given.publishers.unwrap_or(1) };
    if publishers > per_room {
        return Err(format!(
            "of {per_room} people in a room {publishers} cannot talk; take fewer --publishers"
        ));
    }
    // Four bytes for each receiver and sender: half a gigabyte.
    if mode != Mode::Connect && people.saturating_mul(publishers) > 1 << 27
        || publishers * rooms >= mark::MAX_SENDERS
    {
        return Err(
            "so many who hear so many are not counted here; take more --rooms or fewer --publishers".into()
        );
    }
    if rooms > 1 && given.dialect == Dialect::Plain && !address.path.contains("{room}") {
        return Err("several rooms need {room} in the path of --url".into());
    }
    Ok(Plan {
        mode,
        host,
        port,
        host_header,
        path: address.path,
        people,
        rooms,
        publishers,
        pace,
        size: given.size.unwrap_or(64),
        seconds: given.seconds.unwrap_or(5.0),
        warmup: given.warmup.unwrap_or(1.0),
        dialect: given.dialect,
        pid: given.pid,
        json: given.json,
        sources: given.sources,
        spin: given.spin,
    })
}

fn number(value: &str, least: usize, most: usize) -> Result<usize, String> {
    let digits: String = value.chars().filter(|letter| !matches!(letter, ',' | '_')).collect();
    let number: usize = digits.parse().map_err(|_| format!("\"{value}\" is not a whole number"))?;
    match number {
        number if (least..=most).contains(&number) => Ok(number),
        number => Err(format!("{number} is not between {least} and {most}")),
    }
}

fn decimal(value: &str, least: f64, most: f64) -> Result<f64, String> {
    let number: f64 = value.parse().map_err(|_| format!("\"{value}\" is not a number"))?;
    match number {
        number if (least..=most).contains(&number) => Ok(number),
        number => Err(format!("{number} is not between {least} and {most}")),
    }
}

fn help(program: &str) -> String {
    let mut text = format!(
        "How many people can a chat server hold?\n\n\
         Usage: {program} [talk|idle|connect|storm] [OPTIONS]\n\n\
         \x20 talk     people talk in rooms, and it is counted who hears what, and when (the default)\n\
         \x20 idle     people are there and do nothing, then each talks once: memory for each of them\n\
         \x20 connect  people come and go as fast as they are let in: handshakes a second\n\
         \x20 storm    all come into one room, and leave: how much each has to be told\n\n\
         What is said is stored as any talk is, in rooms called load-0, load-1 and so on. So take a server of its own:\n\
         \x20 server --memory --max-rate 0 --max-connections 0 --max-connections-per-address 0\n\n\
         Options:\n"
    );
    for flag in FLAGS {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "  {}", format!("--{} {}", flag.name, flag.value).trim_end());
        for line in wrap(flag.help, 70) {
            let _ = writeln!(text, "        {line}");
        }
    }
    let _ = write!(
        text,
        "  -h, --help\n  -V, --version\n\n\
         Examples:\n\
         \x20 {program} --people 500 --rooms 10 --rate 20\n\
         \x20 {program} --people 500 --publishers 8 --window 4 --pid $(pidof server)\n\
         \x20 {program} idle --people 1000 --pid $(pidof server)\n\n\
         Exit codes: 0 measured (whatever it was), 1 could not measure, 2 wrong usage.\n"
    );
    text
}
