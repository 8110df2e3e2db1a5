//! Triggers: pass a topic's records in batches to a function.
//!
//! This is what an AWS event source mapping does for MSK, with the same event.

use std::{collections::VecDeque, panic::AssertUnwindSafe, pin::pin, sync::Arc, time::Duration};

use bytes::Bytes;
use futures::FutureExt as _;
use rdkafka::message::Message as _;
use tokio::{
    sync::{AcquireError, OwnedSemaphorePermit, Semaphore},
    task::JoinSet,
    time::{Instant, interval, timeout, timeout_at},
};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument as _, Span, info_span};
use trichrome_proto::{
    contract::Trigger,
    error::{ApiError, ErrorCode, Fault as _},
    wire::limits::MAX_EVENT,
};
use trichrome_startup::error_chain;
use trichrome_telemetry::{self as telemetry, Trace};

use super::{
    batch::{self, Item},
    consumer::GroupConsumer,
    dead_letters::{DeadLetterReason, DeadLetterSink},
};
use crate::{
    call::{
        backoff::Backoff,
        fault::internal,
        invoke::{Invoke, InvokeError},
    },
    ops::metrics::{BatchOutcome, Metrics, RecordOutcome},
};

/// The maximum number of records in a batch. AWS allows 10,000.
const MAX_RECORDS: usize = 5000;

/// The maximum size of a batch in the event, in bytes. Lambda allows 6 MiB. Only a record that is
/// larger by itself exceeds it.
const MAX_BYTES: usize = 4 * 1024 * 1024;

/// How long a batch is collected, from its first record.
const WINDOW: Duration = Duration::from_millis(200);

/// The number of concurrent batches: one is stored while the next is sent.
const CONCURRENCY: usize = 2;

/// How long the consumer isn't polled while it waits for a slot. Pausing a partition discards what
/// was prefetched, so a busy trigger shouldn't.
const PATIENCE: Duration = Duration::from_secs(1);

/// How often paused partitions' ends are asked for, which the lag needs.
const ENDS_INTERVAL: Duration = Duration::from_secs(2);

/// The function's time limit for a batch.
const TIMEOUT: Duration = Duration::from_secs(60);

/// How often the function may fail on the same records before the batch is split.
const ATTEMPTS: u32 = 4;

/// The waits between attempts.
const BACKOFF: Backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(5));

/// Passes a topic's records to a function.
pub(crate) struct Batches {
    pub(crate) consumer: Arc<GroupConsumer>,
    pub(crate) delivery: Delivery,
}

