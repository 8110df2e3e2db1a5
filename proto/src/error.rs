//! Errors as returned to callers, with their HTTP and gRPC statuses.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Declares [`ErrorCode`] and its statuses in one table, so that none can be missing.
macro_rules! error_codes {
    ($($(#[$doc:meta])* $name:ident = $text:literal, $http:literal, $grpc:literal;)*) => {
        /// The kind of an error: gRPC's status codes, four of HTTP's, and a full quota.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum ErrorCode {
            $($(#[$doc])* $name,)*
        }

        impl ErrorCode {
            /// Every code.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The `code` in an error body.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// The HTTP status, as in grpc-gateway's table.
            pub const fn http(self) -> u16 {
                match self { $(Self::$name => $http,)* }
            }

            /// The number of the gRPC status.
            pub const fn grpc(self) -> i32 {
                match self { $(Self::$name => $grpc,)* }
            }
        }
    };
}

error_codes! {
    /// The request is invalid, independently of stored data.
    InvalidArgument = "INVALID_ARGUMENT", 400, 3;
    /// The token is missing or invalid.
    Unauthenticated = "UNAUTHENTICATED", 401, 16;
    /// The token is valid, but doesn't allow the call.
    PermissionDenied = "PERMISSION_DENIED", 403, 7;
    /// The caller's pictures would take more than their quota.
    QuotaExceeded = "QUOTA_EXCEEDED", 403, 8;
    /// The object doesn't exist, or the caller may not see it.
    NotFound = "NOT_FOUND", 404, 5;
    /// The path exists, but not with this method.
    MethodNotAllowed = "METHOD_NOT_ALLOWED", 405, 12;
    /// The name is already in use.
    AlreadyExists = "ALREADY_EXISTS", 409, 6;
    /// The request conflicts with an earlier one.
    Aborted = "ABORTED", 409, 10;
    /// The body or the picture is too large.
    PayloadTooLarge = "PAYLOAD_TOO_LARGE", 413, 8;
    /// The body has a content coding (RFC 9110, section 15.5.16).
    UnsupportedMediaType = "UNSUPPORTED_MEDIA_TYPE", 415, 3;
    /// The request line and headers are too large.
    HeadersTooLarge = "HEADERS_TOO_LARGE", 431, 8;
    /// Too many requests.
    ResourceExhausted = "RESOURCE_EXHAUSTED", 429, 8;
    /// The caller cancelled the call.
    Canceled = "CANCELED", 499, 1;
    /// An internal error.
    Internal = "INTERNAL", 500, 13;
    /// The operation doesn't exist.
    Unimplemented = "UNIMPLEMENTED", 501, 12;
    /// A dependency is unavailable. A retry may succeed.
    Unavailable = "UNAVAILABLE", 503, 14;
    /// The call timed out.
    DeadlineExceeded = "DEADLINE_EXCEEDED", 504, 4;
}

impl ErrorCode {
    /// Parses a `code`.
    pub fn from_text(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.as_str() == text)
    }

    /// The code for an HTTP status without an error body; `None` for a success.
    pub fn from_http(status: u16) -> Option<Self> {
        match status {
            0..400 => None,
            502 => Some(Self::Unavailable),
            _ => Some(
                Self::ALL
                    .iter()
                    .copied()
                    .find(|code| code.http() == status)
                    .unwrap_or(if status < 500 {
                        Self::InvalidArgument
                    } else {
                        Self::Internal
                    }),
            ),
        }
    }

    /// The code for a gRPC status without an error code; `None` for 0 (OK).
    pub fn from_grpc(status: i32) -> Option<Self> {
        match status {
            0 => None,
            // FAILED_PRECONDITION and OUT_OF_RANGE: 400 in grpc-gateway's table.
            9 | 11 => Some(Self::InvalidArgument),
            // 8 and 12 are shared by several codes; these are the common ones.
            8 => Some(Self::ResourceExhausted),
            12 => Some(Self::Unimplemented),
            _ => Some(
                Self::ALL
                    .iter()
                    .copied()
                    .find(|code| code.grpc() == status)
                    .unwrap_or(Self::Internal),
            ),
        }
    }

    /// Whether the service is at fault. The details are logged and not returned.
    pub const fn is_fault(self) -> bool {
        self.http() >= 500
    }

    /// The message returned to the caller in place of a fault's details.
    pub const fn fault_message(self) -> &'static str {
        match self {
            Self::Unavailable => {
                "a part of the service is not available right now; try again shortly"
            }
            Self::DeadlineExceeded => "the answer did not come in time; try again",
            Self::Unimplemented => "no function serves this operation yet",
            _ => "the service failed; the request id finds the cause in its log",
        }
    }
}

/// A domain error with a code.
///
/// `Display` is the message returned to the caller. For a fault ([`ErrorCode::is_fault`]) a
/// general message is returned, and the error is logged with its sources.
pub trait Fault: std::error::Error {
    /// The code to return.
    fn code(&self) -> ErrorCode;

    /// How long the caller should wait before the next attempt, if that is known.
    fn retry_after(&self) -> Option<Duration> {
        None
    }
}

/// An error to return to the caller.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ApiError {
    /// The kind of error.
    pub code: ErrorCode,
    /// What is wrong, and what to change.
    pub message: String,
    /// How long to wait before the next attempt.
    pub retry_after: Option<Duration>,
}

