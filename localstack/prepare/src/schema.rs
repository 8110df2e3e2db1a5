//! The analytics database's schema.

use std::time::Duration;

use anyhow::Context as _;
use tokio::time::Instant;
use trichrome_analytics::{
    Database, DatabaseSource,
    schema::migrate_database,
    upkeep::{Retention, upkeep},
};

/// How long an upkeep may take. Each run of `prepare` continues.
const UPKEEP: Duration = Duration::from_secs(20);

/// The database, and how long it keeps calls.
#[derive(Clone, Debug)]
pub struct Schema {
    /// `DATABASE_URL` and the variables that go with it.
    pub source: DatabaseSource,
    /// `CALL_LOG_RETENTION_DAYS`
    pub retention: Retention,
}

/// Applies pending migrations, and keeps the call logs in order.
///
/// # Errors
///
/// Postgres can't be reached, or a migration fails.
pub async fn ensure(database: &Database, retention: Retention) -> anyhow::Result<()> {
    migrate_database(database)
        .await
        .context("migrate the database")?;
    upkeep(database, retention, Instant::now() + UPKEEP)
        .await
        .context("keep the call logs in order")?;
    Ok(())
}
