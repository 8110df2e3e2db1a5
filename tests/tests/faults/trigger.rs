//! Many call logs, some of them poison, wait while Postgres is down. None is lost, poison becomes
//! dead letters, no batch is larger than Lambda takes, and the backlog shows in the metrics.
//!
//! `cargo xtask verify call-logs` does the same with 100,000 of them.

use std::{
    collections::{BTreeSet, HashMap},
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use trichrome_proto::wire::limits::MAX_EVENT;
use trichrome_tests::{
    call_logs,
    clients::kafka::{Record, Tail},
    control,
    harness::Suite,
    scenario::Scenario,
    wait::eventually,
};
use uuid::Uuid;

use crate::outage::all_serve;

pub(crate) fn add(suite: &mut Suite) {
    suite.once("faults::call_logs_with_poison", poison);
}

/// The number of call logs in another run than `cargo xtask test`.
const VARIABLE: &str = "TRICHROME_CALL_LOGS";
const COUNT: usize = 10_000;

/// One of a hundred is poison.
const POISON: usize = 100;

/// Records that are enqueued at once: librdkafka's queue takes 100,000.
const CHUNK: usize = 5000;

const FUNCTION: &str = "analytics-ingest";
const TOPIC: &str = "analyticsdata";

/// How long the backlog may take to show: statistics come every second.
const SHOWN: Duration = Duration::from_secs(30);

/// How long 10,000 call logs may take to be stored.
const STORED: Duration = Duration::from_secs(120);

async fn poison(run: Scenario) -> Result<()> {
    let count = match std::env::var(VARIABLE) {
        Ok(count) => count.parse().context(VARIABLE)?,
        Err(_) => COUNT,
    };
    let kafka = &run.stack().kafka;
    // Entries of this test, among those of others.
    let method = format!("Poison{}", Uuid::new_v4().simple());
    let letters = kafka.tail(&format!("{TOPIC}.dlq")).await?;
    all_serve(&run).await.context("before")?;
    control::stop(run.stack(), "postgres").await?;
    let waiting = async {
        let mut produced = 0;
        while produced < count {
            let chunk = (produced..count.min(produced + CHUNK)).map(|n| record(n, &method));
            let chunk = chunk.collect::<Result<Vec<_>>>()?;
            kafka.produce_all(&chunk).await?;
            produced += chunk.len();
        }
        backlog_shows(&run, count).await
    };
    let shown = waiting.await;
    control::start(run.stack(), "postgres").await?;
    shown.context("while postgres is down")?;

    let wanted = count - count.div_ceil(POISON);
    let time = STORED * u32::try_from(count.div_ceil(COUNT))?;
    let stored = async {
        eventually(time, async || {
            let stored = stored(&run, &method).await?;
            ensure!(stored == wanted, "{stored} of {wanted} are stored");
            Ok(())
        })
        .await
    };
    let (stored, dead) = futures::join!(stored, dead_letters(&letters, &method, count));
    stored?;
    dead?;
    batches_fit(&run).await?;
    eventually(SHOWN, async || {
        let metrics = metrics(&run).await?;
        let lag = value(&metrics, "trichrome_gateway_kafka_lag")?;
        let age = value(&metrics, "trichrome_gateway_kafka_oldest_seconds")?;
        ensure!(lag == 0.0 && age == 0.0, "lag {lag}, oldest {age} s");
        Ok(())
    })
    .await
    .context("afterwards")
}

/// The call log with this number, or poison.
fn record(number: usize, method: &str) -> Result<Record> {
    let record = call_logs::record(Uuid::new_v4(), Uuid::new_v4());
    let mut entry: Value = serde_json::from_slice(record.value.as_deref().unwrap_or_default())?;
    entry["method"] = method.into();
    let text = entry.to_string();
    let value = match (number % POISON, number / POISON % 4) {
        (1.., _) => text,
        (_, 0) => format!("not JSON {method}"),
        (_, 1) => format!("[{text}]"),
        (_, 2) => text.replace("\"duration_ms\":1.5", "\"duration_ms\":\"long\""),
        // A quarter of a mebibyte, so that batches are bounded by their size.
        _ => format!("{text}{}", "x".repeat(256 * 1024)),
    };
    Ok(Record {
        value: Some(value.into_bytes()),
        ..record.header("test", &format!("{method}-{number}"))
    })
}

/// Waits until the metrics show that the records wait, and for how long.
async fn backlog_shows(run: &Scenario, count: usize) -> Result<()> {
    eventually(SHOWN, async || {
        let metrics = metrics(run).await?;
        let lag = value(&metrics, "trichrome_gateway_kafka_lag")?;
        let age = value(&metrics, "trichrome_gateway_kafka_oldest_seconds")?;
        ensure!(lag >= count as f64, "a lag of {lag}, and {count} wait");
        ensure!(age > 0.0, "the oldest is {age} s old");
        Ok(())
    })
    .await
}

async fn stored(run: &Scenario, method: &str) -> Result<usize> {
    let count: i64 = sqlx::query_scalar(
        "SELECT count(DISTINCT id) FROM calls \
         WHERE at > now() - interval '1 hour' AND method = $1",
    )
    .bind(method)
    .fetch_one(&run.stack().postgres)
    .await?;
    Ok(usize::try_from(count)?)
}

/// Waits for a dead letter of each poison record, and for none of another.
async fn dead_letters(letters: &Tail, method: &str, count: usize) -> Result<()> {
    let mut wanted: BTreeSet<_> = (0..count)
        .step_by(POISON)
        .map(|number| format!("{method}-{number}"))
        .collect();
    while !wanted.is_empty() {
        let left = wanted.len();
        let letter = letters.wait_for(|letter| {
            let name = letter.headers.get("test");
            name.is_some_and(|name| name.starts_with(method))
        });
        let letter = letter
            .await
            .with_context(|| format!("{left} are missing"))?;
        let name = &letter.headers["test"];
        let number: usize = name.rsplit('-').next().unwrap_or_default().parse()?;
        ensure!(number.is_multiple_of(POISON), "{name} is no poison");
        // One that was read again after a rebalance comes twice.
        wanted.remove(name);
    }
    Ok(())
}

/// Checks that no event was larger than what Lambda takes.
async fn batches_fit(run: &Scenario) -> Result<()> {
    let metrics = metrics(run).await?;
    let name = "trichrome_gateway_kafka_batch_bytes";
    let function = format!("function=\"{FUNCTION}\"");
    let count = format!("{name}_count{{{function}}}");
    let all = *metrics.get(&count).with_context(|| format!("no {count}"))?;
    let fitting = metrics.iter().find_map(|(series, value)| {
        let labels = series.strip_prefix(&format!("{name}_bucket{{"))?;
        let (_, bound) = labels.split_once("le=\"")?;
        let (bound, _) = bound.split_once('"')?;
        let is_most = bound.parse() == Ok(MAX_EVENT as f64);
        (labels.contains(&function) && is_most).then_some(*value)
    });
    let fitting = fitting.with_context(|| format!("no bucket of {name} ends at {MAX_EVENT}"))?;
    ensure!(
        all > 0.0 && fitting == all,
        "{fitting} of {all} batches fit"
    );
    Ok(())
}

/// The value of a consumer's metric.
fn value(metrics: &HashMap<String, f64>, name: &str) -> Result<f64> {
    let series = format!("{name}{{consumer=\"{FUNCTION}\",topic=\"{TOPIC}\"}}");
    let found = metrics.get(&series).copied();
    found.with_context(|| format!("no {series}"))
}

/// The gateway's metrics, by their names and labels.
async fn metrics(run: &Scenario) -> Result<HashMap<String, f64>> {
    let url = format!("{}/metrics", run.stack().description.admin_url);
    let page = run.stack().http.get(&url).await?;
    let page = String::from_utf8_lossy(&page.body).into_owned();
    let lines = page.lines().filter(|line| !line.starts_with('#'));
    let samples = lines.filter_map(|line| {
        let (series, value) = line.split_once("} ")?;
        let value = value.split(' ').next()?.parse().ok()?;
        Some((format!("{series}}}"), value))
    });
    Ok(samples.collect())
}
