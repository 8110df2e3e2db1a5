//! CPU, memory, file descriptors and threads of this process, by Prometheus's standard names
//! ("Writing client libraries", "Process metrics").

use std::fmt;

use metrics_process::collector::collect;
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric as _},
    metrics::{MetricType, counter::ConstCounter, gauge::ConstGauge},
};

/// Reads the process's metrics for each scrape.
#[derive(Debug)]
pub(super) struct ProcessCollector;

impl Collector for ProcessCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let process = collect();
        for (name, help, value) in [
            (
                "process_resident_memory_bytes",
                "Resident memory size in bytes",
                process.resident_memory_bytes,
            ),
            (
                "process_virtual_memory_bytes",
                "Virtual memory size in bytes",
                process.virtual_memory_bytes,
            ),
            (
                "process_start_time_seconds",
                "Start time in seconds since the Unix epoch",
                process.start_time_seconds,
            ),
            ("process_threads", "Number of threads", process.threads),
            (
                "process_open_fds",
                "Number of open file descriptors",
                process.open_fds,
            ),
            (
                "process_max_fds",
                "Maximum number of open file descriptors",
                process.max_fds,
            ),
        ] {
            if let Some(value) = value {
                let encoder = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
                ConstGauge::new(value).encode(encoder)?;
            }
        }
        if let Some(seconds) = process.cpu_seconds_total {
            let encoder = encoder.encode_descriptor(
                "process_cpu_seconds",
                "User and system CPU time in seconds",
                None,
                MetricType::Counter,
            )?;
            ConstCounter::new(seconds).encode(encoder)?;
        }
        Ok(())
    }
}
