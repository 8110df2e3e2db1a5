//! Logs: JSON on stdout, one line for each event.

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

/// The fields of enclosing spans that a line repeats. The others are in the trace.
const SPAN_FIELDS: [&str; 5] = [
    "request_id",
    "trace_id",
    "transport",
    "operation",
    "function",
];

/// Writes events as lines.
pub(crate) struct Logs<W> {
    service: String,
    version: &'static str,
    lambda: bool,
    out: Mutex<W>,
    /// Needed to look up the ids of spans.
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

    /// Adds the ids of a recorded span.
    fn put_ids(&self, line: &mut Map<String, Value>, span: &Id) {
        let Some(dispatch) = self.dispatch.get().and_then(WeakDispatch::upgrade) else {
            return;
        };
        let Some(context) = tracing_opentelemetry::get_otel_context(span, &dispatch) else {
            return;
        };
        let span = context.span();
        let context = span.span_context();
        if context.is_valid() {
            line.insert("trace.id".into(), context.trace_id().to_string().into());
            line.insert("span.id".into(), context.span_id().to_string().into());
        }
    }
}

/// The fields of a span that lines repeat.
struct Fields(Vec<(&'static str, Value)>);

impl<S, W> Layer<S> for Logs<W>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: Write + 'static,
{
    fn on_register_dispatch(&self, subscriber: &Dispatch) {
        // Only the first subscriber counts.
        let _set = self.dispatch.set(subscriber.downgrade());
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let Some(span) = context.span(id) else {
            return;
        };
        let mut fields = Vec::new();
        attributes.record(&mut collect(&mut fields));
        span.extensions_mut().insert(Fields(fields));
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let Some(span) = context.span(id) else {
            return;
        };
        if let Some(Fields(fields)) = span.extensions_mut().get_mut() {
            values.record(&mut collect(fields));
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
        // An error writing the log can't be reported anywhere.
        let _written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    }
}

fn collect(fields: &mut Vec<(&'static str, Value)>) -> Visitor<impl FnMut(&Field, Value)> {
    Visitor(|field: &Field, value| {
        if let Some(name) = SPAN_FIELDS.into_iter().find(|name| *name == field.name()) {
            fields.push((name, value));
        }
    })
}

/// Passes each field to a function as JSON.
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
    fn an_event_is_one_line_with_the_fields_of_its_call() {
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
    fn outside_a_call_there_is_no_request_id() {
        let lines = logged(|| tracing::info!(trace_id = "t", "start"));
        assert_eq!(lines[0].get("requestId"), None);
        assert_eq!(lines[0]["trace.id"], "t");
    }
}
