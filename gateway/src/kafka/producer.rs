//! Produces records that must arrive: commands, answers and dead letters.

use std::{sync::Arc, time::Duration};

use rdkafka::{
    error::{KafkaError, RDKafkaErrorCode},
    message::{Header, OwnedHeaders},
    metadata::Metadata,
    producer::{DeliveryFuture, FutureProducer, FutureRecord, Producer as _},
};
use tracing::{Span, info_span};
use trichrome_startup::error_chain;
use trichrome_telemetry as telemetry;

use super::{
    client_config::{self, Reporter},
    replaceable::Replaceable,
};
use crate::{call::backoff::Backoff, config::Config, ops::metrics::Metrics};

/// The waits between attempts to produce a record.
const BACKOFF: Backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(5));

/// A record to produce.
pub(crate) struct Record<'a> {
    pub(crate) topic: &'a str,
    pub(crate) key: Option<&'a [u8]>,
    pub(crate) value: Option<&'a [u8]>,
    pub(crate) headers: &'a [(&'a str, &'a [u8])],
    /// The partition; `None` leaves it to the key, or without one to chance.
    pub(crate) partition: Option<u32>,
}

/// Why a record was not produced.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProduceError {
    /// Kafka rejects the record: it is too large, or its topic or partition doesn't exist.
    #[error("kafka rejected the record")]
    Rejected(#[source] KafkaError),
    /// Kafka did not acknowledge the record in time.
    #[error("kafka did not acknowledge the record")]
    Unavailable(#[source] KafkaError),
}

impl From<KafkaError> for ProduceError {
    fn from(error: KafkaError) -> Self {
        match error.rdkafka_error_code() {
            Some(
                RDKafkaErrorCode::MessageSizeTooLarge
                | RDKafkaErrorCode::InvalidMessageSize
                | RDKafkaErrorCode::InvalidRecord
                | RDKafkaErrorCode::UnknownTopic
                | RDKafkaErrorCode::UnknownTopicOrPartition
                | RDKafkaErrorCode::UnknownPartition
                | RDKafkaErrorCode::TopicAuthorizationFailed,
            ) => Self::Rejected(error),
            _ => Self::Unavailable(error),
        }
    }
}

/// A span for producing a record, by the semantic conventions for messaging and Kafka.
pub(crate) fn span(topic: &str, key: Option<&str>) -> Span {
    let span = info_span!(
        "send",
        otel.kind = "producer",
        otel.name = format!("send {topic}"),
        messaging.system = "kafka",
        messaging.operation.name = "send",
        messaging.operation.type = "send",
        messaging.destination.name = topic,
    );
    if let Some(key) = key {
        telemetry::set(&span, "messaging.kafka.message.key", key.to_owned());
    }
    span
}

/// A record in the producer's queue.
pub(crate) struct Produced(DeliveryFuture);

impl Produced {
    /// Waits until Kafka acknowledges the record.
    ///
    /// # Errors
    ///
    /// As [`Producer::produce`].
    pub(crate) async fn delivered(self) -> Result<(), ProduceError> {
        match self.0.await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err((error, _))) => Err(error.into()),
            // Unreachable in practice: the producer outlives its records.
            Err(_) => Err(KafkaError::Canceled.into()),
        }
    }
}

/// librdkafka's producer.
pub(crate) type Client = FutureProducer<Reporter>;

/// A producer whose records are acknowledged by all in-sync replicas. It uses the connection's
/// current login.
///
/// # Errors
///
/// librdkafka rejects the settings.
pub(crate) fn client(config: &Config, metrics: Arc<Metrics>) -> Result<Client, KafkaError> {
    client_config::base(&config.kafka)
        .set("acks", "all")
        .set("enable.idempotence", "true")
        // The partitioner of Kafka's own clients, so that commands of one caller share a
        // partition whichever client sends them.
        .set("partitioner", "murmur2_random")
        // A caller waits for each record.
        .set("linger.ms", "0")
        .set("message.timeout.ms", timeout(config).as_millis().to_string())
        .set("queue.buffering.max.kbytes", "262144")
        // Report a missing topic before the record times out.
        .set("topic.metadata.propagation.max.ms", "2000")
        .create_with_context(Reporter {
            name: "producer",
            metrics,
            connection: config.kafka.clone(),
        })
}

