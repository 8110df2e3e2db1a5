//! Finds out whether a partition can be read at a position, and where it can be read again.
//!
//! librdkafka's errors don't name their partition, so a consumer of this partition alone looks at
//! it. It reads single positions: an error on one means that its whole batch can't be decoded.

use std::{
    error::Error,
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use rdkafka::{
    ClientContext, Offset, Statistics, TopicPartitionList,
    client::OAuthToken,
    config::RDKafkaLogLevel,
    consumer::{BaseConsumer, Consumer as _, ConsumerContext},
    error::{KafkaError, RDKafkaErrorCode},
    message::Message as _,
};
use uuid::Uuid;

use trichrome_kafka::Connection;

use super::{client_config, watch::Suspect};

/// How often a position is tried before its batch is skipped.
const TRIES: u32 = 3;

/// The most offsets that one inspection skips. Each takes a fetch, about a millisecond.
const MAX_SKIPPED: i64 = 20_000;

/// The timeout for trying one position.
const TRY_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a new consumer is polled, so that it gets its token.
const TOKEN_TIMEOUT: Duration = Duration::from_millis(50);

/// The timeout for asking the broker for a partition's ends.
const ENDS_TIMEOUT: Duration = Duration::from_secs(5);

/// What an inspection found.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Finding {
    /// The position can be read, or nothing is known because no broker answers.
    Readable,
    /// The records from the position up to this offset can't be decoded.
    Unreadable { end: i64 },
    /// The position doesn't exist any more: the records were deleted, or the topic was created
    /// again. The oldest record is at this offset.
    Gone { start: i64 },
}

/// What a try of one position showed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Readable,
    Unreadable,
    Unknown,
}

/// The settings of consumers that inspect a partition.
#[derive(Clone)]
pub(crate) struct Inspection(Connection);

impl Inspection {
    pub(crate) fn new(connection: &Connection) -> Self {
        Self(connection.clone())
    }
}

/// Inspects a position. Blocks for up to the time that a few fetches take, and more for a batch
/// of many records.
///
/// # Errors
///
/// No broker answers, or the settings are rejected.
pub(crate) fn inspect(
    Inspection(connection): &Inspection,
    suspect: &Suspect,
) -> Result<Finding, KafkaError> {
    let mut config = client_config::consumer(connection);
    let consumer: BaseConsumer<Probe> = config
        .set(
            "group.id",
            format!("trichrome-inspection-{}", Uuid::new_v4()),
        )
        .set("enable.auto.commit", "false")
        .set("enable.partition.eof", "true")
        // A batch can be decoded whether or not its transaction is committed.
        .set("isolation.level", "read_uncommitted")
        .set("auto.offset.reset", "error")
        .set("fetch.error.backoff.ms", "10")
        .set("statistics.interval.ms", "250")
        .create_with_context(Probe {
            partial: AtomicU64::default(),
            connection: connection.clone(),
        })?;
    if connection.token_mechanism().is_some() {
        // The first requests wait for a token, which only polling gets. Nothing is assigned yet.
        drop(consumer.poll(TOKEN_TIMEOUT));
    }
    let Suspect {
        topic,
        partition,
        offset,
    } = suspect;
    let (start, end) = consumer.fetch_watermarks(topic, *partition, ENDS_TIMEOUT)?;
    if *offset < start || *offset > end {
        return Ok(Finding::Gone { start });
    }
    let try_at = |offset| try_at(&consumer, topic, *partition, offset);
    for _ in 0..TRIES {
        match try_at(*offset)? {
            Outcome::Unreadable => {}
            Outcome::Readable | Outcome::Unknown => return Ok(Finding::Readable),
        }
    }
    // A batch doesn't say where it ends unless it is decoded, so each offset is tried.
    let last = end.min(offset + MAX_SKIPPED);
    for next in offset + 1..last {
        match try_at(next)? {
            Outcome::Unreadable => {}
            Outcome::Readable => return Ok(Finding::Unreadable { end: next }),
            Outcome::Unknown => return Ok(Finding::Readable),
        }
    }
    Ok(Finding::Unreadable { end: last })
}

