//! A Kafka client that sends commands, reads replies, and can read any other topic.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, anyhow};
use rdkafka::{
    Offset, TopicPartitionList,
    admin::{AdminClient, AdminOptions, NewTopic, TopicReplication},
    client::DefaultClientContext,
    consumer::{Consumer as _, StreamConsumer},
    error::KafkaError,
    message::{Header, Message as _, OwnedHeaders},
    producer::{FutureProducer, FutureRecord, Producer as _},
};
use serde_json::{Value, json};
use tokio::time::timeout;
use trichrome_proto::{
    contract::{Operation, command_topics},
    wire::{
        header::{AUTHORIZATION, IDEMPOTENCY_KEY, REQUEST_ID, RETRY_AFTER, TRACEPARENT},
        limits::MAX_RECORD,
        record::{OPERATION, default_event_id},
    },
};
use uuid::Uuid;

use super::{
    broker::{Broker, User, own_name},
    results::{Answer, Expected, Results, headers},
};
use crate::{
    reply::Reply,
    request::{Outgoing, traceparent},
};

/// The partitions of each topic of the local stack.
pub const PARTITIONS: i32 = 3;

/// The timeout of a request to the broker.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(20);

/// A record to produce.
#[derive(Clone, Debug, Default)]
pub struct Record {
    pub topic: String,
    pub key: Vec<u8>,
    /// The value; `None` is Kafka's null.
    pub value: Option<Vec<u8>>,
    pub headers: Vec<(String, Vec<u8>)>,
    /// The partition; by default the key decides.
    pub partition: Option<i32>,
}

impl Record {
    /// Creates a record without headers.
    pub fn new(topic: &str, key: &str, value: impl Into<Vec<u8>>) -> Self {
        Self {
            topic: topic.to_owned(),
            key: key.into(),
            value: Some(value.into()),
            headers: Vec::new(),
            partition: None,
        }
    }

    /// Creates a command whose operation is named by its header, so that its key is free.
    pub fn command(operation: &Operation, key: &str, event_id: &str, args: &Value) -> Self {
        let value = envelope(event_id, args);
        Self::new(operation.command.topic, key, value).header(OPERATION, operation.command.keys[0])
    }

    /// Creates a command whose operation is named by its key.
    pub fn named_by_key(operation: &Operation, event_id: &str, args: &Value) -> Self {
        let value = envelope(event_id, args);
        Self::new(operation.command.topic, operation.command.keys[0], value)
    }

    /// Sets the partition.
    #[must_use]
    pub const fn partition(mut self, partition: i32) -> Self {
        self.partition = Some(partition);
        self
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// Adds the caller's token.
    #[must_use]
    pub fn token(self, token: &str) -> Self {
        self.header(AUTHORIZATION, &format!("Bearer {token}"))
    }

    /// Adds the header of a trace.
    #[must_use]
    pub fn trace(self, trace: Uuid) -> Self {
        self.header(TRACEPARENT, &traceparent(trace))
    }
}

/// Where a record was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    pub partition: i32,
    pub offset: i64,
    /// The EventId of a command there that has none, by the contract's rule.
    pub event_id: String,
}

/// Wraps a request in an envelope.
pub fn envelope(event_id: &str, args: &Value) -> String {
    json!({"EventId": event_id, "Data": args.to_string()}).to_string()
}

pub struct Kafka {
    pub broker: Broker,
    /// Produces commands.
    client: FutureProducer,
    /// Produces what only others than clients may.
    admin: FutureProducer,
    results: Results,
}

impl Kafka {
    /// Connects and starts reading replies.
    pub(crate) async fn connect(broker: Broker) -> Result<Self> {
        let producer = |user| -> Result<FutureProducer> {
            Ok(broker
                .config(user)?
                .set("linger.ms", "0")
                .set("message.timeout.ms", "20000")
                .create()?)
        };
        Ok(Self {
            client: producer(User::Client)?,
            admin: producer(User::Admin)?,
            results: Results::read(&broker).await?,
            broker,
        })
    }

    /// Produces a record, a command as a client of the service; returns its place.
    pub async fn produce(&self, record: &Record) -> Result<Place> {
        self.produce_as(sender(&record.topic), record).await
    }

    /// Produces a record as this user.
    pub async fn produce_as(&self, user: User, record: &Record) -> Result<Place> {
        let producer = match user {
            User::Client => &self.client,
            User::Admin => &self.admin,
        };
        send(producer, record).await
    }

