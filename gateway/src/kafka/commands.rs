//! Serves commands: reads records, calls operations, answers on `results` and commits.

use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use futures::FutureExt as _;
use rdkafka::message::{Headers as _, Message as _, OwnedMessage};
use tokio::{sync::Semaphore, task::JoinSet, time::Instant};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument as _, Span, field::Empty, info_span};
use trichrome_proto::{
    contract::{self, Operation},
    error::{ApiError, ErrorCode},
    wire::{
        Transport,
        header::{REQUEST_ID, TRACEPARENT},
        record::{EVENT_ID, RESPONSE_KEY, RESULTS, STATUS},
    },
};
use trichrome_startup::error_chain;
use trichrome_telemetry as telemetry;
use uuid::Uuid;

use super::{
    consumer::GroupConsumer,
    dead_letters::{DeadLetterReason, DeadLetterSink as _, DeadLetters},
    envelope::{self, Command, Envelope, Raw, Rejected},
    producer::{self, ProduceError, Producer, Record},
};
use crate::{
    call::{
        Call, Calls, Failures,
        args::Args,
        context::{self, Context},
        fault::internal,
    },
    ops::metrics::{Metrics, RecordOutcome},
};

/// Serves the command topics.
pub(crate) struct Commands {
    pub(crate) consumer: Arc<GroupConsumer>,
    pub(crate) calls: Calls,
    pub(crate) producer: Producer,
    pub(crate) dead_letters: DeadLetters,
    pub(crate) metrics: Arc<Metrics>,
    /// The time limit for one command, retries included.
    pub(crate) call_timeout: Duration,
    /// The number of commands served concurrently.
    pub(crate) concurrency: usize,
    /// The consumer's group, for traces.
    pub(crate) group: String,
}

impl Commands {
    /// Serves commands until `stop`, then finishes those in progress until `abandon`. Abandoned
    /// commands aren't committed, so they are read again.
    pub(crate) async fn run(self, stop: CancellationToken, abandon: CancellationToken) {
        let slots = Arc::new(Semaphore::new(self.concurrency));
        let consumer = Arc::clone(&self.consumer);
        let this = Arc::new(self);
        let mut tasks = JoinSet::new();
        loop {
            let next = async {
                let slot = Arc::clone(&slots).acquire_owned().await;
                let (ticket, message) = consumer.next().await;
                (slot, ticket, message)
            };
            let (slot, ticket, message) = tokio::select! {
                biased;
                () = stop.cancelled() => break,
                next = next => next,
            };
            while tasks.try_join_next().is_some() {}
            let this = Arc::clone(&this);
            tasks.spawn(async move {
                this.serve(&message).await;
                this.consumer.done(&ticket);
                drop(slot);
            });
        }
        let finished = async { while tasks.join_next().await.is_some() {} };
        tokio::select! {
            () = finished => {}
            () = abandon.cancelled() => {}
        }
        tasks.shutdown().await;
    }

    async fn serve(&self, message: &OwnedMessage) {
        // A record that causes a panic must not block its partition forever.
        let served = AssertUnwindSafe(self.try_serve(message))
            .catch_unwind()
            .await;
        if served.is_err()
            && let Some(topic) = known_topic(message.topic())
        {
            self.dead_letters
                .put(topic, message, DeadLetterReason::Panic, &internal())
                .await;
        }
    }

    async fn try_serve(&self, message: &OwnedMessage) {
        let Some(topic) = known_topic(message.topic()) else {
            return;
        };
        let raw = Raw {
            topic,
            partition: message.partition(),
            offset: message.offset(),
            key: message.key(),
            value: message.payload(),
        };
        let header = |name: &str| header(message, name);
        let span = self.span(topic, message);
        match envelope::parse(&raw) {
            Ok(command) => {
                span.record("operation", command.operation.function);
                telemetry::set(&span, "messaging.message.id", command.event_id.clone());
                let context = envelope::context(&span, &command.event_id, header);
                let call = self.call(topic, message, command, context);
                call.instrument(span).await;
            }
            Err(rejected) => {
                let context = Context::begin(&span, header);
                telemetry::failed(&span, rejected.error.code.as_str());
                let reject = self.reject(topic, message, rejected, context);
                reject.instrument(span).await;
            }
        }
    }

