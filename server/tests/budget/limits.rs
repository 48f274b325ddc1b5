//! The limits: a file of rows, what is held against them, and how it is told. Must not know how anything is measured.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use crate::{Figures, part_of};

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/budget/limits.txt");

/// A figure below this share of its limit is told, so that somebody makes the limit narrower.
const FAR_BELOW: f64 = 0.8;

/// The file, line by line.
pub(crate) struct Limits(Vec<Line>);

enum Line {
    /// A comment, or nothing.
    Words(String),
    Row(Row),
}

#[derive(Clone)]
struct Row {
    name: String,
    limit: f64,
    measured: f64,
    /// In percent of what was measured. Without it, the limit is a goal: it was chosen, and no figure changes it.
    margin: Option<f64>,
    unit: String,
    since: String,
    why: String,
}

impl Limits {
    pub(crate) fn read() -> Result<Self, String> {
        let text = std::fs::read_to_string(FILE).map_err(|error| format!("cannot read {FILE}: {error}"))?;
        Self::parse(&text)
    }

    fn parse(text: &str) -> Result<Self, String> {
        let lines = text.lines().enumerate().map(|(at, line)| match line.trim() {
            words if words.is_empty() || words.starts_with('#') => Ok(Line::Words(line.to_owned())),
            row => match Row::parse(row) {
                Some(row) => Ok(Line::Row(row)),
                None => Err(format!(
                    "{FILE}, line {}: not 'name | limit | measured | margin | unit | since | why'",
                    at + 1
                )),
            },
        });
        let limits = Self(lines.collect::<Result<_, _>>()?);
        let mut names = BTreeSet::new();
        if let Some(double) = limits.rows().find(|row| !names.insert(&row.name)) {
            return Err(format!("{FILE}: {} has two limits", double.name));
        }
        Ok(limits)
    }

    fn rows(&self) -> impl Iterator<Item = &Row> {
        self.0.iter().filter_map(|line| if let Line::Row(row) = line { Some(row) } else { None })
    }

    /// Prints all that was measured, and what is wrong with it.
    pub(crate) fn hold(&self, figures: &Figures, is_chosen: impl Fn(&str) -> bool) -> Result<(), String> {
        let (table, faults) = self.judge(figures, is_chosen);
        print!("\n{table}");
        if faults.is_empty() {
            return Ok(());
        }
        Err(format!("{}\nIf it is worth that, say why in {FILE}.", faults.join("\n        ")))
    }

    /// The table, and a sentence for each fault.
    fn judge(&self, figures: &Figures, is_chosen: impl Fn(&str) -> bool) -> (String, Vec<String>) {
        let mut table = format!("{:32} {:>12} {:>12}  {}\n", "", "measured", "limit", "");
        let mut faults = Vec::new();
        let mut known = BTreeSet::new();
        for row in self.rows().filter(|row| is_chosen(part_of(&row.name))) {
            known.insert(&row.name);
            let Some(&figure) = figures.get(&row.name) else {
                faults.push(format!("{} has a limit, and was not measured", row.name));
                continue;
            };
            let verdict = row.verdict(figure);
            if verdict == OVER {
                let (measured, limit) = (number(figure), number(row.limit));
                faults.push(format!("{} is {measured} {}, beyond its limit of {limit}", row.name, row.unit));
            }
            let (measured, limit) = (number(figure), number(row.limit));
            let _ = writeln!(table, "{:32} {measured:>12} {limit:>12}  {verdict}  {}", row.name, row.unit);
        }
        for (name, figure) in figures.iter().filter(|(name, _)| !known.contains(name)) {
            faults.push(format!("{name} was measured ({}), and has no limit", number(*figure)));
        }
        (table, faults)
    }

    /// Puts figures and the limits that follow from them into the file; where nothing has changed, nothing changes.
    pub(crate) fn write(mut self, figures: &Figures, today: &str) -> Result<(), String> {
        let known: BTreeSet<String> = self.rows().map(|row| row.name.clone()).collect();
        for line in &mut self.0 {
            if let Line::Row(row) = line {
                if let Some(figure) = figures.get(&row.name) {
                    row.renew(*figure, today);
                }
            }
        }
        for (name, figure) in figures.iter().filter(|(name, _)| !known.contains(*name)) {
            let mut row =
                Row::parse(&format!("{name} | -1 | -1 | 10 | unit? | {today} | why?")).expect("a row");
            row.renew(*figure, today);
            self.0.push(Line::Row(row));
        }
        let lines = self.0.iter().map(|line| match line {
            Line::Words(words) => words.clone() + "\n",
            Line::Row(row) => row.text() + "\n",
        });
        std::fs::write(FILE, lines.collect::<String>())
            .map_err(|error| format!("cannot write {FILE}: {error}"))?;
        println!("{FILE} has the new figures; `git diff` shows them");
        Ok(())
    }
}

const OVER: &str = "OVER";

