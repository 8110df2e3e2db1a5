//! Call logs, as Postgres has them.

use std::collections::HashMap;

use anyhow::{Result, bail, ensure};
use sqlx::PgPool;
use uuid::Uuid;

use crate::wait::{SOON, eventually};

/// A call log that a call should leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expected {
    /// The call's trace id.
    pub trace: Uuid,
    /// The transport.
    pub transport: &'static str,
    /// The service.
    pub service: &'static str,
    /// The method.
    pub method: &'static str,
    /// The status.
    pub status: u16,
}

/// A call log that is there.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Logged {
    /// The call's trace id.
    pub trace_id: Uuid,
    /// The transport.
    pub transport: String,
    /// The service.
    pub service: String,
    /// The method.
    pub method: String,
    /// The status.
    pub status: i16,
    /// How long it took, in milliseconds.
    pub duration_ms: f64,
    /// The caller.
    pub user_id: Option<Uuid>,
}

/// The call logs of these traces. The time bounds the search: the table knows no traces.
///
/// # Errors
///
/// Postgres does not answer.
pub async fn of(postgres: &PgPool, traces: &[Uuid]) -> Result<Vec<Logged>> {
    let rows = sqlx::query_as(
        "SELECT trace_id, transport, service, method, status, duration_ms, user_id \
         FROM call_logs WHERE at > now() - interval '15 minutes' AND trace_id = ANY($1)",
    )
    .bind(traces)
    .fetch_all(postgres)
    .await?;
    Ok(rows)
}

/// The one call log of a trace, once it is there.
///
/// # Errors
///
/// There is none in time, or several.
pub async fn one(postgres: &PgPool, trace: Uuid) -> Result<Logged> {
    eventually(SOON, async || {
        let mut rows = of(postgres, &[trace]).await?;
        ensure!(rows.len() < 2, "several call logs of one call: {rows:?}");
        match rows.pop() {
            Some(row) => Ok(row),
            None => bail!("no call log with the trace {trace}"),
        }
    })
    .await
}

/// Waits until each of these is there, once, as expected.
pub(crate) async fn all_there(postgres: &PgPool, expected: &[Expected]) -> Result<()> {
    let traces: Vec<_> = expected.iter().map(|call| call.trace).collect();
    eventually(SOON, async || {
        let mut rows: HashMap<Uuid, Vec<Logged>> = HashMap::new();
        for row in of(postgres, &traces).await? {
            rows.entry(row.trace_id).or_default().push(row);
        }
        let wrong: Vec<_> = expected
            .iter()
            .filter_map(|call| compare(call, rows.get(&call.trace).map_or(&[], Vec::as_slice)))
            .collect();
        ensure!(
            wrong.is_empty(),
            "{} of {} calls are not logged right:\n{}",
            wrong.len(),
            expected.len(),
            wrong.join("\n")
        );
        Ok(())
    })
    .await
}

/// What is wrong with the call logs of a call.
fn compare(call: &Expected, rows: &[Logged]) -> Option<String> {
    let Expected {
        transport,
        service,
        method,
        status,
        ..
    } = *call;
    let wanted = format!("{transport} {service}/{method} {status}");
    match rows {
        [] => Some(format!("{wanted}: no call log")),
        [row] => {
            let Logged {
                transport,
                service,
                method,
                status,
                duration_ms,
                ..
            } = row;
            let got = format!("{transport} {service}/{method} {status}");
            if got != wanted {
                Some(format!("{wanted}: logged as {got}"))
            } else if !(0.0..60_000.0).contains(duration_ms) {
                Some(format!("{wanted}: took {duration_ms} ms"))
            } else {
                None
            }
        }
        more => Some(format!("{wanted}: {} call logs", more.len())),
    }
}
