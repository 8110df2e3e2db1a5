//! Compares `docs/runbook.md` with the alerts of Prometheus and the alarms of the template.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use super::{Template, yaml};

const RUNBOOK: &str = "docs/runbook.md";
const RULES: &str = "deploy/observability/prometheus/rules/alerts.yml";

/// What every section says: what the alert means, where to look, and what to do.
const PARTS: [&str; 3] = ["\n**Means.**", "\n**Look.**", "\n**Do.**"];

#[test]
fn every_alert_has_its_section() {
    let sections = sections("Alerts of Prometheus");
    let alerts = alerts();
    let names: BTreeSet<_> = alerts.keys().map(String::as_str).collect();
    assert_eq!(names, sections.keys().map(String::as_str).collect());
    for (name, link) in &alerts {
        assert_eq!(*link, format!("{RUNBOOK}#{}", anchor(name)), "{name}");
    }
}

#[test]
fn every_alarm_links_to_a_section() {
    let sections = sections("Alarms of CloudWatch");
    let template = Template::read();
    let mut linked = BTreeSet::new();
    for (id, alarm) in template.of_type("AWS::CloudWatch::Alarm") {
        let description = alarm["Properties"]["AlarmDescription"].as_str();
        let (_, link) = description
            .and_then(|text| text.rsplit_once(&format!(" {RUNBOOK}#")))
            .unwrap_or_else(|| panic!("{id}: end its description with {RUNBOOK}#…"));
        let section = sections
            .iter()
            .find(|(heading, _)| anchor(heading) == link)
            .unwrap_or_else(|| panic!("{id}: no section {link}"));
        // Alarms of several groups of functions share one section, which lists them.
        assert!(
            section.0 == id || section.1.contains(&format!("`{id}`")),
            "{id} isn't in its section"
        );
        linked.insert(section.0.as_str());
    }
    assert_eq!(linked, sections.keys().map(String::as_str).collect());
}

#[test]
fn every_section_says_what_to_do() {
    for (heading, text) in sections("Alerts of Prometheus")
        .into_iter()
        .chain(sections("Alarms of CloudWatch"))
    {
        let places = PARTS.map(|part| text.find(part));
        assert!(
            places.iter().all(Option::is_some) && places.is_sorted(),
            "{heading}: {PARTS:?}, in this order"
        );
    }
}

fn read(path: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    std::fs::read_to_string(root.join(path)).unwrap()
}

/// The sections of a chapter of the runbook, by heading.
fn sections(chapter: &str) -> BTreeMap<String, String> {
    let runbook = read(RUNBOOK);
    let chapter = runbook
        .split("\n## ")
        .find_map(|text| text.strip_prefix(chapter))
        .unwrap_or_else(|| panic!("no chapter {chapter}"));
    chapter
        .split("\n### ")
        .skip(1)
        .map(|section| {
            let (heading, text) = section.split_once('\n').unwrap();
            (heading.to_owned(), text.to_owned())
        })
        .collect()
}

/// The alerts and their links.
fn alerts() -> BTreeMap<String, String> {
    let rules = yaml::read(&read(RULES)).unwrap();
    let groups = rules["groups"].as_array().unwrap();
    let rules = groups.iter().flat_map(|group| {
        let rules = group["rules"].as_array();
        rules.map(Vec::as_slice).unwrap_or_default()
    });
    rules
        .filter_map(|rule| {
            let name = rule["alert"].as_str()?.to_owned();
            let link = &rule["annotations"]["runbook_url"];
            Some((name, link.as_str().map(str::to_owned).unwrap_or_default()))
        })
        .collect::<BTreeMap<_, _>>()
}

/// The fragment by which Markdown's renderers link to a heading of letters.
fn anchor(heading: &str) -> String {
    heading.to_lowercase()
}
