//! The call log of a call that came straight through API Gateway: `analytics-log` is
//! invoked, asynchronously, once the response is on its way.
//!
//! [`crate::after`] says when that is. Logging never fails a call.

use std::time::{Duration, SystemTime};

use aws_sdk_lambda::{Client, primitives::Blob, types::InvocationType};
use serde_json::json;
use tracing::{Instrument as _, info_span};
use trichrome_proto::{analytics::AnalyticsEntryMessage, contract::Operation};
use trichrome_startup::error_chain;
use trichrome_telemetry::{self as telemetry, Origin, Trace};
use uuid::Uuid;

use crate::Env;

/// `requestContext.apiId` of the event that carries an entry.
pub(crate) const API_ID: &str = "trichrome-internal";

/// How long the environment is held for one entry.
const TIMEOUT: Duration = Duration::from_secs(2);

/// The entry for a call.
pub(crate) fn entry(
    operation: &Operation,
    status: u16,
    elapsed: Duration,
    user_id: String,
    trace_id: String,
) -> AnalyticsEntryMessage {
    AnalyticsEntryMessage {
        transport: "rest".to_owned(),
        service: operation.package.to_owned(),
        method: operation.method.to_owned(),
        status: status.into(),
        duration_ms: elapsed.as_secs_f64() * 1e3,
        user_id,
        trace_id,
        at: Some(SystemTime::now().into()),
        id: Uuid::now_v7().to_string(),
    }
}

/// Where entries go.
#[derive(Clone)]
pub(crate) struct CallLog {
    /// The function to invoke, by name, and the client; `None` where no log is kept.
    sink: Option<(String, Client)>,
}

impl CallLog {
    /// `CALL_LOG_FUNCTION` names the function; unset, REST calls are not logged.
    pub(crate) fn from_env(env: &mut Env) -> Self {
        Self {
            sink: env
                .optional("CALL_LOG_FUNCTION")
                .map(|function| (function, Client::new(&env.aws("lambda")))),
        }
    }

    /// Logs nothing.
    pub(crate) fn none() -> Self {
        Self { sink: None }
    }

    /// Whether calls are logged at all.
    pub(crate) fn is_enabled(&self) -> bool {
        self.sink.is_some()
    }

    /// Sends the entry of a call, which is at `trace`, within [`TIMEOUT`]; a failure is
    /// logged and forgotten.
    pub(crate) async fn send(&self, entry: AnalyticsEntryMessage, trace: Trace) {
        let Some((function, client)) = &self.sink else {
            return;
        };
        let span = info_span!(
            "invoke",
            otel.kind = "client",
            otel.name = "Lambda.Invoke",
            rpc.system.name = "aws-api",
            rpc.method = "Lambda/Invoke",
            faas.invoked_name = function,
            faas.invoked_provider = "aws",
        );
        let trace = Trace::adopt(&span, Some(Origin::Parent(trace)));
        let event = event(&entry, &trace);
        let invoke = client
            .invoke()
            .function_name(function)
            .invocation_type(InvocationType::Event)
            .payload(Blob::new(event))
            .send();
        match tokio::time::timeout(TIMEOUT, invoke.instrument(span.clone())).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => {
                telemetry::failed(&span, "no_answer");
                let error = error_chain(&error);
                tracing::warn!(error, trace_id = entry.trace_id, "call not logged");
            }
            Err(_) => {
                telemetry::failed(&span, "timeout");
                tracing::warn!(trace_id = entry.trace_id, "call not logged in time");
            }
        }
    }
}

/// The entry as an event of the shape that every function reads.
fn event(entry: &AnalyticsEntryMessage, trace: &Trace) -> Vec<u8> {
    json!({
        "version": "2.0",
        "routeKey": "POST /analytics",
        "rawPath": "/analytics",
        "rawQueryString": "",
        "headers": {"content-type": "application/json", "traceparent": trace.parent()},
        "requestContext": {
            "apiId": API_ID,
            "http": {"method": "POST", "path": "/analytics", "protocol": "HTTP/1.1"},
            "requestId": entry.id,
            "stage": "$default",
        },
        "body": serde_json::to_string(entry).unwrap_or_default(),
        "isBase64Encoded": false,
    })
    .to_string()
    .into_bytes()
}
