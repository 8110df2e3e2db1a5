//! Conversions of the contract's timestamps.

use prost_types::Timestamp;
use time::OffsetDateTime;

/// 0001-01-01T00:00:00Z in seconds since 1970: the earliest time in the contract's text form
/// (RFC 3339).
pub(crate) const EARLIEST: i64 = -62_135_596_800;

/// The time, if it is in the years 1 to 9999.
pub(crate) fn from_proto(at: Timestamp) -> Option<OffsetDateTime> {
    let nanos = u32::try_from(at.nanos).ok()?;
    OffsetDateTime::from_unix_timestamp(at.seconds)
        .ok()
        .filter(|_| at.seconds >= EARLIEST)?
        .replace_nanosecond(nanos)
        .ok()
}

/// The time as a timestamp of the contract.
pub(crate) fn to_proto(at: OffsetDateTime) -> Timestamp {
    Timestamp {
        seconds: at.unix_timestamp(),
        nanos: i32::try_from(at.nanosecond()).unwrap_or_default(),
    }
}

/// Microseconds since 1970, Postgres' resolution.
pub(crate) fn micros(at: OffsetDateTime) -> i64 {
    // The calendar ends after 2.5e17 microseconds.
    i64::try_from(at.unix_timestamp_nanos().div_euclid(1000)).unwrap_or(i64::MAX)
}

/// Converts Unix milliseconds. `None` if they are negative: Kafka sends -1 if it has no time.
pub(crate) fn from_millis(millis: i64) -> Option<OffsetDateTime> {
    u64::try_from(millis).ok()?;
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(millis) * 1_000_000).ok()
}

/// The time that many microseconds after 1970, if it is in the years 1 to 9999.
pub(crate) fn from_micros(micros: i64) -> Option<OffsetDateTime> {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(micros) * 1000)
        .ok()
        .filter(|at| at.unix_timestamp() >= EARLIEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conversions_are_lossless() {
        for text in [
            "2026-10-01T12:30:45.123456Z",
            "0001-01-01T00:00:00Z",
            "1969-12-31T23:59:59.999999Z",
            "9999-12-31T23:59:59Z",
        ] {
            let proto: Timestamp = text.parse().unwrap();
            let at = from_proto(proto).unwrap();
            assert_eq!(to_proto(at), proto, "{text}");
            assert_eq!(from_micros(micros(at)), Some(at), "{text}");
        }
    }

    #[test]
    fn times_outside_the_calendar_are_none() {
        for (seconds, nanos) in [
            (i64::MAX, 0),
            (i64::MIN, 0),
            (0, -1),
            (0, 1_000_000_000),
            (EARLIEST - 1, 0),
        ] {
            assert_eq!(
                from_proto(Timestamp { seconds, nanos }),
                None,
                "{seconds} {nanos}"
            );
        }
        assert_eq!(from_micros(i64::MAX), None);
        // The year -7537, which Postgres can't store.
        assert_eq!(from_micros(-300_000_000_000_000_000), None);
    }
}
