//! What came of it, as numbers; and the numbers as one JSON object. Must not know how they were measured, or what they
//! mean for people: that is `words.rs`.

use std::fmt::Write as _;

use crate::args::{Mode, Pace, Plan};
use crate::crowd::People;
use crate::percentiles::Percentiles;
use crate::process::{Memory, Usage};
use crate::scene::Stretch;

/// What came of it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Report {
    /// So long it was measured.
    pub(crate) seconds: f64,
    /// Said while it was measured.
    pub(crate) messages: u64,
    /// Heard while it was measured: each line counts for each of its receivers.
    pub(crate) deliveries: u64,
    /// From when a line was said, or due, to when it was read; `connect`: from dialling to being let in. Nanoseconds.
    pub(crate) latency: Percentiles,
    /// From when a line was said to its tick. Only with `snug.v1`.
    pub(crate) ticks: Percentiles,
    /// Never came, of all that was said.
    pub(crate) lost: u64,
    /// Had not come when it was given up, though others still came: the server was behind.
    pub(crate) on_the_way: u64,
    pub(crate) doubled: u64,
    pub(crate) reordered: u64,
    /// Lines of nobody who could be heard there.
    pub(crate) strays: u64,
    /// Complaints of the server, and the first of them.
    pub(crate) errors: u64,
    pub(crate) first_error: String,
    /// Connections that ended, and not from here.
    pub(crate) closed: u64,
    /// The server sends a line to its sender too.
    pub(crate) echoes: bool,
    /// Open loop: by how much a line was said too late, at most. Nanoseconds.
    pub(crate) late: u64,
    pub(crate) handshakes: u64,
    pub(crate) joins: u64,
    /// So many seconds it took until all were in.
    pub(crate) joining: f64,
    pub(crate) bytes_joining: u64,
    pub(crate) bytes_leaving: u64,
    pub(crate) server: Option<Server>,
    /// `idle`: the server's memory after each has talked.
    pub(crate) touched: Memory,
    /// How busy load was: the share of the time in which it did something.
    pub(crate) load_share: f64,
}

/// What the server took.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Server {
    /// While it was measured.
    pub(crate) usage: Usage,
    /// Before anybody came.
    pub(crate) before: Memory,
    /// When all were there, and at the end of what was measured.
    pub(crate) after: Memory,
}

impl Report {
    /// What is known of the connections.
    pub(crate) fn of(people: &People) -> Self {
        Self {
            errors: people.faults,
            first_error: people.first_fault.clone(),
            closed: people.gone,
            ..Self::default()
        }
    }

    /// What was used while it was measured; and, if the server was named, its memory before and after.
    pub(crate) fn measured(&mut self, stretch: Stretch, memory: Option<(Memory, Memory)>) {
        self.seconds = stretch.seconds;
        self.load_share = stretch.load_share;
        self.server = memory.map(|(before, after)| Server { usage: stretch.usage, before, after });
    }

    /// What the server's processor time is divided by, and its name.
    pub(crate) const fn unit(&self, mode: Mode) -> (&'static str, u64) {
        match mode {
            Mode::Talk | Mode::Idle => ("delivery", self.deliveries),
            Mode::Connect => ("handshake", self.handshakes),
            Mode::Storm => ("join", self.joins),
        }
    }

    /// So many in a second.
    pub(crate) fn a_second(&self, count: u64) -> f64 {
        if self.seconds > 0.0 { count as f64 / self.seconds } else { 0.0 }
    }

    /// As one JSON object in one line.
    pub(crate) fn json(&self, plan: &Plan) -> String {
        let mut json = Object::default();
        json.text("mode", plan.mode.name());
        json.whole("people", plan.people as u64);
        json.whole("rooms", plan.rooms as u64);
        json.whole("publishers", plan.publishers as u64);
        match plan.pace {
            Pace::Window(window) => json.whole("window", window.into()),
            Pace::Rate(rate) => json.decimal("rate", rate, 3),
        }
        json.whole("size", plan.size as u64);
        json.decimal("seconds", self.seconds, 3);
        json.text("dialect", plan.dialect.name());
        match plan.mode {
            Mode::Talk | Mode::Idle => self.talk_json(&mut json),
            Mode::Connect => {
                json.whole("handshakes", self.handshakes);
                json.decimal("handshakes_per_second", self.a_second(self.handshakes), 1);
                json.times("latency_us", &self.latency);
            }
            Mode::Storm => {
                let bytes = self.bytes_joining + self.bytes_leaving;
                json.whole("joins", self.joins);
                json.decimal("joins_per_second", self.joins as f64 / self.joining.max(1e-9), 1);
                json.whole("bytes_received", bytes);
                json.whole("bytes_joining", self.bytes_joining);
                json.whole("bytes_leaving", self.bytes_leaving);
                json.decimal("bytes_per_join", bytes as f64 / self.joins.max(1) as f64, 1);
            }
        }
        json.whole("errors", self.errors);
        json.whole("closed", self.closed);
        if let Some(server) = &self.server {
            json.object("server", |json| self.server_json(json, server, plan));
        }
        json.decimal("load_cpu_percent", self.load_share * 100.0, 1);
        json.end()
    }

