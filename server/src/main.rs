//! The Snug server: reads the command line, builds the parts, runs the loop.

use std::fs::DirBuilder;
use std::io::Write as _;
use std::net::{IpAddr, SocketAddr};
use std::os::unix::fs::DirBuilderExt as _;
use std::process::ExitCode;
use std::time::Duration;

use hub::Hub;
use protocol::chat::event::Durability;
use protocol::chat::id::Epoch;
use protocol::time::Span;
use protocol::upgrade::Origins;
use protocol::ws::{Role, Rules};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use server::clock::Clock;
use server::config::{self, Config, Keep, PORT, Wish};
use server::conn::deadlines::Patience;
use server::conn::{Manners, Pace};
use server::listeners::Place;
use server::logging;
use server::reactor::{LAID_OUT, Reactor, Settings};
use server::server::Server;
use server::store::{Engine as _, Memory, NO_DISK, Rhythm, Ring, Sqlite, Store};
use server::worker::Bell;

/// Wrong usage, or it cannot start.
const CANNOT_START: u8 = 2;

const NO_RANDOM: &str = "the system gives no random numbers";

/// When nobody has said anything for so long, the database is tidied up, so that the next start has nothing to do. More
/// often would cost flash.
const REST: Duration = Duration::from_secs(30);

fn main() -> ExitCode {
    let mut arguments = std::env::args_os();
    let program = arguments.next().map_or_else(
        || "server".into(),
        |path| {
            let path = std::path::PathBuf::from(path);
            path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
        },
    );
    match config::parse(arguments, |name| std::env::var(name).ok(), &program) {
        Ok(Wish::Run(config)) => run(config, &program),
        Ok(Wish::Tell(text)) => {
            print(&text);
            ExitCode::SUCCESS
        }
        Err(fault) => cannot_start(&program, &fault),
    }
}

