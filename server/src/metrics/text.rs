//! The numbers as text, in Prometheus' exposition format 0.0.4. Must not count.
//!
//! Every name says its unit, in the base unit: `_bytes`, `_seconds`. `_total` only grows.
//! (<https://prometheus.io/docs/instrumenting/exposition_formats/>)

use std::fmt::{Display, Write as _};

use super::{Chat, Full, Histogram, Metrics, Outcome, Tally};

impl Metrics {
    /// All of it.
    #[must_use]
    pub fn text(&self, chat: &Chat) -> String {
        let mut page = Page(String::with_capacity(16 * 1024));
        self.write_loop(&mut page);
        self.write_chat(chat, &mut page);
        page.0
    }

    fn write_loop(&self, page: &mut Page) {
        page.family("build_info", "gauge", "1; which version this is.");
        page.sample("build_info", &[("version", &env!("CARGO_PKG_VERSION"))], &1);
        page.gauge("uptime_seconds", "Time since the start.", &seconds(self.now));

        page.gauge("connections", "Connections now, pages being fetched included.", &self.levels.connections);
        page.gauge("connections_limit", "How many there may be.", &limit(self.bounds.connections));
        page.tally(
            "connections_accepted_total",
            "Connections by what became of their first request.",
            "outcome",
            &self.outcomes,
        );
        page.tally(
            "turned_away_total",
            "Connections answered 503 at the door, by what there was too much of.",
            "reason",
            &self.turned_away,
        );
        page.tally(
            "refusals_total",
            "Requests refused, by HTTP status; those at the door included.",
            "status",
            &self.refusals,
        );
        page.tally("hangups_total", "Connections that the server ended, by reason.", "reason", &self.hangups);
        page.tally(
            "accept_errors_total",
            "Connections that could not be accepted, by the system's error.",
            "error",
            &self.accept_errors,
        );

        page.counter("received_bytes_total", "Bytes read from connections.", self.received);
        page.counter("sent_bytes_total", "Bytes handed to the kernel for connections.", self.sent);
        page.counter("frames_received_total", "WebSocket frames read, of every kind.", self.frames);
        page.counter("credit_pauses_total", "Times a connection was left unread for a while.", self.pauses);
        page.gauge("paused_connections", "Connections left unread now.", &self.levels.paused);
        page.counter(
            "lags_total",
            "Times a connection began to read more slowly than it is told.",
            self.lags,
        );
        page.gauge("unsent_bytes", "Bytes that wait for slow readers.", &self.levels.unsent);
        page.gauge("held_bytes", "Bytes of everything that the memory limit counts.", &self.levels.held);
        page.gauge("held_limit_bytes", "The memory limit.", &limit(self.bounds.memory));
        page.counter("turns_total", "Turns of the event loop.", self.turns.count());
        page.histogram("turn_seconds", "What a turn takes, waiting not included.", &self.turns);
    }

    fn write_chat(&self, chat: &Chat, page: &mut Page) {
        page.gauge("persons", "Persons now.", &chat.counts.persons);
        page.gauge("rooms", "Rooms with somebody in them now.", &chat.counts.rooms);
        page.gauge("members_behind", "Members that read the past now, by page.", &chat.counts.behind);
        page.tally(
            "requests_total",
            "Messages read, by dialect; http is posts and reads without a WebSocket.",
            "dialect",
            &self.requests,
        );
        page.tally("entries_total", "Entries stored, by kind.", "kind", &self.entries);
        page.counter("entries_resent_total", "Entries that were stored already.", self.resent);
        page.counter("entries_refused_total", "Entries that the store refused.", self.unstored);
        page.counter("store_failures_total", "Requests that failed with the disk.", self.unknown);
        page.family("deliveries_total", "counter", "Entries told, once for each connection, and how.");
        page.sample("deliveries_total", &[("way", &"live")], &self.told);
        page.sample("deliveries_total", &[("way", &"page")], &self.paged);
        page.gauge("ring_bytes", "Bytes of the latest entries, kept in memory.", &chat.ring);
        page.gauge(
            "store_mail",
            "Letters to the store and answers from it that nobody has taken.",
            &chat.mail,
        );
        page.histogram(
            "store_seconds",
            "From the turn that posts an entry to the one that takes the answer.",
            &self.store,
        );
    }
}

