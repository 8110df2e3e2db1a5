//! What an AWS client's error means, told from its kind, its status and its code: never from
//! its text.

use std::{error::Error as StdError, io, time::Duration};

use aws_sdk_dynamodb::{
    config::http::HttpResponse,
    error::{ProvideErrorMetadata, SdkError},
};
use uuid::Uuid;

use crate::Error;

/// Codes of a store that may take the same request later, beside a status of 429 or 5xx.
const PASSING: &[&str] = &[
    "LimitExceededException",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "RequestTimeout",
    "RequestTimeTooSkewed",
    "SlowDown",
    "ThrottlingException",
    "TransactionConflictException",
    "TransactionInProgressException",
];

/// The error for a failed request; `doing` completes "could not …".
pub(crate) fn failed<E>(doing: &'static str, error: SdkError<E, HttpResponse>) -> Error
where
    E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
{
    let is_passing = match &error {
        SdkError::TimeoutError(_) => true,
        SdkError::DispatchFailure(failure) => !failure.is_user(),
        SdkError::ResponseError(response) => is_passing_status(response.raw()),
        SdkError::ServiceError(service) => {
            is_passing_status(service.raw())
                || service
                    .err()
                    .code()
                    .is_some_and(|code| PASSING.contains(&code))
        }
        _ => false,
    };
    let source = Box::new(error);
    if is_passing {
        Error::Unavailable { doing, source }
    } else {
        Error::Internal { doing, source }
    }
}

fn is_passing_status(response: &HttpResponse) -> bool {
    matches!(response.status().as_u16(), 429 | 500..)
}

/// Whether the request cannot have had an effect: nobody listened, or the store refused it.
pub(crate) fn has_no_effect<E>(error: &SdkError<E, HttpResponse>) -> bool
where
    E: StdError + Send + Sync + 'static,
{
    match error {
        SdkError::ConstructionFailure(_) => true,
        SdkError::DispatchFailure(failure) => {
            let mut source: Option<&(dyn StdError + 'static)> =
                failure.as_connector_error().map(|error| error as _);
            while let Some(error) = source {
                if let Some(error) = error.downcast_ref::<io::Error>() {
                    return error.kind() == io::ErrorKind::ConnectionRefused;
                }
                source = error.source();
            }
            false
        }
        SdkError::ServiceError(service) => service.raw().status().is_client_error(),
        _ => false,
    }
}

/// Waits before attempt `attempt` (from 1) is repeated: up to 20 ms, 40 ms, … 640 ms, any
/// part of it, so that callers who collided do not collide again.
pub(crate) async fn backoff(attempt: u32) {
    let most = Duration::from_millis(20) * 2_u32.pow(attempt.saturating_sub(1).min(5));
    // The last byte of a version 4 id is random; a generator of its own would be one more
    // dependency in each function.
    let [.., random] = Uuid::new_v4().into_bytes();
    tokio::time::sleep(most * u32::from(random) / 255).await;
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
    use aws_sdk_dynamodb::{
        Client, Config,
        config::{BehaviorVersion, Region},
    };
    use aws_smithy_types::retry::RetryConfig;
    use trichrome_proto::error::{ErrorCode, Fault as _};

    use super::*;

    /// A client of whatever listens at this address.
    fn client(address: std::net::SocketAddr) -> Client {
        let credentials = SharedCredentialsProvider::new(Credentials::for_tests());
        let config = Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("eu-west-1"))
            .credentials_provider(credentials)
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .retry_config(RetryConfig::disabled())
            .endpoint_url(format!("http://{address}"))
            .build();
        Client::from_conf(config)
    }

    #[tokio::test]
    async fn a_refused_connection_has_no_effect() {
        let address = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap();
        let error = client(address).list_tables().send().await.unwrap_err();
        assert!(has_no_effect(&error));
        assert_eq!(failed("try", error).code(), ErrorCode::Unavailable);
    }

    #[tokio::test]
    async fn a_connection_closed_in_between_may_have_had_one() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = std::thread::spawn(move || drop(listener.accept()));
        let error = client(address).list_tables().send().await.unwrap_err();
        server.join().unwrap();
        assert!(!has_no_effect(&error));
        assert_eq!(failed("try", error).code(), ErrorCode::Unavailable);
    }

    #[tokio::test(start_paused = true)]
    async fn waiting_grows_to_an_end() {
        for attempt in 0..40 {
            let start = tokio::time::Instant::now();
            backoff(attempt).await;
            assert!(start.elapsed() <= Duration::from_millis(641), "{attempt}");
        }
    }
}
