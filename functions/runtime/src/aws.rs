//! One HTTP client and one configuration for all AWS clients of a function.
//!
//! Built by hand rather than by `aws-config`: Lambda hands a function its region and
//! credentials in the environment, and the default chain's profile files, metadata service
//! and second TLS stack would only lengthen the start.

use std::{thread, time::Duration};

use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use aws_sdk_lambda::config::BehaviorVersion;
use aws_smithy_async::rt::sleep::{SharedAsyncSleep, TokioSleep};
use aws_smithy_http_client::{
    Builder,
    tls::{Provider, rustls_provider::CryptoMode},
};
use aws_smithy_runtime_api::client::{
    connector_metadata::ConnectorMetadata,
    http::{HttpClient, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector},
    runtime_components::{RuntimeComponents, RuntimeComponentsBuilder},
};
use aws_smithy_types::{config_bag::ConfigBag, retry::RetryConfig, timeout::TimeoutConfig};
use aws_types::{SdkConfig, region::Region};

use crate::Env;

/// A store that does not answer costs the caller at most this, retries included; it leaves
/// time to answer 503 before the gateway's own deadline of 10 s.
const OPERATION_TIMEOUT: Duration = Duration::from_secs(6);
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(3);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
const ATTEMPTS: u32 = 3;

/// An HTTP client whose root certificates are read beside the start, not in its way.
///
/// Each client of the SDK has its HTTP client make a connector when it is built, only so that
/// the machine's certificates are read by then, and drops it again. That was most of a
/// function's start (docs/benchmarks.md). Here a thread of its own does it, once.
#[derive(Debug)]
struct Beside(SharedHttpClient);

impl Beside {
    fn start() -> Self {
        let http = Builder::new()
            .tls_provider(Provider::Rustls(CryptoMode::Ring))
            .build_https();
        let reader = http.clone();
        let read = move || {
            let nothing = RuntimeComponentsBuilder::new("start");
            // What was read is kept by the TLS library; the first request builds on it.
            let _ = reader.validate_base_client_config(&nothing, &ConfigBag::base());
        };
        // Where there is no thread to be had, the first request reads them.
        let _ = thread::Builder::new()
            .name("certificates".into())
            .spawn(read);
        Self(http)
    }
}

impl HttpClient for Beside {
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

/// What all AWS clients of a function share.
pub(crate) struct Aws {
    region: Region,
    credentials: Option<SharedCredentialsProvider>,
    http: SharedHttpClient,
}

impl Aws {
    pub(crate) fn from_env(env: &mut Env) -> Self {
        let region = Region::new(env.required("AWS_REGION"));
        let credentials = match (
            env.optional("AWS_ACCESS_KEY_ID"),
            env.optional("AWS_SECRET_ACCESS_KEY"),
        ) {
            (Some(id), Some(secret)) => Some(SharedCredentialsProvider::new(Credentials::new(
                id,
                secret,
                env.optional("AWS_SESSION_TOKEN"),
                None,
                "environment",
            ))),
            _ => None,
        };
        Self {
            region,
            credentials,
            http: SharedHttpClient::new(Beside::start()),
        }
    }

    pub(crate) fn config(&self, endpoint: Option<String>) -> SdkConfig {
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
