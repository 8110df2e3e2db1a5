//! The one path that every call takes, whichever transport it came over:
//! limit, event, invocation, answer, call log.

pub(crate) mod answer;
pub(crate) mod args;
pub(crate) mod backoff;
pub(crate) mod call_guard;
pub(crate) mod call_log;
pub(crate) mod context;
pub(crate) mod event;
pub(crate) mod fault;
pub(crate) mod invoke;
pub(crate) mod limits;
pub(crate) mod rate_limit;

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use tokio::time::Instant;
use tracing::{Instrument as _, Span};
use trichrome_proto::{
    contract::Operation,
    error::{ApiError, Fault as _},
    wire::Transport,
};
use trichrome_startup::error_chain;
use trichrome_telemetry as telemetry;
use uuid::Uuid;

use self::{
    answer::Reply,
    args::Args,
    backoff::Backoff,
    call_guard::CallGuard,
    call_log::CallLog,
    context::Context,
    invoke::{Invoke, InvokeError},
    rate_limit::RateLimits,
};
use crate::ops::metrics::Metrics;

/// One call of an operation.
pub(crate) struct Call<'a> {
    /// Which operation.
    pub(crate) operation: &'static Operation,
    /// The request message.
    pub(crate) args: Args<'a>,
    /// Who calls.
    pub(crate) context: Context,
    /// How the call came.
    pub(crate) transport: Transport,
    /// When the caller stops waiting.
    pub(crate) deadline: Instant,
    /// The id of its call log; the same call, delivered twice, has the same.
    pub(crate) log_id: Uuid,
    /// What to do when the service fails.
    pub(crate) failures: Failures,
}

/// What to do when the service, not the caller, is at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failures {
    /// Say so: the caller is there to try again. Only a read that failed on the way is made
    /// once more; anything else might have had its effect.
    Answer,
    /// Try again, within the deadline: nobody else will.
    Retry,
}

/// Times that a call is tried where its failures are retried.
pub(crate) const ATTEMPTS: u32 = 5;

/// Times that a read is tried where they are answered.
const READ_ATTEMPTS: u32 = 2;

/// The waits between them: 1.5 s at most, together.
const BACKOFF: Backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(2));

/// Makes calls. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Calls {
    invoke: Arc<dyn Invoke>,
    limits: Arc<RateLimits>,
    log: CallLog,
    metrics: Arc<Metrics>,
}

impl Calls {
    /// Calls that reach functions through `invoke` and are logged to `log`.
    pub(crate) fn new(
        invoke: Arc<dyn Invoke>,
        limits: Arc<RateLimits>,
        log: CallLog,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self {
            invoke,
            limits,
            log,
            metrics,
        }
    }

    /// Calls an operation, and logs that it was called, whatever becomes of it: an answer,
    /// an error, or a caller that goes away (the future is dropped).
    ///
    /// # Errors
    ///
    /// What the function answered, or what kept the gateway from reaching it.
    pub(crate) async fn call(&self, call: Call<'_>) -> Result<Reply, ApiError> {
        let mut record = self.record(&call);
        let result = self.answer(call, &mut record).await;
        record.end(result.as_ref().err());
        result
    }

    /// Logs a call that was refused before there was a message to call with.
    pub(crate) fn refused(&self, call: &Call<'_>, error: &ApiError) {
        self.record(call).end(Some(error));
    }

    fn record(&self, call: &Call<'_>) -> CallGuard {
        CallGuard::begin(
            call.operation,
            call.transport,
            &call.context,
            call.log_id,
            self.log.clone(),
            Arc::clone(&self.metrics),
        )
    }

    async fn answer(&self, mut call: Call<'_>, record: &mut CallGuard) -> Result<Reply, ApiError> {
        self.limits.check(call.operation)?;
        let args = std::mem::take(&mut call.args);
        // Each attempt sends its own trace in the client context. Lambda's emulators drop that,
        // so the event has the first attempt's trace as well.
        let span = self.invoke.span(call.operation.function);
        let context = call.context.at(&span);
        let event = event::encode(call.operation, args, &context, call.transport)
            .inspect_err(|error| telemetry::failed(&span, error.code.as_str()))?;
        let event = Bytes::from(event);
        let mut first = Some(span);
        let mut failures = 0;
        loop {
            let span = first.take();
            let span = span.unwrap_or_else(|| self.invoke.span(call.operation.function));
            let (error, on_the_way) = match self.attempt(&call, &event, span, record).await {
                Ok(reply) => return Ok(reply),
                Err(failure) => failure,
            };
            failures += 1;
            let again = match call.failures {
                Failures::Retry => error.code.is_fault() && failures < ATTEMPTS,
                Failures::Answer => {
                    let read = call.operation.http.method == "GET";
                    read && on_the_way && failures < READ_ATTEMPTS
                }
            };
            if !again {
                return Err(error);
            }
            let wait = BACKOFF.wait(failures);
            if Instant::now() + wait >= call.deadline {
                return Err(error);
            }
            self.metrics.call_retried(call.operation);
            tokio::time::sleep(wait).await;
        }
    }

