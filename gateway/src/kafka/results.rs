//! Reads answers from `results` and passes them to the calls that wait for them.
//!
//! Every replica reads all answers, because each waits for its own: all partitions of `results`
//! are assigned manually, from their ends, without joining a group.

use std::{
    collections::{BTreeSet, HashMap},
    error::Error,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use rdkafka::{
    ClientContext, Offset, Statistics, TopicPartitionList,
    client::OAuthToken,
    config::RDKafkaLogLevel,
    consumer::{Consumer as _, ConsumerContext, StreamConsumer},
    error::{KafkaError, RDKafkaErrorCode},
    message::{BorrowedMessage, Headers as _, Message as _},
};
use serde::Deserialize;
use tokio::{sync::oneshot, time::Instant};
use tokio_util::sync::CancellationToken;
use trichrome_proto::{
    error::{ApiError, ErrorCode},
    wire::{
        header::RETRY_AFTER,
        record::{EVENT_ID, RESULTS, STATUS},
    },
};
use uuid::Uuid;

use super::{
    client_config::{self, Reporter},
    inspect::Inspection,
    reader::{Reader, ReaderContext},
    watch::Watch,
};
use crate::{config::Config, ops::metrics::Metrics};

/// The maximum number of calls that wait for an answer.
const MAX_AWAITED: usize = 4096;

/// How often the reader checks whether `results` exists and has new partitions.
const PARTITIONS_INTERVAL: Duration = Duration::from_secs(3);

/// The same while there are no partitions, or no broker.
const NO_PARTITIONS_INTERVAL: Duration = Duration::from_millis(500);

/// How long the consumer is polled before its first request.
const FIRST_POLL: Duration = Duration::from_millis(20);

/// The timeout of one metadata request to the broker.
const METADATA_TIMEOUT: Duration = Duration::from_secs(2);

/// The answer to a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// The response message, or the error, as JSON text.
    pub(crate) data: String,
    /// The header `retry-after`.
    pub(crate) retry_after: Option<String>,
}

/// A call that waits for an answer.
struct Waiting {
    /// The operation's status on success.
    success: u16,
    sender: oneshot::Sender<Answer>,
}

impl Waiting {
    /// Whether a gateway can have answered the call with this status.
    fn accepts(&self, status: u16) -> bool {
        status == self.success || ErrorCode::ALL.iter().any(|code| code.http() == status)
    }
}

/// The calls that wait for an answer, by EventId.
pub(crate) struct Awaiter {
    awaited: Mutex<HashMap<String, Waiting>>,
    /// Whether answers are being read; until then, no call may wait for one.
    reading: AtomicBool,
    metrics: Arc<Metrics>,
}

impl Awaiter {
    pub(crate) fn new(metrics: Arc<Metrics>) -> Arc<Self> {
        Arc::new(Self {
            awaited: Mutex::default(),
            reading: AtomicBool::new(false),
            metrics,
        })
    }

    /// Whether answers are being read: when Kafka was last reachable, it had the topic.
    pub(crate) fn is_reading(&self) -> bool {
        self.reading.load(Ordering::Acquire)
    }

    /// Starts to wait for the answer to a command that is about to be produced, whose operation
    /// has the status `success` on success.
    ///
    /// # Errors
    ///
    /// `UNAVAILABLE` if answers are not being read yet, or if too many calls wait.
    pub(crate) fn expect(
        self: &Arc<Self>,
        event_id: &str,
        success: u16,
    ) -> Result<Awaited, ApiError> {
        if !self.is_reading() {
            return Err(ApiError::new(
                ErrorCode::Unavailable,
                "Kafka cannot be reached, or has no topic \"results\"; try again shortly",
            ));
        }
        let (sender, receiver) = oneshot::channel();
        {
            let mut awaited = self.lock();
            if awaited.len() >= MAX_AWAITED {
                return Err(ApiError::new(
                    ErrorCode::Unavailable,
                    "too many calls wait for an answer; try again shortly",
                ));
            }
            awaited.insert(event_id.to_owned(), Waiting { success, sender });
            self.metrics.set_awaited(awaited.len());
        }
        Ok(Awaited {
            event_id: event_id.to_owned(),
            receiver,
            awaiter: Arc::clone(self),
        })
    }

