//! The table, and how it comes to be.

use sqlx::PgPool;
use sqlx::migrate::{MigrateError, Migrator};
use sqlx::postgres::PgPoolOptions;

use crate::Database;

/// The migrations, in `migrations/`. A released one must never change: the database keeps
/// its checksum.
///
/// A database that a later version has migrated is left as it is: migrations only add, so
/// this version works on it. Else a deployment could not go back to this version.
fn migrations() -> Migrator {
    let mut migrations = sqlx::migrate!();
    migrations.set_ignore_missing(true);
    migrations
}

/// Brings the database's schema to this version: a step of a deployment, before the
/// functions, and safe to repeat. Two at once wait for each other (an advisory lock).
///
/// # Errors
///
/// The database is not reachable, holds a migration that this version has in another form,
/// or refuses one (the role needs to own the schema).
pub async fn migrate(pool: &PgPool) -> Result<(), MigrateError> {
    migrations().run(pool).await
}

/// [`migrate`], over a connection of its own.
///
/// # Errors
///
/// As [`migrate`].
pub async fn migrate_database(database: &Database) -> Result<(), MigrateError> {
    let pool = PgPoolOptions::new()
        .max_connections(1)
        .connect_with(database.options())
        .await?;
    let outcome = migrate(&pool).await;
    pool.close().await;
    outcome
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn migrations_are_numbered_from_one_without_a_gap() {
        let versions: Vec<_> = migrations()
            .iter()
            .map(|migration| migration.version)
            .collect();
        let expected: Vec<i64> = (1..).take(versions.len()).collect();
        assert_eq!(versions, expected);
        assert!(!versions.is_empty());
    }
}
