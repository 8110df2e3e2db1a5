//! A client configuration for the tests of this crate.

use aws_sdk_dynamodb::config::{
    BehaviorVersion, Builder, Config, Credentials, Region, retry::RetryConfig,
};

/// Everything but the HTTP client. Without retries, so that a test sees each request once.
pub(crate) fn config() -> Builder {
    Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-west-1"))
        .credentials_provider(Credentials::for_tests())
        .endpoint_url("http://aws.test")
        .retry_config(RetryConfig::disabled())
}
