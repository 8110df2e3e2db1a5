//! Metadata of a gRPC answer.

/// The error code's name: two codes may share a gRPC status.
pub const ERROR_CODE: &str = "error-code";
/// The call's request id.
pub const REQUEST_ID: &str = "request-id";
/// The call's trace id.
pub const TRACE_ID: &str = "trace-id";
