//! Grafana's dashboards. Their source is here; `cargo xtask generate` writes them to
//! `deploy/observability/grafana/dashboards`, and a test holds those files against it.

mod analytics;
mod functions;
mod kafka;
mod overview;
mod panel;
mod slo;

use std::{collections::BTreeMap, fs, path::PathBuf};

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use crate::workspace::root;
use panel::{COLUMNS, Panel};

/// Rows of panels under a title.
struct Row {
    title: &'static str,
    panels: Vec<Panel>,
}

/// A choice at a dashboard's top. Its values are a label's, and every label's are bounded.
struct Variable {
    name: &'static str,
    label: &'static str,
    /// Its values are those that the label of this name has.
    metric: &'static str,
}

const TRANSPORT: Variable = Variable {
    name: "transport",
    label: "Transport",
    metric: "trichrome_gateway_facade_requests_total",
};

const OPERATION: Variable = Variable {
    name: "operation",
    label: "Operation",
    metric: "trichrome_gateway_calls_total",
};

struct Dashboard {
    /// In its address, after `trichrome-`, and its file's name.
    name: &'static str,
    title: &'static str,
    about: &'static str,
    variables: &'static [Variable],
    rows: Vec<Row>,
}

fn all() -> Vec<Dashboard> {
    vec![
        overview::dashboard(),
        functions::dashboard(),
        kafka::dashboard(),
        analytics::dashboard(),
        slo::dashboard(),
    ]
}

/// Every dashboard's model, with its file's name.
pub(crate) fn models() -> Vec<(String, Value)> {
    all()
        .into_iter()
        .map(|dashboard| (format!("{}.json", dashboard.name), dashboard.model()))
        .collect()
}

/// One question to Prometheus.
pub(crate) struct Query {
    /// The dashboard's and the panel's title.
    pub(crate) place: String,
    /// With Grafana's variables in it.
    pub(crate) expression: String,
    /// Whether the panel shows exemplars.
    pub(crate) exemplars: bool,
}

impl Query {
    /// As Grafana asks with all variables at "All", rates being over `window`.
    pub(crate) fn filled(&self, window: &str) -> String {
        self.expression
            .replace("$__rate_interval", window)
            .replace("$__range", window)
            .replace("$transport", ".*")
            .replace("$operation", ".*")
    }
}

/// Every question that the dashboards ask Prometheus.
pub(crate) fn queries() -> Vec<Query> {
    let mut queries = Vec::new();
    for (_, model) in models() {
        for panel in list(&model["panels"]) {
            for target in list(&panel["targets"]) {
                if let Some(expression) = target["expr"].as_str() {
                    queries.push(Query {
                        place: format!("{}: {}", text(&model["title"]), text(&panel["title"])),
                        expression: expression.to_owned(),
                        exemplars: target["exemplar"] == true,
                    });
                }
            }
        }
    }
    queries
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn folder() -> PathBuf {
    root().join("deploy/observability/grafana/dashboards")
}

/// Writes the files.
pub(crate) fn write() -> Result<()> {
    for (name, model) in models() {
        let path = folder().join(name);
        fs::write(&path, print(&model)?)
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

fn print(model: &Value) -> Result<String> {
    Ok(serde_json::to_string_pretty(&sorted(model))? + "\n")
}

/// With every object's names in order: whether serde_json keeps them so depends on what else
/// is built beside it.
fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let fields: BTreeMap<_, _> = fields.iter().collect();
            let fields = fields.into_iter();
            Value::Object(
                fields
                    .map(|(name, field)| (name.clone(), sorted(field)))
                    .collect(),
            )
        }
        Value::Array(items) => items.iter().map(sorted).collect(),
        other => other.clone(),
    }
}

impl Dashboard {
    fn model(self) -> Value {
        let mut panels = Vec::new();
        let (mut id, mut y) = (0, 0);
        for row in self.rows {
            id += 1;
            panels.push(json!({
                "id": id, "type": "row", "title": row.title, "collapsed": false, "panels": [],
                "gridPos": {"x": 0, "y": y, "w": COLUMNS, "h": 1},
            }));
            y += 1;
            let (mut x, mut height) = (0, 0);
            for panel in row.panels {
                if x + panel.width() > COLUMNS {
                    (x, y, height) = (0, y + height, 0);
                }
                id += 1;
                height = height.max(panel.height());
                let width = panel.width();
                panels.push(panel.at(id, x, y));
                x += width;
            }
            y += height;
        }
        json!({
            "uid": format!("trichrome-{}", self.name),
            "title": self.title,
            "description": self.about,
            "tags": ["trichrome"],
            "schemaVersion": 41,
            "version": 1,
            "editable": true,
            "graphTooltip": 1,
            "refresh": "10s",
            "time": {"from": "now-30m", "to": "now"},
            "timezone": "browser",
            "templating": {"list": self.variables.iter().map(Variable::model).collect::<Vec<_>>()},
            "annotations": {"list": [alerts()]},
            "links": links(),
            "panels": panels,
        })
    }
}

