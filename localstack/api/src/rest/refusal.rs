//! API Gateway's own errors, as `template.yaml` words them (`GatewayResponses`).

use axum::{body::Body, response::Response};
use http::{
    HeaderMap, HeaderValue, StatusCode,
    header::{ALLOW, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS},
};
use tracing::Span;
use trichrome_proto::{
    error::{ApiError, ErrorBody, ErrorCode},
    wire::header::{REQUEST_ID, is_request_id},
};
use trichrome_telemetry::{Origin, Trace};

use super::{ascii, cors};
use crate::{body::BodyError, functions::InvokeError};

/// An error of the API itself, not of a function.
#[derive(Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    code: ErrorCode,
    message: String,
    /// For the header `Allow`.
    allow: Vec<&'static str>,
}

impl Refusal {
    fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self {
            status: StatusCode::from_u16(code.http()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
            code,
            message: message.into(),
            allow: Vec::new(),
        }
    }

    pub(super) fn not_found(path: &str) -> Self {
        Self::new(ErrorCode::NotFound, format!("no such path: {path}"))
    }

    pub(super) fn method_not_allowed(method: &str, path: &str, allow: Vec<&'static str>) -> Self {
        let allowed = allow.join(", ");
        let message = format!("{path} doesn't allow {method}; it allows {allowed}");
        Self {
            allow,
            ..Self::new(ErrorCode::MethodNotAllowed, message)
        }
    }

    pub(super) fn body_too_large() -> Self {
        Self::new(ErrorCode::PayloadTooLarge, "the body is too large")
    }

    pub(super) fn timed_out() -> Self {
        let message = "the call took too long; try again shortly";
        Self::new(ErrorCode::DeadlineExceeded, message)
    }

    /// The function failed, or its answer isn't an HTTP response.
    pub(super) fn bad_gateway() -> Self {
        let message = "something went wrong here; try again shortly";
        Self {
            status: StatusCode::BAD_GATEWAY,
            ..Self::new(ErrorCode::Internal, message)
        }
    }

    /// The response to a request with these headers, which API Gateway has given this id.
    pub(super) fn into_response(self, request: &HeaderMap, id: &str) -> Response {
        let given = ascii(request, REQUEST_ID).filter(|id| is_request_id(id));
        let id = given.unwrap_or(id);
        let origin = Origin::read(|name| ascii(request, name));
        let trace = Trace::adopt(&Span::none(), origin);
        let body = ErrorBody::new(self.code, self.message, id, trace.id());
        let body = serde_json::to_string(&body).unwrap_or_default();
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        cors::allow_origin(headers);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        if let Ok(id) = HeaderValue::from_str(id) {
            headers.insert(REQUEST_ID, id);
        }
        if let Ok(allow) = HeaderValue::try_from(self.allow.join(", "))
            && !allow.is_empty()
        {
            headers.insert(ALLOW, allow);
        }
        response
    }
}

impl From<ApiError> for Refusal {
    fn from(error: ApiError) -> Self {
        Self::new(error.code, error.message)
    }
}

impl From<BodyError> for Refusal {
    fn from(error: BodyError) -> Self {
        match error {
            BodyError::TooLarge => Self::body_too_large(),
            BodyError::Incomplete => {
                Self::new(ErrorCode::InvalidArgument, "the body is incomplete")
            }
            BodyError::TimedOut => Self::new(
                ErrorCode::DeadlineExceeded,
                "the body took too long to arrive",
            ),
        }
    }
}

impl From<InvokeError> for Refusal {
    fn from(error: InvokeError) -> Self {
        match error {
            InvokeError::Throttled => Self::new(
                ErrorCode::ResourceExhausted,
                "too many requests; try again shortly",
            ),
            InvokeError::TooLarge(..) => Self::body_too_large(),
            InvokeError::Missing(_) => Self::fault(ErrorCode::Unimplemented),
            InvokeError::Unreachable => Self::fault(ErrorCode::Unavailable),
            InvokeError::NotJson => Self::bad_gateway(),
        }
    }
}

impl Refusal {
    fn fault(code: ErrorCode) -> Self {
        Self::new(code, code.fault_message())
    }
}
