//! People talk: it is counted who hears what, and when. Must not know sockets, or how figures are told.
//!
//! A closed loop says the next line when one has come to everybody, and so finds how fast it can go. An open loop says
//! lines at fixed times, and stamps them with the time they were due: a server that holds up the sender, or a load that
//! is late itself, is not hidden.

use std::collections::VecDeque;
use std::time::Duration;

use crate::args::{Pace, Plan};
use crate::clock::{Clock, Nanos, SECOND, nanos, seconds};
use crate::crowd::{Crowd, Ear, Heard, People, room_name};
use crate::dialect::{Dialect, Line};
use crate::fault::Fault;
use crate::mark::{Found, Mark, Marks};
use crate::percentiles::Percentiles;
use crate::report::Report;
use crate::scene::{Scene, TURN};
use crate::tally::{Arrival, Tally};

/// Who came and went is told within a quarter of a second, so after this much silence all has been told.
pub(crate) const QUIET: Nanos = SECOND / 10 * 3;
/// What has not come for so long is lost: a server may store once a second, and only then tell anybody.
const LOST: Nanos = 3 * SECOND;
/// Who is behind by more than this is not waited for.
const BEHIND: Nanos = 10 * SECOND;

/// See the module's head.
#[derive(Debug)]
pub(crate) struct Talk {
    clock: Clock,
    marks: Marks,
    pub(crate) tally: Tally,
    senders: Vec<Sender>,
    pace: Pace,
    /// Senders who may say their next line.
    ready: VecDeque<usize>,
    /// Open loop: when the next line is due, and whose it is.
    due: Option<(f64, usize)>,
    /// Since when deliveries count, if they do.
    measured_since: Option<Nanos>,
    latency: Percentiles,
    ticks: Percentiles,
    deliveries: u64,
    /// All that came, also outside of what is measured.
    heard: u64,
    /// The most that a line was late.
    late: Nanos,
}

#[derive(Debug)]
struct Sender {
    line: Line,
    /// How much has to come until one more line has come to everybody.
    missing: u32,
    /// How much that is for each line.
    share: u32,
}

/// Lets people talk, and tells what came of it.
pub(crate) fn run(scene: &mut Scene<'_>) -> Result<Report, Fault> {
    let (plan, clock) = (scene.plan, scene.clock);
    let before = scene.memory();
    scene.enter()?;
    let mut talk = Talk::new(plan, clock, scene.marks, plan.pace);
    scene.settle(QUIET, &mut talk)?;

    talk.begin(&mut scene.crowd)?;
    talk.go_on(scene, nanos(plan.warmup))?;
    let (begun, sent) = (scene.moment(), talk.tally.sent());
    talk.measure();
    talk.go_on(scene, nanos(plan.seconds))?;
    talk.measured_since = None;
    let (stretch, messages) = (scene.since(begun), talk.tally.sent() - sent);
    let after = scene.memory();
    scene.crowd.tick_no_more()?;
    let is_behind = talk.drain(scene)?;

    let mut report = talk.report(&scene.crowd, is_behind);
    report.measured(stretch, scene.server.is_some().then_some((before, after)));
    report.messages = messages;
    Ok(report)
}

impl Talk {
    /// The first `publishers` of each room talk. With a window of 0 they say only what they are told to.
    pub(crate) fn new(plan: &Plan, clock: Clock, marks: Marks, pace: Pace) -> Self {
        let tally = Tally::new(plan.people, plan.rooms, plan.publishers);
        let sender = |number: usize| {
            let room = number % plan.rooms;
            // With ticks, a line is done when it was ticked too: so both dialects have as much on the way.
            let ticks = usize::from(plan.dialect == Dialect::SnugV1);
            let share = (tally.listeners(room) + ticks) as u32;
            Sender { line: Line::new(plan.dialect, &room_name(room), plan.size), missing: share, share }
        };
        let senders = (0..plan.publishers * plan.rooms).map(sender).collect();
        Self {
            clock,
            marks,
            senders,
            tally,
            pace,
            ready: VecDeque::new(),
            due: None,
            measured_since: None,
            latency: Percentiles::default(),
            ticks: Percentiles::default(),
            deliveries: 0,
            heard: 0,
            late: 0,
        }
    }

    fn begin(&mut self, crowd: &mut Crowd) -> Result<(), Fault> {
        match self.pace {
            Pace::Window(_) => self.fill_windows(),
            Pace::Rate(rate) => {
                self.due = Some((self.clock.now() as f64, 0));
                crowd.tick_every(Duration::from_secs_f64(1.0 / rate))?;
            }
        }
        Ok(())
    }

    fn fill_windows(&mut self) {
        let Pace::Window(window) = self.pace else { return };
        for sender in &mut self.senders {
            sender.missing = sender.share;
        }
        for _ in 0..window {
            self.ready.extend(0..self.senders.len());
        }
    }

