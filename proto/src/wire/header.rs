//! Headers that accompany a message, in lower case. HTTP headers, gRPC metadata and Kafka record
//! headers have the same names.

use super::limits;

/// The caller's token, as `Bearer <token>`.
pub const AUTHORIZATION: &str = "authorization";
/// Makes a create have one effect however often it is sent.
pub const IDEMPOTENCY_KEY: &str = "idempotency-key";
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
    is_visible(key, limits::MAX_IDEMPOTENCY_KEY)
}

/// 1 to `longest` visible ASCII characters.
pub(super) fn is_visible(text: &str, longest: usize) -> bool {
    (1..=longest).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
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
        for key in ["", "a b", "é", &too_long] {
            assert!(!is_idempotency_key(key), "{key:?}");
        }
    }
}
