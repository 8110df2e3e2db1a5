//! Metrics of Kafka records, batches and call logs.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError, atomic::AtomicU64},
    time::Duration,
};

use prometheus_client::{
    metrics::{
        counter::Counter,
        family::{Family, MetricConstructor},
        gauge::Gauge,
        histogram::Histogram,
    },
    registry::Registry,
};
use trichrome_proto::wire::limits::MAX_EVENT;

use super::{
    BatchOutcome, CallLogOutcome, Metrics, RecordOutcome,
    labels::{
        ConsumerLabels, DeadLetterLabels, FunctionLabels, LagLabels, OutcomeLabels, RecordLabels,
    },
    register,
};

/// Bounds of events' sizes in bytes. The last is what Lambda takes.
#[derive(Clone)]
struct Sizes;

impl MetricConstructor<Histogram> for Sizes {
    fn new_metric(&self) -> Histogram {
        const KIB: f64 = 1024.0;
        let bounds = [4.0, 16.0, 64.0, 256.0, 1024.0, 4096.0];
        let most = [MAX_EVENT as f64];
        Histogram::new(bounds.into_iter().map(|bound| bound * KIB).chain(most))
    }
}

pub(super) struct KafkaMetrics {
    pub(super) records: Family<RecordLabels, Counter>,
    pub(super) commits: Family<ConsumerLabels, Counter>,
    pub(super) batches: Family<ConsumerLabels, Counter>,
    batch_bytes: Family<FunctionLabels, Histogram, Sizes>,
    pub(super) call_logs: Family<OutcomeLabels, Counter>,
    dead_letters: Family<DeadLetterLabels, Counter>,
    pub(super) unreadable: Family<LagLabels, Counter>,
    lag: Family<LagLabels, Gauge>,
    /// The values of `lag`, which a family doesn't list.
    lags: Mutex<HashMap<LagLabels, i64>>,
    oldest: Family<LagLabels, Gauge<f64, AtomicU64>>,
    awaited: Gauge,
    foreign: Counter,
}

impl KafkaMetrics {
    pub(super) fn register(registry: &mut Registry) -> Self {
        Self {
            records: register(
                registry,
                "kafka_records",
                "Kafka records that were processed",
                Family::default(),
            ),
            dead_letters: register(
                registry,
                "kafka_dead_letters",
                "Kafka records moved to a .dlq topic",
                Family::default(),
            ),
            unreadable: register(
                registry,
                "kafka_unreadable_records",
                "Kafka records that were skipped because they can't be decoded",
                Family::default(),
            ),
            lag: register(
                registry,
                "kafka_lag",
                "Kafka records that wait to be processed",
                Family::default(),
            ),
            lags: Mutex::default(),
            oldest: register(
                registry,
                "kafka_oldest_seconds",
                "Age of the oldest Kafka record that was read and isn't processed yet",
                Family::default(),
            ),
            commits: register(
                registry,
                "kafka_commits",
                "Offset commits",
                Family::default(),
            ),
            batches: register(
                registry,
                "kafka_batches",
                "Batches passed to a trigger's function",
                Family::default(),
            ),
            batch_bytes: register(
                registry,
                "kafka_batch_bytes",
                "Sizes of the events with a batch, of which Lambda takes 6 MiB",
                Family::new_with_constructor(Sizes),
            ),
            call_logs: register(
                registry,
                "call_logs",
                "Call logs, by outcome",
                Family::default(),
            ),
            awaited: register(
                registry,
                "results_awaited",
                "Facade calls that wait for a result from Kafka",
                Gauge::default(),
            ),
            foreign: register(
                registry,
                "results_foreign",
                "Records on results for a waiting call that no gateway can have produced",
                Counter::default(),
            ),
        }
    }
}

impl Metrics {
    /// Counts records that were processed.
    pub(crate) fn records_processed(
        &self,
        topic: &'static str,
        outcome: RecordOutcome,
        count: u64,
    ) {
        let outcome = outcome.as_str();
        self.kafka
            .records
            .get_or_create(&RecordLabels { topic, outcome })
            .inc_by(count);
    }

    pub(crate) fn dead_letter(&self, topic: &'static str, reason: &'static str) {
        self.kafka
            .dead_letters
            .get_or_create(&DeadLetterLabels { topic, reason })
            .inc();
    }

    /// Counts records that `consumer` skipped because they can't be decoded.
    pub(crate) fn records_unreadable(&self, consumer: &'static str, topic: &str, count: u64) {
        self.kafka
            .unreadable
            .get_or_create(&LagLabels {
                consumer,
                topic: topic.to_owned(),
            })
            .inc_by(count);
    }

    /// Sets how many records of a topic `consumer` still has to process.
    pub(crate) fn set_lag(&self, consumer: &'static str, topic: &str, records: i64) {
        let labels = LagLabels {
            consumer,
            topic: topic.to_owned(),
        };
        self.kafka.lag.get_or_create(&labels).set(records);
        let lags = self.kafka.lags.lock();
        let mut lags = lags.unwrap_or_else(PoisonError::into_inner);
        lags.insert(labels, records);
    }

    /// How many records of all topics this gateway still has to process; `None` until one lag is
    /// known.
    pub(crate) fn total_lag(&self) -> Option<i64> {
        let lags = self.kafka.lags.lock();
        let lags = lags.unwrap_or_else(PoisonError::into_inner);
        (!lags.is_empty()).then(|| lags.values().sum())
    }

    /// Sets the age of the oldest record of a topic that `consumer` is processing.
    pub(crate) fn set_oldest(&self, consumer: &'static str, topic: &str, age: Duration) {
        self.kafka
            .oldest
            .get_or_create(&LagLabels {
                consumer,
                topic: topic.to_owned(),
            })
            .set(age.as_secs_f64());
    }

    /// Counts an attempt of `consumer` to commit its offsets.
    pub(crate) fn offsets_committed(&self, consumer: &'static str, success: bool) {
        let outcome = commit_outcome(success);
        self.kafka
            .commits
            .get_or_create(&ConsumerLabels { consumer, outcome })
            .inc();
    }

    /// Counts an attempt to pass a batch to a trigger's function.
    pub(crate) fn batch_passed(&self, consumer: &'static str, outcome: BatchOutcome) {
        let outcome = outcome.as_str();
        self.kafka
            .batches
            .get_or_create(&ConsumerLabels { consumer, outcome })
            .inc();
    }

    /// Records the size of an event that is passed to a trigger's function.
    pub(crate) fn batch_sent(&self, function: &'static str, bytes: usize) {
        self.kafka
            .batch_bytes
            .get_or_create(&FunctionLabels { function })
            .observe(bytes as f64);
    }

    pub(crate) fn call_logged(&self, outcome: CallLogOutcome) {
        let outcome = outcome.as_str();
        self.kafka
            .call_logs
            .get_or_create(&OutcomeLabels { outcome })
            .inc();
    }

    /// Counts a record for a waiting call that no gateway can have produced.
    pub(crate) fn foreign_result(&self) {
        self.kafka.foreign.inc();
    }

    /// Sets how many facade calls wait for a result.
    pub(crate) fn set_awaited(&self, count: usize) {
        self.kafka
            .awaited
            .set(i64::try_from(count).unwrap_or(i64::MAX));
    }
}

pub(super) const fn commit_outcome(success: bool) -> &'static str {
    if success { "done" } else { "failed" }
}
