//! Grafana's dashboards, which are JSON files in `deploy/observability/grafana/dashboards`.

use std::{fmt, fs, path::PathBuf};

use anyhow::{Context as _, Result};
use serde_json::Value;

use crate::workspace::root;

/// A dashboard's file name and contents.
type Dashboard = (String, Value);

/// A query to Prometheus.
pub(crate) struct Query {
    /// Title of the dashboard and of the panel.
    pub(crate) panel: String,
    /// PromQL, with Grafana's variables.
    pub(crate) expression: String,
    /// Whether the panel shows exemplars.
    pub(crate) exemplars: bool,
}

impl Query {
    /// The expression with every variable at "All" and rates over `window`.
    pub(crate) fn filled(&self, window: &str) -> String {
        self.expression
            .replace("$__rate_interval", window)
            .replace("$__range", window)
            .replace("$transport", ".*")
            .replace("$operation", ".*")
    }
}

impl fmt::Display for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.panel, self.expression)
    }
}

/// Every dashboard, sorted by file name.
fn all() -> Result<Vec<Dashboard>> {
    let mut dashboards = Vec::new();
    for entry in fs::read_dir(folder())? {
        let path = entry?.path();
        let text = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let model = serde_json::from_slice(&text)
            .with_context(|| format!("{} isn't JSON", path.display()))?;
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        dashboards.push((name.into_owned(), model));
    }
    dashboards.sort_by(|(one, _), (other, _)| one.cmp(other));
    Ok(dashboards)
}

/// Every query of every dashboard to Prometheus.
pub(crate) fn queries() -> Result<Vec<Query>> {
    let mut queries = Vec::new();
    for (_, model) in all()? {
        for panel in list(&model["panels"]) {
            for target in list(&panel["targets"]) {
                if let Some(expression) = target["expr"].as_str() {
                    queries.push(Query {
                        panel: format!("{}: {}", text(&model["title"]), text(&panel["title"])),
                        expression: expression.to_owned(),
                        exemplars: target["exemplar"] == true,
                    });
                }
            }
        }
    }
    Ok(queries)
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

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    /// Columns of Grafana's grid.
    const COLUMNS: u64 = 24;

    #[test]
    fn uids_ids_and_titles_are_unique_and_panels_do_not_overlap() {
        let mut uids = HashSet::new();
        for (name, model) in all().unwrap() {
            assert!(uids.insert(text(&model["uid"]).to_owned()), "{name}");
            let (mut ids, mut titles, mut cells) = (HashSet::new(), HashSet::new(), HashSet::new());
            for panel in list(&model["panels"]) {
                let title = text(&panel["title"]);
                assert!(ids.insert(panel["id"].as_u64()), "{name}: {title}");
                assert!(titles.insert(title.to_owned()), "{name}: {title}");
                let cell = |field: &str| panel["gridPos"][field].as_u64().unwrap();
                assert!(cell("x") + cell("w") <= COLUMNS, "{name}: {title} too wide");
                for x in cell("x")..cell("x") + cell("w") {
                    for y in cell("y")..cell("y") + cell("h") {
                        assert!(cells.insert((x, y)), "{name}: {title} overlaps another");
                    }
                }
            }
        }
        assert!(!uids.is_empty());
    }

    #[test]
    fn every_panel_queries_a_provisioned_data_source() {
        let sources = fs::read_to_string(
            root().join("deploy/observability/grafana/provisioning/datasources/trichrome.yml"),
        )
        .unwrap();
        for (name, model) in all().unwrap() {
            for panel in list(&model["panels"]).filter(|panel| panel["type"] != "row") {
                let title = text(&panel["title"]);
                let mut refs = HashSet::new();
                for target in list(&panel["targets"]) {
                    let source = text(&target["datasource"]["uid"]);
                    assert!(
                        !source.is_empty() && sources.contains(&format!("uid: {source}\n")),
                        "{name}: {title} queries {source:?}"
                    );
                    assert!(refs.insert(text(&target["refId"])), "{name}: {title}");
                }
                assert!(!refs.is_empty(), "{name}: {title} has no query");
            }
        }
    }

    #[test]
    fn queries_use_known_variables() {
        for query in queries().unwrap() {
            let filled = query.filled("5m");
            assert!(!filled.contains('$'), "{}: {filled}", query.panel);
        }
    }
}
