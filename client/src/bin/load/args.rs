//! From the command line to what is measured. Parses, does not connect.
//!
//! One table describes every option, in `args/flags.rs`; help and parser both read it.

mod flags;

use std::ffi::OsString;
use std::fmt::Write as _;

use client::args::wrap;
use client::link::address::{Address, Place};

use self::flags::{FLAGS, Given};
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

#[cfg(test)]
mod tests {
    use super::*;

    fn run(line: &str) -> Result<Wish, String> {
        parse(line.split_whitespace().map(OsString::from), "load")
    }

    fn plan(line: &str) -> Plan {
        match run(line) {
            Ok(Wish::Run(plan)) => *plan,
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn nothing_given() {
        let plan = plan("");
        assert_eq!((plan.mode, plan.pace), (Mode::Talk, Pace::Window(1)));
        assert_eq!((plan.host.as_str(), plan.port, plan.path.as_str()), ("127.0.0.1", 7684, "/ws/{room}"));
        assert_eq!((plan.people, plan.rooms, plan.publishers, plan.size), (100, 1, 1, 64));
        assert_eq!((plan.seconds, plan.warmup, plan.dialect), (5.0, 1.0, Dialect::Plain));
        assert_eq!((plan.pid, plan.sources, plan.json, plan.spin), (None, None, false, false));
    }

    #[test]
    fn all_given() {
        let plan = plan(
            "talk --url ws://board:99/chat/{room} --people 1,000 --rooms 10 --publishers 8 --window 4 --size 100 \
             --seconds 2.5 --warmup 0 --dialect snug.v1 --pid 7 --json --sources 3 --spin",
        );
        assert_eq!((plan.host.as_str(), plan.port, plan.path.as_str()), ("board", 99, "/chat/{room}"));
        assert_eq!(plan.host_header, "board:99");
        assert_eq!((plan.people, plan.rooms, plan.publishers, plan.size), (1000, 10, 8, 100));
        assert_eq!((plan.pace, plan.seconds, plan.warmup), (Pace::Window(4), 2.5, 0.0));
        assert_eq!((plan.dialect, plan.pid, plan.sources), (Dialect::SnugV1, Some(7), Some(3)));
        assert!(plan.json && plan.spin);
        assert_eq!(tests::plan("--rate 0.5").pace, Pace::Rate(0.5));
    }

    #[test]
    fn each_mode_has_its_own_defaults() {
        let idle = plan("idle --people 1000");
        assert_eq!((idle.mode, idle.rooms, idle.publishers), (Mode::Idle, 100, 10));
        assert_eq!(plan("idle --people 2").rooms, 1);
        assert_eq!(plan("connect --people 1").mode, Mode::Connect);
        // Everybody comes, nobody talks: so it is not asked who hears whom.
        assert_eq!(plan("storm --people 5000").publishers, 1);
        assert_eq!(plan("--server board").path, "/ws/{room}");
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (line, said) in [
            ("walk", "there is nothing called \"walk\" to measure; give talk, idle, connect or storm"),
            ("talk idle", "one thing is measured at a time"),
            ("--nosuch", "there is no option --nosuch"),
            ("-x", "invalid option '-x'"),
            ("--people", "missing argument for option '--people'"),
            ("--people many", "--people: \"many\" is not a whole number"),
            ("--people 0", "--people: 0 is not between 1 and 1048576"),
            ("--seconds nan", "--seconds: NaN is not between 0 and 100000"),
            ("--size 31", "--size: 31 is not between 32 and 1048576"),
            ("--rate 0", "--rate: 0 is not between 0.001 and 10000000"),
            ("--rate 5 --window 1", "--window is a closed loop and --rate an open one; give one of them"),
            ("--dialect snug", "--dialect: there is no dialect \"snug\"; give plain or snug.v1"),
            ("--server wss://x", "--server: this version cannot do wss:// yet; use ws:// or HOST:PORT"),
            ("--server unix:/run/snug", "load comes over TCP only; give HOST:PORT"),
            ("--server a --url ws://b/", "--server and --url name the same thing, so one of them will do"),
            (
                "--people 9 --rooms 5",
                "somebody has to listen: 5 rooms need 10 --people or more, or take fewer --rooms",
            ),
            ("connect --people 1 --rooms 2", "1 people cannot be in 2 rooms; take fewer --rooms"),
            ("storm --rooms 2", "a storm is one on one room, so --rooms has no place beside it"),
            (
                "--people 10 --rooms 5 --publishers 3",
                "of 2 people in a room 3 cannot talk; take fewer --publishers",
            ),
            (
                "--people 100000 --publishers 10000",
                "so many who hear so many are not counted here; take more --rooms or fewer --publishers",
            ),
            ("--rooms 2 --url ws://b/chat", "several rooms need {room} in the path of --url"),
        ] {
            assert_eq!(run(line).err(), Some(format!("{said}; see load --help")), "{line}");
        }
    }

    #[test]
    fn help_names_every_flag_and_mode() {
        let Ok(Wish::Tell(help)) = run("--help") else { panic!("no help") };
        for flag in FLAGS {
            assert!(help.contains(&format!("--{}", flag.name)), "{help}");
        }
        assert!(Mode::ALL.iter().all(|(_, name)| help.contains(&format!("  {name} "))), "{help}");
        assert!(help.lines().all(|line| line.len() <= 110), "{help}");
        assert!(matches!(run("-V"), Ok(Wish::Tell(version)) if version.starts_with("snug load")));
    }
}
