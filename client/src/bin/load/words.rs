//! What came of it, for people: the figures, and a verdict. Must not know how they were measured.

use std::fmt::Write as _;

use crate::args::{Mode, Pace, Plan};
use crate::dialect::Dialect;
use crate::report::{Report, Server, growth};

/// From so much on a processor is said to be at its limit.
const FULL: f64 = 0.9;
/// From so much waiting on the machine is said to be busy.
const BUSY: f64 = 0.2;
/// What a Snug server takes from one connection a second, unless told otherwise.
const USUAL_RATE: f64 = 100.0;

/// All of it.
pub(crate) fn tell(report: &Report, plan: &Plan) -> String {
    let mut text = format!("{}\n\n", what(plan));
    let mut row = |name: &str, value: String| {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "  {name:<15}{value}");
    };
    match plan.mode {
        Mode::Talk | Mode::Idle => talk_rows(report, plan, &mut row),
        Mode::Connect => {
            let each = report.a_second(report.handshakes);
            row(
                "handshakes",
                format!("{}, {} a second", whole(report.handshakes), whole(each.round() as u64)),
            );
            row("let in after", times(report));
        }
        Mode::Storm => {
            let joins = report.joins.max(1) as f64;
            row("joins", format!("{} in {:.2} s", whole(report.joins), report.joining));
            let bytes = |bytes: u64| format!("{} bytes, {:.0} a person", whole(bytes), bytes as f64 / joins);
            row("told, coming", bytes(report.bytes_joining));
            row("told, leaving", bytes(report.bytes_leaving));
        }
    }
    if let Some(server) = &report.server {
        server_rows(report, plan, server, &mut row);
    }
    row("load itself", format!("{:.0} % of a processor", report.load_share * 100.0));
    let _ = writeln!(text, "\n{}", verdict(report, plan));
    text
}

/// What was asked for, as a sentence.
fn what(plan: &Plan) -> String {
    let people = count(plan.people, "person", "people");
    let place = format!("{people} in {}", count(plan.rooms, "room", "rooms"));
    let dialect = match plan.dialect {
        Dialect::Plain => "",
        Dialect::SnugV1 => ", in snug.v1",
    };
    match plan.mode {
        Mode::Talk => {
            let pace = match plan.pace {
                Pace::Window(1) => "one line on the way for each".to_owned(),
                Pace::Window(window) => format!("{window} lines on the way for each"),
                Pace::Rate(rate) => format!("{rate} lines a second of all together"),
            };
            let talk = if plan.publishers == 1 { "talks" } else { "talk" };
            format!(
                "{place}, of whom {} in each {talk}: {} bytes a line, {pace}{dialect}",
                plan.publishers, plan.size
            )
        }
        Mode::Idle => format!("{place} do nothing for {} s, then each talks once{dialect}", plan.seconds),
        Mode::Connect => format!("{people} at a time come and go{dialect}"),
        Mode::Storm => format!("{people} come into one room and leave{dialect}"),
    }
}

fn talk_rows(report: &Report, plan: &Plan, row: &mut impl FnMut(&str, String)) {
    if plan.mode == Mode::Talk {
        let each =
            |all: u64| format!("{}, {} a second", whole(all), whole(report.a_second(all).round() as u64));
        row("lines said", each(report.messages));
        row("deliveries", each(report.deliveries));
    } else {
        row("deliveries", whole(report.deliveries));
    }
    row("latency", times(report));
    if report.ticks.count() > 0 {
        let at = |share| millis(report.ticks.at(share));
        row("ticks after", format!("median {}, 99 % within {}", at(500), at(990)));
    }
    let (lost, doubled, reordered) = (whole(report.lost), whole(report.doubled), whole(report.reordered));
    row(
        "lost",
        format!("{lost}; doubled {doubled}; out of order {reordered}; not ours {}", whole(report.strays)),
    );
}

fn server_rows(report: &Report, plan: &Plan, server: &Server, row: &mut impl FnMut(&str, String)) {
    let share = report.server_share() * 100.0;
    let (unit, number) = report.unit(plan.mode);
    let micros = |nanos: u64| nanos as f64 / 1e3 / number.max(1) as f64;
    match plan.mode {
        Mode::Idle => {
            row(
                "server",
                format!("{share:.1} % of a processor, woken up {} times", whole(server.usage.sleeps)),
            );
        }
        _ => {
            let (all, own) = (micros(server.usage.cpu), micros(server.usage.user));
            row(
                "server",
                format!("{share:.0} % of a processor: {all:.2} µs a {unit}, {own:.2} of them its own code"),
            );
        }
    }
    row(
        "its memory",
        format!("{} KiB before, {} KiB after", whole(server.before.rss), whole(server.after.rss)),
    );
    if plan.mode == Mode::Idle {
        let each = |memory| growth(server.before, memory, plan.people);
        let (idle, touched) = (each(server.after), each(report.touched));
        row("a connection", format!("{idle:.0} bytes (PSS), {touched:.0} after it has talked"));
    }
}

