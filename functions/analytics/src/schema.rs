//! The table's migrations.

use sqlx::{
    PgPool, SqlSafeStr as _,
    migrate::{MigrateError, Migration, MigrationType, Migrator},
    postgres::PgPoolOptions,
};

use crate::{
    Database, DatabaseError,
    database::{Target, refuses_login},
};

/// The files in `migrations/`, in order. A released one must never change: the database stores its
/// checksum.
///
/// A list instead of `sqlx::migrate!`, whose macros compile the Postgres driver, TLS and tokio a
/// second time.
const MIGRATIONS: &[(&str, &str)] = &[
    (
        "call logs",
        include_str!("../migrations/0001_call_logs.sql"),
    ),
    (
        "round durations",
        include_str!("../migrations/0002_round_durations.sql"),
    ),
    (
        "client entries",
        include_str!("../migrations/0003_client_entries.sql"),
    ),
    (
        "own calls",
        include_str!("../migrations/0004_own_calls.sql"),
    ),
    (
        "calls by day",
        include_str!("../migrations/0005_calls_by_day.sql"),
    ),
    (
        "check cutover",
        include_str!("../migrations/0006_check_cutover.sql"),
    ),
    (
        "attach call logs",
        include_str!("../migrations/0007_attach_call_logs.sql"),
    ),
];

/// Migrations that a later version has applied are ignored, so that a deployment can be rolled
/// back: migrations only add, and this version works with the result.
fn migrations() -> Migrator {
    let numbered = (1..).zip(MIGRATIONS);
    let migrations = numbered.map(|(version, &(description, sql))| {
        let sql = sql.into_sql_str();
        Migration::new(
            version,
            description.into(),
            MigrationType::Simple,
            sql,
            false,
        )
    });
    let mut migrations = Migrator::with_migrations(migrations.collect());
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

/// Why a database could not be migrated.
#[derive(Debug, thiserror::Error)]
pub enum SchemaError {
    /// It has no address, or no login.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// It can't be reached, or refuses the login or a migration.
    #[error(transparent)]
    Migrate(#[from] MigrateError),
}

/// Calls [`migrate`] with a connection of its own. If the server refuses the login, the secret is
/// read again, and the login is tried once more if it has changed.
///
/// # Errors
///
/// See [`SchemaError`].
pub async fn migrate_database(database: &Database) -> Result<(), SchemaError> {
    let target = database.target().await?;
    match migrate_target(&target).await {
        Err(SchemaError::Migrate(MigrateError::Execute(error))) if refuses_login(&error) => {
            match database.refreshed(&target).await? {
                Some(target) => migrate_target(&target).await,
                None => Err(MigrateError::Execute(error).into()),
            }
        }
        outcome => outcome,
    }
}

async fn migrate_target(target: &Target) -> Result<(), SchemaError> {
    let pool = PgPoolOptions::new()
        .max_connections(1)
        .connect_with(target.options().await?)
        .await
        .map_err(MigrateError::from)?;
    let outcome = migrate(&pool).await;
    pool.close().await;
    Ok(outcome?)
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::*;

    #[test]
    fn every_file_is_a_migration() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations");
        let mut files: Vec<_> = fs::read_dir(&folder)
            .unwrap()
            .map(|file| file.unwrap().file_name().into_string().unwrap())
            .collect();
        files.sort();
        let migrations: Vec<_> = migrations()
            .iter()
            .map(|it| format!("{:04}_{}.sql", it.version, it.description.replace(' ', "_")))
            .collect();
        assert_eq!(migrations, files);
        for (file, migration) in files.iter().zip(MIGRATIONS) {
            let text = fs::read_to_string(folder.join(file)).unwrap();
            assert_eq!(migration.1, text, "{file}");
        }
    }
}
