//! Answers commands: on `results`, or on the topic that a command names.

use tracing::Instrument as _;
use trichrome_proto::{
    error::{ApiError, ErrorCode},
    wire::{
        header::{REQUEST_ID, RETRY_AFTER, TRACEPARENT},
        record::{
            EVENT_ID, REPLY_TO, RESPONSE_KEY, RESULTS, STATUS, answer_partition, is_reply_topic,
        },
    },
};
use trichrome_startup::error_chain;
use trichrome_telemetry as telemetry;

use super::{
    envelope::{self, Envelope},
    known_topics::{Found, KnownTopics},
    producer::{self, ProduceError, Producer, Record},
};
use crate::call::context::Context;

/// The outcome of a command: the status and the response message as JSON, or the error.
pub(crate) type Outcome<'a> = Result<(u16, &'a str), &'a ApiError>;

/// An answer without its topic.
struct Answer<'a> {
    event_id: &'a str,
    context: &'a Context,
    status: u16,
    data: &'a str,
    retry_after: Option<&'a str>,
}

/// Produces answers. Each goes to the partition that its EventId belongs to.
pub(crate) struct Answers {
    producer: Producer,
    topics: KnownTopics,
}

impl Answers {
    pub(crate) fn new(producer: Producer, topics: KnownTopics) -> Self {
        Self { producer, topics }
    }

    /// The topic for a command's answer, from its header [`REPLY_TO`].
    ///
    /// # Errors
    ///
    /// `INVALID_ARGUMENT` if the topic isn't one for answers or doesn't exist. The error goes to
    /// `results`.
    pub(crate) async fn topic<'a>(&self, header: Option<&'a str>) -> Result<&'a str, ApiError> {
        let topic = match header {
            None => return Ok(RESULTS),
            Some(topic) if is_reply_topic(topic) => topic,
            Some(_) => {
                return Err(ApiError::invalid(format!(
                    "the header {REPLY_TO:?} must be {RESULTS}, or a topic whose name begins \
                     with {RESULTS}. and which exists; this answer is on {RESULTS}"
                )));
            }
        };
        match self.topics.find(topic).await {
            Found::Missing => Err(ApiError::invalid(format!(
                "the header {REPLY_TO:?} names the topic {topic}, which doesn't exist; create it \
                 first; this answer is on {RESULTS}"
            ))),
            Found::Partitions(_) | Found::Unknown => Ok(topic),
        }
    }

    /// Produces an answer and waits until Kafka acknowledges it, for as long as it takes.
    pub(crate) async fn send(
        &self,
        topic: &str,
        event_id: &str,
        context: &Context,
        outcome: Outcome<'_>,
    ) {
        let failure;
        let mut wait = None;
        let (status, data) = match outcome {
            Ok(success) => success,
            Err(error) => {
                failure = envelope::failure_data(error, context);
                wait = error.retry_after_header();
                (error.code.http(), failure.as_str())
            }
        };
        let answer = Answer {
            event_id,
            context,
            status,
            data,
            retry_after: wait.as_deref(),
        };
        let Err(error) = self.produce(topic, &answer).await else {
            return;
        };
        tracing::error!(
            request_id = context.request_id,
            topic,
            error = error_chain(&error),
            "an answer was rejected; does its topic exist?"
        );
        // The answer is probably too large for a record. Tell the caller so, and if their topic
        // takes no record at all, on the topic of all answers.
        let code = ErrorCode::Internal;
        let error = ApiError::new(code, format!("topic {topic} does not take the answer"));
        let data = envelope::failure_data(&error, context);
        let failure = Answer {
            status: code.http(),
            data: &data,
            retry_after: None,
            ..answer
        };
        let mut produced = self.produce(topic, &failure).await;
        if produced.is_err() && topic != RESULTS {
            produced = self.produce(RESULTS, &failure).await;
        }
        if let Err(error) = produced {
            tracing::error!(error = error_chain(&error), "the error was rejected, too");
        }
    }

    async fn produce(&self, topic: &str, answer: &Answer<'_>) -> Result<(), ProduceError> {
        let span = producer::span(topic, Some(RESPONSE_KEY));
        telemetry::set(&span, "messaging.message.id", answer.event_id.to_owned());
        let context = answer.context.at(&span);
        let envelope = Envelope {
            event_id: answer.event_id,
            data: answer.data,
        };
        let value = envelope.to_bytes(answer.data.len());
        let status = answer.status.to_string();
        let mut headers = vec![
            (STATUS, status.as_bytes()),
            (EVENT_ID, answer.event_id.as_bytes()),
            (REQUEST_ID, context.request_id.as_bytes()),
            (TRACEPARENT, context.trace.parent().as_bytes()),
        ];
        headers.extend(
            answer
                .retry_after
                .map(|wait| (RETRY_AFTER, wait.as_bytes())),
        );
        let mut record = Record {
            topic,
            key: Some(RESPONSE_KEY.as_bytes()),
            value: Some(&value),
            headers: &headers,
            partition: match self.topics.find(topic).await {
                Found::Partitions(count) => Some(answer_partition(answer.event_id, count)),
                Found::Missing | Found::Unknown => None,
            },
        };
        let produce = async {
            let mut produced = self.producer.produce_until_accepted(&record).await;
            if produced.is_err() && record.partition.is_some() {
                // The topic may have been created again, with fewer partitions.
                self.topics.forget(topic);
                record.partition = None;
                produced = self.producer.produce_until_accepted(&record).await;
            }
            produced
        };
        produce
            .instrument(span.clone())
            .await
            .inspect_err(|_| telemetry::failed(&span, "rejected"))
    }
}
