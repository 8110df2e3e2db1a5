//! Kafka: commands out, answers in, and a look at any other topic.

use std::{collections::HashMap, time::Duration};

use anyhow::{Context as _, Result, anyhow};
use rdkafka::{
    ClientConfig, Offset, TopicPartitionList,
    consumer::{Consumer as _, StreamConsumer},
    message::{Header, Message as _, OwnedHeaders},
    producer::{FutureProducer, FutureRecord},
};
use serde_json::{Value, json};
use tokio::time::timeout;
use trichrome_proto::wire::{
    header::{AUTHORIZATION, IDEMPOTENCY_KEY, REQUEST_ID},
    limits::MAX_RECORD,
};
use uuid::Uuid;

use super::results::{Answer, Expected, Results, headers};
use crate::{reply::Reply, request::Outgoing};

/// How long the broker is waited for.
const PATIENCE: Duration = Duration::from_secs(20);

/// A record to produce.
#[derive(Clone, Debug, Default)]
pub struct Record {
    /// The topic.
    pub topic: String,
    /// The key.
    pub key: Vec<u8>,
    /// The value; `None` is Kafka's null.
    pub value: Option<Vec<u8>>,
    /// The headers.
    pub headers: Vec<(String, String)>,
}

impl Record {
    /// A record without headers.
    pub fn new(topic: &str, key: &str, value: impl Into<Vec<u8>>) -> Self {
        Self {
            topic: topic.to_owned(),
            key: key.into(),
            value: Some(value.into()),
            headers: Vec::new(),
        }
    }

    /// With this header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With the caller's token.
    #[must_use]
    pub fn token(self, token: &str) -> Self {
        self.header(AUTHORIZATION, &format!("Bearer {token}"))
    }
}

/// An envelope around a request.
pub fn envelope(event_id: &str, args: &Value) -> String {
    json!({"EventId": event_id, "Data": args.to_string()}).to_string()
}

/// A Kafka client.
pub struct Kafka {
    brokers: String,
    producer: FutureProducer,
    results: Results,
}

impl Kafka {
    /// Begins to read answers.
    pub(crate) async fn connect(brokers: &str) -> Result<Self> {
        Ok(Self {
            brokers: brokers.to_owned(),
            producer: base(brokers)
                .set("linger.ms", "0")
                .set("message.timeout.ms", "20000")
                .create()?,
            results: Results::read(brokers).await?,
        })
    }

    /// Produces a record, and answers its place: partition and offset.
    ///
    /// # Errors
    ///
    /// Kafka does not take it.
    pub async fn produce(&self, record: &Record) -> Result<(i32, i64)> {
        let mut headers = OwnedHeaders::new();
        for (key, value) in &record.headers {
            headers = headers.insert(Header {
                key,
                value: Some(value),
            });
        }
        let mut to_send = FutureRecord::to(&record.topic)
            .key(&record.key)
            .headers(headers);
        if let Some(value) = &record.value {
            to_send = to_send.payload(value);
        }
        let delivery = self
            .producer
            .send(to_send, PATIENCE)
            .await
            .map_err(|(error, _)| {
                anyhow!("a record for {} was not taken: {error}", record.topic)
            })?;
        Ok((delivery.partition, delivery.offset))
    }

    /// Awaits answers to a command that is about to be produced, or was.
    pub fn expect(&self, event_id: &str) -> Expected {
        self.results.expect(event_id)
    }

    /// Produces a command without an envelope, and answers its EventId, by the contract's
    /// rule, and its answer.
    ///
    /// # Errors
    ///
    /// It is not taken, or there is no answer in time.
    pub async fn bare(&self, record: &Record) -> Result<(String, Answer)> {
        let (partition, offset) = self.produce(record).await?;
        let event_id = format!("{}-{partition}-{offset}", record.topic);
        let answer = self.expect(&event_id).answer().await?;
        Ok((event_id, answer))
    }

    /// Reads a topic from its present end on.
    ///
    /// # Errors
    ///
    /// There is no such topic, or no broker.
    pub async fn tail(&self, topic: &str) -> Result<Tail> {
        Ok(Tail {
            topic: topic.to_owned(),
            consumer: reader(&self.brokers, &[topic]).await?,
        })
    }
}

