//! Replies to commands, read from the end of the `results` topic at the start of the tests.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use rdkafka::{
    consumer::StreamConsumer,
    error::{KafkaError, RDKafkaErrorCode},
    message::{BorrowedMessage, Headers as _, Message as _},
};
use serde_json::Value;
use tokio::{
    sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
    task::AbortHandle,
    time::timeout,
};

use trichrome_proto::{
    contract::command_topics,
    wire::record::{RESULTS, STATUS},
};

use super::{
    broker::{Broker, User},
    kafka::{read_from_ends, reader},
};

/// The timeout for a reply. It allows for a part of the stack restarting.
const TIMEOUT: Duration = Duration::from_secs(60);

/// The most unclaimed replies to keep: those to commands without an envelope, whose EventId is
/// known only after Kafka has assigned an offset.
const MAX_UNCLAIMED: usize = 64;

/// A reply on `results`.
#[derive(Clone, Debug)]
pub struct Answer {
    pub partition: i32,
    pub key: String,
    /// The EventId of the command.
    pub event_id: String,
    /// The parsed `Data` of the envelope.
    pub data: Value,
    pub headers: HashMap<String, String>,
}

impl Answer {
    /// The `status` header.
    pub fn status(&self) -> Result<u16> {
        let status = self.headers.get(STATUS).context("no status header")?;
        status
            .parse()
            .with_context(|| format!("the status header is {status:?}"))
    }

    fn read(message: &BorrowedMessage<'_>) -> Result<Self> {
        let value: Value = serde_json::from_slice(message.payload().unwrap_or_default())?;
        let text = |field: &str| {
            let text = value[field].as_str();
            text.with_context(|| format!("no text {field:?} in {value}"))
        };
        let fields = value.as_object().map_or(0, serde_json::Map::len);
        ensure!(fields == 2, "a reply has two fields: {value}");
        Ok(Self {
            partition: message.partition(),
            key: String::from_utf8_lossy(message.key().unwrap_or_default()).into_owned(),
            event_id: text("EventId")?.to_owned(),
            data: serde_json::from_str(text("Data")?).context("Data is not JSON text")?,
            headers: headers(message),
        })
    }
}

/// Returns a record's headers as text.
pub(crate) fn headers(message: &BorrowedMessage<'_>) -> HashMap<String, String> {
    let headers = message.headers();
    headers
        .iter()
        .flat_map(|headers| headers.iter())
        .map(|header| {
            let value = String::from_utf8_lossy(header.value.unwrap_or_default());
            (header.key.to_owned(), value.into_owned())
        })
        .collect()
}

#[derive(Default)]
struct State {
    /// Waiting tests by EventId. Several tests may wait for the replies to one command.
    waiting: HashMap<String, Vec<UnboundedSender<Answer>>>,
    unclaimed: VecDeque<Answer>,
    /// The task that reads.
    reader: Option<AbortHandle>,
}

/// Delivers replies to the tests that wait for them. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Results(Arc<Mutex<State>>);

impl Results {
    /// Starts reading.
    pub(crate) async fn read(broker: &Broker) -> Result<Self> {
        let results = Self::default();
        results.read_again(broker).await?;
        Ok(results)
    }

    /// Starts reading again, with another consumer: on Apache Kafka, librdkafka's doesn't read a
    /// topic that was deleted and created again.
    pub(crate) async fn read_again(&self, broker: &Broker) -> Result<()> {
        let consumer = reader(broker, User::Client, &[RESULTS]).await?;
        let task = tokio::spawn(self.clone().run(consumer));
        if let Some(before) = self.lock().reader.replace(task.abort_handle()) {
            before.abort();
        }
        Ok(())
    }

    async fn run(self, mut consumer: StreamConsumer) {
        loop {
            let error = match consumer.recv().await {
                Ok(message) => {
                    match Answer::read(&message) {
                        Ok(answer) => self.deliver(answer),
                        // A malformed record fails the test that waits for a reply.
                        Err(error) => eprintln!("invalid record on {RESULTS}: {error:#}"),
                    }
                    continue;
                }
                Err(error) => error,
            };
            let unreadable = matches!(
                error,
                KafkaError::MessageConsumption(
                    RDKafkaErrorCode::BadCompression | RDKafkaErrorCode::NotImplemented
                )
            );
            if unreadable {
                // A test has written a batch that can't be decoded, and waits for no reply.
                match read_from_ends(consumer, &[RESULTS]).await {
                    Ok(moved) => consumer = moved,
                    Err(error) => return eprintln!("{RESULTS} can't be read: {error:#}"),
                }
            } else {
                // The broker is down, in a test of an outage.
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }

    fn deliver(&self, answer: Answer) {
        let mut state = self.lock();
        if let Some(senders) = state.waiting.get_mut(&answer.event_id) {
            // Removes the senders of tests that have stopped waiting.
            senders.retain(|sender| sender.send(answer.clone()).is_ok());
        } else if is_record_position(&answer.event_id) {
            state.unclaimed.push_back(answer);
            if state.unclaimed.len() > MAX_UNCLAIMED {
                state.unclaimed.pop_front();
            }
        }
    }

    /// Subscribes to the replies to a command, including unclaimed ones.
    pub(crate) fn expect(&self, event_id: &str) -> Expected {
        let (sender, answers) = unbounded_channel();
        let mut state = self.lock();
        let (mine, others): (VecDeque<_>, VecDeque<_>) = std::mem::take(&mut state.unclaimed)
            .into_iter()
            .partition(|answer| answer.event_id == event_id);
        state.unclaimed = others;
        for answer in mine {
            // Can't fail: the receiver still exists.
            let _ = sender.send(answer);
        }
        let senders = state.waiting.entry(event_id.to_owned()).or_default();
        senders.push(sender);
        Expected {
            event_id: event_id.to_owned(),
            answers,
            results: self.clone(),
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether this is the EventId of a command without an envelope:
/// `<topic>-<partition>-<offset>-<timestamp>`.
fn is_record_position(event_id: &str) -> bool {
    let mut parts = event_id.rsplitn(4, '-');
    let numbers = [parts.next(), parts.next(), parts.next()];
    let topic = parts.next();
    topic.is_some_and(|topic| command_topics().contains(&topic))
        && numbers
            .iter()
            .all(|part| part.is_some_and(|part| part.parse::<i64>().is_ok()))
}

/// A subscription to the replies to a command.
pub struct Expected {
    event_id: String,
    answers: UnboundedReceiver<Answer>,
    results: Results,
}

impl Expected {
    /// Waits for the next reply.
    pub async fn answer(&mut self) -> Result<Answer> {
        let answer = timeout(TIMEOUT, self.answers.recv()).await;
        answer
            .with_context(|| {
                format!(
                    "no reply to {} on {RESULTS} within {TIMEOUT:?}",
                    self.event_id
                )
            })?
            .context("the reader of replies stopped")
    }

    /// Waits a limited time for another reply.
    pub async fn another(&mut self, limit: Duration) -> Option<Answer> {
        timeout(limit, self.answers.recv()).await.ok()?
    }
}

impl Drop for Expected {
    fn drop(&mut self) {
        self.answers.close();
        let mut state = self.results.lock();
        if let Some(senders) = state.waiting.get_mut(&self.event_id) {
            senders.retain(|sender| !sender.is_closed());
            if senders.is_empty() {
                state.waiting.remove(&self.event_id);
            }
        }
    }
}
