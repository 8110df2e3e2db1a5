//! CORS: which pages may call the gateway, and which headers they may send and read.

use std::{collections::BTreeSet, time::Duration};

use http::{HeaderName, HeaderValue, Method, header};
use tower_http::cors::{AllowOrigin, CorsLayer};
use trichrome_proto::{
    binding,
    contract::{OPERATIONS, http_methods},
    wire::{
        header::{IDEMPOTENCY_KEY, REQUEST_ID, RETRY_AFTER, TRACEPARENT, TRACESTATE},
        metadata,
    },
};

/// How long browsers may cache a preflight response. Chrome's maximum is two hours.
const MAX_AGE: Duration = Duration::from_secs(7200);

/// CORS for the HTTP port.
pub(crate) fn http(origins: &[HeaderValue]) -> CorsLayer {
    base(origins)
        .allow_methods(methods())
        .allow_headers(names(&[
            header::AUTHORIZATION.as_str(),
            header::CONTENT_TYPE.as_str(),
            IDEMPOTENCY_KEY,
            REQUEST_ID,
            TRACEPARENT,
            TRACESTATE,
        ]))
        .expose_headers(exposed())
}

/// CORS for gRPC-Web.
pub(crate) fn grpc(origins: &[HeaderValue]) -> CorsLayer {
    base(origins)
        .allow_methods([Method::POST])
        .allow_headers(names(&[
            header::AUTHORIZATION.as_str(),
            header::CONTENT_TYPE.as_str(),
            IDEMPOTENCY_KEY,
            REQUEST_ID,
            TRACEPARENT,
            TRACESTATE,
            // Browsers' gRPC-Web clients send these.
            "grpc-timeout",
            "x-grpc-web",
            "x-user-agent",
        ]))
        .expose_headers(names(&[
            "grpc-status",
            "grpc-message",
            "grpc-status-details-bin",
            metadata::ERROR_CODE,
            metadata::REQUEST_ID,
            RETRY_AFTER,
        ]))
}

/// The methods of all operations.
fn methods() -> Vec<Method> {
    http_methods()
        .into_iter()
        .filter_map(|method| method.parse().ok())
        .collect()
}

/// What a page may read: every response's ids, and the contract's response headers.
fn exposed() -> Vec<HeaderName> {
    let fields: BTreeSet<_> = OPERATIONS
        .iter()
        .flat_map(binding::response_headers)
        .collect();
    let fields = fields
        .into_iter()
        .filter_map(|name| HeaderName::try_from(name).ok());
    names(&[REQUEST_ID, TRACEPARENT, RETRY_AFTER])
        .into_iter()
        .chain(fields)
        .collect()
}

fn base(origins: &[HeaderValue]) -> CorsLayer {
    CorsLayer::new()
        .allow_origin(AllowOrigin::list(origins.iter().cloned()))
        .max_age(MAX_AGE)
}

fn names(names: &[&'static str]) -> Vec<HeaderName> {
    names
        .iter()
        .map(|name| HeaderName::from_static(name))
        .collect()
}