    /// Talks for so long. Where a closed loop has come to a halt, since something was lost, it begins anew.
    fn go_on(&mut self, scene: &mut Scene<'_>, length: Nanos) -> Result<(), Fault> {
        let end = self.clock.now() + length;
        let mut moved = (self.heard, self.clock.now());
        loop {
            let now = self.clock.now();
            if now >= end {
                return Ok(());
            }
            scene.crowd.turn(TURN.min(Duration::from_nanos(end - now)), self)?;
            scene.progress.show(|| self.progress(scene.plan.seconds));
            if self.heard != moved.0 {
                moved = (self.heard, now);
            } else if now - moved.1 > LOST {
                self.fill_windows();
                moved.1 = now;
            }
        }
    }

    /// Says nothing more, and waits for what is on its way. True if the server is so far behind that it was not waited
    /// for.
    pub(crate) fn drain(&mut self, scene: &mut Scene<'_>) -> Result<bool, Fault> {
        (self.due, self.pace) = (None, Pace::Window(0));
        let begun = self.clock.now();
        let mut moved = (self.heard, begun);
        while self.tally.outstanding() > 0 {
            scene.crowd.turn(TURN, self)?;
            let now = self.clock.now();
            if self.heard != moved.0 {
                moved = (self.heard, now);
            }
            if now - moved.1 > LOST {
                break;
            }
            if now - begun > BEHIND {
                return Ok(true);
            }
        }
        // Doubles may follow.
        scene.settle(SECOND / 10, self)?;
        Ok(false)
    }

    fn progress(&self, all: f64) -> String {
        let Some(since) = self.measured_since else { return "warming up".into() };
        let passed = seconds(self.clock.now() - since);
        let rate = self.deliveries as f64 / passed.max(0.001);
        format!("{passed:.0} s of {all:.0}: {rate:.0} deliveries a second")
    }

    /// All that is counted here. How long it was, and what the server took, is not.
    pub(crate) fn report(self, crowd: &Crowd, is_behind: bool) -> Report {
        let outstanding = self.tally.outstanding();
        let (lost, on_the_way) = if is_behind { (0, outstanding) } else { (outstanding, 0) };
        Report {
            deliveries: self.deliveries,
            latency: self.latency,
            ticks: self.ticks,
            lost: self.tally.skipped() + lost,
            on_the_way,
            doubled: self.tally.doubled(),
            reordered: self.tally.reordered(),
            strays: self.tally.strays(),
            echoes: self.tally.echoes(),
            late: self.late,
            ..Report::of(&crowd.people)
        }
    }

    /// From now on deliveries count.
    pub(crate) fn measure(&mut self) {
        self.measured_since = Some(self.clock.now());
    }

    /// Lets a sender say its next line.
    pub(crate) fn say(&mut self, people: &mut People, number: usize, at: Nanos) {
        let Some(sender) = self.senders.get_mut(number) else { return };
        // Sender number `n` is person number `n`. Who is gone says nothing that could get lost.
        if people.is_open(number) {
            let mark = Mark { sender: number as u32, number: self.tally.says(number), at };
            people.say(number, sender.line.with(&self.marks, mark));
        }
    }

    /// So much of what a sender has said has come, or will never.
    fn came(&mut self, number: usize, count: u32) {
        let Some(sender) = self.senders.get_mut(number) else { return };
        for _ in 0..count {
            sender.missing = sender.missing.saturating_sub(1);
            if sender.missing == 0 {
                sender.missing = sender.share;
                self.ready.push_back(number);
            }
        }
    }

    fn say_what_is_due(&mut self, people: &mut People, rate: f64) -> bool {
        let now = self.clock.now();
        let mut said = false;
        while let Some((at, number)) = self.due.filter(|(at, _)| *at <= now as f64) {
            if self.measured_since.is_some() {
                self.late = self.late.max(now - at as Nanos);
            }
            self.say(people, number, at as Nanos);
            self.due = Some((at + SECOND as f64 / rate, (number + 1) % self.senders.len().max(1)));
            said = true;
        }
        said
    }
}

impl Ear for Talk {
    fn hears(&mut self, who: usize, at: Nanos, heard: Heard<'_>) {
        let (text, is_tick) = match heard {
            Heard::Said(text) => (text, false),
            Heard::Tick(text) => (text, true),
            Heard::In | Heard::Gone => return,
        };
        let mark = match self.marks.find(text) {
            Found::Ours(mark) => mark,
            Found::Foreign if !is_tick => {
                self.tally.stray();
                return;
            }
            _ => return,
        };
        let (sender, took) = (mark.sender as usize, at.saturating_sub(mark.at));
        self.heard += 1;
        if is_tick {
            if self.measured_since.is_some() {
                self.ticks.add(took);
            }
            self.came(sender, 1);
            return;
        }
        match self.tally.hears(who, sender, mark.number) {
            // What was overtaken is not waited for.
            Arrival::First(skipped) => self.came(sender, 1 + skipped),
            Arrival::Late | Arrival::Own => {}
            Arrival::Double | Arrival::Stray => return,
        }
        if self.measured_since.is_some() {
            self.deliveries += 1;
            self.latency.add(took);
        }
    }

    fn says(&mut self, people: &mut People) -> bool {
        match self.pace {
            Pace::Rate(rate) => self.say_what_is_due(people, rate),
            Pace::Window(window) => {
                let said = !self.ready.is_empty();
                while let Some(number) = self.ready.pop_front() {
                    if window > 0 {
                        self.say(people, number, self.clock.now());
                    }
                }
                said
            }
        }
    }
}
