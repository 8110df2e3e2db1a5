//! Errors for faults of the gateway or its dependencies. Callers get the contract's general
//! message; the details are in the log.

use trichrome_proto::error::{ApiError, ErrorCode};

/// A fault with the contract's general message for its code.
pub(crate) fn fault(code: ErrorCode) -> ApiError {
    ApiError::new(code, code.fault_message())
}

/// A fault of the gateway itself.
pub(crate) fn internal() -> ApiError {
    fault(ErrorCode::Internal)
}

/// A call that exceeded its deadline.
pub(crate) fn timed_out() -> ApiError {
    fault(ErrorCode::DeadlineExceeded)
}
