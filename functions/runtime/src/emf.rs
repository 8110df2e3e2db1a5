//! A call's metrics in CloudWatch's Embedded Metric Format: a log line from which CloudWatch
//! extracts metrics, without a request.
//!
//! Source: AWS, "Specification: Embedded metric format".

use std::{
    io::Write as _,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use serde_json::{Value, json};

const NAMESPACE: &str = "Trichrome";

/// The metrics of a call.
#[derive(Clone, Debug)]
pub(crate) struct Sample {
    pub(crate) operation: &'static str,
    pub(crate) transport: &'static str,
    pub(crate) failed: bool,
    pub(crate) took: Duration,
    pub(crate) cold: bool,
    pub(crate) trace_id: String,
}

impl Sample {
    /// Writes the line. An error can't be reported anywhere.
    pub(crate) fn write(&self) {
        let mut line = self.line(SystemTime::now()).to_string();
        line.push('\n');
        let _written = std::io::stdout().lock().write_all(line.as_bytes());
    }

    fn line(&self, at: SystemTime) -> Value {
        let millis = at
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default()
            .as_millis();
        let version = env!("CARGO_PKG_VERSION");
        let mut line = trichrome_telemetry::line(self.operation, version, "INFO", true);
        let fields = [
            ("message", json!("call measured")),
            ("trace.id", json!(self.trace_id)),
            ("operation", json!(self.operation)),
            ("transport", json!(self.transport)),
            ("calls", json!(1)),
            ("errors", json!(u8::from(self.failed))),
            ("duration", json!(self.took.as_secs_f64() * 1e3)),
            ("cold_starts", json!(u8::from(self.cold))),
            ("_aws", metadata(millis as u64)),
        ];
        line.extend(fields.map(|(name, value)| (name.to_owned(), value)));
        Value::Object(line)
    }
}

fn metadata(millis: u64) -> Value {
    json!({
        "Timestamp": millis,
        "CloudWatchMetrics": [
            {
                "Namespace": NAMESPACE,
                "Dimensions": [["operation"], ["operation", "transport"]],
                "Metrics": [
                    {"Name": "calls", "Unit": "Count"},
                    {"Name": "errors", "Unit": "Count"},
                    {"Name": "duration", "Unit": "Milliseconds"},
                    {"Name": "cold_starts", "Unit": "Count"},
                ],
            },
            // The sum of all operations, because an alarm can't compute one.
            {
                "Namespace": NAMESPACE,
                "Dimensions": [[]],
                "Metrics": [{"Name": "errors", "Unit": "Count"}],
            },
        ],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_metric_and_dimension_has_its_value() {
        let sample = Sample {
            operation: "users-get",
            transport: "rest",
            failed: true,
            took: Duration::from_micros(1500),
            cold: false,
            trace_id: "t".to_owned(),
        };
        let line = sample.line(UNIX_EPOCH + Duration::from_secs(7));
        assert_eq!(line["_aws"]["Timestamp"], 7000);
        let directives = line["_aws"]["CloudWatchMetrics"].as_array().unwrap();
        for directive in directives {
            for metric in directive["Metrics"].as_array().unwrap() {
                let name = metric["Name"].as_str().unwrap();
                assert!(line[name].is_number(), "{name}");
            }
            let dimensions = directive["Dimensions"].as_array().unwrap();
            for dimension in dimensions.iter().flat_map(|set| set.as_array().unwrap()) {
                assert!(line[dimension.as_str().unwrap()].is_string(), "{dimension}");
            }
        }
        assert_eq!(directives[1]["Dimensions"], json!([[]]));
        assert_eq!(
            (&line["errors"], &line["duration"]),
            (&json!(1), &json!(1.5))
        );
        assert_eq!(line["trace.id"], "t");
    }
}
