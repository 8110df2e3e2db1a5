//! Answers, and who awaits them.
//!
//! Every replica reads every answer, as each awaits its own: all partitions of `results`
//! are assigned by hand, from their ends, and no group is joined.

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
use trichrome_proto::error::{ApiError, ErrorCode};
use uuid::Uuid;

use super::{
    RESULTS, STATUS,
    client_config::{self, Reporter},
};
use crate::{config::Config, ops::metrics::Metrics};

/// The header of an answer that names its command, so that the other replicas need not
/// read an answer of megabytes to find that it is not theirs.
pub(crate) const EVENT_ID: &str = "event-id";

/// Calls that may await an answer at once.
const MOST_AWAITED: usize = 4096;

/// How often new partitions of `results` are looked for.
const LOOK_AGAIN: Duration = Duration::from_secs(10);

/// The same, while there are none, or no broker.
const LOOK_SOON: Duration = Duration::from_millis(500);

/// How long one question to the broker may take.
const ASK_TIMEOUT: Duration = Duration::from_secs(2);

/// The answer to a command.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    /// The HTTP status.
    pub(crate) status: u16,
    /// The response message, or the error, as JSON text.
    pub(crate) data: String,
}

/// Who awaits which answer.
pub(crate) struct Awaiter {
    awaited: Mutex<HashMap<String, oneshot::Sender<Answer>>>,
    /// Whether answers are read at all; before that nobody may wait for one.
    reading: AtomicBool,
    metrics: Arc<Metrics>,
}

impl Awaiter {
    /// Nobody awaits anything.
    pub(crate) fn new(metrics: Arc<Metrics>) -> Arc<Self> {
        Arc::new(Self {
            awaited: Mutex::default(),
            reading: AtomicBool::new(false),
            metrics,
        })
    }

    /// Whether answers are read at all: Kafka is there, and so is the topic.
    pub(crate) fn is_reading(&self) -> bool {
        self.reading.load(Ordering::Acquire)
    }

