//! Keeping the table of calls in order: partitions for the days to come, an end for old calls, and
//! sums of calls from before there were sums.
//!
//! It runs after the migrations and on a schedule, and may run at any time, next to writers and
//! readers. Statements that need a table for themselves wait half a second for it at most, because
//! writers wait behind them, and try again.

mod backfill;
mod days;
mod expiry;

use std::time::Duration;

use serde::Serialize;
use sqlx::{ConnectOptions as _, Connection as _, PgConnection};
use time::OffsetDateTime;
use tokio::time::Instant;
use trichrome_proto::error::{ErrorCode, Fault};
use trichrome_startup::Variables;

use crate::{
    Database, DatabaseError,
    database::{Target, refuses_login},
};

/// How long a statement may wait for a table, and writers behind it.
const LOCK_TIMEOUT: Duration = Duration::from_millis(500);
/// The pause before the next attempt: readers that hold the table end within 5 s.
const PAUSE: Duration = Duration::from_secs(2);
/// Attempts before the upkeep fails.
const ATTEMPTS: usize = 10;

/// How long calls are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    days: u16,
}

impl Retention {
    /// The variable, in days. A call is kept for that long and then until the end of its day (UTC).
    pub const VARIABLE: &str = "CALL_LOG_RETENTION_DAYS";
    /// The default of the variable.
    pub const DEFAULT_DAYS: u16 = 30;
    /// The largest value of the variable: ten years. Reads that aren't limited to a range open every
    /// partition.
    pub const MAX_DAYS: u16 = 3650;

    /// Reads the variable. A problem is recorded there.
    pub fn read(variables: &mut Variables<'_>) -> Self {
        let days =
            variables.optional_with(Self::VARIABLE, "a number of days from 1 to 3650", |text| {
                let days = text.parse().ok()?;
                (1..=Self::MAX_DAYS).contains(&days).then_some(days)
            });
        Self {
            days: days.unwrap_or(Self::DEFAULT_DAYS),
        }
    }

    /// The start of the first day that is kept.
    fn first_day(self, now: OffsetDateTime) -> OffsetDateTime {
        let oldest = now.saturating_sub(time::Duration::days(self.days.into()));
        days::start(oldest)
    }
}

/// What an upkeep has done.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Upkeep {
    /// Whether another upkeep was running. Then this one did nothing.
    pub busy: bool,
    /// Partitions that were created.
    pub created: u64,
    /// Partitions that were dropped.
    pub dropped: u64,
    /// Rows that were deleted: calls outside the partitions of days, sums, and claimed ids.
    pub deleted: u64,
    /// Hours of existing calls that were added to the sums.
    pub summed_hours: u64,
    /// Whether nothing is left to do.
    pub complete: bool,
}

/// Why an upkeep failed. What it did before stays done.
#[derive(Debug, thiserror::Error)]
pub enum UpkeepError {
    /// The database has no address, or no login.
    #[error(transparent)]
    Login(#[from] DatabaseError),
    /// Readers and writers held a table during every attempt.
    #[error("calls were read or written at every attempt to change the table's partitions")]
    Locked(#[source] sqlx::Error),
    /// Postgres can't be reached, or refuses a statement (the role must own the tables).
    #[error("the database refused a statement")]
    Database(#[from] sqlx::Error),
    /// The database doesn't respond.
    #[error("the database did not respond in time")]
    Timeout,
}

impl Fault for UpkeepError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::Locked(_) => ErrorCode::Unavailable,
            Self::Login(error) => crate::error::code_of_address(error),
            Self::Timeout => ErrorCode::DeadlineExceeded,
            Self::Database(error) => crate::error::code_of(error),
        }
    }
}

/// Creates partitions for the next days, drops those that are older than `retention`, deletes other
/// rows of that age, and adds existing calls to the sums, until all is done or `deadline` has come.
/// The next upkeep continues. Only one runs at a time; further ones return at once.
///
/// # Errors
///
/// See [`UpkeepError`].
pub async fn upkeep(
    database: &Database,
    retention: Retention,
    deadline: Instant,
) -> Result<Upkeep, UpkeepError> {
    let work = async {
        let mut connection = connect(database).await?;
        let outcome = exclusively(&mut connection, retention, deadline).await;
        // The lock ends with the connection, in any case.
        drop(connection.close().await);
        outcome
    };
    // Each step ends soon after the deadline, unless the server hangs.
    let timely = tokio::time::timeout_at(deadline + GRACE, work).await;
    timely.unwrap_or(Err(UpkeepError::Timeout))
}

