//! The partitions of days.

use std::ops::Range;

use sqlx::PgConnection;
use time::{Duration, OffsetDateTime, PrimitiveDateTime, UtcOffset};
use tokio::time::Instant;

use super::{UpkeepError, patiently};

/// Partitions exist for today and that many more days, in case the upkeep fails for a while. Calls of
/// days without one are kept in `calls_other`.
const AHEAD: i64 = 7;

/// The start of a time's day (UTC).
pub(super) fn start(at: OffsetDateTime) -> OffsetDateTime {
    let date = at.to_offset(UtcOffset::UTC).date();
    PrimitiveDateTime::new(date, time::Time::MIDNIGHT).assume_utc()
}

/// The name of a day's partition.
pub(super) fn table(day: OffsetDateTime) -> String {
    let (year, month, day) = day.to_calendar_date();
    format!("calls_{year:04}{:02}{day:02}", u8::from(month))
}

/// The day of a partition; `None` for the others.
pub(super) fn day(table: &str) -> Option<OffsetDateTime> {
    let digits = table.strip_prefix("calls_").filter(|it| it.len() == 8)?;
    let number = |range: Range<usize>| digits.get(range)?.parse::<u16>().ok();
    let month = time::Month::try_from(u8::try_from(number(4..6)?).ok()?).ok()?;
    let day = u8::try_from(number(6..8)?).ok()?;
    let date = time::Date::from_calendar_date(number(0..4)?.into(), month, day).ok()?;
    Some(PrimitiveDateTime::new(date, time::Time::MIDNIGHT).assume_utc())
}

/// The names of all partitions.
pub(super) async fn tables(connection: &mut PgConnection) -> Result<Vec<String>, sqlx::Error> {
    let query = "SELECT relname::text FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid \
         WHERE inhparent = 'calls'::regclass";
    sqlx::query_scalar(query).fetch_all(connection).await
}

/// Creates the partitions that are missing, and returns how many. A day that already has calls in
/// `calls_other` gets none, so that they needn't be moved while others are written.
pub(super) async fn create(
    connection: &mut PgConnection,
    now: OffsetDateTime,
    deadline: Instant,
) -> Result<u64, UpkeepError> {
    let existing = tables(connection).await?;
    let cutover: OffsetDateTime = sqlx::query_scalar("SELECT cutover FROM calls_state")
        .fetch_one(&mut *connection)
        .await?;
    let today = start(now);
    let mut created = 0;
    for ahead in 0..=AHEAD {
        let day = today + Duration::days(ahead);
        let name = table(day);
        if day < cutover || existing.contains(&name) {
            continue;
        }
        let has_calls: bool = sqlx::query_scalar(
            "SELECT EXISTS (SELECT FROM calls_other WHERE at >= $1 AND at < $1 + interval '24 hours')",
        )
        .bind(day)
        .fetch_one(&mut *connection)
        .await?;
        if has_calls {
            tracing::warn!(%name, "the day has calls in calls_other, so it gets no partition");
            continue;
        }
        let (from, to) = (day.unix_timestamp(), (day + Duration::DAY).unix_timestamp());
        let statements = format!(
            "CREATE TABLE {name} (LIKE calls_other INCLUDING ALL); \
             ALTER TABLE calls ATTACH PARTITION {name} \
                 FOR VALUES FROM (to_timestamp({from})) TO (to_timestamp({to}))"
        );
        patiently(connection, &statements, deadline).await?;
        created += 1;
    }
    Ok(created)
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn a_partition_is_named_by_its_day() {
        let first = datetime!(2026-03-01 00:00 UTC);
        assert_eq!(table(first), "calls_20260301");
        assert_eq!(day("calls_20260301"), Some(first));
        for other in [
            "calls_other",
            "call_logs",
            "calls_20260230",
            "calls_2026030",
            "calls_202603011",
            "calls_2026é301",
        ] {
            assert_eq!(day(other), None, "{other}");
        }
    }

    #[test]
    fn days_begin_at_midnight_in_utc() {
        let at = datetime!(2026-03-01 00:30 +02:00);
        assert_eq!(start(at), datetime!(2026-02-28 00:00 UTC));
    }
}
