//! Triggers: a topic's records, in batches, to the function that takes them.
//!
//! Does here what AWS's Kafka event source mapping does for MSK, with the same event.

use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use bytes::Bytes;
use futures::{FutureExt as _, future::BoxFuture};
use tokio::{
    sync::Semaphore,
    task::JoinSet,
    time::{Instant, timeout_at},
};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument as _, Span, info_span};
use trichrome_proto::{
    contract::Trigger,
    error::{ApiError, ErrorCode, Fault as _},
};
use trichrome_telemetry as telemetry;

use super::{
    batch::{self, Item},
    consumer::GroupConsumer,
    dead_letters::DeadLetters,
};
use crate::{
    call::{
        backoff::Backoff,
        fault::{error_chain, internal},
        invoke::{Invoke, InvokeError},
    },
    ops::metrics::{Metrics, RecordOutcome},
};

/// The most records in a batch. AWS takes up to 10,000.
const MOST_RECORDS: usize = 5000;

/// The most bytes in a batch, as the event has them; Lambda takes 6 MiB.
const MOST_BYTES: usize = 4 * 1024 * 1024;

/// How long a batch waits to be full, from its first record on.
const WINDOW: Duration = Duration::from_millis(200);

/// Batches under way at once: one is written while the next is on its way.
const CONCURRENCY: usize = 2;

/// How long the function may take for a batch.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Times that the function may fail on the same records before they are suspected.
const ATTEMPTS: u32 = 4;

/// The waits between attempts.
const BACKOFF: Backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(5));

/// Hands a topic's records to a function.
pub(crate) struct Batches {
    /// Which topic, which function.
    pub(crate) trigger: &'static Trigger,
    /// Reads the topic.
    pub(crate) consumer: Arc<GroupConsumer>,
    /// Where batches go.
    pub(crate) delivery: Delivery,
}

