//! Requests of Vault's HTTP API.

use std::{fmt, sync::Arc};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, StatusCode, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_rustls::{ConfigBuilderExt as _, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use rustls::{ClientConfig, RootCertStore, pki_types::CertificateDer};
use serde_json::Value as Json;
use zeroize::Zeroizing;

use super::token::Token;
use crate::error::{Cause, Failed};

/// The largest answer, in bytes. Vault refuses requests of more than 32 MiB, but secrets are small:
/// Consul, one of its stores, takes 512 KiB.
const MAX_ANSWER: usize = 1024 * 1024;

type Https = Client<HttpsConnector<HttpConnector>, Full<Bytes>>;

/// A client of one Vault.
pub(super) struct Http {
    address: String,
    namespace: Option<String>,
    authorities: Vec<CertificateDer<'static>>,
    /// Built at first use, because it may read the system's certificates.
    client: tokio::sync::OnceCell<Https>,
}

/// A failed request.
#[derive(Debug)]
pub(super) struct Error {
    /// The status, if there was an answer.
    pub(super) status: Option<u16>,
    cause: Cause,
}

impl Error {
    fn new(cause: impl Into<Cause>) -> Self {
        Self {
            status: None,
            cause: cause.into(),
        }
    }

    /// Whether the same request may succeed later: there was no answer, Vault is sealed, a standby
    /// or overloaded, or it failed.
    pub(super) fn is_transient(&self) -> bool {
        // 412: an eventually consistent node (Vault HTTP API, "HTTP status codes"). 307 leads from a
        // standby to the active node, which a load balancer's health check should have chosen.
        self.status
            .is_none_or(|status| matches!(status, 307 | 412 | 429 | 472 | 473) || status >= 500)
    }

    /// The failure of a request to this path.
    pub(super) fn at(self, path: &str) -> Failed {
        Failed {
            transient: self.is_transient(),
            cause: format!("{path}: {self}").into(),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&trichrome_startup::error_chain(self.cause.as_ref()))
    }
}

impl Http {
    pub(super) fn new(
        address: &str,
        namespace: Option<String>,
        authorities: Vec<CertificateDer<'static>>,
    ) -> Self {
        Self {
            address: address.to_owned(),
            namespace,
            authorities,
            client: tokio::sync::OnceCell::new(),
        }
    }

    pub(super) async fn get(&self, path: &str, token: Option<&Token>) -> Result<Json, Error> {
        self.send(Method::GET, path, token, None).await
    }

    pub(super) async fn post(
        &self,
        path: &str,
        token: Option<&Token>,
        body: &Json,
    ) -> Result<Json, Error> {
        self.send(Method::POST, path, token, Some(body)).await
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        token: Option<&Token>,
        body: Option<&Json>,
    ) -> Result<Json, Error> {
        let client = self.client.get_or_try_init(async || self.build()).await;
        let client = client.map_err(Error::new)?;
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.address))
            // Vault's agents and proxies can require it, as protection from forged requests.
            .header("x-vault-request", "true");
        if let Some(token) = token {
            let mut value = HeaderValue::try_from(token.expose())
                .map_err(|_| Error::new("the token is no text of a header"))?;
            value.set_sensitive(true);
            request = request.header("x-vault-token", value);
        }
        if let Some(namespace) = &self.namespace {
            request = request.header("x-vault-namespace", namespace);
        }
        let bytes = match body {
            Some(body) => {
                request = request.header(header::CONTENT_TYPE, "application/json");
                Bytes::from(body.to_string())
            }
            None => Bytes::new(),
        };
        let request = request.body(Full::from(bytes)).map_err(Error::new)?;
        let answer = client.request(request).await.map_err(Error::new)?;
        let status = answer.status();
        let body = Limited::new(answer.into_body(), MAX_ANSWER);
        let body = body.collect().await.map_err(Error::new)?.to_bytes();
        if status.is_success() {
            // serde_json's message can quote a value.
            let text = Zeroizing::new(body.to_vec());
            return serde_json::from_slice(&text).map_err(|_| Error::new("the answer isn't JSON"));
        }
        Err(Error {
            status: Some(status.as_u16()),
            cause: refusal(status, &body).into(),
        })
    }

    /// A client that opens a connection for each request: they are minutes apart, and a function
    /// is frozen in between.
    fn build(&self) -> Result<Https, std::io::Error> {
        let mut connector = HttpConnector::new();
        connector.enforce_http(false);
        connector.set_connect_timeout(Some(std::time::Duration::from_secs(1)));
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(self.tls()?)
            .https_or_http()
            .enable_http1()
            .wrap_connector(connector);
        Ok(Client::builder(TokioExecutor::new())
            .pool_max_idle_per_host(0)
            .build(connector))
    }

    fn tls(&self) -> Result<ClientConfig, std::io::Error> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(std::io::Error::other)?;
        let builder = if self.authorities.is_empty() && self.address.starts_with("https:") {
            builder.with_native_roots()?
        } else {
            let mut roots = RootCertStore::empty();
            for authority in &self.authorities {
                roots
                    .add(authority.clone())
                    .map_err(std::io::Error::other)?;
            }
            builder.with_root_certificates(roots)
        };
        Ok(builder.with_no_client_auth())
    }
}

/// Vault's errors, which contain no secret, cut to a line's length.
fn refusal(status: StatusCode, body: &[u8]) -> String {
    let body: Json = serde_json::from_slice(body).unwrap_or_default();
    let errors = body["errors"].as_array();
    let errors = errors.into_iter().flatten().filter_map(Json::as_str);
    let errors: Vec<_> = errors
        .map(|error| error.trim().replace('\n', " "))
        .collect();
    let errors: String = errors.join("; ").chars().take(300).collect();
    match errors.as_str() {
        "" => format!("Vault answered {status}"),
        errors => format!("Vault answered {status}: {errors}"),
    }
}
