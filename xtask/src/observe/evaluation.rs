//! Checks after the end-to-end tests: the gateway's metrics, and every query of every dashboard
//! against a real Prometheus.

use std::{
    collections::BTreeSet,
    fs,
    io::Write as _,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant, SystemTime},
};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;

use super::{
    dashboards::{self, Query},
    prometheus::{self, exemplars, is_timeout, names, rules},
};
use crate::{
    http::agent, interrupt, progress::Step, test_run::Counts, tools::prometheus::program, workspace,
};

/// Window of rates: longer than any run of the tests.
const WINDOW: &str = "1h";

/// Time allowed for data to appear: some rules are evaluated once a minute.
const TIMEOUT: Duration = Duration::from_secs(75);
const POLL: Duration = Duration::from_millis(500);

/// Maximum size of the metrics page in bytes: a few thousand series.
const MAX_PAGE: u64 = 16 * 1024 * 1024;

/// Runs the checks, and counts each as a test.
pub(crate) fn run(admin_url: &str, port: u16) -> Counts {
    let began = SystemTime::now();
    let mut counts = Counts::default();
    let mut check = |step: &str, outcome: &dyn Fn(&mut Step) -> Result<String>| {
        let mut step = Step::begin(step);
        match outcome(&mut step) {
            Ok(remark) => {
                step.end_with(true, &remark);
                counts.passed += 1;
            }
            Err(error) => {
                step.end_with(false, &format!("{error:#}"));
                counts.failed += 1;
            }
        }
    };
    check("promtool check metrics", &|_| lint(admin_url));
    check("metrics match the documentation", &|_| documented(port));
    check("dashboards against Prometheus", &|step| {
        dashboards_have_data(port, step)
    });
    check("rules against Prometheus", &|step| {
        rules_evaluate(port, step)
    });
    check("exemplars of the dashboards", &|_| {
        dashboards_have_exemplars(port, began)
    });
    counts
}

/// The metrics page in the classic text format, which promtool reads.
fn scrape(admin_url: &str) -> Result<String> {
    let text = agent(Duration::from_secs(10))
        .get(format!("{admin_url}/metrics"))
        .header("accept", "text/plain;version=0.0.4")
        .call()
        .context("cannot scrape the gateway")?
        .body_mut()
        .with_config()
        .limit(MAX_PAGE)
        .read_to_string()?;
    Ok(text)
}

fn lint(admin_url: &str) -> Result<String> {
    let text = scrape(admin_url)?;
    let mut child = Command::new(program("promtool")?)
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context("cannot start promtool")?;
    if let Some(mut input) = child.stdin.take() {
        input.write_all(text.as_bytes())?;
    }
    let output = child.wait_with_output()?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned()
        + &String::from_utf8_lossy(&output.stdout);
    ensure!(output.status.success(), "{}", said.trim());
    Ok(format!("{} series", samples(&text)))
}

fn samples(text: &str) -> usize {
    text.lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .count()
}

/// The names of the metrics that series belong to. A histogram has the series `_bucket`,
/// `_sum` and `_count`.
fn families(names: &[String]) -> BTreeSet<&str> {
    let histogram = |name: &str| names.iter().any(|it| *it == format!("{name}_bucket"));
    names
        .iter()
        .map(|name| {
            ["_bucket", "_sum", "_count"]
                .iter()
                .filter_map(|suffix| name.strip_suffix(suffix))
                .find(|name| histogram(name))
                .unwrap_or(name)
        })
        // Added by Prometheus itself.
        .filter(|name| {
            *name != "up" && !["scrape_", "ALERTS"].iter().any(|it| name.starts_with(it))
        })
        .collect()
}

/// The names in the first column of the documentation's table of metrics.
fn listed(page: &str) -> BTreeSet<&str> {
    page.lines()
        .filter_map(|line| line.strip_prefix("| `")?.split('`').next())
        .filter(|name| name.starts_with("trichrome_") || name.starts_with("process_"))
        .collect()
}

/// Compares the metrics that the gateway has exposed since its start with the documentation.
fn documented(port: u16) -> Result<String> {
    let path = workspace::root().join("docs/observability.md");
    let page =
        fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let names = names(port, "gateway")?;
    let (exposed, documented) = (families(&names), listed(&page));
    let missing: Vec<_> = exposed.difference(&documented).copied().collect();
    let gone: Vec<_> = documented.difference(&exposed).copied().collect();
    ensure!(
        missing.is_empty() && gone.is_empty(),
        "docs/observability.md lacks {missing:?} and has {gone:?}, which the gateway doesn't expose"
    );
    Ok(format!("{} metrics", exposed.len()))
}

