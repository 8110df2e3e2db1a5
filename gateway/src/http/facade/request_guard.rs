//! What one request to the facade leaves behind: its metrics and a line in the log.

use std::sync::Arc;

use tokio::time::Instant;
use trichrome_proto::{contract::Operation, error::ErrorCode};

use super::Transport;
use crate::{call::context::Context, ops::metrics::Metrics};

/// Written when it is dropped, so that a request whose client gave up is counted too.
pub(crate) struct RequestGuard<'a> {
    transport: Transport,
    operation: Option<&'static Operation>,
    context: &'a Context,
    begun: Instant,
    status: u16,
    metrics: Arc<Metrics>,
}

impl<'a> RequestGuard<'a> {
    /// Begins to time a request; `None`: it is for no operation.
    pub(crate) fn begin(
        transport: Transport,
        operation: Option<&'static Operation>,
        context: &'a Context,
        metrics: Arc<Metrics>,
    ) -> Self {
        metrics.facade_begun(transport.name());
        Self {
            transport,
            operation,
            context,
            begun: Instant::now(),
            status: ErrorCode::Canceled.http(),
            metrics,
        }
    }

    /// Ends it with this status.
    pub(crate) fn end(mut self, status: u16) {
        self.status = status;
    }
}

impl Drop for RequestGuard<'_> {
    fn drop(&mut self) {
        // A panic drops it as well, and its client is told so.
        if std::thread::panicking() {
            self.status = ErrorCode::Internal.http();
        }
        let took = self.begun.elapsed();
        let facade = self.transport.name();
        self.metrics
            .facade_ended(facade, self.operation, self.status, took);
        tracing::debug!(
            request_id = self.context.request_id,
            trace_id = self.context.trace.id(),
            facade,
            status = self.status,
            duration_ms = took.as_secs_f64() * 1000.0,
            "facade"
        );
    }
}

#[cfg(test)]
mod tests {
    use trichrome_proto::contract::by_function;

    use super::*;

    #[test]
    fn a_request_whose_client_gave_up_is_counted() {
        let metrics = Arc::new(Metrics::new());
        let context = Context::read(|_| None);
        let operation = by_function("users-get");
        let begin = |operation| {
            let metrics = Arc::clone(&metrics);
            RequestGuard::begin(Transport::Rest, operation, &context, metrics)
        };
        drop(begin(operation));
        begin(operation).end(200);
        begin(None).end(404);
        let text = metrics.render().unwrap();
        let labels = |operation: &str| format!("transport=\"rest\",operation=\"{operation}\"");
        for (operation, status) in [("users-get", "2xx"), ("users-get", "4xx"), ("other", "4xx")] {
            let labels = labels(operation);
            let line = format!("facade_requests_total{{{labels},status=\"{status}\"}} 1\n");
            assert!(text.contains(&line), "{text}");
        }
        let timed = format!("duration_seconds_count{{{}}} 2\n", labels("users-get"));
        assert!(text.contains(&timed), "{text}");
        assert!(
            text.contains("facade_in_flight{transport=\"rest\"} 0\n"),
            "{text}"
        );
    }
}
