//! Every option in one table: its name, what it takes, its words for the help, and what it sets. Must not know which of
//! them go together.

use client::link::address::Address;

use super::Mode;
use crate::dialect::Dialect;
use crate::mark;

/// What was given, before it is judged as a whole.
#[derive(Default)]
pub(super) struct Given {
    pub(super) mode: Option<Mode>,
    pub(super) server: Option<Address>,
    pub(super) url: Option<Address>,
    pub(super) people: Option<usize>,
    pub(super) rooms: Option<usize>,
    pub(super) publishers: Option<usize>,
    pub(super) window: Option<u32>,
    pub(super) rate: Option<f64>,
    pub(super) size: Option<usize>,
    pub(super) seconds: Option<f64>,
    pub(super) warmup: Option<f64>,
    pub(super) dialect: Dialect,
    pub(super) pid: Option<u32>,
    pub(super) json: bool,
    pub(super) sources: Option<usize>,
    pub(super) spin: bool,
}

/// One option.
pub(super) struct Flag {
    pub(super) name: &'static str,
    /// Its value, for the help; empty if it takes none.
    pub(super) value: &'static str,
    pub(super) help: &'static str,
    pub(super) set: fn(&mut Given, &str) -> Result<(), String>,
}

/// All of them, as the help has them.
pub(super) const FLAGS: &[Flag] = &[
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
