//! Reaching functions: AWS Lambda's Invoke API, on AWS or on anything that speaks it.

use std::{error::Error as StdError, sync::Arc, time::Duration};

use aws_config::SdkConfig;
use aws_sdk_lambda::{
    Client,
    config::{
        BehaviorVersion, StalledStreamProtectionConfig, retry::RetryConfig, timeout::TimeoutConfig,
    },
    error::SdkError,
    operation::invoke::{InvokeError as SdkInvokeError, InvokeOutput},
    primitives::Blob,
};
use aws_smithy_http_client::tls;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use futures::future::BoxFuture;
use serde::Deserialize;
use tokio::{sync::Semaphore, time::Instant};
use tracing::{Span, info_span};
use trichrome_proto::{
    error::{ErrorCode, Fault},
    wire::ClientContext,
};
use trichrome_telemetry::{self as telemetry, Trace};

use crate::{
    config::Config,
    ops::metrics::{InvokeOutcome, Metrics},
};

/// Invokes functions.
pub(crate) trait Invoke: Send + Sync {
    /// The span in which [`Self::invoke`] is to run.
    fn span(&self, _function: &str) -> Span {
        Span::none()
    }

    /// Invokes `function`, named as in the contract, and waits for its response until `deadline`.
    ///
    /// `trace` is the invocation's place in a trace. The event is borrowed, so that another
    /// attempt doesn't copy it.
    fn invoke<'a>(
        &'a self,
        function: &'static str,
        event: &'a Bytes,
        trace: Option<&'a Trace>,
        deadline: Instant,
    ) -> BoxFuture<'a, Result<Bytes, InvokeError>>;
}

/// Why an invocation has no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InvokeError {
    /// The limit [`Config::invoke_concurrency`] was reached until the deadline.
    #[error("too many concurrent invocations until the deadline")]
    Busy,
    /// Lambda could not be reached, or failed before the function ran.
    #[error("lambda cannot be reached")]
    Unreachable(#[source] Box<dyn StdError + Send + Sync>),
    /// Lambda throttled the invocation.
    #[error("lambda is throttling this function")]
    Throttled,
    /// The deadline passed.
    #[error("no answer before the deadline")]
    TimedOut,
    /// The event exceeds Lambda's limit.
    #[error("{}", crate::call::limits::body_too_large())]
    TooLarge,
    /// The function failed: it crashed, or returned an error instead of a response.
    #[error("the function failed: {kind}: {message}")]
    Function { kind: String, message: String },
    /// Lambda refused the invocation: missing permission, unknown function, wrong configuration.
    #[error("lambda refused the invocation")]
    Refused(#[source] Box<dyn StdError + Send + Sync>),
    /// Lambda has no function of this name: it is not deployed, or has no program yet.
    #[error("there is no function {0}")]
    Missing(String),
}

impl Fault for InvokeError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::Busy | Self::Unreachable(_) | Self::Throttled => ErrorCode::Unavailable,
            Self::TimedOut => ErrorCode::DeadlineExceeded,
            Self::TooLarge => ErrorCode::PayloadTooLarge,
            // Event functions name their errors by the same codes.
            Self::Function { kind, .. } if kind == SANDBOX_TIMEOUT => ErrorCode::DeadlineExceeded,
            Self::Function { kind, .. } => ErrorCode::from_text(kind)
                .filter(|code| code.is_fault())
                .unwrap_or(ErrorCode::Internal),
            Self::Refused(_) => ErrorCode::Internal,
            Self::Missing(_) => ErrorCode::Unimplemented,
        }
    }
}

impl InvokeError {
    /// Whether an immediate retry may succeed. The function may have run nevertheless.
    pub(crate) fn is_transient(&self) -> bool {
        matches!(self, Self::Unreachable(_) | Self::Throttled)
    }

