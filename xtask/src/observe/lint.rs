//! Checks that need no stack: rules and their tests, every dashboard's expressions, and the
//! configurations of what compose runs beside them.

use std::{fs, path::PathBuf, process::Command};

use anyhow::{Context as _, Result};

use super::{dashboards, sources};
use crate::{
    process,
    tools::{self, prometheus},
    workspace::{local, root},
};

/// All of them.
pub(crate) fn run() -> Result<()> {
    prometheus::install()?;
    let configuration = sources().join("prometheus.yml");
    promtool("Prometheus: configuration and rules", "config")?
        .args(["check", "config"])
        .arg(configuration)
        .finish()?;
    promtool("Prometheus: tests of the rules", "tests")?
        .args(["test", "rules"])
        .args(tests()?)
        .finish()?;
    promtool("Grafana: expressions of the dashboards", "dashboards")?
        .args(["check", "rules"])
        .arg(expressions()?)
        .finish()?;
    let mut check = tools::python();
    check.arg(root().join("deploy/observability/check.py"));
    process::run_logged(
        &mut check,
        "Observability: configurations",
        &tools::logs()?.join("observability.log"),
    )
}

/// One run of promtool, told as a step.
struct Promtool {
    command: Command,
    step: &'static str,
    log: PathBuf,
}

fn promtool(step: &'static str, log: &str) -> Result<Promtool> {
    Ok(Promtool {
        command: Command::new(prometheus::program("promtool")?),
        step,
        log: tools::logs()?.join(format!("promtool-{log}.log")),
    })
}

impl Promtool {
    fn args<T: AsRef<std::ffi::OsStr>>(mut self, arguments: impl IntoIterator<Item = T>) -> Self {
        self.command.args(arguments);
        self
    }

    fn arg(self, argument: impl AsRef<std::ffi::OsStr>) -> Self {
        self.args([argument])
    }

    fn finish(mut self) -> Result<()> {
        process::run_logged(&mut self.command, self.step, &self.log)
    }
}

fn tests() -> Result<Vec<PathBuf>> {
    let mut tests = fs::read_dir(sources().join("tests"))?
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<Vec<_>>>()?;
    tests.sort();
    Ok(tests)
}

/// Every dashboard's expressions as a file of rules, which promtool can parse.
fn expressions() -> Result<PathBuf> {
    let rules: Vec<_> = dashboards::queries()
        .iter()
        .enumerate()
        .map(|(index, query)| {
            serde_json::json!({
                "record": format!("dashboards:expression:{index}"),
                "expr": query.filled("5m"),
                "labels": {"place": query.place},
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
