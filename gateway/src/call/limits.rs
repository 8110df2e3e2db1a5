//! The sizes that every transport shares.

use std::time::Duration;

use trichrome_proto::error::{ApiError, ErrorCode};

/// The largest request body, in bytes, on any transport.
///
/// Lambda takes 6 MiB a synchronous invocation (AWS, "Lambda quotas"), the event around the
/// body included; what escaping and headers add comes off here, so that a body that is let
/// in also gets through.
pub(crate) const MAX_BODY: usize = 6 * 1024 * 1024 - 64 * 1024;

/// The largest event, in bytes, that Lambda takes synchronously.
pub(crate) const MAX_EVENT: usize = 6 * 1024 * 1024;

/// The largest gRPC message, in bytes: a body as protobuf, with room to spare, so that the
/// limit a caller meets is [`MAX_BODY`] with its own words.
pub(crate) const MAX_MESSAGE: usize = 7 * 1024 * 1024;

/// The largest Kafka record, in bytes: a body in the envelope, whose JSON text is escaped
/// once more.
pub(crate) const MAX_RECORD: usize = 8 * 1024 * 1024;

/// Room for a record's key, headers and framing on top of [`MAX_RECORD`].
pub(crate) const RECORD_OVERHEAD: usize = 64 * 1024;

/// How long a client may take to send its request: a picture at 1 Mbit/s. Its call's own
/// time begins after that.
pub(crate) const UPLOAD_TIMEOUT: Duration = Duration::from_secs(60);

/// What a caller is told of a body over [`MAX_BODY`].
pub(crate) fn body_too_large() -> ApiError {
    ApiError::new(
        ErrorCode::PayloadTooLarge,
        "the request is too large; at most 6 MB pass, which holds a picture of 4 MiB",
    )
}
