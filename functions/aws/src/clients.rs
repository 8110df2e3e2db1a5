//! One HTTP client and one configuration for all AWS clients of a process.
//!
//! Built by hand rather than by `aws-config`: Lambda passes region and credentials in the
//! environment, and the default chain's profile files, metadata service and second TLS stack
//! would make the start longer.

use std::{thread, time::Duration};

use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use aws_smithy_async::rt::sleep::{SharedAsyncSleep, TokioSleep};
use aws_smithy_http_client::{
    Builder,
    tls::{Provider, rustls_provider::CryptoMode},
};
use aws_smithy_runtime_api::client::{
    behavior_version::BehaviorVersion,
    connector_metadata::ConnectorMetadata,
    http::{HttpClient, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector},
    runtime_components::{RuntimeComponents, RuntimeComponentsBuilder},
};
use aws_smithy_types::{config_bag::ConfigBag, retry::RetryConfig, timeout::TimeoutConfig};
use aws_types::{SdkConfig, region::Region};
use trichrome_startup::Variables;

/// The longest an operation may take, retries included. It leaves time to answer 503 before
/// the gateway's own deadline of 10 s.
const OPERATION_TIMEOUT: Duration = Duration::from_secs(6);
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(3);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
const ATTEMPTS: u32 = 3;

/// What all AWS clients of a process share.
pub struct Clients {
    region: Region,
    credentials: Option<SharedCredentialsProvider>,
    http: SharedHttpClient,
}

impl Clients {
    /// Reads `AWS_REGION`, `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and
    /// `AWS_SESSION_TOKEN`.
    pub fn from_variables(variables: &mut Variables<'_>) -> Self {
        let credentials = match (
            variables.optional("AWS_ACCESS_KEY_ID"),
            variables.optional("AWS_SECRET_ACCESS_KEY"),
        ) {
            (Some(id), Some(secret)) => Some(SharedCredentialsProvider::new(Credentials::new(
                id,
                secret,
                variables.optional("AWS_SESSION_TOKEN"),
                None,
                "environment",
            ))),
            _ => None,
        };
        Self {
            region: Region::new(variables.required("AWS_REGION")),
            credentials,
            http: SharedHttpClient::new(BackgroundHttp::start()),
        }
    }

    /// The configuration of one service's client, by the service's name in
    /// `AWS_ENDPOINT_URL_<SERVICE>`, which overrides `AWS_ENDPOINT_URL`.
    pub fn config(&self, service: &str, variables: &Variables<'_>) -> SdkConfig {
        let endpoint = variables
            .optional(&format!("AWS_ENDPOINT_URL_{}", service.to_uppercase()))
            .or_else(|| variables.optional("AWS_ENDPOINT_URL"));
        let mut config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(self.region.clone())
            .http_client(self.http.clone())
            .sleep_impl(SharedAsyncSleep::new(TokioSleep::new()))
            .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS))
            .timeout_config(
                TimeoutConfig::builder()
                    .connect_timeout(CONNECT_TIMEOUT)
                    .operation_attempt_timeout(ATTEMPT_TIMEOUT)
                    .operation_timeout(OPERATION_TIMEOUT)
                    .build(),
            );
        config.set_credentials_provider(self.credentials.clone());
        config.set_endpoint_url(endpoint);
        config.build()
    }
}

/// An HTTP client that reads the root certificates in a background thread.
///
/// Each client of the SDK makes the HTTP client build a connector when it is built, only to
/// read the machine's certificates, and drops the connector. That was most of a function's
/// start (docs/benchmarks.md). Here a thread does it once.
#[derive(Debug)]
struct BackgroundHttp(SharedHttpClient);

impl BackgroundHttp {
    fn start() -> Self {
        let http = Builder::new()
            .tls_provider(Provider::Rustls(CryptoMode::Ring))
            .build_https();
        let reader = http.clone();
        let read = move || {
            let components = RuntimeComponentsBuilder::new("start");
            // The TLS library caches the certificates for the first request.
            let _ = reader.validate_base_client_config(&components, &ConfigBag::base());
        };
        // Without the thread, the first request reads them.
        let _ = thread::Builder::new()
            .name("certificates".into())
            .spawn(read);
        Self(http)
    }
}

impl HttpClient for BackgroundHttp {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        self.0.http_connector(settings, components)
    }

    fn connector_metadata(&self) -> Option<ConnectorMetadata> {
        self.0.connector_metadata()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_services_endpoint_overrides_the_general_one() {
        let mut variables = Variables::new(|name| match name {
            "AWS_REGION" => Some("eu-west-1".to_owned()),
            "AWS_ENDPOINT_URL" => Some("http://127.0.0.1:1".to_owned()),
            "AWS_ENDPOINT_URL_LAMBDA" => Some("http://127.0.0.1:2".to_owned()),
            _ => None,
        });
        let clients = Clients::from_variables(&mut variables);
        let endpoint = |service| {
            let config = clients.config(service, &variables);
            config.endpoint_url().map(str::to_owned)
        };
        assert_eq!(endpoint("lambda").as_deref(), Some("http://127.0.0.1:2"));
        assert_eq!(endpoint("s3").as_deref(), Some("http://127.0.0.1:1"));
        variables.check().unwrap();
    }
}
