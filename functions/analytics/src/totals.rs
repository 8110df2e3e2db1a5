//! The totals of entries, as the contract returns them.

use std::collections::HashMap;

use prost_types::Timestamp;
use trichrome_proto::analytics::{Bucket, Group, Totals};

use crate::{buckets::Buckets, entry::rounded};

/// The totals of one group of entries.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Sum {
    pub(crate) calls: i64,
    pub(crate) errors: i64,
    pub(crate) p50_ms: f64,
    pub(crate) p95_ms: f64,
}

/// A percentile, given by the two values next to its rank.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Percentile {
    /// 0.95 for the 95th.
    pub(crate) share: f64,
    /// The value at the rank rounded down.
    pub(crate) floor: f64,
    /// The value at the rank rounded up.
    pub(crate) ceil: f64,
}

impl Percentile {
    /// The percentile of `count` values, interpolated like Postgres's `percentile_cont`.
    #[expect(
        clippy::cast_precision_loss,
        reason = "a rank past 2^53 is exact enough"
    )]
    pub(crate) fn interpolate(self, count: i64) -> f64 {
        let rank = self.share * (count - 1) as f64;
        self.floor + (self.ceil - self.floor) * rank.fract()
    }
}

/// The totals of all entries that match a filter.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Sums {
    pub(crate) all: Sum,
    /// By transport, most calls first.
    pub(crate) by_transport: Vec<(String, Sum)>,
    /// By `service/Method`, most calls first.
    pub(crate) by_operation: Vec<(String, Sum)>,
    /// The buckets of `over_time`.
    pub(crate) buckets: Buckets,
    /// By the start of the bucket in seconds since 1970. Buckets without entries are missing.
    pub(crate) over_time: HashMap<i64, Sum>,
}

impl From<Sums> for Totals {
    fn from(sums: Sums) -> Self {
        let Sums {
            all,
            by_transport,
            by_operation,
            buckets,
            over_time,
        } = sums;
        let bucket = |start: Timestamp| match over_time.get(&start.seconds) {
            Some(sum) => Bucket {
                start: Some(start),
                calls: count(sum.calls),
                errors: count(sum.errors),
                p95_ms: rounded(sum.p95_ms),
            },
            None => Bucket {
                start: Some(start),
                ..Bucket::default()
            },
        };
        Self {
            calls: count(all.calls),
            errors: count(all.errors),
            p50_ms: rounded(all.p50_ms),
            p95_ms: rounded(all.p95_ms),
            by_transport: by_transport.into_iter().map(group).collect(),
            by_operation: by_operation.into_iter().map(group).collect(),
            over_time: buckets.starts().map(bucket).collect(),
        }
    }
}

fn group((name, sum): (String, Sum)) -> Group {
    Group {
        name,
        calls: count(sum.calls),
        errors: count(sum.errors),
        p50_ms: rounded(sum.p50_ms),
        p95_ms: rounded(sum.p95_ms),
    }
}

/// The contract's counts are 32 bits wide.
fn count(count: i64) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn a_percentile_is_interpolated() {
        let p95 = |floor, ceil, count| {
            let share = 0.95;
            Percentile { share, floor, ceil }.interpolate(count)
        };
        // The rank is 1.9 for 10, 20 and 30, exactly 95 for 1 to 101, and 0 for one value.
        assert!((p95(20.0, 30.0, 3) - 29.0).abs() < 1e-9);
        assert!((p95(96.0, 96.0, 101) - 96.0).abs() < 1e-9);
        assert_eq!(p95(7.0, 7.0, 1), 7.0);
    }

    #[test]
    fn buckets_without_entries_are_included() {
        let first = datetime!(2026-10-01 12:00 UTC);
        let sums = Sums {
            all: Sum {
                calls: 5_000_000_000,
                errors: 1,
                p50_ms: 1.000_000_1,
                p95_ms: 12.345_678,
            },
            by_transport: vec![("rest".to_owned(), Sum::default())],
            by_operation: Vec::new(),
            buckets: Buckets::spanning(
                first,
                first + time::Duration::seconds(3),
                time::Duration::ZERO,
            ),
            over_time: HashMap::from([(
                first.unix_timestamp() + 2,
                Sum {
                    calls: 7,
                    ..Sum::default()
                },
            )]),
        };
        let totals = Totals::from(sums);
        assert_eq!(totals.calls, u32::MAX);
        assert_eq!((totals.p50_ms, totals.p95_ms), (1.0, 12.346));
        assert_eq!(totals.by_transport[0].name, "rest");
        let calls: Vec<_> = totals.over_time.iter().map(|bucket| bucket.calls).collect();
        assert_eq!(calls, [0, 0, 7, 0]);
    }
}
