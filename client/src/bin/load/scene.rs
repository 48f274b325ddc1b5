//! What each kind of measurement has: the connections, the plan, the server's process; and what each begins with: people
//! come in, and it gets quiet. Must not know what is measured.

use std::time::Duration;

use crate::args::Plan;
use crate::clock::{Clock, Nanos, SECOND, seconds};
use crate::crowd::{Crowd, Ear, Heard};
use crate::fault::Fault;
use crate::mark::Marks;
use crate::process::{Memory, Process, Usage, own_cpu};
use crate::progress::Progress;

/// How many may be on their way in at the same time: no server's backlog is shorter.
const AT_ONCE: usize = 64;
/// So long nobody may get any further.
const PATIENCE: Nanos = 30 * SECOND;
/// A turn that ends sooner has something.
pub(crate) const TURN: Duration = Duration::from_millis(50);

/// See the module's head.
#[derive(Debug)]
pub(crate) struct Scene<'p> {
    pub(crate) plan: &'p Plan,
    pub(crate) clock: Clock,
    pub(crate) marks: Marks,
    pub(crate) crowd: Crowd,
    /// The server, if it runs on this machine and was named.
    pub(crate) server: Option<Process>,
    pub(crate) progress: Progress,
}

/// What has been used and done until then.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    at: Nanos,
    usage: Usage,
    /// Of load itself.
    worked: Nanos,
}

/// What was used and done between two moments.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stretch {
    pub(crate) seconds: f64,
    /// By the server.
    pub(crate) usage: Usage,
    /// How busy load was.
    pub(crate) load_share: f64,
}

/// Whoever does not listen.
pub(crate) struct Deaf;

impl Ear for Deaf {
    fn hears(&mut self, _: usize, _: Nanos, _: Heard<'_>) {}
}

impl Scene<'_> {
    /// The server's memory; zeros if it was not named.
    pub(crate) fn memory(&self) -> Memory {
        self.server.as_ref().map(Process::memory).unwrap_or_default()
    }

    /// As it is now.
    pub(crate) fn moment(&self) -> Moment {
        Moment {
            at: self.clock.now(),
            usage: self.server.as_ref().and_then(Process::usage).unwrap_or_default(),
            // Who spins uses a processor whole, whether there is something to do or not.
            worked: if self.plan.spin { self.crowd.busy } else { own_cpu() },
        }
    }

    /// What was done from then until now.
    pub(crate) fn since(&self, then: Moment) -> Stretch {
        let now = self.moment();
        let length = now.at - then.at;
        Stretch {
            seconds: seconds(length),
            usage: now.usage.since(then.usage),
            load_share: (now.worked - then.worked) as f64 / length.max(1) as f64,
        }
    }

    /// Lets all come in.
    pub(crate) fn enter(&mut self) -> Result<(), Fault> {
        let Self { plan, clock, crowd, progress, .. } = self;
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

    /// Waits until nothing has come for so long: who came and went has been told, and doubles would have come. But not
    /// for ever, since some servers chat.
    pub(crate) fn settle(&mut self, quiet: Nanos, ear: &mut impl Ear) -> Result<(), Fault> {
        let Self { clock, crowd, .. } = self;
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
}
