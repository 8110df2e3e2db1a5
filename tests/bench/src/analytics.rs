//! Throughput of call logs from Kafka into Postgres, from the first record to the last row.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use rdkafka::{
    ClientConfig,
    error::{KafkaError, RDKafkaErrorCode},
    producer::{BaseRecord, DefaultProducerContext, Producer as _, ThreadedProducer},
};
use serde_json::json;
use sqlx::{PgPool, postgres::PgPoolOptions};
use tokio::time::sleep;
use uuid::Uuid;

use crate::{settings::Settings, stats::Rounds, table::Table};

/// Call logs per round: enough for seconds of work, so that a single batch doesn't matter.
const LOGS: u32 = 100_000;
const TIMEOUT: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(100);

/// Minimum per second.
const BUDGET: f64 = 20_000.0;

/// Measures the throughput.
pub(crate) async fn measure(settings: &Settings, table: &mut Table) -> Result<()> {
    let postgres = PgPoolOptions::new()
        .max_connections(1)
        .connect(&settings.stack.database_url)
        .await?;
    let mut rates = Rounds::default();
    // The first round warms up Postgres's cache and the function.
    for round in 0..=settings.rounds.min(5) {
        let service = format!("bench-{}", Uuid::new_v4().simple());
        let took = ingest(&settings.stack.kafka_brokers, &postgres, &service).await?;
        if round > 0 {
            rates.add(f64::from(LOGS) / took.as_secs_f64());
        }
    }
    table.budget(
        "call logs from Kafka into Postgres",
        "20,000 a second",
        format!("{rates:.0} a second"),
        rates.median() >= BUDGET,
    );
    Ok(())
}

async fn ingest(brokers: &str, postgres: &PgPool, service: &str) -> Result<Duration> {
    let started = Instant::now();
    let (brokers, named) = (brokers.to_owned(), service.to_owned());
    tokio::task::spawn_blocking(move || produce(&brokers, &named)).await??;
    loop {
        let written: i64 = sqlx::query_scalar("SELECT count(*) FROM calls WHERE service = $1")
            .bind(service)
            .fetch_one(postgres)
            .await?;
        if written >= i64::from(LOGS) {
            ensure!(written == i64::from(LOGS), "{written} rows of {LOGS}");
            return Ok(started.elapsed());
        }
        ensure!(
            started.elapsed() < TIMEOUT,
            "{written} of {LOGS} after {TIMEOUT:?}"
        );
        sleep(POLL).await;
    }
}

/// Produces call logs as the gateway does (`gateway/src/kafka/log_sink.rs`).
fn produce(brokers: &str, service: &str) -> Result<()> {
    let producer: ThreadedProducer<DefaultProducerContext> = ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("enable.idempotence", "true")
        .set("linger.ms", "50")
        .set("batch.num.messages", "10000")
        .set("queue.buffering.max.messages", "200000")
        .create()?;
    for number in 0..LOGS {
        let id = Uuid::now_v7().to_string();
        let entry = json!({
            "transport": "grpc",
            "service": service,
            "method": "GetUserPictures",
            "status": 200,
            "duration_ms": f64::from(number % 500) / 10.0,
            "user_id": Uuid::from_u128(u128::from(number % 1000)),
            "trace_id": Uuid::new_v4().simple().to_string(),
            "id": id,
        })
        .to_string();
        let mut record = BaseRecord::to("analyticsdata").key(&id).payload(&entry);
        while let Err((error, again)) = producer.send(record) {
            let full = KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull);
            ensure!(error == full, "cannot produce a call log: {error}");
            record = again;
            std::thread::yield_now();
        }
    }
    producer
        .flush(TIMEOUT)
        .context("Kafka doesn't accept the call logs")
}
