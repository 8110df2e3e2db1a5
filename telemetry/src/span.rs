//! Changing a span after it began.

use opentelemetry::{
    Array, Key, StringValue, Value,
    trace::{Status, TraceContextExt as _},
};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

/// Sets an attribute. Does nothing if no spans are exported.
pub fn set(span: &Span, key: &'static str, value: impl Into<Value>) {
    span.set_attribute(Key::from_static_str(key), value);
}

/// Renames a span. (Recording the field `otel.name` only works until the span has ids.)
pub fn rename(span: &Span, name: String) {
    span.context().span().update_name(name);
}

/// Sets a list attribute.
pub fn set_list(span: &Span, key: &'static str, values: Vec<String>) {
    let values = values.into_iter().map(StringValue::from).collect();
    set(span, key, Value::Array(Array::String(values)));
}

/// Marks a span as failed. `kind` is its `error.type`, from a small set: a status, or an error's
/// code or name.
pub fn failed(span: &Span, kind: impl Into<String>) {
    let kind = kind.into();
    span.set_status(Status::error(kind.clone()));
    set(span, "error.type", kind);
}
