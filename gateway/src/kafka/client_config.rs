//! What all Kafka clients here have in common: settings, and where their words go.

use std::sync::Arc;

use rdkafka::{
    ClientConfig, ClientContext, Statistics,
    config::RDKafkaLogLevel,
    error::{KafkaError, RDKafkaErrorCode},
    statistics::{Partition, Topic},
};

use crate::{call::limits, ops::metrics::Metrics};

/// Settings of every client.
pub(crate) fn base(brokers: &str) -> ClientConfig {
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
pub(crate) fn consumer(brokers: &str) -> ClientConfig {
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
pub(crate) struct Reporter {
    /// Which client this is, in the log and the metrics.
    pub(crate) name: &'static str,
    /// Where its lag shows.
    pub(crate) metrics: Arc<Metrics>,
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
            if let Some(records) = lag(topic) {
                self.metrics.lag(self.name, name, records);
            }
        }
    }
}

/// Records that wait in the partitions that are this client's; `None` until that is known.
/// Of a partition that was taken away librdkafka goes on to tell the last it knew.
fn lag(topic: &Topic) -> Option<i64> {
    let mut own = topic
        .partitions
        .values()
        // -1 is the partition of no number.
        .filter(|partition| partition.partition >= 0 && partition.desired)
        .peekable();
    if own.peek().is_none() {
        return Some(0);
    }
    own.filter_map(waiting).reduce(|sum, more| sum + more)
}

fn waiting(partition: &Partition) -> Option<i64> {
    if partition.consumer_lag >= 0 {
        return Some(partition.consumer_lag);
    }
    // Without a commit the group reads from the beginning. Negative is not known.
    let known = partition.committed_offset < 0 && partition.lo_offset >= 0;
    (known && partition.hi_offset >= partition.lo_offset)
        .then(|| partition.hi_offset - partition.lo_offset)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn partition(number: i32, lag: i64) -> Partition {
        Partition {
            partition: number,
            desired: true,
            consumer_lag: lag,
            committed_offset: -1001,
            lo_offset: -1001,
            hi_offset: -1001,
            ..Partition::default()
        }
    }

    fn of(partitions: impl IntoIterator<Item = Partition>) -> Option<i64> {
        let partitions = partitions.into_iter();
        lag(&Topic {
            partitions: partitions.map(|it| (it.partition, it)).collect(),
            ..Topic::default()
        })
    }

    #[test]
    fn lag_is_that_of_the_partitions_that_are_read_here() {
        assert_eq!(of([partition(0, 3), partition(1, 4)]), Some(7));
        let mut taken_away = partition(1, 4);
        taken_away.desired = false;
        assert_eq!(of([partition(0, 3), taken_away.clone()]), Some(3));
        assert_eq!(of([taken_away, partition(-1, 9)]), Some(0));
    }

    #[test]
    fn before_a_commit_all_waits_that_is_there() {
        let mut new = partition(0, -1);
        assert_eq!(of([new.clone()]), None);
        (new.lo_offset, new.hi_offset) = (10, 15);
        assert_eq!(of([new.clone(), partition(1, 2)]), Some(7));
        new.committed_offset = 15;
        assert_eq!(of([new]), None);
    }
}