impl Batches {
    /// Passes batches on until `stop`, then finishes those in progress until `abandon`.
    /// Abandoned batches aren't committed, so they are read again.
    pub(crate) async fn run(self, stop: CancellationToken, abandon: CancellationToken) {
        let slots = Arc::new(Semaphore::new(CONCURRENCY));
        let delivery = Arc::new(self.delivery);
        let mut tasks = JoinSet::new();
        // Records that were read and aren't in a batch yet.
        let mut left = VecDeque::new();
        loop {
            let next = async {
                let slot = slot(&slots, &self.consumer, &mut left).await;
                let first = match left.pop_front() {
                    Some(left) => left,
                    None => read(&self.consumer).await,
                };
                (slot, first)
            };
            let (slot, first) = tokio::select! {
                biased;
                () = stop.cancelled() => break,
                next = next => next,
            };
            let items = collect(first, &mut left, || read(&self.consumer)).await;
            while tasks.try_join_next().is_some() {}
            let delivery = Arc::clone(&delivery);
            let consumer = Arc::clone(&self.consumer);
            tasks.spawn(async move {
                let tickets: Vec<_> = items.iter().map(|item| item.ticket.clone()).collect();
                delivery.deliver(items).await;
                for ticket in &tickets {
                    consumer.done(ticket);
                }
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
}

async fn read(consumer: &GroupConsumer) -> Item {
    let (ticket, message) = consumer.next().await;
    Item { ticket, message }
}

/// Waits for a slot. During an outage that takes as long as the outage does, and a consumer that
/// isn't polled gets no tokens, reports no lag, and is removed from its group after five minutes.
/// So it is polled while its partitions are paused. `left` gets the record that shows that a
/// partition isn't paused yet.
async fn slot(
    slots: &Arc<Semaphore>,
    consumer: &Arc<GroupConsumer>,
    left: &mut VecDeque<Item>,
) -> Result<OwnedSemaphorePermit, AcquireError> {
    let mut slot = pin!(Arc::clone(slots).acquire_owned());
    if let Ok(slot) = timeout(PATIENCE, &mut slot).await {
        return slot;
    }
    let mut paused: Vec<(String, i32)> = Vec::new();
    let mut find_ends = interval(ENDS_INTERVAL);
    let mut finding = JoinSet::new();
    loop {
        let item = tokio::select! {
            biased;
            slot = &mut slot => {
                for (topic, partition) in paused {
                    consumer.resume(&topic, partition);
                }
                consumer.forget_ends();
                return slot;
            }
            _ = find_ends.tick(), if finding.is_empty() => {
                finding.spawn(Arc::clone(consumer).find_ends());
                continue;
            }
            Some(_) = finding.join_next() => continue,
            item = read(consumer) => item,
        };
        let topic = item.message.topic().to_owned();
        consumer.pause(&topic, item.message.partition());
        paused.push((topic, item.message.partition()));
        left.push_back(item);
    }
}

/// Collects a batch until it is full or [`WINDOW`] has passed, first from `left`, which keeps the
/// records that don't fit.
async fn collect<F: Future<Output = Item>>(
    first: Item,
    left: &mut VecDeque<Item>,
    mut read: impl FnMut() -> F,
) -> Vec<Item> {
    let end = Instant::now() + WINDOW;
    let mut bytes = first.encoded_len();
    let mut items = vec![first];
    while items.len() < MAX_RECORDS && bytes < MAX_BYTES {
        let item = match left.pop_front() {
            Some(item) => item,
            None => match timeout_at(end, read()).await {
                Ok(item) => item,
                Err(_) => break,
            },
        };
        bytes += item.encoded_len();
        if bytes > MAX_BYTES {
            left.push_front(item);
            break;
        }
        items.push(item);
    }
    items
}

/// Delivers a batch to its function, with retries.
pub(crate) struct Delivery {
    pub(crate) trigger: &'static Trigger,
    /// The brokers that the event names.
    pub(crate) bootstrap: String,
    pub(crate) invoke: Arc<dyn Invoke>,
    /// Takes records that the function fails on.
    pub(crate) dead_letters: Arc<dyn DeadLetterSink>,
    pub(crate) metrics: Arc<Metrics>,
}

/// A batch or a part of one, and how often it has failed.
struct Part {
    items: Vec<Item>,
    failures: u32,
}

/// Why a batch, or some of its records, were not accepted.
enum BatchError {
    /// The function, or something it depends on, is down. The records are not at fault.
    Outage,
    /// The function failed on these records, or reported them.
    Failure {
        items: Vec<Item>,
        reason: DeadLetterReason,
        error: ApiError,
    },
}

impl Delivery {
    /// Delivers the records. After an outage the whole batch is retried for as long as it
    /// takes. After repeated failures the batch is split to find the records at fault, which
    /// become dead letters, so that a poison record doesn't block the topic.
    pub(crate) async fn deliver(&self, items: Vec<Item>) {
        let mut parts = vec![Part { items, failures: 0 }];
        let mut outages = 0;
        while let Some(mut part) = parts.pop() {
            if part.items.is_empty() {
                continue;
            }
            match self.attempt(&mut part.items).await {
                Ok(()) => outages = 0,
                Err(BatchError::Outage) => {
                    outages += 1;
                    parts.push(part);
                    tokio::time::sleep(BACKOFF.wait(outages)).await;
                }
                Err(BatchError::Failure {
                    items,
                    reason,
                    error,
                }) => {
                    outages = 0;
                    let failures = part.failures + 1;
                    if failures < ATTEMPTS {
                        parts.push(Part { items, failures });
                        tokio::time::sleep(BACKOFF.wait(failures)).await;
                    } else {
                        self.split(items, reason, &error, &mut parts).await;
                    }
                }
            }
        }
    }

    /// Halves a batch that the function fails on. A single record, or records that the function
    /// reported, become dead letters.
    async fn split(
        &self,
        mut items: Vec<Item>,
        reason: DeadLetterReason,
        error: &ApiError,
        parts: &mut Vec<Part>,
    ) {
        if reason == DeadLetterReason::Failed && items.len() > 1 {
            let half = items.split_off(items.len() / 2);
            // The batch has used up its attempts, so each half gets one.
            let failures = ATTEMPTS - 1;
            parts.extend([half, items].map(|items| Part { items, failures }));
            return;
        }
        for item in &items {
            self.dead_letters
                .put(self.trigger.topic, &item.message, reason, error)
                .await;
        }
    }

    /// A span for a batch, by the semantic conventions for messaging. It starts a new trace,
    /// because each record comes from a trace of its own.
    fn span(&self, records: usize) -> Span {
        info_span!(
            "process",
            otel.kind = "consumer",
            otel.name = format!("process {}", self.trigger.topic),
            operation = self.trigger.function,
            messaging.system = "kafka",
            messaging.operation.name = "process",
            messaging.operation.type = "process",
            messaging.destination.name = self.trigger.topic,
            messaging.batch.message_count = records as i64,
        )
    }

    /// Delivers the records once. They are taken out of `items` unless there is an outage.
    async fn attempt(&self, items: &mut Vec<Item>) -> Result<(), BatchError> {
        let function = self.trigger.function;
        let failed = |items: &mut Vec<Item>, error| BatchError::Failure {
            items: std::mem::take(items),
            reason: DeadLetterReason::Failed,
            error,
        };
        let Ok(event) = batch::encode(&self.bootstrap, items) else {
            return Err(failed(items, internal()));
        };
        if event.len() > MAX_EVENT {
            // Of a single record, since batches are bounded. Lambda would refuse it.
            let text = format!(
                "the record's event has {} bytes, over {MAX_EVENT}",
                event.len()
            );
            let error = ApiError::new(ErrorCode::PayloadTooLarge, text);
            self.metrics.batch_passed(function, BatchOutcome::Failed);
            return Err(failed(items, error));
        }
        self.metrics.batch_sent(function, event.len());
        let event = Bytes::from(event);
        let deadline = Instant::now() + TIMEOUT;
        let span = self.span(items.len());
        let invoke = async {
            let span = self.invoke.span(function);
            let trace = Trace::of(&span);
            let invoke = self
                .invoke
                .invoke(function, &event, trace.as_ref(), deadline);
            invoke.instrument(span).await
        };
        let invoked = AssertUnwindSafe(invoke.instrument(span.clone()));
        // Treat a panic as a failure, so that no record is lost.
        let invoked = invoked.catch_unwind().await.unwrap_or_else(|_| {
            Err(InvokeError::Function {
                kind: "panic".to_owned(),
                message: "the gateway panicked".to_owned(),
            })
        });
        let payload = match invoked {
            Ok(payload) => payload,
            Err(error) => {
                telemetry::failed(&span, error.code().as_str());
                let text = error_chain(&error);
                tracing::warn!(
                    function,
                    records = items.len(),
                    error = text,
                    "a batch failed"
                );
                if is_outage(&error) {
                    self.metrics.batch_passed(function, BatchOutcome::Outage);
                    return Err(BatchError::Outage);
                }
                self.metrics.batch_passed(function, BatchOutcome::Failed);
                return Err(failed(items, ApiError::new(error.code(), text)));
            }
        };
        match batch::split_by_report(&payload, std::mem::take(items)) {
            Ok((accepted, reported)) => {
                let count = accepted.len() as u64;
                self.metrics
                    .records_processed(self.trigger.topic, RecordOutcome::Ingested, count);
                if reported.is_empty() {
                    self.metrics.batch_passed(function, BatchOutcome::Accepted);
                    return Ok(());
                }
                self.metrics
                    .batch_passed(function, BatchOutcome::PartlyAccepted);
                tracing::warn!(
                    function,
                    records = reported.len(),
                    "records of a batch failed"
                );
                let error = ApiError::invalid("the function reported this record as failed");
                Err(BatchError::Failure {
                    items: reported,
                    reason: DeadLetterReason::Reported,
                    error,
                })
            }
            Err(batch::InvalidReport { mut items, reason }) => {
                self.metrics.batch_passed(function, BatchOutcome::Failed);
                tracing::error!(function, reason, "a batch's report is invalid");
                let error = ApiError::new(ErrorCode::Internal, reason);
                Err(failed(&mut items, error))
            }
        }
    }
}

/// Whether Lambda, or something that the function depends on, is down, so that waiting helps. A
/// function says so with its error's type: `UNAVAILABLE`, or `DEADLINE_EXCEEDED` for a database
/// that hangs. A timeout of Lambda's (`Sandbox.Timedout`) doesn't count, because a record may
/// have caused it.
fn is_outage(error: &InvokeError) -> bool {
    match error {
        InvokeError::Busy
        | InvokeError::Unreachable(_)
        | InvokeError::Throttled
        | InvokeError::TimedOut
        | InvokeError::Refused(_)
        | InvokeError::Missing(_) => true,
        InvokeError::Function { kind, .. } => matches!(
            ErrorCode::from_text(kind),
            Some(ErrorCode::Unavailable | ErrorCode::DeadlineExceeded)
        ),
        InvokeError::TooLarge => false,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use futures::future::BoxFuture;
    use rdkafka::message::{Message as _, OwnedMessage};
    use serde_json::{Value, json};
    use trichrome_proto::contract::TRIGGERS;

    use super::{
        super::batch::tests::{items, sized_item},
        *,
    };
    use crate::call::invoke::tests::FakeInvoke;

    #[derive(Default)]
    struct Put(Mutex<Vec<(i64, DeadLetterReason)>>);

    impl DeadLetterSink for Put {
        fn put<'a>(
            &'a self,
            _: &'static str,
            record: &'a OwnedMessage,
            reason: DeadLetterReason,
            _: &'a ApiError,
        ) -> BoxFuture<'a, ()> {
            self.0.lock().unwrap().push((record.offset(), reason));
            Box::pin(std::future::ready(()))
        }
    }

    fn offsets(event: &Value) -> Vec<i64> {
        event["records"]["analyticsdata-1"]
            .as_array()
            .unwrap()
            .iter()
            .map(|record| record["offset"].as_i64().unwrap())
            .collect()
    }

    async fn deliver(
        items: Vec<Item>,
        script: impl Fn(u32, Value) -> Result<Value, InvokeError> + Send + Sync + 'static,
    ) -> (Vec<(i64, DeadLetterReason)>, u32) {
        let invoke = FakeInvoke::answering(script);
        let put = Arc::new(Put::default());
        let delivery = Delivery {
            trigger: &TRIGGERS[0],
            bootstrap: "localhost:29092".into(),
            invoke: Arc::clone(&invoke) as _,
            dead_letters: Arc::clone(&put) as _,
            metrics: Arc::new(Metrics::new()),
        };
        delivery.deliver(items).await;
        assert!(invoke.functions().iter().all(|f| f == "analytics-ingest"));
        let put = put.0.lock().unwrap().clone();
        (put, invoke.calls())
    }

    fn crash() -> InvokeError {
        InvokeError::Function {
            kind: "Runtime.ExitError".into(),
            message: "boom".into(),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_batch_never_exceeds_its_size() {
        // Three quarters of a batch each in base64, and one that is larger than a batch.
        let sizes = [MAX_BYTES * 9 / 16, MAX_BYTES * 9 / 16, 10, MAX_BYTES, 10];
        let mut records = (0..)
            .zip(sizes)
            .map(|(offset, size)| sized_item(offset, size));
        let mut left = VecDeque::new();
        let mut batches: Vec<Vec<i64>> = Vec::new();
        while let Some(first) = left.pop_front().or_else(|| records.next()) {
            let read = || {
                let next = records.next();
                async move {
                    match next {
                        Some(item) => item,
                        None => std::future::pending().await,
                    }
                }
            };
            let items = collect(first, &mut left, read).await;
            let event = batch::encode("localhost:29092", &items).unwrap();
            assert!(event.len() <= MAX_BYTES + 512 || items.len() == 1);
            batches.push(items.iter().map(|item| item.message.offset()).collect());
        }
        assert_eq!(batches, [vec![0], vec![1, 2], vec![3], vec![4]]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_record_that_is_too_large_for_lambda_becomes_a_dead_letter() {
        let items = vec![sized_item(7, MAX_EVENT)];
        let (put, calls) = deliver(items, |_, _| Ok(Value::Null)).await;
        assert_eq!(put, [(7, DeadLetterReason::Failed)]);
        assert_eq!(calls, 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_batch_is_one_invocation() {
        let (put, calls) = deliver(items(0..3), |_, event| {
            assert_eq!(offsets(&event), [0, 1, 2]);
            Ok(json!({}))
        })
        .await;
        assert_eq!((put.len(), calls), (0, 1));
    }

    #[tokio::test(start_paused = true)]
    async fn an_outage_is_retried_until_it_ends() {
        for kind in ["UNAVAILABLE", "DEADLINE_EXCEEDED"] {
            let (put, calls) = deliver(items(0..3), move |call, _| match call {
                0..50 => Err(InvokeError::Function {
                    kind: kind.into(),
                    message: "postgres".into(),
                }),
                _ => Ok(Value::Null),
            })
            .await;
            assert_eq!((put.len(), calls), (0, 51));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_poison_record_becomes_a_dead_letter() {
        let (put, calls) = deliver(items(0..16), |_, event| {
            if offsets(&event).contains(&11) {
                Err(crash())
            } else {
                Ok(json!({}))
            }
        })
        .await;
        assert_eq!(put, [(11, DeadLetterReason::Failed)]);
        // Four attempts with 16 records, then one for each half of 16, 8, 4 and 2.
        assert_eq!(calls, 4 + 4 * 2);
    }

    #[tokio::test(start_paused = true)]
    async fn only_reported_records_are_retried_and_become_dead_letters() {
        let report = json!({"batchItemFailures": [
            {"itemIdentifier": {"partition": "analyticsdata-1", "offset": 1}}
        ]});
        let (put, calls) = deliver(items(0..3), move |call, event| {
            if call > 0 {
                assert_eq!(offsets(&event), [1]);
            }
            Ok(report.clone())
        })
        .await;
        assert_eq!(put, [(1, DeadLetterReason::Reported)]);
        assert_eq!(calls, ATTEMPTS);
    }

    #[tokio::test(start_paused = true)]
    async fn a_transient_failure_loses_no_record() {
        let (put, calls) = deliver(items(0..3), |call, _| match call {
            0 | 1 => Err(crash()),
            _ => Ok(json!({})),
        })
        .await;
        assert_eq!((put.len(), calls), (0, 3));
    }

    #[tokio::test(start_paused = true)]
    async fn an_invalid_report_is_a_failure() {
        let (put, _) = deliver(items(0..2), |_, _| Ok(json!([]))).await;
        let mut put = put;
        put.sort_unstable();
        assert_eq!(put, [0, 1].map(|offset| (offset, DeadLetterReason::Failed)));
    }
}
