//! Metrics of calls, facade requests and invocations.

use std::time::Duration;

use prometheus_client::{
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};
use trichrome_proto::{contract::Operation, wire::Transport};

use super::{
    InvokeOutcome, Metrics,
    duration::{Buckets, Durations, observe},
    labels::{CallLabels, DurationLabels, InvokeLabels, OTHER, OperationLabels, TransportLabels},
    register,
};

pub(super) struct CallMetrics {
    pub(super) calls: Family<CallLabels, Counter>,
    pub(super) retries: Family<OperationLabels, Counter>,
    pub(super) facade_requests: Family<CallLabels, Counter>,
    pub(super) invokes: Family<InvokeLabels, Counter>,
    in_flight: Family<TransportLabels, Gauge>,
    durations: Durations<DurationLabels>,
    facade_in_flight: Family<TransportLabels, Gauge>,
    facade_durations: Durations<DurationLabels>,
    invoke_durations: Durations<OperationLabels>,
}

impl CallMetrics {
    pub(super) fn register(registry: &mut Registry) -> Self {
        Self {
            calls: register(
                registry,
                "calls",
                "Calls that ended, over gRPC and Kafka",
                Family::default(),
            ),
            in_flight: register(
                registry,
                "calls_in_flight",
                "Calls in progress",
                Family::default(),
            ),
            durations: register(
                registry,
                "call_duration_seconds",
                "Duration of calls, retries included",
                Family::new_with_constructor(Buckets),
            ),
            retries: register(
                registry,
                "call_retries",
                "Retries of failed calls",
                Family::default(),
            ),
            facade_requests: register(
                registry,
                "facade_requests",
                "Facade requests that were answered or cancelled",
                Family::default(),
            ),
            facade_in_flight: register(
                registry,
                "facade_in_flight",
                "Facade requests in progress",
                Family::default(),
            ),
            facade_durations: register(
                registry,
                "facade_duration_seconds",
                "Duration of facade requests",
                Family::new_with_constructor(Buckets),
            ),
            invokes: register(
                registry,
                "invokes",
                "Invocations of functions, by outcome",
                Family::default(),
            ),
            invoke_durations: register(
                registry,
                "invoke_duration_seconds",
                "Duration of single invocations",
                Family::new_with_constructor(Buckets),
            ),
        }
    }
}

impl Metrics {
    pub(crate) fn call_started(&self, transport: Transport) {
        let transport = transport.as_str();
        self.calls
            .in_flight
            .get_or_create(&TransportLabels { transport })
            .inc();
    }

    /// Counts a call that ended with this HTTP status, or the equivalent of one.
    pub(crate) fn call_ended(
        &self,
        transport: Transport,
        operation: &Operation,
        status: u16,
        duration: Duration,
    ) {
        let (transport, operation) = (transport.as_str(), operation.function);
        self.calls
            .in_flight
            .get_or_create(&TransportLabels { transport })
            .dec();
        let labels = DurationLabels {
            transport,
            operation,
        };
        ended(
            &self.calls.calls,
            &self.calls.durations,
            labels,
            status,
            duration,
        );
    }

    pub(crate) fn call_retried(&self, operation: &Operation) {
        let operation = operation.function;
        self.calls
            .retries
            .get_or_create(&OperationLabels { operation })
            .inc();
    }

    pub(crate) fn facade_request_started(&self, transport: &'static str) {
        self.calls
            .facade_in_flight
            .get_or_create(&TransportLabels { transport })
            .inc();
    }

    /// Counts a facade request that ended with this status. It is counted as `other` if it
    /// matched no operation.
    pub(crate) fn facade_request_ended(
        &self,
        transport: &'static str,
        operation: Option<&Operation>,
        status: u16,
        duration: Duration,
    ) {
        let operation = operation.map_or(OTHER, |operation| operation.function);
        self.calls
            .facade_in_flight
            .get_or_create(&TransportLabels { transport })
            .dec();
        let labels = DurationLabels {
            transport,
            operation,
        };
        ended(
            &self.calls.facade_requests,
            &self.calls.facade_durations,
            labels,
            status,
            duration,
        );
    }

    /// Counts one invocation of a function.
    pub(crate) fn invoked(
        &self,
        operation: &'static str,
        outcome: InvokeOutcome,
        duration: Duration,
    ) {
        let labels = InvokeLabels {
            operation,
            outcome: outcome.as_str(),
        };
        self.calls.invokes.get_or_create(&labels).inc();
        // The wait for a free slot is not the function's duration.
        if outcome != InvokeOutcome::Busy {
            let labels = OperationLabels { operation };
            observe(
                &self.calls.invoke_durations.get_or_create(&labels),
                duration,
            );
        }
    }
}

fn ended(
    counts: &Family<CallLabels, Counter>,
    durations: &Durations<DurationLabels>,
    labels: DurationLabels,
    status: u16,
    duration: Duration,
) {
    counts
        .get_or_create(&CallLabels {
            transport: labels.transport,
            operation: labels.operation,
            status: status_class(status),
        })
        .inc();
    observe(&durations.get_or_create(&labels), duration);
}

const fn status_class(status: u16) -> &'static str {
    match status {
        ..400 => "2xx",
        400..500 => "4xx",
        500.. => "5xx",
    }
}
