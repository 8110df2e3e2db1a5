//! The analytics database's schema.

use anyhow::Context as _;
use trichrome_analytics::{Database, schema::migrate_database};

/// Runs the migrations that have not run yet.
///
/// # Errors
///
/// Postgres does not answer, or refuses a migration.
pub async fn ensure(database: &Database) -> anyhow::Result<()> {
    migrate_database(database)
        .await
        .context("migrate the database")
}
