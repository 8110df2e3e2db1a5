//! The table in Postgres.
//!
//! Every wait is limited: without a connection within 3 s a call fails with `UNAVAILABLE`, and
//! without its results within 6 s with `DEADLINE_EXCEEDED`. Together that is less than the 10 s
//! that the gateway waits for a function.

mod conditions;
mod insert;
mod page;
mod totals;

use std::{sync::OnceLock, time::Duration};

use sqlx::{
    Connection as _, PgConnection, PgPool, Postgres, pool::PoolConnection, postgres::PgPoolOptions,
};
use tracing::{Instrument as _, Span, info_span};
use trichrome_proto::error::Fault as _;
use trichrome_telemetry as telemetry;

use crate::{Database, Error, cursor::Cursor, entry::Entry, filter::Filter, totals::Sums};

/// How long to wait for a connection. Postgres restarts in less.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// How long a call's statements may take together: a second more than the timeout of each read
/// ([`READ`]), for a server that doesn't respond at all.
const STATEMENTS_TIMEOUT: Duration = Duration::from_secs(6);
/// A Lambda environment serves one call at a time. The second connection is for a call that
/// begins while the first connection is being replaced.
const CONNECTIONS: u32 = 2;

const TABLE: &str = "call_logs";

/// Begins a read, in one round trip.
/// - Page and totals are read from one snapshot.
/// - The timeout is set here and not when the connection starts, which a pooler (RDS Proxy,
///   PgBouncer) refuses.
/// - Queries are planned for their values: the last minute and the last year need different
///   plans, and planning takes a fraction of a millisecond.
/// - JIT compilation takes longer than it saves in these queries.
const READ: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; \
     SET LOCAL statement_timeout = '5s'; \
     SET LOCAL plan_cache_mode = 'force_custom_plan'; \
     SET LOCAL jit = off";

/// The call log's table.
#[derive(Debug)]
pub(crate) struct Store {
    database: Database,
    pool: OnceLock<PgPool>,
}

impl Store {
    pub(crate) fn new(database: Database) -> Self {
        Self {
            database,
            pool: OnceLock::new(),
        }
    }

    /// Stores the entries, all or none. Existing ids are ignored.
    pub(crate) async fn insert(&self, entries: Vec<Entry>) -> Result<(), Error> {
        let span = self.span("INSERT");
        telemetry::set(&span, "db.operation.batch.size", entries.len() as i64);
        let work = async {
            let mut connection = self.acquire().await?;
            let work = insert::insert(&mut connection, entries);
            let outcome = tokio::time::timeout(STATEMENTS_TIMEOUT, work).await;
            settle(connection, outcome)
        };
        let outcome = work.instrument(span.clone()).await;
        record(&span, outcome)
    }

    /// At most `limit` entries that match the filter, newest first, after the cursor. With
    /// `totals`, also the totals of all matching entries, if there are any.
    pub(crate) async fn read(
        &self,
        filter: &Filter,
        after: Option<Cursor>,
        limit: u32,
        totals: bool,
    ) -> Result<(Vec<Entry>, Option<Sums>), Error> {
        let span = self.span("SELECT");
        let work = async {
            let mut connection = self.acquire().await?;
            let work = read(&mut connection, filter, after, limit, totals);
            let outcome = tokio::time::timeout(STATEMENTS_TIMEOUT, work).await;
            settle(connection, outcome)
        };
        let outcome = work.instrument(span.clone()).await;
        record(&span, outcome)
    }

    /// A call's statements as a span, by the conventions for database clients.
    fn span(&self, operation: &'static str) -> Span {
        let options = self.database.options();
        let span = info_span!(
            "postgres",
            otel.kind = "client",
            otel.name = format!("{operation} {TABLE}"),
            db.system.name = "postgresql",
            db.operation.name = operation,
            db.collection.name = TABLE,
            db.query.summary = format!("{operation} {TABLE}"),
            server.address = options.get_host(),
            server.port = options.get_port(),
        );
        if let Some(name) = options.get_database() {
            telemetry::set(&span, "db.namespace", name.to_owned());
        }
        span
    }

    async fn acquire(&self) -> Result<PoolConnection<Postgres>, Error> {
        let pool = self.pool.get_or_init(|| {
            PgPoolOptions::new()
                .max_connections(CONNECTIONS)
                .acquire_timeout(CONNECT_TIMEOUT)
                // Ping before each use, to replace connections that were lost while the
                // environment was frozen or Postgres restarted.
                .test_before_acquire(true)
                // No timers, which would not run while the environment is frozen.
                .max_lifetime(None)
                .idle_timeout(None)
                .connect_lazy_with(self.database.options())
        });
        Ok(pool.acquire().await?)
    }
}

async fn read(
    connection: &mut PgConnection,
    filter: &Filter,
    after: Option<Cursor>,
    limit: u32,
    totals: bool,
) -> Result<(Vec<Entry>, Option<Sums>), sqlx::Error> {
    let mut transaction = connection.begin_with(READ).await?;
    let entries = page::page(&mut transaction, filter, after, limit).await?;
    let sums = match totals {
        true => totals::totals(&mut transaction, filter).await?,
        false => None,
    };
    transaction.commit().await?;
    Ok((entries, sums))
}

/// Records a failure in the span.
fn record<T>(span: &Span, outcome: Result<T, Error>) -> Result<T, Error> {
    outcome.inspect_err(|error| telemetry::failed(span, error.code().as_str()))
}

/// The outcome of a call's statements. After a failure the connection is closed instead of
/// returned to the pool: it may hang, have a pending result, or lead to a server that is no
/// longer the primary.
fn settle<T>(
    connection: PoolConnection<Postgres>,
    outcome: Result<Result<T, sqlx::Error>, tokio::time::error::Elapsed>,
) -> Result<T, Error> {
    let error = match outcome {
        Ok(Ok(value)) => return Ok(value),
        Ok(Err(error)) => error.into(),
        Err(_) => Error::Timeout,
    };
    drop(connection.detach());
    Err(error)
}
