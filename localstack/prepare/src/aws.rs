//! The AWS configuration: region, endpoint and credentials from the environment.

use aws_config::{BehaviorVersion, SdkConfig, retry::RetryConfig};
use aws_smithy_http_client::{
    Builder,
    tls::{Provider, rustls_provider::CryptoMode},
};

/// Reads the standard variables (`AWS_REGION`, `AWS_ENDPOINT_URL`, …). The SDK's retries are
/// off, since [`crate::retry`] retries with a deadline.
pub async fn config() -> SdkConfig {
    aws_config::defaults(BehaviorVersion::latest())
        .http_client(
            Builder::new()
                .tls_provider(Provider::Rustls(CryptoMode::Ring))
                .build_https(),
        )
        .retry_config(RetryConfig::disabled())
        .load()
        .await
}
