//! The table's migrations.

use sqlx::{
    PgPool,
    migrate::{MigrateError, Migrator},
    postgres::PgPoolOptions,
};

use crate::Database;

/// The migrations in `migrations/`. A released one must never change: the database stores its
/// checksum.
///
/// Migrations that a later version has applied are ignored, so that a deployment can be rolled
/// back: migrations only add, and this version works with the result.
fn migrations() -> Migrator {
    let mut migrations = sqlx::migrate!();
    migrations.set_ignore_missing(true);
    migrations
}

/// Migrates the database to this version: a step of a deployment before the functions. It may be
/// repeated, and concurrent runs wait for each other (an advisory lock).
///
/// # Errors
///
/// The database can't be reached, has a migration with another checksum, or refuses one (the
/// role must own the schema).
pub async fn migrate(pool: &PgPool) -> Result<(), MigrateError> {
    migrations().run(pool).await
}

/// Calls [`migrate`] with a connection of its own.
///
/// # Errors
///
/// See [`migrate`].
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
