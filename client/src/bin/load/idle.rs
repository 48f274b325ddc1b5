//! People are there and do nothing; then each talks once. What that costs the server in memory, and whether it sleeps.

use std::time::Duration;

use crate::args::{Pace, Plan};
use crate::clock::{SECOND, nanos, seconds};
use crate::crowd::Crowd;
use crate::enter::{Deaf, TURN, enter, settle};
use crate::fault::Fault;
use crate::mark::Marks;
use crate::process::{Process, own_cpu};
use crate::progress::Progress;
use crate::report::{Report, Server};
use crate::talk::Talk;

/// So long after people have come or talked everything has been told, and what was needed for it is given back.
const QUIET: u64 = SECOND;

/// Lets people come, be there, and talk once.
pub(crate) fn run(
    crowd: &mut Crowd,
    plan: &Plan,
    server: Option<&Process>,
    progress: &mut Progress,
    marks: Marks,
) -> Result<Report, Fault> {
    let clock = crowd.people.clock;
    let memory = || server.map(Process::memory).unwrap_or_default();
    let usage = || server.and_then(Process::usage).unwrap_or_default();
    let before = memory();
    enter(crowd, plan, progress)?;
    settle(crowd, QUIET, &mut Deaf)?;

    let after = memory();
    let (begun, used, own) = (clock.now(), usage(), own_cpu());
    let end = begun + nanos(plan.seconds);
    while clock.now() < end {
        progress.show(|| format!("{} people are there and do nothing", crowd.people.inside));
        crowd.turn(TURN.min(Duration::from_nanos(end.saturating_sub(clock.now()))), &mut Deaf)?;
    }
    let (length, usage) = (clock.now() - begun, usage().since(used));
    let load_share = (own_cpu() - own) as f64 / length.max(1) as f64;

    let mut talk = Talk::new(plan, clock, marks, Pace::Window(0));
    talk.measure();
    for number in 0..plan.publishers * plan.rooms {
        progress.show(|| format!("{number} people have talked"));
        talk.say(&mut crowd.people, number, clock.now());
        crowd.turn(Duration::ZERO, &mut talk)?;
    }
    let is_behind = talk.drain(crowd)?;
    let messages = talk.tally.sent();
    settle(crowd, QUIET, &mut talk)?;
    let touched = Some(memory());

    let mut report = talk.report(crowd, is_behind);
    report.seconds = seconds(length);
    report.messages = messages;
    report.load_share = load_share;
    report.server = server.map(|_| Server { usage, before, after, touched });
    Ok(report)
}