impl ApiError {
    /// An error with this code and message.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            retry_after: None,
        }
    }

    /// The same error, for a caller who should wait before the next attempt.
    #[must_use]
    pub fn retrying_after(self, wait: Duration) -> Self {
        Self {
            retry_after: Some(wait),
            ..self
        }
    }

    /// The same error with the value of a header `retry-after`, if there is a valid one.
    #[must_use]
    pub fn with_retry_after(self, header: Option<&str>) -> Self {
        let seconds = header.and_then(|seconds| seconds.parse().ok());
        Self {
            retry_after: seconds.map(Duration::from_secs),
            ..self
        }
    }

    /// The value of the header `retry-after`.
    #[must_use]
    pub fn retry_after_header(&self) -> Option<String> {
        self.retry_after.map(retry_after_header)
    }

    /// [`ErrorCode::InvalidArgument`].
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::InvalidArgument, message)
    }
}

impl Fault for ApiError {
    fn code(&self) -> ErrorCode {
        self.code
    }

    fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }
}

/// The value of a header `retry-after`: whole seconds (RFC 9110, section 10.2.3), at least one.
#[must_use]
pub fn retry_after_header(wait: Duration) -> String {
    let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    seconds.max(1).to_string()
}

/// The body of every error response.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorBody {
    /// The error.
    pub error: ErrorDetail,
}

/// The content of an error body.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorDetail {
    /// [`ErrorCode::as_str`].
    pub code: String,
    /// What is wrong, and what to change.
    pub message: String,
    /// The request's id in the logs.
    #[serde(default)]
    pub request_id: String,
    /// The trace's id: 32 hexadecimal digits (W3C Trace Context).
    #[serde(default)]
    pub trace_id: String,
}

impl ErrorBody {
    /// Creates the body for an error.
    pub fn new(
        code: ErrorCode,
        message: impl Into<String>,
        request_id: impl Into<String>,
        trace_id: impl Into<String>,
    ) -> Self {
        Self {
            error: ErrorDetail {
                code: code.as_str().to_owned(),
                message: message.into(),
                request_id: request_id.into(),
                trace_id: trace_id.into(),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_round_trip_through_http_and_text() {
        for &code in ErrorCode::ALL {
            assert_eq!(ErrorCode::from_text(code.as_str()), Some(code));
            let back = ErrorCode::from_http(code.http()).unwrap();
            assert_eq!(back.http(), code.http(), "{code:?}");
        }
    }

    #[test]
    fn grpc_statuses_map_as_in_grpc_gateway() {
        let expected = [
            (1, 499),
            (2, 500),
            (3, 400),
            (4, 504),
            (5, 404),
            (6, 409),
            (7, 403),
            (8, 429),
            (9, 400),
            (10, 409),
            (11, 400),
            (12, 501),
            (13, 500),
            (14, 503),
            (15, 500),
            (16, 401),
        ];
        for (grpc, http) in expected {
            assert_eq!(ErrorCode::from_grpc(grpc).unwrap().http(), http, "{grpc}");
        }
        assert_eq!(ErrorCode::from_grpc(0), None);
    }

    #[test]
    fn a_wait_is_rounded_up_to_seconds() {
        for (millis, header) in [(0, "1"), (1, "1"), (1000, "1"), (1001, "2"), (60_000, "60")] {
            let wait = Duration::from_millis(millis);
            let error = ApiError::new(ErrorCode::ResourceExhausted, "wait").retrying_after(wait);
            assert_eq!(error.retry_after_header().as_deref(), Some(header));
            let read = ApiError::invalid("").with_retry_after(Some(header));
            assert!(read.retry_after.unwrap() >= wait);
        }
        for invalid in [None, Some("soon"), Some("-1")] {
            let error = ApiError::invalid("").with_retry_after(invalid);
            assert_eq!(error.retry_after, None);
        }
    }

    #[test]
    fn success_has_no_code() {
        assert_eq!(ErrorCode::from_http(204), None);
        assert_eq!(ErrorCode::from_http(422), Some(ErrorCode::InvalidArgument));
        assert_eq!(ErrorCode::from_http(502), Some(ErrorCode::Unavailable));
        assert_eq!(ErrorCode::from_http(599), Some(ErrorCode::Internal));
    }
}
