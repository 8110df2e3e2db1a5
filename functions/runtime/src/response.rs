//! Building the HTTP response.

use lambda_http::{
    Body, Response,
    http::{
        HeaderName, HeaderValue,
        header::{CACHE_CONTROL, CONTENT_TYPE, LOCATION, RETRY_AFTER, X_CONTENT_TYPE_OPTIONS},
    },
};
use serde::Serialize;
use trichrome_proto::{
    binding,
    contract::Operation,
    error::{ErrorBody, ErrorCode, Fault, retry_after_header},
    wire::header::{ACCEPT_ENCODING, IDENTITY, REQUEST_ID, TRACEPARENT, USER_ID},
};
use trichrome_startup::error_chain;
use trichrome_telemetry::Trace;

use crate::{request::Head, response_cache::CacheUse};

/// The response to a successful call.
pub(crate) fn success<T: Serialize>(operation: &Operation, output: &T) -> Response<Body> {
    // Only a list has fields besides its body, and a redirect its address. Other messages are
    // serialized directly.
    let (body, headers) = if operation.output.is_empty() {
        (Ok(None), Vec::new())
    } else if operation.http.response_body.is_none() && binding::redirect_field(operation).is_none()
    {
        (serde_json::to_string(output).map(Some), Vec::new())
    } else {
        match serde_json::to_value(output) {
            Ok(message) => {
                let location = binding::redirect(operation, &message);
                let location = location.map(|url| (LOCATION.as_str().to_owned(), url.to_owned()));
                let (body, mut headers) = binding::split_response(operation, message);
                headers.extend(location);
                (Ok(body.map(|body| body.to_string())), headers)
            }
            Err(error) => (Err(error), Vec::new()),
        }
    };
    let body = match body {
        Ok(body) => body,
        Err(error) => {
            tracing::error!(
                error = error_chain(&error),
                "the response can't be encoded as JSON"
            );
            return plain(ErrorCode::Internal.http(), String::new());
        }
    };
    let mut response = match body {
        Some(body) => plain(operation.http.success, body),
        None => empty(operation.http.success),
    };
    for (name, value) in headers {
        insert(&mut response, &name, &value);
    }
    response
}

/// A successful response as it was before.
pub(crate) fn restored(
    operation: &Operation,
    headers: Vec<(String, String)>,
    body: String,
) -> Response<Body> {
    let mut response = empty(operation.http.success);
    *response.body_mut() = Body::Text(body);
    for (name, value) in headers {
        insert(&mut response, &name, &value);
    }
    response
}

/// Says whether the response was kept from an earlier call (RFC 9211).
pub(crate) fn cache_status(response: &mut Response<Body>, cache: CacheUse) {
    let status = match cache {
        CacheUse::Hit => "trichrome; hit",
        CacheUse::Miss => "trichrome; fwd=miss",
        CacheUse::Failed | CacheUse::Evicted => return,
    };
    insert(response, "cache-status", status);
}

/// The response to a failed call. If the service is at fault, the caller gets only the code, and
/// the details are logged.
pub(crate) fn failure(error: &dyn Fault, head: &Head) -> Response<Body> {
    let code = error.code();
    let message = if code.is_fault() {
        let error = error_chain(error);
        tracing::error!(code = code.as_str(), error, "call failed");
        code.fault_message().to_owned()
    } else {
        tracing::info!(code = code.as_str(), %error, "call refused");
        error.to_string()
    };
    let body = ErrorBody::new(code, message, &head.request_id, &head.trace_id);
    let mut response = plain(
        code.http(),
        serde_json::to_string(&body).unwrap_or_default(),
    );
    if let Some(wait) = error.retry_after() {
        insert(
            &mut response,
            RETRY_AFTER.as_str(),
            &retry_after_header(wait),
        );
    }
    // No `WWW-Authenticate` with 401: API Gateway renames it in a function's answer to
    // `x-amzn-Remapped-WWW-Authenticate`. (AWS, "Amazon API Gateway important notes",
    // https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-known-issues.html)
    if code == ErrorCode::UnsupportedMediaType && head.is_compressed {
        // RFC 9110, section 12.5.3: the codings that would be accepted, and only if the body's isn't.
        insert(&mut response, ACCEPT_ENCODING, IDENTITY);
    }
    response
}

/// Allows pages of `origin` to read the response. Behind API Gateway's REST API, the function
/// must set these headers. (AWS, "CORS for REST APIs", Lambda proxy integrations.)
pub(crate) fn allow_origin(response: &mut Response<Body>, operation: &Operation, origin: &str) {
    let readable: Vec<_> = [REQUEST_ID, TRACEPARENT, RETRY_AFTER.as_str()]
        .into_iter()
        .map(str::to_owned)
        .chain(binding::response_headers(operation))
        .collect();
    insert(response, "access-control-allow-origin", origin);
    insert(
        response,
        "access-control-expose-headers",
        &readable.join(", "),
    );
    if origin != "*" {
        insert(response, "vary", "origin");
    }
}

/// Adds the headers of every response.
pub(crate) fn finish(
    mut response: Response<Body>,
    head: &Head,
    trace: &Trace,
    user_id: Option<&str>,
) -> Response<Body> {
    insert(&mut response, REQUEST_ID, &head.request_id);
    insert(&mut response, TRACEPARENT, trace.parent());
    insert(&mut response, CACHE_CONTROL.as_str(), "no-store");
    insert(&mut response, X_CONTENT_TYPE_OPTIONS.as_str(), "nosniff");
    if let Some(user_id) = user_id {
        insert(&mut response, USER_ID, user_id);
    }
    response
}

fn plain(status: u16, body: String) -> Response<Body> {
    let mut response = empty(status);
    *response.body_mut() = Body::Text(body);
    insert(&mut response, CONTENT_TYPE.as_str(), "application/json");
    response
}

fn empty(status: u16) -> Response<Body> {
    let mut response = Response::new(Body::Empty);
    if let Ok(status) = status.try_into() {
        *response.status_mut() = status;
    }
    response
}

fn insert(response: &mut Response<Body>, name: &str, value: &str) {
    if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
        response.headers_mut().insert(name, value);
    }
}
