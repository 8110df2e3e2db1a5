//! Reads answers from `results` and passes them to the calls that wait for them.
//!
//! Every replica reads all answers, because each waits for its own: all partitions of `results`
//! are assigned manually, without joining a group, from their ends or where the reader before is.

use std::{
    collections::{BTreeMap, BTreeSet},
    error::Error,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use rdkafka::{
    ClientContext, Offset, Statistics, TopicPartitionList,
    client::OAuthToken,
    config::RDKafkaLogLevel,
    consumer::{Consumer as _, ConsumerContext, StreamConsumer},
    error::{KafkaError, RDKafkaErrorCode},
    message::{BorrowedMessage, Headers as _, Message as _},
    metadata::MetadataPartition,
};
use serde::Deserialize;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use trichrome_proto::wire::{
    header::RETRY_AFTER,
    record::{EVENT_ID, RESULTS, STATUS},
};
use uuid::Uuid;

use super::{
    awaiter::{Answer, Awaiter},
    client_config::{self, Reporter},
    inspect::Inspection,
    reader::{Reader, ReaderContext},
    watch::Watch,
};
use crate::{config::Config, ops::metrics::Metrics};

/// How often the reader checks whether `results` exists and has new partitions.
const PARTITIONS_INTERVAL: Duration = Duration::from_secs(3);

/// The same while there are no partitions, or no broker.
const NO_PARTITIONS_INTERVAL: Duration = Duration::from_millis(500);

/// How long the consumer is polled before its first request.
const FIRST_POLL: Duration = Duration::from_millis(20);

/// The timeout of one metadata request to the broker.
const METADATA_TIMEOUT: Duration = Duration::from_secs(2);

/// Where the readers of `results` are. A reader with another login begins where the one before is,
/// which may be behind the topic's end. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Positions(Arc<Mutex<Option<BTreeMap<i32, Offset>>>>);

impl Positions {
    /// The position in each partition; `None` before the first reader has begun.
    fn current(&self) -> Option<BTreeMap<i32, Offset>> {
        self.lock().clone()
    }

    /// Notes where a reader begins. In partitions that are known already, the reader before may be
    /// further.
    fn begin(&self, partitions: &[(i32, Offset)]) {
        let mut positions = self.lock();
        let positions = positions.get_or_insert_default();
        for (id, offset) in partitions {
            positions.entry(*id).or_insert(*offset);
        }
    }

    /// Notes that a record was read.
    fn read(&self, partition: i32, offset: i64) {
        if let Some(positions) = &mut *self.lock() {
            positions.insert(partition, Offset::Offset(offset + 1));
        }
    }

    /// Notes that the topic is missing. All records of one that is created again are new.
    fn missing(&self) {
        *self.lock() = Some(BTreeMap::new());
    }

    fn lock(&self) -> MutexGuard<'_, Option<BTreeMap<i32, Offset>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads `results`.
pub(crate) struct Results {
    reader: Arc<Reader<ResultsContext>>,
    awaiter: Arc<Awaiter>,
    positions: Positions,
    /// The partitions that this reader reads.
    partitions: BTreeSet<i32>,
    /// Cancelled once this reader reads.
    started: CancellationToken,
}

/// What the broker says of `results`.
enum Listing {
    Missing,
    /// The partitions that aren't read yet, and where to begin.
    Partitions(Vec<(i32, Offset)>),
}

impl Results {
    /// A reader that passes answers to `awaiter`, and begins at `positions`.
    ///
    /// # Errors
    ///
    /// librdkafka rejects the settings.
    pub(crate) fn new(
        config: &Config,
        awaiter: Arc<Awaiter>,
        positions: Positions,
        metrics: Arc<Metrics>,
    ) -> Result<Self, KafkaError> {
        let inspection = Inspection::new(&config.kafka);
        let mut settings = client_config::consumer(&config.kafka);
        settings
            // librdkafka requires a group, which is never joined or committed to.
            .set(
                "group.id",
                format!("{}-{}", config.kafka_group, Uuid::new_v4()),
            )
            .set("enable.auto.commit", "false")
            // Otherwise one open transaction of a stranger would hold back every answer.
            .set("isolation.level", "read_uncommitted")
            // All records of a topic that was created again are new.
            .set("auto.offset.reset", "earliest");
        let reader = Reader::new(&settings, inspection, Arc::clone(&metrics), |watch| {
            let name = "results";
            ResultsContext {
                reporter: Reporter {
                    name,
                    metrics,
                    connection: config.kafka.clone(),
                },
                watch,
            }
        })?;
        Ok(Self {
            reader: Arc::new(reader),
            awaiter,
            positions,
            partitions: BTreeSet::new(),
            started: CancellationToken::new(),
        })
    }

    /// Cancelled once this reader reads every answer that is produced from then on.
    pub(crate) const fn started(&self) -> &CancellationToken {
        &self.started
    }

    /// Reads until `stop`.
    pub(crate) async fn run(mut self, stop: CancellationToken) {
        let reader = Arc::clone(&self.reader);
        // Before its first request, the consumer is polled for as long as it takes to get a token.
        let mut interval =
            tokio::time::interval_at(Instant::now() + FIRST_POLL, NO_PARTITIONS_INTERVAL);
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                _ = interval.tick() => {
                    match self.follow_partitions().await {
                        Ok(()) if !self.partitions.is_empty() => interval.reset_after(PARTITIONS_INTERVAL),
                        Ok(()) => {}
                        Err(error) => tracing::debug!(%error, "results: no answer about partitions"),
                    }
                }
                message = reader.next() => self.read(&message),
            }
        }
        // Closing blocks and may hang, so don't wait for it.
        drop(self.reader);
        drop(tokio::task::spawn_blocking(move || drop(reader)));
    }

    /// Assigns the topic's partitions. The first reader begins at their ends, since no call waits for
    /// older answers, and the next ones where the one before is. Partitions that are added later, or of
    /// a topic that is created later, are read from their beginnings.
    async fn follow_partitions(&mut self) -> Result<(), KafkaError> {
        let (known, positions) = (self.partitions.clone(), self.positions.current());
        let consumer = Arc::clone(self.reader.consumer());
        let listing =
            tokio::task::spawn_blocking(move || list(&consumer, &known, positions.as_ref()));
        let listing = listing.await.map_err(|_| KafkaError::Canceled)??;
        let consumer = self.reader.consumer();
        let found = match listing {
            Listing::Partitions(found) => found,
            Listing::Missing => {
                if self.awaiter.set_reading(false) {
                    tracing::warn!("the topic \"results\" is missing");
                }
                // Another reader may have noticed first.
                if !self.partitions.is_empty() {
                    consumer.unassign()?;
                    self.reader.forget(RESULTS, &self.partitions);
                    self.partitions.clear();
                }
                self.positions.missing();
                return Ok(());
            }
        };
        if found.is_empty() {
            return Ok(());
        }
        let mut list = TopicPartitionList::new();
        for (id, offset) in &found {
            list.add_partition_offset(RESULTS, *id, *offset)?;
        }
        consumer.incremental_assign(&list)?;
        self.positions.begin(&found);
        self.partitions.extend(found.iter().map(|(id, _)| id));
        tracing::info!(partitions = self.partitions.len(), "reading results");
        self.awaiter.set_reading(true);
        self.started.cancel();
        Ok(())
    }

    fn read(&self, message: &BorrowedMessage<'_>) {
        self.positions.read(message.partition(), message.offset());
        let header = |name| {
            let headers = message.headers()?;
            let header = headers.iter().find(|header| header.key == name)?;
            std::str::from_utf8(header.value?).ok()
        };
        let event_id = header(EVENT_ID);
        if event_id.is_some_and(|event_id| !self.awaiter.awaits(event_id)) {
            return;
        }
        match (parse(message.payload(), header(STATUS)), event_id) {
            (Some((event_id, mut answer)), _) => {
                answer.retry_after = header(RETRY_AFTER).map(str::to_owned);
                self.awaiter.deliver(&event_id, answer);
            }
            (None, Some(event_id)) => self.awaiter.drop_foreign(event_id),
            (None, None) => {}
        }
    }
}

