//! Checks on a stack that has been used: what its gateway exposes, and what a real Prometheus
//! makes of it for every panel of every dashboard.

use std::{
    collections::BTreeSet,
    fmt::Write as _,
    fs,
    io::Write as _,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant, SystemTime},
};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;
use ureq::Agent;

use super::{
    dashboards::{self, Query},
    prometheus::{exemplars, is_late, names, query, rules},
};
use crate::{interrupt, progress::Step, test_run::Counts, tools::prometheus::program, workspace};

/// Longer than any run of the tests: rates over it see all that happened.
const WINDOW: &str = "1h";

/// The rules that are evaluated least often are so once a minute.
const PATIENCE: Duration = Duration::from_secs(75);
const POLL: Duration = Duration::from_millis(500);

/// What may answer nothing after a run of the tests, each with why.
const MAY_BE_EMPTY: [(&str, &str); 0] = [];

/// Metrics are text lines of this much at most, in bytes: some thousand series.
const LARGEST: u64 = 16 * 1024 * 1024;

/// Runs the checks, each counted as a test.
pub(crate) fn run(gateway_url: &str, port: u16) -> Counts {
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
    check("promtool check metrics", &|_| lint(gateway_url));
    check("metrics are those in the docs", &|_| documented(port));
    check("dashboards against Prometheus", &|step| {
        dashboards_have_data(port, step)
    });
    check("rules against Prometheus", &|step| {
        rules_evaluate(port, step)
    });
    check("exemplars of the dashboards", &|_| {
        exemplars_are_there(port, began)
    });
    counts
}

/// What a scraper gets that asks for `accept`.
fn scrape(gateway_url: &str, accept: &str) -> Result<String> {
    let agent: Agent = Agent::config_builder()
        .timeout_global(Some(Duration::from_secs(10)))
        .proxy(None)
        .build()
        .into();
    let text = agent
        .get(format!("{gateway_url}/metrics"))
        .header("accept", accept)
        .call()
        .context("cannot scrape the gateway")?
        .body_mut()
        .with_config()
        .limit(LARGEST)
        .read_to_string()?;
    Ok(text)
}

/// promtool reads the classic text format.
fn lint(gateway_url: &str) -> Result<String> {
    let text = scrape(gateway_url, "text/plain;version=0.0.4")?;
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

/// The metrics that series are of: a histogram's end on `_bucket`, `_sum` and `_count`.
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
        // What Prometheus itself says of a target.
        .filter(|name| {
            *name != "up" && !["scrape_", "ALERTS"].iter().any(|it| name.starts_with(it))
        })
        .collect()
}

/// The names in the first column of the docs' table of metrics.
fn described(page: &str) -> BTreeSet<&str> {
    page.lines()
        .filter_map(|line| line.strip_prefix("| `")?.split('`').next())
        .filter(|name| name.starts_with("trichrome_") || name.starts_with("process_"))
        .collect()
}

/// Of all that the gateway exposed since the stack began: a metric is there from its first use.
fn documented(port: u16) -> Result<String> {
    let path = workspace::root().join("docs/observability.md");
    let page =
        fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let names = names(port, "gateway")?;
    let (there, told) = (families(&names), described(&page));
    let missing: Vec<_> = there.difference(&told).copied().collect();
    let gone: Vec<_> = told.difference(&there).copied().collect();
    ensure!(
        missing.is_empty() && gone.is_empty(),
        "docs/observability.md lacks {missing:?}, and tells of {gone:?}, which are not exposed"
    );
    Ok(format!("{} metrics", there.len()))
}