impl Variable {
    fn model(&self) -> Value {
        let query = format!("label_values({}, {})", self.metric, self.name);
        json!({
            "name": self.name,
            "label": self.label,
            "type": "query",
            "datasource": {"type": "prometheus", "uid": "prometheus"},
            "definition": query,
            "query": {"query": query, "refId": "variable"},
            "includeAll": true,
            "allValue": ".*",
            "multi": true,
            "current": {"selected": true, "text": ["All"], "value": ["$__all"]},
            "refresh": 2,
            "sort": 1,
        })
    }
}

/// Marks on every graph where an alert fires.
fn alerts() -> Value {
    json!({
        "name": "Alerts",
        "enable": true,
        "iconColor": "red",
        "datasource": {"type": "prometheus", "uid": "prometheus"},
        "expr": "ALERTS{alertname=~\"Trichrome.*\", alertstate=\"firing\"}",
        "titleFormat": "{{alertname}}",
        "textFormat": "{{severity}}",
        "tagKeys": "alertname",
    })
}

/// To the other dashboards, and to the tools behind them.
fn links() -> Value {
    let to = |title: &str, url: &str| {
        json!({
            "type": "link", "title": title, "url": url, "icon": "external link",
            "targetBlank": true, "asDropdown": false, "includeVars": false, "keepTime": false,
            "tags": [], "tooltip": "",
        })
    };
    json!([
        {
            "type": "dashboards", "title": "Dashboards", "tags": ["trichrome"], "icon": "dashboard",
            "asDropdown": true, "includeVars": true, "keepTime": true, "targetBlank": false,
            "tooltip": "", "url": "",
        },
        to("Traces", "http://localhost:16686/search?service=gateway"),
        to("Logs", "http://localhost:5601/app/discover#/view/trichrome-logs"),
        to("Alerts", "http://localhost:9090/alerts"),
    ])
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn the_files_are_current() {
        let mut names = HashSet::new();
        for (name, model) in models() {
            let file = fs::read_to_string(folder().join(&name)).unwrap();
            assert!(
                file == print(&model).unwrap(),
                "{name} is not current: run `cargo xtask generate`"
            );
            names.insert(name);
        }
        for entry in fs::read_dir(folder()).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            assert!(names.contains(&name), "{name} has no source");
        }
    }

    #[test]
    fn no_address_title_or_place_is_taken_twice() {
        let mut addresses = HashSet::new();
        for (name, model) in models() {
            assert!(addresses.insert(text(&model["uid"]).to_owned()), "{name}");
            let (mut ids, mut titles, mut cells) = (HashSet::new(), HashSet::new(), HashSet::new());
            for panel in list(&model["panels"]) {
                let title = text(&panel["title"]);
                assert!(ids.insert(panel["id"].as_u64()), "{name}: {title}");
                assert!(titles.insert(title.to_owned()), "{name}: {title} twice");
                let cell = |field: &str| panel["gridPos"][field].as_u64().unwrap();
                assert!(cell("x") + cell("w") <= COLUMNS, "{name}: {title} too wide");
                for x in cell("x")..cell("x") + cell("w") {
                    for y in cell("y")..cell("y") + cell("h") {
                        assert!(cells.insert((x, y)), "{name}: {title} covers another");
                    }
                }
            }
        }
    }

    #[test]
    fn every_panel_asks_a_source_that_is_provisioned() {
        let sources = fs::read_to_string(
            root().join("deploy/observability/grafana/provisioning/datasources/trichrome.yml"),
        )
        .unwrap();
        for (name, model) in models() {
            for panel in list(&model["panels"]).filter(|panel| panel["type"] != "row") {
                let title = text(&panel["title"]);
                let mut refs = HashSet::new();
                assert!(
                    !list(&panel["targets"]).collect::<Vec<_>>().is_empty(),
                    "{title}"
                );
                for target in list(&panel["targets"]) {
                    let source = text(&target["datasource"]["uid"]);
                    assert!(
                        !source.is_empty() && sources.contains(&format!("uid: {source}\n")),
                        "{name}: {title} asks {source:?}"
                    );
                    assert!(refs.insert(text(&target["refId"])), "{name}: {title}");
                }
            }
        }
    }

    #[test]
    fn variables_are_those_that_there_are() {
        for (name, model) in models() {
            let known: Vec<_> = list(&model["templating"]["list"])
                .map(|variable| format!("${}", text(&variable["name"])))
                .chain(["$__rate_interval".to_owned(), "$__range".to_owned()])
                .collect();
            for panel in list(&model["panels"]) {
                for target in list(&panel["targets"]) {
                    let mut rest = text(&target["expr"]).to_owned();
                    for variable in &known {
                        rest = rest.replace(variable, "");
                    }
                    assert!(!rest.contains('$'), "{name}: {rest}");
                }
            }
        }
    }
}
