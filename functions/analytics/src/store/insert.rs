//! Inserting entries.

use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::entry::Entry;

/// One array for each column: eleven parameters and one plan for any number of rows. `VALUES` would
/// need eleven for each row, and a plan for each number of rows.
///
/// An id is unique together with its time, because the table is partitioned by time. An entry whose
/// time differs between deliveries is inserted by the delivery that claims its id. The sums are added
/// by a trigger.
const INSERT: &str = "\
WITH entry AS (SELECT * FROM UNNEST($1::uuid[], $2::timestamptz[], $3::float8[], $4::uuid[], \
    $5::uuid[], $6::int2[], $7::text[], $8::text[], $9::text[], $10::bool[], $11::bool[]) \
    AS entry (id, at, duration_ms, user_id, trace_id, status, transport, service, method, client, \
        is_timed)), \
claimed AS (INSERT INTO call_claims (id, at) SELECT id, at FROM entry WHERE NOT is_timed ORDER BY id \
    ON CONFLICT DO NOTHING RETURNING id) \
INSERT INTO calls (id, at, duration_ms, user_id, trace_id, status, transport, service, method, client) \
SELECT id, at, duration_ms, user_id, trace_id, status, transport, service, method, client FROM entry \
WHERE is_timed OR id IN (SELECT id FROM claimed) \
ON CONFLICT DO NOTHING";

/// Stores the entries, all or none. Existing ids are ignored.
pub(crate) async fn insert(
    connection: &mut PgConnection,
    mut entries: Vec<Entry>,
) -> Result<(), sqlx::Error> {
    order(&mut entries);
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
    let timed: Vec<bool> = entries.iter().map(|entry| entry.is_timed).collect();
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
        .bind(timed)
        .execute(connection)
        .await?;
    Ok(())
}

/// Orders the entries, without those that are in the batch twice.
///
/// Two deliveries of a batch may run concurrently, and each waits for keys that the other has
/// written. The same order prevents deadlocks: first all claims, then the entries.
fn order(entries: &mut Vec<Entry>) {
    // The sort is stable, so the first of several stays.
    entries.sort_by_key(|entry| entry.id);
    entries.dedup_by_key(|entry| entry.id);
    entries.sort_unstable_by_key(|entry| (entry.is_timed, entry.at, entry.id));
}

#[cfg(test)]
mod tests {
    use time::Duration;

    use super::*;

    #[test]
    fn claims_are_first_and_each_id_is_inserted_once() {
        let entry = |id, seconds, is_timed| Entry {
            is_timed,
            ..Entry::sample(id, OffsetDateTime::UNIX_EPOCH + Duration::seconds(seconds))
        };
        let mut entries = vec![
            entry(1, 9, true),
            entry(2, 8, true),
            entry(4, 9, false),
            entry(2, 7, true),
            entry(3, 9, false),
        ];
        order(&mut entries);
        let ordered: Vec<_> = entries
            .iter()
            .map(|entry| (entry.id.as_u128(), entry.at.unix_timestamp()))
            .collect();
        assert_eq!(ordered, [(3, 9), (4, 9), (2, 8), (1, 9)]);
    }
}
