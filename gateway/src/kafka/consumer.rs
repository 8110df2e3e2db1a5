//! A member of a consumer group that commits only records that were processed.

use std::{
    collections::HashMap,
    error::Error,
    sync::{Arc, Mutex as StdMutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use rdkafka::{
    ClientContext, Statistics, TopicPartitionList,
    client::OAuthToken,
    config::RDKafkaLogLevel,
    consumer::{
        BaseConsumer, CommitMode, Consumer as _, ConsumerContext, Rebalance, StreamConsumer,
    },
    error::{KafkaError, KafkaResult, RDKafkaErrorCode},
    message::{Message as _, OwnedMessage},
};

use tokio::{
    sync::{
        Mutex,
        mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
    },
    time::Instant,
};

use super::{
    client_config::{self, Reporter},
    inspect::Inspection,
    reader::{Reader, ReaderContext},
    tracker::{Ticket, Tracker},
    watch::Watch,
};
use crate::{config::Config, ops::metrics::Metrics};

/// How long a consumer counts as reading after its partitions were revoked. A rebalance takes less
/// unless something is wrong.
const REBALANCE_TIME: Duration = Duration::from_secs(3);

/// The longest time between a member's heartbeats, which is how soon it learns of a rebalance.
const MAX_HEARTBEAT_INTERVAL: Duration = Duration::from_secs(1);

/// The timeout for asking where a partition ends.
const ENDS_TIMEOUT: Duration = Duration::from_secs(2);

/// Reads the topics of a group.
pub(crate) struct GroupConsumer {
    reader: Reader<GroupContext>,
    assigned: Mutex<UnboundedReceiver<TopicPartitionList>>,
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
        let mut settings = client_config::consumer(&config.kafka);
        settings
            .set("group.id", group)
            // A new group also serves the records that were produced before it joined.
            .set("auto.offset.reset", "earliest")
            .set("auto.commit.interval.ms", "500");
        let session = config.kafka_session_timeout;
        // Kafka advises a third at most.
        let heartbeat = (session / 4).min(MAX_HEARTBEAT_INTERVAL);
        settings
            .set("session.timeout.ms", session.as_millis().to_string())
            .set("heartbeat.interval.ms", heartbeat.as_millis().to_string());
        if let Some(instance) = &config.kafka_instance_id {
            settings.set("group.instance.id", instance);
        }
        let inspection = Inspection::new(&config.kafka);
        let (sender, assigned) = unbounded_channel();
        let reader = Reader::new(&settings, inspection, Arc::clone(&metrics), |watch| {
            GroupContext {
                reporter: Reporter {
                    name,
                    metrics,
                    connection: config.kafka.clone(),
                },
                tracker: StdMutex::default(),
                membership: StdMutex::default(),
                watch,
                assigned: sender,
                ends: StdMutex::default(),
                is_static: config.kafka_instance_id.is_some(),
            }
        })?;
        reader.consumer().subscribe(topics)?;
        Ok(Self {
            reader,
            assigned: Mutex::new(assigned),
        })
    }

    /// Waits for the next record. Cancel safe: no record is lost.
    pub(crate) async fn next(&self) -> (Ticket, OwnedMessage) {
        let mut assigned = self.assigned.lock().await;
        loop {
            let message = tokio::select! {
                biased;
                Some(partitions) = assigned.recv() => {
                    self.reader.start_at_committed(partitions);
                    continue;
                }
                message = self.reader.next() => message,
            };
            let ticket = self.reader.context().tracker().begin(
                message.topic(),
                message.partition(),
                message.offset(),
                message.timestamp().to_millis().unwrap_or_default(),
            );
            return (ticket, message.detach());
        }
    }

    pub(crate) const fn consumer(&self) -> &Arc<StreamConsumer<GroupContext>> {
        self.reader.consumer()
    }

    /// Whether a record's partition still belongs to this consumer.
    pub(crate) fn holds(&self, ticket: &Ticket) -> bool {
        self.reader.context().tracker().holds(ticket)
    }

    /// Stops reading a partition, until [`Self::resume`].
    pub(crate) fn pause(&self, topic: &str, partition: i32) {
        self.reader.pause(topic, partition);
    }

    /// Reads a partition again.
    pub(crate) fn resume(&self, topic: &str, partition: i32) {
        self.reader.resume(topic, partition);
    }

    /// Asks the broker where the assigned partitions end. Statistics have the end of the last
    /// fetch, and a paused partition isn't fetched.
    pub(crate) async fn find_ends(self: Arc<Self>) {
        let consumer = Arc::clone(self.consumer());
        let finding = tokio::task::spawn_blocking(move || {
            let assigned = consumer.assignment()?;
            for partition in assigned.elements() {
                let (topic, id) = (partition.topic(), partition.partition());
                let (_, end) = consumer.fetch_watermarks(topic, id, ENDS_TIMEOUT)?;
                consumer
                    .context()
                    .ends()
                    .insert((topic.to_owned(), id), end);
            }
            Ok::<_, KafkaError>(())
        });
        if let Ok(Err(error)) = finding.await {
            tracing::debug!(%error, "the ends of paused partitions were not found");
        }
    }

    /// Forgets the ends, which are known from fetches again.
    pub(crate) fn forget_ends(&self) {
        self.reader.context().ends().clear();
    }

    /// Checks that the group has assigned this consumer its partitions, which may be none.
    ///
    /// # Errors
    ///
    /// What is wrong.
    pub(crate) fn check(&self) -> Result<(), String> {
        let problem = match &*self.reader.context().membership() {
            Membership::Assigned => return Ok(()),
            Membership::Revoked(at) if at.elapsed() < REBALANCE_TIME => return Ok(()),
            Membership::Joining | Membership::Revoked(_) => {
                "the group has assigned no partitions yet; after a crash it first waits for the \
                 lost replica's session to end"
            }
            Membership::Refused(problem) => *problem,
        };
        Err(problem.to_owned())
    }

    /// Marks a record as processed, so that it isn't read again.
    pub(crate) fn done(&self, ticket: &Ticket) {
        let Some(offset) = self.reader.context().tracker().end(ticket) else {
            return;
        };
        // librdkafka takes the offset of the processed record and commits the next one.
        let consumer = self.reader.consumer();
        if let Err(error) = consumer.store_offset(&ticket.topic, ticket.partition, offset) {
            // The partition has just moved to another replica, which reads the record again.
            tracing::debug!(%error, topic = ticket.topic, "an offset was not stored");
        }
    }

    /// Commits the processed records and leaves the group, within `timeout`.
    pub(crate) async fn leave(self: Arc<Self>, timeout: Duration) {
        let name = self.reader.context().reporter.name;
        // Both calls block, and leaving a group may hang if its broker is down.
        let leaving = tokio::task::spawn_blocking(move || {
            match self
                .reader
                .consumer()
                .commit_consumer_state(CommitMode::Sync)
            {
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

/// Whether a consumer is a member of its group.
#[derive(Clone, Copy, Debug, Default)]
enum Membership {
    /// The group has not assigned partitions yet. After a crash it waits for the lost member's
    /// session to end.
    #[default]
    Joining,
    Assigned,
    Revoked(Instant),
    /// The group doesn't take the consumer, for this reason.
    Refused(&'static str),
}

fn unix_millis() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    i64::try_from(since.unwrap_or_default().as_millis()).unwrap_or_default()
}

/// Why a group doesn't take a consumer, which may be a static member; `None` if the error says
/// nothing about that.
fn refusal(error: &KafkaError, is_static: bool) -> Option<&'static str> {
    match error.rdkafka_error_code()? {
        RDKafkaErrorCode::InvalidSessionTimeout => Some(
            "the brokers don't allow this KAFKA_SESSION_TIMEOUT_MS; see their \
             group.min.session.timeout.ms and group.max.session.timeout.ms",
        ),
        RDKafkaErrorCode::FencedInstanceId => Some(
            "another gateway has the same KAFKA_INSTANCE_ID and has taken over; give each its \
             own, and restart this one",
        ),
        RDKafkaErrorCode::UnsupportedVersion if is_static => {
            Some("the broker has no static membership; unset KAFKA_INSTANCE_ID")
        }
        RDKafkaErrorCode::InconsistentGroupProtocol => {
            Some("the members of KAFKA_GROUP are not all gateways of a compatible version")
        }
        _ => None,
    }
}

pub(crate) struct GroupContext {
    reporter: Reporter,
    tracker: StdMutex<Tracker>,
    membership: StdMutex<Membership>,
    watch: Arc<Watch>,
    assigned: UnboundedSender<TopicPartitionList>,
    /// The ends of partitions that are paused for long, by topic and partition.
    ends: StdMutex<HashMap<(String, i32), i64>>,
    /// Whether it is a static member.
    is_static: bool,
}

impl GroupContext {
    fn tracker(&self) -> MutexGuard<'_, Tracker> {
        self.tracker.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ends(&self) -> MutexGuard<'_, HashMap<(String, i32), i64>> {
        self.ends.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn membership(&self) -> MutexGuard<'_, Membership> {
        self.membership
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl ReaderContext for GroupContext {
    fn name(&self) -> &'static str {
        self.reporter.name
    }

    fn failed(&self, error: &KafkaError) {
        let Some(problem) = refusal(error, self.is_static) else {
            return;
        };
        let mut membership = self.membership();
        if !matches!(*membership, Membership::Refused(known) if known == problem) {
            tracing::error!(client = self.reporter.name, "kafka: {problem}");
        }
        *membership = Membership::Refused(problem);
    }

    fn skipped(&self, topic: &str, partition: i32, last: i64) -> Option<i64> {
        let mut tracker = self.tracker();
        let ticket = tracker.begin(topic, partition, last, 0);
        tracker.end(&ticket)
    }
}

impl ClientContext for GroupContext {
    const ENABLE_REFRESH_OAUTH_TOKEN: bool = Reporter::ENABLE_REFRESH_OAUTH_TOKEN;

    fn generate_oauth_token(&self, config: Option<&str>) -> Result<OAuthToken, Box<dyn Error>> {
        self.reporter.generate_oauth_token(config)
    }

    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.reporter.log(level, facility, message);
    }

    fn stats(&self, statistics: Statistics) {
        self.watch.observe(&statistics);
        self.reporter.set_lags(
            &statistics,
            |topic, partition| {
                partition.fetchq_cnt == 0
                    && !self.watch.is_held(topic, partition.partition)
                    && self.tracker().is_idle(topic, partition.partition)
            },
            |topic, partition| {
                let ends = self.ends();
                ends.get(&(topic.to_owned(), partition.partition)).copied()
            },
        );
        let now = unix_millis();
        for topic in statistics.topics.keys() {
            // A client's clock may be ahead.
            let age = |created| u64::try_from(now - created).unwrap_or_default();
            let age = self.tracker().oldest(topic).map_or(0, age);
            let metrics = &self.reporter.metrics;
            metrics.set_oldest(self.reporter.name, topic, Duration::from_millis(age));
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.reporter.error(error, reason);
    }
}

impl ConsumerContext for GroupContext {
    fn pre_rebalance(&self, _: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        let (what, partitions) = match rebalance {
            Rebalance::Assign(partitions) => ("assigned", partitions),
            Rebalance::Revoke(partitions) => {
                *self.membership() = Membership::Revoked(Instant::now());
                ("revoked", partitions)
            }
            Rebalance::Error(error) => {
                tracing::warn!(client = self.reporter.name, %error, "rebalance");
                return;
            }
        };
        self.ends().clear();
        let mut tracker = self.tracker();
        for partition in partitions.elements() {
            tracker.forget(partition.topic(), partition.partition());
            self.watch.forget(partition.topic(), partition.partition());
        }
        tracing::info!(
            client = self.reporter.name,
            partitions = partitions.count(),
            "partitions {what}"
        );
    }

    fn post_rebalance(&self, _: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        if let Rebalance::Assign(partitions) = rebalance {
            *self.membership() = Membership::Assigned;
            // Sending fails only if the consumer has stopped.
            let _ignored = self.assigned.send((*partitions).clone());
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_names_its_variable() {
        for (code, name) in [
            (
                RDKafkaErrorCode::InvalidSessionTimeout,
                "KAFKA_SESSION_TIMEOUT_MS",
            ),
            (RDKafkaErrorCode::FencedInstanceId, "KAFKA_INSTANCE_ID"),
            (RDKafkaErrorCode::UnsupportedVersion, "KAFKA_INSTANCE_ID"),
            (RDKafkaErrorCode::InconsistentGroupProtocol, "KAFKA_GROUP"),
        ] {
            let problem = refusal(&KafkaError::MessageConsumption(code), true);
            assert!(problem.is_some_and(|it| it.contains(name)), "{code}");
        }
        for code in [
            RDKafkaErrorCode::AllBrokersDown,
            // Of another request.
            RDKafkaErrorCode::UnsupportedVersion,
        ] {
            assert_eq!(refusal(&KafkaError::MessageConsumption(code), false), None);
        }
    }
}