/// Lists the partitions of `results` that aren't `known`. Blocks until the broker answers.
fn list(
    consumer: &StreamConsumer<ResultsContext>,
    known: &BTreeSet<i32>,
    positions: Option<&BTreeMap<i32, Offset>>,
) -> Result<Listing, KafkaError> {
    let metadata = consumer.fetch_metadata(Some(RESULTS), METADATA_TIMEOUT)?;
    let topic = metadata.topics().iter().find(|it| it.name() == RESULTS);
    let error = topic
        .and_then(|topic| topic.error())
        .map(RDKafkaErrorCode::from);
    let missing = match (topic, error) {
        (None, _) | (_, Some(RDKafkaErrorCode::UnknownTopicOrPartition)) => true,
        (Some(topic), None) => topic.partitions().is_empty(),
        // A broker that is starting has no leader yet.
        (_, Some(error)) => return Err(KafkaError::MetadataFetch(error)),
    };
    if missing {
        return Ok(Listing::Missing);
    }
    let mut found = Vec::new();
    let partitions = topic.into_iter().flat_map(|topic| topic.partitions());
    for id in partitions.map(MetadataPartition::id) {
        if known.contains(&id) {
            continue;
        }
        let offset = if let Some(positions) = positions {
            positions.get(&id).copied().unwrap_or(Offset::Beginning)
        } else {
            // The end as a number: `Offset::End` would be resolved by the first fetch, and skip an
            // answer that arrives before it.
            let (_, end) = consumer.fetch_watermarks(RESULTS, id, METADATA_TIMEOUT)?;
            Offset::Offset(end)
        };
        found.push((id, offset));
    }
    Ok(Listing::Partitions(found))
}