/// Waits until every expression has data: rules are evaluated in turn.
fn dashboards_have_data(port: u16, step: &mut Step) -> Result<String> {
    let queries = dashboards::queries();
    let total = queries.len();
    ensure!(total > 0, "the dashboards ask nothing");
    let started = Instant::now();
    let mut empty: Vec<&Query> = queries.iter().collect();
    loop {
        let mut still = Vec::new();
        for question in empty {
            match query(port, &question.filled(WINDOW)) {
                Ok(answer) if answer.iter().any(is_data) => {}
                Ok(_) => still.push(question),
                // A busy machine's: it is asked again.
                Err(error) if is_late(&error) => still.push(question),
                Err(error) => {
                    let place = format!("{}: {}", question.place, question.expression);
                    return Err(error.context(place));
                }
            }
        }
        empty = still;
        empty.retain(|query| !may_be_empty(&query.expression));
        if empty.is_empty() {
            return Ok(format!("{total} expressions"));
        }
        interrupt::check()?;
        if started.elapsed() > PATIENCE {
            break;
        }
        step.tick(&format!("{} of {total} have no data yet", empty.len()));
        thread::sleep(POLL);
    }
    let mut list = String::new();
    for query in empty {
        write!(list, "\n  {}: {}", query.place, query.expression)?;
    }
    bail!("no data for{list}")
}

/// A series with a value: a quantile of nothing, for one, is `NaN`.
fn is_data(series: &Value) -> bool {
    let value = match series {
        // One number, without labels: its time and itself.
        Value::Array(_) => &series[1],
        _ => &series["value"][1],
    };
    value
        .as_str()
        .and_then(|text| text.parse::<f64>().ok())
        .is_some_and(|number| !number.is_nan())
}

fn may_be_empty(expression: &str) -> bool {
    MAY_BE_EMPTY.iter().any(|(known, _)| *known == expression)
}

/// Waits until every rule was evaluated: of one that was not yet nothing is known. One that
/// failed may have been read while Prometheus started.
fn rules_evaluate(port: u16, step: &mut Step) -> Result<String> {
    let started = Instant::now();
    loop {
        let rules = match rules(port) {
            Err(error) if is_late(&error) => Vec::new(),
            rules => rules?,
        };
        let others: Vec<_> = rules.iter().filter(|rule| !rule.is_ok()).collect();
        if others.is_empty() && !rules.is_empty() {
            return Ok(format!("{} rules", rules.len()));
        }
        interrupt::check()?;
        if started.elapsed() > PATIENCE {
            ensure!(!rules.is_empty(), "Prometheus has no rules");
            let told: Vec<_> = others.iter().map(ToString::to_string).collect();
            bail!("{}", told.join("\n  "));
        }
        step.tick(&format!("{} rules are not evaluated yet", others.len()));
        thread::sleep(POLL);
    }
}

/// Every panel with exemplars has some, and each has a trace's id. That the traces are there
/// the scenarios see to, which receive them.
fn exemplars_are_there(port: u16, until: SystemTime) -> Result<String> {
    let seconds = |at: SystemTime| {
        at.duration_since(SystemTime::UNIX_EPOCH)
            .map(|it| it.as_secs())
    };
    let end = seconds(until)? + 3600;
    let mut found = 0;
    for question in dashboards::queries().iter().filter(|query| query.exemplars) {
        let series = exemplars(port, &question.filled(WINDOW), end - 2 * 3600, end)?;
        let ids: Vec<_> = series
            .iter()
            .flat_map(|series| series["exemplars"].as_array().into_iter().flatten())
            .map(|exemplar| exemplar["labels"]["trace_id"].as_str().unwrap_or_default())
            .collect();
        ensure!(!ids.is_empty(), "no exemplars for {}", question.place);
        let well_formed = |id: &str| id.len() == 32 && id.bytes().all(|it| it.is_ascii_hexdigit());
        ensure!(
            ids.iter().all(|id| well_formed(id)),
            "{}: an exemplar without a trace id",
            question.place
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
    fn names_are_read_from_series_and_from_the_docs() {
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
        assert_eq!(described(page), BTreeSet::from(["trichrome_a"]));
    }

    #[test]
    fn not_a_number_is_no_data() {
        let series = |value: &str| serde_json::json!({"metric": {}, "value": [1.0, value]});
        assert!(is_data(&series("0")));
        assert!(is_data(&series("+Inf")));
        assert!(!is_data(&series("NaN")));
        assert!(is_data(&serde_json::json!([1.0, "2.5"])));
    }

    #[test]
    fn what_may_be_empty_is_asked_for() {
        let queries = dashboards::queries();
        for (expression, why) in MAY_BE_EMPTY {
            assert!(!why.is_empty());
            assert!(
                queries.iter().any(|query| query.expression == expression),
                "{expression}"
            );
        }
    }
}