/// Waits until every query returns data.
fn dashboards_have_data(port: u16, step: &mut Step) -> Result<String> {
    let queries = dashboards::queries()?;
    let total = queries.len();
    ensure!(total > 0, "the dashboards have no queries");
    let started = Instant::now();
    let mut empty: Vec<&Query> = queries.iter().collect();
    loop {
        let mut still = Vec::new();
        for query in empty {
            match prometheus::query(port, &query.filled(WINDOW)) {
                Ok(series) if series.iter().any(is_data) => {}
                Ok(_) => still.push(query),
                Err(error) if is_timeout(&error) => still.push(query),
                Err(error) => return Err(error.context(query.to_string())),
            }
        }
        empty = still;
        if empty.is_empty() {
            return Ok(format!("{total} expressions"));
        }
        interrupt::check()?;
        if started.elapsed() > TIMEOUT {
            break;
        }
        step.tick(&format!("{} of {total} have no data yet", empty.len()));
        thread::sleep(POLL);
    }
    let list: Vec<_> = empty.iter().map(ToString::to_string).collect();
    bail!("no data for\n  {}", list.join("\n  "))
}

/// Whether a series has a value other than `NaN`, which a quantile of no samples is.
fn is_data(series: &Value) -> bool {
    let value = match series {
        // A number without labels: the time and the value.
        Value::Array(_) => &series[1],
        _ => &series["value"][1],
    };
    value
        .as_str()
        .and_then(|text| text.parse::<f64>().ok())
        .is_some_and(|number| !number.is_nan())
}

/// Waits until every rule has been evaluated without an error.
fn rules_evaluate(port: u16, step: &mut Step) -> Result<String> {
    let started = Instant::now();
    loop {
        let rules = match rules(port) {
            Err(error) if is_timeout(&error) => Vec::new(),
            rules => rules?,
        };
        let others: Vec<_> = rules.iter().filter(|rule| !rule.is_ok()).collect();
        if others.is_empty() && !rules.is_empty() {
            return Ok(format!("{} rules", rules.len()));
        }
        interrupt::check()?;
        if started.elapsed() > TIMEOUT {
            ensure!(!rules.is_empty(), "Prometheus has no rules");
            let failed: Vec<_> = others.iter().map(ToString::to_string).collect();
            bail!("{}", failed.join("\n  "));
        }
        step.tick(&format!("{} rules are not evaluated yet", others.len()));
        thread::sleep(POLL);
    }
}

/// Every panel that shows exemplars has some, each with a trace id. (The scenarios check the
/// traces themselves.)
fn dashboards_have_exemplars(port: u16, until: SystemTime) -> Result<String> {
    let seconds = |at: SystemTime| {
        at.duration_since(SystemTime::UNIX_EPOCH)
            .map(|it| it.as_secs())
    };
    let end = seconds(until)? + 3600;
    let mut found = 0;
    for query in dashboards::queries()?
        .iter()
        .filter(|query| query.exemplars)
    {
        let series = exemplars(port, &query.filled(WINDOW), end - 2 * 3600, end)?;
        let ids: Vec<_> = series
            .iter()
            .flat_map(|series| series["exemplars"].as_array().into_iter().flatten())
            .map(|exemplar| exemplar["labels"]["trace_id"].as_str().unwrap_or_default())
            .collect();
        ensure!(!ids.is_empty(), "no exemplars for {}", query.panel);
        let well_formed = |id: &str| id.len() == 32 && id.bytes().all(|it| it.is_ascii_hexdigit());
        ensure!(
            ids.iter().all(|id| well_formed(id)),
            "{}: an exemplar without a trace id",
            query.panel
        );
        found += ids.len();
    }
    ensure!(found > 0, "no panel shows exemplars");
    Ok(format!("{found} exemplars"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_from_series_and_from_the_documentation() {
        let text = "# HELP a_total Of a.\n# TYPE a_total counter\na_total{b=\"c\"} 1\n\n# EOF\n";
        assert_eq!(samples(text), 1);
        let names = [
            "a_seconds_bucket",
            "a_seconds_count",
            "b_count",
            "up",
            "ALERTS",
        ]
        .map(str::to_owned);
        assert_eq!(families(&names), BTreeSet::from(["a_seconds", "b_count"]));
        let page =
            "# Title\n| metric | what |\n|---|---|\n| `trichrome_a` | a |\n| `other` | b |\n";
        assert_eq!(listed(page), BTreeSet::from(["trichrome_a"]));
    }

    #[test]
    fn nan_is_no_data() {
        let series = |value: &str| serde_json::json!({"metric": {}, "value": [1.0, value]});
        assert!(is_data(&series("0")));
        assert!(is_data(&series("+Inf")));
        assert!(!is_data(&series("NaN")));
        assert!(is_data(&serde_json::json!([1.0, "2.5"])));
    }
}