/// How long a record may wait for its acknowledgement: a third of a call's time, so that callers
/// soon learn that Kafka is down. Records that must be produced are retried.
fn timeout(config: &Config) -> Duration {
    config.call_timeout / 3
}

/// Checks that a broker answers; blocks for up to `timeout`.
///
/// # Errors
///
/// No broker answers.
pub(crate) fn probe(client: &Client, timeout: Duration) -> Result<(), KafkaError> {
    let metadata = client.client().fetch_metadata(None, timeout)?;
    if metadata.brokers().is_empty() {
        return Err(KafkaError::MetadataFetch(RDKafkaErrorCode::AllBrokersDown));
    }
    Ok(())
}

/// Produces records and waits until Kafka acknowledges them. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Producer {
    inner: Arc<Replaceable<Client>>,
    timeout: Duration,
}

impl Producer {
    /// As [`client`].
    ///
    /// # Errors
    ///
    /// librdkafka rejects the settings.
    pub(crate) fn new(config: &Config, metrics: Arc<Metrics>) -> Result<Self, KafkaError> {
        Ok(Self {
            inner: Arc::new(Replaceable::new(client(config, metrics)?)),
            timeout: timeout(config),
        })
    }

    /// Uses another client from now on. Blocks until the records of the one before are delivered,
    /// or have timed out.
    pub(crate) fn replace(&self, client: Client) {
        self.inner.replace(client, self.timeout);
    }

    /// Produces a record, without retries.
    ///
    /// # Errors
    ///
    /// Kafka rejected the record or did not acknowledge it in time.
    pub(crate) async fn produce(&self, record: &Record<'_>) -> Result<(), ProduceError> {
        self.enqueue(record)?.delivered().await
    }

    /// Copies a record into librdkafka's queue.
    ///
    /// # Errors
    ///
    /// The queue is full, or the record is too large.
    pub(crate) fn enqueue(&self, record: &Record<'_>) -> Result<Produced, ProduceError> {
        let headers = record
            .headers
            .iter()
            .fold(OwnedHeaders::new(), |headers, (key, value)| {
                headers.insert(Header {
                    key,
                    value: Some(*value),
                })
            });
        let mut out = FutureRecord::<[u8], [u8]>::to(record.topic).headers(headers);
        out.key = record.key;
        out.payload = record.value;
        out.partition = record.partition.and_then(|it| i32::try_from(it).ok());
        // A full queue means an outage, so waiting for room in it is no use.
        let sent = self
            .inner
            .enqueue(|client| client.send_result(out).map_err(|(error, _)| error));
        Ok(Produced(sent?))
    }

    /// Produces a record, retrying until Kafka accepts it. To stop, drop the future.
    ///
    /// # Errors
    ///
    /// Only [`ProduceError::Rejected`].
    pub(crate) async fn produce_until_accepted(
        &self,
        record: &Record<'_>,
    ) -> Result<(), ProduceError> {
        let mut failures = 0;
        loop {
            match self.produce(record).await {
                Ok(()) => return Ok(()),
                Err(error @ ProduceError::Rejected(_)) => return Err(error),
                Err(error) => {
                    failures += 1;
                    tracing::warn!(
                        topic = record.topic,
                        error = error_chain(&error),
                        failures,
                        "a record was not produced; retrying"
                    );
                    tokio::time::sleep(BACKOFF.wait(failures)).await;
                }
            }
        }
    }

    /// A topic's metadata. Blocks for up to `timeout`.
    ///
    /// # Errors
    ///
    /// No broker answers.
    pub(crate) fn metadata(&self, topic: &str, timeout: Duration) -> Result<Metadata, KafkaError> {
        self.inner
            .get()
            .client()
            .fetch_metadata(Some(topic), timeout)
    }

    /// As [`probe`].
    ///
    /// # Errors
    ///
    /// No broker answers.
    pub(crate) fn probe(&self, timeout: Duration) -> Result<(), KafkaError> {
        probe(&self.inner.get(), timeout)
    }

    /// Blocks until the queue is empty or `timeout` has passed.
    ///
    /// # Errors
    ///
    /// Some records are still queued.
    pub(crate) fn flush(&self, timeout: Duration) -> Result<(), KafkaError> {
        self.inner.get().flush(timeout)
    }
}