    fn talk_json(&self, json: &mut Object) {
        json.whole("messages", self.messages);
        json.whole("deliveries", self.deliveries);
        json.decimal("deliveries_per_second", self.a_second(self.deliveries), 1);
        json.times("latency_us", &self.latency);
        if self.ticks.count() > 0 {
            json.times("tick_us", &self.ticks);
        }
        json.whole("lost", self.lost);
        json.whole("on_the_way", self.on_the_way);
        json.whole("doubled", self.doubled);
        json.whole("reordered", self.reordered);
        json.whole("strays", self.strays);
        json.decimal("late_us", self.late as f64 / 1e3, 1);
        json.flag("echoes", self.echoes);
    }

    fn server_json(&self, json: &mut Object, server: &Server, plan: &Plan) {
        let (unit, count) = self.unit(plan.mode);
        let micros = |nanos: u64| nanos as f64 / 1e3 / count.max(1) as f64;
        // `idle` measures a time in which nothing is delivered.
        if plan.mode != Mode::Idle {
            json.decimal(&format!("cpu_us_per_{unit}"), micros(server.usage.cpu), 4);
            json.decimal(&format!("user_us_per_{unit}"), micros(server.usage.user), 4);
        }
        json.decimal("cpu_percent", self.server_share() * 100.0, 1);
        json.decimal("waited_percent", self.waited_share() * 100.0, 1);
        json.whole("rss_kib_before", server.before.rss);
        json.whole("rss_kib_after", server.after.rss);
        json.whole("pss_kib_before", server.before.pss);
        json.whole("pss_kib_after", server.after.pss);
        if plan.mode == Mode::Idle {
            let each = |memory: Memory| growth(server.before, memory, plan.people);
            json.decimal("pss_bytes_per_connection", each(server.after), 1);
            json.decimal("pss_bytes_per_connection_touched", each(self.touched), 1);
        }
        json.whole("wakeups", server.usage.sleeps);
    }

    /// For how much of the time the server waited for a processor.
    pub(crate) fn waited_share(&self) -> f64 {
        let waited = self.server.map_or(0, |server| server.usage.waited);
        self.a_second(waited) / 1e9
    }

    /// Of how many processors the server took the time.
    pub(crate) fn server_share(&self) -> f64 {
        let cpu = self.server.map_or(0, |server| server.usage.cpu);
        self.a_second(cpu) / 1e9
    }
}

/// Bytes of its share of memory for each connection.
pub(crate) fn growth(before: Memory, after: Memory, people: usize) -> f64 {
    (after.pss as f64 - before.pss as f64) * 1024.0 / people.max(1) as f64
}

/// JSON that is being written. All names and texts are our own, with nothing in them to escape.
#[derive(Default)]
struct Object(String);

impl Object {
    fn name(&mut self, name: &str) {
        let before = if self.0.is_empty() { '{' } else { ',' };
        // Writing to a string cannot fail.
        let _ = write!(self.0, "{before}\"{name}\":");
    }

    fn text(&mut self, name: &str, value: &str) {
        self.name(name);
        let _ = write!(self.0, "\"{value}\"");
    }

    fn whole(&mut self, name: &str, value: u64) {
        self.name(name);
        let _ = write!(self.0, "{value}");
    }

    fn decimal(&mut self, name: &str, value: f64, digits: usize) {
        self.name(name);
        let _ = write!(self.0, "{value:.digits$}");
    }

    fn flag(&mut self, name: &str, value: bool) {
        self.name(name);
        let _ = write!(self.0, "{value}");
    }

    fn times(&mut self, name: &str, times: &Percentiles) {
        self.object(name, |json| {
            for (name, share) in [("p50", 500), ("p90", 900), ("p99", 990), ("p999", 999)] {
                json.decimal(name, times.at(share) as f64 / 1e3, 1);
            }
            json.decimal("max", times.largest() as f64 / 1e3, 1);
        });
    }

    fn object(&mut self, name: &str, fill: impl FnOnce(&mut Self)) {
        let mut inner = Self::default();
        fill(&mut inner);
        self.name(name);
        self.0.push_str(&inner.end());
    }

    fn end(mut self) -> String {
        self.0.push('}');
        self.0
    }
}
