//! Serves commands: reads records, calls operations, answers them and commits.

use std::{
    panic::AssertUnwindSafe,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use futures::FutureExt as _;
use rdkafka::message::{Headers as _, Message as _, OwnedMessage};
use tokio::{pin, sync::Notify, task::JoinSet, time::Instant};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument as _, Span, field::Empty, info_span};
use trichrome_proto::{
    contract::{self, Operation},
    error::{ApiError, ErrorCode},
    wire::{
        Transport,
        header::AUTHORIZATION,
        record::{DEADLINE, OPERATION, REPLY_TO, RESULTS},
    },
};
use trichrome_telemetry as telemetry;
use uuid::Uuid;

use super::{
    answers::{Answers, Outcome},
    consumer::GroupConsumer,
    dead_letters::{DeadLetterReason, DeadLetterSink as _, DeadLetters},
    envelope::{self, Raw, Rejected},
    headers::header,
    lanes::{Held, Lane, LaneSlots, Queue, Slots},
    tracker::Ticket,
    turns::{Place, Turns},
};
use crate::{
    call::{
        Call, Calls, Failures, args::Args, call_log::Receipt, context::Context, fault::internal,
    },
    ops::metrics::{Metrics, RecordOutcome},
};

/// Serves the command topics.
pub(crate) struct Commands {
    pub(crate) consumer: Arc<GroupConsumer>,
    pub(crate) calls: Calls,
    pub(crate) answers: Answers,
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
            let (partition, bytes) = (message.partition(), size(&message));
            if lane.push((ticket, message), partition, bytes) {
                consumer.pause(lane.topic(), partition);
                // The lane may have been emptied meanwhile.
                resume(&consumer, &lanes);
            }
        }
        drop(lanes);
        while workers.join_next().await.is_some() {}
    }

    /// Serves the commands of one lane, each when it is its turn.
    async fn work(
        self: Arc<Self>,
        mut queue: Queue<Waiting>,
        slots: LaneSlots,
        stop: CancellationToken,
        abandon: CancellationToken,
    ) {
        let mut turns: Turns<Held<Waiting>> = Turns::default();
        let mut tasks = JoinSet::new();
        // Kept from round to round, so that it keeps its place among the lanes that wait.
        let slot = slots.acquire();
        pin!(slot);
        loop {
            let slot_of_next = tokio::select! {
                biased;
                () = stop.cancelled() => break,
                () = turns.ended() => continue,
                acquired = &mut slot, if turns.is_ready() => acquired,
                next = queue.next() => {
                    let Some(held) = next else {
                        break;
                    };
                    turns.push(place(&held.get().1), held);
                    continue;
                }
            };
            slot.set(slots.acquire());
            while tasks.try_join_next().is_some() {}
            let Some(slot_of_next) = slot_of_next else {
                break;
            };
            // Records of a partition that has moved to another replica are served there.
            let next = std::iter::from_fn(|| turns.next())
                .map(|(turn, held)| (turn, held.take()))
                .find(|(_, (ticket, _))| self.consumer.holds(ticket));
            let Some((turn, (ticket, message))) = next else {
                continue;
            };
            let this = Arc::clone(&self);
            tasks.spawn(async move {
                let receipt = this.serve(&message).await;
                drop((message, slot_of_next, turn));
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
        let header = |name: &str| header(message, name);
        let span = self.span(topic, message);
        let reply_to = self.answers.topic(header(REPLY_TO)).await;
        let command = envelope::parse(&raw(topic, message)).and_then(|command| {
            let invalid = reply_to.as_ref().err().cloned();
            let deadline = deadline(header(DEADLINE), self.call_timeout);
            match invalid.map_or(deadline, Err) {
                Ok(deadline) => Ok((command, deadline)),
                Err(error) => Err(Rejected {
                    operation: Some(command.operation),
                    event_id: command.event_id,
                    error,
                    reason: DeadLetterReason::InvalidHeader,
                }),
            }
        });
        let reply_to = reply_to.unwrap_or(RESULTS);
        match command {
            Ok((command, deadline)) => {
                span.record("operation", command.operation.function);
                telemetry::set(&span, "messaging.message.id", command.event_id.clone());
                let context = envelope::context(&span, &command.event_id, header);
                let call = Call {
                    deadline,
                    ..self.to_call(message, command.operation, command.args, context)
                };
                let call = self.call(topic, message, call, &command.event_id, reply_to);
                call.instrument(span).await
            }
            Err(rejected) => {
                let context = Context::begin(&span, header);
                telemetry::failed(&span, rejected.error.code.as_str());
                let reject = self.reject(topic, message, rejected, context, reply_to);
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
        reply_to: &str,
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
        self.answers
            .send(reply_to, &event_id, &context, Err(&error))
            .await;
        self.dead_letters.put(topic, message, reason, &error).await;
        receipt
    }

    async fn call(
        &self,
        topic: &'static str,
        message: &OwnedMessage,
        call: Call<'_>,
        event_id: &str,
        reply_to: &str,
    ) -> Receipt {
        let (operation, context) = (call.operation, call.context.clone());
        let answer = async |outcome: Outcome<'_>| {
            self.answers
                .send(reply_to, event_id, &context, outcome)
                .await;
        };
        let answered = || {
            self.metrics
                .records_processed(topic, RecordOutcome::Answered, 1);
        };
        if call.deadline <= Instant::now() {
            let error = ApiError::new(
                ErrorCode::DeadlineExceeded,
                "the command's deadline passed before it could be served; it was not run",
            );
            let receipt = self.calls.refused(&call, &error);
            answer(Err(&error)).await;
            answered();
            return receipt;
        }
        let (result, receipt) = self.calls.call_with_receipt(call).await;
        if let Err(error) = &result
            && error.code.is_fault()
        {
            telemetry::failed(&Span::current(), error.code.as_str());
        }
        let message_text = result
            .as_ref()
            .map_err(Clone::clone)
            .and_then(|reply| reply.message());
        match message_text {
            Ok(data) => {
                answer(Ok((operation.http.success, &data))).await;
                answered();
            }
            Err(error) => {
                answer(Err(&error)).await;
                if error.code.is_fault() {
                    self.dead_letters
                        .put(topic, message, DeadLetterReason::Failed, &error)
                        .await;
                } else {
                    answered();
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
            deadline: Instant::now() + self.call_timeout,
            log_id: log_id(message),
            failures: Failures::Retry,
        }
    }
}

/// Resumes the partitions for which their lanes have room again.
fn resume<T>(consumer: &GroupConsumer, lanes: &[Lane<T>]) {
    for lane in lanes {
        for partition in lane.resumed() {
            consumer.resume(lane.topic(), partition);
        }
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

/// When a command must be served: after `timeout`, or earlier if its header [`DEADLINE`] says so.
///
/// # Errors
///
/// `INVALID_ARGUMENT` if the header isn't a time.
fn deadline(header: Option<&str>, timeout: Duration) -> Result<Instant, ApiError> {
    let now = Instant::now();
    let Some(text) = header else {
        return Ok(now + timeout);
    };
    let millis = text.parse().map_err(|_| {
        ApiError::invalid(format!(
            "the header {DEADLINE:?} must be a time in Unix milliseconds"
        ))
    })?;
    let at = UNIX_EPOCH + Duration::from_millis(millis);
    let left = at.duration_since(SystemTime::now()).unwrap_or_default();
    Ok(now + left.min(timeout))
}

/// The parts of a record that say what its command is.
fn raw<'a>(topic: &'a str, message: &'a OwnedMessage) -> Raw<'a> {
    Raw {
        topic,
        partition: message.partition(),
        offset: message.offset(),
        timestamp: timestamp(message),
        operation: header(message, OPERATION),
        key: message.key(),
        value: message.payload(),
    }
}

/// A command's place in the order. What names no operation or caller waits for nothing.
fn place(message: &OwnedMessage) -> Place {
    let raw = raw(message.topic(), message);
    let operation = raw.operation().ok();
    let caller = operation.and_then(|it| raw.caller(it, header(message, AUTHORIZATION)));
    Place {
        line: caller.map(|caller| (message.partition(), caller)),
        reads: operation.is_some_and(|operation| operation.http.method == "GET"),
    }
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
    use super::*;
    use crate::kafka::headers::tests::record;

    #[test]
    fn a_redelivered_record_has_the_same_log_id() {
        let at = |offset| log_id(&record(offset, &[]));
        assert_eq!(at(1), at(1));
        assert_ne!(at(1), at(2));
    }

    #[tokio::test(start_paused = true)]
    async fn the_earlier_deadline_counts() {
        const TIMEOUT: Duration = Duration::from_secs(10);
        let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let after = |millis: i128| (unix.as_millis() as i128 + millis).to_string();
        for invalid in ["", "soon", "-1", "1e3", " 1", "2026-01-31T12:00:00Z"] {
            let error = deadline(Some(invalid), TIMEOUT).unwrap_err();
            assert_eq!(error.code, ErrorCode::InvalidArgument, "{invalid:?}");
        }
        let left = |header: Option<&str>| deadline(header, TIMEOUT).unwrap() - Instant::now();
        assert_eq!(left(None), TIMEOUT);
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
