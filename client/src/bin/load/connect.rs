//! People come and go as fast as they are let in: what a handshake costs.

use crate::clock::{Clock, Nanos, nanos};
use crate::crowd::{Ear, Heard, People};
use crate::fault::Fault;
use crate::percentiles::Percentiles;
use crate::report::Report;
use crate::scene::{Scene, TURN};

struct Comings {
    clock: Clock,
    /// When each began to connect.
    begun: Vec<Nanos>,
    /// Those who are in, or were hung up on: they go, and come again.
    through: Vec<usize>,
    is_measuring: bool,
    handshakes: u64,
    latency: Percentiles,
    /// Nobody can come any more.
    fault: Option<Fault>,
}

/// Lets people come and go.
pub(crate) fn run(scene: &mut Scene<'_>) -> Result<Report, Fault> {
    let plan = scene.plan;
    let before = scene.memory();
    let mut comings = Comings {
        clock: scene.clock,
        begun: vec![0; plan.people],
        through: (0..plan.people).collect(),
        is_measuring: false,
        handshakes: 0,
        latency: Percentiles::default(),
        fault: None,
    };
    comings.says(&mut scene.crowd.people);
    comings.go_on(scene, nanos(plan.warmup))?;
    let begun = scene.moment();
    comings.is_measuring = true;
    comings.go_on(scene, nanos(plan.seconds))?;
    let stretch = scene.since(begun);

    let mut report = Report::of(&scene.crowd.people);
    report.measured(stretch, scene.server.is_some().then(|| (before, scene.memory())));
    (report.handshakes, report.latency) = (comings.handshakes, comings.latency);
    Ok(report)
}

impl Comings {
    fn go_on(&mut self, scene: &mut Scene<'_>, length: Nanos) -> Result<(), Fault> {
        let Scene { crowd, progress, .. } = scene;
        let end = self.clock.now() + length;
        while self.clock.now() < end {
            crowd.turn(TURN, self)?;
            if let Some(fault) = self.fault.take() {
                return Err(fault);
            }
            if crowd.people.refused > 0 {
                return Err(crowd.people.is_full());
            }
            progress.show(|| format!("{} handshakes", self.handshakes));
        }
        Ok(())
    }
}

impl Ear for Comings {
    fn hears(&mut self, who: usize, at: Nanos, heard: Heard<'_>) {
        match heard {
            Heard::In => {
                if self.is_measuring {
                    self.handshakes += 1;
                    self.latency.add(at.saturating_sub(self.begun.get(who).copied().unwrap_or_default()));
                }
                self.through.push(who);
            }
            Heard::Gone => self.through.push(who),
            Heard::Said(_) | Heard::Tick(_) => {}
        }
    }

    fn says(&mut self, people: &mut People) -> bool {
        let is_somebody_through = !self.through.is_empty();
        for who in std::mem::take(&mut self.through) {
            people.leave(who);
            if let Some(begun) = self.begun.get_mut(who) {
                *begun = self.clock.now();
            }
            if let Err(fault) = people.dial(who) {
                self.fault = Some(fault);
            }
        }
        is_somebody_through
    }
}
