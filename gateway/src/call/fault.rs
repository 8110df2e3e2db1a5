//! Faults of the gateway, or of what it stands on: what a caller is told, and what the log is.

use std::error::Error;

use trichrome_proto::error::{ApiError, ErrorCode};

/// What a caller is told of a fault: its code, and the contract's general words for it.
pub(crate) fn told(code: ErrorCode) -> ApiError {
    ApiError::new(code, code.fault_message())
}

/// What a caller is told when the gateway itself is at fault.
pub(crate) fn internal() -> ApiError {
    told(ErrorCode::Internal)
}

/// What a caller is told where time ran out.
pub(crate) fn timed_out() -> ApiError {
    told(ErrorCode::DeadlineExceeded)
}

/// An error with its causes, on one line.
pub fn error_chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        // Some errors print their source already.
        if !text.ends_with(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}