/// Tries to read one position.
fn try_at(
    consumer: &BaseConsumer<Probe>,
    topic: &str,
    partition: i32,
    offset: i64,
) -> Result<Outcome, KafkaError> {
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(topic, partition, Offset::Offset(offset))?;
    consumer.assign(&list)?;
    let partial = consumer.context().partial();
    let deadline = Instant::now() + TRY_TIMEOUT;
    while Instant::now() < deadline {
        let outcome = match consumer.poll(Duration::from_millis(50)) {
            Some(Ok(message)) => (message.offset() >= offset).then_some(Outcome::Readable),
            Some(Err(error)) => outcome_of(&error),
            // Records that can't be parsed cause no error, but librdkafka counts them.
            None => (consumer.context().partial() > partial + u64::from(TRIES))
                .then_some(Outcome::Unreadable),
        };
        if let Some(outcome) = outcome {
            return Ok(outcome);
        }
    }
    Ok(Outcome::Unknown)
}

/// What an error means; `None` for one that isn't about the partition.
fn outcome_of(error: &KafkaError) -> Option<Outcome> {
    match error {
        KafkaError::PartitionEOF(_) => Some(Outcome::Readable),
        // An offset out of range isn't meant: the position is in range, but after a wrong checksum
        // librdkafka jumps to a wrong one.
        KafkaError::MessageConsumption(code) => is_unreadable(*code).then_some(Outcome::Unreadable),
        _ => None,
    }
}

/// Whether an error says that a batch can't be decoded: its checksum is wrong, its codec is
/// unknown, its compressed data are damaged, or it is too large.
pub(crate) const fn is_unreadable(code: RDKafkaErrorCode) -> bool {
    matches!(
        code,
        RDKafkaErrorCode::BadMessage
            | RDKafkaErrorCode::BadCompression
            | RDKafkaErrorCode::NotImplemented
            | RDKafkaErrorCode::InvalidMessage
            | RDKafkaErrorCode::MessageSizeTooLarge
    )
}

/// Counts the batches that librdkafka could not parse.
struct Probe {
    partial: AtomicU64,
    connection: Connection,
}

impl Probe {
    fn partial(&self) -> u64 {
        self.partial.load(Ordering::Relaxed)
    }
}

impl ClientContext for Probe {
    const ENABLE_REFRESH_OAUTH_TOKEN: bool = true;

    fn generate_oauth_token(&self, _: Option<&str>) -> Result<OAuthToken, Box<dyn Error>> {
        self.connection.token()
    }

    fn log(&self, _: RDKafkaLogLevel, facility: &str, message: &str) {
        tracing::debug!(client = "inspection", facility, "kafka: {message}");
    }

    fn stats(&self, statistics: Statistics) {
        let brokers = statistics.brokers.values();
        let partial = brokers.map(|broker| broker.rxpartial).sum();
        self.partial.store(partial, Ordering::Relaxed);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(client = "inspection", %error, "kafka: {reason}");
    }
}

impl ConsumerContext for Probe {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_says_nothing_about_a_batch() {
        for code in [
            RDKafkaErrorCode::AllBrokersDown,
            RDKafkaErrorCode::BrokerTransportFailure,
            RDKafkaErrorCode::UnknownTopicOrPartition,
            RDKafkaErrorCode::NotLeaderForPartition,
            RDKafkaErrorCode::AutoOffsetReset,
        ] {
            assert_eq!(outcome_of(&KafkaError::MessageConsumption(code)), None);
        }
        assert_eq!(
            outcome_of(&KafkaError::MessageConsumption(
                RDKafkaErrorCode::BadCompression
            )),
            Some(Outcome::Unreadable)
        );
    }
}
