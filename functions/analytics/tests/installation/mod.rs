//! Databases with the tables of calls, for tests.
#![allow(dead_code, reason = "each test uses a part")]

use std::time::Duration;

use sqlx::{
    AssertSqlSafe, Connection as _, Executor as _, PgConnection, SqlSafeStr as _,
    migrate::{Migration, MigrationType, Migrator},
};
use tokio::time::Instant;
use trichrome_analytics::{
    Analytics, Database, DatabaseSource,
    schema::migrate_database,
    upkeep::{Retention, Upkeep, upkeep},
};
use trichrome_proto::analytics::{GetLogRequest, GetLogsMessage};
use trichrome_startup::Variables;

/// The migrations of the first version that read and wrote `call_logs` alone.
const EARLIER: [&str; 4] = [
    include_str!("../../migrations/0001_call_logs.sql"),
    include_str!("../../migrations/0002_round_durations.sql"),
    include_str!("../../migrations/0003_client_entries.sql"),
    include_str!("../../migrations/0004_own_calls.sql"),
];

/// A database of a test.
pub(crate) struct Installation {
    pub(crate) url: String,
    pub(crate) database: Database,
    pub(crate) connection: PgConnection,
}

impl Installation {
    /// An empty database.
    pub(crate) async fn empty(name: &str) -> Self {
        let server = std::env::var("TRICHROME_POSTGRES").unwrap();
        let mut connection = PgConnection::connect(&server).await.unwrap();
        for statement in ["DROP DATABASE IF EXISTS", "CREATE DATABASE"] {
            let statement = format!("{statement} {name}");
            connection.execute(AssertSqlSafe(statement)).await.unwrap();
        }
        let (place, _) = server.rsplit_once('/').unwrap();
        let url = format!("{place}/{name}");
        let value = url.clone();
        let variable = move |name: &str| (name == "DATABASE_URL").then(|| value.clone());
        let mut variables = Variables::new(variable);
        let source = DatabaseSource::read(&mut variables).unwrap();
        Self {
            database: source.open(|| panic!("a URL needs no AWS")),
            connection: PgConnection::connect(&url).await.unwrap(),
            url,
        }
    }

    /// A new installation.
    pub(crate) async fn new(name: &str) -> Self {
        let installation = Self::empty(name).await;
        migrate_database(&installation.database).await.unwrap();
        installation
    }

    /// An installation of an earlier version.
    pub(crate) async fn earlier(name: &str) -> Self {
        let mut installation = Self::empty(name).await;
        let migrations = (1..).zip(EARLIER).map(|(version, sql)| {
            let kind = MigrationType::Simple;
            Migration::new(version, "".into(), kind, sql.into_sql_str(), false)
        });
        Migrator::with_migrations(migrations.collect())
            .run(&mut installation.connection)
            .await
            .unwrap();
        installation
    }

    pub(crate) async fn execute(&mut self, sql: &str) {
        let sql = AssertSqlSafe(sql.to_owned());
        sqlx::raw_sql(sql)
            .execute(&mut self.connection)
            .await
            .unwrap();
    }

    pub(crate) async fn number(&mut self, sql: &str) -> i64 {
        let query = sqlx::query_scalar(AssertSqlSafe(sql.to_owned()));
        query.fetch_one(&mut self.connection).await.unwrap()
    }

    pub(crate) async fn upkeep(&self, days: &str) -> Upkeep {
        let mut variables = Variables::new(|_| Some(days.to_owned()));
        let retention = Retention::read(&mut variables);
        let deadline = Instant::now() + Duration::from_secs(60);
        upkeep(&self.database, retention, deadline).await.unwrap()
    }

    /// A page with totals.
    pub(crate) async fn read(&self, request: GetLogRequest, caller: &str) -> GetLogsMessage {
        let analytics = Analytics::new(self.database.clone());
        analytics.read(request, caller).await.unwrap()
    }
}