    fn outcome(&self) -> InvokeOutcome {
        match self {
            Self::Busy => InvokeOutcome::Busy,
            Self::Unreachable(_) => InvokeOutcome::Unavailable,
            Self::Throttled => InvokeOutcome::Throttled,
            Self::TimedOut => InvokeOutcome::Timeout,
            Self::TooLarge | Self::Function { .. } | Self::Refused(_) | Self::Missing(_) => {
                InvokeOutcome::FunctionError
            }
        }
    }
}

/// Lambda's error type for a function that exceeded its timeout.
const SANDBOX_TIMEOUT: &str = "Sandbox.Timedout";

/// The timeout for connecting to Lambda.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// Lambda, through the AWS SDK.
pub(crate) struct Lambda {
    client: Client,
    prefix: String,
    alias: Option<String>,
    slots: Semaphore,
    region: Option<String>,
    metrics: Arc<Metrics>,
}

/// The AWS configuration by the SDK's default chain: credentials, region and endpoint come from the
/// environment, the profile or the machine's role.
pub(crate) async fn shared_config() -> SdkConfig {
    let http = aws_smithy_http_client::Builder::new()
        .tls_provider(tls::Provider::Rustls(
            tls::rustls_provider::CryptoMode::Ring,
        ))
        .build_https();
    aws_config::defaults(BehaviorVersion::latest())
        .http_client(http)
        .timeout_config(
            TimeoutConfig::builder()
                .connect_timeout(CONNECT_TIMEOUT)
                .build(),
        )
        // Every call has its own deadline, which also ends a stalled answer.
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        // The SDK's retries, and the throttling that causes them, would be in no metric.
        .retry_config(RetryConfig::disabled())
        .load()
        .await
}

impl Lambda {
    /// Builds a client.
    pub(crate) fn connect(config: &Config, shared: &SdkConfig, metrics: Arc<Metrics>) -> Self {
        Self {
            client: Client::new(shared),
            prefix: config.function_prefix.clone(),
            alias: config.function_alias.clone(),
            slots: Semaphore::new(config.invoke_concurrency),
            region: shared.region().map(ToString::to_string),
            metrics,
        }
    }

    /// The region from the SDK's configuration.
    pub(crate) fn region(&self) -> Option<&str> {
        self.region.as_deref()
    }

    async fn send(
        &self,
        function: &str,
        event: &Bytes,
        trace: Option<&Trace>,
    ) -> Result<Bytes, InvokeError> {
        let output = self
            .client
            .invoke()
            .function_name(format!("{}{function}", self.prefix))
            .set_qualifier(self.alias.clone())
            .set_client_context(trace.map(client_context))
            .payload(Blob::from_maybe_shared(event.clone()))
            .send()
            .await
            .map_err(|error| read_failure(function, error))?;
        read_output(output)
    }
}

/// The trace as Lambda's client context. The event is the same for every attempt.
fn client_context(trace: &Trace) -> String {
    let context = ClientContext::new(trace.parent(), trace.state());
    BASE64_STANDARD.encode(context.to_json())
}

impl Invoke for Lambda {
    /// Follows the semantic conventions for the AWS SDK and for FaaS clients.
    fn span(&self, function: &str) -> Span {
        let span = info_span!(
            "invoke",
            otel.kind = "client",
            otel.name = "Lambda.Invoke",
            rpc.system.name = "aws-api",
            rpc.method = "Lambda/Invoke",
            faas.invoked_name = format!("{}{function}", self.prefix),
            faas.invoked_provider = "aws",
        );
        if let Some(region) = &self.region {
            telemetry::set(&span, "faas.invoked_region", region.clone());
        }
        span
    }

    fn invoke<'a>(
        &'a self,
        function: &'static str,
        event: &'a Bytes,
        trace: Option<&'a Trace>,
        deadline: Instant,
    ) -> BoxFuture<'a, Result<Bytes, InvokeError>> {
        Box::pin(async move {
            let slot = tokio::time::timeout_at(deadline, self.slots.acquire()).await;
            let start = Instant::now();
            let result = match slot {
                Ok(Ok(_slot)) => {
                    let send = self.send(function, event, trace);
                    let sent = tokio::time::timeout_at(deadline, send).await;
                    sent.unwrap_or(Err(InvokeError::TimedOut))
                }
                _ => Err(InvokeError::Busy),
            };
            let outcome = result
                .as_ref()
                .map_or_else(InvokeError::outcome, |_| InvokeOutcome::Answered);
            self.metrics.invoked(function, outcome, start.elapsed());
            if let Err(error) = &result {
                telemetry::failed(&Span::current(), error.code().as_str());
            }
            result
        })
    }
}

