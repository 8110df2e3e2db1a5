//! What an operator can watch: counters, gauges and histograms, in OpenMetrics's text format
//! with trace ids as exemplars, or in Prometheus's older one.
//!
//! Every label comes from a closed set (the contract, this code), never from a caller, so
//! the number of series is bounded.

mod classic;
mod process;
mod zero;

use std::{
    fmt,
    time::{Duration, SystemTime},
};

use prometheus_client::{
    encoding::{EncodeLabelSet, text},
    metrics::{
        counter::Counter,
        exemplar::HistogramWithExemplars,
        family::{Family, MetricConstructor},
        gauge::Gauge,
        info::Info,
    },
    registry::Registry,
};
use tracing::Span;
use trichrome_proto::contract::Operation;
use trichrome_telemetry::Trace;

use crate::call::transport::Transport;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CallLabels {
    transport: &'static str,
    operation: &'static str,
    status: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DurationLabels {
    transport: &'static str,
    operation: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct TransportLabels {
    transport: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OperationLabels {
    operation: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct TopicLabels {
    topic: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct LetterLabels {
    topic: &'static str,
    reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct LagLabels {
    consumer: &'static str,
    topic: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ConsumerLabels {
    consumer: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabels {
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct InvokeLabels {
    operation: &'static str,
    outcome: &'static str,
}

/// An exemplar: one call of those that a bucket counts.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct TraceLabel {
    trace_id: String,
}

/// How long something took, with a trace to look at for each bucket.
type Seconds = HistogramWithExemplars<TraceLabel>;

/// Makes the duration histograms.
#[derive(Clone)]
struct Buckets;

impl MetricConstructor<Seconds> for Buckets {
    fn new_metric(&self) -> Seconds {
        // From a warm local call to the default deadline of ten seconds.
        let bounds = [
            0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
        ];
        HistogramWithExemplars::new(bounds.into_iter())
    }
}

fn observe(histogram: &Seconds, took: Duration) {
    // A trace that is not kept is none to look at.
    let trace = Trace::of(&Span::current()).filter(Trace::is_sampled);
    let exemplar = trace.map(|trace| TraceLabel {
        trace_id: trace.id().to_owned(),
    });
    histogram.observe(took.as_secs_f64(), exemplar, Some(SystemTime::now()));
}

/// The gateway's metrics.
pub(crate) struct Metrics {
    registry: Registry,
    calls: Family<CallLabels, Counter>,
    in_flight: Family<TransportLabels, Gauge>,
    durations: Family<DurationLabels, Seconds, Buckets>,
    retries: Family<OperationLabels, Counter>,
    facade: Family<CallLabels, Counter>,
    facade_durations: Family<DurationLabels, Seconds, Buckets>,
    facade_in_flight: Family<TransportLabels, Gauge>,
    invokes: Family<InvokeLabels, Counter>,
    invoke_durations: Family<OperationLabels, Seconds, Buckets>,
    records: Family<TopicLabels, Counter>,
    dead_letters: Family<LetterLabels, Counter>,
    lag: Family<LagLabels, Gauge>,
    commits: Family<ConsumerLabels, Counter>,
    batches: Family<ConsumerLabels, Counter>,
    call_logs: Family<OutcomeLabels, Counter>,
    awaited: Gauge,
}

/// What became of one invocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum InvokeOutcome {
    /// The function answered, whatever it said.
    Answered,
    /// It crashed, ran out of its own time, or could not be invoked as it is configured.
    FunctionError,
    /// Lambda turned the invocation away for now.
    Throttled,
    /// Lambda could not be reached, or failed.
    Unavailable,
    /// No answer came before the deadline.
    Timeout,
    /// It was never made: too many were under way until the deadline.
    Busy,
}

impl InvokeOutcome {
    const ALL: [Self; 6] = [
        Self::Answered,
        Self::FunctionError,
        Self::Throttled,
        Self::Unavailable,
        Self::Timeout,
        Self::Busy,
    ];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Answered => "ok",
            Self::FunctionError => "function_error",
            Self::Throttled => "throttled",
            Self::Unavailable => "unavailable",
            Self::Timeout => "timeout",
            Self::Busy => "busy",
        }
    }
}

/// What became of a Kafka record that was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RecordOutcome {
    /// A command that was answered, well or with the caller's mistake.
    Answered,
    /// A command or a batch record that went to the dead letters.
    DeadLetter,
    /// A batch record that its function took.
    Ingested,
}

/// What became of a call log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CallLogOutcome {
    /// Kafka has it.
    Written,
    /// The queue was full.
    Dropped,
    /// Kafka did not take it in time.
    Failed,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// All metrics, at zero.
    pub(crate) fn new() -> Self {
        let mut whole = Registry::default();
        whole.register_collector(Box::new(process::Process));
        whole.register_collector(Box::new(process::Runtime));
        let registry = whole.sub_registry_with_prefix("trichrome_gateway");
        let version = [("version", env!("CARGO_PKG_VERSION"))];
        registry.register("build", "Which gateway this is", Info::new(version));
        let calls = Family::default();
        registry.register("calls", "Calls that ended, gRPC and events", calls.clone());
        let in_flight = Family::default();
        registry.register("calls_in_flight", "Calls under way", in_flight.clone());
        let durations = Family::new_with_constructor(Buckets);
        registry.register(
            "call_duration_seconds",
            "How long calls took, retries included",
            durations.clone(),
        );
        let retries = Family::default();
        registry.register("call_retries", "Repeats of failed calls", retries.clone());
        let facade = Family::default();
        registry.register(
            "facade_requests",
            "Facade requests answered, or given up",
            facade.clone(),
        );
        let facade_in_flight = Family::default();
        registry.register(
            "facade_in_flight",
            "Facade requests under way",
            facade_in_flight.clone(),
        );
        let invokes = Family::default();
        registry.register(
            "invokes",
            "Invocations of functions, by what became of them",
            invokes.clone(),
        );
        let invoke_durations = Family::new_with_constructor(Buckets);
        registry.register(
            "invoke_duration_seconds",
            "How long single invocations took",
            invoke_durations.clone(),
        );
        let facade_durations = Family::new_with_constructor(Buckets);
        registry.register(
            "facade_duration_seconds",
            "How long facade requests took",
            facade_durations.clone(),
        );
        let records = Family::default();
        registry.register("kafka_records", "Kafka records done with", records.clone());
        let dead_letters = Family::default();
        registry.register(
            "kafka_dead_letters",
            "Kafka records moved to a .dlq topic",
            dead_letters.clone(),
        );
        let lag = Family::default();
        registry.register(
            "kafka_lag",
            "Kafka records that wait to be read and done with",
            lag.clone(),
        );
        let commits = Family::default();
        registry.register("kafka_commits", "Offset commits", commits.clone());
        let batches = Family::default();
        registry.register(
            "kafka_batches",
            "Batches handed to a trigger's function",
            batches.clone(),
        );
        let call_logs = Family::default();
        registry.register(
            "call_logs",
            "Call logs, by what became of them",
            call_logs.clone(),
        );
        let awaited = Gauge::default();
        registry.register(
            "results_awaited",
            "Facade calls that wait for a result from Kafka",
            awaited.clone(),
        );
        let metrics = Self {
            registry: whole,
            calls,
            in_flight,
            durations,
            retries,
            facade,
            facade_durations,
            facade_in_flight,
            invokes,
            invoke_durations,
            records,
            dead_letters,
            lag,
            commits,
            batches,
            call_logs,
            awaited,
        };
        metrics.zero();
        metrics
    }

    /// A call began.
    pub(crate) fn call_begun(&self, transport: Transport) {
        let transport = transport.as_str();
        self.in_flight
            .get_or_create(&TransportLabels { transport })
            .inc();
    }

    /// A call ended with this HTTP status, or its like.
    pub(crate) fn call_ended(
        &self,
        transport: Transport,
        operation: &Operation,
        status: u16,
        took: Duration,
    ) {
        let (transport, operation) = (transport.as_str(), operation.function);
        self.in_flight
            .get_or_create(&TransportLabels { transport })
            .dec();
        let labels = DurationLabels {
            transport,
            operation,
        };
        ended(&self.calls, &self.durations, labels, status, took);
    }

    /// A function was invoked, once, or should have been.
    pub(crate) fn invoked(&self, operation: &'static str, outcome: InvokeOutcome, took: Duration) {
        let labels = InvokeLabels {
            operation,
            outcome: outcome.as_str(),
        };
        self.invokes.get_or_create(&labels).inc();
        // What was never made took no time.
        if outcome != InvokeOutcome::Busy {
            let labels = OperationLabels { operation };
            observe(&self.invoke_durations.get_or_create(&labels), took);
        }
    }

    /// A failed call is made again.
    pub(crate) fn retried(&self, operation: &Operation) {
        let operation = operation.function;
        self.retries
            .get_or_create(&OperationLabels { operation })
            .inc();
    }

    /// A facade request came.
    pub(crate) fn facade_begun(&self, transport: &'static str) {
        self.facade_in_flight
            .get_or_create(&TransportLabels { transport })
            .inc();
    }

    /// A facade request ended with this status; `None`: it was for no operation.
    pub(crate) fn facade_ended(
        &self,
        transport: &'static str,
        operation: Option<&Operation>,
        status: u16,
        took: Duration,
    ) {
        let operation = operation.map_or(OTHER, |operation| operation.function);
        self.facade_in_flight
            .get_or_create(&TransportLabels { transport })
            .dec();
        let labels = DurationLabels {
            transport,
            operation,
        };
        ended(&self.facade, &self.facade_durations, labels, status, took);
    }

    /// A Kafka record is done with.
    pub(crate) fn record(&self, topic: &'static str, outcome: RecordOutcome, count: u64) {
        let outcome = match outcome {
            RecordOutcome::Answered => "answered",
            RecordOutcome::DeadLetter => "dead_letter",
            RecordOutcome::Ingested => "ingested",
        };
        self.records
            .get_or_create(&TopicLabels { topic, outcome })
            .inc_by(count);
    }

    /// A record went to the dead letters.
    pub(crate) fn dead_letter(&self, topic: &'static str, reason: &'static str) {
        self.dead_letters
            .get_or_create(&LetterLabels { topic, reason })
            .inc();
    }

    /// How far `consumer` is behind on a topic.
    pub(crate) fn lag(&self, consumer: &'static str, topic: &str, records: i64) {
        self.lag
            .get_or_create(&LagLabels {
                consumer,
                topic: topic.to_owned(),
            })
            .set(records);
    }

    /// `consumer` committed its offsets, or could not.
    pub(crate) fn commit(&self, consumer: &'static str, done: bool) {
        let outcome = if done { "done" } else { "failed" };
        self.commits
            .get_or_create(&ConsumerLabels { consumer, outcome })
            .inc();
    }

    /// A batch was handed to a trigger's function.
    pub(crate) fn batch(&self, consumer: &'static str, outcome: &'static str) {
        self.batches
            .get_or_create(&ConsumerLabels { consumer, outcome })
            .inc();
    }

    /// A call log was written, or not.
    pub(crate) fn call_log(&self, outcome: CallLogOutcome) {
        let outcome = match outcome {
            CallLogOutcome::Written => "written",
            CallLogOutcome::Dropped => "dropped",
            CallLogOutcome::Failed => "failed",
        };
        self.call_logs
            .get_or_create(&OutcomeLabels { outcome })
            .inc();
    }

    /// Facade calls that wait for a result.
    pub(crate) fn awaited(&self, count: usize) {
        self.awaited.set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    /// The metrics, in the OpenMetrics text format.
    ///
    /// # Errors
    ///
    /// None in practice: the text goes to memory.
    pub(crate) fn render(&self) -> Result<String, fmt::Error> {
        let mut text = String::new();
        text::encode(&mut text, &self.registry)?;
        Ok(text)
    }

    /// The metrics in the format that a scraper asks for by its `Accept` header, and that
    /// format's media type.
    ///
    /// # Errors
    ///
    /// As [`Metrics::render`].
    pub(crate) fn render_for(&self, accept: &str) -> Result<(&'static str, String), fmt::Error> {
        let text = self.render()?;
        if accept.contains("application/openmetrics-text") {
            Ok((MEDIA_TYPE, text))
        } else {
            Ok((classic::MEDIA_TYPE, classic::from_openmetrics(&text)))
        }
    }
}

/// The media type of [`Metrics::render`].
pub(crate) const MEDIA_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The operation of a request that is for none.
const OTHER: &str = "other";

/// Something that took its time ended with this status.
fn ended(
    counts: &Family<CallLabels, Counter>,
    durations: &Family<DurationLabels, Seconds, Buckets>,
    labels: DurationLabels,
    status: u16,
    took: Duration,
) {
    counts
        .get_or_create(&CallLabels {
            transport: labels.transport,
            operation: labels.operation,
            status: status_class(status),
        })
        .inc();
    observe(&durations.get_or_create(&labels), took);
}

const fn status_class(status: u16) -> &'static str {
    match status {
        ..400 => "2xx",
        400..500 => "4xx",
        500.. => "5xx",
    }
}

#[cfg(test)]
mod tests {
    use trichrome_proto::contract::by_function;

    use super::*;

    #[test]
    fn a_call_shows() {
        let metrics = Metrics::new();
        let operation = by_function("users-get").unwrap();
        metrics.call_begun(Transport::Grpc);
        metrics.call_ended(Transport::Grpc, operation, 404, Duration::from_millis(3));
        let text = metrics.render().unwrap();
        for line in [
            "trichrome_gateway_calls_total{transport=\"grpc\",operation=\"users-get\",status=\"4xx\"} 1",
            "trichrome_gateway_calls_in_flight{transport=\"grpc\"} 0",
            "trichrome_gateway_call_duration_seconds_count{transport=\"grpc\",operation=\"users-get\"} 1",
        ] {
            assert!(text.contains(line), "{text}");
        }
        assert!(text.ends_with("# EOF\n"));
        let (kind, classic) = metrics.render_for("text/plain").unwrap();
        assert!(kind.starts_with("text/plain"));
        assert!(classic.contains("# TYPE trichrome_gateway_calls_total counter\n"));
        assert!(
            classic.contains("# TYPE process_cpu_seconds_total counter\n"),
            "{classic}"
        );
        assert!(classic.contains("trichrome_gateway_build_info{version="));
    }
}
