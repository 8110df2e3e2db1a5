//! Producing records that must arrive: commands, answers and dead letters.

use std::{sync::Arc, time::Duration};

use rdkafka::{
    error::{KafkaError, RDKafkaErrorCode},
    message::{Header, OwnedHeaders},
    producer::{DeliveryFuture, FutureProducer, FutureRecord, Producer as _},
};

use tracing::{Span, info_span};
use trichrome_telemetry as telemetry;

use super::client_config::{self, Reporter};
use crate::{
    call::{backoff::Backoff, fault::error_chain},
    config::Config,
    ops::metrics::Metrics,
};

/// The waits between attempts to produce what must be produced.
const BACKOFF: Backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(5));

/// A record to produce.
pub(crate) struct Record<'a> {
    /// The topic.
    pub(crate) topic: &'a str,
    /// The key.
    pub(crate) key: Option<&'a [u8]>,
    /// The value.
    pub(crate) value: Option<&'a [u8]>,
    /// The headers.
    pub(crate) headers: &'a [(&'a str, &'a [u8])],
}

/// Why a record was not produced.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProduceError {
    /// Kafka will not take it, today or tomorrow: it is too large, or there is no such topic.
    #[error("kafka refuses the record")]
    Refused(#[source] KafkaError),
    /// Kafka did not take it in time.
    #[error("kafka did not take the record")]
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
                | RDKafkaErrorCode::TopicAuthorizationFailed,
            ) => Self::Refused(error),
            _ => Self::Unavailable(error),
        }
    }
}

/// A record on its way as a span, by the conventions for messaging, and Kafka's.
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

/// A record on its way.
pub(crate) struct Produced(DeliveryFuture);

impl Produced {
    /// Waits for Kafka to have it.
    ///
    /// # Errors
    ///
    /// As [`Producer::produce`].
    pub(crate) async fn delivered(self) -> Result<(), ProduceError> {
        match self.0.await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err((error, _))) => Err(error.into()),
            // Not seen: the producer outlives its records.
            Err(_) => Err(KafkaError::Canceled.into()),
        }
    }
}

/// Produces records and waits for Kafka to have them. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Producer {
    inner: FutureProducer<Reporter>,
}

impl Producer {
    /// A producer of records that all in-sync replicas have before it says so.
    ///
    /// # Errors
    ///
    /// librdkafka refuses the settings.
    pub(crate) fn new(config: &Config, metrics: Arc<Metrics>) -> Result<Self, KafkaError> {
        // A third of a call's time: a caller is told soon enough that Kafka is down. What
        // must be produced is tried again.
        let patience = (config.call_timeout / 3).as_millis().to_string();
        let inner = client_config::base(&config.kafka_brokers)
            .set("acks", "all")
            .set("enable.idempotence", "true")
            // Somebody waits for each of these.
            .set("linger.ms", "0")
            .set("message.timeout.ms", patience)
            .set("queue.buffering.max.kbytes", "262144")
            // Says of a topic that there is none before the record's own time is up.
            .set("topic.metadata.propagation.max.ms", "2000")
            .create_with_context(Reporter {
                name: "producer",
                metrics,
            })?;
        Ok(Self { inner })
    }

    /// Produces a record, once.
    ///
    /// # Errors
    ///
    /// Kafka does not have it, or may have it but did not say so in time.
    pub(crate) async fn produce(&self, record: &Record<'_>) -> Result<(), ProduceError> {
        self.begin(record)?.delivered().await
    }

    /// Begins to produce a record: it is in librdkafka's queue then, in a copy of its own.
    ///
    /// # Errors
    ///
    /// The queue is full, or the record is larger than one may be.
    pub(crate) fn begin(&self, record: &Record<'_>) -> Result<Produced, ProduceError> {
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
        // A full queue is an outage already: no use in waiting beside it.
        match self.inner.send_result(out) {
            Ok(delivery) => Ok(Produced(delivery)),
            Err((error, _)) => Err(error.into()),
        }
    }

    /// Produces a record, for as long as it takes. The caller drops the future to give up.
    ///
    /// # Errors
    ///
    /// [`ProduceError::Refused`] alone.
    pub(crate) async fn insist(&self, record: &Record<'_>) -> Result<(), ProduceError> {
        let mut failures = 0;
        loop {
            match self.produce(record).await {
                Ok(()) => return Ok(()),
                Err(error @ ProduceError::Refused(_)) => return Err(error),
                Err(error) => {
                    failures += 1;
                    tracing::warn!(
                        topic = record.topic,
                        error = error_chain(&error),
                        failures,
                        "a record waits for kafka"
                    );
                    tokio::time::sleep(BACKOFF.wait(failures)).await;
                }
            }
        }
    }

    /// Whether a broker answers; blocks for up to `timeout`.
    ///
    /// # Errors
    ///
    /// None does.
    pub(crate) fn probe(&self, timeout: Duration) -> Result<(), KafkaError> {
        let metadata = self.inner.client().fetch_metadata(None, timeout)?;
        if metadata.brokers().is_empty() {
            return Err(KafkaError::MetadataFetch(RDKafkaErrorCode::AllBrokersDown));
        }
        Ok(())
    }

    /// Waits, and blocks, until all records are out or `timeout` has passed.
    ///
    /// # Errors
    ///
    /// Some are not out.
    pub(crate) fn flush(&self, timeout: Duration) -> Result<(), KafkaError> {
        self.inner.flush(timeout)
    }
}
