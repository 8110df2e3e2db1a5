//! A request's spans, flat: one value a span, with what is said once for many of them.

use std::collections::BTreeMap;

use opentelemetry_proto::tonic::{
    common::v1::{AnyValue, KeyValue, any_value::Value as Any},
    trace::v1::{self as proto, span::SpanKind, status::StatusCode},
};
use serde_json::Value;

use crate::ExportTraceServiceRequest;

/// What a span stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Work inside one process.
    Internal,
    /// A request that was served.
    Server,
    /// A request that was made.
    Client,
    /// A record that was sent.
    Producer,
    /// A record that was taken.
    Consumer,
}

/// Another span that a span has to do with.
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
    /// As [`Span::span_id`]; empty for the first of a trace.
    pub parent_span_id: String,
    /// `service.name` of its resource.
    pub service: String,
    /// What it is called.
    pub name: String,
    /// What it stands for.
    pub kind: Kind,
    /// When it began, in nanoseconds since 1970.
    pub start_nanos: u64,
    /// When it ended.
    pub end_nanos: u64,
    /// What is said of it.
    pub attributes: BTreeMap<String, Value>,
    /// What is said of the process it is from.
    pub resource: BTreeMap<String, Value>,
    /// Which others it has to do with.
    pub links: Vec<Link>,
    /// Whether it failed.
    pub error: bool,
    /// Why it failed, where that is said.
    pub status_message: String,
}

impl Span {
    /// An attribute's text; empty where there is none.
    pub fn text(&self, attribute: &str) -> &str {
        self.attributes
            .get(attribute)
            .and_then(Value::as_str)
            .unwrap_or_default()
    }
}

/// All spans of a request, in its order.
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
            reason = "later versions of the protocol add kinds"
        )]
        Some(_) => Value::Null,
    }
}

fn hex(bytes: &[u8]) -> String {
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
