//! What all Kafka clients here have in common: settings, and where their words go.

use std::sync::Arc;

use rdkafka::{
    ClientConfig, ClientContext, Statistics,
    config::RDKafkaLogLevel,
    error::{KafkaError, RDKafkaErrorCode},
};

use crate::{limits, metrics::Metrics};

/// Settings of every client.
pub fn base(brokers: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", brokers)
        .set("client.id", "trichrome-gateway")
        // A broker that was down is found again within two seconds, not ten.
        .set("reconnect.backoff.ms", "100")
        .set("reconnect.backoff.max.ms", "2000")
        .set("socket.keepalive.enable", "true")
        // How soon a topic that was created after the gateway's start is seen.
        .set("topic.metadata.refresh.interval.ms", "10000")
        .set("message.max.bytes", record_bytes());
    config
}

/// Settings of every consumer.
pub fn consumer(brokers: &str) -> ClientConfig {
    let mut config = base(brokers);
    config
        // What is committed is decided here, by the tracker.
        .set("enable.auto.offset.store", "false")
        .set("fetch.message.max.bytes", record_bytes())
        // A fetch is answered as soon as there is data; this is how long it waits where
        // there is none. Brokers that wait it out whatever comes have been seen: it bounds
        // what they add.
        .set("fetch.wait.max.ms", "100")
        .set("fetch.error.backoff.ms", "200")
        // Records fetched ahead, a client: some pictures, not the default of 64 MiB.
        .set("queued.max.messages.kbytes", "32768")
        .set("statistics.interval.ms", "5000");
    config
}

fn record_bytes() -> String {
    (limits::MAX_RECORD + limits::RECORD_OVERHEAD).to_string()
}

/// Passes librdkafka's words to the log and its statistics to the metrics.
#[derive(Clone)]
pub struct Reporter {
    /// Which client this is, in the log and the metrics.
    pub name: &'static str,
    /// Where its lag shows.
    pub metrics: Arc<Metrics>,
}

impl ClientContext for Reporter {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        let client = self.name;
        match level {
            RDKafkaLogLevel::Emerg
            | RDKafkaLogLevel::Alert
            | RDKafkaLogLevel::Critical
            | RDKafkaLogLevel::Error
            | RDKafkaLogLevel::Warning => {
                tracing::warn!(client, facility, "kafka: {message}");
            }
            RDKafkaLogLevel::Notice | RDKafkaLogLevel::Info | RDKafkaLogLevel::Debug => {
                tracing::debug!(client, facility, "kafka: {message}");
            }
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        let client = self.name;
        // One line for an outage, not one for each broker and attempt.
        if error.rdkafka_error_code() == Some(RDKafkaErrorCode::AllBrokersDown) {
            tracing::warn!(client, "kafka: no broker can be reached");
        } else {
            tracing::debug!(client, %error, "kafka: {reason}");
        }
    }

    fn stats(&self, statistics: Statistics) {
        for (name, topic) in &statistics.topics {
            let lags = topic
                .partitions
                .values()
                // -1 is the partition of no number, and a lag that is not known yet.
                .filter(|partition| partition.partition >= 0 && partition.consumer_lag >= 0)
                .map(|partition| partition.consumer_lag);
            let mut lags = lags.peekable();
            if lags.peek().is_some() {
                self.metrics.lag(self.name, name, lags.sum());
            }
        }
    }
}
