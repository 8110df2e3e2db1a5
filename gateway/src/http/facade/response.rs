//! The facade's responses, which have the same form for each transport.

use axum::{body::Body, response::Response};
use http::{
    HeaderName, HeaderValue, StatusCode,
    header::{ACCEPT_ENCODING, ALLOW, CACHE_CONTROL, CONTENT_TYPE, LOCATION, RETRY_AFTER},
};
use serde_json::Value;
use trichrome_proto::{
    binding,
    contract::Operation,
    error::{ApiError, ErrorBody, ErrorCode},
    wire::header::IDENTITY,
};

use crate::call::{context::Context, fault::internal};

const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// Responses are private to their caller, so nothing between may cache them.
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

/// An error as an HTTP response.
#[derive(Debug)]
pub(crate) struct Refusal {
    error: ApiError,
    /// For the header `Allow` of `METHOD_NOT_ALLOWED`.
    allow: Vec<&'static str>,
    /// Whether `UNSUPPORTED_MEDIA_TYPE` is about the body's coding.
    compressed: bool,
}

impl From<ApiError> for Refusal {
    fn from(error: ApiError) -> Self {
        Self {
            error,
            allow: Vec::new(),
            compressed: false,
        }
    }
}

impl Refusal {
    /// The refusal of a request whose body is compressed or not.
    pub(super) fn of_compressed(self, compressed: bool) -> Self {
        Self { compressed, ..self }
    }

    pub(crate) fn not_found() -> Self {
        ApiError::new(ErrorCode::NotFound, "unknown path; /docs lists all paths").into()
    }

    pub(crate) fn method_not_allowed(allow: Vec<&'static str>) -> Self {
        Self {
            error: ApiError::new(
                ErrorCode::MethodNotAllowed,
                format!("this path supports {}", allow.join(", ")),
            ),
            allow,
            compressed: false,
        }
    }

    pub(crate) fn into_response(self, context: &Context) -> Response {
        let wait = self.error.retry_after_header();
        let body = ErrorBody::new(
            self.error.code,
            self.error.message,
            &context.request_id,
            context.trace.id(),
        );
        let text = serde_json::to_string(&body).unwrap_or_default();
        let mut response = json(self.error.code.http(), text);
        if let Ok(allow) = HeaderValue::from_str(&self.allow.join(", "))
            && !self.allow.is_empty()
        {
            response.headers_mut().insert(ALLOW, allow);
        }
        if self.compressed && self.error.code == ErrorCode::UnsupportedMediaType {
            // RFC 9110, section 12.5.3: the codings that would be accepted, and only if the body's
            // isn't.
            response
                .headers_mut()
                .insert(ACCEPT_ENCODING, HeaderValue::from_static(IDENTITY));
        }
        if let Some(Ok(wait)) = wait.map(HeaderValue::try_from) {
            response.headers_mut().insert(RETRY_AFTER, wait);
        }
        if self.error.code == ErrorCode::Unauthenticated {
            // Required by RFC 9110, section 15.5.2.
            response.headers_mut().insert(
                http::header::WWW_AUTHENTICATE,
                HeaderValue::from_static("Bearer"),
            );
        }
        response
    }
}

/// The response for a response message.
pub(crate) fn from_message(operation: &Operation, message: Value) -> Response {
    let location = binding::redirect(operation, &message).map(HeaderValue::try_from);
    let (body, headers) = binding::split_response(operation, message);
    let mut response = match body {
        Some(body) => json(operation.http.success, body.to_string()),
        None => empty(operation.http.success),
    };
    for (name, value) in headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            response.headers_mut().insert(name, value);
        }
    }
    if let Some(Ok(location)) = location {
        response.headers_mut().insert(LOCATION, location);
    }
    response
}

/// The response for a response message as JSON text, which is parsed only if some fields travel
/// as headers.
///
/// # Errors
///
/// `INTERNAL` if the text is not JSON.
pub(crate) fn from_text(operation: &Operation, message: String) -> Result<Response, ApiError> {
    if operation.output.is_empty() {
        return Ok(empty(operation.http.success));
    }
    if operation.http.response_body.is_none() && binding::redirect_field(operation).is_none() {
        return Ok(json(operation.http.success, message));
    }
    match serde_json::from_str(&message) {
        Ok(message) => Ok(from_message(operation, message)),
        Err(error) => {
            tracing::error!(function = operation.function, %error, "the answer is not JSON");
            Err(internal())
        }
    }
}

/// A JSON response.
pub(crate) fn json(status: u16, body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = status_code(status);
    response.headers_mut().insert(CONTENT_TYPE, JSON);
    response.headers_mut().insert(CACHE_CONTROL, NO_STORE);
    response
}

fn empty(status: u16) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status_code(status);
    response.headers_mut().insert(CACHE_CONTROL, NO_STORE);
    response
}

fn status_code(status: u16) -> StatusCode {
    // 499, for a cancelled request, isn't registered but is a valid number.
    StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}
