//! `/events`: produces a command to Kafka and waits for its answer on `results`.

use std::{
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use serde_json::{Map, Value};
use tokio::time::{Instant, timeout, timeout_at};
use tracing::Instrument as _;
use trichrome_proto::{
    contract::Operation,
    error::{ApiError, ErrorCode},
    wire::record::{DEADLINE, OPERATION, answer_partition},
};
use trichrome_startup::error_chain;
use trichrome_telemetry as telemetry;
use uuid::Uuid;

use crate::{
    call::{
        answer::read_error,
        args::Nested,
        context::Context,
        fault::{internal, timed_out},
        limits,
    },
    kafka::{
        awaiter::{Answer, Awaiter},
        caller::Caller,
        envelope::Envelope,
        known_topics::{Found, KnownTopics},
        producer::{self, ProduceError, Producer, Record},
    },
};

/// Extra time for a command beyond its call's: two round trips to Kafka.
const GRACE: Duration = Duration::from_secs(1);

/// How long a command waits for the number of its topic's partitions.
const LOOKUP_TIMEOUT: Duration = Duration::from_millis(500);

/// Produces commands and waits for their answers. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Events {
    producer: Producer,
    awaiter: Arc<Awaiter>,
    topics: Arc<KnownTopics>,
}

impl Events {
    pub(crate) fn new(producer: Producer, awaiter: Arc<Awaiter>) -> Self {
        let topics = Arc::new(KnownTopics::new(Arc::new(producer.clone())));
        Self {
            producer,
            awaiter,
            topics,
        }
    }

    /// Sends a command and returns the response message as JSON text.
    ///
    /// # Errors
    ///
    /// The answer's error; `UNAVAILABLE` if Kafka cannot be reached; `DEADLINE_EXCEEDED` without
    /// an answer.
    pub(crate) async fn call(
        &self,
        operation: &Operation,
        args: Map<String, Value>,
        context: &Context,
        deadline: Instant,
    ) -> Result<String, ApiError> {
        // Unique: two requests with the same idempotency key wait for two answers.
        let event_id = Uuid::new_v4().to_string();
        // Commands of one caller share a partition, so that they take effect in order.
        let caller = Caller::of(operation, context.authorization.as_deref(), |name| {
            let field = operation.input.field(name)?;
            let value = args.iter().find(|(given, _)| field.is_named(given));
            Some(value?.1.as_str()?.to_owned())
        });
        let value = encode(&event_id, args)?;
        let name = operation.command.keys.first().ok_or_else(internal)?;
        let caller = caller.as_ref().map(|caller| caller.as_str());
        let topic = operation.command.topic;
        // Until 0.3: a replica of version 0.1 finds the operation by the key, so the caller chooses
        // the partition only.
        let partition = self.partition(topic, caller.unwrap_or(&event_id)).await;
        let key = match partition {
            Some(_) => Some(*name),
            None => caller,
        };
        let span = producer::span(operation.command.topic, None);
        telemetry::set(&span, "messaging.message.id", event_id.clone());
        let context = context.at(&span);
        let unix_deadline = unix_millis(deadline).to_string();
        let headers: Vec<_> = context
            .headers()
            .chain([(OPERATION, *name), (DEADLINE, unix_deadline.as_str())])
            .map(|(name, value)| (name, value.as_bytes()))
            .collect();

        // Subscribe before producing: the answer may arrive first.
        let mut awaited = self.awaiter.expect(&event_id, operation.http.success)?;
        let enqueued = span.in_scope(|| {
            self.producer.enqueue(&Record {
                topic: operation.command.topic,
                key: key.map(str::as_bytes),
                value: Some(&value),
                headers: &headers,
                partition,
            })
        });
        // The producer has a copy, and this gateway may soon read the record, too.
        drop(value);
        let delivered = async { enqueued?.delivered().await }.instrument(span.clone());
        timeout_at(deadline, delivered)
            .await
            .map_err(|_| timed_out())
            .and_then(|produced| produced.map_err(|error| produce_error(&error)))
            // The topic may have been created again, with fewer partitions.
            .inspect_err(|_| self.topics.forget(topic))
            .inspect_err(|error| telemetry::failed(&span, error.code.as_str()))?;
        // The producer's span doesn't cover the wait for the answer.
        drop(span);
        match timeout_at(deadline + GRACE, awaited.answer()).await {
            Ok(Some(answer)) => read_answer(answer),
            Ok(None) => Err(internal()),
            Err(_) => Err(ApiError::new(
                ErrorCode::DeadlineExceeded,
                "no answer arrived on Kafka in time; the command may still be served",
            )),
        }
    }

    /// The partition that a record with this key would be in, by the rule of answers, which is Kafka's;
    /// `None` if no broker answers.
    async fn partition(&self, topic: &str, key: &str) -> Option<u32> {
        match timeout(LOOKUP_TIMEOUT, self.topics.find(topic)).await {
            Ok(Found::Partitions(count)) => Some(answer_partition(key, count)),
            Ok(Found::Missing | Found::Unknown) | Err(_) => None,
        }
    }
}

/// An instant in Unix milliseconds.
fn unix_millis(instant: Instant) -> u128 {
    let at = SystemTime::now() + instant.saturating_duration_since(Instant::now());
    at.duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_millis()
}

/// Encodes a command's value. The arguments are written once, because one may be a picture.
fn encode(event_id: &str, args: Map<String, Value>) -> Result<Vec<u8>, ApiError> {
    let data = Nested::new(args);
    let envelope = Envelope { event_id, data };
    let value = envelope.to_bytes(envelope.data.estimated_length());
    if envelope.data.length() > limits::MAX_BODY {
        return Err(limits::body_too_large());
    }
    Ok(value)
}

fn read_answer(answer: Answer) -> Result<String, ApiError> {
    match ErrorCode::from_http(answer.status) {
        None => Ok(answer.data),
        Some(code) => Err(read_error(code, answer.data.as_bytes())
            .with_retry_after(answer.retry_after.as_deref())),
    }
}

fn produce_error(error: &ProduceError) -> ApiError {
    tracing::warn!(error = error_chain(error), "a command was not produced");
    match error {
        ProduceError::Rejected(_) | ProduceError::Unavailable(_) => ApiError::new(
            ErrorCode::Unavailable,
            "Kafka cannot be reached; try again shortly, or use another transport",
        ),
    }
}
