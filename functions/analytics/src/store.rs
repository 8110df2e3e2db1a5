//! The table in Postgres.
//!
//! Every wait is limited: without an address and a connection within 3 s a call fails with `UNAVAILABLE`, and
//! without its results within 6 s with `DEADLINE_EXCEEDED`. Together that is less than the 10 s
//! that the gateway waits for a function.

mod conditions;
mod insert;
mod page;
mod sources;
mod totals;

use std::time::Duration;

use sqlx::{
    Connection as _, PgConnection, PgPool, Postgres, pool::PoolConnection, postgres::PgPoolOptions,
};
use tokio::sync::Mutex;
use tracing::{Instrument as _, Span, field::Empty, info_span};
use trichrome_proto::error::Fault as _;
use trichrome_telemetry as telemetry;

use crate::{
    Database, Error, cursor::Cursor, database::Target, entry::Entry, filter::Filter, totals::Sums,
};

/// How long to wait for a connection. Postgres restarts in less.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// How long a call's statements may take together: a second more than the timeout of each read
/// ([`READ`]), for a server that doesn't respond at all.
const STATEMENTS_TIMEOUT: Duration = Duration::from_secs(6);
/// A Lambda environment serves one call at a time. The second connection is for a call that
/// begins while the first connection is being replaced.
const CONNECTIONS: u32 = 2;

const TABLE: &str = "calls";

/// Begins a read, in one round trip.
/// - Page and totals are read from one snapshot.
/// - The timeout is set here and not when the connection starts, which a pooler (RDS Proxy,
///   PgBouncer) refuses.
/// - Queries are planned for their values: the last minute and the last year need different
///   plans, and planning takes a fraction of a millisecond.
/// - JIT compilation takes longer than it saves in these queries.
/// - Sums are grouped in memory: a few megabytes, but the planner expects more groups than there are,
///   and with the default (4 MB) it sorts on disk, which takes twice as long.
const READ: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; \
     SET LOCAL statement_timeout = '5s'; \
     SET LOCAL plan_cache_mode = 'force_custom_plan'; \
     SET LOCAL jit = off; \
     SET LOCAL work_mem = '64MB'";

/// The call log's table.
#[derive(Debug)]
pub(crate) struct Store {
    database: Database,
    /// The pool for the current address.
    pool: Mutex<Option<Pool>>,
}

#[derive(Clone, Debug)]
struct Pool {
    target: Target,
    connections: PgPool,
}

impl Store {
    pub(crate) fn new(database: Database) -> Self {
        Self {
            database,
            pool: Mutex::new(None),
        }
    }

    /// Stores the entries, all or none. Existing ids are ignored.
    pub(crate) async fn insert(&self, entries: Vec<Entry>) -> Result<(), Error> {
        let span = self.span("INSERT");
        telemetry::set(&span, "db.operation.batch.size", entries.len() as i64);
        let work = async {
            let mut connection = self.acquire(&span).await?;
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
            let mut connection = self.acquire(&span).await?;
            let work = read(&mut connection, filter, after, limit, totals);
            let outcome = tokio::time::timeout(STATEMENTS_TIMEOUT, work).await;
            settle(connection, outcome)
        };
        let outcome = work.instrument(span.clone()).await;
        record(&span, outcome)
    }

    /// A call's statements as a span, by the conventions for database clients.
    fn span(&self, operation: &'static str) -> Span {
        info_span!(
            "postgres",
            otel.kind = "client",
            otel.name = format!("{operation} {TABLE}"),
            db.system.name = "postgresql",
            db.operation.name = operation,
            db.collection.name = TABLE,
            db.query.summary = format!("{operation} {TABLE}"),
            server.address = Empty,
            server.port = Empty,
        )
    }

    /// A connection. If the server refuses the login, the secret is read again, and the login is
    /// tried once more if it has changed.
    async fn acquire(&self, span: &Span) -> Result<PoolConnection<Postgres>, Error> {
        let work = async {
            let pool = self.pool(self.database.target().await?).await;
            pool.describe(span);
            match pool.acquire().await {
                Err(Error::Login(error)) => {
                    let Some(target) = self.database.refreshed(&pool.target).await? else {
                        return Err(Error::Login(error));
                    };
                    let pool = self.pool(target).await;
                    pool.describe(span);
                    pool.acquire().await
                }
                outcome => outcome,
            }
        };
        let timely = tokio::time::timeout(CONNECT_TIMEOUT, work).await;
        timely.unwrap_or(Err(Error::Unavailable(sqlx::Error::PoolTimedOut)))
    }

    /// The pool for this address. Connections of another one are closed when their calls end.
    async fn pool(&self, target: Target) -> Pool {
        let mut current = self.pool.lock().await;
        if let Some(pool) = current.as_ref()
            && pool.target.version() >= target.version()
        {
            return pool.clone();
        }
        let connections = PgPoolOptions::new()
            .max_connections(CONNECTIONS)
            .acquire_timeout(CONNECT_TIMEOUT)
            // Ping before each use, to replace connections that were lost while the
            // environment was frozen or Postgres restarted.
            .test_before_acquire(true)
            // No timers, which would not run while the environment is frozen.
            .max_lifetime(None)
            .idle_timeout(None)
            // A token is added when a connection is acquired.
            .connect_lazy_with(target.place().clone());
        let pool = Pool {
            target,
            connections,
        };
        *current = Some(pool.clone());
        pool
    }
}

impl Pool {
    async fn acquire(&self) -> Result<PoolConnection<Postgres>, Error> {
        if self.target.has_tokens() {
            // A token begins connections for 15 minutes only, and signing one takes microseconds.
            self.connections
                .set_connect_options(self.target.options().await?);
        }
        Ok(self.connections.acquire().await?)
    }

    /// Says in a span where the server is.
    fn describe(&self, span: &Span) {
        let place = self.target.place();
        span.record("server.address", place.get_host());
        span.record("server.port", place.get_port());
        if let Some(name) = place.get_database() {
            telemetry::set(span, "db.namespace", name.to_owned());
        }
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
