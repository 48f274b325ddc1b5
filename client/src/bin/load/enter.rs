//! How people come in, and how it gets quiet. What each kind of measurement begins with.

use std::time::Duration;

use crate::args::Plan;
use crate::clock::{Nanos, SECOND};
use crate::crowd::{Crowd, Ear, Heard};
use crate::fault::Fault;
use crate::progress::Progress;

/// How many may be on their way in at the same time: no server's backlog is shorter.
const AT_ONCE: usize = 64;
/// So long nobody may get any further.
const PATIENCE: Nanos = 30 * SECOND;
/// A turn that ends sooner has something.
pub(crate) const TURN: Duration = Duration::from_millis(50);

/// Whoever does not listen.
pub(crate) struct Deaf;

impl Ear for Deaf {
    fn hears(&mut self, _: usize, _: Nanos, _: Heard<'_>) {}
}

/// Lets all come in.
pub(crate) fn enter(crowd: &mut Crowd, plan: &Plan, progress: &mut Progress) -> Result<(), Fault> {
    let clock = crowd.people.clock;
    let (mut dialled, mut moved) = (0, (0, clock.now()));
    loop {
        let through = crowd.people.inside + crowd.people.gone as usize + crowd.people.refused;
        match crowd.people.refused {
            0 if through >= plan.people => return Ok(()),
            1.. if through >= dialled => return Err(crowd.people.is_full()),
            _ => {}
        }
        while crowd.people.refused == 0 && dialled < plan.people && dialled < through + AT_ONCE {
            crowd.people.dial(dialled)?;
            dialled += 1;
        }
        crowd.turn(TURN, &mut Deaf)?;
        progress.show(|| format!("{} of {} people are in", crowd.people.inside, plan.people));
        if through != moved.0 {
            moved = (through, clock.now());
        }
        if clock.now() - moved.1 > PATIENCE {
            let said = crowd.people.first_fault.clone();
            return Err(Fault::Stuck { inside: crowd.people.inside, people: plan.people, said });
        }
    }
}

/// Waits until nothing has come for so long: who came and went has been told, and doubles would have come. But not for
/// ever, since some servers chat.
pub(crate) fn settle(crowd: &mut Crowd, quiet: Nanos, ear: &mut impl Ear) -> Result<(), Fault> {
    let clock = crowd.people.clock;
    let end = clock.now() + quiet.saturating_mul(20);
    let (mut received, mut since) = (crowd.people.received, clock.now());
    while clock.now() < since + quiet && clock.now() < end {
        crowd.turn(TURN.min(Duration::from_nanos(quiet)), ear)?;
        if crowd.people.received != received {
            (received, since) = (crowd.people.received, clock.now());
        }
    }
    Ok(())
}
