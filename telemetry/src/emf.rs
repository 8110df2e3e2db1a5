//! CloudWatch's Embedded Metric Format: a log line from which CloudWatch extracts metrics, without a
//! request.
//!
//! Source: AWS, "Specification: Embedded metric format",
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>

use std::{
    io::Write as _,
    time::{SystemTime, UNIX_EPOCH},
};

use serde_json::{Map, Value, json};

/// The namespace of all metrics.
const NAMESPACE: &str = "Trichrome";

/// Metrics of a line, with the names of the fields that are their dimensions: `[["stack"]]` and
/// `[{"Name": "errors", "Unit": "Count"}]`.
pub fn directive(dimensions: Value, metrics: Value) -> Value {
    json!({"Namespace": NAMESPACE, "Dimensions": dimensions, "Metrics": metrics})
}

/// Adds to a log line ([`line`](crate::line)) its fields, and the metrics among them, measured at
/// `at`.
pub fn measured<'a>(
    mut line: Map<String, Value>,
    fields: impl IntoIterator<Item = (&'a str, Value)>,
    directives: impl IntoIterator<Item = Value>,
    at: SystemTime,
) -> Value {
    let millis = at
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_millis();
    line.extend(
        fields
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value)),
    );
    let metadata = json!({
        "Timestamp": u64::try_from(millis).unwrap_or(u64::MAX),
        "CloudWatchMetrics": Value::from_iter(directives),
    });
    line.insert("_aws".to_owned(), metadata);
    Value::Object(line)
}

/// Writes a line to standard output. An error can't be reported anywhere.
pub fn write(line: &Value) {
    let mut text = line.to_string();
    text.push('\n');
    let _written = std::io::stdout().lock().write_all(text.as_bytes());
}
