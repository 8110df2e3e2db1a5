//! The path that every call takes, over any transport: rate limit, event, invocation, answer,
//! call log.

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
    call_log::{CallLog, Receipt},
    context::Context,
    invoke::{Invoke, InvokeError},
    rate_limit::RateLimits,
};
use crate::ops::metrics::Metrics;

/// One call of an operation.
pub(crate) struct Call<'a> {
    pub(crate) operation: &'static Operation,
    pub(crate) args: Args<'a>,
    pub(crate) context: Context,
    pub(crate) transport: Transport,
    pub(crate) deadline: Instant,
    /// The id of the call log. A call that is delivered twice has the same id.
    pub(crate) log_id: Uuid,
    pub(crate) failures: Failures,
}

/// What to do if the service, not the caller, is at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failures {
    /// Return the failure, because the caller can retry. Only a read with a transient failure is
    /// retried once; a write might have taken effect.
    Answer,
    /// Retry until the deadline, because the caller cannot.
    Retry,
}

/// The least time before the deadline at which [`Failures::Retry`] starts another attempt: enough
/// for most functions to answer.
const LAST_ATTEMPT: Duration = Duration::from_millis(500);

/// The number of attempts of a read with [`Failures::Answer`].
const READ_ATTEMPTS: u32 = 2;

/// The waits between attempts.
const BACKOFF: Backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(2));

/// An attempt's error, and whether its cause is transient.
struct AttemptError {
    error: ApiError,
    transient: bool,
}

/// Calls operations. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Calls {
    invoke: Arc<dyn Invoke>,
    limits: Arc<RateLimits>,
    log: CallLog,
    metrics: Arc<Metrics>,
}

impl Calls {
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

    /// Calls an operation, and waits for its call log to be acknowledged, for a bounded time. The
    /// call is logged in any case, also if it is cancelled by dropping the future.
    ///
    /// # Errors
    ///
    /// The function's error, or the reason why it could not be invoked.
    pub(crate) async fn call(&self, call: Call<'_>) -> Result<Reply, ApiError> {
        let (result, receipt) = self.call_with_receipt(call).await;
        self.log.acknowledged(receipt).await;
        result
    }

    /// Calls an operation. The receipt tells when its call log is acknowledged.
    pub(crate) async fn call_with_receipt(
        &self,
        call: Call<'_>,
    ) -> (Result<Reply, ApiError>, Receipt) {
        let mut guard = self.guard(&call);
        let result = self.answer(call, &mut guard).await;
        let receipt = guard.end(result.as_ref().err());
        (result, receipt)
    }

    /// Logs a call that was refused before its message was complete.
    pub(crate) fn refused(&self, call: &Call<'_>, error: &ApiError) -> Receipt {
        self.guard(call).end(Some(error))
    }

    /// Logs a call that was refused, and waits for its call log as [`Self::call`] does.
    pub(crate) async fn refuse(&self, call: &Call<'_>, error: &ApiError) {
        let receipt = self.refused(call, error);
        self.log.acknowledged(receipt).await;
    }

    fn guard(&self, call: &Call<'_>) -> CallGuard {
        CallGuard::begin(
            call.operation,
            call.transport,
            &call.context,
            call.log_id,
            self.log.clone(),
            Arc::clone(&self.metrics),
        )
    }

    async fn answer(&self, mut call: Call<'_>, guard: &mut CallGuard) -> Result<Reply, ApiError> {
        call.context.check(call.operation)?;
        self.limits.check(call.operation).await?;
        let args = std::mem::take(&mut call.args);
        // The event is encoded once, with the first attempt's trace in its headers. The client
        // context has each attempt's own.
        let span = self.invoke.span(call.operation.function);
        let context = call.context.at(&span);
        let event = event::encode(call.operation, args, &context, call.transport)
            .inspect_err(|error| telemetry::failed(&span, error.code.as_str()))?;
        let event = Bytes::from(event);
        let mut first_span = Some(span);
        let mut failures = 0;
        loop {
            let span = first_span.take();
            let span = span.unwrap_or_else(|| self.invoke.span(call.operation.function));
            let AttemptError { error, transient } =
                match self.attempt(&call, &event, span, guard).await {
                    Ok(reply) => return Ok(reply),
                    Err(failure) => failure,
                };
            failures += 1;
            let wait = BACKOFF.wait(failures);
            let left = call.deadline.saturating_duration_since(Instant::now());
            let wait = match call.failures {
                Failures::Retry if error.code.is_fault() && left > LAST_ATTEMPT => {
                    wait.min(left - LAST_ATTEMPT)
                }
                Failures::Answer if transient && failures < READ_ATTEMPTS && wait < left => {
                    let read = call.operation.http.method == "GET";
                    if !read {
                        return Err(error);
                    }
                    wait
                }
                _ => return Err(error),
            };
            self.metrics.call_retried(call.operation);
            tokio::time::sleep(wait).await;
        }
    }

