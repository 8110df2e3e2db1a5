//! The call log of calls through API Gateway: after the response, `analytics-log` is invoked
//! asynchronously. The gateway logs the calls that it makes.
//!
//! [`crate::after`] decides when to send an entry. Logging never fails a call.

use std::time::{Duration, SystemTime};

use aws_sdk_lambda::{Client, primitives::Blob, types::InvocationType};
use tracing::{Instrument as _, info_span};
use trichrome_proto::{
    analytics::AnalyticsEntryMessage,
    binding::Target,
    contract::{Operation, by_function},
    wire::{Event, Source, Transport, event, header::TRACEPARENT},
};
use trichrome_startup::error_chain;
use trichrome_telemetry::{self as telemetry, Origin, Trace};
use uuid::Uuid;

use crate::Env;

/// The function that writes entries.
const LOG_DATA: &str = "analytics-log";

/// How long sending an entry may keep the environment running.
const TIMEOUT: Duration = Duration::from_secs(2);

/// The entry of a call.
pub(crate) fn entry(
    operation: &Operation,
    status: u16,
    elapsed: Duration,
    user_id: String,
    trace_id: String,
) -> AnalyticsEntryMessage {
    AnalyticsEntryMessage {
        transport: Transport::Rest.as_str().to_owned(),
        service: operation.package.to_owned(),
        method: operation.method.to_owned(),
        status: status.into(),
        duration_ms: elapsed.as_secs_f64() * 1e3,
        user_id,
        trace_id,
        at: Some(SystemTime::now().into()),
        id: Uuid::now_v7().to_string(),
        client: false,
    }
}

/// Sends entries to be written.
#[derive(Clone)]
pub(crate) struct CallLog {
    /// `None` if calls aren't logged.
    sink: Option<Sink>,
}

#[derive(Clone)]
struct Sink {
    client: Client,
    /// The function's name in Lambda.
    function: String,
    operation: &'static Operation,
}

impl CallLog {
    /// Reads `CALL_LOG_FUNCTION`, the name of the function. If it is unset, REST calls aren't
    /// logged.
    pub(crate) fn from_env(env: &mut Env) -> Self {
        let sink = env
            .optional("CALL_LOG_FUNCTION")
            .zip(by_function(LOG_DATA))
            .map(|(function, operation)| Sink {
                client: Client::new(&env.aws("lambda")),
                function,
                operation,
            });
        Self { sink }
    }

    /// A call log that is disabled.
    pub(crate) fn none() -> Self {
        Self { sink: None }
    }

    /// Whether calls are logged.
    pub(crate) fn is_enabled(&self) -> bool {
        self.sink.is_some()
    }

    /// Sends the entry of the call at `trace`, within [`TIMEOUT`]. A failure is only logged.
    pub(crate) async fn send(&self, entry: AnalyticsEntryMessage, trace: Trace) {
        let Some(sink) = &self.sink else {
            return;
        };
        let span = info_span!(
            "invoke",
            otel.kind = "client",
            otel.name = "Lambda.Invoke",
            rpc.system.name = "aws-api",
            rpc.method = "Lambda/Invoke",
            faas.invoked_name = sink.function,
            faas.invoked_provider = "aws",
        );
        let trace = Trace::adopt(&span, Some(Origin::Parent(trace)));
        let event = event(sink.operation, &entry, &trace);
        let invoke = sink
            .client
            .invoke()
            .function_name(&sink.function)
            .invocation_type(InvocationType::Event)
            .payload(Blob::new(event))
            .send();
        match tokio::time::timeout(TIMEOUT, invoke.instrument(span.clone())).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => {
                telemetry::failed(&span, "no_answer");
                let error = error_chain(&error);
                tracing::warn!(
                    error,
                    trace_id = entry.trace_id,
                    "the call could not be logged"
                );
            }
            Err(_) => {
                telemetry::failed(&span, "timeout");
                tracing::warn!(trace_id = entry.trace_id, "logging the call timed out");
            }
        }
    }
}

/// The event that asks `operation` to write an entry. The trace is in its headers: Lambda passes
/// the client context of synchronous invocations only.
fn event(operation: &Operation, entry: &AnalyticsEntryMessage, trace: &Trace) -> Vec<u8> {
    let target = Target {
        path: operation.http.path.to_owned(),
        ..Target::default()
    };
    let event = Event::new(event::Request {
        operation,
        target: &target,
        headers: vec![(TRACEPARENT, trace.parent())],
        api_id: Some(Source::INTERNAL_API_ID),
        request_id: &entry.id,
        body: serde_json::to_string(entry).ok(),
    });
    serde_json::to_vec(&event).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use lambda_http::{
        Request, RequestExt as _,
        request::{LambdaRequest, RequestContext},
    };
    use trichrome_proto::contract::by_function;

    use super::*;
    use crate::request::{Head, internal_entry};

    #[test]
    fn the_event_is_read_as_an_internal_request() {
        let login = by_function("auth-login").unwrap();
        let elapsed = Duration::from_millis(3);
        let entry = entry(login, 200, elapsed, "u".into(), "t".into());
        let trace = Trace::begin();
        let event = event(by_function(LOG_DATA).unwrap(), &entry, &trace);
        let request = Request::from(serde_json::from_slice::<LambdaRequest>(&event).unwrap());
        assert_eq!(request.method(), "POST");
        assert_eq!(request.raw_http_path(), "/analytics");
        assert!(matches!(
            request.request_context_ref(),
            Some(RequestContext::ApiGatewayV2(_))
        ));
        let head = Head::read(&request);
        assert_eq!(head.source, Source::Internal);
        assert_eq!(head.origin, Some(Origin::Parent(trace)));
        assert_eq!(head.request_id, "");
        assert_eq!(internal_entry(request.body()).unwrap(), entry);
    }
}
