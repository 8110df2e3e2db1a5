//! Settings that all Kafka clients share, and their logging and statistics.

use std::{error::Error, sync::Arc};

use rdkafka::{
    ClientConfig, ClientContext, Statistics,
    client::OAuthToken,
    config::RDKafkaLogLevel,
    error::KafkaError,
    statistics::{Partition, Topic},
};

use trichrome_kafka::Connection;

use crate::{call::limits, ops::metrics::Metrics};

/// Settings for every client.
pub(crate) fn base(connection: &Connection) -> ClientConfig {
    let mut config = connection.client_config();
    config
        .set("client.id", "trichrome-gateway")
        // Reconnect to a restarted broker within two seconds, not ten.
        .set("reconnect.backoff.ms", "100")
        .set("reconnect.backoff.max.ms", "2000")
        .set("socket.keepalive.enable", "true")
        // How soon a topic that is created later is noticed.
        .set("topic.metadata.refresh.interval.ms", "10000")
        .set("message.max.bytes", record_bytes());
    config
}

/// Settings for every consumer.
pub(crate) fn consumer(connection: &Connection) -> ClientConfig {
    let mut config = base(connection);
    config
        // The tracker decides which offsets are committed.
        .set("enable.auto.offset.store", "false")
        .set("fetch.message.max.bytes", record_bytes())
        // How long a broker may wait for data before it answers a fetch. Some brokers always
        // wait this long, so it bounds the latency they add.
        .set("fetch.wait.max.ms", "100")
        .set("fetch.error.backoff.ms", "200")
        // Prefetched records per client: a few pictures, not the default of 64 MiB.
        .set("queued.max.messages.kbytes", "32768")
        // A damaged batch must not pass for a command.
        .set("check.crcs", "true")
        // How soon a partition that doesn't move on is noticed.
        .set("statistics.interval.ms", "1000");
    config
}

fn record_bytes() -> String {
    (limits::MAX_RECORD + limits::RECORD_OVERHEAD).to_string()
}

/// Passes librdkafka's messages to the log and its statistics to the metrics.
#[derive(Clone)]
pub(crate) struct Reporter {
    /// The client's name in the log and the metrics.
    pub(crate) name: &'static str,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) connection: Connection,
}

impl ClientContext for Reporter {
    const ENABLE_REFRESH_OAUTH_TOKEN: bool = true;

    fn generate_oauth_token(&self, _: Option<&str>) -> Result<OAuthToken, Box<dyn Error>> {
        self.connection.token()
    }

    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        let client = self.name;
        match level {
            RDKafkaLogLevel::Emerg
            | RDKafkaLogLevel::Alert
            | RDKafkaLogLevel::Critical
            | RDKafkaLogLevel::Error
            | RDKafkaLogLevel::Warning
                if !is_refusal(message) =>
            {
                tracing::warn!(client, facility, "kafka: {message}");
            }
            _ => {
                tracing::debug!(client, facility, "kafka: {message}");
            }
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        let client = self.name;
        self.connection.note_error(&error, reason);
        tracing::debug!(client, %error, "kafka: {reason}");
    }

    fn stats(&self, statistics: Statistics) {
        self.set_lags(&statistics, |_, _| false, |_, _| None);
    }
}

impl Reporter {
    /// Sets the lag of each topic. `is_done` tells whether all records of a partition that were
    /// read have been processed, and `end` where it ends, if that isn't known from a fetch.
    pub(crate) fn set_lags(
        &self,
        statistics: &Statistics,
        is_done: impl Fn(&str, &Partition) -> bool,
        end: impl Fn(&str, &Partition) -> Option<i64>,
    ) {
        for (name, topic) in &statistics.topics {
            let records = lag(
                topic,
                |partition| is_done(name, partition),
                |partition| end(name, partition),
            );
            if let Some(records) = records {
                self.metrics.set_lag(self.name, name, records);
            }
        }
    }
}

/// Whether librdkafka reports that the broker refuses the connection. It does so at each attempt of
/// each client, and as an error, which [`Connection::note_error`] logs once.
fn is_refusal(message: &str) -> bool {
    message.contains("authentication") || message.contains("SSL handshake failed")
}

