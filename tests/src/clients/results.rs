//! Answers to commands: the `results` topic, read from where it ended when the tests began.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use rdkafka::{
    consumer::StreamConsumer,
    message::{BorrowedMessage, Headers as _, Message as _},
};
use serde_json::Value;
use tokio::{
    sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
    time::timeout,
};

use trichrome_proto::{
    contract::command_topics,
    wire::record::{RESULTS, STATUS},
};

use super::kafka::reader;

/// How long an answer is waited for: also while a part comes back.
const PATIENCE: Duration = Duration::from_secs(60);

/// Answers that nobody awaits yet: those to bare commands, whose id is known only once
/// Kafka has told their place.
const KEPT: usize = 64;

/// An answer on `results`.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The record's key.
    pub key: String,
    /// Which command it answers.
    pub event_id: String,
    /// What the envelope holds, parsed.
    pub data: Value,
    /// The record's headers.
    pub headers: HashMap<String, String>,
}

impl Answer {
    /// The `status` header.
    ///
    /// # Errors
    ///
    /// It is not there, or no number.
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
        ensure!(fields == 2, "an answer has two fields: {value}");
        Ok(Self {
            key: String::from_utf8_lossy(message.key().unwrap_or_default()).into_owned(),
            event_id: text("EventId")?.to_owned(),
            data: serde_json::from_str(text("Data")?).context("Data is not JSON text")?,
            headers: headers(message),
        })
    }
}

/// A record's headers as text.
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
    /// Several may await the answers to one command: delivered twice, it has two.
    awaited: HashMap<String, Vec<UnboundedSender<Answer>>>,
    kept: VecDeque<Answer>,
}

/// Hands answers to who awaits them. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Results(Arc<Mutex<State>>);

impl Results {
    /// Begins to read.
    pub(crate) async fn read(brokers: &str) -> Result<Self> {
        let consumer = reader(brokers, &[RESULTS]).await?;
        let results = Self::default();
        tokio::spawn(results.clone().run(consumer));
        Ok(results)
    }

    async fn run(self, consumer: StreamConsumer) {
        loop {
            match consumer.recv().await {
                // What is no answer at all is told by the test that misses one.
                Ok(message) => match Answer::read(&message) {
                    Ok(answer) => self.deliver(answer),
                    Err(error) => eprintln!("a record on {RESULTS} is no answer: {error:#}"),
                },
                // The broker is down, in a test of just that.
                Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
            }
        }
    }

    fn deliver(&self, answer: Answer) {
        let mut state = self.lock();
        if let Some(senders) = state.awaited.get_mut(&answer.event_id) {
            // Who awaited it may have given up.
            senders.retain(|sender| sender.send(answer.clone()).is_ok());
        } else if is_place(&answer.event_id) {
            state.kept.push_back(answer);
            if state.kept.len() > KEPT {
                state.kept.pop_front();
            }
        }
    }

    /// Awaits the answers to this command, those that have come already included.
    pub(crate) fn expect(&self, event_id: &str) -> Expected {
        let (sender, answers) = unbounded_channel();
        let mut state = self.lock();
        let (mine, others): (VecDeque<_>, VecDeque<_>) = std::mem::take(&mut state.kept)
            .into_iter()
            .partition(|answer| answer.event_id == event_id);
        state.kept = others;
        for answer in mine {
            let _unheard = sender.send(answer);
        }
        let senders = state.awaited.entry(event_id.to_owned()).or_default();
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

/// Whether this is the id of a bare command: `<topic>-<partition>-<offset>`.
fn is_place(event_id: &str) -> bool {
    let mut parts = event_id.rsplitn(3, '-');
    let numbers = [parts.next(), parts.next()];
    let topic = parts.next();
    topic.is_some_and(|topic| command_topics().contains(&topic))
        && numbers
            .iter()
            .all(|part| part.is_some_and(|part| part.parse::<i64>().is_ok()))
}

/// Answers that are awaited.
pub struct Expected {
    event_id: String,
    answers: UnboundedReceiver<Answer>,
    results: Results,
}

impl Expected {
    /// The next answer.
    ///
    /// # Errors
    ///
    /// There is none in time.
    pub async fn answer(&mut self) -> Result<Answer> {
        let answer = timeout(PATIENCE, self.answers.recv()).await;
        answer
            .with_context(|| {
                format!(
                    "no answer to {} on {RESULTS} within {PATIENCE:?}",
                    self.event_id
                )
            })?
            .context("the answers ended")
    }

    /// Another answer, if one comes this soon.
    pub async fn another(&mut self, patience: Duration) -> Option<Answer> {
        timeout(patience, self.answers.recv()).await.ok()?
    }
}

impl Drop for Expected {
    fn drop(&mut self) {
        self.answers.close();
        let mut state = self.results.lock();
        if let Some(senders) = state.awaited.get_mut(&self.event_id) {
            senders.retain(|sender| !sender.is_closed());
            if senders.is_empty() {
                state.awaited.remove(&self.event_id);
            }
        }
    }
}
