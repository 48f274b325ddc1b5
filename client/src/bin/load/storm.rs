//! All come into one room, as fast as they are let in, and leave in as much time, a second at least. Those who are there
//! are told who comes and goes; if each were told of each, that would be the square of the people, so the bytes are counted.

use crate::args::Plan;
use crate::clock::{SECOND, seconds};
use crate::crowd::Crowd;
use crate::enter::{Deaf, enter, settle};
use crate::fault::Fault;
use crate::process::{Process, own_cpu};
use crate::progress::Progress;
use crate::report::{Report, Server};
use crate::talk::QUIET;

/// Lets all come and leave.
pub(crate) fn run(
    crowd: &mut Crowd,
    plan: &Plan,
    server: Option<&Process>,
    progress: &mut Progress,
) -> Result<Report, Fault> {
    let clock = crowd.people.clock;
    let before = server.map(Process::memory).unwrap_or_default();
    let usage = || server.and_then(Process::usage).unwrap_or_default();
    let (begun, used, own) = (clock.now(), usage(), own_cpu());
    enter(crowd, plan, progress)?;
    let length = clock.now() - begun;
    settle(crowd, QUIET, &mut Deaf)?;
    let (after, bytes_joining) = (server.map(Process::memory).unwrap_or_default(), crowd.people.received);

    let (leaving, longest) = (clock.now(), length.max(SECOND));
    let mut left = 0;
    while left < plan.people {
        let passed = u128::from(clock.now() - leaving);
        let due = passed * plan.people as u128 / u128::from(longest) + 1;
        while left < plan.people && (left as u128) < due {
            crowd.people.leave(left);
            left += 1;
        }
        crowd.turn(std::time::Duration::from_millis(1), &mut Deaf)?;
        progress.show(|| format!("{left} of {} people have left", plan.people));
    }
    // Until the server has noticed that they are gone.
    settle(crowd, QUIET, &mut Deaf)?;

    let took = clock.now() - begun;
    Ok(Report {
        seconds: seconds(length),
        joins: plan.people as u64,
        bytes_joining,
        bytes_leaving: crowd.people.received - bytes_joining,
        errors: crowd.people.faults,
        first_error: crowd.people.first_fault.clone(),
        closed: crowd.people.gone,
        load_share: (own_cpu() - own) as f64 / took.max(1) as f64,
        server: server.map(|_| Server { usage: usage().since(used), before, after, touched: None }),
        ..Report::default()
    })
}
