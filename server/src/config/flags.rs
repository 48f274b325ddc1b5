//! The table of options, which help and parser both read. Owns what each is called, what it says of itself and what it
//! sets; must not know where the words come from.

use protocol::http::NetworkFault;
use protocol::time::Span;

use super::{Config, Keep, PORT};
use crate::listeners::Place;

pub(super) struct Flag {
    pub(super) name: &'static str,
    /// Its value, for the help; empty if it takes none.
    pub(super) value: &'static str,
    pub(super) help: &'static str,
    /// Given once more, it adds instead of replacing.
    pub(super) adds: bool,
    pub(super) set: Set,
}

type Set = fn(&mut Config, &str) -> Result<(), String>;

const fn adding(name: &'static str, value: &'static str, help: &'static str, set: Set) -> Flag {
    Flag { name, value, help, adds: true, set }
}

const fn setting(name: &'static str, value: &'static str, help: &'static str, set: Set) -> Flag {
    Flag { name, value, help, adds: false, set }
}

pub(super) const FLAGS: &[Flag] = &[
    adding(
        "listen",
        "ADDR:PORT|unix:PATH",
        "where to listen; may be given several times [default: 127.0.0.1:7684, this machine only; 0.0.0.0:7684 is for \
         everybody on the network]",
        |config, value| {
            config.listen.extend(resolve(value)?);
            Ok(())
        },
    ),
    setting(
        "data",
        "DIR",
        "where to keep messages; the folder is made if need be [default: $STATE_DIRECTORY as systemd sets it, else \
         $XDG_DATA_HOME/snug, else ~/.local/share/snug]",
        |config, value| {
            config.keep = Keep::Folder(value.into());
            Ok(())
        },
    ),
    setting(
        "memory",
        "",
        "keep messages in memory only: they are gone when the server stops",
        |config, _| {
            config.keep = Keep::Memory;
            Ok(())
        },
    ),
    setting(
        "sync",
        "always|WINDOW",
        "how often to write to the disk at most, such as 200ms, up to 1s; spares flash, and a tick still means stored, \
         only later [default: always, which is as often as something waits]",
        |config, value| {
            config.sync = window(value)?;
            Ok(())
        },
    ),
    setting(
        "max-rate",
        "N",
        "messages a second from one connection, pings and fragments too, with twice as many at once; who sends faster is \
         read more slowly [default: 100; 0 lifts the limit]",
        |config, value| number(value, &mut config.limits.rate),
    ),
    setting(
        "join-cost",
        "N",
        "how many messages more a join counts as, against --max-rate [default: 5; 0: it counts as any message]",
        |config, value| number(value, &mut config.limits.join_cost),
    ),
    setting(
        "rename-cost",
        "N",
        "how many messages more a new nick counts as, which is told in all rooms [default: 25; 0: it counts as any \
         message]",
        |config, value| number(value, &mut config.limits.rename_cost),
    ),
    setting(
        "max-connections",
        "N",
        "connections in all; more are answered 503 [default: 4000; 0 lifts the limit]",
        |config, value| number(value, &mut config.limits.connections),
    ),
    setting(
        "max-connections-per-address",
        "N",
        "connections from one address; more are answered 503 [default: 100; 0 lifts the limit]",
        |config, value| number(value, &mut config.limits.connections_per_address),
    ),
    setting(
        "max-connections-per-person",
        "N",
        "connections of one person; the next one's hello is refused [default: 16; 0 lifts the limit]",
        |config, value| number(value, &mut config.limits.connections_per_person),
    ),
    adding(
        "trust-proxy",
        "ADDRESS[/BITS]|unix",
        "believe who calls from there (unix: by a Unix socket) for whom it asks: the last address of X-Forwarded-For that \
         is not itself trusted is the connection's, and the proxy's own is not counted; may be given several times",
        |config, value| {
            let network = value.parse().map_err(|fault: NetworkFault| format!("'{value}': {fault}"))?;
            config.proxies.0.push(network);
            Ok(())
        },
    ),
    setting(
        "max-head",
        "BYTES",
        "bytes of a request head, all that somebody unknown may send; a longer one is answered 431 [default: 8192; 0 lifts \
         the limit]",
        |config, value| number(value, &mut config.limits.head),
    ),
    setting(
        "handshake-time",
        "SECONDS",
        "from the first contact to the end of the request head; who takes longer is hung up on [default: 5; 0 lifts the \
         limit]",
        |config, value| number(value, &mut config.limits.handshake_time),
    ),
    setting(
        "max-message",
        "BYTES",
        "bytes of one message; a longer one is hung up on [default: 16384; 0 lifts the limit]",
        |config, value| number(value, &mut config.limits.message),
    ),
    setting(
        "max-fragments",
        "N",
        "frames that one message may come in; more are hung up on [default: 128; 0 lifts the limit]",
        |config, value| number(value, &mut config.limits.fragments),
    ),
    setting(
        "message-time",
        "SECONDS",
        "from the first byte of a message to its last; who takes longer is hung up on [default: 30; 0 lifts the limit]",
        |config, value| number(value, &mut config.limits.message_time),
    ),
    setting(
        "max-unsent",
        "BYTES",
        "bytes that may wait for one connection; from half of it on a reader gets less and catches up later, beyond it is \
         hung up on [default: 262144; 0 lifts the limit]",
        |config, value| number(value, &mut config.limits.unsent),
    ),
    setting(
        "max-rooms",
        "N",
        "rooms that one connection may be in [default: 32; 0 lifts the limit]",
        |config, value| number(value, &mut config.limits.rooms),
    ),
    setting(
        "max-rooms-in-all",
        "N",
        "rooms that may have people in them [default: 10000; 0 lifts the limit]",
        |config, value| number(value, &mut config.limits.rooms_in_all),
    ),
    setting(
        "max-people-listed",
        "N",
        "people of a room who are listed, and told of when they come and go; in a larger one only how many they are is \
         told [default: 200; 0 lifts the limit]",
        |config, value| number(value, &mut config.limits.people_listed),
    ),
    setting(
        "max-memory",
        "MIB",
        "MiB that everything that grows may take together; above 80 % new connections are answered 503, above 90 % those \
         who read least are cut off [default: 64; 0 lifts the limit]",
        |config, value| number(value, &mut config.limits.memory),
    ),
    setting(
        "max-mail",
        "N",
        "messages, and KiB of them, that may wait for the store; beyond, who sends them is read more slowly \
         [default: 1024; 0 lifts the limit]",
        |config, value| number(value, &mut config.limits.mail),
    ),
    adding(
        "allow-origin",
        "ORIGIN",
        "let pages from ORIGIN (such as https://chat.example) connect, beside the server's own; may be given several times",
        |config, value| {
            config.allow_origin.push(value.to_owned());
            Ok(())
        },
    ),
    setting(
        "log",
        "LEVEL",
        "what to log: off, error, warn, info, debug, or trace for every turn and frame (never what is said) \
         [default: info]",
        |config, value| {
            config.log = value
                .parse()
                .map_err(|_| format!("'{value}' is none of off, error, warn, info, debug, trace"))?;
            Ok(())
        },
    ),
];

fn resolve(value: &str) -> Result<Vec<Place>, String> {
    use std::net::ToSocketAddrs;

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

fn window(value: &str) -> Result<Span, String> {
    let time = || {
        let (number, unit) = match value.strip_suffix("ms") {
            Some(number) => (number, 1),
            None => (value.strip_suffix('s')?, 1000),
        };
        let number: u64 = number.parse().ok()?;
        number.checked_mul(unit).filter(|time| *time <= 1000)
    };
    match value {
        "always" => Ok(Span(0)),
        _ => time()
            .map(Span)
            .ok_or_else(|| format!("'{value}' is neither always nor a time up to 1s, such as 200ms")),
    }
}
