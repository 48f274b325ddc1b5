//! `../threats.txt`, held to what it says: the tests it names are there, no threat is missing, and no test of this
//! directory is left out.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// The threats that concern a server of rooms, frames and words; those between them belong to what is not there yet.
const NUMBERS: [&str; 36] = [
    "1", "2", "3", "4", "5", "8", "9", "10", "11", "12", "13", "14", "15", "16", "17", "18", "19", "20",
    "21", "23", "26", "27", "28", "30", "31", "32", "33", "34", "35", "36", "37", "38", "39", "40", "41",
    "42",
];

/// The advisories about others whose bad input is tried here, or will be.
const ADVISORIES: &str = "\
    CVE-2023-43669 RUSTSEC-2023-0065 CVE-2024-37890 CVE-2021-32640 WS-2017-0421 CVE-2026-48779 CVE-2026-62389 \
    CVE-2026-12151 CVE-2026-9675 CVE-2026-63495 CVE-2020-27813 CVE-2026-50161 CVE-2026-103472 CVE-2022-35922 \
    CVE-2020-35896 RUSTSEC-2020-0043 GO-2026-6278 CVE-2025-10148 CVE-2016-10544 CVE-2018-1000518 CVE-2014-2745 \
    OSV-2021-414 CVE-2025-11234 WeeChat-2.7 CVE-2021-33880 CVE-2021-32921 RUSTSEC-2024-0336 RUSTSEC-2024-0399 \
    Prosody-TLS Ergo-2039 Ergo-1226 CVE-2017-7651 CVE-2023-0809 CVE-2023-28366 CVE-2023-3592 CVE-2017-7652 \
    CVE-2017-7653 CVE-2017-9868 CVE-2018-12551 IRCServices-CVE-2007-6122 CVE-2026-43506 CVE-2026-43507 CVE-2021-32918 \
    CVE-2022-0217 CVE-2007-6062 CVE-2008-0285 CVE-2013-1747 CVE-2005-0226 CVE-2025-30089 GHSA-4225-c933-76f3 \
    RUSTSEC-2025-0055 CVE-2021-42574 CVE-2026-44211 CVE-2023-47090 CVE-2025-30215 SQLite-WAL-reset";

/// What stands below a threat.
#[derive(Debug, PartialEq, Eq)]
enum Answer<'a> {
    Test { file: &'a str, name: &'a str },
    Beside(&'a str),
    Not(&'a str),
}

/// The table, by number or name.
fn read(table: &str) -> Result<BTreeMap<&str, Vec<Answer<'_>>>, String> {
    let mut threats = BTreeMap::new();
    let mut current: Vec<&str> = Vec::new();
    for line in table.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#')) {
        if !line.starts_with(' ') {
            let (names, what) = line.split_once(" | ").ok_or_else(|| format!("no bar: {line}"))?;
            current = names.split_whitespace().collect();
            if current.is_empty() || what.trim().is_empty() {
                return Err(format!("no name, or not what it is: {line}"));
            }
            for name in &current {
                if threats.insert(*name, Vec::new()).is_some() {
                    return Err(format!("{name} stands there twice"));
                }
            }
            continue;
        }
        for name in &current {
            threats.entry(name).or_default().extend(answers(line.trim()));
        }
    }
    match threats.iter().find(|(_, answers)| answers.is_empty()) {
        Some((name, _)) => Err(format!("nothing answers {name}")),
        None => Ok(threats),
    }
}

fn answers(line: &str) -> Vec<Answer<'_>> {
    if let Some(check) = line.strip_prefix("beside: ") {
        return vec![Answer::Beside(check)];
    }
    if let Some(reason) = line.strip_prefix("later: ").or(line.strip_prefix("no: ")) {
        return vec![Answer::Not(reason)];
    }
    let mut words = line.split_whitespace();
    let file = words.next().unwrap_or_default();
    let tests: Vec<_> = words.map(|name| Answer::Test { file, name }).collect();
    // A file without a test is found to be none.
    if tests.is_empty() { vec![Answer::Test { file, name: "" }] } else { tests }
}

/// The names of the tests in a file of Rust.
fn tests_in(source: &str) -> BTreeSet<&str> {
    let mut tests = BTreeSet::new();
    let mut is_test = false;
    for line in source.lines().map(str::trim) {
        if line == "#[test]" {
            is_test = true;
        } else if let Some(rest) = line.strip_prefix("fn ") {
            let name = rest.split_once('(').map_or("", |(name, _)| name);
            if std::mem::take(&mut is_test) {
                tests.insert(name);
            }
        }
    }
    tests
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the server is a directory of the house")
}

fn source(file: &str) -> String {
    std::fs::read_to_string(root().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

#[test]
fn every_threat_has_its_test_and_every_test_its_threat() {
    let table = include_str!("../threats.txt");
    let threats = read(table).unwrap_or_else(|fault| panic!("threats.txt: {fault}"));
    for wanted in NUMBERS.into_iter().chain(ADVISORIES.split_whitespace()) {
        assert!(threats.contains_key(wanted), "threats.txt has no line for {wanted}");
    }
    let mut named = BTreeSet::new();
    for (threat, answers) in &threats {
        for answer in answers {
            match answer {
                Answer::Test { file, name } => {
                    assert!(tests_in(&source(file)).contains(name), "{threat}: {file} has no test {name:?}");
                    named.insert((*file, *name));
                }
                Answer::Beside(check) => {
                    assert!(root().join(check).is_file(), "{threat}: there is no {check}");
                }
                Answer::Not(reason) => assert!(reason.len() > 5, "{threat}: why not?"),
            }
        }
    }
    for entry in root().join("server/tests/threats").read_dir().expect("it is here") {
        let file = format!("server/tests/threats/{}", entry.expect("a file").file_name().to_string_lossy());
        if file.ends_with("/table.rs") {
            continue;
        }
        for name in tests_in(&source(&file)) {
            assert!(
                named.contains(&(file.as_str(), name)),
                "{file}: {name} stands under no threat in threats.txt"
            );
        }
    }
    println!("{} threats and advisories, {} tests", threats.len(), named.len());
}

#[test]
fn the_table_is_read_strictly() {
    assert!(read("1 Heads\n    a.rs b\n").is_err(), "no bar");
    assert!(read("1 | Heads\n\n2 | Frames\n    a.rs b\n").is_err(), "nothing below it");
    assert!(read("1 | Heads\n    a.rs b\n1 | Heads\n    a.rs b\n").is_err(), "twice");
    let two = read("# x\n1 A-2 | Heads\n    a.rs b c\n    later: x\n").expect("it is good");
    let expected = || {
        let test = |name| Answer::Test { file: "a.rs", name };
        vec![test("b"), test("c"), Answer::Not("x")]
    };
    assert_eq!(two, BTreeMap::from([("1", expected()), ("A-2", expected())]));
    assert_eq!(
        tests_in("#[test]\nfn a() {}\nfn b() {}\n/// x\n#[test]\n#[ignore]\nfn c() {}\n"),
        BTreeSet::from(["a", "c"])
    );
}
