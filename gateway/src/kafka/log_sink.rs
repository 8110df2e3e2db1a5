//! Writes call logs to Kafka. Logs are dropped when the queue is full, and counted.

use std::{error::Error, sync::Arc, time::Duration};

use rdkafka::{
    ClientContext, Statistics,
    client::OAuthToken,
    config::RDKafkaLogLevel,
    error::{KafkaError, RDKafkaErrorCode},
    producer::{BaseRecord, DeliveryResult, Producer as _, ProducerContext, ThreadedProducer},
};
use tokio::sync::oneshot;
use trichrome_proto::contract::TRIGGERS;

use super::{
    client_config::{self, Reporter},
    replaceable::Replaceable,
};
use crate::{
    call::call_log::{LogSink, Receipt},
    config::Config,
    ops::metrics::{CallLogOutcome, Metrics},
};

/// The function that call logs are for; they are written to its topic.
const INGEST: &str = "analytics-ingest";

/// The maximum number of queued call logs: about 30 MB, half a minute at 3,000 calls a second.
const QUEUE: &str = "100000";

/// Writes call logs to their topic.
pub(crate) struct KafkaLogSink {
    client: Replaceable<Client>,
    topic: &'static str,
    metrics: Arc<Metrics>,
}

type Client = ThreadedProducer<CountingReporter>;

impl KafkaLogSink {
    /// A sink with its own queue, so that call logs and answers don't compete for room.
    ///
    /// # Errors
    ///
    /// librdkafka rejects the settings.
    pub(crate) fn new(config: &Config, metrics: Arc<Metrics>) -> Result<Self, KafkaError> {
        let topic = TRIGGERS
            .iter()
            .find(|trigger| trigger.function == INGEST)
            .map_or("analyticsdata", |trigger| trigger.topic);
        Ok(Self {
            client: Replaceable::new(Self::client(config, Arc::clone(&metrics))?),
            topic,
            metrics,
        })
    }

    /// A client that uses the connection's current login.
    fn client(config: &Config, metrics: Arc<Metrics>) -> Result<Client, KafkaError> {
        client_config::base(&config.kafka)
            .set("acks", "all")
            .set("enable.idempotence", "true")
            // Answers wait for these. Under load, full batches form while others are in flight.
            .set("linger.ms", "0")
            .set("batch.num.messages", "10000")
            .set("queue.buffering.max.messages", QUEUE)
            .set("queue.buffering.max.kbytes", "65536")
            // Longer than a broker's restart takes.
            .set("message.timeout.ms", "120000")
            .create_with_context(CountingReporter(Reporter {
                name: "call-logs",
                metrics,
                connection: config.kafka.clone(),
            }))
    }

    /// Uses a client with the connection's current login from now on. Blocks until the records of
    /// the one before are delivered or `timeout` has passed; those left are lost, and counted.
    ///
    /// # Errors
    ///
    /// librdkafka rejects the settings.
    pub(crate) fn replace(&self, config: &Config, timeout: Duration) -> Result<(), KafkaError> {
        let client = Self::client(config, Arc::clone(&self.metrics))?;
        self.client.replace(client, timeout);
        Ok(())
    }

    /// Blocks until the queue is empty or `timeout` has passed.
    ///
    /// # Errors
    ///
    /// Some records are still queued.
    pub(crate) fn flush(&self, timeout: Duration) -> Result<(), KafkaError> {
        self.client.get().flush(timeout)
    }
}

impl LogSink for KafkaLogSink {
    fn put(&self, key: &str, value: &[u8]) -> Receipt {
        let (sender, receipt) = Receipt::pending();
        let record = BaseRecord::with_opaque_to(self.topic, Box::new(sender))
            .key(key.as_bytes())
            .payload(value);
        // A record that is refused drops the sender, which makes its outcome known.
        let sent = self
            .client
            .enqueue(|client| client.send(record).map_err(|(error, _)| error));
        if let Err(error) = sent {
            self.metrics.call_logged(CallLogOutcome::Dropped);
            if error.rdkafka_error_code() != Some(RDKafkaErrorCode::QueueFull) {
                tracing::warn!(%error, "a call log was dropped");
            }
        }
        receipt
    }
}

/// Counts each call log's outcome.
struct CountingReporter(Reporter);

impl ClientContext for CountingReporter {
    const ENABLE_REFRESH_OAUTH_TOKEN: bool = Reporter::ENABLE_REFRESH_OAUTH_TOKEN;

    fn generate_oauth_token(&self, config: Option<&str>) -> Result<OAuthToken, Box<dyn Error>> {
        self.0.generate_oauth_token(config)
    }

    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.0.log(level, facility, message);
    }

    fn stats(&self, statistics: Statistics) {
        self.0.stats(statistics);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.0.error(error, reason);
    }
}

impl ProducerContext for CountingReporter {
    type DeliveryOpaque = Box<oneshot::Sender<()>>;

    fn delivery(&self, result: &DeliveryResult<'_>, acknowledged: Self::DeliveryOpaque) {
        // Sending fails if nothing waits any more.
        let _ignored = acknowledged.send(());
        self.0.metrics.call_logged(match result {
            Ok(_) => CallLogOutcome::Written,
            Err(_) => CallLogOutcome::Failed,
        });
    }
}
