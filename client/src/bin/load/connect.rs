//! People come and go as fast as they are let in: what a handshake costs.

use crate::args::Plan;
use crate::clock::{Clock, Nanos, nanos, seconds};
use crate::crowd::{Crowd, Ear, Heard, People};
use crate::enter::TURN;
use crate::fault::Fault;
use crate::percentiles::Percentiles;
use crate::process::{Process, own_cpu};
use crate::progress::Progress;
use crate::report::{Report, Server};

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
pub(crate) fn run(
    crowd: &mut Crowd,
    plan: &Plan,
    server: Option<&Process>,
    progress: &mut Progress,
) -> Result<Report, Fault> {
    let clock = crowd.people.clock;
    let before = server.map(Process::memory).unwrap_or_default();
    let mut comings = Comings {
        clock,
        begun: vec![0; plan.people],
        through: (0..plan.people).collect(),
        is_measuring: false,
        handshakes: 0,
        latency: Percentiles::default(),
        fault: None,
    };
    comings.says(&mut crowd.people);
    comings.go_on(crowd, nanos(plan.warmup), progress)?;
    let usage = || server.and_then(Process::usage).unwrap_or_default();
    let (begun, used, own, busy) = (clock.now(), usage(), own_cpu(), crowd.busy);
    comings.is_measuring = true;
    comings.go_on(crowd, nanos(plan.seconds), progress)?;
    let (length, usage) = (clock.now() - begun, usage().since(used));
    let worked = if plan.spin { crowd.busy - busy } else { own_cpu() - own };

    Ok(Report {
        seconds: seconds(length),
        handshakes: comings.handshakes,
        latency: comings.latency,
        errors: crowd.people.faults,
        first_error: crowd.people.first_fault.clone(),
        closed: crowd.people.gone,
        load_share: worked as f64 / length.max(1) as f64,
        server: server.map(|server| Server { usage, before, after: server.memory(), touched: None }),
        ..Report::default()
    })
}

impl Comings {
    fn go_on(&mut self, crowd: &mut Crowd, length: Nanos, progress: &mut Progress) -> Result<(), Fault> {
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