/// A topic that is read along.
pub struct Tail {
    topic: String,
    consumer: StreamConsumer,
}

/// A record that was read.
#[derive(Debug)]
pub struct Seen {
    /// The key.
    pub key: Vec<u8>,
    /// The value.
    pub value: Option<Vec<u8>>,
    /// The headers.
    pub headers: HashMap<String, String>,
}

impl Tail {
    /// The next record that is wanted; others are passed over.
    ///
    /// # Errors
    ///
    /// There is none in time.
    pub async fn until(&self, wanted: impl Fn(&Seen) -> bool) -> Result<Seen> {
        let search = async {
            loop {
                let Ok(message) = self.consumer.recv().await else {
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                };
                let seen = Seen {
                    key: message.key().unwrap_or_default().to_vec(),
                    value: message.payload().map(<[u8]>::to_vec),
                    headers: headers(&message),
                };
                if wanted(&seen) {
                    return seen;
                }
            }
        };
        timeout(PATIENCE, search)
            .await
            .with_context(|| format!("no such record on {} within {PATIENCE:?}", self.topic))
    }
}

/// Sends a command in its envelope, and awaits its answer.
pub(crate) async fn call(kafka: &Kafka, call: Outgoing) -> Result<Reply> {
    let operation = call.operation;
    let event_id = call
        .idempotency_key
        .clone()
        .unwrap_or_else(|| Uuid::new_v4().to_string());
    let mut record = Record::new(operation.command.topic, operation.command.keys[0], "");
    let headers = call.headers();
    for (name, value) in headers {
        // The EventId is the idempotency key.
        if name != IDEMPOTENCY_KEY {
            record = record.header(name, &value);
        }
    }
    record.value = Some(envelope(&event_id, &Value::Object(call.args)).into_bytes());
    let mut expected = kafka.expect(&event_id);
    kafka.produce(&record).await?;
    loop {
        let answer = expected.answer().await?;
        // The same command delivered again has an answer of its own.
        if answer.headers.get(REQUEST_ID) == Some(&call.request_id) {
            return reply(operation, answer);
        }
    }
}

/// An answer as every transport's.
fn reply(operation: &trichrome_proto::contract::Operation, answer: Answer) -> Result<Reply> {
    let status = answer.status()?;
    let request_id = answer.headers.get(REQUEST_ID).cloned().unwrap_or_default();
    if status >= 400 {
        let body = answer.data.to_string();
        return Reply::failure(status, body.as_bytes(), request_id);
    }
    Reply::success(operation, status, answer.data, request_id)
}

fn base(brokers: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", brokers)
        .set("client.id", "trichrome-tests")
        .set("message.max.bytes", MAX_RECORD.to_string())
        .set("reconnect.backoff.ms", "100")
        .set("reconnect.backoff.max.ms", "1000")
        // A broker that a test has stopped is not news.
        .set("log_level", "2");
    config
}

/// A consumer of all partitions of these topics, from their present ends; of no group.
pub(crate) async fn reader(brokers: &str, topics: &[&str]) -> Result<StreamConsumer> {
    let consumer: StreamConsumer = base(brokers)
        .set("group.id", format!("trichrome-tests-{}", Uuid::new_v4()))
        .set("enable.auto.commit", "false")
        .set("auto.offset.reset", "earliest")
        .set("fetch.message.max.bytes", MAX_RECORD.to_string())
        // The local broker waits this out even where there is data.
        .set("fetch.wait.max.ms", "10")
        .create()?;
    let topics: Vec<_> = topics.iter().map(|&topic| topic.to_owned()).collect();
    let assigned = tokio::task::spawn_blocking(move || {
        let mut places = TopicPartitionList::new();
        for topic in &topics {
            let metadata = consumer.fetch_metadata(Some(topic), PATIENCE)?;
            for partition in metadata
                .topics()
                .iter()
                .flat_map(|topic| topic.partitions())
            {
                let (_, end) = consumer.fetch_watermarks(topic, partition.id(), PATIENCE)?;
                places.add_partition_offset(topic, partition.id(), Offset::Offset(end))?;
            }
        }
        anyhow::ensure!(places.count() > 0, "no topic {}", topics.join(", "));
        consumer.assign(&places)?;
        Ok(consumer)
    });
    assigned.await?.context("Kafka cannot be read")
}
