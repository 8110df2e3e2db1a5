//! `/rest`: forwards requests to API Gateway over HTTP.

use std::{sync::Arc, time::Duration};

use axum::response::Response;
use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue, Request, Uri,
    header::{CONTENT_TYPE, LOCATION, RETRY_AFTER},
    response::Parts,
};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_rustls::{ConfigBuilderExt as _, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use rustls::{ClientConfig, RootCertStore};
use tokio::time::{Instant, timeout_at};
use tracing::{Instrument as _, Span, info_span};
use trichrome_proto::{
    binding,
    contract::Operation,
    error::{ApiError, ErrorCode},
    wire::header::FORWARDED_FOR,
};
use trichrome_startup::error_chain;
use trichrome_telemetry as telemetry;
use url::Url;

use super::response;
use crate::call::{
    answer::read_error,
    context::Context,
    fault::{internal, timed_out},
    limits,
};

/// The timeout for connecting to the API.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// A client of the REST API. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Rest {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    /// Without a trailing slash: `https://…/prod`.
    base: String,
    host: String,
    port: Option<u16>,
}

impl Rest {
    /// A client of the API at `base`.
    ///
    /// # Errors
    ///
    /// The system's root certificates cannot be read.
    pub(crate) fn new(base: &Url) -> std::io::Result<Self> {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(CONNECT_TIMEOUT));
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls(base)?)
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp);
        Ok(Self {
            client: Client::builder(TokioExecutor::new())
                .pool_timer(TokioTimer::new())
                .build(connector),
            base: base.as_str().trim_end_matches('/').to_owned(),
            host: base.host_str().unwrap_or_default().to_owned(),
            port: base.port_or_known_default(),
        })
    }

    /// Forwards a request to the API and returns its response.
    ///
    /// # Errors
    ///
    /// The API's error, or `UNAVAILABLE` if it cannot be reached.
    pub(crate) async fn call(
        &self,
        operation: &Operation,
        target: &str,
        content_type: Option<&HeaderValue>,
        body: Bytes,
        context: &Context,
        deadline: Instant,
    ) -> Result<Response, ApiError> {
        let span = self.span(operation, target);
        let context = context.at(&span);
        let request = self.request(operation, target, content_type, body, &context)?;
        let answer = self.send(request).instrument(span.clone());
        let (parts, body) = timeout_at(deadline, answer)
            .await
            .unwrap_or_else(|_| Err(timed_out()))
            .inspect_err(|error| telemetry::failed(&span, error.code.as_str()))?;
        let status = parts.status.as_u16();
        match ErrorCode::from_http(status) {
            Some(code) => {
                telemetry::failed(&span, status.to_string());
                let wait = parts.headers.get(RETRY_AFTER);
                let wait = wait.and_then(|wait| wait.to_str().ok());
                Err(read_error(code, &body).with_retry_after(wait))
            }
            None => Ok(forward(operation, status, &parts.headers, body)),
        }
    }

    /// A span for a request, by the semantic conventions for HTTP clients. The query is left out,
    /// because it may name a user.
    fn span(&self, operation: &Operation, target: &str) -> Span {
        let path = target.split_once('?').map_or(target, |(path, _)| path);
        let span = info_span!(
            "rest",
            otel.kind = "client",
            otel.name = format!("{} {}", operation.http.method, operation.http.path),
            http.request.method = operation.http.method,
            url.full = format!("{}{path}", self.base),
            url.template = operation.http.path,
            server.address = self.host,
        );
        if let Some(port) = self.port {
            telemetry::set(&span, "server.port", i64::from(port));
        }
        span
    }

    fn request(
        &self,
        operation: &Operation,
        target: &str,
        content_type: Option<&HeaderValue>,
        body: Bytes,
        context: &Context,
    ) -> Result<Request<Full<Bytes>>, ApiError> {
        let uri: Uri = format!("{}{target}", self.base)
            .parse()
            .map_err(|_| ApiError::invalid("the path is not valid"))?;
        let mut request = Request::builder().method(operation.http.method).uri(uri);
        for (name, value) in context.headers() {
            request = request.header(name, value);
        }
        if let Some(client) = context.client {
            request = request.header(FORWARDED_FOR, client.to_string());
        }
        // Without a content type, API Gateway doesn't treat a body as JSON.
        let json = HeaderValue::from_static("application/json");
        if operation.http.body {
            request = request.header(CONTENT_TYPE, content_type.unwrap_or(&json));
        }
        request.body(Full::new(body)).map_err(|error| {
            tracing::error!(%error, "cannot build a request for the REST API");
            internal()
        })
    }

    async fn send(&self, request: Request<Full<Bytes>>) -> Result<(Parts, Bytes), ApiError> {
        let unavailable = |error: &(dyn std::error::Error + 'static)| {
            tracing::warn!(error = error_chain(error), "the REST API failed");
            let code = ErrorCode::Unavailable;
            ApiError::new(code, "the REST API cannot be reached; try again shortly")
        };
        let response = self
            .client
            .request(request)
            .await
            .map_err(|error| unavailable(&error))?;
        let (parts, body) = response.into_parts();
        // Set early, because the rest of the response may never arrive.
        telemetry::set(
            &Span::current(),
            "http.response.status_code",
            i64::from(parts.status.as_u16()),
        );
        let body = Limited::new(body, limits::MAX_RECORD)
            .collect()
            .await
            .map_err(|error| unavailable(&*error))?
            .to_bytes();
        Ok((parts, body))
    }
}