    async fn attempt(
        &self,
        call: &Call<'_>,
        event: &Bytes,
        span: Span,
        guard: &mut CallGuard,
    ) -> Result<Reply, AttemptError> {
        let operation = call.operation;
        let trace = call.context.trace_at(&span);
        let result = self
            .invoke
            .invoke(operation.function, event, Some(&trace), call.deadline)
            .instrument(span)
            .await;
        let transient = result.as_ref().is_err_and(InvokeError::is_transient);
        let (reply, user_id) = match result {
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
                let error = if code.is_fault() {
                    fault::fault(code)
                } else {
                    ApiError::new(code, error.to_string())
                };
                (Err(error), None)
            }
        };
        if user_id.is_some() {
            guard.user_id = user_id;
        }
        reply.map_err(|error| AttemptError { error, transient })
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

    /// Calls of fake functions, and their call log.
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
    async fn a_refused_call_is_logged() {
        let invoke = FakeInvoke::answering(|_, _| unreachable!("not invoked"));
        let (calls, logged) = calls(&invoke);
        let error = calls.call(call("users-get", json!({}))).await.unwrap_err();
        assert_eq!(error.code, ErrorCode::InvalidArgument);
        assert_eq!(logged.only()["status"], 400);
    }

    #[tokio::test]
    async fn a_cancelled_call_is_logged_as_cancelled() {
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
    async fn a_retried_call_is_logged_once() {
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
    async fn a_command_is_retried_until_its_deadline() {
        let started = Instant::now();
        // The outage ends shortly before the deadline.
        let invoke = FakeInvoke::answering(move |_, _| {
            if started.elapsed() < Duration::from_millis(9_400) {
                Err(unavailable())
            } else {
                Ok(json!({"statusCode": 204}))
            }
        });
        let (calls, logged) = calls(&invoke);
        let mut call = call("pictures-delete", json!({"picture_id": "p"}));
        call.failures = Failures::Retry;
        calls.call(call).await.unwrap();
        assert_eq!(logged.only()["status"], 204);
    }

    #[tokio::test(start_paused = true)]
    async fn a_command_is_not_retried_past_its_deadline() {
        let started = Instant::now();
        let invoke = FakeInvoke::answering(|_, _| Err(unavailable()));
        let (calls, logged) = calls(&invoke);
        let mut call = call("pictures-delete", json!({"picture_id": "p"}));
        call.failures = Failures::Retry;
        let deadline = call.deadline;
        let error = calls.call(call).await.unwrap_err();
        assert_eq!(error.code, ErrorCode::Unavailable);
        assert!(Instant::now() < deadline);
        assert!(started.elapsed() > Duration::from_secs(9));
        // Capped, so that an outage of seconds costs few attempts.
        assert!((6..60).contains(&invoke.calls()), "{}", invoke.calls());
        assert_eq!(logged.only()["status"], 503);
    }

    #[tokio::test(start_paused = true)]
    async fn a_throttled_command_is_answered_at_once() {
        let invoke = FakeInvoke::answering(|_, _| Ok(json!({"statusCode": 429})));
        let (calls, _) = calls(&invoke);
        let mut call = call("pictures-delete", json!({"picture_id": "p"}));
        call.failures = Failures::Retry;
        let error = calls.call(call).await.unwrap_err();
        assert_eq!(error.code, ErrorCode::ResourceExhausted);
        assert_eq!(invoke.calls(), 1);
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
    async fn without_retries_a_failure_is_returned_at_once() {
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
    async fn a_read_with_a_transient_failure_is_retried_and_counted() {
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
    async fn a_read_is_retried_only_once() {
        let invoke = FakeInvoke::answering(|_, _| Err(InvokeError::Throttled));
        let (calls, _) = calls(&invoke);
        let args = json!({"user_id": "u"});
        let error = calls.call(call("users-get", args)).await.unwrap_err();
        assert_eq!(error.code, ErrorCode::Unavailable);
        assert_eq!(invoke.calls(), READ_ATTEMPTS);
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_else_is_retried_where_failures_are_returned() {
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
    async fn the_contracts_rate_limit_applies() {
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