fn run(config: Config, program: &str) -> ExitCode {
    logging::start(config.log);
    allow_many_files();
    let settings = settings(&config);
    let places = config.listen.clone();
    let kept = match &config.keep {
        Keep::Folder(folder) | Keep::Usual(folder) => folder.display().to_string(),
        Keep::Memory | Keep::Nowhere => "memory until it stops".to_owned(),
    };
    let mut reactor = match Reactor::bind(&places, settings, |bell| desk(config, bell)) {
        Ok(reactor) => reactor,
        Err(fault) => return cannot_start(program, &fault),
    };
    let by_cargo = std::env::var_os("CARGO").is_some();
    print(&welcome(&kept, &reactor.places().collect::<Vec<_>>(), by_cargo));
    match reactor.run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            log::error!("cannot go on: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The chat and its store.
fn desk(config: Config, bell: Bell) -> Result<Server, String> {
    let (store, durability) = store(&config, bell)?;
    let seed = random::<8>().ok_or(NO_RANDOM)?;
    let version = concat!("snug ", env!("CARGO_PKG_VERSION"));
    let mut hub = hub::limits::Settings::new(store.epoch(), durability, version, u64::from_ne_bytes(seed));
    hub.rooms_per_connection = unlimited(config.limits.rooms);
    hub.connections_per_person = config.limits.connections_per_person;
    hub.rooms = config.limits.rooms_in_all;
    hub.laid_out = unlimited(config.limits.connections).min(LAID_OUT);
    hub.people_listed = config.limits.people_listed;
    hub.join_cost = config.limits.join_cost;
    hub.rename_cost = config.limits.rename_cost;
    hub.message = unlimited(config.limits.message);
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let origins = Origins { allowed: config.allow_origin, names: vec![name] };
    Ok(Server::new(
        Hub::new(hub),
        store.with_depth(bound(config.limits.mail).map(|letters| letters as usize)),
        secrets,
        origins,
    ))
}

fn store(config: &Config, bell: Bell) -> Result<(Store, Durability), String> {
    let (Keep::Folder(folder) | Keep::Usual(folder)) = &config.keep else {
        let epoch = Epoch(random().ok_or(NO_RANDOM)?);
        return Ok((Store::new(Memory::new(epoch, Ring::default())), Durability::Memory));
    };
    if let Some(why) = NO_DISK {
        return Err(why.to_owned());
    }
    if let (Keep::Usual(_), Some(above)) = (&config.keep, folder.parent()) {
        // If it cannot be made, to open the folder says why.
        let _ = DirBuilder::new().recursive(true).mode(0o700).create(above);
    }
    let engine = Sqlite::open(folder, Clock::wall(), Box::new(|| random().map(Epoch)));
    let mut engine = engine.map_err(|fault| fault.to_string())?;
    engine.complaints(Clock::wall()).iter().for_each(|complaint| log::error!("{complaint}"));
    let window = Duration::from_millis(config.sync.0);
    let store = Store::on_a_thread(engine, Rhythm { window, rest: Some(REST) }, bell);
    Ok((store.map_err(|error| format!("cannot start a thread for the disk: {error}"))?, Durability::Disk))
}

fn settings(config: &Config) -> Settings {
    let limits = &config.limits;
    Settings {
        manners: Manners {
            head: unlimited(limits.head) as usize,
            rules: Rules {
                role: Role::Server,
                message: unlimited(limits.message) as usize,
                fragments: unlimited(limits.fragments),
            },
            pace: Pace::per_second(limits.rate),
            max_unsent: unlimited(limits.unsent) as usize,
        },
        patience: Patience {
            handshake: seconds(limits.handshake_time),
            message: seconds(limits.message_time),
            ..Patience::default()
        },
        connections: bound(limits.connections),
        per_address: bound(limits.connections_per_address),
        proxies: config.proxies.clone(),
        memory: bound(limits.memory).map(|mebibytes| mebibytes as usize * 1024 * 1024),
    }
}

/// A limit that 0 lifts.
fn bound(limit: u32) -> Option<u32> {
    Some(limit).filter(|limit| *limit > 0)
}

/// A limit that 0 lifts: there is always one, but nobody meets the largest number.
fn unlimited(limit: u32) -> u32 {
    if limit == 0 { u32::MAX } else { limit }
}

/// A time that 0 makes endless.
fn seconds(limit: u32) -> Span {
    if limit == 0 { Span(u64::MAX) } else { Span::secs(limit.into()) }
}

/// What somebody who has just started it wants to know. `kept`: where messages are. `by_cargo`: it was started by `cargo run`, so what it tells to
/// type begins likewise.
fn welcome(kept: &str, places: &[Place], by_cargo: bool) -> String {
    let (server, client) = match by_cargo {
        true => ("cargo run --bin server --", "cargo run --bin client"),
        false => ("server", "client"),
    };
    let mut text = format!("Snug {}: messages are kept in {kept}.\n", env!("CARGO_PKG_VERSION"));
    let (mut reachable, mut socket) = (Vec::new(), None);
    for place in places {
        text.push_str(&format!("Listening at {place}\n"));
        match place {
            Place::Tcp(address) => reachable.extend(expand(*address)),
            Place::Unix(_) => socket = Some(place),
        }
    }
    let (here, network): (Vec<SocketAddr>, Vec<SocketAddr>) =
        reachable.into_iter().partition(|address| address.ip().is_loopback());
    if let Some(address) = here.first() {
        text.push_str("\nJoin from this machine:\n");
        let default = address.ip() == IpAddr::from([127, 0, 0, 1]) && address.port() == PORT;
        match default {
            true => text.push_str(&format!("    {client} lobby\n")),
            false => text.push_str(&format!("    {client} lobby --server {address}\n")),
        }
    } else if let Some(place) = socket {
        text.push_str(&format!("\nJoin from this machine:\n    {client} lobby --server {place}\n"));
    }
    if network.is_empty() {
        let port = here.first().map_or(PORT, SocketAddr::port);
        text.push_str(
            "\nOnly this machine can reach it.\nTo let everybody on the network in, start it with\n",
        );
        text.push_str(&format!("    {server} --listen 0.0.0.0:{port}\n"));
    } else {
        text.push_str("\nJoin from the network:\n");
        for address in network {
            text.push_str(&format!("    {client} lobby --server {address}\n"));
        }
        text.push_str("Anyone on this network can read and write here.\n");
    }
    text
}

/// The addresses behind "all of them" (0.0.0.0 or ::): those of the network interfaces.
fn expand(address: SocketAddr) -> Vec<SocketAddr> {
    if !address.ip().is_unspecified() {
        return vec![address];
    }
    let mut interfaces: Vec<IpAddr> =
        if_addrs::get_if_addrs().unwrap_or_default().iter().map(if_addrs::Interface::ip).collect();
    interfaces.retain(|ip| match ip {
        IpAddr::V4(_) => true,
        // A link-local address is of no use without the name of an interface.
        IpAddr::V6(v6) => address.is_ipv6() && !v6.is_unicast_link_local(),
    });
    interfaces.into_iter().map(|ip| SocketAddr::new(ip, address.port())).collect()
}

/// Every connection is a file descriptor, and many systems begin with 1024.
fn allow_many_files() {
    let limit = getrlimit(Resource::Nofile);
    // If it is refused, fewer connections fit, and the loop copes with that.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
}

fn random<const N: usize>() -> Option<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).ok()?;
    Some(bytes)
}

