//! The gateway's metrics, for Prometheus.
//!
//! Every label value comes from a closed set (the contract or this code), never from a caller,
//! so the number of series is bounded.

mod calls;
mod connections;
mod duration;
mod kafka;
mod labels;
mod limits;
mod outcome;
mod process;
mod runtime;
mod zero;

use std::fmt;

use prometheus_client::{
    encoding::{prometheus_text, text},
    metrics::info::Info,
    registry::{Metric, Registry},
};

pub(crate) use self::connections::{Port, Refused};
pub(crate) use self::outcome::{
    BatchOutcome, CallLogOutcome, InvokeOutcome, LimitOutcome, RecordOutcome,
};
use self::{
    calls::CallMetrics, connections::ConnectionMetrics, kafka::KafkaMetrics, limits::LimitMetrics,
};

/// OpenMetrics, which has trace ids as exemplars.
const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Prometheus's older text format, which browsers show and `promtool check metrics` reads.
const PROMETHEUS_TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The gateway's metrics.
pub(crate) struct Metrics {
    registry: Registry,
    calls: CallMetrics,
    connections: ConnectionMetrics,
    kafka: KafkaMetrics,
    limits: LimitMetrics,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// Registers all metrics, counters at zero.
    pub(crate) fn new() -> Self {
        let mut root = Registry::default();
        root.register_collector(Box::new(process::ProcessCollector));
        root.register_collector(Box::new(runtime::RuntimeCollector));
        let registry = root.sub_registry_with_prefix("trichrome_gateway");
        let version = [("version", env!("CARGO_PKG_VERSION"))];
        registry.register("build", "The gateway's version", Info::new(version));
        let metrics = Self {
            calls: CallMetrics::register(registry),
            connections: ConnectionMetrics::register(registry),
            kafka: KafkaMetrics::register(registry),
            limits: LimitMetrics::register(registry),
            registry: root,
        };
        metrics.initialize();
        metrics
    }

    /// Encodes the metrics in the format that the `Accept` header asks for. Returns the
    /// format's media type, too.
    ///
    /// # Errors
    ///
    /// None in practice, because the text is written to memory.
    pub(crate) fn encode(&self, accept: &str) -> Result<(&'static str, String), fmt::Error> {
        let mut text = String::new();
        if accept.contains("application/openmetrics-text") {
            text::encode(&mut text, &self.registry)?;
            Ok((OPENMETRICS, text))
        } else {
            prometheus_text::encode(&mut text, &self.registry)?;
            Ok((PROMETHEUS_TEXT, text))
        }
    }

    #[cfg(test)]
    pub(crate) fn to_openmetrics(&self) -> String {
        self.encode(OPENMETRICS).unwrap().1
    }
}

/// Registers a metric and returns it.
fn register<M: Metric + Clone>(registry: &mut Registry, name: &str, help: &str, metric: M) -> M {
    registry.register(name, help, metric.clone());
    metric
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use trichrome_proto::{contract::by_function, wire::Transport};

    use super::*;

    #[test]
    fn a_call_is_counted_in_both_formats() {
        let metrics = Metrics::new();
        let operation = by_function("users-get").unwrap();
        metrics.call_started(Transport::Grpc);
        metrics.call_ended(Transport::Grpc, operation, 404, Duration::from_millis(3));
        let (openmetrics_type, openmetrics) = metrics.encode(OPENMETRICS).unwrap();
        let (text_type, text) = metrics.encode("*/*").unwrap();
        assert!(openmetrics_type.starts_with("application/openmetrics-text"));
        assert!(text_type.starts_with("text/plain"));
        for page in [&openmetrics, &text] {
            for line in [
                "trichrome_gateway_calls_total{transport=\"grpc\",operation=\"users-get\",status=\"4xx\"} 1\n",
                "trichrome_gateway_calls_in_flight{transport=\"grpc\"} 0\n",
                "trichrome_gateway_call_duration_seconds_count{transport=\"grpc\",operation=\"users-get\"} 1\n",
                "trichrome_gateway_build_info{version=",
            ] {
                assert!(page.contains(line), "{page}");
            }
        }
        assert!(openmetrics.ends_with("# EOF\n"));
        for line in [
            "# TYPE trichrome_gateway_calls_total counter\n",
            "# TYPE process_cpu_seconds_total counter\n",
        ] {
            assert!(text.contains(line), "{text}");
        }
    }
}
