//! The spans of an export request as flat values.

use std::collections::BTreeMap;

use opentelemetry_proto::tonic::{
    common::v1::{AnyValue, KeyValue, any_value::Value as Any},
    trace::v1::{self as proto, span::SpanKind, status::StatusCode},
};
use serde_json::Value;

use crate::ExportTraceServiceRequest;

/// A span's kind (OpenTelemetry's `SpanKind`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Work inside one process, or unspecified.
    Internal,
    /// Serving a request.
    Server,
    /// Making a request.
    Client,
    /// Sending a message.
    Producer,
    /// Receiving or processing a message.
    Consumer,
}

/// A reference to a related span.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Its trace, 32 hexadecimal digits.
    pub trace_id: String,
    /// Its id, 16 hexadecimal digits.
    pub span_id: String,
}

/// One span.
#[derive(Clone, Debug, PartialEq)]
pub struct Span {
    /// 32 hexadecimal digits.
    pub trace_id: String,
    /// 16 hexadecimal digits.
    pub span_id: String,
    /// 16 hexadecimal digits; empty for a root span.
    pub parent_span_id: String,
    /// `service.name` of its resource.
    pub service: String,
    /// The span's name.
    pub name: String,
    /// The span's kind.
    pub kind: Kind,
    /// Start, in nanoseconds since the Unix epoch.
    pub start_nanos: u64,
    /// End, in nanoseconds since the Unix epoch.
    pub end_nanos: u64,
    /// The span's attributes.
    pub attributes: BTreeMap<String, Value>,
    /// Attributes of the process that created the span.
    pub resource: BTreeMap<String, Value>,
    /// Related spans.
    pub links: Vec<Link>,
    /// Whether its status is `Error`.
    pub error: bool,
    /// Description of the error; may be empty.
    pub status_message: String,
}

impl Span {
    /// A string attribute; empty if missing.
    pub fn text(&self, attribute: &str) -> &str {
        self.attributes
            .get(attribute)
            .and_then(Value::as_str)
            .unwrap_or_default()
    }

    pub(crate) fn nanos(&self) -> u64 {
        self.end_nanos.saturating_sub(self.start_nanos)
    }
}

/// The spans of a request, in order.
pub fn spans(request: &ExportTraceServiceRequest) -> Vec<Span> {
    let mut spans = Vec::new();
    for group in &request.resource_spans {
        let resource = group
            .resource
            .as_ref()
            .map(|resource| attributes(&resource.attributes))
            .unwrap_or_default();
        for scope in &group.scope_spans {
            spans.extend(scope.spans.iter().map(|span| read(span, &resource)));
        }
    }
    spans
}

fn read(span: &proto::Span, resource: &BTreeMap<String, Value>) -> Span {
    let status = span.status.clone().unwrap_or_default();
    Span {
        trace_id: hex(&span.trace_id),
        span_id: hex(&span.span_id),
        parent_span_id: hex(&span.parent_span_id),
        service: resource
            .get("service.name")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned(),
        name: span.name.clone(),
        kind: match span.kind() {
            SpanKind::Server => Kind::Server,
            SpanKind::Client => Kind::Client,
            SpanKind::Producer => Kind::Producer,
            SpanKind::Consumer => Kind::Consumer,
            SpanKind::Internal | SpanKind::Unspecified => Kind::Internal,
        },
        start_nanos: span.start_time_unix_nano,
        end_nanos: span.end_time_unix_nano,
        attributes: attributes(&span.attributes),
        resource: resource.clone(),
        links: span
            .links
            .iter()
            .map(|link| Link {
                trace_id: hex(&link.trace_id),
                span_id: hex(&link.span_id),
            })
            .collect(),
        error: status.code() == StatusCode::Error,
        status_message: status.message,
    }
}

fn attributes(pairs: &[KeyValue]) -> BTreeMap<String, Value> {
    pairs
        .iter()
        .map(|pair| (pair.key.clone(), value(pair.value.as_ref())))
        .collect()
}

fn value(value: Option<&AnyValue>) -> Value {
    match value.and_then(|value| value.value.as_ref()) {
        None => Value::Null,
        Some(Any::StringValue(text)) => Value::from(text.as_str()),
        Some(Any::BoolValue(flag)) => Value::from(*flag),
        Some(Any::IntValue(number)) => Value::from(*number),
        Some(Any::DoubleValue(number)) => Value::from(*number),
        Some(Any::ArrayValue(array)) => array
            .values
            .iter()
            .map(|item| self::value(Some(item)))
            .collect(),
        Some(Any::KvlistValue(list)) => {
            Value::Object(attributes(&list.values).into_iter().collect())
        }
        Some(Any::BytesValue(bytes)) => Value::from(hex(bytes)),
        #[allow(
            unreachable_patterns,
            reason = "newer versions of the protocol add kinds"
        )]
        Some(_) => Value::Null,
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
pub(crate) mod tests {
    use opentelemetry_proto::tonic::{
        resource::v1::Resource,
        trace::v1::{ResourceSpans, ScopeSpans, Status},
    };

    use super::*;

    fn pair(key: &str, value: Any) -> KeyValue {
        KeyValue {
            key: key.to_owned(),
            value: Some(AnyValue { value: Some(value) }),
            ..Default::default()
        }
    }

    pub(crate) fn request() -> ExportTraceServiceRequest {
        ExportTraceServiceRequest {
            resource_spans: vec![ResourceSpans {
                resource: Some(Resource {
                    attributes: vec![pair("service.name", Any::StringValue("gateway".into()))],
                    ..Default::default()
                }),
                scope_spans: vec![ScopeSpans {
                    spans: vec![proto::Span {
                        trace_id: vec![0xab; 16],
                        span_id: vec![1; 8],
                        name: "GET".into(),
                        kind: SpanKind::Client.into(),
                        start_time_unix_nano: 5,
                        end_time_unix_nano: 7,
                        attributes: vec![pair("http.response.status_code", Any::IntValue(503))],
                        status: Some(Status {
                            code: StatusCode::Error.into(),
                            message: "down".into(),
                        }),
                        ..Default::default()
                    }],
                    ..Default::default()
                }],
                ..Default::default()
            }],
        }
    }

    #[test]
    fn a_span_is_read() {
        let spans = spans(&request());
        let [span] = spans.as_slice() else {
            panic!("one span: {spans:?}");
        };
        assert_eq!(span.trace_id, "ab".repeat(16));
        assert_eq!(span.span_id, "01".repeat(8));
        assert_eq!(span.parent_span_id, "");
        assert_eq!(
            (span.service.as_str(), span.name.as_str()),
            ("gateway", "GET")
        );
        assert_eq!(span.kind, Kind::Client);
        assert_eq!(span.attributes["http.response.status_code"], 503);
        assert!(span.error);
        assert_eq!(span.status_message, "down");
    }
}