/// For new persons. The system gave random numbers at the start, so it has them; without, nobody may be let in.
fn secrets(bytes: &mut [u8]) {
    getrandom::fill(bytes).expect("the system gives random numbers once it has begun to");
}

fn cannot_start(program: &str, fault: &str) -> ExitCode {
    eprintln!("{program}: {fault}");
    ExitCode::from(CANNOT_START)
}

fn print(text: &str) {
    // Nobody reads it: then it need not be written.
    let _ = std::io::stdout().write_all(text.as_bytes());
    let _ = std::io::stdout().flush();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn on_loopback_it_says_how_to_open_up() {
        let text = welcome("memory until it stops", &[Place::Tcp("127.0.0.1:7684".parse().unwrap())], true);
        assert_eq!(
            text,
            "Snug 0.1.0: messages are kept in memory until it stops.\n\
             Listening at 127.0.0.1:7684\n\
             \n\
             Join from this machine:\n    \
                 cargo run --bin client lobby\n\
             \n\
             Only this machine can reach it.\n\
             To let everybody on the network in, start it with\n    \
                 cargo run --bin server -- --listen 0.0.0.0:7684\n"
        );
    }

    #[test]
    fn on_a_socket_it_says_how_to_join() {
        let text = welcome("memory until it stops", &[Place::Unix("/run/snug.sock".into())], false);
        assert_eq!(
            text,
            "Snug 0.1.0: messages are kept in memory until it stops.\n\
             Listening at unix:/run/snug.sock\n\
             \n\
             Join from this machine:\n    \
                 client lobby --server unix:/run/snug.sock\n\
             \n\
             Only this machine can reach it.\n\
             To let everybody on the network in, start it with\n    \
                 server --listen 0.0.0.0:7684\n"
        );
    }

    #[test]
    fn on_the_network_it_says_who_can_read() {
        let text = welcome("memory until it stops", &[Place::Tcp("192.0.2.7:7000".parse().unwrap())], false);
        assert_eq!(
            text,
            "Snug 0.1.0: messages are kept in memory until it stops.\n\
             Listening at 192.0.2.7:7000\n\
             \n\
             Join from the network:\n    \
                 client lobby --server 192.0.2.7:7000\n\
             Anyone on this network can read and write here.\n"
        );
    }
}
