//! Logs: JSON to stdout, one event a line.

use std::{
    fmt::Debug,
    io::Write,
    sync::{Mutex, OnceLock, PoisonError},
};

use opentelemetry::trace::TraceContextExt as _;
use serde_json::{Map, Value};
use tracing::{
    Dispatch, Event, Subscriber,
    dispatcher::WeakDispatch,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
};
use tracing_subscriber::{
    Layer,
    layer::Context,
    registry::{LookupSpan, SpanRef},
};

use crate::json;

/// What a line takes over from the spans around it; the rest of a span is in its trace.
const TAKEN_OVER: [&str; 5] = [
    "request_id",
    "trace_id",
    "transport",
    "operation",
    "function",
];

/// Writes events.
pub(crate) struct Logs<W> {
    service: String,
    version: &'static str,
    lambda: bool,
    out: Mutex<W>,
    /// To find a span's ids with.
    dispatch: OnceLock<WeakDispatch>,
}

impl<W: Write> Logs<W> {
    pub(crate) fn new(service: String, version: &'static str, lambda: bool, out: W) -> Self {
        Self {
            service,
            version,
            lambda,
            out: Mutex::new(out),
            dispatch: OnceLock::new(),
        }
    }

    /// The ids of a span that is recorded.
    fn put_ids(&self, line: &mut Map<String, Value>, span: &Id) {
        let Some(dispatch) = self.dispatch.get().and_then(WeakDispatch::upgrade) else {
            return;
        };
        let Some(context) = tracing_opentelemetry::get_otel_context(span, &dispatch) else {
            return;
        };
        let span = context.span();
        let place = span.span_context();
        if place.is_valid() {
            line.insert("trace.id".into(), place.trace_id().to_string().into());
            line.insert("span.id".into(), place.span_id().to_string().into());
        }
    }
}

/// A span's fields that lines take over.
struct Fields(Vec<(&'static str, Value)>);

impl<S, W> Layer<S> for Logs<W>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: Write + 'static,
{
    fn on_register_dispatch(&self, subscriber: &Dispatch) {
        // The first is the one that stays.
        let _set = self.dispatch.set(subscriber.downgrade());
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let Some(span) = context.span(id) else {
            return;
        };
        let mut fields = Vec::new();
        attributes.record(&mut taking_over(&mut fields));
        span.extensions_mut().insert(Fields(fields));
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let Some(span) = context.span(id) else {
            return;
        };
        if let Some(Fields(fields)) = span.extensions_mut().get_mut() {
            values.record(&mut taking_over(fields));
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let metadata = event.metadata();
        let level = metadata.level().as_str();
        let mut line = json::line(&self.service, self.version, level, self.lambda);
        line.insert("log.logger".into(), metadata.target().into());
        let current = context.event_span(event);
        for span in current.iter().flat_map(SpanRef::scope) {
            if let Some(Fields(fields)) = span.extensions().get() {
                for (name, value) in fields {
                    json::put(&mut line, name, value.clone());
                }
            }
        }
        event.record(&mut Visitor(|field: &Field, value| {
            json::put(&mut line, field.name(), value);
        }));
        if let Some(span) = &current {
            self.put_ids(&mut line, &span.id());
        }
        if self.lambda
            && let Some(id) = line.get("request_id").cloned()
        {
            line.insert("requestId".into(), id);
        }
        let mut text = Value::Object(line).to_string();
        text.push('\n');
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        // Nobody is left to be told that the log cannot be written.
        let _written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    }
}

fn taking_over(fields: &mut Vec<(&'static str, Value)>) -> Visitor<impl FnMut(&Field, Value)> {
    Visitor(|field: &Field, value| {
        if let Some(name) = TAKEN_OVER.into_iter().find(|name| *name == field.name()) {
            fields.push((name, value));
        }
    })
}

/// Hands each field to a function, as JSON.
struct Visitor<F>(F);

impl<F: FnMut(&Field, Value)> Visit for Visitor<F> {
    fn record_f64(&mut self, field: &Field, value: f64) {
        (self.0)(field, value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        (self.0)(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        (self.0)(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        (self.0)(field, value.into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        (self.0)(field, value.into());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        (self.0)(field, format!("{value:?}").into());
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tracing_subscriber::{Registry, layer::SubscriberExt as _};

    use super::*;

    #[derive(Clone, Default)]
    struct Out(Arc<Mutex<Vec<u8>>>);

    impl Write for Out {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn logged(log: impl FnOnce()) -> Vec<Value> {
        let out = Out::default();
        let logs = Logs::new("users-get".into(), "1.2.3", true, out.clone());
        tracing::subscriber::with_default(Registry::default().with(logs), log);
        let text = String::from_utf8(out.0.lock().unwrap().clone()).unwrap();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    #[test]
    fn an_event_is_one_line_with_what_its_call_is() {
        let lines = logged(|| {
            let call = tracing::info_span!("call", request_id = "r-1", http.route = "/users");
            let _call = call.enter();
            let inner = tracing::info_span!("inner", operation = tracing::field::Empty);
            inner.record("operation", "users-get");
            let _inner = inner.enter();
            tracing::warn!(status = 503, error = %"line\nbreak", "call failed");
            tracing::info!("done");
        });
        let [warning, done] = lines.as_slice() else {
            panic!("two lines: {lines:?}");
        };
        for (name, expected) in [
            ("message", Value::from("call failed")),
            ("log.level", "warn".into()),
            ("service.name", "users-get".into()),
            ("request_id", "r-1".into()),
            ("requestId", "r-1".into()),
            ("event.action", "users-get".into()),
            ("http.response.status_code", 503.into()),
            ("error.message", "line\nbreak".into()),
        ] {
            assert_eq!(warning[name], expected, "{name}");
        }
        assert_eq!(warning.get("labels.http.route"), None, "{warning}");
        assert_eq!(done["message"], "done");
    }

    #[test]
    fn outside_a_call_there_is_no_id() {
        let lines = logged(|| tracing::info!(trace_id = "t", "start"));
        assert_eq!(lines[0].get("requestId"), None);
        assert_eq!(lines[0]["trace.id"], "t");
    }
}
