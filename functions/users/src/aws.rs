//! Failures of AWS services: which of them mean "try again" rather than "something is broken",
//! and what of them may be kept.

use std::error::Error;
use std::fmt;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

/// Codes by which AWS asks for patience, with a status below 500.
/// Source: the SDK's own retry classifier (`aws_runtime::retries::classifiers`).
const THROTTLED: &[&str] = &[
    "LimitExceededException",
    "PriorRequestNotComplete",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestThrottledException",
    "SlowDown",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
];

/// What happened, in words, from the outside in.
///
/// An SDK error also keeps the raw answer, and its `Debug` prints it: a user's item with the
/// hash, or a secret. This is all of it that leaves the store.
#[derive(Debug)]
pub struct Failure(String);

impl Failure {
    /// An error and its sources.
    #[must_use]
    pub fn of(error: &dyn Error) -> Self {
        let mut text = error.to_string();
        let mut source = error.source();
        while let Some(error) = source {
            text = format!("{text}: {error}");
            source = error.source();
        }
        Self(text)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for Failure {}

/// Whether the service could not be reached, did not answer in time, failed on its side or
/// throttled us: all that the SDK's retries did not get over, and a later call may.
#[must_use]
pub fn is_outage<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> bool {
    match error {
        SdkError::TimeoutError(_) | SdkError::DispatchFailure(_) => true,
        // An answer that cannot be read: a connection cut in the middle, or a proxy's page.
        SdkError::ResponseError(_) => true,
        SdkError::ServiceError(answer) => {
            answer.raw().status().is_server_error()
                || answer.err().code().is_some_and(is_throttling)
        }
        _ => false,
    }
}

/// Whether this error code asks for patience.
#[must_use]
pub fn is_throttling(code: &str) -> bool {
    THROTTLED.contains(&code)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use aws_sdk_dynamodb::Client;
    use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
    use aws_sdk_dynamodb::types::AttributeValue;
    use aws_smithy_async::rt::sleep::TokioSleep;
    use aws_smithy_http_client::test_util::{NeverClient, ReplayEvent, StaticReplayClient};
    use aws_smithy_types::body::SdkBody;

    use super::*;
    use crate::testing::config;

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_does_not_come_is_an_outage() {
        let timeout = TimeoutConfig::builder()
            .operation_timeout(Duration::from_secs(1))
            .build();
        let config = config()
            .http_client(NeverClient::new())
            .sleep_impl(TokioSleep::new())
            .timeout_config(timeout);
        let request = Client::new(&config.build()).get_item().table_name("users");
        let error = request
            .key(
                "pk",
                aws_sdk_dynamodb::types::AttributeValue::S("1".to_owned()),
            )
            .send()
            .await
            .unwrap_err();
        assert!(matches!(error, SdkError::TimeoutError(_)), "{error:?}");
        assert!(is_outage(&error));
    }

    #[tokio::test]
    async fn a_failure_keeps_the_words_and_not_the_answer() {
        let answer = http::Response::new(SdkBody::from(r#"{"Item": {"hush": 1}}"#));
        let event = ReplayEvent::new(http::Request::new(SdkBody::empty()), answer);
        let config = config().http_client(StaticReplayClient::new(vec![event]));
        let request = Client::new(&config.build()).get_item().table_name("users");
        let error = request
            .key("pk", AttributeValue::S("1".to_owned()))
            .send()
            .await
            .unwrap_err();
        assert!(format!("{error:?}").contains("hush"));
        let failure = Failure::of(&error);
        assert!(
            failure.to_string().starts_with("service error: "),
            "{failure}"
        );
        assert!(!format!("{failure} {failure:?}").contains("hush"));
    }

    #[test]
    fn codes_that_ask_for_patience() {
        assert!(is_throttling("ThrottlingException"));
        assert!(!is_throttling("ValidationException"));
    }
}
