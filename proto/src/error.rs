//! Errors as callers see them: one code, on every transport its own number.

use serde::{Deserialize, Serialize};

/// Declares [`ErrorCode`] with its edge table, so that a code cannot lack a column.
macro_rules! error_codes {
    ($($(#[$doc:meta])* $name:ident = $text:literal, $http:literal, $grpc:literal;)*) => {
        /// What went wrong, in the vocabulary of gRPC's status codes, with two of HTTP's.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum ErrorCode {
            $($(#[$doc])* $name,)*
        }

        impl ErrorCode {
            /// Every code.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The `code` of an error body.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// The HTTP status, by grpc-gateway's table.
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
    /// The request is wrong, whatever the state of the service.
    InvalidArgument = "INVALID_ARGUMENT", 400, 3;
    /// No token, or one that is not valid.
    Unauthenticated = "UNAUTHENTICATED", 401, 16;
    /// A valid token, but not for this.
    PermissionDenied = "PERMISSION_DENIED", 403, 7;
    /// There is no such thing, or none that the caller may know of.
    NotFound = "NOT_FOUND", 404, 5;
    /// The path takes other methods.
    MethodNotAllowed = "METHOD_NOT_ALLOWED", 405, 12;
    /// The name is taken.
    AlreadyExists = "ALREADY_EXISTS", 409, 6;
    /// The request is at odds with an earlier one.
    Aborted = "ABORTED", 409, 10;
    /// The body or the picture passes its limit.
    PayloadTooLarge = "PAYLOAD_TOO_LARGE", 413, 8;
    /// Too many calls.
    ResourceExhausted = "RESOURCE_EXHAUSTED", 429, 8;
    /// The caller went away.
    Canceled = "CANCELED", 499, 1;
    /// A fault of the service.
    Internal = "INTERNAL", 500, 13;
    /// There is no such operation.
    Unimplemented = "UNIMPLEMENTED", 501, 12;
    /// Something the service needs is down; the same call may succeed later.
    Unavailable = "UNAVAILABLE", 503, 14;
    /// The answer did not come in time.
    DeadlineExceeded = "DEADLINE_EXCEEDED", 504, 4;
}

impl ErrorCode {
    /// The code with this text.
    pub fn from_text(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.as_str() == text)
    }

    /// The code for an HTTP status that came without one: 200 and its like have none.
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

    /// The code for a gRPC status that came without one: 0 (OK) has none.
    pub fn from_grpc(status: i32) -> Option<Self> {
        match status {
            0 => None,
            // FAILED_PRECONDITION and OUT_OF_RANGE: 400 in grpc-gateway's table.
            9 | 11 => Some(Self::InvalidArgument),
            // 8 and 12 stand for two codes each; these are the common ones.
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

    /// Whether the cause is the service's: its detail belongs in the log, not in the answer.
    pub const fn is_fault(self) -> bool {
        self.http() >= 500
    }

    /// What a caller is told of a fault.
    pub const fn fault_message(self) -> &'static str {
        match self {
            Self::Unavailable => {
                "a part of the service is not available right now; try again shortly"
            }
            Self::DeadlineExceeded => "the answer did not come in time; try again",
            _ => "the service failed; the request id finds the cause in its log",
        }
    }
}

/// A domain error that knows what to tell the caller.
///
/// `Display` is the message that the caller gets, unless the code is a fault
/// ([`ErrorCode::is_fault`]): then the caller gets a general message, and the error with its
/// sources goes to the log.
pub trait Fault: std::error::Error {
    /// The code to answer.
    fn code(&self) -> ErrorCode;
}

/// An error for the caller: what it is, and what to change.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ApiError {
    /// What went wrong.
    pub code: ErrorCode,
    /// What to change, in words.
    pub message: String,
}

impl ApiError {
    /// An error with this code and message.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
        }
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
}

/// The body of every error answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorBody {
    /// The error.
    pub error: ErrorDetail,
}

/// What the caller learns of an error.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorDetail {
    /// [`ErrorCode::as_str`].
    pub code: String,
    /// What to change, in words.
    pub message: String,
    /// Finds the call in the logs.
    #[serde(default)]
    pub request_id: String,
    /// Finds the call's trace: 32 hexadecimal digits (W3C Trace Context).
    #[serde(default)]
    pub trace_id: String,
}

impl ErrorBody {
    /// The body for an error.
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
    fn every_code_survives_http_and_its_text() {
        for &code in ErrorCode::ALL {
            assert_eq!(ErrorCode::from_text(code.as_str()), Some(code));
            let back = ErrorCode::from_http(code.http()).unwrap();
            assert_eq!(back.http(), code.http(), "{code:?}");
        }
    }

    #[test]
    fn grpc_numbers_map_as_grpc_gateway_does() {
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
    fn success_has_no_code() {
        assert_eq!(ErrorCode::from_http(204), None);
        assert_eq!(ErrorCode::from_http(422), Some(ErrorCode::InvalidArgument));
        assert_eq!(ErrorCode::from_http(502), Some(ErrorCode::Unavailable));
        assert_eq!(ErrorCode::from_http(599), Some(ErrorCode::Internal));
    }
}
