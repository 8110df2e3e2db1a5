//! Call logs in Postgres.

use std::{collections::HashMap, time::Duration};

use anyhow::{Result, bail, ensure};
use serde_json::json;
use sqlx::{PgPool, Row as _, postgres::PgRow};
use uuid::Uuid;

use crate::{
    clients::kafka::Record,
    wait::{SOON, eventually},
};

/// The call log expected for a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expected {
    pub trace: Uuid,
    pub transport: &'static str,
    pub service: &'static str,
    pub method: &'static str,
    pub status: u16,
}

/// A stored call log.
#[derive(Clone, Debug)]
pub struct Logged {
    pub trace_id: Uuid,
    pub transport: String,
    pub service: String,
    pub method: String,
    pub status: i16,
    pub duration_ms: f64,
    /// The caller.
    pub user_id: Option<Uuid>,
}

impl Logged {
    fn from_row(row: &PgRow) -> sqlx::Result<Self> {
        Ok(Self {
            trace_id: row.try_get("trace_id")?,
            transport: row.try_get("transport")?,
            service: row.try_get("service")?,
            method: row.try_get("method")?,
            status: row.try_get("status")?,
            duration_ms: row.try_get("duration_ms")?,
            user_id: row.try_get("user_id")?,
        })
    }
}

/// A record for `analyticsdata`, with its entry's id as the key.
pub fn record(trace: Uuid, id: Uuid) -> Record {
    let now = prost_types::Timestamp::from(std::time::SystemTime::now());
    let entry = json!({
        "transport": "grpc",
        "service": "tests",
        "method": "Ingest",
        "status": 200,
        "duration_ms": 1.5,
        "user_id": "",
        "trace_id": trace.simple().to_string(),
        "at": now.to_string(),
        "id": id.to_string(),
    });
    Record::new("analyticsdata", &id.to_string(), entry.to_string())
}

/// Returns the call logs of these traces. The table has no index on traces, so the time limits the
/// search.
pub async fn of(postgres: &PgPool, traces: &[Uuid]) -> Result<Vec<Logged>> {
    let rows = sqlx::query(
        "SELECT trace_id, transport, service, method, status, duration_ms, user_id \
         FROM calls WHERE at > now() - interval '15 minutes' AND trace_id = ANY($1)",
    )
    .bind(traces)
    .fetch_all(postgres)
    .await?;
    Ok(rows
        .iter()
        .map(Logged::from_row)
        .collect::<Result<_, _>>()?)
}

/// Waits for the call log of a trace. Fails if there are several.
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

/// Waits until the traces have as many call logs as there are traces.
pub async fn all(postgres: &PgPool, traces: &[Uuid], within: Duration) -> Result<()> {
    eventually(within, async || {
        let logged = of(postgres, traces).await?;
        ensure!(
            logged.len() == traces.len(),
            "{} of {} logged",
            logged.len(),
            traces.len()
        );
        Ok(())
    })
    .await
}

/// Waits until each expected call log exists exactly once.
pub(crate) async fn wait_for_all(postgres: &PgPool, expected: &[Expected]) -> Result<()> {
    let traces: Vec<_> = expected.iter().map(|call| call.trace).collect();
    eventually(SOON, async || {
        let mut rows: HashMap<Uuid, Vec<Logged>> = HashMap::new();
        for row in of(postgres, &traces).await? {
            rows.entry(row.trace_id).or_default().push(row);
        }
        let wrong: Vec<_> = expected
            .iter()
            .filter_map(|call| mismatch(call, rows.get(&call.trace).map_or(&[], Vec::as_slice)))
            .collect();
        ensure!(
            wrong.is_empty(),
            "{} of {} calls are logged incorrectly:\n{}",
            wrong.len(),
            expected.len(),
            wrong.join("\n")
        );
        Ok(())
    })
    .await
}

/// Describes how a call's logs differ from the expected one.
fn mismatch(call: &Expected, rows: &[Logged]) -> Option<String> {
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