    /// Tries once. Beside an error: whether it came on the way ([`InvokeError::is_on_the_way`]).
    async fn attempt(
        &self,
        call: &Call<'_>,
        event: &Bytes,
        span: Span,
        record: &mut CallGuard,
    ) -> Result<Reply, (ApiError, bool)> {
        let operation = call.operation;
        let trace = call.context.trace_at(&span);
        let answered = self
            .invoke
            .invoke(operation.function, event, Some(&trace), call.deadline)
            .instrument(span)
            .await;
        let on_the_way = answered.as_ref().is_err_and(InvokeError::is_on_the_way);
        let (result, user_id) = match answered {
            Ok(payload) => answer::read(operation, &payload),
            Err(error) => {
                let code = error.code();
                tracing::warn!(
                    request_id = call.context.request_id,
                    trace_id = call.context.trace.id(),
                    function = operation.function,
                    error = error_chain(&error),
                    "invocation failed"
                );
                let told = if code.is_fault() {
                    fault::fault(code)
                } else {
                    ApiError::new(code, error.to_string())
                };
                (Err(told), None)
            }
        };
        if user_id.is_some() {
            record.user_id = user_id;
        }
        result.map_err(|error| (error, on_the_way))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use serde_json::{Value, json};
    use trichrome_proto::{contract::by_function, error::ErrorCode};

    use super::*;
    use crate::call::{call_log::tests::Logged, invoke::tests::FakeInvoke};

    /// A call with a deadline of ten seconds.
    pub(crate) fn call(function: &str, args: Value) -> Call<'static> {
        let Value::Object(args) = args else {
            panic!("arguments are an object");
        };
        Call {
            operation: by_function(function).unwrap(),
            args: Args::Fields(args),
            context: Context::read(|_| None),
            transport: Transport::Grpc,
            deadline: Instant::now() + Duration::from_secs(10),
            log_id: Uuid::new_v4(),
            failures: Failures::Answer,
        }
    }

    /// Calls that reach a fake, and what they leave in the call log.
    pub(crate) fn calls(invoke: &Arc<FakeInvoke>) -> (Calls, Arc<Logged>) {
        let logged = Arc::new(Logged::default());
        let calls = Calls::new(
            Arc::clone(invoke) as Arc<dyn Invoke>,
            Arc::new(RateLimits::from_contract()),
            CallLog::new(Arc::clone(&logged) as _),
            Arc::new(Metrics::new()),
        );
        (calls, logged)
    }

    fn unavailable() -> InvokeError {
        InvokeError::Busy
    }

    #[tokio::test]
    async fn a_call_is_answered_and_logged_once() {
        let invoke = FakeInvoke::answering(|_, _| {
            Ok(json!({
                "statusCode": 200,
                "headers": {"trichrome-user-id": "u"},
                "body": "{\"id\":\"u\",\"username\":\"n\"}",
            }))
        });
        let (calls, logged) = calls(&invoke);
        let reply = calls.call(call("users-get", json!({"user_id": "u"}))).await;
        assert_eq!(reply.unwrap().body(), "{\"id\":\"u\",\"username\":\"n\"}");
        let entry = logged.only();
        assert_eq!(entry["transport"], "grpc");
        assert_eq!(entry["service"], "users");
        assert_eq!(entry["method"], "GetUserData");
        assert_eq!(entry["status"], 200);
        assert_eq!(entry["user_id"], "u");
        assert_eq!(entry["trace_id"].as_str().map(str::len), Some(32));
    }

    #[tokio::test]
    async fn a_call_that_cannot_be_made_is_logged_too() {
        let invoke = FakeInvoke::answering(|_, _| unreachable!("not invoked"));
        let (calls, logged) = calls(&invoke);
        let error = calls.call(call("users-get", json!({}))).await.unwrap_err();
        assert_eq!(error.code, ErrorCode::InvalidArgument);
        assert_eq!(logged.only()["status"], 400);
    }

    #[tokio::test]
    async fn a_caller_that_goes_away_is_logged_as_such() {
        let invoke = FakeInvoke::hanging();
        let (calls, logged) = calls(&invoke);
        let call = calls.call(call("users-get", json!({"user_id": "u"})));
        assert!(
            tokio::time::timeout(Duration::from_millis(10), call)
                .await
                .is_err()
        );
        assert_eq!(logged.only()["status"], 499);
    }

