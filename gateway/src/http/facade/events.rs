//! `/events/…`: a command produced to Kafka, its answer awaited on `results`.

use std::{sync::Arc, time::Duration};

use serde_json::{Map, Value};
use tokio::time::{Instant, timeout_at};
use tracing::Instrument as _;
use trichrome_proto::{
    contract::Operation,
    error::{ApiError, ErrorCode},
};
use trichrome_telemetry as telemetry;
use uuid::Uuid;

use crate::{
    call::{
        answer::read_error,
        args::Nested,
        context::Context,
        fault::{error_chain, internal, timed_out},
        limits,
    },
    kafka::{
        envelope::Envelope,
        producer::{self, ProduceError, Producer, Record},
        results::{Answer, Awaiter},
    },
};

/// What a command may take longer than its call: the way to Kafka and back, twice.
const GRACE: Duration = Duration::from_secs(1);

/// Produces commands and awaits their answers. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Events {
    /// Produces the commands.
    pub(crate) producer: Producer,
    /// Awaits the answers.
    pub(crate) awaiter: Arc<Awaiter>,
}

impl Events {
    /// Sends a command, and answers the response message as JSON text.
    ///
    /// # Errors
    ///
    /// What the answer says; `UNAVAILABLE` where Kafka is not there; `DEADLINE_EXCEEDED`
    /// where nobody answers.
    pub(crate) async fn call(
        &self,
        operation: &Operation,
        args: Map<String, Value>,
        context: &Context,
        deadline: Instant,
    ) -> Result<String, ApiError> {
        // Its own for each request: two requests with one idempotency key await two answers.
        let event_id = Uuid::new_v4().to_string();
        let value = encode(&event_id, args)?;
        let key = operation.command.keys.first().ok_or_else(internal)?;
        let span = producer::span(operation.command.topic, Some(key));
        telemetry::set(&span, "messaging.message.id", event_id.clone());
        let context = context.at(&span);
        let headers: Vec<_> = context
            .headers()
            .map(|(name, value)| (name, value.as_bytes()))
            .collect();

        // First the ear, then the word: an answer may be quick.
        let mut awaited = self.awaiter.expect(&event_id)?;
        let begun = span.in_scope(|| {
            self.producer.begin(&Record {
                topic: operation.command.topic,
                key: Some(key.as_bytes()),
                value: Some(&value),
                headers: &headers,
            })
        });
        // The producer has its own; and it is soon here again, as a command.
        drop(value);
        let delivered = async { begun?.delivered().await }.instrument(span.clone());
        timeout_at(deadline, delivered)
            .await
            .map_err(|_| timed_out())
            .and_then(|produced| produced.map_err(|error| unproduced(&error)))
            .inspect_err(|error| telemetry::failed(&span, error.code.as_str()))?;
        // It ends here: the answer's way back is not the producer's.
        drop(span);
        match timeout_at(deadline + GRACE, awaited.answer()).await {
            Ok(Some(answer)) => read(answer),
            Ok(None) => Err(internal()),
            Err(_) => Err(ApiError::new(
                ErrorCode::DeadlineExceeded,
                "no answer came on Kafka in time; the command may still be served",
            )),
        }
    }
}

/// A command's value. Takes the arguments, and writes them once: one of them can be a picture.
fn encode(event_id: &str, args: Map<String, Value>) -> Result<Vec<u8>, ApiError> {
    let data = Nested::new(args);
    let envelope = Envelope { event_id, data };
    let value = envelope.to_bytes(envelope.data.about());
    if envelope.data.length() > limits::MAX_BODY {
        return Err(limits::body_too_large());
    }
    Ok(value)
}

fn read(answer: Answer) -> Result<String, ApiError> {
    match ErrorCode::from_http(answer.status) {
        None => Ok(answer.data),
        Some(code) => Err(read_error(code, answer.data.as_bytes())),
    }
}

fn unproduced(error: &ProduceError) -> ApiError {
    tracing::warn!(error = error_chain(error), "a command was not produced");
    match error {
        ProduceError::Refused(_) | ProduceError::Unavailable(_) => ApiError::new(
            ErrorCode::Unavailable,
            "Kafka cannot be reached; try again shortly, or use another transport",
        ),
    }
}
