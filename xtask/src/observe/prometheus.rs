//! A Prometheus beside a stack, and questions to it.

use std::{fmt, fs, path::Path, process::Command, time::Duration};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;
use ureq::Agent;

use super::{Prometheus, sources};
use crate::tools::prometheus::program;

const TIMEOUT: Duration = Duration::from_secs(10);

/// How to start it: it scrapes the gateway on `gateway`, with the project's rules.
pub(crate) fn command(prometheus: Prometheus, state: &Path, gateway: u16) -> Result<Command> {
    let folder = state.join("prometheus");
    fs::create_dir_all(&folder)?;
    let config = folder.join("prometheus.yml");
    fs::write(&config, configuration(prometheus, gateway)?)
        .with_context(|| format!("cannot write {}", config.display()))?;
    let mut command = Command::new(program("prometheus")?);
    command
        .arg(format!("--config.file={}", config.display()))
        .arg(format!(
            "--storage.tsdb.path={}",
            folder.join("data").display()
        ))
        .arg("--storage.tsdb.retention.time=31d")
        .arg(format!(
            "--web.listen-address=127.0.0.1:{}",
            prometheus.port
        ))
        .arg("--enable-feature=exemplar-storage")
        .arg("--log.level=warn")
        .current_dir(folder);
    Ok(command)
}

/// JSON, which is YAML too: a path may hold any character.
fn configuration(prometheus: Prometheus, gateway: u16) -> Result<String> {
    let job = |name: &str, port: u16| {
        serde_json::json!({
            "job_name": name,
            "static_configs": [{"targets": [format!("127.0.0.1:{port}")]}],
        })
    };
    Ok(serde_json::to_string_pretty(&serde_json::json!({
        "global": {
            "scrape_interval": prometheus.interval,
            "scrape_timeout": prometheus.interval,
            "evaluation_interval": prometheus.interval,
        },
        "rule_files": [sources().join("rules/*.yml")],
        "scrape_configs": [job("gateway", gateway), job("prometheus", prometheus.port)],
    }))?)
}

/// Where it says that it is ready.
pub(crate) fn ready_url(port: u16) -> String {
    format!("http://127.0.0.1:{port}/-/ready")
}

/// Asks for the values that an expression has now; answers the series.
///
/// # Errors
///
/// It is not there, or does not take the expression.
pub(crate) fn query(port: u16, expression: &str) -> Result<Vec<Value>> {
    let data = ask(port, "query", &[("query", expression)])?;
    match &data["resultType"] {
        // One number, without labels.
        Value::String(kind) if kind == "scalar" => Ok(vec![data["result"].clone()]),
        _ => Ok(list(&data["result"])),
    }
}

/// Asks for the exemplars of the series in an expression, from `start` to `end` (seconds of
/// the epoch).
///
/// # Errors
///
/// As [`query`].
pub(crate) fn exemplars(port: u16, expression: &str, start: u64, end: u64) -> Result<Vec<Value>> {
    let (start, end) = (start.to_string(), end.to_string());
    let parameters = [("query", expression), ("start", &start), ("end", &end)];
    Ok(list(&ask(port, "query_exemplars", &parameters)?))
}

/// The names of all series that a job ever had.
///
/// # Errors
///
/// As [`query`].
pub(crate) fn names(port: u16, job: &str) -> Result<Vec<String>> {
    let series = format!("{{job=\"{job}\"}}");
    let names = ask(port, "label/__name__/values", &[("match[]", &series)])?;
    Ok(serde_json::from_value(names)?)
}

/// A rule, and what became of it.
pub(crate) struct Rule(Value);

impl Rule {
    /// Whether it was evaluated, and could be.
    pub(crate) fn is_ok(&self) -> bool {
        self.0["health"] == "ok"
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(rule) = self;
        write!(
            f,
            "{}: {} {}",
            rule["name"], rule["health"], rule["lastError"]
        )
    }
}

/// All rules.
///
/// # Errors
///
/// As [`query`].
pub(crate) fn rules(port: u16) -> Result<Vec<Rule>> {
    let data = ask(port, "rules", &[])?;
    let rules = list(&data["groups"])
        .into_iter()
        .flat_map(|group| list(&group["rules"]));
    Ok(rules.map(Rule).collect())
}

/// Whether Prometheus only took too long to answer.
pub(crate) fn is_late(error: &anyhow::Error) -> bool {
    let error = error.downcast_ref::<ureq::Error>();
    matches!(error, Some(ureq::Error::Timeout(_)))
}

fn ask(port: u16, what: &str, parameters: &[(&str, &str)]) -> Result<Value> {
    let agent: Agent = Agent::config_builder()
        .timeout_global(Some(TIMEOUT))
        .http_status_as_error(false)
        .proxy(None)
        .build()
        .into();
    let mut answer: Value = agent
        .get(format!("http://127.0.0.1:{port}/api/v1/{what}"))
        .query_pairs(parameters.iter().copied())
        .call()
        .context("cannot ask Prometheus")?
        .body_mut()
        .read_json()
        .context("Prometheus does not answer JSON")?;
    if answer["status"] != "success" {
        bail!("Prometheus: {}", answer["error"]);
    }
    Ok(answer["data"].take())
}

fn list(value: &Value) -> Vec<Value> {
    value.as_array().cloned().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_does_not_answer_is_late() {
        let late = ureq::Error::Timeout(ureq::Timeout::Global);
        assert!(is_late(&anyhow::Error::new(late).context("cannot ask")));
        // Who is not there is not.
        assert!(!is_late(&rules(1).err().unwrap()));
    }

    #[test]
    fn the_configuration_names_target_and_rules() {
        let prometheus = Prometheus {
            port: 9,
            interval: "1s",
        };
        let text = configuration(prometheus, 3005).unwrap();
        let config: Value = serde_json::from_str(&text).unwrap();
        let job = &config["scrape_configs"][0];
        assert_eq!(job["job_name"], "gateway");
        assert_eq!(job["static_configs"][0]["targets"][0], "127.0.0.1:3005");
        let rules = config["rule_files"][0].as_str().unwrap();
        assert!(rules.ends_with("deploy/observability/prometheus/rules/*.yml"));
    }
}
