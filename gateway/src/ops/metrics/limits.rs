//! Metrics of the rate limits that the gateways share.

use prometheus_client::{
    metrics::{counter::Counter, family::Family},
    registry::Registry,
};

use super::{LimitOutcome, Metrics, labels::OutcomeLabels, register};

pub(super) struct LimitMetrics {
    shared: Family<OutcomeLabels, Counter>,
}

impl LimitMetrics {
    /// Registers the metrics, counters at zero.
    pub(super) fn register(registry: &mut Registry) -> Self {
        let metrics = Self {
            shared: register(
                registry,
                "shared_limits",
                "Calls that the cache was asked about, because their operation has a rate limit",
                Family::default(),
            ),
        };
        for outcome in LimitOutcome::ALL {
            drop(metrics.shared.get_or_create(&labels(outcome)));
        }
        metrics
    }
}

fn labels(outcome: LimitOutcome) -> OutcomeLabels {
    let outcome = outcome.as_str();
    OutcomeLabels { outcome }
}

impl Metrics {
    /// Counts a call that the cache was asked about.
    pub(crate) fn shared_limit(&self, outcome: LimitOutcome) {
        self.limits.shared.get_or_create(&labels(outcome)).inc();
    }
}