/// TLS with the system's root certificates. They aren't read for plain HTTP, as with the local
/// API, because a container may have none.
fn tls(base: &Url) -> std::io::Result<ClientConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(std::io::Error::other)?;
    let builder = if base.scheme() == "https" {
        builder.with_native_roots()?
    } else {
        builder.with_root_certificates(RootCertStore::empty())
    };
    Ok(builder.with_no_client_auth())
}

/// The API's response with only the contract's headers: without CORS and connection headers.
fn forward(operation: &Operation, status: u16, headers: &HeaderMap, body: Bytes) -> Response {
    let empty = body.is_empty();
    let mut response = response::json(status, body);
    let fields = operation
        .output
        .fields
        .iter()
        .filter(|_| operation.http.response_body.is_some())
        .filter_map(|field| HeaderName::try_from(binding::header_name(field.name)).ok());
    for name in [CONTENT_TYPE, LOCATION, RETRY_AFTER]
        .into_iter()
        .chain(fields)
    {
        if let Some(value) = headers.get(&name) {
            response.headers_mut().insert(name, value.clone());
        }
    }
    if empty {
        response.headers_mut().remove(CONTENT_TYPE);
    }
    response
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use axum::{Router, routing::any};
    use trichrome_proto::contract::by_function;

    use super::*;

    /// Whatever the method, the API gets a request once: a repeat could have a second effect, or
    /// double the load on an API that is slow.
    #[tokio::test]
    async fn a_request_without_an_answer_times_out_and_is_not_repeated() {
        let requests = Arc::new(AtomicU32::new(0));
        let count = Arc::clone(&requests);
        let answer = async move || {
            count.fetch_add(1, Ordering::SeqCst);
            std::future::pending::<()>().await;
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(any(answer));
        tokio::spawn(async move { axum::serve(listener, router).await });
        let rest = Rest::new(&base.parse().unwrap()).unwrap();
        let context = Context::read(|_| None);
        for function in ["pictures-get", "pictures-delete"] {
            requests.store(0, Ordering::SeqCst);
            let operation = by_function(function).unwrap();
            let deadline = Instant::now() + Duration::from_millis(500);
            let answer = rest
                .call(operation, "/it", None, Bytes::new(), &context, deadline)
                .await;
            let code = answer.map_err(|error| error.code).map(|_| ());
            assert_eq!(code, Err(ErrorCode::DeadlineExceeded), "{function}");
            assert_eq!(requests.load(Ordering::SeqCst), 1, "{function}");
        }
    }
}
