//! The end of old calls.

use sqlx::PgConnection;
use time::OffsetDateTime;
use tokio::time::Instant;

use super::{UpkeepError, days, patiently};

/// Rows that one statement deletes at most: a fraction of a second.
const BATCH: i64 = 10_000;

/// The partition of calls from before the cutover.
const BEFORE_CUTOVER: &str = "call_logs";

/// Other tables with old rows, and their columns of time. Sums go with their calls, so that totals
/// are those of the calls that can be read.
const TABLES: [(&str, &str); 7] = [
    ("calls_by_five_minutes", "start"),
    ("calls_by_hour", "start"),
    ("operations_by_hour", "start"),
    ("operations_by_day", "start"),
    ("calls_other", "at"),
    (BEFORE_CUTOVER, "at"),
    ("call_claims", "at"),
];

/// Drops the partitions of days before this one, and returns how many.
pub(super) async fn drop_days(
    connection: &mut PgConnection,
    first_day: OffsetDateTime,
    deadline: Instant,
) -> Result<u64, UpkeepError> {
    let cutover: OffsetDateTime = sqlx::query_scalar("SELECT cutover FROM calls_state")
        .fetch_one(&mut *connection)
        .await?;
    let is_over = |table: &String| match days::day(table) {
        Some(day) => day < first_day,
        None => table == BEFORE_CUTOVER && cutover <= first_day,
    };
    let tables = days::tables(connection).await?;
    let mut dropped = 0;
    for table in tables.iter().filter(|table| is_over(table)) {
        patiently(connection, &format!("DROP TABLE {table}"), deadline).await?;
        dropped += 1;
    }
    Ok(dropped)
}

/// Deletes rows of before this day that are in no day's partition, and returns how many, and whether
/// those were all.
pub(super) async fn delete(
    connection: &mut PgConnection,
    first_day: OffsetDateTime,
    deadline: Instant,
) -> Result<(u64, bool), UpkeepError> {
    let mut deleted = 0;
    for (table, column) in TABLES {
        let exists: bool = sqlx::query_scalar("SELECT to_regclass($1) IS NOT NULL")
            .bind(table)
            .fetch_one(&mut *connection)
            .await?;
        let statement = format!(
            "DELETE FROM {table} WHERE ctid = ANY(ARRAY(SELECT ctid FROM {table} \
             WHERE {column} < $1 ORDER BY {column} LIMIT {BATCH}))"
        );
        let mut batch = BATCH.unsigned_abs();
        while exists && batch == BATCH.unsigned_abs() {
            if Instant::now() >= deadline {
                return Ok((deleted, false));
            }
            let query = sqlx::query(sqlx::AssertSqlSafe(statement.as_str())).bind(first_day);
            batch = query.execute(&mut *connection).await?.rows_affected();
            deleted += batch;
        }
    }
    Ok((deleted, true))
}
