//! The Snug server: reads the command line, builds the parts, runs the loop.

use std::io::Write as _;
use std::net::{IpAddr, SocketAddr};
use std::process::ExitCode;

use hub::Hub;
use protocol::chat::event::Durability;
use protocol::chat::id::Epoch;
use protocol::time::Span;
use protocol::upgrade::Origins;
use protocol::ws::{Role, Rules};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use server::config::{self, Config, Limits, PORT, Wish};
use server::conn::deadlines::Patience;
use server::conn::{Manners, Pace};
use server::listeners::Place;
use server::logging;
use server::reactor::{Reactor, Settings};
use server::server::Server;
use server::store::{Memory, Ring, Store};

/// Wrong usage, or it cannot start.
const CANNOT_START: u8 = 2;

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
    let (Ok(epoch), Ok(seed)) = (random::<8>(), random::<8>()) else {
        return cannot_start(program, "the system gives no random numbers");
    };
    let epoch = Epoch(epoch);
    let version = concat!("snug ", env!("CARGO_PKG_VERSION"));
    let mut hub = hub::limits::Settings::new(epoch, Durability::Memory, version, u64::from_ne_bytes(seed));
    hub.rooms_per_connection = unlimited(config.limits.rooms);
    hub.connections_per_person = config.limits.connections_per_person;
    hub.rooms = config.limits.rooms_in_all;
    hub.people_listed = config.limits.people_listed;
    hub.join_cost = config.limits.join_cost;
    hub.rename_cost = config.limits.rename_cost;
    hub.message = unlimited(config.limits.message);
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let origins = Origins { allowed: config.allow_origin, names: vec![name] };
    let store = Store::new(Memory::new(epoch, Ring::default())).with_depth(depth(&config.limits));
    let desk = Server::new(Hub::new(hub), store, secret, origins);
    let mut reactor = match Reactor::bind(&config.listen, settings, |_| Ok(desk)) {
        Ok(reactor) => reactor,
        Err(fault) => return cannot_start(program, &fault),
    };
    print(&welcome(&reactor.places().collect::<Vec<_>>(), std::env::var_os("CARGO").is_some()));
    match reactor.run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            log::error!("cannot go on: {error}");
            ExitCode::FAILURE
        }
    }
}

fn depth(limits: &Limits) -> Option<usize> {
    Some(limits.mail as usize).filter(|limit| *limit > 0)
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
        connections: Some(limits.connections).filter(|limit| *limit > 0),
        per_address: Some(limits.connections_per_address).filter(|limit| *limit > 0),
        proxies: config.proxies.clone(),
        memory: Some(limits.memory as usize * 1024 * 1024).filter(|limit| *limit > 0),
    }
}

/// A limit that 0 lifts: there is always one, but nobody meets the largest number.
fn unlimited(limit: u32) -> u32 {
    if limit == 0 { u32::MAX } else { limit }
}

/// A time that 0 makes endless.
fn seconds(limit: u32) -> Span {
    if limit == 0 { Span(u64::MAX) } else { Span::secs(limit.into()) }
}

/// What somebody who has just started it wants to know. `by_cargo`: it was started by `cargo run`, so what it tells to
/// type begins likewise.
fn welcome(places: &[Place], by_cargo: bool) -> String {
    let (server, client) = match by_cargo {
        true => ("cargo run --bin server --", "cargo run --bin client"),
        false => ("server", "client"),
    };
    let mut text =
        format!("Snug {}: messages are kept in memory until it stops.\n", env!("CARGO_PKG_VERSION"));
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

fn random<const N: usize>() -> Result<[u8; N], getrandom::Error> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)?;
    Ok(bytes)
}

/// A new person's secret. The system gave random numbers at the start, so it has them; without, nobody may be let in.
fn secret() -> [u8; 16] {
    random().expect("the system gives random numbers once it has begun to")
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
        let text = welcome(&[Place::Tcp("127.0.0.1:7684".parse().unwrap())], true);
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
        let text = welcome(&[Place::Unix("/run/snug.sock".into())], false);
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
        let text = welcome(&[Place::Tcp("192.0.2.7:7000".parse().unwrap())], false);
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
