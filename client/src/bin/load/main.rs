//! How many people can a board hold? Opens connections to a chat server, talks, and counts who hears what, and when.
//!
//! A program of its own, so that the terminal client does not carry it. One loop over mio, as everywhere here. Floors,
//! and a file imports only from floors below its own:
//!
//! ```text
//! 5  main.rs                                      run, exit code
//! 4  talk.rs idle.rs connect.rs storm.rs          what is measured
//! 3  report.rs words.rs                           the figures; the figures for people
//! 2  crowd.rs scene.rs                            all connections and their poll; what each measurement has
//! 1  args.rs person.rs                            the command line; one connection
//! 0  clock.rs dialect.rs fault.rs mark.rs percentiles.rs process.rs progress.rs tally.rs   tools that know nobody
//! ```
#![forbid(unsafe_code)]

mod args;
mod clock;
mod connect;
mod crowd;
mod dialect;
mod fault;
mod idle;
mod mark;
mod percentiles;
mod person;
mod process;
mod progress;
mod report;
mod scene;
mod storm;
mod talk;
mod tally;
mod words;

use std::io::{self, Write as _};
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::path::PathBuf;
use std::process::ExitCode;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::args::{Mode, Plan, Wish};
use crate::clock::Clock;
use crate::crowd::{Crowd, Place};
use crate::fault::Fault;
use crate::mark::Marks;
use crate::process::Process;
use crate::progress::Progress;
use crate::report::Report;
use crate::scene::Scene;

fn main() -> ExitCode {
    let mut arguments = std::env::args_os();
    let program = arguments.next().map(PathBuf::from).and_then(|path| Some(path.file_name()?.to_owned()));
    let program = program.map_or_else(|| "load".into(), |name| name.to_string_lossy().into_owned());
    let outcome = match args::parse(arguments, &program) {
        Ok(Wish::Tell(text)) => Ok(text),
        Ok(Wish::Run(plan)) => measure(&plan).map(|report| match plan.json {
            true => report.json(&plan) + "\n",
            false => words::tell(&report, &plan),
        }),
        Err(sentence) => Err(Fault::Usage(sentence)),
    };
    match outcome {
        Ok(text) => {
            // Whoever stops reading has read enough.
            let _ = io::stdout().write_all(text.as_bytes());
            ExitCode::SUCCESS
        }
        Err(fault) => {
            client::say_on_stderr(&program, &fault.to_string());
            ExitCode::from(fault.exit_code())
        }
    }
}

fn measure(plan: &Plan) -> Result<Report, Fault> {
    let server = plan.pid.map(|pid| Process::find(pid).ok_or_else(|| no_process(pid))).transpose()?;
    allow_files(plan.people)?;
    let place = place(plan)?;
    let mut run = [0; 2];
    getrandom::fill(&mut run).map_err(|error| Fault::System(io::Error::other(error)))?;
    let marks = Marks::new(u16::from_ne_bytes(run));
    let clock = Clock::start();
    let crowd = Crowd::new(place, clock, plan.spin)?;
    let mut scene = Scene { plan, clock, marks, crowd, server, progress: Progress::new(clock) };
    let report = match plan.mode {
        Mode::Talk => talk::run(&mut scene),
        Mode::Idle => idle::run(&mut scene),
        Mode::Connect => connect::run(&mut scene),
        Mode::Storm => storm::run(&mut scene),
    };
    scene.progress.clear();
    report
}

fn no_process(pid: u32) -> Fault {
    Fault::Usage(format!("there is no process {pid} on this machine; --pid is the server's (`pidof server`)"))
}

fn place(plan: &Plan) -> Result<Place, Fault> {
    // A name is looked up once, before anything is measured.
    let found = (plan.host.as_str(), plan.port).to_socket_addrs();
    let mut addresses: Vec<SocketAddr> = found.map_err(|_| Fault::UnknownHost(plan.host.clone()))?.collect();
    // A server that is started without a word listens at 127.0.0.1 alone.
    addresses.sort_by_key(SocketAddr::is_ipv6);
    let address = *addresses.first().ok_or_else(|| Fault::UnknownHost(plan.host.clone()))?;
    let is_here = address.is_ipv4() && address.ip().is_loopback();
    Ok(Place {
        address,
        host: plan.host_header.clone(),
        path: plan.path.clone(),
        rooms: plan.rooms,
        dialect: plan.dialect,
        sources: sources(plan, is_here)?,
    })
}

/// From how many addresses people come: only 127.0.0.0/8 has more than one for sure.
fn sources(plan: &Plan, is_here: bool) -> Result<usize, Fault> {
    match plan.sources {
        Some(2..) if !is_here => Err(Fault::Usage(format!(
            "--sources needs a server at a loopback address of this machine, and {} is none",
            plan.host
        ))),
        Some(sources) => Ok(sources),
        None if !is_here => Ok(1),
        None if plan.mode == Mode::Connect => Ok(4),
        // A port for each, of some 28,000.
        None => Ok(plan.people.div_ceil(25_000)),
    }
}

/// Every connection is a file descriptor, and many systems begin with 1,024.
fn allow_files(people: usize) -> Result<(), Fault> {
    // The poll, its twin, the timer, and what a program has anyway.
    let needed = people as u64 + 32;
    let limit = getrlimit(Resource::Nofile);
    // If it is refused, what there is may do.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
    match getrlimit(Resource::Nofile).current {
        Some(allowed) if allowed < needed => Err(Fault::TooFewFiles { needed, allowed }),
        _ => Ok(()),
    }
}
