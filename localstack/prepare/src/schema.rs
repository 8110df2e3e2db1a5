//! The analytics database's schema.

use anyhow::Context as _;
use trichrome_analytics::{Database, schema::migrate_database};

/// Applies pending migrations.
///
/// # Errors
///
/// Postgres can't be reached, or a migration fails.
pub async fn ensure(database: &Database) -> anyhow::Result<()> {
    migrate_database(database)
        .await
        .context("migrate the database")
}