    #[tokio::test(start_paused = true)]
    async fn failures_are_retried_where_asked_for_and_logged_once() {
        let invoke = FakeInvoke::answering(|attempt, _| match attempt {
            0..3 => Err(unavailable()),
            _ => Ok(json!({"statusCode": 204})),
        });
        let (calls, logged) = calls(&invoke);
        let mut call = call("pictures-delete", json!({"picture_id": "p"}));
        call.failures = Failures::Retry;
        calls.call(call).await.unwrap();
        assert_eq!(invoke.calls(), 4);
        assert_eq!(logged.only()["status"], 204);
    }

    #[tokio::test(start_paused = true)]
    async fn retries_end() {
        let invoke = FakeInvoke::answering(|_, _| Err(unavailable()));
        let (calls, logged) = calls(&invoke);
        let mut call = call("pictures-delete", json!({"picture_id": "p"}));
        call.failures = Failures::Retry;
        let error = calls.call(call).await.unwrap_err();
        assert_eq!(error.code, ErrorCode::Unavailable);
        assert_eq!(invoke.calls(), ATTEMPTS);
        assert_eq!(logged.only()["status"], 503);
    }

    #[tokio::test(start_paused = true)]
    async fn a_callers_mistake_is_not_retried() {
        let invoke = FakeInvoke::answering(|_, _| Ok(json!({"statusCode": 404})));
        let (calls, _) = calls(&invoke);
        let mut call = call("pictures-delete", json!({"picture_id": "p"}));
        call.failures = Failures::Retry;
        let error = calls.call(call).await.unwrap_err();
        assert_eq!(error.code, ErrorCode::NotFound);
        assert_eq!(invoke.calls(), 1);
    }

    #[tokio::test]
    async fn without_retries_a_failure_is_answered_at_once() {
        let invoke = FakeInvoke::answering(|_, _| Err(unavailable()));
        let (calls, _) = calls(&invoke);
        let error = calls
            .call(call("pictures-delete", json!({"picture_id": "p"})))
            .await
            .unwrap_err();
        assert_eq!(error.code, ErrorCode::Unavailable);
        assert_eq!(error.message, ErrorCode::Unavailable.fault_message());
        assert_eq!(invoke.calls(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_read_that_fails_on_the_way_is_made_once_more_and_that_shows() {
        let errors: [fn() -> InvokeError; 2] = [
            || InvokeError::Throttled,
            || InvokeError::Unreachable("reset".into()),
        ];
        for error in errors {
            let invoke = FakeInvoke::answering(move |attempt, _| match attempt {
                0 => Err(error()),
                _ => Ok(json!({"statusCode": 200, "body": "{}"})),
            });
            let (calls, logged) = calls(&invoke);
            let args = json!({"user_id": "u"});
            calls.call(call("users-get", args)).await.unwrap();
            assert_eq!(invoke.calls(), 2);
            assert_eq!(logged.only()["status"], 200);
            let metrics = calls.metrics.to_openmetrics();
            let retries = "call_retries_total{operation=\"users-get\"} 1\n";
            assert!(metrics.contains(retries), "{metrics}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_read_is_made_twice_at_most() {
        let invoke = FakeInvoke::answering(|_, _| Err(InvokeError::Throttled));
        let (calls, _) = calls(&invoke);
        let args = json!({"user_id": "u"});
        let error = calls.call(call("users-get", args)).await.unwrap_err();
        assert_eq!(error.code, ErrorCode::Unavailable);
        assert_eq!(invoke.calls(), READ_ATTEMPTS);
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_else_is_made_again_where_failures_are_answered() {
        let failed = || InvokeError::Function {
            kind: "UNAVAILABLE".into(),
            message: "postgres".into(),
        };
        let write = ("pictures-delete", json!({"picture_id": "p"}));
        let read = ("users-get", json!({"user_id": "u"}));
        let cases: [(_, fn() -> InvokeError); 4] = [
            (write.clone(), || InvokeError::Throttled),
            (write, || InvokeError::Unreachable("reset".into())),
            (read.clone(), failed),
            (read, || InvokeError::TimedOut),
        ];
        for ((function, args), error) in cases {
            let invoke = FakeInvoke::answering(move |_, _| Err(error()));
            let (calls, _) = calls(&invoke);
            assert!(calls.call(call(function, args)).await.is_err());
            assert_eq!(invoke.calls(), 1, "{function}");
        }
    }

    #[tokio::test]
    async fn the_contracts_rate_limit_holds() {
        let invoke = FakeInvoke::answering(|_, _| Ok(json!({"statusCode": 204})));
        let (calls, _) = calls(&invoke);
        let args = json!({"username": "u", "password": "p"});
        let mut codes = Vec::new();
        for _ in 0..40 {
            let result = calls
                .call(call("users-validate-password", args.clone()))
                .await;
            codes.extend(result.err().map(|error| error.code));
        }
        assert!(codes.contains(&ErrorCode::ResourceExhausted));
        assert!(invoke.calls() >= 20);
    }
}