    /// Awaits the answer to a command that is about to be produced.
    ///
    /// # Errors
    ///
    /// `UNAVAILABLE` where answers are not read yet, or too many are awaited.
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
            if awaited.len() >= MOST_AWAITED {
                return Err(ApiError::new(
                    ErrorCode::Unavailable,
                    "too many calls await their answers; try again shortly",
                ));
            }
            awaited.insert(event_id.to_owned(), sender);
            self.metrics.awaited(awaited.len());
        }
        Ok(Awaited {
            event_id: event_id.to_owned(),
            receiver,
            awaiter: Arc::clone(self),
        })
    }

    /// Whether somebody here awaits this answer.
    fn awaits(&self, event_id: &str) -> bool {
        self.lock().contains_key(event_id)
    }

    /// Hands an answer over, if somebody awaits it.
    fn deliver(&self, event_id: &str, answer: Answer) {
        let sender = self.lock().remove(event_id);
        if let Some(sender) = sender {
            // Who gave up in this very moment is not told.
            let _unheard = sender.send(answer);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, oneshot::Sender<Answer>>> {
        self.awaited.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An answer that is awaited; forgotten when dropped.
pub(crate) struct Awaited {
    event_id: String,
    receiver: oneshot::Receiver<Answer>,
    awaiter: Arc<Awaiter>,
}

impl Awaited {
    /// The answer. `None` is not seen: the sender is kept until it is here.
    pub(crate) async fn answer(&mut self) -> Option<Answer> {
        (&mut self.receiver).await.ok()
    }
}

impl Drop for Awaited {
    fn drop(&mut self) {
        let mut awaited = self.awaiter.lock();
        awaited.remove(&self.event_id);
        self.awaiter.metrics.awaited(awaited.len());
    }
}

/// Reads `results`.
pub(crate) struct Results {
    consumer: Arc<StreamConsumer<Reader>>,
    awaiter: Arc<Awaiter>,
    partitions: BTreeSet<i32>,
}

impl Results {
    /// A reader that hands answers to `awaiter`.
    ///
    /// # Errors
    ///
    /// librdkafka refuses the settings.
    pub(crate) fn new(
        config: &Config,
        awaiter: Arc<Awaiter>,
        metrics: Arc<Metrics>,
    ) -> Result<Self, KafkaError> {
        let consumer = client_config::consumer(&config.kafka_brokers)
            // librdkafka wants a group's name; this one is never joined, nor committed to.
            .set(
                "group.id",
                format!("{}-{}", config.kafka_group, Uuid::new_v4()),
            )
            .set("enable.auto.commit", "false")
            // Where a topic was made anew, what it has is new.
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
        let mut look = tokio::time::interval(LOOK_SOON);
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                _ = look.tick() => {
                    match self.assign_new_partitions().await {
                        Ok(()) if !self.partitions.is_empty() => look.reset_after(LOOK_AGAIN),
                        Ok(()) => {}
                        Err(error) => tracing::debug!(%error, "results: no partitions yet"),
                    }
                }
                message = consumer.recv() => match message {
                    Ok(message) => self.read(&message),
                    Err(error) => {
                        tracing::debug!(%error, "results: nothing to read");
                        tokio::time::sleep(LOOK_SOON).await;
                    }
                }
            }
        }
        // Closing blocks, and has been seen to hang; nothing here waits for it.
        drop(self.consumer);
        drop(tokio::task::spawn_blocking(move || drop(consumer)));
    }

    /// Partitions that are there at first are read from their ends: older answers are
    /// nobody's. One that is added later is read from its beginning.
    async fn assign_new_partitions(&mut self) -> Result<(), KafkaError> {
        let known = self.partitions.clone();
        let consumer = Arc::clone(&self.consumer);
        let asked = tokio::task::spawn_blocking(move || {
            let metadata = consumer.fetch_metadata(Some(RESULTS), ASK_TIMEOUT)?;
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
                    // The end as a number: asked for as "the end", it would be wherever
                    // that is by the first fetch, and an answer could come in between.
                    let offset = if known.is_empty() {
                        Offset::Offset(consumer.fetch_watermarks(RESULTS, id, ASK_TIMEOUT)?.1)
                    } else {
                        Offset::Beginning
                    };
                    new.push((id, offset));
                }
            }
            Ok::<_, KafkaError>(new)
        });
        let new = asked.await.map_err(|_| KafkaError::Canceled)??;
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

/// The id and the answer in a record; `None` where it is not an answer of a gateway's.
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

    // How far it is behind what others await says nothing.
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
    async fn an_answer_reaches_who_awaits_it() {
        let awaiter = awaiter();
        let mut one = awaiter.expect("1").unwrap();
        let mut two = awaiter.expect("2").unwrap();
        awaiter.deliver("2", answer());
        assert_eq!(two.answer().await, Some(answer()));
        let waiting = tokio::time::timeout(Duration::from_millis(10), one.answer());
        assert!(waiting.await.is_err());
    }

    #[tokio::test]
    async fn who_goes_away_is_forgotten() {
        let awaiter = awaiter();
        drop(awaiter.expect("1").unwrap());
        assert!(!awaiter.awaits("1"));
        awaiter.deliver("1", answer());
    }

    #[test]
    fn nobody_waits_before_answers_are_read() {
        let awaiter = Awaiter::new(Arc::new(Metrics::new()));
        let error = awaiter.expect("1").err().unwrap();
        assert_eq!(error.code, ErrorCode::Unavailable);
    }

    #[test]
    fn there_is_an_end_to_how_many_wait() {
        let awaiter = awaiter();
        let waiting: Vec<_> = (0..MOST_AWAITED)
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
    fn only_an_answer_is_one() {
        let value = br#"{"EventId":"e","Data":"{}"}"#;
        let (id, read) = parse(Some(value), Some("200")).unwrap();
        assert_eq!((id.as_str(), read), ("e", answer()));
        assert!(parse(Some(value), None).is_none());
        assert!(parse(Some(value), Some("ok")).is_none());
        assert!(parse(Some(b"garbage"), Some("200")).is_none());
        assert!(parse(None, Some("200")).is_none());
    }
}
