//! All come into one room, as fast as they are let in, and leave in as much time, a second at least. Those who are there
//! are told who comes and goes; if each were told of each, that would be the square of the people, so the bytes are counted.

use std::time::Duration;

use crate::clock::{SECOND, seconds};
use crate::fault::Fault;
use crate::report::Report;
use crate::scene::{Deaf, Scene};
use crate::talk::QUIET;

/// Lets all come and leave.
pub(crate) fn run(scene: &mut Scene<'_>) -> Result<Report, Fault> {
    let (plan, clock) = (scene.plan, scene.clock);
    let before = scene.memory();
    let (begun, first) = (scene.moment(), clock.now());
    scene.enter()?;
    let length = clock.now() - first;
    scene.settle(QUIET, &mut Deaf)?;
    let (after, bytes_joining) = (scene.memory(), scene.crowd.people.received);

    let (leaving, longest) = (clock.now(), length.max(SECOND));
    let mut left = 0;
    while left < plan.people {
        let passed = u128::from(clock.now() - leaving);
        let due = passed * plan.people as u128 / u128::from(longest) + 1;
        while left < plan.people && (left as u128) < due {
            scene.crowd.people.leave(left);
            left += 1;
        }
        scene.crowd.turn(Duration::from_millis(1), &mut Deaf)?;
        scene.progress.show(|| format!("{left} of {} people have left", plan.people));
    }
    // Until the server has noticed that they are gone.
    scene.settle(QUIET, &mut Deaf)?;

    let mut report = Report::of(&scene.crowd.people);
    report.measured(scene.since(begun), scene.server.is_some().then_some((before, after)));
    report.joins = plan.people as u64;
    report.joining = seconds(length);
    report.bytes_joining = bytes_joining;
    report.bytes_leaving = scene.crowd.people.received - bytes_joining;
    Ok(report)
}