fn times(report: &Report) -> String {
    let at = |share| millis(report.latency.at(share));
    let largest = millis(report.latency.largest());
    format!("median {}, 99 % within {}, 99.9 % within {}, longest {largest}", at(500), at(990), at(999))
}

/// Whether all is well, and what kept it from being more.
fn verdict(report: &Report, plan: &Plan) -> String {
    let mut sentences = Vec::new();
    if matches!(plan.mode, Mode::Talk | Mode::Idle) {
        sentences.push(arrived(report));
    }
    if report.closed > 0 {
        sentences
            .push(format!("The server hung up on {}.", count(report.closed as usize, "person", "people")));
    }
    if report.errors > 0 {
        sentences.push(format!(
            "It complained {}; the first time: {}",
            count(report.errors as usize, "time", "times"),
            client::ui::harmless::line(&report.first_error)
        ));
    }
    match plan.mode {
        Mode::Talk | Mode::Connect => sentences.push(limit(report, plan)),
        Mode::Storm => sentences.push(format!(
            "Were each told of each, it would be some {} bytes a person.",
            whole(plan.people as u64 * 20)
        )),
        Mode::Idle => {}
    }
    sentences.join("\n")
}

fn arrived(report: &Report) -> String {
    let mut faults = Vec::new();
    if report.deliveries == 0 {
        faults.push(
            "Nobody heard anything. Does the server pass what is said on to the others in the room?".into(),
        );
    }
    if report.lost > 0 {
        faults.push(format!("{} never came.", count(report.lost as usize, "delivery", "deliveries")));
    }
    if report.on_the_way > 0 {
        faults.push(format!(
            "The server was far behind: {} had not come when the last line had been said for ten seconds.",
            count(report.on_the_way as usize, "delivery", "deliveries")
        ));
    }
    if report.doubled > 0 {
        faults.push(format!("{} came again.", count(report.doubled as usize, "delivery", "deliveries")));
    }
    if report.reordered > 0 {
        faults.push(format!(
            "{} came out of order.",
            count(report.reordered as usize, "delivery", "deliveries")
        ));
    }
    match faults.is_empty() {
        true => "Everything arrived, once and in order.".into(),
        false => faults.join(" "),
    }
}

/// Who or what kept it from being more.
fn limit(report: &Report, plan: &Plan) -> String {
    if report.load_share > FULL {
        return "load itself was at its limit, so the server may be able to do more: let load run on another machine, \
                or another processor."
            .into();
    }
    if plan.mode == Mode::Talk && is_at_the_usual_rate(report, plan) {
        return format!(
            "Each who talks got about {USUAL_RATE} lines a second through, which is what a Snug server takes from one \
             connection by default: start it with --max-rate 0 to lift that, or let more --publishers talk."
        );
    }
    if report.server_share() > FULL {
        return "The server's processor was the limit.".into();
    }
    if report.waited_share() > BUSY {
        return format!(
            "The server waited for a processor {:.0} % of the time: other programs are busy on its machine, or load itself \
             is.",
            report.waited_share() * 100.0
        );
    }
    match (plan.mode, plan.pace) {
        (Mode::Talk, Pace::Rate(rate)) if report.a_second(report.messages) < rate * 0.98 => {
            "load could not say as many lines as it was asked to.".into()
        }
        (Mode::Talk, Pace::Rate(rate)) => format!("{rate} lines a second were no burden; try a higher --rate."),
        (Mode::Talk, Pace::Window(_)) if report.server.is_none() => {
            "It was not load that was the limit. With --pid it can be told whether it was the server's processor; if \
             not, then the way there and back, and more --window or --publishers will show more."
                .into()
        }
        (Mode::Talk, Pace::Window(_)) => {
            "Neither was at its limit: each line waits for the one before it, so more --window or --publishers will \
             show more."
                .into()
        }
        _ if report.server.is_none() => {
            "It was not load that was the limit. With --pid it can be told whether it was the server's processor."
                .into()
        }
        _ => "Neither was at its limit; more --people at a time may show more.".into(),
    }
}

/// A limit of so many lines a second is met from below, after a while in which more was let through.
fn is_at_the_usual_rate(report: &Report, plan: &Plan) -> bool {
    let senders = (plan.publishers * plan.rooms) as f64;
    let heard = report.deliveries as f64 / (plan.people as f64 / plan.rooms as f64 - 1.0).max(1.0);
    let each = heard / report.seconds.max(0.001) / senders;
    let wants_more = match plan.pace {
        Pace::Window(_) => true,
        Pace::Rate(rate) => rate / senders > USUAL_RATE * 1.15,
    };
    wants_more && (0.85..1.15).contains(&(each / USUAL_RATE))
}