/// AWS answers 200 for a function that failed, with an error in a header.
fn read_output(output: InvokeOutput) -> Result<Bytes, InvokeError> {
    let failed = output.function_error.is_some();
    let payload = output.payload.map(Blob::into_bytes).unwrap_or_default();
    if failed {
        return Err(read_function_error(&payload));
    }
    Ok(payload)
}

fn read_failure(function: &str, error: SdkError<SdkInvokeError, HttpResponse>) -> InvokeError {
    let status = error.raw_response().map(|raw| raw.status().as_u16());
    match (&error, status) {
        (SdkError::ServiceError(_), Some(404)) => InvokeError::Missing(function.to_owned()),
        (SdkError::ServiceError(_), Some(429)) => InvokeError::Throttled,
        (SdkError::ServiceError(_), Some(413)) => InvokeError::TooLarge,
        (SdkError::ServiceError(_), Some(500..)) => InvokeError::Unreachable(error.into()),
        (SdkError::ServiceError(_) | SdkError::ConstructionFailure(_), _) => {
            InvokeError::Refused(error.into())
        }
        _ => InvokeError::Unreachable(error.into()),
    }
}

fn read_function_error(payload: &[u8]) -> InvokeError {
    #[derive(Default, Deserialize)]
    #[serde(default, rename_all = "camelCase")]
    struct FunctionError {
        error_type: String,
        error_message: String,
    }
    let error: FunctionError = serde_json::from_slice(payload).unwrap_or_default();
    let or = |text: String, other: &str| {
        if text.is_empty() {
            other.to_owned()
        } else {
            text
        }
    };
    InvokeError::Function {
        kind: or(error.error_type, "unknown"),
        message: or(error.error_message, "no message"),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    };

    use serde_json::Value;

    use super::*;

    type Script = dyn Fn(u32, Value) -> Result<Value, InvokeError> + Send + Sync;

    /// A fake function that answers by a script, which gets the number of the call (from 0) and its
    /// event.
    pub(crate) struct FakeInvoke {
        script: Option<Box<Script>>,
        calls: AtomicU32,
        functions: Mutex<Vec<String>>,
    }

    impl FakeInvoke {
        pub(crate) fn answering(
            script: impl Fn(u32, Value) -> Result<Value, InvokeError> + Send + Sync + 'static,
        ) -> Arc<Self> {
            Arc::new(Self {
                script: Some(Box::new(script)),
                calls: AtomicU32::new(0),
                functions: Mutex::default(),
            })
        }

        /// Never answers.
        pub(crate) fn hanging() -> Arc<Self> {
            Arc::new(Self {
                script: None,
                calls: AtomicU32::new(0),
                functions: Mutex::default(),
            })
        }

        pub(crate) fn calls(&self) -> u32 {
            self.calls.load(Ordering::SeqCst)
        }

        pub(crate) fn functions(&self) -> Vec<String> {
            self.functions.lock().unwrap().clone()
        }
    }

    impl Invoke for FakeInvoke {
        fn invoke<'a>(
            &'a self,
            function: &'static str,
            event: &'a Bytes,
            _: Option<&'a Trace>,
            deadline: Instant,
        ) -> BoxFuture<'a, Result<Bytes, InvokeError>> {
            Box::pin(async move {
                let number = self.calls.fetch_add(1, Ordering::SeqCst);
                self.functions.lock().unwrap().push(function.to_owned());
                let Some(script) = &self.script else {
                    tokio::time::sleep_until(deadline).await;
                    return Err(InvokeError::TimedOut);
                };
                let event = serde_json::from_slice(event).unwrap();
                script(number, event).map(|answer| Bytes::from(answer.to_string()))
            })
        }
    }

    fn function_error(payload: &str) -> InvokeError {
        read_function_error(payload.as_bytes())
    }

    #[test]
    fn a_failed_function_is_an_internal_error() {
        let error = function_error(r#"{"errorType":"Runtime.ExitError","errorMessage":"boom"}"#);
        assert_eq!(error.code(), ErrorCode::Internal);
        assert!(error.to_string().contains("Runtime.ExitError: boom"));
        assert_eq!(function_error("").code(), ErrorCode::Internal);
    }

    #[test]
    fn a_function_may_name_its_error() {
        let error = function_error(r#"{"errorType":"UNAVAILABLE","errorMessage":"postgres"}"#);
        assert_eq!(error.code(), ErrorCode::Unavailable);
        let error = function_error(r#"{"errorType":"NOT_FOUND"}"#);
        assert_eq!(
            error.code(),
            ErrorCode::Internal,
            "a function's error must be a fault"
        );
        let error = function_error(r#"{"errorType":"Sandbox.Timedout"}"#);
        assert_eq!(error.code(), ErrorCode::DeadlineExceeded);
    }

    #[test]
    fn a_functions_error_is_read_from_awss_header() {
        let failed = InvokeOutput::builder()
            .function_error("Unhandled")
            .payload(Blob::new(r#"{"errorType":"x"}"#))
            .build();
        assert!(matches!(
            read_output(failed),
            Err(InvokeError::Function { .. })
        ));
        let good = InvokeOutput::builder().payload(Blob::new("{}")).build();
        assert_eq!(read_output(good).unwrap(), "{}");
    }

    mod over_http {
        use std::net::SocketAddr;

        use aws_sdk_lambda::config::{Credentials, Region};
        use axum::{
            Router,
            extract::RawQuery,
            http::{HeaderMap, StatusCode},
            response::IntoResponse,
            routing::{MethodRouter, post},
        };
        use trichrome_proto::wire::header::TRACEPARENT;

        use super::*;
        use crate::call::context::Context;

        async fn lambda_at(address: SocketAddr) -> Lambda {
            let config = aws_sdk_lambda::Config::builder()
                .behavior_version(BehaviorVersion::latest())
                .region(Region::new("us-east-1"))
                .credentials_provider(Credentials::for_tests())
                .endpoint_url(format!("http://{address}"))
                .http_client(aws_smithy_http_client::Builder::new().build_http())
                .retry_config(RetryConfig::disabled())
                .build();
            Lambda {
                client: Client::from_conf(config),
                prefix: "stack-".into(),
                alias: None,
                slots: Semaphore::new(1),
                region: None,
                metrics: Arc::default(),
            }
        }

        async fn lambda(answer: impl IntoResponse + Clone + Send + Sync + 'static) -> Lambda {
            lambda_answering(post(async move || answer)).await
        }

        async fn lambda_answering(method: MethodRouter) -> Lambda {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let path = "/2015-03-31/functions/stack-users-get/invocations";
            let router = Router::new().route(path, method);
            tokio::spawn(async move { axum::serve(listener, router).await });
            lambda_at(address).await
        }

        async fn code(lambda: &Lambda) -> Result<Bytes, ErrorCode> {
            code_within(lambda, Duration::from_secs(10)).await
        }

        async fn code_within(lambda: &Lambda, timeout: Duration) -> Result<Bytes, ErrorCode> {
            let deadline = Instant::now() + timeout;
            lambda
                .invoke("users-get", &Bytes::from("{}"), None, deadline)
                .await
                .map_err(|error| error.code())
        }

        #[tokio::test]
        async fn the_trace_goes_into_the_client_context() {
            const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
            let echo = async |headers: HeaderMap| {
                headers["x-amz-client-context"]
                    .to_str()
                    .map(str::to_owned)
                    .unwrap_or_default()
            };
            let lambda = lambda_answering(post(echo)).await;
            let context = Context::read(|name| (name == TRACEPARENT).then_some(PARENT));
            let event = Bytes::from("{}");
            let deadline = Instant::now() + Duration::from_secs(10);
            let sent = lambda
                .invoke("users-get", &event, Some(&context.trace), deadline)
                .await;
            let json = BASE64_STANDARD.decode(sent.unwrap()).unwrap();
            let json: Value = serde_json::from_slice(&json).unwrap();
            assert_eq!(json["custom"], serde_json::json!({"traceparent": PARENT}));
        }

        #[tokio::test]
        async fn the_alias_is_invoked_if_there_is_one() {
            let echo = async |RawQuery(query): RawQuery| query.unwrap_or_default();
            let mut lambda = lambda_answering(post(echo)).await;
            assert_eq!(code(&lambda).await.unwrap(), "");
            lambda.alias = Some("live".to_owned());
            assert_eq!(code(&lambda).await.unwrap(), "Qualifier=live");
        }

        /// For what is waited out.
        const SHORT: Duration = Duration::from_millis(500);

        #[tokio::test]
        async fn an_answer_comes_back() {
            let lambda = lambda("{\"statusCode\":200}").await;
            assert_eq!(code(&lambda).await.unwrap(), "{\"statusCode\":200}");
        }

        #[tokio::test]
        async fn a_functions_error_has_status_200_and_a_header() {
            let body = r#"{"errorType":"UNAVAILABLE","errorMessage":"m"}"#;
            let lambda = lambda(([("x-amz-function-error", "Unhandled")], body)).await;
            assert_eq!(code(&lambda).await, Err(ErrorCode::Unavailable));
        }

        #[tokio::test]
        async fn awss_own_faults_and_throttles_are_unavailable() {
            let fault = (
                StatusCode::INTERNAL_SERVER_ERROR,
                [("x-amzn-errortype", "ServiceException")],
                "{}",
            );
            assert_eq!(
                code(&lambda(fault).await).await,
                Err(ErrorCode::Unavailable)
            );
            let throttle = (
                StatusCode::TOO_MANY_REQUESTS,
                [("x-amzn-errortype", "TooManyRequestsException")],
                "{}",
            );
            assert_eq!(
                code(&lambda(throttle).await).await,
                Err(ErrorCode::Unavailable)
            );
        }

        #[tokio::test]
        async fn a_missing_function_is_unimplemented() {
            let missing = (
                StatusCode::NOT_FOUND,
                [("x-amzn-errortype", "ResourceNotFoundException")],
                "{}",
            );
            let code = code(&lambda(missing).await).await;
            assert_eq!(code, Err(ErrorCode::Unimplemented));
        }

        #[tokio::test]
        async fn an_unreachable_lambda_is_unavailable() {
            let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            let address = listener.local_addr().unwrap();
            drop(listener);
            assert_eq!(
                code(&lambda_at(address).await).await,
                Err(ErrorCode::Unavailable)
            );
        }

        #[tokio::test]
        async fn waiting_for_a_place_ends_at_the_deadline() {
            let lambda = lambda("{}").await;
            let _taken = lambda.slots.acquire().await.unwrap();
            let code = code_within(&lambda, SHORT).await;
            assert_eq!(code, Err(ErrorCode::Unavailable));
            let text = lambda.metrics.to_openmetrics();
            let busy = "invokes_total{operation=\"users-get\",outcome=\"busy\"} 1\n";
            assert!(text.contains(busy), "{text}");
            let timed = "invoke_duration_seconds_count{operation=\"users-get\"}";
            assert!(!text.contains(timed), "{text}");
        }

        #[tokio::test]
        async fn a_slow_answer_ends_at_the_deadline() {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            // Accepts by its backlog, and never answers.
            let lambda = lambda_at(listener.local_addr().unwrap()).await;
            let code = code_within(&lambda, SHORT).await;
            assert_eq!(code, Err(ErrorCode::DeadlineExceeded));
        }
    }
}