impl Batches {
    /// Hands on batches until `stop`, then finishes those under way until `abandon`. What is
    /// abandoned is not committed, and is read again.
    pub(crate) async fn run(self, stop: CancellationToken, abandon: CancellationToken) {
        let places = Arc::new(Semaphore::new(CONCURRENCY));
        let delivery = Arc::new(self.delivery);
        let mut tasks = JoinSet::new();
        loop {
            let next = async {
                let place = Arc::clone(&places).acquire_owned().await;
                (place, self.consumer.next().await)
            };
            let (place, (ticket, message)) = tokio::select! {
                biased;
                () = stop.cancelled() => break,
                next = next => next,
            };
            let items = collect(&self.consumer, Item { ticket, message }).await;
            while tasks.try_join_next().is_some() {}
            let delivery = Arc::clone(&delivery);
            let consumer = Arc::clone(&self.consumer);
            tasks.spawn(async move {
                let tickets: Vec<_> = items.iter().map(|item| item.ticket.clone()).collect();
                delivery.deliver(items).await;
                for ticket in &tickets {
                    consumer.done(ticket);
                }
                drop(place);
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

/// Fills a batch: up to its size, or for as long as it may wait.
async fn collect(consumer: &GroupConsumer, first: Item) -> Vec<Item> {
    let until = Instant::now() + WINDOW;
    let mut bytes = first.encoded_len();
    let mut items = vec![first];
    while items.len() < MOST_RECORDS && bytes < MOST_BYTES {
        let Ok((ticket, message)) = timeout_at(until, consumer.next()).await else {
            break;
        };
        let item = Item { ticket, message };
        bytes += item.encoded_len();
        items.push(item);
    }
    items
}

/// Takes what the function will not.
pub(crate) trait Letters: Send + Sync {
    /// Puts one record away.
    fn put<'a>(
        &'a self,
        topic: &'static str,
        item: &'a Item,
        reason: &'static str,
        error: &'a ApiError,
    ) -> BoxFuture<'a, ()>;
}

impl Letters for DeadLetters {
    fn put<'a>(
        &'a self,
        topic: &'static str,
        item: &'a Item,
        reason: &'static str,
        error: &'a ApiError,
    ) -> BoxFuture<'a, ()> {
        Box::pin(DeadLetters::put(self, topic, &item.message, reason, error))
    }
}

/// Gets a batch to its function, however long that takes.
pub(crate) struct Delivery {
    /// Which topic, which function.
    pub(crate) trigger: &'static Trigger,
    /// What the event names as its brokers.
    pub(crate) bootstrap: String,
    /// Reaches the function.
    pub(crate) invoke: Arc<dyn Invoke>,
    /// Takes what the function will not.
    pub(crate) letters: Arc<dyn Letters>,
    /// Counts.
    pub(crate) metrics: Arc<Metrics>,
}

/// Records that share a fate, and how often it was failure.
struct Piece {
    items: Vec<Item>,
    failures: u32,
}

/// Why a piece, or a part of it, was not taken.
enum Setback {
    /// Something that the function needs is down; these records have no part in it.
    Outage,
    /// The function fails on these records, or reports them.
    Failure(Vec<Item>, &'static str, ApiError),
}

impl Delivery {
    /// Hands the items over. An outage is waited out: they wait in Kafka as well as
    /// anywhere. A failure is retried, then narrowed down to the records at fault, and
    /// those are put away, so that a poison record holds nothing up.
    pub(crate) async fn deliver(&self, items: Vec<Item>) {
        let mut pieces = vec![Piece { items, failures: 0 }];
        let mut outages = 0;
        while let Some(mut piece) = pieces.pop() {
            if piece.items.is_empty() {
                continue;
            }
            match self.attempt(&mut piece.items).await {
                Ok(()) => outages = 0,
                Err(Setback::Outage) => {
                    outages += 1;
                    pieces.push(piece);
                    tokio::time::sleep(BACKOFF.wait(outages)).await;
                }
                Err(Setback::Failure(items, reason, error)) => {
                    outages = 0;
                    let failures = piece.failures + 1;
                    if failures < ATTEMPTS {
                        pieces.push(Piece { items, failures });
                        tokio::time::sleep(BACKOFF.wait(failures)).await;
                    } else {
                        self.narrow_down(items, reason, &error, &mut pieces).await;
                    }
                }
            }
        }
    }

    /// Halves a batch that the function fails on; what it reports record by record, or
    /// what cannot be halved, is put away.
    async fn narrow_down(
        &self,
        mut items: Vec<Item>,
        reason: &'static str,
        error: &ApiError,
        pieces: &mut Vec<Piece>,
    ) {
        if reason == FAILED && items.len() > 1 {
            let half = items.split_off(items.len() / 2);
            // The batch has had its attempts: each half gets one.
            let failures = ATTEMPTS - 1;
            pieces.extend([half, items].map(|items| Piece { items, failures }));
            return;
        }
        for item in &items {
            self.letters
                .put(self.trigger.topic, item, reason, error)
                .await;
        }
    }

    /// A batch as a span, by the conventions for messaging: the first of a trace of its own,
    /// since its records come from as many others.
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

    /// Takes the items out on success, and where it says which are at fault.
    async fn attempt(&self, items: &mut Vec<Item>) -> Result<(), Setback> {
        let function = self.trigger.function;
        let fail =
            |items: &mut Vec<Item>, error| Setback::Failure(std::mem::take(items), FAILED, error);
        let Ok(event) = batch::encode(&self.bootstrap, items) else {
            return Err(fail(items, internal()));
        };
        let mut event = Bytes::from(event);
        let deadline = Instant::now() + TIMEOUT;
        let span = self.span(items.len());
        let invoke = self.invoke.invoke(function, &mut event, deadline);
        let invoked = AssertUnwindSafe(invoke.instrument(span.clone()));
        // A panic on the way is a failure like any other: these records must not be lost.
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
                    self.metrics.batch(function, "outage");
                    return Err(Setback::Outage);
                }
                self.metrics.batch(function, "failed");
                return Err(fail(items, ApiError::new(error.code(), text)));
            }
        };
        match batch::divide(&payload, std::mem::take(items)) {
            Ok((good, bad)) => {
                let taken = good.len() as u64;
                self.metrics
                    .record(self.trigger.topic, RecordOutcome::Ingested, taken);
                if bad.is_empty() {
                    self.metrics.batch(function, "taken");
                    return Ok(());
                }
                self.metrics.batch(function, "partly_taken");
                tracing::warn!(function, records = bad.len(), "records of a batch failed");
                let error = ApiError::invalid("the function reported this record as failed");
                Err(Setback::Failure(bad, REPORTED, error))
            }
            Err(batch::Misreport { items, reason }) => {
                self.metrics.batch(function, "failed");
                tracing::error!(function, reason, "a batch's report makes no sense");
                let error = ApiError::new(ErrorCode::Internal, reason);
                Err(Setback::Failure(items, FAILED, error))
            }
        }
    }
}

