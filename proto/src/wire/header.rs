//! Headers that accompany a message, in lower case. HTTP headers, gRPC metadata and Kafka record
//! headers have the same names.

use super::limits;
use crate::error::{ApiError, ErrorCode};

/// The caller's token, as `Bearer <token>`.
pub const AUTHORIZATION: &str = "authorization";
/// Makes a create have one effect however often it is sent.
pub const IDEMPOTENCY_KEY: &str = "idempotency-key";
/// The codings of a body, in the order in which they were applied.
pub const CONTENT_ENCODING: &str = "content-encoding";
/// The codings that the service takes, in an answer to another one.
pub const ACCEPT_ENCODING: &str = "accept-encoding";
/// The only coding that the service takes.
pub const IDENTITY: &str = "identity";
/// How long to wait before the next attempt, in whole seconds (RFC 9110, section 10.2.3). Also in
/// gRPC metadata, and on Kafka's answers.
pub const RETRY_AFTER: &str = "retry-after";
/// The addresses that a request came through (the de-facto standard header of proxies).
pub const FORWARDED_FOR: &str = "x-forwarded-for";
/// Identifies the call in logs and answers.
pub const REQUEST_ID: &str = "x-request-id";
/// The W3C trace context's parent.
pub const TRACEPARENT: &str = "traceparent";
/// The W3C trace context's vendor state.
pub const TRACESTATE: &str = "tracestate";
/// AWS X-Ray's trace header, which API Gateway and load balancers set.
pub const XRAY_TRACE: &str = "x-amzn-trace-id";
/// The verified caller in a function's answer to the gateway, which logs it and removes it.
pub const USER_ID: &str = "trichrome-user-id";

/// Whether a caller's request id may be used: it appears unchanged in logs and headers.
pub fn is_request_id(id: &str) -> bool {
    (1..=limits::MAX_REQUEST_ID).contains(&id.len())
        && id
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.:/=+".contains(&byte))
}

/// Whether a text is a valid idempotency key.
pub fn is_idempotency_key(key: &str) -> bool {
    is_id(key, limits::MAX_IDEMPOTENCY_KEY)
}

/// The error for a key that isn't [valid](is_idempotency_key) or is given more than once.
pub fn invalid_idempotency_key() -> ApiError {
    ApiError::invalid(format!(
        "the {IDEMPOTENCY_KEY} must be 1 to {} visible ASCII characters without a comma, given once",
        limits::MAX_IDEMPOTENCY_KEY
    ))
}

/// The error for a body with a content coding other than `identity` (RFC 9110, section 8.4).
/// Its response has the header [`ACCEPT_ENCODING`] with `identity`, as in section 12.5.3.
pub fn compressed_body() -> ApiError {
    ApiError::new(
        ErrorCode::UnsupportedMediaType,
        "the body is compressed; send it as it is, without content-encoding",
    )
}

/// Whether a value of [`CONTENT_ENCODING`] means that the body is as it was sent.
pub fn is_identity(coding: &[u8]) -> bool {
    coding.trim_ascii().is_empty() || coding.trim_ascii().eq_ignore_ascii_case(b"identity")
}

/// 1 to `longest` visible ASCII characters without a comma: API Gateway's HTTP APIs join the
/// values of a repeated header by commas.
pub(super) fn is_id(text: &str, longest: usize) -> bool {
    let fits = |byte: u8| byte.is_ascii_graphic() && byte != b',';
    (1..=longest).contains(&text.len()) && text.bytes().all(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_id_is_short_and_plain() {
        let longest = "x".repeat(limits::MAX_REQUEST_ID);
        for id in ["r-1", "Root=1-67891233-abcdef012345678912345678", &longest] {
            assert!(is_request_id(id), "{id:?}");
        }
        let too_long = "x".repeat(limits::MAX_REQUEST_ID + 1);
        for id in ["", "two words", "line\nbreak", "é", "<b>", &too_long] {
            assert!(!is_request_id(id), "{id:?}");
        }
    }

    #[test]
    fn an_idempotency_key_is_visible() {
        let longest = "<".repeat(limits::MAX_IDEMPOTENCY_KEY);
        for key in ["k-1", "<b>", &longest] {
            assert!(is_idempotency_key(key), "{key:?}");
        }
        let too_long = "k".repeat(limits::MAX_IDEMPOTENCY_KEY + 1);
        for key in ["", "a b", "a,b", "é", "a\tb", &too_long] {
            assert!(!is_idempotency_key(key), "{key:?}");
        }
    }

    #[test]
    fn only_identity_leaves_a_body_as_it_is() {
        for coding in ["", "identity", "Identity", " identity "] {
            assert!(is_identity(coding.as_bytes()), "{coding:?}");
        }
        for coding in ["gzip", "br", "identity, gzip", "identityx", "é"] {
            assert!(!is_identity(coding.as_bytes()), "{coding:?}");
        }
    }
}
