//! The HTTP port: the facade, health, the documentation and the web app.

pub(crate) mod cors;
pub(crate) mod docs;
pub(crate) mod facade;
pub(crate) mod fallback;
pub(crate) mod head;
pub(crate) mod policy;
pub(crate) mod server;
pub(crate) mod session;
pub(crate) mod site;

use std::{any::Any, path::Path};

use axum::{
    Router,
    extract::Request,
    middleware::{self, Next},
    response::{IntoResponse, Response},
};
use http::{
    HeaderValue, Method, StatusCode,
    header::{USER_AGENT, X_CONTENT_TYPE_OPTIONS},
};
use tower_http::catch_panic::CatchPanicLayer;
use tracing::{Instrument as _, Span, field::Empty, info_span};
use trichrome_proto::wire::header::{AUTHORIZATION, REQUEST_ID, TRACEPARENT};
use trichrome_telemetry as telemetry;

use self::{
    facade::{Facade, response::Refusal},
    fallback::{method_not_allowed, not_found},
    policy::PicturesOrigin,
};
use crate::{
    call::{
        context::{Context, http_header},
        fault::internal,
    },
    ops::{health::Readiness, pages},
};

/// Keeps browsers from taking an answer for another type than it names.
pub(crate) const NOSNIFF: HeaderValue = HeaderValue::from_static("nosniff");

/// All routes of the HTTP port.
pub(crate) fn router(
    facade: Facade,
    readiness: Readiness,
    origins: &[HeaderValue],
    web_root: Option<&Path>,
    pictures: Option<&PicturesOrigin>,
) -> Router {
    let pages = pages::health(readiness)
        .merge(docs::router())
        .merge(session::router());
    let pages = match web_root {
        Some(root) => pages.merge(site::router(root, pictures)),
        None => pages.fallback(not_found),
    };
    pages
        .merge(facade::router(facade))
        .method_not_allowed_fallback(method_not_allowed)
        .layer(CatchPanicLayer::custom(panicked))
        .layer(middleware::from_fn(identify))
        .layer(cors::http(origins))
}

/// Gives each request its context, and each response the ids that find it in logs and traces.
/// Every response of this port passes here.
async fn identify(mut request: Request, next: Next) -> Response {
    let (span, session) = if facade::is_below(request.uri().path()) {
        let session = session::authorization(request.headers());
        (request_span(&request), session)
    } else {
        (Span::none(), None)
    };
    let header = |name: &str| match name {
        AUTHORIZATION if session.is_some() => session.as_deref(),
        _ => http_header(request.headers(), name),
    };
    let context =
        Context::begin(&span, header).at_client(server::client_address(request.extensions()));
    request.extensions_mut().insert(context.clone());
    let mut response = next.run(request).instrument(span.clone()).await;
    if response.extensions_mut().remove::<Panicked>().is_some() {
        response = Refusal::from(internal()).into_response(&context);
    }
    let status = response.status();
    telemetry::set(
        &span,
        "http.response.status_code",
        i64::from(status.as_u16()),
    );
    if status.is_server_error() {
        telemetry::failed(&span, status.as_str());
    }
    let headers = response.headers_mut();
    headers.insert(X_CONTENT_TYPE_OPTIONS, NOSNIFF);
    for (name, value) in [
        (REQUEST_ID, context.request_id.as_str()),
        (TRACEPARENT, context.trace.parent()),
    ] {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    }
    response
}

/// A span for a request, by the semantic conventions for HTTP servers; the facade adds the
/// route. The query is left out, because it may name a user.
fn request_span(request: &Request) -> Span {
    let headers = request.headers();
    let agent = headers
        .get(USER_AGENT)
        .and_then(|agent| agent.to_str().ok());
    let method = standard_method(request.method());
    let span = info_span!(
        "request",
        otel.kind = "server",
        otel.name = method.unwrap_or("HTTP"),
        request_id = Empty,
        trace_id = Empty,
        http.request.method = method.unwrap_or("_OTHER"),
        url.scheme = "http",
        url.path = request.uri().path(),
    );
    if let Some(agent) = agent {
        telemetry::set(&span, "user_agent.original", agent.to_owned());
    }
    span
}

/// The name of a standard method. Callers can invent any number of others.
fn standard_method(method: &Method) -> Option<&str> {
    [
        Method::GET,
        Method::HEAD,
        Method::POST,
        Method::PUT,
        Method::PATCH,
        Method::DELETE,
        Method::OPTIONS,
        Method::CONNECT,
        Method::TRACE,
    ]
    .contains(method)
    .then(|| method.as_str())
}

/// Marks the response to a request that panicked. `identify` replaces it, because the context
/// is known there.
#[derive(Clone, Copy)]
struct Panicked;

fn panicked(_: Box<dyn Any + Send + 'static>) -> Response {
    let mut response = StatusCode::INTERNAL_SERVER_ERROR.into_response();
    response.extensions_mut().insert(Panicked);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nonstandard_method_is_not_named() {
        assert_eq!(standard_method(&Method::PATCH), Some("PATCH"));
        assert_eq!(
            standard_method(&Method::from_bytes(b"SPAM1").unwrap()),
            None
        );
    }
}
