//! A call's metrics in CloudWatch's Embedded Metric Format ([`emf`]).

use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use trichrome_telemetry::emf;

use crate::response_cache::CacheUse;

/// The transport in metrics of events that no caller of the service sends.
pub(crate) const INTERNAL: &str = "internal";

/// Which metrics are written. CloudWatch charges for each metric, that is for each combination of
/// name and dimensions' values.
#[derive(Clone, Debug)]
pub(crate) struct Metrics {
    /// Keeps the metrics of several stacks apart.
    pub(crate) stack: String,
    /// Also by transport, with calls and cold starts.
    pub(crate) detailed: bool,
}

/// The metrics of a call.
#[derive(Clone, Debug)]
pub(crate) struct Sample {
    pub(crate) operation: &'static str,
    pub(crate) transport: &'static str,
    pub(crate) failed: bool,
    pub(crate) took: Duration,
    pub(crate) cold: bool,
    /// `None` if the cache wasn't used.
    pub(crate) cache: Option<CacheUse>,
    pub(crate) trace_id: String,
}

impl Sample {
    /// Writes the line.
    pub(crate) fn write(&self, metrics: &Metrics) {
        emf::write(&self.line(metrics, SystemTime::now()));
    }

    fn line(&self, metrics: &Metrics, at: SystemTime) -> Value {
        let version = env!("CARGO_PKG_VERSION");
        let line = trichrome_telemetry::line(self.operation, version, "INFO", true);
        let fields = [
            ("message", json!("call measured")),
            ("trace.id", json!(self.trace_id)),
            ("stack", json!(metrics.stack)),
            ("operation", json!(self.operation)),
            ("transport", json!(self.transport)),
            ("calls", json!(1)),
            ("errors", json!(u8::from(self.failed))),
            ("duration", json!(self.took.as_secs_f64() * 1e3)),
            ("cold_starts", json!(u8::from(self.cold))),
        ];
        let used = |by: CacheUse| json!(u8::from(self.cache == Some(by)));
        let cache = self.cache.map(|_| {
            [
                ("cache_hits", used(CacheUse::Hit)),
                ("cache_misses", used(CacheUse::Miss)),
                ("cache_errors", used(CacheUse::Failed)),
            ]
        });
        let fields = fields.into_iter().chain(cache.into_iter().flatten());
        emf::measured(line, fields, directives(metrics, self.cache.is_some()), at)
    }
}

/// Of a call that used the cache, there are three more metrics.
fn directives(metrics: &Metrics, cached: bool) -> Vec<Value> {
    let count = |name| json!({"Name": name, "Unit": "Count"});
    let duration = json!({"Name": "duration", "Unit": "Milliseconds"});
    let by_operation = if metrics.detailed {
        emf::directive(
            json!([["stack", "operation"], ["stack", "operation", "transport"]]),
            json!([
                count("calls"),
                count("errors"),
                duration,
                count("cold_starts")
            ]),
        )
    } else {
        // The number of calls is the sample count of the duration.
        emf::directive(
            json!([["stack", "operation"]]),
            json!([count("errors"), duration]),
        )
    };
    // The sum of all operations, because an alarm can't compute one.
    let sum = emf::directive(json!([["stack"]]), json!([count("errors")]));
    let cache = cached.then(|| {
        let counts = ["cache_hits", "cache_misses", "cache_errors"].map(count);
        let dimensions = match metrics.detailed {
            true => json!([["stack"], ["stack", "operation"]]),
            false => json!([["stack"]]),
        };
        emf::directive(dimensions, json!(counts))
    });
    [by_operation, sum].into_iter().chain(cache).collect()
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    fn line(detailed: bool) -> Value {
        line_with(detailed, None)
    }

    fn line_with(detailed: bool, cache: Option<CacheUse>) -> Value {
        let sample = Sample {
            operation: "users-get",
            transport: "rest",
            failed: true,
            took: Duration::from_micros(1500),
            cold: false,
            cache,
            trace_id: "t".to_owned(),
        };
        let metrics = Metrics {
            stack: "pics".to_owned(),
            detailed,
        };
        sample.line(&metrics, UNIX_EPOCH + Duration::from_secs(7))
    }

    /// The metrics of a line, by name and dimensions.
    fn metrics(line: &Value) -> Vec<String> {
        let mut found = Vec::new();
        for directive in line["_aws"]["CloudWatchMetrics"].as_array().unwrap() {
            for metric in directive["Metrics"].as_array().unwrap() {
                let name = metric["Name"].as_str().unwrap();
                assert!(line[name].is_number(), "{name}");
                for dimensions in directive["Dimensions"].as_array().unwrap() {
                    let dimensions: Vec<_> = dimensions.as_array().unwrap().iter().collect();
                    for dimension in &dimensions {
                        assert!(line[dimension.as_str().unwrap()].is_string(), "{dimension}");
                    }
                    // Stacks of one account share the namespace.
                    assert_eq!(dimensions[0], "stack");
                    found.push(format!("{name} {dimensions:?}"));
                }
            }
        }
        found
    }

    #[test]
    fn every_metric_and_dimension_has_its_value() {
        for detailed in [false, true] {
            let line = line(detailed);
            assert_eq!(line["_aws"]["Timestamp"], 7000);
            assert_eq!(line["stack"], "pics");
            let sum = &line["_aws"]["CloudWatchMetrics"][1];
            assert_eq!(sum["Dimensions"], json!([["stack"]]));
            assert_eq!(
                (&line["errors"], &line["duration"]),
                (&json!(1), &json!(1.5))
            );
            assert_eq!(line["trace.id"], "t");
            assert!(!metrics(&line).is_empty());
        }
    }

    /// docs/deploying.md has what they cost.
    #[test]
    fn an_operation_has_two_metrics_unless_they_are_detailed() {
        assert_eq!(metrics(&line(false)).len(), 2 + 1);
        assert_eq!(metrics(&line(true)).len(), 4 * 2 + 1);
    }

    #[test]
    fn a_call_that_used_the_cache_has_three_more() {
        for (cache, counts) in [
            (CacheUse::Hit, [1, 0, 0]),
            (CacheUse::Miss, [0, 1, 0]),
            (CacheUse::Failed, [0, 0, 1]),
            (CacheUse::Evicted, [0, 0, 0]),
        ] {
            let line = line_with(false, Some(cache));
            assert_eq!(metrics(&line).len(), 2 + 1 + 3);
            let names = ["cache_hits", "cache_misses", "cache_errors"];
            assert_eq!(
                names.map(|name| line[name].clone()),
                counts.map(Value::from)
            );
        }
        assert_eq!(
            metrics(&line_with(true, Some(CacheUse::Hit))).len(),
            4 * 2 + 1 + 3 * 2
        );
    }
}
