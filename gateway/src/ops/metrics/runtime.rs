//! Metrics of Tokio's runtime.

use std::fmt;

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric as _},
    metrics::{MetricType, gauge::ConstGauge},
};
use tokio::runtime::Handle;

/// Reads the current runtime's metrics for each scrape.
#[derive(Debug)]
pub(super) struct RuntimeCollector;

impl Collector for RuntimeCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let Ok(runtime) = Handle::try_current() else {
            return Ok(());
        };
        let metrics = runtime.metrics();
        for (name, help, value) in [
            (
                "trichrome_gateway_tokio_workers",
                "Worker threads",
                metrics.num_workers(),
            ),
            (
                "trichrome_gateway_tokio_alive_tasks",
                "Tasks that have not ended",
                metrics.num_alive_tasks(),
            ),
            (
                "trichrome_gateway_tokio_global_queue_depth",
                "Tasks that wait for a worker thread",
                metrics.global_queue_depth(),
            ),
        ] {
            let encoder = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
            ConstGauge::new(value as f64).encode(encoder)?;
        }
        Ok(())
    }
}