/// How long the step that is under way at the deadline may still take.
const GRACE: Duration = Duration::from_secs(30);

/// The key of the advisory lock, by which upkeeps exclude each other.
const LOCK: i64 = 0x7472_6963_616c_6c73;

async fn exclusively(
    connection: &mut PgConnection,
    retention: Retention,
    deadline: Instant,
) -> Result<Upkeep, UpkeepError> {
    let (locked, now): (bool, OffsetDateTime) =
        sqlx::query_as("SELECT pg_try_advisory_lock($1), now()")
            .bind(LOCK)
            .fetch_one(&mut *connection)
            .await?;
    if !locked {
        return Ok(Upkeep {
            busy: true,
            ..Upkeep::default()
        });
    }
    let first_day = retention.first_day(now);
    let created = days::create(connection, now, deadline).await?;
    let dropped = expiry::drop_days(connection, first_day, deadline).await?;
    let (deleted, all_deleted) = expiry::delete(connection, first_day, deadline).await?;
    let (summed_hours, all_summed) = backfill::run(connection, first_day, deadline).await?;
    Ok(Upkeep {
        busy: false,
        created,
        dropped,
        deleted,
        summed_hours,
        complete: all_deleted && all_summed,
    })
}

/// A connection of its own. If the server refuses the login, the secret is read again, and the login
/// is tried once more if it has changed.
async fn connect(database: &Database) -> Result<PgConnection, UpkeepError> {
    let target = database.target().await?;
    match connect_to(&target).await {
        Err(UpkeepError::Database(error)) if refuses_login(&error) => {
            match database.refreshed(&target).await? {
                Some(target) => connect_to(&target).await,
                None => Err(error.into()),
            }
        }
        outcome => outcome,
    }
}

async fn connect_to(target: &Target) -> Result<PgConnection, UpkeepError> {
    Ok(target.options().await?.connect().await?)
}

/// Runs these statements in one transaction that waits for tables [`LOCK_TIMEOUT`] at most, up to
/// [`ATTEMPTS`] times.
async fn patiently(
    connection: &mut PgConnection,
    statements: &str,
    deadline: Instant,
) -> Result<(), UpkeepError> {
    let script = format!(
        "BEGIN; SET LOCAL lock_timeout = {}; {statements}; COMMIT",
        LOCK_TIMEOUT.as_millis()
    );
    let mut attempt = 1;
    loop {
        let outcome = sqlx::raw_sql(sqlx::AssertSqlSafe(script.as_str()))
            .execute(&mut *connection)
            .await;
        let Err(error) = outcome else {
            return Ok(());
        };
        sqlx::raw_sql("ROLLBACK").execute(&mut *connection).await?;
        if !is_locked(&error) {
            return Err(error.into());
        }
        if attempt == ATTEMPTS || Instant::now() >= deadline {
            return Err(UpkeepError::Locked(error));
        }
        attempt += 1;
        tokio::time::sleep(PAUSE).await;
    }
}

/// Whether a statement gave up waiting for a table, or a deadlock ended it.
fn is_locked(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|error| error.code());
    code.is_some_and(|code| ["55P03", "40P01"].contains(&code.as_ref()))
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    fn retention(text: Option<&str>) -> Result<Retention, String> {
        let mut variables = Variables::new(|_| text.map(str::to_owned));
        let retention = Retention::read(&mut variables);
        match variables.check() {
            Ok(()) => Ok(retention),
            Err(error) => Err(error.to_string()),
        }
    }

    #[test]
    fn calls_are_kept_for_thirty_days_by_default() {
        assert_eq!(retention(None).unwrap().days, 30);
        assert_eq!(retention(Some("7")).unwrap().days, 7);
        for wrong in ["0", "3651", "-1", "1.5", "a month"] {
            let problem = retention(Some(wrong)).unwrap_err();
            assert!(
                problem.contains("CALL_LOG_RETENTION_DAYS must be"),
                "{problem}"
            );
        }
    }

    #[test]
    fn whole_days_are_kept() {
        let first_day = |days, now| Retention { days }.first_day(now);
        assert_eq!(
            first_day(1, datetime!(2026-10-02 00:00 UTC)),
            datetime!(2026-10-01 00:00 UTC)
        );
        assert_eq!(
            first_day(30, datetime!(2026-10-31 23:59 UTC)),
            datetime!(2026-10-01 00:00 UTC)
        );
    }
}
