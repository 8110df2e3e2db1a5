//! The facade's answers: one shape, whichever transport they came back over.

use axum::{body::Body, response::Response};
use http::{
    HeaderName, HeaderValue, StatusCode,
    header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE},
};
use serde_json::Value;
use trichrome_proto::{
    binding,
    contract::Operation,
    error::{ApiError, ErrorBody, ErrorCode},
};

use crate::call::{context::Context, fault::internal};

const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// An answer is one caller's, and is not to be kept by anything between.
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

/// An error, with what HTTP wants beside it.
#[derive(Debug)]
pub(crate) struct Refusal {
    error: ApiError,
    allow: Vec<&'static str>,
}

impl From<ApiError> for Refusal {
    fn from(error: ApiError) -> Self {
        Self {
            error,
            allow: Vec::new(),
        }
    }
}

impl Refusal {
    /// There is no such path.
    pub(crate) fn not_found() -> Self {
        ApiError::new(
            ErrorCode::NotFound,
            "there is no such path; /docs lists those there are",
        )
        .into()
    }

    /// The path takes other methods.
    pub(crate) fn method(allow: Vec<&'static str>) -> Self {
        Self {
            error: ApiError::new(
                ErrorCode::MethodNotAllowed,
                format!("this path takes {}", allow.join(", ")),
            ),
            allow,
        }
    }

    /// The answer.
    pub(crate) fn into_response(self, context: &Context) -> Response {
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
        if self.error.code == ErrorCode::Unauthenticated {
            // RFC 9110, section 15.5.2, wants a 401 to say how.
            response.headers_mut().insert(
                http::header::WWW_AUTHENTICATE,
                HeaderValue::from_static("Bearer"),
            );
        }
        response
    }
}

/// The answer that a response message makes.
pub(crate) fn from_message(operation: &Operation, message: Value) -> Response {
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
    response
}

/// The answer that a response message makes, as JSON text: it is parsed only where it has
/// to be taken apart.
///
/// # Errors
///
/// `INTERNAL` where the text is not JSON.
pub(crate) fn from_text(operation: &Operation, message: String) -> Result<Response, ApiError> {
    if operation.output.is_empty() {
        return Ok(empty(operation.http.success));
    }
    if operation.http.response_body.is_none() {
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

/// JSON with this status.
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
    // 499, of a caller that went away, is in no registry, and still a valid number.
    StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}
