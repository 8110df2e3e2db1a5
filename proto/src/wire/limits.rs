//! Sizes, in bytes unless stated otherwise, that every transport shares.

use crate::error::{ApiError, ErrorCode};

/// The largest picture, decoded.
pub const MAX_PICTURE: usize = 4 * 1024 * 1024;

/// The largest event of a synchronous invocation. (AWS, "Lambda quotas".)
pub const MAX_EVENT: usize = 6 * 1024 * 1024;

/// The largest request body on any transport. The rest of [`MAX_EVENT`] is for what escaping
/// and headers add, so that a body that is accepted also fits its event.
pub const MAX_BODY: usize = MAX_EVENT - 64 * 1024;

/// The largest gRPC message: somewhat larger than a body, so that a caller meets [`MAX_BODY`],
/// with its error, first.
pub const MAX_MESSAGE: usize = 7 * 1024 * 1024;

/// The largest Kafka record: a body in its envelope, where JSON is escaped once more.
pub const MAX_RECORD: usize = 8 * 1024 * 1024;

/// Allowance for a record's key, headers and framing on top of [`MAX_RECORD`].
pub const RECORD_OVERHEAD: usize = 64 * 1024;

/// The longest idempotency key, in characters.
pub const MAX_IDEMPOTENCY_KEY: usize = 255;

/// The longest request id, in characters. A longer one is replaced.
pub const MAX_REQUEST_ID: usize = 128;

/// The longest EventId, in characters. It becomes a create's idempotency key.
pub const MAX_EVENT_ID: usize = 128;

/// The largest head of an HTTP request: the target and the headers' values, in bytes. It is API
/// Gateway's quota for REST APIs (AWS, "Total combined size of request line and header values").
/// The gateway applies it to the facade and to gRPC.
pub const MAX_HEAD: usize = 10_240;

/// The most headers of a request.
pub const MAX_HEADERS: usize = 100;

/// The error for a head over [`MAX_HEAD`] or [`MAX_HEADERS`].
pub fn head_too_large() -> ApiError {
    ApiError::new(
        ErrorCode::HeadersTooLarge,
        format!(
            "the request's path, query and headers must have at most {MAX_HEAD} bytes and \
             {MAX_HEADERS} headers"
        ),
    )
}

/// The error for a body over [`MAX_BODY`].
pub fn body_too_large() -> ApiError {
    ApiError::new(
        ErrorCode::PayloadTooLarge,
        "the request is too large; at most 6 MB pass, which holds a picture of 4 MiB; larger ones \
         are uploaded in parts (`uploads-begin`, POST /uploads)",
    )
}