/// The function fails on a batch, which may hold good records too.
const FAILED: &str = "failed";
/// The function names the record.
const REPORTED: &str = "reported";

/// Whether waiting helps: Lambda, or what the function stands on, is down. A function says
/// so by its error's type: `UNAVAILABLE`, or `DEADLINE_EXCEEDED` of a database that hangs.
/// One that Lambda had to end (`Sandbox.Timedout`) may have had a record at fault.
fn is_outage(error: &InvokeError) -> bool {
    match error {
        InvokeError::Busy
        | InvokeError::Unreachable(_)
        | InvokeError::Throttled
        | InvokeError::TimedOut
        | InvokeError::Refused(_) => true,
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

    use rdkafka::message::Message as _;
    use serde_json::{Value, json};
    use trichrome_proto::contract::TRIGGERS;

    use super::{super::batch::tests::items, *};
    use crate::call::invoke::tests::FakeInvoke;

    #[derive(Default)]
    struct Put(Mutex<Vec<(i64, &'static str)>>);

    impl Letters for Put {
        fn put<'a>(
            &'a self,
            _: &'static str,
            item: &'a Item,
            reason: &'static str,
            _: &'a ApiError,
        ) -> BoxFuture<'a, ()> {
            self.0.lock().unwrap().push((item.message.offset(), reason));
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
        count: i64,
        script: impl Fn(u32, Value) -> Result<Value, InvokeError> + Send + Sync + 'static,
    ) -> (Vec<(i64, &'static str)>, u32) {
        let invoke = FakeInvoke::answering(script);
        let put = Arc::new(Put::default());
        let delivery = Delivery {
            trigger: &TRIGGERS[0],
            bootstrap: "localhost:29092".into(),
            invoke: Arc::clone(&invoke) as _,
            letters: Arc::clone(&put) as _,
            metrics: Arc::new(Metrics::new()),
        };
        delivery.deliver(items(0..count)).await;
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
    async fn a_batch_is_one_invocation() {
        let (put, calls) = deliver(3, |_, event| {
            assert_eq!(offsets(&event), [0, 1, 2]);
            Ok(json!({}))
        })
        .await;
        assert_eq!((put.len(), calls), (0, 1));
    }

    #[tokio::test(start_paused = true)]
    async fn an_outage_is_waited_out() {
        for kind in ["UNAVAILABLE", "DEADLINE_EXCEEDED"] {
            let (put, calls) = deliver(3, move |call, _| match call {
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
    async fn a_poison_record_is_found_and_put_away() {
        let (put, calls) = deliver(16, |_, event| {
            if offsets(&event).contains(&11) {
                Err(crash())
            } else {
                Ok(json!({}))
            }
        })
        .await;
        assert_eq!(put, [(11, "failed")]);
        // Four attempts at 16, then two halves of each of 16, 8, 4 and 2.
        assert_eq!(calls, 4 + 4 * 2);
    }

    #[tokio::test(start_paused = true)]
    async fn reported_records_alone_are_retried_then_put_away() {
        let report = json!({"batchItemFailures": [
            {"itemIdentifier": {"partition": "analyticsdata-1", "offset": 1}}
        ]});
        let (put, calls) = deliver(3, move |call, event| {
            if call > 0 {
                assert_eq!(offsets(&event), [1]);
            }
            Ok(report.clone())
        })
        .await;
        assert_eq!(put, [(1, "reported")]);
        assert_eq!(calls, ATTEMPTS);
    }

    #[tokio::test(start_paused = true)]
    async fn a_passing_failure_loses_nothing() {
        let (put, calls) = deliver(3, |call, _| match call {
            0 | 1 => Err(crash()),
            _ => Ok(json!({})),
        })
        .await;
        assert_eq!((put.len(), calls), (0, 3));
    }

    #[tokio::test(start_paused = true)]
    async fn a_report_that_makes_no_sense_is_a_failure() {
        let (put, _) = deliver(2, |_, _| Ok(json!([]))).await;
        let mut put = put;
        put.sort_unstable();
        assert_eq!(put, [(0, "failed"), (1, "failed")]);
    }
}
