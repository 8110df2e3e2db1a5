//! A trace as Jaeger's page takes it ("Upload" in its search): the JSON that its own API
//! answers.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Span, Trace};

/// The whole file.
pub(crate) fn export(trace: &Trace) -> Value {
    let mut processes: BTreeMap<String, Value> = BTreeMap::new();
    let mut spans = Vec::new();
    for span in &trace.spans {
        processes.entry(span.service.clone()).or_insert_with(|| {
            let tags = span
                .resource
                .iter()
                .filter(|(key, _)| *key != "service.name");
            json!({
                "serviceName": span.service,
                "tags": tags.map(|(key, value)| tag(key, value)).collect::<Vec<_>>(),
            })
        });
        spans.push(model(trace, span));
    }
    json!({
        "data": [{
            "traceID": trace.id,
            "spans": spans,
            "processes": processes,
            "warnings": null,
        }],
        "total": 0, "limit": 0, "offset": 0, "errors": null,
    })
}

fn model(trace: &Trace, span: &Span) -> Value {
    let mut references = Vec::new();
    if !span.parent.is_empty() {
        references.push(json!({"refType": "CHILD_OF", "traceID": trace.id, "spanID": span.parent}));
    }
    for (linked, id) in &span.links {
        references.push(json!({"refType": "FOLLOWS_FROM", "traceID": linked, "spanID": id}));
    }
    let mut tags: Vec<_> = span
        .attributes
        .iter()
        .map(|(key, value)| tag(key, value))
        .collect();
    if !span.kind.is_empty() {
        tags.push(tag("span.kind", &span.kind.into()));
    }
    if let Some(error) = &span.error {
        tags.push(tag("error", &true.into()));
        tags.push(tag("otel.status_description", &error.as_str().into()));
    }
    json!({
        "traceID": trace.id,
        "spanID": span.id,
        "operationName": span.name,
        "references": references,
        // Microseconds.
        "startTime": span.start / 1000,
        "duration": span.nanos() / 1000,
        "tags": tags,
        "logs": [],
        "processID": span.service,
        "warnings": null,
    })
}

fn tag(key: &str, value: &Value) -> Value {
    let kind = match value {
        Value::Bool(_) => "bool",
        Value::Number(number) if number.is_f64() => "float64",
        Value::Number(_) => "int64",
        _ => "string",
    };
    let value = match value {
        Value::Array(_) | Value::Object(_) | Value::Null => value.to_string().into(),
        plain => plain.clone(),
    };
    json!({"key": key, "type": kind, "value": value})
}

#[cfg(test)]
mod tests {
    use super::{super::tests::sample, *};

    #[test]
    fn a_trace_is_as_jaeger_has_it() {
        let file = export(&sample());
        let trace = &file["data"][0];
        assert_eq!(trace["traceID"], "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!(trace["processes"]["gateway"]["serviceName"], "gateway");
        let span = &trace["spans"][2];
        assert_eq!(span["operationName"], "S3.PutObject");
        assert_eq!(span["processID"], "pictures-create");
        assert_eq!(
            span["references"],
            json!([{"refType": "CHILD_OF", "traceID": "4bf92f3577b34da6a3ce929d0e0e4736", "spanID": "00000000000000b2"}])
        );
        assert_eq!(
            (&span["startTime"], &span["duration"]),
            (&json!(1_003_000), &json!(7_500))
        );
        let tags = span["tags"].as_array().unwrap();
        assert!(tags.contains(&json!({"key": "error", "type": "bool", "value": true})));
        assert!(tags.contains(&json!({"key": "span.kind", "type": "string", "value": "client"})));
    }
}
