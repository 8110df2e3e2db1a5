//! Records the end of a facade request in the metrics and the log.

use std::sync::Arc;

use tokio::time::Instant;
use trichrome_proto::{contract::Operation, error::ErrorCode, wire::Transport};

use crate::{call::context::Context, ops::metrics::Metrics};

/// Records the request when dropped, so that cancelled requests are counted, too.
pub(crate) struct RequestGuard<'a> {
    transport: Transport,
    operation: Option<&'static Operation>,
    context: &'a Context,
    started: Instant,
    status: u16,
    metrics: Arc<Metrics>,
}

impl<'a> RequestGuard<'a> {
    /// Starts to time a request, which may match no operation.
    pub(crate) fn begin(
        transport: Transport,
        operation: Option<&'static Operation>,
        context: &'a Context,
        metrics: Arc<Metrics>,
    ) -> Self {
        metrics.facade_request_started(transport.as_str());
        Self {
            transport,
            operation,
            context,
            started: Instant::now(),
            status: ErrorCode::Canceled.http(),
            metrics,
        }
    }

    pub(crate) fn end(mut self, status: u16) {
        self.status = status;
    }
}

impl Drop for RequestGuard<'_> {
    fn drop(&mut self) {
        // The guard is also dropped by a panic, which the client sees as an internal error.
        if std::thread::panicking() {
            self.status = ErrorCode::Internal.http();
        }
        let duration = self.started.elapsed();
        let facade = self.transport.as_str();
        self.metrics
            .facade_request_ended(facade, self.operation, self.status, duration);
        tracing::debug!(
            request_id = self.context.request_id,
            trace_id = self.context.trace.id(),
            facade,
            status = self.status,
            duration_ms = duration.as_secs_f64() * 1000.0,
            "facade request"
        );
    }
}

#[cfg(test)]
mod tests {
    use trichrome_proto::contract::by_function;

    use super::*;

    #[test]
    fn a_cancelled_request_is_counted() {
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
        let text = metrics.to_openmetrics();
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
