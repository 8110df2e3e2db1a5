//! Checks by promtool of Prometheus's configuration, of the rules with their tests, and of the
//! dashboards' queries.

use std::{fs, path::PathBuf, process::Command};

use anyhow::{Context as _, Result};

use super::{dashboards, sources};
use crate::{
    process,
    tools::{self, prometheus},
    workspace::local,
};

/// Runs every check.
pub(crate) fn run() -> Result<()> {
    prometheus::install()?;
    promtool(
        "Prometheus: configuration and rules",
        ["check", "config"],
        &[sources().join("prometheus.yml")],
    )?;
    promtool(
        "Prometheus: tests of the rules",
        ["test", "rules"],
        &rule_tests()?,
    )?;
    promtool(
        "Grafana: queries of the dashboards",
        ["check", "rules"],
        &[queries_as_rules()?],
    )
}

fn promtool(step: &str, command: [&str; 2], files: &[PathBuf]) -> Result<()> {
    process::run_logged(
        Command::new(prometheus::program("promtool")?)
            .args(command)
            .args(files),
        step,
        &tools::logs()?.join(format!("promtool-{}.log", command.join("-"))),
    )
}

fn rule_tests() -> Result<Vec<PathBuf>> {
    let mut tests = fs::read_dir(sources().join("tests"))?
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<Vec<_>>>()?;
    tests.sort();
    Ok(tests)
}

/// Writes the dashboards' queries to a rules file, which promtool can parse.
fn queries_as_rules() -> Result<PathBuf> {
    let rules: Vec<_> = dashboards::queries()?
        .iter()
        .enumerate()
        .map(|(index, query)| {
            serde_json::json!({
                "record": format!("dashboards:expression:{index}"),
                "expr": query.filled("5m"),
                "labels": {"panel": query.panel},
            })
        })
        .collect();
    let file = local().join("dashboards-as-rules.yml");
    let rules = serde_json::json!({"groups": [{"name": "dashboards", "rules": rules}]});
    fs::create_dir_all(local())?;
    fs::write(&file, serde_json::to_string_pretty(&rules)?)
        .with_context(|| format!("cannot write {}", file.display()))?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{stack::functions, workspace::root};

    #[test]
    fn filebeat_keeps_the_lines_of_every_function() {
        let path = root().join("deploy/observability/filebeat/filebeat.yml");
        let config = fs::read_to_string(path).unwrap();
        let (_, pattern) = config.split_once("service.name: '^(gateway|(").unwrap();
        let (domains, rest) = pattern.split_once(')').unwrap();
        assert!(rest.starts_with("-[a-z-]+)$'"), "{pattern}");
        for name in functions::names().unwrap() {
            let (domain, _) = name.split_once('-').unwrap();
            assert!(domains.split('|').any(|it| it == domain), "{name}");
        }
    }
}