    /// Produces records in this order, without waiting in between.
    pub async fn produce_all(&self, records: &[Record]) -> Result<()> {
        // Each is enqueued when its future is polled first, which is in this order.
        let sent = records.iter().map(|record| self.produce(record));
        futures::future::try_join_all(sent).await?;
        Ok(())
    }

    /// Produces a record in a batch compressed with this codec.
    pub async fn produce_compressed(&self, record: &Record, codec: &str) -> Result<Place> {
        let producer = self
            .broker
            .config(sender(&record.topic))?
            .set("linger.ms", "0")
            .set("message.timeout.ms", "20000")
            .set("compression.codec", codec)
            .create()?;
        send(&producer, record).await
    }

    /// Subscribes to the replies to a command, which may have been produced already.
    pub fn expect(&self, event_id: &str) -> Expected {
        self.results.expect(event_id)
    }

    /// Produces a command without an envelope; returns its EventId and the reply.
    pub async fn bare(&self, record: &Record) -> Result<(String, Answer)> {
        let event_id = self.produce(record).await?.event_id;
        let answer = self.expect(&event_id).answer().await?;
        Ok((event_id, answer))
    }

    /// A producer of transactions; `None` if the broker has none and says so at once.
    pub async fn transactions(&self) -> Result<Option<FutureProducer>> {
        let mut config = self.broker.config(User::Admin)?;
        let producer: FutureProducer = config.set("transactional.id", own_name()).create()?;
        let begun = Instant::now();
        let initialized = tokio::task::spawn_blocking(move || {
            let result = producer.init_transactions(TIMEOUT);
            result.map(|()| producer)
        });
        match initialized.await? {
            Ok(producer) => Ok(Some(producer)),
            Err(KafkaError::Transaction(error)) if error.is_fatal() => {
                let took = begun.elapsed();
                anyhow::ensure!(took < TIMEOUT / 2, "refused after {took:?} only: {error}");
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Deletes a topic.
    pub async fn delete_topic(&self, topic: &str) -> Result<()> {
        // Without its client, the future never ends.
        let admin = self.admin()?;
        let options = AdminOptions::new();
        let results = admin.delete_topics(&[topic], &options);
        for result in timeout(TIMEOUT, results).await?? {
            result.map_err(|(topic, code)| anyhow!("delete topic {topic}: {code}"))?;
        }
        Ok(())
    }

    /// Creates a topic as `prepare` does.
    pub async fn create_topic(&self, topic: &str) -> Result<()> {
        let size = MAX_RECORD.to_string();
        let new = NewTopic::new(topic, PARTITIONS, TopicReplication::Fixed(1))
            .set("max.message.bytes", &size);
        let admin = self.admin()?;
        let options = AdminOptions::new();
        let results = admin.create_topics([&new], &options);
        for result in timeout(TIMEOUT, results).await?? {
            result.map_err(|(topic, code)| anyhow!("create topic {topic}: {code}"))?;
        }
        Ok(())
    }

    /// Reads replies from the end of the topic again, which was deleted and created again.
    pub async fn read_results_again(&self) -> Result<()> {
        self.results.read_again(&self.broker).await
    }

    fn admin(&self) -> Result<AdminClient<DefaultClientContext>> {
        Ok(self.broker.config(User::Admin)?.create()?)
    }

    /// Reads a topic from its current end.
    pub async fn tail(&self, topic: &str) -> Result<Tail> {
        Ok(Tail {
            topic: topic.to_owned(),
            consumer: reader(&self.broker, User::Admin, &[topic]).await?,
        })
    }
}

/// Who produces to a topic.
fn sender(topic: &str) -> User {
    if command_topics().contains(&topic) {
        User::Client
    } else {
        User::Admin
    }
}

async fn send(producer: &FutureProducer, record: &Record) -> Result<Place> {
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
    if let Some(partition) = record.partition {
        to_send = to_send.partition(partition);
    }
    let delivery = producer
        .send(to_send, TIMEOUT)
        .await
        .map_err(|(error, _)| anyhow!("Kafka rejected a record for {}: {error}", record.topic))?;
    let timestamp = delivery.timestamp.to_millis().context("no timestamp")?;
    let (partition, offset) = (delivery.partition, delivery.offset);
    Ok(Place {
        partition,
        offset,
        event_id: default_event_id(&record.topic, partition, offset, timestamp),
    })
}

/// A reader of new records on a topic.
pub struct Tail {
    topic: String,
    consumer: StreamConsumer,
}

/// A record that was read.
#[derive(Debug)]
pub struct Received {
    pub partition: i32,
    pub key: Vec<u8>,
    pub value: Option<Vec<u8>>,
    pub headers: HashMap<String, String>,
}

impl Tail {
    /// Waits for the next matching record.
    pub async fn wait_for(&self, matches: impl Fn(&Received) -> bool) -> Result<Received> {
        let search = async {
            loop {
                let Ok(message) = self.consumer.recv().await else {
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                };
                let record = Received {
                    partition: message.partition(),
                    key: message.key().unwrap_or_default().to_vec(),
                    value: message.payload().map(<[u8]>::to_vec),
                    headers: headers(&message),
                };
                if matches(&record) {
                    return record;
                }
            }
        };
        timeout(TIMEOUT, search)
            .await
            .with_context(|| format!("no matching record on {} within {TIMEOUT:?}", self.topic))
    }
}

/// Sends a command in an envelope and waits for its reply. With `by_key`, the record's key names the
/// operation instead of a header.
pub(crate) async fn call(kafka: &Kafka, call: Outgoing, by_key: bool) -> Result<Reply> {
    let operation = call.operation;
    let event_id = call
        .idempotency_key
        .clone()
        .unwrap_or_else(|| Uuid::new_v4().to_string());
    let headers = call.headers();
    // The key of a command is free.
    let args = Value::Object(call.args);
    let mut record = if by_key {
        Record::named_by_key(operation, &event_id, &args)
    } else {
        Record::command(operation, &event_id, &event_id, &args)
    };
    for (name, value) in headers {
        // The EventId is the idempotency key.
        if name != IDEMPOTENCY_KEY {
            record = record.header(name, &value);
        }
    }
    let mut expected = kafka.expect(&event_id);
    kafka.produce(&record).await?;
    loop {
        let answer = expected.answer().await?;
        // A second delivery of the same command has its own reply.
        if answer.headers.get(REQUEST_ID) == Some(&call.request_id) {
            return reply(operation, answer);
        }
    }
}

fn reply(operation: &Operation, answer: Answer) -> Result<Reply> {
    let status = answer.status()?;
    let request_id = answer.headers.get(REQUEST_ID).cloned().unwrap_or_default();
    if status >= 400 {
        let body = answer.data.to_string();
        let wait = answer.headers.get(RETRY_AFTER).map(String::as_str);
        let reply = Reply::failure(status, body.as_bytes(), request_id)?;
        return Ok(reply.retry_after(wait));
    }
    Reply::success(operation, status, answer.data, request_id)
}

/// Creates a consumer of all partitions of these topics, from their current ends, without a group.
pub async fn reader(broker: &Broker, user: User, topics: &[&str]) -> Result<StreamConsumer> {
    let consumer: StreamConsumer = broker
        .config(user)?
        .set("group.id", own_name())
        .set("enable.auto.commit", "false")
        .set("auto.offset.reset", "earliest")
        // An open transaction on a topic holds back no test.
        .set("isolation.level", "read_uncommitted")
        .set("fetch.message.max.bytes", MAX_RECORD.to_string())
        // The local broker waits the full time even when data is available.
        .set("fetch.wait.max.ms", "10")
        .create()?;
    read_from_ends(consumer, topics)
        .await
        .context("Kafka cannot be read")
}

/// Sets a consumer to the current ends of all partitions of these topics.
pub(crate) async fn read_from_ends(
    consumer: StreamConsumer,
    topics: &[&str],
) -> Result<StreamConsumer> {
    let topics: Vec<_> = topics.iter().map(|&topic| topic.to_owned()).collect();
    let assigned = tokio::task::spawn_blocking(move || {
        let mut ends = TopicPartitionList::new();
        for topic in &topics {
            let metadata = consumer.fetch_metadata(Some(topic), TIMEOUT)?;
            for partition in metadata
                .topics()
                .iter()
                .flat_map(|topic| topic.partitions())
            {
                let (_, end) = consumer.fetch_watermarks(topic, partition.id(), TIMEOUT)?;
                ends.add_partition_offset(topic, partition.id(), Offset::Offset(end))?;
            }
        }
        anyhow::ensure!(ends.count() > 0, "no topic {}", topics.join(", "));
        consumer.assign(&ends)?;
        Ok(consumer)
    });
    assigned.await?
}
