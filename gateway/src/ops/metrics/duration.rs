//! Histograms of durations, with a trace as an exemplar for each bucket.

use std::time::{Duration, SystemTime};

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{
        exemplar::HistogramWithExemplars,
        family::{Family, MetricConstructor},
    },
};
use tracing::Span;
use trichrome_telemetry::Trace;

/// Durations in seconds, by labels.
pub(super) type Durations<L> = Family<L, Histogram, Buckets>;

pub(super) type Histogram = HistogramWithExemplars<TraceLabel>;

/// The trace of one of the calls that a bucket counts.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct TraceLabel {
    trace_id: String,
}

#[derive(Clone)]
pub(super) struct Buckets;

impl MetricConstructor<Histogram> for Buckets {
    fn new_metric(&self) -> Histogram {
        // From a warm local call to the default deadline of ten seconds.
        let bounds = [
            0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
        ];
        HistogramWithExemplars::new(bounds.into_iter())
    }
}

/// Records a duration, with the current trace as an exemplar if it is sampled.
pub(super) fn observe(histogram: &Histogram, duration: Duration) {
    let trace = Trace::of(&Span::current()).filter(Trace::is_sampled);
    let exemplar = trace.map(|trace| TraceLabel {
        trace_id: trace.id().to_owned(),
    });
    histogram.observe(duration.as_secs_f64(), exemplar, Some(SystemTime::now()));
}
