//! Inserting entries.

use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::entry::Entry;

/// One array for each column: ten parameters and one plan for any number of rows. `VALUES` would
/// need ten for each row, and a plan for each number of rows.
const INSERT: &str = "\
INSERT INTO call_logs (id, at, duration_ms, user_id, trace_id, status, transport, service, method, \
    client) \
SELECT * FROM UNNEST($1::uuid[], $2::timestamptz[], $3::float8[], $4::uuid[], $5::uuid[], \
    $6::int2[], $7::text[], $8::text[], $9::text[], $10::bool[]) \
ON CONFLICT (id) DO NOTHING";

/// Stores the entries, all or none. Existing ids are ignored.
pub(crate) async fn insert(
    connection: &mut PgConnection,
    mut entries: Vec<Entry>,
) -> Result<(), sqlx::Error> {
    // Two deliveries of a batch may run concurrently, and each waits for ids that the other has
    // written. The same order prevents deadlocks.
    entries.sort_unstable_by_key(|entry| entry.id);
    let ids: Vec<Uuid> = entries.iter().map(|entry| entry.id).collect();
    let times: Vec<OffsetDateTime> = entries.iter().map(|entry| entry.at).collect();
    let durations: Vec<f64> = entries.iter().map(|entry| entry.duration_ms).collect();
    let users: Vec<Option<Uuid>> = entries.iter().map(|entry| entry.user_id).collect();
    let traces: Vec<Option<Uuid>> = entries.iter().map(|entry| entry.trace_id).collect();
    let statuses: Vec<i16> = entries.iter().map(|entry| entry.status).collect();
    let transports: Vec<&str> = entries
        .iter()
        .map(|entry| entry.transport.as_str())
        .collect();
    let services: Vec<&str> = entries.iter().map(|entry| entry.service.as_str()).collect();
    let methods: Vec<&str> = entries.iter().map(|entry| entry.method.as_str()).collect();
    let clients: Vec<bool> = entries.iter().map(|entry| entry.client).collect();
    sqlx::query(INSERT)
        .bind(ids)
        .bind(times)
        .bind(durations)
        .bind(users)
        .bind(traces)
        .bind(statuses)
        .bind(transports)
        .bind(services)
        .bind(methods)
        .bind(clients)
        .execute(connection)
        .await?;
    Ok(())
}
