//! A Prometheus next to a stack, and queries to it.

use std::{fmt, fs, path::Path, process::Command, time::Duration};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use super::{Prometheus, sources};
use crate::{
    http::{self, agent},
    tools::prometheus::program,
};

const TIMEOUT: Duration = Duration::from_secs(10);

/// The command that starts it, to scrape the gateway on its port `admin`.
pub(crate) fn command(prometheus: Prometheus, state: &Path, admin: u16) -> Result<Command> {
    let folder = state.join("prometheus");
    fs::create_dir_all(&folder)?;
    let config = folder.join("prometheus.yml");
    fs::write(&config, configuration(prometheus, admin)?)
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

/// The configuration as JSON, which is valid YAML and escapes any path.
fn configuration(prometheus: Prometheus, admin: u16) -> Result<String> {
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
        "scrape_configs": [job("gateway", admin), job("prometheus", prometheus.port)],
    }))?)
}

/// Its readiness endpoint.
pub(crate) fn ready_url(port: u16) -> String {
    format!("http://127.0.0.1:{port}/-/ready")
}

/// The pages that it has. Debian's package leaves out the newer ones, and the unpacked package
/// finds none.
pub(crate) fn pages(port: u16) -> Vec<&'static str> {
    const PAGES: [[&str; 2]; 3] = [
        ["/alerts", "/classic/alerts"],
        ["/graph", "/classic/graph"],
        ["/targets", "/classic/targets"],
    ];
    let exists = |page: &&str| http::is_ok(&format!("http://127.0.0.1:{port}{page}"));
    PAGES
        .iter()
        .filter_map(|pages| pages.iter().copied().find(exists))
        .collect()
}

/// The current series of an expression.
///
/// # Errors
///
/// Prometheus can't be reached, or refuses the expression.
pub(crate) fn query(port: u16, expression: &str) -> Result<Vec<Value>> {
    let data = get(port, "query", &[("query", expression)])?;
    match &data["resultType"] {
        // A number without labels.
        Value::String(kind) if kind == "scalar" => Ok(vec![data["result"].clone()]),
        _ => Ok(list(&data["result"])),
    }
}

/// The exemplars of an expression's series, from `start` to `end` in Unix seconds.
///
/// # Errors
///
/// As [`query`].
pub(crate) fn exemplars(port: u16, expression: &str, start: u64, end: u64) -> Result<Vec<Value>> {
    let (start, end) = (start.to_string(), end.to_string());
    let parameters = [("query", expression), ("start", &start), ("end", &end)];
    Ok(list(&get(port, "query_exemplars", &parameters)?))
}

/// The names of all series that a job has had.
///
/// # Errors
///
/// As [`query`].
pub(crate) fn names(port: u16, job: &str) -> Result<Vec<String>> {
    let series = format!("{{job=\"{job}\"}}");
    let names = get(port, "label/__name__/values", &[("match[]", &series)])?;
    Ok(serde_json::from_value(names)?)
}

/// A rule with the outcome of its last evaluation.
pub(crate) struct Rule(Value);

impl Rule {
    /// Whether it was evaluated without an error.
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
    let data = get(port, "rules", &[])?;
    let rules = list(&data["groups"])
        .into_iter()
        .flat_map(|group| list(&group["rules"]));
    Ok(rules.map(Rule).collect())
}

/// Whether Prometheus did not respond in time.
pub(crate) fn is_timeout(error: &anyhow::Error) -> bool {
    let error = error.downcast_ref::<ureq::Error>();
    matches!(error, Some(ureq::Error::Timeout(_)))
}

fn get(port: u16, path: &str, parameters: &[(&str, &str)]) -> Result<Value> {
    let mut response: Value = agent(TIMEOUT)
        .get(format!("http://127.0.0.1:{port}/api/v1/{path}"))
        .query_pairs(parameters.iter().copied())
        .call()
        .context("cannot reach Prometheus")?
        .body_mut()
        .read_json()
        .context("Prometheus did not return JSON")?;
    if response["status"] != "success" {
        bail!("Prometheus: {}", response["error"]);
    }
    Ok(response["data"].take())
}

fn list(value: &Value) -> Vec<Value> {
    value.as_array().cloned().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_existing_pages_are_listed() {
        let listener = crate::port::bind(0).unwrap();
        let port = listener.local_addr().unwrap().port();
        std::thread::spawn(move || {
            use std::io::{Read as _, Write as _};
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut head = [0; 1024];
                let count = stream.read(&mut head).unwrap();
                let head = String::from_utf8_lossy(&head[..count]).into_owned();
                let exists = ["GET /alerts ", "GET /classic/graph "]
                    .iter()
                    .any(|page| head.starts_with(page));
                let status = if exists { "200 OK" } else { "500 No" };
                let answer =
                    format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
                stream.write_all(answer.as_bytes()).unwrap();
            }
        });
        assert_eq!(pages(port), ["/alerts", "/classic/graph"]);
    }

    #[test]
    fn only_a_missing_response_is_a_timeout() {
        let timeout = ureq::Error::Timeout(ureq::Timeout::Global);
        assert!(is_timeout(
            &anyhow::Error::new(timeout).context("cannot reach")
        ));
        // Nothing listens on port 1.
        assert!(!is_timeout(&rules(1).err().unwrap()));
    }

    #[test]
    fn the_configuration_has_the_target_and_the_rules() {
        let prometheus = Prometheus {
            port: 9,
            interval: "1s",
        };
        let text = configuration(prometheus, 6060).unwrap();
        let config: Value = serde_json::from_str(&text).unwrap();
        let job = &config["scrape_configs"][0];
        assert_eq!(job["job_name"], "gateway");
        assert_eq!(job["static_configs"][0]["targets"][0], "127.0.0.1:6060");
        let rules = config["rule_files"][0].as_str().unwrap();
        assert!(rules.ends_with("deploy/observability/prometheus/rules/*.yml"));
    }
}
