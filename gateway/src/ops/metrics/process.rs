//! What the process and its runtime use: read when it is asked for.
//!
//! The process's names are Prometheus's own ("Writing client libraries", "Process metrics").
//! They come from `/proc`, so on Linux alone.

use std::{fmt, fs};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::{counter::ConstCounter, gauge::ConstGauge},
};
use tokio::runtime::Handle;

/// CPU, memory, files and threads of this process.
#[derive(Debug)]
pub(crate) struct Process;

impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let Some(stat) = Stat::read() else {
            return Ok(());
        };
        let mut gauge = |name, help, value| put(&mut encoder, name, help, &ConstGauge::new(value));
        gauge(
            "process_resident_memory_bytes",
            "Memory that is held, in bytes",
            stat.resident_bytes,
        )?;
        gauge(
            "process_virtual_memory_bytes",
            "Address space, in bytes",
            stat.virtual_bytes,
        )?;
        gauge(
            "process_start_time_seconds",
            "When it began, in seconds since 1970",
            stat.started,
        )?;
        gauge("process_threads", "Threads", stat.threads)?;
        if let Some(open) = open_files() {
            gauge("process_open_fds", "Open file descriptors", open)?;
        }
        if let Some(most) = most_files() {
            gauge("process_max_fds", "Open file descriptors, at most", most)?;
        }
        put(
            &mut encoder,
            "process_cpu_seconds",
            "CPU time, user's and system's, in seconds",
            &ConstCounter::new(stat.cpu_seconds),
        )
    }
}

/// The asynchronous runtime.
#[derive(Debug)]
pub(crate) struct Runtime;

impl Collector for Runtime {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let Ok(runtime) = Handle::try_current() else {
            return Ok(());
        };
        let metrics = runtime.metrics();
        for (name, help, value) in [
            (
                "trichrome_gateway_tokio_workers",
                "Threads that run tasks",
                metrics.num_workers(),
            ),
            (
                "trichrome_gateway_tokio_alive_tasks",
                "Tasks that have not ended",
                metrics.num_alive_tasks(),
            ),
            (
                "trichrome_gateway_tokio_global_queue_depth",
                "Tasks that wait for a thread",
                metrics.global_queue_depth(),
            ),
        ] {
            put(&mut encoder, name, help, &ConstGauge::new(value as f64))?;
        }
        Ok(())
    }
}

fn put(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    metric: &impl EncodeMetric,
) -> fmt::Result {
    let encoder = encoder.encode_descriptor(name, help, None, metric.metric_type())?;
    metric.encode(encoder)
}

struct Stat {
    cpu_seconds: f64,
    resident_bytes: f64,
    virtual_bytes: f64,
    started: f64,
    threads: f64,
}

impl Stat {
    fn read() -> Option<Self> {
        let boot = fs::read_to_string("/proc/stat").ok()?;
        let boot = boot.lines().find_map(|line| line.strip_prefix("btime "))?;
        let stat = fs::read_to_string("/proc/self/stat").ok()?;
        Self::parse(&stat, boot.trim().parse().ok()?)
    }

    /// Fields by their numbers in proc_pid_stat(5); `boot` in seconds since 1970.
    fn parse(stat: &str, boot: f64) -> Option<Self> {
        // The second field is the program's name, in parentheses, and may hold anything.
        let (_, rest) = stat.rsplit_once(") ")?;
        let fields: Vec<_> = rest.split_ascii_whitespace().collect();
        let field = |number: usize| fields.get(number - 3)?.parse::<f64>().ok();
        let ticks = rustix::param::clock_ticks_per_second() as f64;
        Some(Self {
            cpu_seconds: (field(14)? + field(15)?) / ticks,
            threads: field(20)?,
            started: boot + field(22)? / ticks,
            virtual_bytes: field(23)?,
            resident_bytes: field(24)? * rustix::param::page_size() as f64,
        })
    }
}

fn open_files() -> Option<f64> {
    // One of them is the folder that is being read.
    Some(
        fs::read_dir("/proc/self/fd")
            .ok()?
            .count()
            .saturating_sub(1) as f64,
    )
}

fn most_files() -> Option<f64> {
    let limits = fs::read_to_string("/proc/self/limits").ok()?;
    let line = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_ascii_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_may_have_any_name() {
        let stat = "7 (a) b (c) S 1 7 7 0 -1 4194560 900 0 0 0 300 200 0 0 20 0 9 0 500 1000000 25";
        let stat = Stat::parse(stat, 1000.0).unwrap();
        let ticks = rustix::param::clock_ticks_per_second() as f64;
        assert_eq!(stat.cpu_seconds, 500.0 / ticks);
        assert_eq!(stat.started, 1000.0 + 500.0 / ticks);
        assert_eq!((stat.threads, stat.virtual_bytes), (9.0, 1_000_000.0));
        assert_eq!(
            stat.resident_bytes,
            25.0 * rustix::param::page_size() as f64
        );
    }
}