    /// Whether a call of this replica waits for this answer.
    fn awaits(&self, event_id: &str) -> bool {
        self.lock().contains_key(event_id)
    }

    /// Passes an answer to the call that waits for it, if any. Drops one that no gateway can have
    /// given: the call goes on waiting.
    fn deliver(&self, event_id: &str, answer: Answer) {
        let waiting = {
            let mut awaited = self.lock();
            match awaited.get(event_id) {
                None => return,
                Some(waiting) if waiting.accepts(answer.status) => awaited.remove(event_id),
                Some(_) => None,
            }
        };
        match waiting {
            // Sending fails if the call has just been cancelled.
            Some(waiting) => drop(waiting.sender.send(answer)),
            None => self.drop_foreign(event_id),
        }
    }

    /// Counts a record that says it is an answer to a waiting call, and can't be one.
    fn drop_foreign(&self, event_id: &str) {
        tracing::warn!(
            event_id,
            "a record on \"results\" that is no answer of a gateway was dropped; only gateways \
             should be allowed to write there"
        );
        self.metrics.foreign_result();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Waiting>> {
        self.awaited.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A pending answer; dropping it cancels the wait.
pub(crate) struct Awaited {
    event_id: String,
    receiver: oneshot::Receiver<Answer>,
    awaiter: Arc<Awaiter>,
}

impl Awaited {
    /// Waits for the answer. `None` doesn't happen: the sender is kept until then.
    pub(crate) async fn answer(&mut self) -> Option<Answer> {
        (&mut self.receiver).await.ok()
    }
}

impl Drop for Awaited {
    fn drop(&mut self) {
        let mut awaited = self.awaiter.lock();
        awaited.remove(&self.event_id);
        self.awaiter.metrics.set_awaited(awaited.len());
    }
}

/// Reads `results`.
pub(crate) struct Results {
    reader: Arc<Reader<ResultsContext>>,
    awaiter: Arc<Awaiter>,
    partitions: BTreeSet<i32>,
    /// Whether the topic was missing: all records of one that is created again are new.
    was_missing: bool,
    /// Cancelled once this reader reads.
    started: CancellationToken,
}

/// What the broker says of `results`.
enum Listing {
    Missing,
    /// Its partitions, and where to start reading those that are new.
    Partitions(Vec<(i32, Option<Offset>)>),
}

impl Results {
    /// A reader that passes answers to `awaiter`.
    ///
    /// # Errors
    ///
    /// librdkafka rejects the settings.
    pub(crate) fn new(
        config: &Config,
        awaiter: Arc<Awaiter>,
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
            partitions: BTreeSet::new(),
            was_missing: false,
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

    /// Assigns the topic's partitions. The initial ones are read from their ends, since no call
    /// waits for older answers. Those added later, or of a topic that is created later, are read
    /// from their beginnings.
    async fn follow_partitions(&mut self) -> Result<(), KafkaError> {
        let known = self.partitions.clone();
        let from_end = known.is_empty() && !self.was_missing;
        let consumer = Arc::clone(self.reader.consumer());
        let listing = tokio::task::spawn_blocking(move || list(&consumer, &known, from_end));
        let listing = listing.await.map_err(|_| KafkaError::Canceled)??;
        let consumer = self.reader.consumer();
        let found = match listing {
            Listing::Partitions(found) => found,
            Listing::Missing => {
                if self.awaiter.reading.swap(false, Ordering::AcqRel) {
                    tracing::warn!("the topic \"results\" is missing");
                    consumer.unassign()?;
                    self.reader.forget(RESULTS, &self.partitions);
                    self.partitions.clear();
                }
                self.was_missing = true;
                return Ok(());
            }
        };
        let mut list = TopicPartitionList::new();
        for (id, offset) in &found {
            if let Some(offset) = offset {
                list.add_partition_offset(RESULTS, *id, *offset)?;
            }
        }
        if list.count() == 0 {
            return Ok(());
        }
        consumer.incremental_assign(&list)?;
        self.partitions.extend(found.iter().map(|(id, _)| id));
        tracing::info!(partitions = self.partitions.len(), "reading results");
        self.awaiter.reading.store(true, Ordering::Release);
        self.started.cancel();
        Ok(())
    }

    fn read(&self, message: &BorrowedMessage<'_>) {
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

/// Lists the partitions of `results`. Blocks until the broker answers.
fn list(
    consumer: &StreamConsumer<ResultsContext>,
    known: &BTreeSet<i32>,
    from_end: bool,
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
    for partition in topic.into_iter().flat_map(|topic| topic.partitions()) {
        let id = partition.id();
        let offset = if known.contains(&id) {
            None
        } else if from_end {
            // The end as a number: `Offset::End` would be resolved by the first fetch, and skip an
            // answer that arrives before it.
            let (_, end) = consumer.fetch_watermarks(RESULTS, id, METADATA_TIMEOUT)?;
            Some(Offset::Offset(end))
        } else {
            Some(Offset::Beginning)
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

    fn awaiter() -> Arc<Awaiter> {
        let awaiter = Awaiter::new(Arc::new(Metrics::new()));
        awaiter.reading.store(true, Ordering::Release);
        awaiter
    }

    fn answer() -> Answer {
        Answer {
            status: 200,
            data: "{}".into(),
            retry_after: None,
        }
    }

    #[tokio::test]
    async fn an_answer_reaches_the_call_that_waits_for_it() {
        let awaiter = awaiter();
        let mut one = awaiter.expect("1", 200).unwrap();
        let mut two = awaiter.expect("2", 200).unwrap();
        awaiter.deliver("2", answer());
        assert_eq!(two.answer().await, Some(answer()));
        let waiting = tokio::time::timeout(Duration::from_millis(10), one.answer());
        assert!(waiting.await.is_err());
    }

    #[tokio::test]
    async fn an_impossible_answer_is_dropped_and_counted() {
        let awaiter = awaiter();
        let mut created = awaiter.expect("1", 201).unwrap();
        let of_status = |status| Answer { status, ..answer() };
        for status in [0, 100, 200, 204, 304, 418, 599, 700, u16::MAX] {
            awaiter.deliver("1", of_status(status));
        }
        awaiter.deliver("1", of_status(201));
        assert_eq!(created.answer().await, Some(of_status(201)));
        let metrics = awaiter.metrics.to_openmetrics();
        let counted = "trichrome_gateway_results_foreign_total 9";
        assert!(metrics.contains(counted), "{metrics}");
        for code in ErrorCode::ALL {
            let mut refused = awaiter.expect("2", 201).unwrap();
            awaiter.deliver("2", of_status(code.http()));
            assert!(refused.answer().await.is_some(), "{code:?}");
        }
    }

    #[tokio::test]
    async fn a_cancelled_wait_is_forgotten() {
        let awaiter = awaiter();
        drop(awaiter.expect("1", 200).unwrap());
        assert!(!awaiter.awaits("1"));
        awaiter.deliver("1", answer());
    }

    #[test]
    fn no_call_waits_before_answers_are_read() {
        let awaiter = Awaiter::new(Arc::new(Metrics::new()));
        let error = awaiter.expect("1", 200).err().unwrap();
        assert_eq!(error.code, ErrorCode::Unavailable);
    }

    #[test]
    fn the_number_of_waiting_calls_is_limited() {
        let awaiter = awaiter();
        let waiting: Vec<_> = (0..MAX_AWAITED)
            .map(|n| awaiter.expect(&n.to_string(), 200).unwrap())
            .collect();
        assert_eq!(
            awaiter.expect("one more", 200).err().unwrap().code,
            ErrorCode::Unavailable
        );
        drop(waiting);
        assert!(awaiter.expect("one more", 200).is_ok());
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
