//! Converts the contract's errors to gRPC statuses, and back.

use http::{HeaderMap, HeaderValue};
use tonic::{Code, Status, metadata::MetadataMap};
use trichrome_proto::{
    error::{ApiError, ErrorCode},
    wire::{
        header::RETRY_AFTER,
        metadata::{ERROR_CODE, REQUEST_ID, TRACE_ID},
    },
};

use crate::{call::context::Context, http::server};

/// The status for an error outside of any call.
pub(crate) fn without_call(error: &ApiError) -> Status {
    let mut status = Status::new(Code::from_i32(error.code.grpc()), &error.message);
    let headers: &mut HeaderMap = status.metadata_mut().as_mut();
    headers.insert(ERROR_CODE, HeaderValue::from_static(error.code.as_str()));
    let wait = error.retry_after_header();
    if let Some(Ok(wait)) = wait.map(HeaderValue::try_from) {
        headers.insert(RETRY_AFTER, wait);
    }
    status
}

/// The status for an error of a call.
pub(crate) fn from_error(error: &ApiError, context: &Context) -> Status {
    let mut status = without_call(error);
    put_ids(status.metadata_mut().as_mut(), context);
    status
}

/// Adds a call's ids to its metadata.
pub(crate) fn put_ids(headers: &mut HeaderMap, context: &Context) {
    for (name, id) in [
        (REQUEST_ID, context.request_id.as_str()),
        (TRACE_ID, context.trace.id()),
    ] {
        if let Ok(value) = HeaderValue::from_str(id) {
            headers.insert(name, value);
        }
    }
}

/// A status's name in the protocol and in `rpc.response.status_code`.
pub(crate) const fn name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}

/// The error for a status.
pub(crate) fn to_error(status: &Status) -> ApiError {
    let code = error_code(status.metadata())
        .or_else(|| ErrorCode::from_grpc(status.code() as i32))
        .unwrap_or(ErrorCode::Internal);
    // A status without an error code comes from gRPC itself, whose message is internal.
    let message = if error_code(status.metadata()).is_none() && code.is_fault() {
        code.fault_message()
    } else {
        status.message()
    };
    let wait = status.metadata().get(RETRY_AFTER);
    ApiError::new(code, message).with_retry_after(wait.and_then(|wait| wait.to_str().ok()))
}

fn error_code(metadata: &MetadataMap) -> Option<ErrorCode> {
    ErrorCode::from_text(metadata.get(ERROR_CODE)?.to_str().ok()?)
}

/// The caller's mistake in a request that was refused before it was decoded. Most of tonic's
/// statuses for that are internal or out of range.
pub(crate) fn refusal(status: &Status) -> ApiError {
    if let Some(code) = error_code(status.metadata()) {
        return ApiError::new(code, status.message());
    }
    if server::is_late(status) {
        let message = "the message took too long to arrive";
        return ApiError::new(ErrorCode::DeadlineExceeded, message);
    }
    match status.code() {
        Code::OutOfRange | Code::ResourceExhausted => crate::call::limits::body_too_large(),
        Code::Unimplemented => ApiError::new(
            ErrorCode::Unimplemented,
            "this compression is not supported; send messages with gzip, or uncompressed",
        ),
        Code::Cancelled => ApiError::new(ErrorCode::Canceled, "the call was cancelled"),
        Code::InvalidArgument => ApiError::invalid(status.message()),
        _ => ApiError::invalid("the request must be one gRPC message of this method's type"),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn every_code_survives_a_round_trip() {
        for &code in ErrorCode::ALL {
            let context = Context::read(|_| None);
            let status = from_error(&ApiError::new(code, "words"), &context);
            assert_eq!(status.code() as i32, code.grpc());
            let metadata = status.metadata();
            assert_eq!(metadata.get(REQUEST_ID).unwrap(), &*context.request_id);
            assert_eq!(metadata.get(TRACE_ID).unwrap(), context.trace.id());
            assert_eq!(to_error(&status), ApiError::new(code, "words"));
        }
        let error = ApiError::new(ErrorCode::ResourceExhausted, "words");
        let error = error.retrying_after(Duration::from_secs(7));
        let status = without_call(&error);
        assert_eq!(status.metadata().get("retry-after").unwrap(), "7");
        assert_eq!(to_error(&status), error);
    }

    #[test]
    fn a_status_without_an_error_code_is_mapped_by_its_number() {
        let error = to_error(&Status::not_found("no such thing"));
        assert_eq!(error, ApiError::new(ErrorCode::NotFound, "no such thing"));
        let error = to_error(&Status::unknown("h2 protocol error: http2 error"));
        assert_eq!(error.code, ErrorCode::Internal);
        assert_eq!(error.message, ErrorCode::Internal.fault_message());
    }

    #[test]
    fn tonics_refusals_become_the_callers_mistakes() {
        let code = |status| refusal(&status).code;
        assert_eq!(code(Status::out_of_range("x")), ErrorCode::PayloadTooLarge);
        assert_eq!(code(Status::internal("x")), ErrorCode::InvalidArgument);
        assert_eq!(code(Status::unimplemented("x")), ErrorCode::Unimplemented);
    }
}