impl Row {
    fn parse(line: &str) -> Option<Self> {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let [name, limit, measured, margin, unit, since, why] = cells.try_into().ok()?;
        let margin = match margin {
            "goal" => None,
            percent => Some(percent.strip_suffix('%')?.trim().parse().ok()?),
        };
        let [limit, measured] = [limit, measured].map(|figure| figure.replace(',', "").parse().ok());
        let [name, unit, since, why] = [name, unit, since, why].map(str::to_owned);
        let is_whole = ![&name, &unit, &since, &why].iter().any(|cell| cell.is_empty());
        is_whole.then_some(Self { name, limit: limit?, measured: measured?, margin, unit, since, why })
    }

    fn text(&self) -> String {
        let Self { name, limit, measured, margin, unit, since, why } = self;
        let (limit, measured) = (number(*limit), number(*measured));
        let margin = margin.map_or("goal".to_owned(), |percent| format!("{percent} %"));
        format!("{name:32} | {limit:>10} | {measured:>10} | {margin:>6} | {unit:24} | {since} | {why}")
    }

    fn verdict(&self, figure: f64) -> &'static str {
        // As exact as it is told: a poll more or less in ten thousand calls is nothing. Not `figure > limit`, since what is
        // not a number is not within anything.
        match figure < self.limit + 0.0005 {
            false => OVER,
            true if self.margin.is_some() && figure < self.limit * FAR_BELOW => {
                "ok, and far below: .ci/budget --write makes the limit narrower"
            }
            true => "ok",
        }
    }

    /// A figure that is as it was, but for what repeats less than others, leaves everything as it is.
    fn renew(&mut self, figure: f64, today: &str) {
        let slack = self.measured * self.margin.unwrap_or(0.0) / 300.0;
        if (figure - self.measured).abs() <= slack.max(0.0005) && figure <= self.limit {
            return;
        }
        self.measured = figure;
        self.since = today.to_owned();
        if let Some(margin) = self.margin {
            self.limit = rounded_up(figure * (1.0 + margin / 100.0));
        }
    }
}

/// To three digits, and to a thousandth.
fn rounded_up(figure: f64) -> f64 {
    let step = 10_f64.powf((figure.max(1e-9).log10().floor() - 2.0).max(-3.0));
    (figure / step - 1e-6).ceil() * step
}

/// "2,088,976", "635", "26.4", "1.020".
fn number(figure: f64) -> String {
    let digits = match figure.abs() {
        large if large >= 100.0 => 0,
        middle if middle >= 10.0 => 1,
        _ => 3,
    };
    let text = format!("{figure:.digits$}");
    let (whole, part) = text.split_once('.').map_or((&*text, None), |(whole, part)| (whole, Some(part)));
    let mut grouped = String::new();
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at) % 3 == 0 && !grouped.ends_with('-') {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped + &part.map_or(String::new(), |part| format!(".{part}"))
}

/// A check that cannot say no proves nothing. Looked at before anything is measured.
pub(crate) fn can_say_no() {
    let limits = Limits::parse(
        "# words\n\na.one | 10 | 9 | 10 % | B | 2026-11-22 | so\na.two | 0 | 0 | goal | B | 2026-11-22 | so",
    );
    let limits = limits.expect("it is well-formed");
    let faults = |figures: &[(&str, f64)]| {
        let figures = figures.iter().map(|(name, figure)| ((*name).to_owned(), *figure)).collect();
        limits.judge(&figures, |part| part == "a").1.len()
    };
    assert_eq!(faults(&[("a.one", 10.0), ("a.two", 0.0)]), 0);
    assert_eq!(faults(&[("a.one", 10.1), ("a.two", 0.001)]), 2, "beyond");
    assert_eq!(faults(&[("a.one", f64::NAN), ("a.two", 0.0)]), 1, "not a number");
    assert_eq!(faults(&[("a.one", 10.0)]), 1, "not measured");
    assert_eq!(faults(&[("a.one", 10.0), ("a.two", 0.0), ("a.three", 0.0)]), 1, "no limit");
    assert!(
        limits
            .judge(&Figures::from([("a.one".into(), 7.9), ("a.two".into(), 0.0)]), |_| true)
            .0
            .contains("far below")
    );
    for broken in
        ["a | 1", "a | one | 1 | goal | B | 2026-11-22 | so", "a | 1 | 1 | goal | B | 2026-11-22 | "]
    {
        assert!(Limits::parse(broken).is_err(), "{broken}");
    }
    assert!(
        Limits::parse("a | 1 | 1 | goal | B | d | so\na | 2 | 1 | goal | B | d | so").is_err(),
        "two limits"
    );
    assert_eq!([2_088_976.0, 26.44, 1.02, 0.0].map(number), ["2,088,976", "26.4", "1.020", "0.000"]);
    assert_eq!(
        [698.5, 1.0201, 0.0341, 2_297_873.6].map(rounded_up).map(number),
        ["699", "1.030", "0.035", "2,300,000"]
    );
}
