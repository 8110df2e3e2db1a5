//! The table in Postgres.
//!
//! Every wait has an end: a connection is there within 3 s or the call is `UNAVAILABLE`,
//! and its statements are done within 6 s or it is `DEADLINE_EXCEEDED`. Together that is
//! less than the 10 s that the gateway waits for a function.

mod conditions;
mod insert;
mod page;
mod totals;

use std::sync::OnceLock;
use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::postgres::PgPoolOptions;
use sqlx::{Connection as _, PgConnection, PgPool, Postgres};
use tracing::{Instrument as _, Span, info_span};
use trichrome_proto::error::Fault as _;
use trichrome_telemetry as telemetry;

use crate::cursor::Cursor;
use crate::entry::Entry;
use crate::filter::Filter;
use crate::totals::Sums;
use crate::{Database, Error};

/// How long to wait for a connection. Postgres restarts in less.
const CONNECT: Duration = Duration::from_secs(3);
/// How long a call's statements may take together. A second more than Postgres gives each
/// read (`READ`): this one is for a server that says nothing at all.
const ANSWER: Duration = Duration::from_secs(6);
/// A Lambda environment serves one call at a time; the second connection is for a call that
/// begins while the first is being replaced.
const CONNECTIONS: u32 = 2;

/// Where call logs are.
const TABLE: &str = "call_logs";

/// Begins a read, in one round trip.
/// - One snapshot: the totals count the entries of the page beside them.
/// - The time limit is set here and not as the connection starts, which a pooler (RDS Proxy,
///   PgBouncer) refuses.
/// - Plans are made for the values at hand: the last minute and the last year want
///   different ones, and making one takes a fraction of a millisecond.
/// - Compiling a plan takes longer than these queries save by it.
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

    /// Keeps the entries, all or none. One whose id is there already is passed over.
    pub(crate) async fn insert(&self, entries: Vec<Entry>) -> Result<(), Error> {
        let span = self.span("INSERT");
        telemetry::set(&span, "db.operation.batch.size", entries.len() as i64);
        let work = async {
            let mut connection = self.acquire().await?;
            let work = insert::insert(&mut connection, entries);
            let outcome = tokio::time::timeout(ANSWER, work).await;
            settle(connection, outcome)
        };
        let outcome = work.instrument(span.clone()).await;
        told(&span, outcome)
    }

    /// At most `limit` entries that the filter takes, newest first, from `after` on; and
    /// their totals if asked for, where there are any.
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
            let outcome = tokio::time::timeout(ANSWER, work).await;
            settle(connection, outcome)
        };
        let outcome = work.instrument(span.clone()).await;
        told(&span, outcome)
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
                .acquire_timeout(CONNECT)
                // Each use begins with a ping, so that a connection lost while the
                // environment was frozen, or Postgres restarted, is replaced unseen.
                .test_before_acquire(true)
                // No timers: they would not run while the environment is frozen.
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

/// Says of a span what came of it.
fn told<T>(span: &Span, outcome: Result<T, Error>) -> Result<T, Error> {
    outcome.inspect_err(|error| telemetry::failed(span, error.code().as_str()))
}

/// What came of a call's statements. After a failure the connection is closed rather than
/// used again: it may hang, be in the middle of an answer, or lead to a server that is no
/// longer the primary.
fn settle<T>(
    connection: PoolConnection<Postgres>,
    outcome: Result<Result<T, sqlx::Error>, tokio::time::error::Elapsed>,
) -> Result<T, Error> {
    let error = match outcome {
        Ok(Ok(value)) => return Ok(value),
        Ok(Err(error)) => error.into(),
        Err(_) => Error::Silent,
    };
    drop(connection.detach());
    Err(error)
}
