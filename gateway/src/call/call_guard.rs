//! Records the end of a call: in the call log, the metrics and the log.

use std::{sync::Arc, time::SystemTime};

use tokio::time::Instant;
use trichrome_proto::{
    analytics::AnalyticsEntryMessage,
    contract::Operation,
    error::{ApiError, ErrorCode},
    wire::Transport,
};
use uuid::Uuid;

use super::{
    call_log::{CallLog, Receipt},
    context::Context,
};
use crate::ops::metrics::Metrics;

/// Records the call when dropped, so that cancelled calls are recorded, too.
pub(crate) struct CallGuard {
    operation: &'static Operation,
    transport: Transport,
    request_id: String,
    trace_id: String,
    id: Uuid,
    started: Instant,
    /// The caller's id, once a function has verified it.
    pub(crate) user_id: Option<String>,
    /// The status of a cancelled call until the call ends.
    status: u16,
    recorded: bool,
    log: CallLog,
    metrics: Arc<Metrics>,
}

impl CallGuard {
    /// Starts to time a call. `id` is the id of its call log.
    pub(crate) fn begin(
        operation: &'static Operation,
        transport: Transport,
        context: &Context,
        id: Uuid,
        log: CallLog,
        metrics: Arc<Metrics>,
    ) -> Self {
        metrics.call_started(transport);
        Self {
            operation,
            transport,
            request_id: context.request_id.clone(),
            trace_id: context.trace.id().to_owned(),
            id,
            started: Instant::now(),
            user_id: None,
            status: ErrorCode::Canceled.http(),
            recorded: false,
            log,
            metrics,
        }
    }

    /// Ends the call, successfully or with an error.
    pub(crate) fn end(mut self, error: Option<&ApiError>) -> Receipt {
        self.status = error.map_or(self.operation.http.success, |error| error.code.http());
        self.record()
    }

    fn record(&mut self) -> Receipt {
        self.recorded = true;
        let duration = self.started.elapsed();
        self.metrics
            .call_ended(self.transport, self.operation, self.status, duration);
        let duration_ms = duration.as_secs_f64() * 1000.0;
        match self.status {
            500.. => tracing::warn!(
                request_id = self.request_id,
                trace_id = self.trace_id,
                transport = self.transport.as_str(),
                operation = self.operation.function,
                status = self.status,
                duration_ms,
                "call failed"
            ),
            _ => tracing::debug!(
                request_id = self.request_id,
                trace_id = self.trace_id,
                transport = self.transport.as_str(),
                operation = self.operation.function,
                status = self.status,
                duration_ms,
                "call"
            ),
        }
        self.log.write(&AnalyticsEntryMessage {
            transport: self.transport.as_str().to_owned(),
            service: self.operation.package.to_owned(),
            method: self.operation.method.to_owned(),
            status: self.status.into(),
            duration_ms,
            user_id: self.user_id.take().unwrap_or_default(),
            trace_id: std::mem::take(&mut self.trace_id),
            at: Some(SystemTime::now().into()),
            id: self.id.to_string(),
            client: false,
        })
    }
}

impl Drop for CallGuard {
    fn drop(&mut self) {
        if !self.recorded {
            self.record();
        }
    }
}
