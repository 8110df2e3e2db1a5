//! Failed requests: which may succeed if they are repeated, and which had no effect.

use std::{error::Error, fmt, io};

use aws_runtime::retries::classifiers::{THROTTLING_ERRORS, TRANSIENT_ERRORS};
use aws_smithy_runtime_api::client::{orchestrator::HttpResponse, result::SdkError};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use trichrome_startup::error_chain;

/// Transient errors that the SDK's retry classifiers don't list: a write that conflicts with a
/// transaction (DynamoDB API reference, `TransactionConflictException`), a clock that differs from
/// S3's, which a new signature corrects, and a failure of S3 after it has sent status 200 (Amazon S3
/// API reference, `CompleteMultipartUpload`).
const MORE_TRANSIENT_ERRORS: &[&str] = &[
    "TransactionConflictException",
    "RequestTimeTooSkewed",
    "InternalError",
];

/// A failed request, without the response.
///
/// An [`SdkError`] keeps the raw response, and its `Debug` prints it: a user's item with the
/// password hash, or a secret. Only this leaves a store.
#[derive(Debug)]
pub struct Failure {
    message: String,
    transient: bool,
    had_no_effect: bool,
}

impl Failure {
    /// Whether the request may succeed if it is repeated later; see [`is_transient`].
    #[must_use]
    pub fn is_transient(&self) -> bool {
        self.transient
    }

    /// Whether the request certainly had no effect: it wasn't sent, or the service refused it.
    #[must_use]
    pub fn had_no_effect(&self) -> bool {
        self.had_no_effect
    }

    /// The same failure, known to be transient.
    pub(crate) fn into_transient(self) -> Self {
        Self {
            transient: true,
            ..self
        }
    }
}

impl<E> From<SdkError<E, HttpResponse>> for Failure
where
    E: ProvideErrorMetadata + Error + Send + Sync + 'static,
{
    fn from(error: SdkError<E, HttpResponse>) -> Self {
        Self {
            message: error_chain(&error),
            transient: is_transient(&error),
            had_no_effect: had_no_effect(&error),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for Failure {}

/// Whether the request may succeed if it is repeated later: the service could not be reached,
/// did not answer in time, failed, or throttled the request, and the SDK's own retries did
/// not help.
#[must_use]
pub fn is_transient<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> bool {
    match error {
        SdkError::TimeoutError(_) => true,
        // An invalid request, such as one to an invalid URL, stays invalid.
        SdkError::DispatchFailure(failure) => !failure.is_user(),
        // An unreadable response: a connection that broke, or a proxy's error page.
        SdkError::ResponseError(_) => true,
        SdkError::ServiceError(service) => {
            let status = service.raw().status();
            let code = service.err().code().unwrap_or_default();
            status.is_server_error()
                || status.as_u16() == 429
                || is_throttling(code)
                || TRANSIENT_ERRORS.contains(&code)
                || MORE_TRANSIENT_ERRORS.contains(&code)
        }
        _ => false,
    }
}

/// Whether this error code means that a service throttles, by the SDK's retry classifiers.
#[must_use]
pub fn is_throttling(code: &str) -> bool {
    THROTTLING_ERRORS.contains(&code)
}

/// Whether the request certainly had no effect: it wasn't sent, or the service refused it.
fn had_no_effect<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> bool {
    match error {
        SdkError::ConstructionFailure(_) => true,
        SdkError::DispatchFailure(failure) => {
            let mut source: Option<&(dyn Error + 'static)> =
                failure.as_connector_error().map(|error| error as _);
            while let Some(error) = source {
                if let Some(error) = error.downcast_ref::<io::Error>() {
                    return error.kind() == io::ErrorKind::ConnectionRefused;
                }
                source = error.source();
            }
            false
        }
        // A transaction in progress is an earlier attempt of the same one, which may succeed.
        SdkError::ServiceError(service) => {
            service.raw().status().is_client_error()
                && service.err().code() != Some("TransactionInProgressException")
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::{
        net::{SocketAddr, TcpListener},
        time::Duration,
    };

    use aws_sdk_dynamodb::{
        Client,
        config::{Config, timeout::TimeoutConfig},
    };
    use aws_smithy_async::rt::sleep::TokioSleep;
    use aws_smithy_http_client::test_util::{NeverClient, ReplayEvent, StaticReplayClient};
    use aws_smithy_types::body::SdkBody;

    use super::*;
    use crate::testing::config;

    /// The failure of a request that gets this response.
    async fn failure(status: u16, body: &'static str) -> Failure {
        let response = http::Response::builder().status(status);
        let event = ReplayEvent::new(
            http::Request::new(SdkBody::empty()),
            response.body(SdkBody::from(body)).unwrap(),
        );
        let config = config().http_client(StaticReplayClient::new(vec![event]));
        request(config.build()).await
    }

    async fn request(config: Config) -> Failure {
        let sent = Client::from_conf(config).list_tables().send().await;
        sent.unwrap_err().into()
    }

    async fn request_to(address: SocketAddr) -> Failure {
        let config = config()
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .endpoint_url(format!("http://{address}"));
        request(config.build()).await
    }

    #[tokio::test]
    async fn the_code_and_the_status_tell_what_is_transient() {
        for (status, body, transient) in [
            (400, r#"{"__type": "ThrottlingException"}"#, true),
            (400, r#"{"__type": "TooManyRequestsException"}"#, true),
            (400, r#"{"__type": "RequestTimeout"}"#, true),
            (400, r#"{"__type": "TransactionConflictException"}"#, true),
            (429, "{}", true),
            (500, "{}", true),
            (400, r#"{"__type": "ValidationException"}"#, false),
            (403, "{}", false),
        ] {
            let failure = failure(status, body).await;
            assert_eq!(failure.is_transient(), transient, "{status} {body}");
            assert_eq!(failure.had_no_effect(), status < 500, "{status} {body}");
        }
    }

    #[tokio::test]
    async fn a_transaction_in_progress_may_still_succeed() {
        let failure = failure(400, r#"{"__type": "TransactionInProgressException"}"#).await;
        assert!(failure.is_transient());
        assert!(!failure.had_no_effect());
    }

    #[tokio::test(start_paused = true)]
    async fn a_timeout_is_transient_and_may_have_had_an_effect() {
        let timeout = TimeoutConfig::builder()
            .operation_timeout(Duration::from_secs(1))
            .build();
        let config = config()
            .http_client(NeverClient::new())
            .sleep_impl(TokioSleep::new())
            .timeout_config(timeout);
        let failure = request(config.build()).await;
        assert!(failure.is_transient());
        assert!(!failure.had_no_effect());
    }

    #[tokio::test]
    async fn a_refused_connection_had_no_effect() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        let failure = request_to(address).await;
        assert!(failure.is_transient());
        assert!(failure.had_no_effect());
    }

    #[tokio::test]
    async fn a_request_on_a_closed_connection_may_have_had_an_effect() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = std::thread::spawn(move || drop(listener.accept()));
        let failure = request_to(address).await;
        server.join().unwrap();
        assert!(failure.is_transient());
        assert!(!failure.had_no_effect());
    }

    #[tokio::test]
    async fn a_failure_keeps_the_message_without_the_response() {
        let failure = failure(200, r#"{"TableNames": "hush"}"#).await;
        assert!(
            failure.to_string().starts_with("service error: "),
            "{failure}"
        );
        assert!(!format!("{failure} {failure:?}").contains("hush"));
    }
}
