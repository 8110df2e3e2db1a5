//! Reads answers from `results` and passes them to the calls that wait for them.
//!
//! Every replica reads all answers, because each waits for its own: all partitions of `results`
//! are assigned manually, from their ends, without joining a group.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use rdkafka::{
    Offset, TopicPartitionList,
    consumer::{Consumer as _, ConsumerContext, StreamConsumer},
    error::KafkaError,
    message::{BorrowedMessage, Headers as _, Message as _},
};
use serde::Deserialize;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use trichrome_proto::{
    error::{ApiError, ErrorCode},
    wire::record::{EVENT_ID, RESULTS, STATUS},
};
use uuid::Uuid;

use super::client_config::{self, Reporter};
use crate::{config::Config, ops::metrics::Metrics};

/// The maximum number of calls that wait for an answer.
const MAX_AWAITED: usize = 4096;

/// How often the reader checks for new partitions of `results`.
const PARTITIONS_INTERVAL: Duration = Duration::from_secs(10);

/// The same while there are no partitions, or no broker.
const NO_PARTITIONS_INTERVAL: Duration = Duration::from_millis(500);

/// The timeout of one metadata request to the broker.
const METADATA_TIMEOUT: Duration = Duration::from_secs(2);

/// The answer to a command.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// The response message, or the error, as JSON text.
    pub(crate) data: String,
}

/// The calls that wait for an answer, by EventId.
pub(crate) struct Awaiter {
    awaited: Mutex<HashMap<String, oneshot::Sender<Answer>>>,
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

    /// Whether answers are being read: Kafka is reachable and has the topic.
    pub(crate) fn is_reading(&self) -> bool {
        self.reading.load(Ordering::Acquire)
    }

    /// Starts to wait for the answer to a command that is about to be produced.
    ///
    /// # Errors
    ///
    /// `UNAVAILABLE` if answers are not being read yet, or if too many calls wait.
    pub(crate) fn expect(self: &Arc<Self>, event_id: &str) -> Result<Awaited, ApiError> {
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
            awaited.insert(event_id.to_owned(), sender);
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

    /// Passes an answer to the call that waits for it, if any.
    fn deliver(&self, event_id: &str, answer: Answer) {
        let sender = self.lock().remove(event_id);
        if let Some(sender) = sender {
            // Sending fails if the call has just been cancelled.
            drop(sender.send(answer));
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, oneshot::Sender<Answer>>> {
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
    consumer: Arc<StreamConsumer<Reader>>,
    awaiter: Arc<Awaiter>,
    partitions: BTreeSet<i32>,
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
        let consumer = client_config::consumer(&config.kafka_brokers)
            // librdkafka requires a group, which is never joined or committed to.
            .set(
                "group.id",
                format!("{}-{}", config.kafka_group, Uuid::new_v4()),
            )
            .set("enable.auto.commit", "false")
            // All records of a topic that was created again are new.
            .set("auto.offset.reset", "earliest")
            .create_with_context(Reader(Reporter {
                name: "results",
                metrics,
            }))?;
        Ok(Self {
            consumer: Arc::new(consumer),
            awaiter,
            partitions: BTreeSet::new(),
        })
    }

    /// Reads until `stop`.
    pub(crate) async fn run(mut self, stop: CancellationToken) {
        let consumer = Arc::clone(&self.consumer);
        let mut interval = tokio::time::interval(NO_PARTITIONS_INTERVAL);
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                _ = interval.tick() => {
                    match self.assign_new_partitions().await {
                        Ok(()) if !self.partitions.is_empty() => interval.reset_after(PARTITIONS_INTERVAL),
                        Ok(()) => {}
                        Err(error) => tracing::debug!(%error, "results: no partitions yet"),
                    }
                }
                message = consumer.recv() => match message {
                    Ok(message) => self.read(&message),
                    Err(error) => {
                        tracing::debug!(%error, "results: nothing to read");
                        tokio::time::sleep(NO_PARTITIONS_INTERVAL).await;
                    }
                }
            }
        }
        // Closing blocks and may hang, so don't wait for it.
        drop(self.consumer);
        drop(tokio::task::spawn_blocking(move || drop(consumer)));
    }

    /// Reads the initial partitions from their ends, since no call waits for older answers.
    /// Partitions added later are read from their beginnings.
    async fn assign_new_partitions(&mut self) -> Result<(), KafkaError> {
        let known = self.partitions.clone();
        let consumer = Arc::clone(&self.consumer);
        let listing = tokio::task::spawn_blocking(move || {
            let metadata = consumer.fetch_metadata(Some(RESULTS), METADATA_TIMEOUT)?;
            let mut new = Vec::new();
            for topic in metadata
                .topics()
                .iter()
                .filter(|topic| topic.error().is_none())
            {
                for partition in topic.partitions() {
                    let id = partition.id();
                    if known.contains(&id) {
                        continue;
                    }
                    // The end as a number: `Offset::End` would be resolved by the first fetch,
                    // and skip an answer that arrives before it.
                    let offset = if known.is_empty() {
                        Offset::Offset(consumer.fetch_watermarks(RESULTS, id, METADATA_TIMEOUT)?.1)
                    } else {
                        Offset::Beginning
                    };
                    new.push((id, offset));
                }
            }
            Ok::<_, KafkaError>(new)
        });
        let new = listing.await.map_err(|_| KafkaError::Canceled)??;
        if new.is_empty() {
            return Ok(());
        }
        let mut list = TopicPartitionList::new();
        for (id, offset) in &new {
            list.add_partition_offset(RESULTS, *id, *offset)?;
        }
        self.consumer.incremental_assign(&list)?;
        self.partitions.extend(new.iter().map(|(id, _)| id));
        tracing::info!(partitions = self.partitions.len(), "reading results");
        self.awaiter.reading.store(true, Ordering::Release);
        Ok(())
    }

    fn read(&self, message: &BorrowedMessage<'_>) {
        let header = |name| {
            let headers = message.headers()?;
            let header = headers.iter().find(|header| header.key == name)?;
            std::str::from_utf8(header.value?).ok()
        };
        if header(EVENT_ID).is_some_and(|event_id| !self.awaiter.awaits(event_id)) {
            return;
        }
        if let Some((event_id, answer)) = parse(message.payload(), header(STATUS)) {
            self.awaiter.deliver(&event_id, answer);
        }
    }
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
    };
    Some((envelope.event_id, answer))
}