/// Its functions are called dozens of times: inlined, each would be in the program as often.
struct Page(String);

impl Page {
    #[inline(never)]
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        let _ = writeln!(self.0, "# HELP snug_{name} {help}\n# TYPE snug_{name} {kind}");
    }

    #[inline(never)]
    fn sample(&mut self, name: &str, labels: &[(&str, &dyn Display)], value: &dyn Display) {
        let _ = write!(self.0, "snug_{name}");
        for (index, (label, text)) in labels.iter().enumerate() {
            let _ = write!(self.0, "{}{label}=\"{text}\"", if index == 0 { '{' } else { ',' });
        }
        let end = if labels.is_empty() { "" } else { "}" };
        let _ = writeln!(self.0, "{end} {value}");
    }

    #[inline(never)]
    fn gauge(&mut self, name: &str, help: &str, value: &dyn Display) {
        self.family(name, "gauge", help);
        self.sample(name, &[], value);
    }

    #[inline(never)]
    fn counter(&mut self, name: &str, help: &str, value: u64) {
        self.family(name, "counter", help);
        self.sample(name, &[], &value);
    }

    fn tally<K: Display>(&mut self, name: &str, help: &str, label: &str, tally: &Tally<K>) {
        self.family(name, "counter", help);
        for (key, count) in &tally.0 {
            self.sample(name, &[(label, key)], count);
        }
    }

    fn histogram(&mut self, name: &str, help: &str, histogram: &Histogram) {
        self.family(name, "histogram", help);
        let bucket = format!("{name}_bucket");
        for (bound, count) in histogram.cumulative() {
            self.sample(&bucket, &[("le", &seconds(bound))], &count);
        }
        self.sample(&bucket, &[("le", &"+Inf")], &histogram.count());
        self.sample(&format!("{name}_sum"), &[], &seconds(histogram.sum()));
        self.sample(&format!("{name}_count"), &[], &histogram.count());
    }
}

/// A bound that is lifted is never reached.
fn limit<N: Display>(bound: Option<N>) -> String {
    bound.map_or_else(|| "+Inf".to_owned(), |bound| bound.to_string())
}

fn seconds(micros: u64) -> String {
    let text = format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

impl Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Upgraded => "upgraded",
            Self::Answered => "answered",
            Self::Refused => "refused",
            Self::Unfinished => "unfinished",
            Self::TurnedAway => "turned-away",
        })
    }
}

impl Display for Full {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Address => "address",
            Self::Connections => "connections",
            Self::Memory => "memory",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Bounds;

    #[test]
    fn numbers_as_prometheus_reads_them() {
        for (micros, text) in [(0, "0"), (50, "0.00005"), (1_000_000, "1"), (10_500_001, "10.500001")] {
            assert_eq!(seconds(micros), text);
        }
    }

    #[test]
    fn a_family_has_its_help_and_type_before_its_samples() {
        let mut metrics = Metrics::new(["late-head"]);
        metrics.hangups.add("late-head");
        metrics.hangups.add("no-pong");
        metrics.bounds = Bounds { connections: Some(4000), memory: None };
        let text = metrics.text(&Chat::default());
        let lines = |name: &str| -> Vec<&str> { text.lines().filter(|line| line.contains(name)).collect() };
        assert_eq!(
            lines("snug_hangups_total"),
            [
                "# HELP snug_hangups_total Connections that the server ended, by reason.",
                "# TYPE snug_hangups_total counter",
                "snug_hangups_total{reason=\"late-head\"} 1",
                "snug_hangups_total{reason=\"no-pong\"} 1",
            ]
        );
        assert_eq!(lines("limit").iter().filter(|line| line.ends_with(" +Inf")).count(), 1);
        assert!(text.ends_with('\n'));
    }
}
