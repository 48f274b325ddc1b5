//! The dashboard and the alerts in `server/dist` ask for what the server really has.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::exposition::Page;
use crate::{Scraped, Server};

const DASHBOARD: &str = include_str!("../../dist/grafana.json");
const ALERTS: &str = include_str!("../../dist/alerts.yml");

/// The expressions of the dashboard's panels.
fn asked_by_dashboard() -> Vec<String> {
    let dashboard: Value = serde_json::from_str(DASHBOARD).expect("JSON");
    let panels = dashboard["panels"].as_array().expect("panels");
    let mut expressions = Vec::new();
    for panel in panels.iter().filter(|panel| panel["type"] != "row") {
        assert_eq!(panel["datasource"]["uid"], "${datasource}", "whoever imports it chooses: {panel}");
        let targets = panel["targets"].as_array().expect("targets");
        assert!(!targets.is_empty(), "an empty panel: {panel}");
        expressions.extend(targets.iter().map(|target| target["expr"].as_str().expect("text").to_owned()));
    }
    let variables = dashboard["templating"]["list"].as_array().expect("variables");
    let sources: Vec<&Value> = variables.iter().filter(|variable| variable["type"] == "datasource").collect();
    assert_eq!((sources.len(), &sources[0]["name"]), (1, &Value::from("datasource")));
    expressions
}

/// The expressions of the alerts, each on one line.
fn asked_by_alerts() -> Vec<String> {
    let expressions: Vec<String> =
        ALERTS.lines().filter_map(|line| line.trim().strip_prefix("expr: ")).map(str::to_owned).collect();
    assert_eq!(expressions.len(), ALERTS.matches("- alert: ").count(), "one expression each");
    expressions
}

/// The names that begin with `snug_`.
fn names(expression: &str) -> BTreeSet<&str> {
    let parts = expression.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    parts.filter(|part| part.starts_with("snug_")).collect()
}

/// `name{label="value"…` where both are of the server's own making.
fn matchers(expression: &str) -> Vec<(&str, &str)> {
    let mut found = Vec::new();
    for name in names(expression) {
        let after = expression.split(name).skip(1).filter_map(|rest| rest.strip_prefix('{'));
        for labels in after.filter_map(|rest| rest.split('}').next()) {
            let own =
                labels.split(',').filter(|label| !label.starts_with("job") && !label.starts_with("instance"));
            found.extend(own.map(|label| (name, label)));
        }
    }
    found
}

fn family(page: &Page, name: &str) -> Option<String> {
    let part_of = |end: &str| name.strip_suffix(end).filter(|family| page.families.contains_key(*family));
    let histogram = ["_bucket", "_sum", "_count"].into_iter().find_map(part_of);
    histogram.or(page.families.contains_key(name).then_some(name)).map(str::to_owned)
}

#[test]
fn they_name_only_what_is_there() {
    let page = Server::start(&[]).scrape();
    for expression in asked_by_dashboard().into_iter().chain(asked_by_alerts()) {
        for name in names(&expression) {
            assert!(family(&page, name).is_some(), "there is no {name}: {expression}");
        }
        for (name, label) in matchers(&expression) {
            let label = label.replace("!=", "=");
            let there = page.samples.keys().any(|sample| sample.starts_with(name) && sample.contains(&label));
            assert!(there, "there is no {name}{{{label}}}: {expression}");
        }
    }
}

#[test]
fn the_dashboard_shows_all_of_it() {
    let page = Server::start(&[]).scrape();
    let expressions = asked_by_dashboard();
    let shown: BTreeSet<String> =
        expressions.iter().flat_map(|text| names(text)).filter_map(|name| family(&page, name)).collect();
    let there: BTreeSet<String> = page.families.keys().cloned().collect();
    assert_eq!(shown, there);
}

#[test]
fn names_and_labels_are_found() {
    let expression = r#"sum by (le) (rate(snug_a_bucket{job=~"$job",reason="memory"}[5m])) / snug_b > 0.7"#;
    assert_eq!(names(expression).into_iter().collect::<Vec<_>>(), ["snug_a_bucket", "snug_b"]);
    assert_eq!(matchers(expression), [("snug_a_bucket", r#"reason="memory""#)]);
}
