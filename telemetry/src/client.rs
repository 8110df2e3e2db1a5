//! Sending spans, by the HTTP client that calls AWS: every binary here has it already.

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

/// How long a connection to the collector may take to open.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// A collector's answer, in bytes, at most.
const LONGEST_ANSWER: usize = 64 * 1024;

/// A client of the collector.
#[derive(Debug)]
pub(crate) struct Http(SharedHttpConnector);

impl Http {
    /// `encrypted`: whether the collector is reached by https. The system's certificates are
    /// read only then: that takes time that a function's start has not, and a container may
    /// hold none.
    ///
    /// # Errors
    ///
    /// None is expected: nothing about TLS is configured but the certificates.
    pub(crate) fn new(encrypted: bool) -> Result<Self, HttpClientError> {
        let trusted = TrustStore::empty().with_native_roots(encrypted);
        let settings = HttpConnectorSettings::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .build();
        let connector = Connector::builder()
            .connector_settings(settings)
            .sleep_impl(TokioSleep::new())
            .pool_max_idle_per_host(1)
            .tls_provider(Provider::Rustls(CryptoMode::Ring))
            .tls_context(TlsContext::builder().with_trust_store(trusted).build()?)
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
        let body = Limited::new(body, LONGEST_ANSWER).collect().await?;
        Ok(Response::from_parts(parts, body.to_bytes()))
    }
}