    /// A span for a record, by the semantic conventions for messaging and Kafka.
    fn span(&self, topic: &'static str, message: &OwnedMessage) -> Span {
        let span = info_span!(
            "process",
            otel.kind = "consumer",
            otel.name = format!("process {topic}"),
            request_id = Empty,
            trace_id = Empty,
            operation = Empty,
            messaging.system = "kafka",
            messaging.operation.name = "process",
            messaging.operation.type = "process",
            messaging.destination.name = topic,
            messaging.destination.partition.id = %message.partition(),
            messaging.kafka.offset = message.offset(),
            messaging.consumer.group.name = self.group,
        );
        let size = message.payload().map_or(0, <[u8]>::len);
        telemetry::set(&span, "messaging.message.body.size", size as i64);
        span
    }

    async fn reject(
        &self,
        topic: &'static str,
        message: &OwnedMessage,
        rejected: Rejected,
        context: Context,
    ) {
        let Rejected {
            operation,
            event_id,
            error,
            reason,
        } = rejected;
        if let Some(operation) = operation {
            let call = self.to_call(message, operation, Args::default(), context.clone());
            self.calls.refused(&call, &error);
        }
        self.answer(&event_id, &context, Err(&error)).await;
        self.dead_letters.put(topic, message, reason, &error).await;
    }

    async fn call(
        &self,
        topic: &'static str,
        message: &OwnedMessage,
        command: Command<'_>,
        context: Context,
    ) {
        let call = self.to_call(message, command.operation, command.args, context.clone());
        let result = self.calls.call(call).await;
        if let Err(error) = &result
            && error.code.is_fault()
        {
            telemetry::failed(&Span::current(), error.code.as_str());
        }
        let status = command.operation.http.success;
        let answer = result
            .as_ref()
            .map_err(Clone::clone)
            .and_then(|reply| reply.message());
        match answer {
            Ok(data) => {
                self.answer(&command.event_id, &context, Ok((status, &data)))
                    .await;
                self.metrics
                    .records_processed(topic, RecordOutcome::Answered, 1);
            }
            Err(error) => {
                self.answer(&command.event_id, &context, Err(&error)).await;
                if error.code.is_fault() {
                    self.dead_letters
                        .put(topic, message, DeadLetterReason::Failed, &error)
                        .await;
                } else {
                    self.metrics
                        .records_processed(topic, RecordOutcome::Answered, 1);
                }
            }
        }
    }