/// 1,234,567.
fn whole(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn count(number: usize, one: &str, many: &str) -> String {
    format!("{} {}", whole(number as u64), if number == 1 { one } else { many })
}

/// As many digits as say something.
fn millis(nanos: u64) -> String {
    match nanos as f64 / 1e6 {
        millis if millis < 0.1 => format!("{:.0} µs", millis * 1e3),
        millis if millis < 10.0 => format!("{millis:.2} ms"),
        millis if millis < 1000.0 => format!("{millis:.0} ms"),
        millis => format!("{:.1} s", millis / 1e3),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::{Wish, parse};
    use crate::process::{Memory, Usage};

    fn plan(line: &str) -> Plan {
        match parse(line.split_whitespace().map(Into::into), "load") {
            Ok(Wish::Run(plan)) => *plan,
            other => panic!("{line}: {other:?}"),
        }
    }

    /// Five seconds in which so many lines came to all of ten.
    fn five_seconds(lines: u64) -> Report {
        let mut report = Report {
            seconds: 5.0,
            messages: lines,
            deliveries: lines * 9,
            load_share: 0.2,
            ..Report::default()
        };
        (0..lines * 9).for_each(|_| report.latency.add(2_000_000));
        report
    }

    #[test]
    fn as_it_is_read() {
        let memory = |rss, pss| Memory { rss, pss };
        let usage = Usage { cpu: 4_750_000_000, user: 500_000_000, waited: 0, sleeps: 7 };
        let server = Server { usage, before: memory(3_300, 1_000), after: memory(3_400, 1_100) };
        let report = Report { server: Some(server), ..five_seconds(100_000) };
        assert_eq!(
            tell(&report, &plan("--people 10 --window 2 --pid 1")),
            "10 people in 1 room, of whom 1 in each talks: 64 bytes a line, 2 lines on the way for each\n\
             \n\
             \x20 lines said     100,000, 20,000 a second\n\
             \x20 deliveries     900,000, 180,000 a second\n\
             \x20 latency        median 2.00 ms, 99 % within 2.00 ms, 99.9 % within 2.00 ms, longest 2.00 ms\n\
             \x20 lost           0; doubled 0; out of order 0; not ours 0\n\
             \x20 server         95 % of a processor: 5.28 µs a delivery, 0.56 of them its own code\n\
             \x20 its memory     3,300 KiB before, 3,400 KiB after\n\
             \x20 load itself    20 % of a processor\n\
             \n\
             Everything arrived, once and in order.\n\
             The server's processor was the limit.\n"
        );
    }

    #[test]
    fn what_is_wrong_is_said() {
        let report = Report { lost: 1, doubled: 2, reordered: 3, closed: 1, ..five_seconds(7) };
        let said = verdict(&report, &plan("--people 10 --rate 1"));
        let expected = "1 delivery never came. 2 deliveries came again. 3 deliveries came out of order.\n\
                        The server hung up on 1 person.\n";
        assert!(said.starts_with(expected), "{said}");
        let said = verdict(&Report { on_the_way: 5, ..five_seconds(7) }, &plan("--people 10 --rate 1"));
        assert!(said.starts_with("The server was far behind: 5 deliveries had not come"), "{said}");
        let said = verdict(&five_seconds(0), &plan("--people 10"));
        assert!(said.starts_with("Nobody heard anything."), "{said}");
        let errors = Report { errors: 2, first_error: "! no\x1b[2J".into(), ..five_seconds(7) };
        let said = verdict(&errors, &plan("--people 10 --rate 1"));
        assert!(
            said.contains("It complained 2 times; the first time: ! no") && !said.contains('\x1b'),
            "{said}"
        );
    }

    #[test]
    fn who_was_the_limit() {
        let limit = |report: &Report, line: &str| limit(report, &plan(line));
        let busy = Report { load_share: 0.95, ..five_seconds(100_000) };
        assert!(limit(&busy, "--people 10").starts_with("load itself was at its limit"));
        // One sender gets 100 lines a second through: as Snug has it by default.
        let usual = five_seconds(500);
        assert!(limit(&usual, "--people 10").contains("--max-rate 0"));
        assert!(limit(&usual, "--people 10 --rate 1000").contains("--max-rate 0"));
        // It was not asked for more.
        assert!(limit(&usual, "--people 10 --rate 100").contains("100 lines a second were no burden"));
        // The same from five who talk is another limit.
        assert!(!limit(&usual, "--people 10 --publishers 5").contains("--max-rate"));
        assert!(limit(&five_seconds(10), "--people 10 --rate 20").contains("could not say as many"));
        assert!(limit(&five_seconds(9_000), "--people 10").contains("With --pid"));
        let usage = Usage { cpu: 1_000_000_000, waited: 2_000_000_000, ..Usage::default() };
        let crowded = Report { server: Some(Server { usage, ..Server::default() }), ..five_seconds(9_000) };
        assert!(
            limit(&crowded, "--people 10").starts_with("The server waited for a processor 40 % of the time")
        );
    }

    #[test]
    fn numbers_as_people_write_them() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(whole), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!(
            [42_000, 1_234_000, 56_789_000, 1_500_000_000].map(millis),
            ["42 µs", "1.23 ms", "57 ms", "1.5 s"]
        );
    }
}
