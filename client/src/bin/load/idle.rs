//! People are there and do nothing; then each talks once. What that costs the server in memory, and whether it sleeps.

use std::time::Duration;

use crate::args::Pace;
use crate::clock::{SECOND, nanos};
use crate::fault::Fault;
use crate::report::Report;
use crate::scene::{Deaf, Scene, TURN};
use crate::talk::Talk;

/// So long after people have come or talked everything has been told, and what was needed for it is given back.
const QUIET: u64 = SECOND;

/// Lets people come, be there, and talk once.
pub(crate) fn run(scene: &mut Scene<'_>) -> Result<Report, Fault> {
    let (plan, clock) = (scene.plan, scene.clock);
    let before = scene.memory();
    scene.enter()?;
    scene.settle(QUIET, &mut Deaf)?;

    let (after, begun) = (scene.memory(), scene.moment());
    let end = clock.now() + nanos(plan.seconds);
    while clock.now() < end {
        scene.progress.show(|| format!("{} people are there and do nothing", scene.crowd.people.inside));
        scene.crowd.turn(TURN.min(Duration::from_nanos(end.saturating_sub(clock.now()))), &mut Deaf)?;
    }
    let stretch = scene.since(begun);

    // With no window, they say what they are told to and nothing more.
    let mut talk = Talk::new(plan, clock, scene.marks, Pace::Window(0));
    talk.measure();
    for number in 0..plan.publishers * plan.rooms {
        scene.progress.show(|| format!("{number} people have talked"));
        talk.say(&mut scene.crowd.people, number, clock.now());
        scene.crowd.turn(Duration::ZERO, &mut talk)?;
    }
    let is_behind = talk.drain(scene)?;
    let messages = talk.tally.sent();
    scene.settle(QUIET, &mut talk)?;

    let mut report = talk.report(&scene.crowd, is_behind);
    report.measured(stretch, scene.server.is_some().then_some((before, after)));
    report.touched = scene.memory();
    report.messages = messages;
    Ok(report)
}
