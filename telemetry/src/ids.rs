//! New ids for traces and spans.

use std::cell::Cell;

use opentelemetry::trace::{SpanId, TraceId};
use opentelemetry_sdk::trace::{IdGenerator, RandomIdGenerator};

thread_local! {
    static GIVEN: Cell<Option<TraceId>> = const { Cell::new(None) };
}

/// Random ids, unless a trace's id is given.
#[derive(Debug, Default)]
pub(crate) struct Ids(RandomIdGenerator);

impl IdGenerator for Ids {
    fn new_trace_id(&self) -> TraceId {
        GIVEN.take().unwrap_or_else(|| self.0.new_trace_id())
    }

    fn new_span_id(&self) -> SpanId {
        self.0.new_span_id()
    }
}

/// Runs `begin`, in which a trace that begins on this thread gets this id.
pub(crate) fn with_trace_id<T>(id: TraceId, begin: impl FnOnce() -> T) -> T {
    GIVEN.set(Some(id));
    let outcome = begin();
    GIVEN.set(None);
    outcome
}
