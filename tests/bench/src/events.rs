//! A command over Kafka, from the record to the reply on `results`.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use rdkafka::{
    ClientConfig, Message as _, Offset, TopicPartitionList,
    consumer::{Consumer as _, StreamConsumer},
    message::{Header, OwnedHeaders},
    producer::{FutureProducer, FutureRecord},
};
use serde_json::{Value, json};
use tokio::time::timeout;
use trichrome_proto::wire::{
    header::{AUTHORIZATION, TRACEPARENT},
    limits::MAX_RECORD,
    record::RESULTS,
};
use uuid::Uuid;

use crate::{
    call::{self, Direct},
    settings::Settings,
    stats::{Latencies, Rounds},
    table::Table,
};

/// Commands per round, one at a time.
const COMMANDS: usize = 100;
const TIMEOUT: Duration = Duration::from_secs(20);

/// Maximum time in milliseconds, without the function's own.
const BUDGET: f64 = 15.0;

/// Measures commands, and direct calls of the same function.
pub(crate) async fn measure(settings: &Settings, table: &mut Table) -> Result<()> {
    let stack = &settings.stack;
    let token = call::token(stack).await?;
    let direct = Direct::new(&stack.lambda_endpoint, &token)?;
    let events = Events::connect(&stack.kafka_brokers)?;
    // The gateway may still be joining its group.
    events.call(&token).await?;
    let [mut over_kafka, mut alone, mut added] = [(); 3].map(|()| Rounds::default());
    let mut tail = Rounds::default();
    for _ in 0..settings.rounds {
        let (mut events_took, mut direct_took) = (Latencies::new()?, Latencies::new()?);
        for _ in 0..COMMANDS {
            let started = Instant::now();
            events.call(&token).await?;
            events_took.add(started.elapsed());
            let started = Instant::now();
            direct.call().await?;
            direct_took.add(started.elapsed());
        }
        over_kafka.add(events_took.p50());
        alone.add(direct_took.p50());
        added.add(events_took.p50() - direct_took.p50());
        tail.add(events_took.at(0.99));
    }
    table.budget(
        "events, produce to result, p50 without the function's time",
        "15 ms",
        format!("{added} ms (events {over_kafka}, p99 {tail}, direct {alone})"),
        added.median() <= BUDGET,
    );
    Ok(())
}

/// A command.
pub(crate) struct Command<'a> {
    pub(crate) topic: &'a str,
    pub(crate) key: &'a str,
    /// The request, as JSON.
    pub(crate) data: String,
    /// The caller's token.
    pub(crate) token: Option<&'a str>,
    /// The `traceparent` header.
    pub(crate) trace: Option<&'a str>,
}

/// A client that sends commands.
pub(crate) struct Events {
    producer: FutureProducer,
    results: StreamConsumer,
}

impl Events {
    /// Connects, and reads `results` from its current end.
    pub(crate) fn connect(brokers: &str) -> Result<Self> {
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", brokers)
            .set("client.id", "trichrome-bench")
            .set("message.max.bytes", MAX_RECORD.to_string())
            .set("log_level", "2");
        let producer = config.clone().set("linger.ms", "0").create()?;
        let results: StreamConsumer = config
            .set("group.id", format!("trichrome-bench-{}", Uuid::new_v4()))
            .set("enable.auto.commit", "false")
            .create()?;
        let metadata = results.fetch_metadata(Some(RESULTS), TIMEOUT)?;
        let topic = metadata.topics().first().context("no topic results")?;
        let mut all = TopicPartitionList::new();
        for partition in topic.partitions() {
            // A fixed place: "the end" would be looked up later than the first answer comes.
            let (_, end) = results.fetch_watermarks(RESULTS, partition.id(), TIMEOUT)?;
            all.add_partition_offset(RESULTS, partition.id(), Offset::Offset(end))?;
        }
        results.assign(&all)?;
        Ok(Self { producer, results })
    }

    async fn call(&self, token: &str) -> Result<()> {
        let command = Command {
            topic: "auth",
            key: "validateeventsrequest",
            data: json!({"access_token": token}).to_string(),
            token: None,
            trace: None,
        };
        let answer = self.send(&command).await?;
        ensure!(answer.contains("user_id"), "unexpected reply: {answer}");
        Ok(())
    }

    /// Sends a command and returns the reply's data.
    pub(crate) async fn send(&self, command: &Command<'_>) -> Result<String> {
        let id = Uuid::new_v4().to_string();
        let envelope = json!({"EventId": id, "Data": command.data}).to_string();
        let bearer = command.token.map(|token| format!("Bearer {token}"));
        let headers = [
            (AUTHORIZATION, bearer.as_deref()),
            (TRACEPARENT, command.trace),
        ];
        let headers = headers
            .into_iter()
            .filter(|(_, value)| value.is_some())
            .fold(OwnedHeaders::new(), |headers, (key, value)| {
                headers.insert(Header { key, value })
            });
        let record = FutureRecord::to(command.topic)
            .key(command.key)
            .payload(&envelope)
            .headers(headers);
        // Wait for the reply first: the acknowledgement isn't part of the measurement.
        let delivery = self.producer.send_result(record);
        let delivery = delivery.map_err(|(error, _)| error)?;
        let answer = timeout(TIMEOUT, self.answer(&id)).await;
        let answer = answer.context("no reply to a command")??;
        delivery.await?.map_err(|(error, _)| error)?;
        Ok(answer)
    }

    async fn answer(&self, id: &str) -> Result<String> {
        loop {
            let message = self.results.recv().await?;
            let answer: Value = serde_json::from_slice(message.payload().unwrap_or_default())?;
            if answer["EventId"] == id {
                return Ok(answer["Data"].as_str().unwrap_or_default().to_owned());
            }
        }
    }
}