/// The lag over the partitions assigned to this client; `None` until it is known. For revoked
/// partitions, librdkafka keeps reporting the last known lag.
fn lag(
    topic: &Topic,
    is_done: impl Fn(&Partition) -> bool,
    end: impl Fn(&Partition) -> Option<i64>,
) -> Option<i64> {
    let mut own = topic
        .partitions
        .values()
        // Partition -1 stands for records without a partition.
        .filter(|partition| partition.partition >= 0 && partition.desired)
        .peekable();
    if own.peek().is_none() {
        return Some(0);
    }
    own.filter_map(|partition| {
        let fetched = partition_lag(partition, is_done(partition))?;
        Some(fetched + beyond(partition, end(partition)))
    })
    .reduce(|sum, more| sum + more)
}

/// The records between the end of the last fetch and the known one.
fn beyond(partition: &Partition, end: Option<i64>) -> i64 {
    match end {
        Some(end) if partition.hi_offset >= 0 => (end - partition.hi_offset).max(0),
        _ => 0,
    }
}

fn partition_lag(partition: &Partition, is_done: bool) -> Option<i64> {
    // Control records and those of aborted transactions are never processed, so the last
    // processed record says too little. The position is behind them.
    let end = match partition.ls_offset {
        unknown if unknown < 0 => partition.hi_offset,
        stable => stable,
    };
    if is_done && partition.next_offset >= 0 && end >= partition.next_offset {
        return Some(end - partition.next_offset);
    }
    if partition.consumer_lag >= 0 {
        return Some(partition.consumer_lag);
    }
    // Without a commit the group reads from the beginning. A negative offset is unknown.
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
            ls_offset: -1001,
            next_offset: -1001,
            ..Partition::default()
        }
    }

    fn lag_of(partitions: impl IntoIterator<Item = Partition>) -> Option<i64> {
        let partitions = partitions.into_iter();
        let topic = Topic {
            partitions: partitions.map(|it| (it.partition, it)).collect(),
            ..Topic::default()
        };
        lag(&topic, |_| false, |_| None)
    }

    #[test]
    fn revoked_partitions_have_no_lag() {
        assert_eq!(lag_of([partition(0, 3), partition(1, 4)]), Some(7));
        let mut revoked = partition(1, 4);
        revoked.desired = false;
        assert_eq!(lag_of([partition(0, 3), revoked.clone()]), Some(3));
        assert_eq!(lag_of([revoked, partition(-1, 9)]), Some(0));
    }

    #[test]
    fn before_the_first_commit_the_lag_is_the_whole_partition() {
        let mut new = partition(0, -1);
        assert_eq!(lag_of([new.clone()]), None);
        (new.lo_offset, new.hi_offset) = (10, 15);
        assert_eq!(lag_of([new.clone(), partition(1, 2)]), Some(7));
        new.committed_offset = 15;
        assert_eq!(lag_of([new]), None);
    }

    #[test]
    fn a_paused_partition_has_the_lag_up_to_its_known_end() {
        let mut paused = partition(0, 40);
        paused.hi_offset = 100;
        assert_eq!(beyond(&paused, None), 0);
        assert_eq!(beyond(&paused, Some(90)), 0);
        assert_eq!(beyond(&paused, Some(350)), 250);
        let topic = Topic {
            partitions: [(0, paused)].into(),
            ..Topic::default()
        };
        assert_eq!(lag(&topic, |_| false, |_| Some(350)), Some(290));
    }

    #[test]
    fn records_that_are_never_processed_are_no_lag() {
        // An aborted transaction of 120 records, and its control record.
        let mut aborted = partition(0, 121);
        (aborted.ls_offset, aborted.hi_offset) = (125, 130);
        aborted.next_offset = 125;
        assert_eq!(partition_lag(&aborted, true), Some(0));
        assert_eq!(partition_lag(&aborted, false), Some(121));
        aborted.next_offset = 100;
        assert_eq!(partition_lag(&aborted, true), Some(25));
        aborted.ls_offset = -1001;
        assert_eq!(partition_lag(&aborted, true), Some(30));
    }
}