struct Reader(Reporter);

impl rdkafka::ClientContext for Reader {
    fn log(&self, level: rdkafka::config::RDKafkaLogLevel, facility: &str, message: &str) {
        self.0.log(level, facility, message);
    }

    // The lag means nothing here: most answers are for other replicas.
    fn stats(&self, _: rdkafka::Statistics) {}

    fn error(&self, error: KafkaError, reason: &str) {
        self.0.error(error, reason);
    }
}

impl ConsumerContext for Reader {}

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
        }
    }

    #[tokio::test]
    async fn an_answer_reaches_the_call_that_waits_for_it() {
        let awaiter = awaiter();
        let mut one = awaiter.expect("1").unwrap();
        let mut two = awaiter.expect("2").unwrap();
        awaiter.deliver("2", answer());
        assert_eq!(two.answer().await, Some(answer()));
        let waiting = tokio::time::timeout(Duration::from_millis(10), one.answer());
        assert!(waiting.await.is_err());
    }

    #[tokio::test]
    async fn a_cancelled_wait_is_forgotten() {
        let awaiter = awaiter();
        drop(awaiter.expect("1").unwrap());
        assert!(!awaiter.awaits("1"));
        awaiter.deliver("1", answer());
    }

    #[test]
    fn no_call_waits_before_answers_are_read() {
        let awaiter = Awaiter::new(Arc::new(Metrics::new()));
        let error = awaiter.expect("1").err().unwrap();
        assert_eq!(error.code, ErrorCode::Unavailable);
    }

    #[test]
    fn the_number_of_waiting_calls_is_limited() {
        let awaiter = awaiter();
        let waiting: Vec<_> = (0..MAX_AWAITED)
            .map(|n| awaiter.expect(&n.to_string()).unwrap())
            .collect();
        assert_eq!(
            awaiter.expect("one more").err().unwrap().code,
            ErrorCode::Unavailable
        );
        drop(waiting);
        assert!(awaiter.expect("one more").is_ok());
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
