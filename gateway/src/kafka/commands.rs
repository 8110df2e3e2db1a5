//! Serves commands: reads records, calls operations, answers on `results` and commits.

use std::{
    panic::AssertUnwindSafe,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use futures::FutureExt as _;
use rdkafka::message::{Headers as _, Message as _, OwnedMessage};
use tokio::{sync::Notify, task::JoinSet, time::Instant};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument as _, Span, field::Empty, info_span};
use trichrome_proto::{
    contract::{self, Operation},
    error::{ApiError, ErrorCode},
    wire::{
        Transport,
        header::{REQUEST_ID, RETRY_AFTER, TRACEPARENT},
        record::{DEADLINE, EVENT_ID, RESPONSE_KEY, RESULTS, STATUS},
    },
};
use trichrome_startup::error_chain;
use trichrome_telemetry as telemetry;
use uuid::Uuid;

use super::{
    consumer::GroupConsumer,
    dead_letters::{DeadLetterReason, DeadLetterSink as _, DeadLetters},
    envelope::{self, Command, Envelope, Raw, Rejected},
    lanes::{Lane, LaneSlots, Queue, Slots},
    producer::{self, ProduceError, Producer, Record},
    tracker::Ticket,
};
use crate::{
    call::{
        Call, Calls, Failures,
        args::Args,
        call_log::Receipt,
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

/// A record that waits in a lane.
type Waiting = (Ticket, OwnedMessage);

impl Commands {
    /// Serves commands until `stop`, then finishes those in progress until `abandon`. Abandoned
    /// commands, and those that still wait in a lane, aren't committed, so they are read again.
    pub(crate) async fn run(self, stop: CancellationToken, abandon: CancellationToken) {
        let consumer = Arc::clone(&self.consumer);
        let topics = contract::command_topics();
        let slots = Slots::new(self.concurrency, topics.len());
        let freed = Arc::new(Notify::new());
        let this = Arc::new(self);
        let mut workers = JoinSet::new();
        let mut lanes = Vec::with_capacity(topics.len());
        for topic in topics {
            let (lane, queue) = Lane::new(topic, &freed);
            lanes.push(lane);
            let work = Arc::clone(&this).work(queue, slots.lane(), stop.clone(), abandon.clone());
            workers.spawn(work);
        }
        loop {
            let (ticket, message) = tokio::select! {
                biased;
                () = stop.cancelled() => break,
                () = freed.notified() => {
                    resume(&consumer, &lanes);
                    continue;
                }
                next = consumer.next() => next,
            };
            let Some(lane) = lanes.iter().find(|lane| lane.topic() == message.topic()) else {
                // Unreachable: the consumer has subscribed to these topics only.
                consumer.done(&ticket);
                continue;
            };
            let bytes = size(&message);
            if lane.push((ticket, message), bytes) {
                consumer.pause(lane.topic());
                // The lane may have been emptied meanwhile.
                resume(&consumer, &lanes);
            }
        }
        drop(lanes);
        while workers.join_next().await.is_some() {}
    }

    /// Serves the commands of one lane.
    async fn work(
        self: Arc<Self>,
        mut queue: Queue<Waiting>,
        slots: LaneSlots,
        stop: CancellationToken,
        abandon: CancellationToken,
    ) {
        let mut tasks = JoinSet::new();
        loop {
            let next = async {
                let waiting = queue.next().await?;
                Some((waiting, slots.acquire().await?))
            };
            let next = tokio::select! {
                biased;
                () = stop.cancelled() => break,
                next = next => next,
            };
            let Some(((ticket, message), slot)) = next else {
                break;
            };
            while tasks.try_join_next().is_some() {}
            // The partition has moved to another replica, which serves the record.
            if !self.consumer.holds(&ticket) {
                continue;
            }
            let this = Arc::clone(&self);
            tasks.spawn(async move {
                let receipt = this.serve(&message).await;
                drop((message, slot));
                // Call logs are at least once, too: a command whose entry Kafka has not
                // acknowledged is read again after a crash.
                receipt.outcome().await;
                this.consumer.done(&ticket);
            });
        }
        let finished = async { while tasks.join_next().await.is_some() {} };
        tokio::select! {
            () = finished => {}
            () = abandon.cancelled() => {}
        }
        tasks.shutdown().await;
    }

    /// Serves a record until its answer is acknowledged. The receipt is its call log's.
    async fn serve(&self, message: &OwnedMessage) -> Receipt {
        let Some(topic) = known_topic(message.topic()) else {
            return Receipt::known();
        };
        // A record that causes a panic must not block its partition forever.
        let served = AssertUnwindSafe(self.try_serve(topic, message))
            .catch_unwind()
            .await;
        match served {
            Ok(receipt) => receipt,
            Err(_) => {
                self.dead_letters
                    .put(topic, message, DeadLetterReason::Panic, &internal())
                    .await;
                Receipt::known()
            }
        }
    }

    async fn try_serve(&self, topic: &'static str, message: &OwnedMessage) -> Receipt {
        let raw = Raw {
            topic,
            partition: message.partition(),
            offset: message.offset(),
            timestamp: timestamp(message),
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
                call.instrument(span).await
            }
            Err(rejected) => {
                let context = Context::begin(&span, header);
                telemetry::failed(&span, rejected.error.code.as_str());
                let reject = self.reject(topic, message, rejected, context);
                reject.instrument(span).await
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
    ) -> Receipt {
        let Rejected {
            operation,
            event_id,
            error,
            reason,
        } = rejected;
        let receipt = operation.map_or_else(Receipt::known, |operation| {
            let call = self.to_call(message, operation, Args::default(), context.clone());
            self.calls.refused(&call, &error)
        });
        self.answer(&event_id, &context, Err(&error)).await;
        self.dead_letters.put(topic, message, reason, &error).await;
        receipt
    }

    async fn call(
        &self,
        topic: &'static str,
        message: &OwnedMessage,
        command: Command<'_>,
        context: Context,
    ) -> Receipt {
        let call = self.to_call(message, command.operation, command.args, context.clone());
        if call.deadline <= Instant::now() {
            let error = ApiError::new(
                ErrorCode::DeadlineExceeded,
                "the command's deadline passed before it could be served; it was not run",
            );
            let receipt = self.calls.refused(&call, &error);
            self.answer(&command.event_id, &context, Err(&error)).await;
            self.metrics
                .records_processed(topic, RecordOutcome::Answered, 1);
            return receipt;
        }
        let (result, receipt) = self.calls.call_with_receipt(call).await;
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
        receipt
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
            deadline: deadline(header(message, DEADLINE), self.call_timeout),
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
        let mut wait = None;
        let (status, data) = match result {
            Ok(success) => success,
            Err(error) => {
                failure = envelope::failure_data(error, context);
                wait = error.retry_after_header();
                (error.code.http(), failure.as_str())
            }
        };
        let wait = wait.as_deref();
        let produced = self.produce(event_id, context, status, data, wait).await;
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
            if let Err(error) = self
                .produce(event_id, context, code.http(), &data, None)
                .await
            {
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
        retry_after: Option<&str>,
    ) -> Result<(), ProduceError> {
        let span = producer::span(RESULTS, Some(RESPONSE_KEY));
        telemetry::set(&span, "messaging.message.id", event_id.to_owned());
        let context = context.at(&span);
        let value = Envelope { event_id, data }.to_bytes(data.len());
        let status = status.to_string();
        let mut headers = vec![
            (STATUS, status.as_bytes()),
            (EVENT_ID, event_id.as_bytes()),
            (REQUEST_ID, context.request_id.as_bytes()),
            (TRACEPARENT, context.trace.parent().as_bytes()),
        ];
        headers.extend(retry_after.map(|wait| (RETRY_AFTER, wait.as_bytes())));
        self.producer
            .produce_until_accepted(&Record {
                topic: RESULTS,
                key: Some(RESPONSE_KEY.as_bytes()),
                value: Some(&value),
                headers: &headers,
            })
            .instrument(span.clone())
            .await
            .inspect_err(|_| telemetry::failed(&span, "rejected"))
    }
}

/// Resumes the topics whose lanes have room again.
fn resume<T>(consumer: &GroupConsumer, lanes: &[Lane<T>]) {
    for lane in lanes.iter().filter(|lane| lane.should_resume()) {
        consumer.resume(lane.topic());
    }
}

/// The approximate size of a record in memory, in bytes.
fn size(message: &OwnedMessage) -> usize {
    // A record's struct, and each header's.
    const FRAME: usize = 256;
    let length = |part: Option<&[u8]>| part.map_or(0, <[u8]>::len);
    let headers: usize = message.headers().map_or(0, |headers| {
        headers
            .iter()
            .map(|header| 64 + header.key.len() + length(header.value))
            .sum()
    });
    FRAME + length(message.key()) + length(message.payload()) + headers
}

/// When a command must be served: after `timeout`, or earlier if its header says so. An invalid
/// header is ignored.
fn deadline(header: Option<&str>, timeout: Duration) -> Instant {
    let now = Instant::now();
    let requested = header.and_then(|text| text.parse().ok()).map(|millis| {
        let at = UNIX_EPOCH + Duration::from_millis(millis);
        at.duration_since(SystemTime::now()).unwrap_or_default()
    });
    now + requested.map_or(timeout, |left| left.min(timeout))
}

fn timestamp(message: &OwnedMessage) -> i64 {
    message.timestamp().to_millis().unwrap_or_default()
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
        timestamp(message)
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

    #[tokio::test(start_paused = true)]
    async fn the_earlier_deadline_counts() {
        const TIMEOUT: Duration = Duration::from_secs(10);
        let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let after = |millis: i128| (unix.as_millis() as i128 + millis).to_string();
        let left = |header: Option<&str>| deadline(header, TIMEOUT) - Instant::now();
        for invalid in [None, Some(""), Some("soon"), Some("-1"), Some("1e3")] {
            assert_eq!(left(invalid), TIMEOUT, "{invalid:?}");
        }
        assert_eq!(left(Some(&after(3_600_000))), TIMEOUT);
        assert_eq!(left(Some(&after(-1))), Duration::ZERO);
        assert_eq!(left(Some("0")), Duration::ZERO);
        let some = left(Some(&after(5_000)));
        assert!(some > Duration::from_secs(3) && some <= Duration::from_secs(5));
        assert_eq!(left(Some(&u64::MAX.to_string())), TIMEOUT);
    }

    #[test]
    fn only_command_topics_are_known() {
        assert_eq!(known_topic("auth"), Some("auth"));
        assert_eq!(known_topic("results"), None);
    }
}