    fn to_call<'a>(
        &self,
        message: &OwnedMessage,
        operation: &'static Operation,
        args: Args<'a>,
        context: Context,
    ) -> Call<'a> {
        Call {
            operation,
            args,
            context,
            transport: Transport::Events,
            deadline: Instant::now() + self.call_timeout,
            log_id: log_id(message),
            failures: Failures::Retry,
        }
    }

    async fn answer(
        &self,
        event_id: &str,
        context: &Context,
        result: Result<(u16, &str), &ApiError>,
    ) {
        let failure;
        let (status, data) = match result {
            Ok(success) => success,
            Err(error) => {
                failure = envelope::failure_data(error, context);
                (error.code.http(), failure.as_str())
            }
        };
        let produced = self.produce(event_id, context, status, data).await;
        if let Err(error) = produced {
            tracing::error!(
                request_id = context.request_id,
                error = error_chain(&error),
                "an answer was rejected; does the topic \"results\" exist?"
            );
            // The answer is probably too large for a record. Tell the caller so.
            let code = ErrorCode::Internal;
            let error = ApiError::new(code, "the answer is too large for Kafka");
            let data = envelope::failure_data(&error, context);
            if let Err(error) = self.produce(event_id, context, code.http(), &data).await {
                tracing::error!(error = error_chain(&error), "the error was rejected, too");
            }
        }
    }

    async fn produce(
        &self,
        event_id: &str,
        context: &Context,
        status: u16,
        data: &str,
    ) -> Result<(), ProduceError> {
        let span = producer::span(RESULTS, Some(RESPONSE_KEY));
        telemetry::set(&span, "messaging.message.id", event_id.to_owned());
        let context = context.at(&span);
        let value = Envelope { event_id, data }.to_bytes(data.len());
        self.producer
            .produce_until_accepted(&Record {
                topic: RESULTS,
                key: Some(RESPONSE_KEY.as_bytes()),
                value: Some(&value),
                headers: &[
                    (STATUS, status.to_string().as_bytes()),
                    (EVENT_ID, event_id.as_bytes()),
                    (REQUEST_ID, context.request_id.as_bytes()),
                    (TRACEPARENT, context.trace.parent().as_bytes()),
                ],
            })
            .instrument(span.clone())
            .await
            .inspect_err(|_| telemetry::failed(&span, "rejected"))
    }
}

/// The contract's name of a command topic.
fn known_topic(topic: &str) -> Option<&'static str> {
    contract::command_topics()
        .into_iter()
        .find(|known| *known == topic)
}

fn header<'a>(message: &'a OwnedMessage, name: &str) -> Option<&'a str> {
    let values = message
        .headers()?
        .iter()
        .filter(|header| header.key.eq_ignore_ascii_case(name))
        .map(|header| std::str::from_utf8(header.value?).ok());
    context::select(name, values)
}

/// The call log's id. It is derived from the record, so that a redelivered command has one
/// entry. The timestamp distinguishes records of a topic that was created again.
fn log_id(message: &OwnedMessage) -> Uuid {
    let name = format!(
        "kafka:{}/{}/{}/{}",
        message.topic(),
        message.partition(),
        message.offset(),
        message.timestamp().to_millis().unwrap_or_default()
    );
    Uuid::new_v5(&Uuid::NAMESPACE_URL, name.as_bytes())
}

#[cfg(test)]
mod tests {
    use rdkafka::{
        Timestamp,
        message::{Header, OwnedHeaders},
    };

    use super::*;

    fn message(offset: i64, headers: OwnedHeaders) -> OwnedMessage {
        OwnedMessage::new(
            None,
            None,
            "auth".into(),
            Timestamp::CreateTime(1),
            0,
            offset,
            Some(headers),
        )
    }

    #[test]
    fn header_names_are_case_insensitive() {
        let headers = OwnedHeaders::new()
            .insert(Header {
                key: "Authorization",
                value: Some("Bearer t"),
            })
            .insert(Header {
                key: "x-request-id",
                value: Some(b"\xff".as_slice()),
            });
        let message = message(1, headers);
        assert_eq!(header(&message, "authorization"), Some("Bearer t"));
        assert_eq!(header(&message, "x-request-id"), None);
        assert_eq!(header(&message, "traceparent"), None);
    }

    #[test]
    fn a_repeated_authorization_is_dropped() {
        let twice = ["Authorization", "authorization"].map(|key| Header {
            key,
            value: Some("Bearer t"),
        });
        let [one, other] = twice;
        let headers = OwnedHeaders::new().insert(one).insert(other);
        assert_eq!(header(&message(1, headers), "authorization"), None);
    }

    #[test]
    fn a_redelivered_record_has_the_same_log_id() {
        let at = |offset| log_id(&message(offset, OwnedHeaders::new()));
        assert_eq!(at(1), at(1));
        assert_ne!(at(1), at(2));
    }

    #[test]
    fn only_command_topics_are_known() {
        assert_eq!(known_topic("auth"), Some("auth"));
        assert_eq!(known_topic("results"), None);
    }
}
