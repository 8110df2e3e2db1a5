//! Dividing a range of time into buckets for a chart.

use prost_types::Timestamp;
use time::{Duration, OffsetDateTime};

use crate::instant;

/// The contract's limit of buckets in a response.
const MAX_BUCKETS: i64 = 100;

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// Lengths that are easy to read off a chart, in seconds: whole fractions of a minute, an hour
/// and a day, then whole weeks.
const LENGTHS: [i64; 25] = [
    1,
    2,
    5,
    10,
    15,
    30,
    MINUTE,
    2 * MINUTE,
    5 * MINUTE,
    10 * MINUTE,
    15 * MINUTE,
    30 * MINUTE,
    HOUR,
    2 * HOUR,
    3 * HOUR,
    6 * HOUR,
    12 * HOUR,
    DAY,
    2 * DAY,
    7 * DAY,
    14 * DAY,
    28 * DAY,
    91 * DAY,
    364 * DAY,
    3640 * DAY,
];

/// The length if all [`LENGTHS`] are too short: 200 years, so that 51 cover the calendar.
const LONGEST: i64 = 72_800 * DAY;

/// The start of bucket 0: 2001-01-01, a Monday, so that weeks begin on Mondays.
const ORIGIN: i64 = 978_307_200;

/// Consecutive buckets of the same length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Buckets {
    /// In seconds.
    length: i64,
    /// The number of the first bucket, counted from [`ORIGIN`].
    first: i64,
    /// The number of the last bucket.
    last: i64,
}

impl Buckets {
    /// The shortest buckets of at least length `shortest` of which at most 100 cover the time from
    /// `first` to `last`, both included.
    pub(crate) fn spanning(
        first: OffsetDateTime,
        last: OffsetDateTime,
        shortest: Duration,
    ) -> Self {
        let of_length = |length| Self {
            length,
            first: number(first, length),
            last: number(last, length),
        };
        LENGTHS
            .into_iter()
            .filter(|length| *length >= shortest.whole_seconds())
            .map(of_length)
            .find(|buckets| buckets.last - buckets.first < MAX_BUCKETS)
            .unwrap_or_else(|| of_length(LONGEST))
    }

    /// The length of each bucket.
    pub(crate) const fn length(&self) -> Duration {
        Duration::seconds(self.length)
    }

    /// A time at which a bucket begins: the origin for `date_bin`.
    pub(crate) const fn origin() -> OffsetDateTime {
        time::macros::datetime!(2001-01-01 00:00 UTC)
    }

    /// The start of each bucket, oldest first.
    pub(crate) fn starts(&self) -> impl Iterator<Item = Timestamp> + use<> {
        let length = self.length;
        // The oldest bucket may begin before the calendar, where timestamps have no text form.
        (self.first..=self.last).map(move |number| Timestamp {
            seconds: (ORIGIN + number * length).max(instant::EARLIEST),
            nanos: 0,
        })
    }
}

/// The number of the bucket of this length, in seconds, that contains a time.
fn number(at: OffsetDateTime, length: i64) -> i64 {
    (at.unix_timestamp() - ORIGIN).div_euclid(length)
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    fn starts(first: OffsetDateTime, last: OffsetDateTime) -> Vec<String> {
        Buckets::spanning(first, last, Duration::ZERO)
            .starts()
            .map(|start| start.to_string())
            .collect()
    }

    #[test]
    fn one_time_needs_one_bucket() {
        let at = datetime!(2026-10-01 12:30:45.9 UTC);
        assert_eq!(starts(at, at), ["2026-10-01T12:30:45Z"]);
    }

    #[test]
    fn buckets_begin_at_round_times_and_cover_both_ends() {
        let first = datetime!(2026-10-01 12:30:45 UTC);
        let day = starts(first, first + Duration::DAY);
        assert_eq!(day.len(), 97);
        assert_eq!(day[0], "2026-10-01T12:30:00Z");
        assert_eq!(day[1], "2026-10-01T12:45:00Z");
        assert_eq!(day[96], "2026-10-02T12:30:00Z");
    }

    #[test]
    fn buckets_may_have_a_shortest_length() {
        let first = datetime!(2026-10-01 12:30:45 UTC);
        let length = |range, shortest| {
            let buckets = Buckets::spanning(first, first + range, shortest);
            buckets.length()
        };
        assert_eq!(length(Duration::DAY, Duration::HOUR), Duration::HOUR);
        assert_eq!(length(Duration::WEEK, Duration::HOUR), Duration::hours(2));
    }

    #[test]
    fn weeks_begin_on_mondays() {
        let weeks = Buckets::spanning(
            datetime!(2025-01-01 00:00 UTC),
            datetime!(2026-10-01 00:00 UTC),
            Duration::ZERO,
        );
        assert_eq!(weeks.length(), Duration::WEEK);
        for start in weeks.starts() {
            let start = instant::from_proto(start).unwrap();
            assert_eq!(start.weekday(), time::Weekday::Monday);
        }
    }

    #[test]
    fn every_range_fits() {
        let first = datetime!(0001-01-01 00:00 UTC);
        let mut length = Duration::MICROSECOND;
        let mut longest = Duration::ZERO;
        while let Some(last) = first.checked_add(length) {
            for (first, last) in [
                (first, last),
                (last, datetime!(9999-12-31 23:59:59.999999 UTC)),
            ] {
                let buckets = Buckets::spanning(first, last, Duration::ZERO);
                let starts: Vec<_> = buckets.starts().collect();
                assert!(starts.len() <= 100, "{first} to {last}: {}", starts.len());
                assert!(
                    starts
                        .iter()
                        .all(|start| instant::from_proto(*start).is_some())
                );
                assert!(starts.is_sorted_by_key(|start| start.seconds));
                longest = longest.max(buckets.length());
            }
            length = length * 3 / 2 + Duration::MICROSECOND;
        }
        assert_eq!(longest.whole_seconds(), LONGEST);
    }

    #[test]
    fn the_origin_is_one() {
        assert_eq!(Buckets::origin().unix_timestamp(), ORIGIN);
        assert_eq!(Buckets::origin().weekday(), time::Weekday::Monday);
    }
}
