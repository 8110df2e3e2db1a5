//! Sending spans with the HTTP client of the AWS SDK, which every binary contains anyway.

use std::time::Duration;

use async_trait::async_trait;
use aws_smithy_async::rt::sleep::TokioSleep;
use aws_smithy_http_client::{
    Connector, HttpClientError,
    tls::{Provider, TlsContext, TrustStore, rustls_provider::CryptoMode},
};
use aws_smithy_runtime_api::client::{
    http::{HttpConnector as _, HttpConnectorSettings, SharedHttpConnector},
    orchestrator::HttpRequest,
};
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Limited};
use opentelemetry_http::{HttpClient, HttpError};

/// How long connecting to the collector may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// The largest response of a collector, in bytes.
const MAX_RESPONSE_BYTES: usize = 64 * 1024;

/// A client of the collector.
#[derive(Debug)]
pub(crate) struct Http(SharedHttpConnector);

impl Http {
    /// Creates a client. `encrypted` says whether the collector is reached over https. Only then
    /// the system's certificates are read: that lengthens a function's start, and a container may
    /// have none.
    ///
    /// # Errors
    ///
    /// None in practice: only the certificates are configured.
    pub(crate) fn new(encrypted: bool) -> Result<Self, HttpClientError> {
        let roots = TrustStore::empty().with_native_roots(encrypted);
        let settings = HttpConnectorSettings::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .build();
        let connector = Connector::builder()
            .connector_settings(settings)
            .sleep_impl(TokioSleep::new())
            .pool_max_idle_per_host(1)
            .tls_provider(Provider::Rustls(CryptoMode::Ring))
            .tls_context(TlsContext::builder().with_trust_store(roots).build()?)
            .build();
        Ok(Self(SharedHttpConnector::new(connector)))
    }
}

#[async_trait]
impl HttpClient for Http {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let request = HttpRequest::try_from(request.map(SdkBody::from))?;
        let response = self.0.call(request).await?.try_into_http1x()?;
        let (parts, body) = response.into_parts();
        let body = Limited::new(body, MAX_RESPONSE_BYTES).collect().await?;
        Ok(Response::from_parts(parts, body.to_bytes()))
    }
}