/// The EventId and the answer in a record; `None` if it isn't a gateway's answer.
fn parse(value: Option<&[u8]>, status: Option<&str>) -> Option<(String, Answer)> {
    #[derive(Deserialize)]
    struct Envelope {
        #[serde(rename = "EventId")]
        event_id: String,
        #[serde(rename = "Data")]
        data: String,
    }
    let envelope: Envelope = serde_json::from_slice(value?).ok()?;
    let answer = Answer {
        status: status?.parse().ok()?,
        data: envelope.data,
        retry_after: None,
    };
    Some((envelope.event_id, answer))
}

struct ResultsContext {
    reporter: Reporter,
    watch: Arc<Watch>,
}

impl ClientContext for ResultsContext {
    const ENABLE_REFRESH_OAUTH_TOKEN: bool = Reporter::ENABLE_REFRESH_OAUTH_TOKEN;

    fn generate_oauth_token(&self, config: Option<&str>) -> Result<OAuthToken, Box<dyn Error>> {
        self.reporter.generate_oauth_token(config)
    }

    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.reporter.log(level, facility, message);
    }

    // The lag means nothing here: most answers are for other replicas.
    fn stats(&self, statistics: Statistics) {
        self.watch.observe(&statistics);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.reporter.error(error, reason);
    }
}

impl ConsumerContext for ResultsContext {}

impl ReaderContext for ResultsContext {
    fn name(&self) -> &'static str {
        self.reporter.name
    }

    fn skipped(&self, _: &str, _: i32, _: i64) -> Option<i64> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer() -> Answer {
        Answer {
            status: 200,
            data: "{}".into(),
            retry_after: None,
        }
    }

    #[test]
    fn only_answers_are_parsed() {
        let value = br#"{"EventId":"e","Data":"{}"}"#;
        let (id, read) = parse(Some(value), Some("200")).unwrap();
        assert_eq!((id.as_str(), read), ("e", answer()));
        assert!(parse(Some(value), None).is_none());
        assert!(parse(Some(value), Some("ok")).is_none());
        assert!(parse(Some(b"garbage"), Some("200")).is_none());
        assert!(parse(None, Some("200")).is_none());
    }
}
