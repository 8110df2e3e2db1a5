//! A member of a consumer group that commits only what is done with.

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

/// After an error of the consumer; what it says of a broker it says again and again.
const PAUSE: Duration = Duration::from_millis(200);

/// Reads the topics of a group.
pub(crate) struct GroupConsumer {
    inner: StreamConsumer<GroupContext>,
}

impl GroupConsumer {
    /// Joins `group` to read `topics`; ones that do not exist yet are read once they do.
    ///
    /// # Errors
    ///
    /// librdkafka refuses the settings.
    pub(crate) fn join(
        config: &Config,
        group: &str,
        name: &'static str,
        topics: &[&str],
        metrics: Arc<Metrics>,
    ) -> Result<Self, KafkaError> {
        let inner: StreamConsumer<GroupContext> = client_config::consumer(&config.kafka_brokers)
            .set("group.id", group)
            // A group that is new serves what was produced before it was there.
            .set("auto.offset.reset", "earliest")
            .set("auto.commit.interval.ms", "500")
            // A replica that was killed is replaced after ten seconds, not 45.
            .set("session.timeout.ms", "10000")
            .set("heartbeat.interval.ms", "3000")
            .create_with_context(GroupContext {
                reporter: Reporter { name, metrics },
                tracker: Mutex::default(),
            })?;
        inner.subscribe(topics)?;
        Ok(Self { inner })
    }

    /// The next record. Errors are waited out: a broker that is down, a topic that is not
    /// there. May be dropped at any point without losing a record.
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
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }

    /// A record is done with, and is not to be read again.
    pub(crate) fn done(&self, ticket: &Ticket) {
        let Some(offset) = self.inner.context().tracker().end(ticket) else {
            return;
        };
        // librdkafka stores the offset of a record that was processed, and commits the next.
        if let Err(error) = self
            .inner
            .store_offset(&ticket.topic, ticket.partition, offset)
        {
            // The partition has just moved to another replica, which reads it again.
            tracing::debug!(%error, topic = ticket.topic, "an offset was not stored");
        }
    }

    /// Commits what is done with and leaves the group, within `patience`.
    pub(crate) async fn leave(self: Arc<Self>, patience: Duration) {
        let name = self.inner.context().reporter.name;
        // Both block, and leaving a group has been seen to hang where its broker is down.
        let leaving = tokio::task::spawn_blocking(move || {
            match self.inner.commit_consumer_state(CommitMode::Sync) {
                Ok(()) | Err(KafkaError::ConsumerCommit(RDKafkaErrorCode::NoOffset)) => {}
                Err(error) => tracing::warn!(client = name, %error, "the last commit failed"),
            }
            drop(self);
        });
        if tokio::time::timeout(patience, leaving).await.is_err() {
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
            // Nothing was done with since the last commit.
            Err(KafkaError::ConsumerCommit(RDKafkaErrorCode::NoOffset)) => {}
            result => self
                .reporter
                .metrics
                .commit(self.reporter.name, result.is_ok()),
        }
    }
}
