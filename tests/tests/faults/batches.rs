//! Batches that can't be decoded are skipped, and the records behind them are read.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use serde_json::json;
use trichrome_proto::wire::record::RESULTS;
use trichrome_tests::{
    account::Account,
    call_logs,
    clients::{
        kafka::{PARTITIONS, Record, envelope},
        raw_batch::RawBatch,
    },
    control,
    harness::Suite,
    scenario::Scenario,
    stack::Description,
    transport::Transport,
    wait::eventually,
};
use uuid::Uuid;

pub(crate) fn add(suite: &mut Suite) {
    suite.once("faults::unreadable_batches_are_skipped", unreadable);
    suite.once("faults::a_damaged_batch_is_skipped", damaged);
}

/// A few seconds to notice that a partition stands still, and to inspect it, for each batch; and a
/// busy machine.
const SKIPPED: Duration = Duration::from_secs(120);

/// Attributes for a codec that doesn't exist.
const UNKNOWN_CODEC: i16 = 7;

/// Batches with a valid header and checksum, whose records can't be decoded.
fn batches() -> impl Iterator<Item = (&'static str, RawBatch)> {
    [
        ("garbage as gzip", 1, 1),
        ("garbage as snappy", 2, 1),
        ("garbage as lz4", 3, 3),
        ("garbage as zstd", 4, 1),
        ("an unknown codec", UNKNOWN_CODEC, 2),
    ]
    .into_iter()
    .map(|(name, attributes, records)| {
        let content = vec![0x5a; 500];
        let batch = RawBatch {
            attributes,
            records,
            content,
        };
        (name, batch)
    })
}

/// Records whose lengths make no sense, not compressed. librdkafka doesn't report these.
fn garbage() -> RawBatch {
    RawBatch {
        attributes: 0,
        records: 1,
        content: vec![0x5a; 500],
    }
}

/// The number of records that a consumer has skipped, by the gateway's metrics.
async fn skipped(run: &Scenario, consumer: &str, topic: &str) -> Result<u64> {
    let url = format!("{}/metrics", run.stack().description.admin_url);
    let page = run.stack().http.get(&url).await?;
    let page = String::from_utf8_lossy(&page.body).into_owned();
    let name = "trichrome_gateway_kafka_unreadable_records_total";
    let series = format!("{name}{{consumer=\"{consumer}\",topic=\"{topic}\"}} ");
    let value = page.lines().find_map(|line| line.strip_prefix(&series));
    let value = value.with_context(|| format!("no series {series}"))?;
    Ok(value.parse()?)
}

/// Waits until a call over Kafka is answered from this partition.
async fn is_served(run: &Scenario, account: &Account, partition: i32) -> Result<()> {
    let kafka = &run.stack().kafka;
    let event_id = Uuid::new_v4().to_string();
    let value = envelope(&event_id, &json!({"user_id": account.id}));
    let record = Record::new("users", "getuser", value)
        .token(&account.token)
        .partition(partition);
    let mut expected = kafka.expect(&event_id);
    kafka.produce(&record).await?;
    let answer = expected.another(SKIPPED).await;
    let answer = answer.with_context(|| format!("no answer from partition {partition}"))?;
    ensure!(answer.status()? == 200, "{}", answer.data);
    Ok(())
}

async fn unreadable(run: Scenario) -> Result<()> {
    let account = run.account().await?;
    let stack = run.stack();
    let broker = stack.kafka.broker.internal();
    let mut written = [("users", 0), ("analyticsdata", 0)];
    for partition in 0..PARTITIONS {
        for (name, batch) in batches().chain([("garbage", garbage())]) {
            for (topic, records) in &mut written {
                let taken = batch.write(broker, topic, partition).await;
                if taken.with_context(|| format!("{name} to {topic}"))? {
                    *records += u64::try_from(batch.records)?;
                }
            }
        }
    }
    let [(_, records), (_, logs)] = written;
    eprintln!("the broker has taken {records} records that can't be decoded");
    let before = skipped(&run, "commands", "users").await?;
    for partition in 0..PARTITIONS {
        is_served(&run, &account, partition).await?;
    }
    let after = skipped(&run, "commands", "users").await?;
    ensure!(
        after >= before && after >= records,
        "{records} records can't be decoded, {after} were counted"
    );
    let traces: Vec<_> = (0..PARTITIONS).map(|_| Uuid::new_v4()).collect();
    for (partition, trace) in (0..PARTITIONS).zip(&traces) {
        let record = call_logs::record(*trace, Uuid::new_v4()).partition(partition);
        stack.kafka.produce(&record).await?;
    }
    eventually(SKIPPED, async || {
        let logged = call_logs::of(&stack.postgres, &traces).await?.len();
        ensure!(logged == traces.len(), "{logged} call logs were ingested");
        Ok(())
    })
    .await?;
    ensure!(skipped(&run, "analytics-ingest", "analyticsdata").await? >= logs);

    // The answers, last, because the tests read them, too.
    let mut taken = false;
    for partition in 0..PARTITIONS {
        for (name, batch) in batches() {
            let written = batch.write(broker, RESULTS, partition).await;
            taken |= written.with_context(|| format!("{name} to {RESULTS}"))?;
        }
    }
    eventually(SKIPPED, async || {
        let skipped = skipped(&run, "results", RESULTS).await?;
        ensure!(skipped > 0 || !taken, "none skipped");
        let args = json!({"user_id": account.id});
        let call = run.call_over(Transport::FacadeEvents, "users-get", args)?;
        call.by(&account).send().await?.ok()?;
        Ok(())
    })
    .await
}

async fn damaged(run: Scenario) -> Result<()> {
    let account = run.account().await?;
    let stack = run.stack();
    // The gateway must not read the batch before it is damaged.
    control::stop(stack, "gateway").await?;
    let mark = Uuid::new_v4().to_string();
    let value = envelope(&mark, &json!({"user_id": account.id}));
    let record = Record::new("users", "getuser", value)
        .token(&account.token)
        .partition(0);
    let mut never = stack.kafka.expect(&mark);
    stack.kafka.produce(&record).await?;
    control::stop(stack, "kafka").await?;
    let outcome = damage(&segment(&stack.description)?, &mark);
    control::start(stack, "kafka").await?;
    control::start(stack, "gateway").await?;
    outcome?;
    // The local broker checks its files when it starts, and leaves the batch out. Apache Kafka hands
    // it out, and the gateway skips it by its checksum.
    is_served(&run, &account, 0).await?;
    let answer = never.another(Duration::ZERO).await;
    ensure!(
        answer.is_none(),
        "a damaged command was answered: {answer:?}"
    );
    Ok(())
}

/// The file with the newest records of partition 0 of `users`.
fn segment(description: &Description) -> Result<PathBuf> {
    let Some(topics) = &description.apache_kafka else {
        return Ok(description.state.join("kafka/logs/users-0.log"));
    };
    let files = fs::read_dir(topics.join("users-0"))?
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<Vec<_>>>()?;
    let segments = files
        .into_iter()
        .filter(|file| file.extension().is_some_and(|extension| extension == "log"));
    segments.max().context("no segment")
}

/// Flips a bit of this text in a file.
fn damage(file: &Path, mark: &str) -> Result<()> {
    let mut bytes = fs::read(file).with_context(|| file.display().to_string())?;
    let at = bytes
        .windows(mark.len())
        .position(|window| window == mark.as_bytes())
        .context("the record is not in the file")?;
    let byte = bytes.get_mut(at).context("no byte")?;
    *byte ^= 1;
    Ok(fs::write(file, bytes)?)
}
