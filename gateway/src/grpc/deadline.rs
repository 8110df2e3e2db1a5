//! `grpc-timeout`: the caller's timeout.
//!
//! It is read here because tonic's server answers CANCELLED after the timeout, where the
//! protocol requires DEADLINE_EXCEEDED.

use std::time::Duration;

use http::HeaderMap;

const GRPC_TIMEOUT: &str = "grpc-timeout";

/// The caller's timeout; `None` if it is missing or invalid. The format is up to eight digits and
/// a unit (gRPC over HTTP/2, "Timeout").
pub(crate) fn timeout(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(GRPC_TIMEOUT)?.to_str().ok()?;
    let unit_at = text.len().checked_sub(1)?;
    let (digits, unit) = text.split_at_checked(unit_at)?;
    if !(1..=8).contains(&digits.len()) || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let value: u64 = digits.parse().ok()?;
    Some(match unit {
        "H" => Duration::from_secs(value * 3600),
        "M" => Duration::from_secs(value * 60),
        "S" => Duration::from_secs(value),
        "m" => Duration::from_millis(value),
        "u" => Duration::from_micros(value),
        "n" => Duration::from_nanos(value),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Option<Duration> {
        let mut headers = HeaderMap::new();
        headers.insert(GRPC_TIMEOUT, text.parse().unwrap());
        timeout(&headers)
    }

    #[test]
    fn every_unit_is_parsed() {
        assert_eq!(parse("2H"), Some(Duration::from_secs(7200)));
        assert_eq!(parse("2M"), Some(Duration::from_secs(120)));
        assert_eq!(parse("2S"), Some(Duration::from_secs(2)));
        assert_eq!(parse("250m"), Some(Duration::from_millis(250)));
        assert_eq!(parse("99999999u"), Some(Duration::from_micros(99_999_999)));
        assert_eq!(parse("1n"), Some(Duration::from_nanos(1)));
    }

    #[test]
    fn an_invalid_timeout_is_ignored() {
        for odd in ["", "S", "1", "123456789S", "-1S", "1.5S", "1s"] {
            assert_eq!(parse(odd), None, "{odd:?}");
        }
        assert_eq!(timeout(&HeaderMap::new()), None);
    }
}
