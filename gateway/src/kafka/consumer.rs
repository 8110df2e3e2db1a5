//! A member of a consumer group that commits only records that were processed.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use rdkafka::{
    ClientContext, Statistics, TopicPartitionList,
    config::RDKafkaLogLevel,
    consumer::{
        BaseConsumer, CommitMode, Consumer as _, ConsumerContext, Rebalance, StreamConsumer,
    },
    error::{KafkaError, KafkaResult, RDKafkaErrorCode},
    message::{Message as _, OwnedMessage},
};

use super::{
    client_config::{self, Reporter},
    tracker::{Ticket, Tracker},
};
use crate::{config::Config, ops::metrics::Metrics};

/// The pause after an error: the consumer repeats errors of an unreachable broker.
const ERROR_PAUSE: Duration = Duration::from_millis(200);

/// Reads the topics of a group.
pub(crate) struct GroupConsumer {
    inner: StreamConsumer<GroupContext>,
}

impl GroupConsumer {
    /// Joins `group` to read `topics`; a topic may be created later.
    ///
    /// # Errors
    ///
    /// librdkafka rejects the settings.
    pub(crate) fn join(
        config: &Config,
        group: &str,
        name: &'static str,
        topics: &[&str],
        metrics: Arc<Metrics>,
    ) -> Result<Self, KafkaError> {
        let inner: StreamConsumer<GroupContext> = client_config::consumer(&config.kafka_brokers)
            .set("group.id", group)
            // A new group also serves the records that were produced before it joined.
            .set("auto.offset.reset", "earliest")
            .set("auto.commit.interval.ms", "500")
            // Take over from a replica that was killed after ten seconds, not 45.
            .set("session.timeout.ms", "10000")
            .set("heartbeat.interval.ms", "3000")
            .create_with_context(GroupContext {
                reporter: Reporter { name, metrics },
                tracker: Mutex::default(),
            })?;
        inner.subscribe(topics)?;
        Ok(Self { inner })
    }

    /// Waits for the next record, through errors such as a broker that is down or a missing
    /// topic. Cancel safe: no record is lost.
    pub(crate) async fn next(&self) -> (Ticket, OwnedMessage) {
        loop {
            match self.inner.recv().await {
                Ok(message) => {
                    let ticket = self.inner.context().tracker().begin(
                        message.topic(),
                        message.partition(),
                        message.offset(),
                    );
                    return (ticket, message.detach());
                }
                Err(error) => {
                    let client = self.inner.context().reporter.name;
                    tracing::debug!(client, %error, "kafka: nothing to read");
                    tokio::time::sleep(ERROR_PAUSE).await;
                }
            }
        }
    }

    /// Marks a record as processed, so that it isn't read again.
    pub(crate) fn done(&self, ticket: &Ticket) {
        let Some(offset) = self.inner.context().tracker().end(ticket) else {
            return;
        };
        // librdkafka takes the offset of the processed record and commits the next one.
        if let Err(error) = self
            .inner
            .store_offset(&ticket.topic, ticket.partition, offset)
        {
            // The partition has just moved to another replica, which reads the record again.
            tracing::debug!(%error, topic = ticket.topic, "an offset was not stored");
        }
    }

    /// Commits the processed records and leaves the group, within `timeout`.
    pub(crate) async fn leave(self: Arc<Self>, timeout: Duration) {
        let name = self.inner.context().reporter.name;
        // Both calls block, and leaving a group may hang if its broker is down.
        let leaving = tokio::task::spawn_blocking(move || {
            match self.inner.commit_consumer_state(CommitMode::Sync) {
                Ok(()) | Err(KafkaError::ConsumerCommit(RDKafkaErrorCode::NoOffset)) => {}
                Err(error) => tracing::warn!(client = name, %error, "the last commit failed"),
            }
            drop(self);
        });
        if tokio::time::timeout(timeout, leaving).await.is_err() {
            tracing::warn!(client = name, "the consumer did not close in time");
        }
    }
}

struct GroupContext {
    reporter: Reporter,
    tracker: Mutex<Tracker>,
}

impl GroupContext {
    fn tracker(&self) -> std::sync::MutexGuard<'_, Tracker> {
        self.tracker.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ClientContext for GroupContext {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.reporter.log(level, facility, message);
    }

    fn stats(&self, statistics: Statistics) {
        self.reporter.stats(statistics);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.reporter.error(error, reason);
    }
}

impl ConsumerContext for GroupContext {
    fn pre_rebalance(&self, _: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        let (what, partitions) = match rebalance {
            Rebalance::Assign(partitions) => ("assigned", partitions),
            Rebalance::Revoke(partitions) => ("revoked", partitions),
            Rebalance::Error(error) => {
                tracing::warn!(client = self.reporter.name, %error, "rebalance");
                return;
            }
        };
        let mut tracker = self.tracker();
        for partition in partitions.elements() {
            tracker.forget(partition.topic(), partition.partition());
        }
        tracing::info!(
            client = self.reporter.name,
            partitions = partitions.count(),
            "partitions {what}"
        );
    }

    fn commit_callback(&self, result: KafkaResult<()>, _: &TopicPartitionList) {
        match result {
            // No record was processed since the last commit.
            Err(KafkaError::ConsumerCommit(RDKafkaErrorCode::NoOffset)) => {}
            result => self
                .reporter
                .metrics
                .offsets_committed(self.reporter.name, result.is_ok()),
        }
    }
}
