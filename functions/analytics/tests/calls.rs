//! The table of calls and its sums in a real Postgres: the migration of existing rows, deliveries that
//! overlap, totals from sums, and the upkeep.
//!
//! Needs a Postgres of its own: `TRICHROME_POSTGRES`, the URL of a superuser. `cargo xtask verify growth`
//! starts one.

#![expect(
    clippy::unwrap_used,
    reason = "tests and their helpers fail by panicking"
)]

mod installation;

use std::time::Duration;

use serde_json::json;
use sqlx::{Connection as _, Executor as _, PgConnection};
use time::OffsetDateTime;
use tokio::time::Instant;
use trichrome_analytics::{Analytics, Position, Record, schema::migrate_database};
use trichrome_proto::analytics::{GetLogRequest, Totals};
use uuid::Uuid;

use self::installation::Installation;

/// The statement of earlier versions, with values instead of arrays.
const EARLIER_INSERT: &str = "\
INSERT INTO call_logs (id, at, duration_ms, user_id, trace_id, status, transport, service, method, client) \
VALUES ($1, $2, 7.5, NULL, NULL, 200, 'grpc', 'earlier', 'Login', false) ON CONFLICT (id) DO NOTHING";

/// The totals that a request gets.
async fn totals(installation: &Installation, request: GetLogRequest) -> Totals {
    let request = GetLogRequest {
        totals: true,
        limit: 1,
        ..request
    };
    installation.read(request, "").await.totals.unwrap()
}

/// Fails unless every sum is that of its calls.
async fn check_sums(installation: &mut Installation) {
    for (table, length, columns) in [
        (
            "operations_by_hour",
            "1 hour",
            "transport, service, method, ",
        ),
        ("operations_by_day", "1 day", "transport, service, method, "),
        ("calls_by_five_minutes", "5 minutes", ""),
        ("calls_by_hour", "1 hour", ""),
    ] {
        let counted = format!(
            "SELECT date_bin('{length}', at, '2001-01-01 00:00+00') AS start, {columns} \
                 floor(ln(greatest(duration_ms, 0.001)) * 50)::int2 AS cell, count(*) AS calls, \
                 count(*) FILTER (WHERE status >= 400) AS errors, \
                 sum(round(duration_ms * 1000))::int8 AS micros, \
                 coalesce(sum(round(duration_ms * 1000)) FILTER (WHERE status >= 400), 0)::int8 \
             FROM calls GROUP BY start, {columns} cell"
        );
        let wrong = installation
            .number(&format!(
                "SELECT count(*) FROM ((TABLE {table} EXCEPT {counted}) UNION ALL \
                 ({counted} EXCEPT TABLE {table})) AS wrong"
            ))
            .await;
        assert_eq!(wrong, 0, "{table}");
    }
}

/// Random calls of the last days, as a SELECT for an INSERT into `call_logs` or `calls`.
fn random_calls(count: u32, days: u32) -> String {
    format!(
        "SELECT gen_random_uuid(), now() - random() * interval '{days} days', \
             round((exp(random() * 9) / 10)::numeric, 3)::float8, NULL::uuid, NULL::uuid, \
             CASE WHEN random() < 0.1 THEN 500 ELSE 200 END::int2, \
             (ARRAY['rest', 'grpc', 'events'])[1 + floor(random() * 3)::int], 'service', \
             'Method' || floor(random() * 4), false FROM generate_series(1, {count})"
    )
}

fn record(offset: i64, fields: serde_json::Value) -> Record {
    let mut entry = json!({
        "transport": "grpc",
        "service": "tests",
        "method": "Deliver",
        "status": 200,
        "duration_ms": offset % 97,
    });
    for (name, value) in fields.as_object().unwrap() {
        entry[name] = value.clone();
    }
    Record {
        position: Position::Partition {
            stream: "analyticsdata-0".to_owned(),
            offset,
        },
        written_at: None,
        value: Ok(entry.to_string().into_bytes()),
    }
}

#[tokio::test]
#[ignore = "needs a Postgres of its own, in TRICHROME_POSTGRES"]
async fn existing_calls_are_migrated_while_an_earlier_version_writes_and_reads() {
    let mut installation = Installation::earlier("calls_migrated").await;
    let rows = random_calls(20_000, 20);
    installation
        .execute(&format!("INSERT INTO call_logs {rows}"))
        .await;
    let old = "INSERT INTO call_logs SELECT gen_random_uuid(), now() - interval '50 days', 1, NULL, NULL, \
         200, 'rest', 's', 'm', false";
    installation.execute(old).await;

    migrate_database(&installation.database).await.unwrap();
    // An earlier version's delivery, twice.
    let (id, now) = (Uuid::now_v7(), OffsetDateTime::now_utc());
    for _ in 0..2 {
        let insert = sqlx::query(EARLIER_INSERT).bind(id).bind(now);
        insert.execute(&mut installation.connection).await.unwrap();
    }
    let analytics = Analytics::new(installation.database.clone());
    let delivered = || [record(1, json!({"id": Uuid::from_u128(1)}))];
    for _ in 0..2 {
        assert!(analytics.ingest(delivered()).await.unwrap().is_empty());
    }
    let read_by_earlier = "SELECT count(*) FROM call_logs WHERE service IN ('earlier', 'tests')";
    assert_eq!(installation.number(read_by_earlier).await, 2);
    // Nothing is summed yet.
    assert_eq!(
        totals(&installation, GetLogRequest::default()).await.calls,
        20_003
    );

    let done = installation.upkeep("30").await;
    assert!(done.complete && done.summed_hours > 400, "{done:?}");
    assert_eq!(done.deleted, 1, "{done:?}");
    check_sums(&mut installation).await;
    assert_eq!(
        totals(&installation, GetLogRequest::default()).await.calls,
        20_002
    );
    // A second one finds nothing to do.
    let again = installation.upkeep("30").await;
    assert_eq!(
        (again.created, again.deleted, again.summed_hours),
        (0, 0, 0)
    );
    // Nor do the migrations.
    migrate_database(&installation.database).await.unwrap();
    check_sums(&mut installation).await;
}

#[tokio::test]
#[ignore = "needs a Postgres of its own, in TRICHROME_POSTGRES"]
async fn after_the_cutover_an_earlier_version_still_writes() {
    let mut installation = Installation::new("calls_after_cutover").await;
    installation.upkeep("30").await;
    let (id, now) = (Uuid::now_v7(), OffsetDateTime::now_utc());
    for _ in 0..2 {
        let insert = sqlx::query(EARLIER_INSERT).bind(id).bind(now);
        insert.execute(&mut installation.connection).await.unwrap();
    }
    let in_day = "SELECT count(*) FROM calls WHERE tableoid::regclass::text LIKE 'calls_2%'";
    assert_eq!(installation.number(in_day).await, 1);
    check_sums(&mut installation).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a Postgres of its own, in TRICHROME_POSTGRES"]
async fn concurrent_deliveries_are_stored_and_counted_once() {
    let mut installation = Installation::new("calls_concurrent").await;
    installation.upkeep("30").await;
    let written_at = OffsetDateTime::now_utc();
    let deliver = |first: i64| {
        let analytics = Analytics::new(installation.database.clone());
        async move {
            let records = (first..first + 400).map(|offset| Record {
                // A third has no time, and gets another one in each delivery.
                written_at: (offset % 3 > 0).then_some(written_at),
                ..record(offset, json!({}))
            });
            analytics.ingest(records).await
        }
    };
    let deliveries = [0, 0, 200, 200, 400, 0, 200, 400].map(|first| tokio::spawn(deliver(first)));
    for delivery in deliveries {
        delivery.await.unwrap().unwrap();
    }
    deliver(0).await.unwrap();
    assert_eq!(installation.number("SELECT count(*) FROM calls").await, 800);
    check_sums(&mut installation).await;
}

#[tokio::test]
#[ignore = "needs a Postgres of its own, in TRICHROME_POSTGRES"]
async fn totals_from_sums_are_those_of_the_calls() {
    let mut installation = Installation::earlier("calls_totals").await;
    let rows = random_calls(50_000, 6);
    installation
        .execute(&format!("INSERT INTO call_logs {rows}"))
        .await;
    migrate_database(&installation.database).await.unwrap();
    installation.upkeep("30").await;
    let now = OffsetDateTime::now_utc();
    for summed_from in ["-infinity", "now() - interval '40 hours'"] {
        let from = match summed_from {
            "-infinity" => "'-infinity'".to_owned(),
            _ => format!("date_bin('1 hour', {summed_from}, '2001-01-01 00:00+00')"),
        };
        installation
            .execute(&format!("UPDATE calls_state SET summed_from = {from}"))
            .await;
        for (hours_ago, hours) in [
            (None, None),
            (Some(24.3), None),
            (None, Some(30.7)),
            (Some(140.9), Some(140.1)),
            (Some(100.6), Some(33.5)),
            (Some(48.0), Some(12.0)),
            (Some(1.0), Some(0.2)),
        ] {
            for (transport, method, errors_only) in [
                ("", "", false),
                ("", "", true),
                ("grpc", "", false),
                ("", "Method2", true),
                ("rest", "Method3", false),
            ] {
                let at = |hours: Option<f64>| hours.map(|it| now - time::Duration::hours(1) * it);
                let (since, until) = (at(hours_ago), at(hours));
                let proto = |at: Option<OffsetDateTime>| {
                    at.map(|at| prost_types::Timestamp {
                        seconds: at.unix_timestamp(),
                        nanos: i32::try_from(at.nanosecond()).unwrap(),
                    })
                };
                let request = GetLogRequest {
                    transport: transport.to_owned(),
                    method: method.to_owned(),
                    errors_only,
                    since: proto(since),
                    until: proto(until),
                    ..GetLogRequest::default()
                };
                let what = format!("{request:?}, summed from {summed_from}");
                let found = totals(&installation, request).await;
                let (calls, errors, p95): (i64, i64, Option<f64>) = sqlx::query_as(
                    "SELECT count(*), count(*) FILTER (WHERE status >= 400), \
                         percentile_cont(0.95) WITHIN GROUP (ORDER BY duration_ms) \
                     FROM calls WHERE ($1 = '' OR transport = $1) AND ($2 = '' OR method = $2) \
                         AND (NOT $3 OR status >= 400) AND ($4 IS NULL OR at >= $4) \
                         AND ($5 IS NULL OR at < $5)",
                )
                .bind(transport)
                .bind(method)
                .bind(errors_only)
                .bind(since)
                .bind(until)
                .fetch_one(&mut installation.connection)
                .await
                .unwrap();
                assert_eq!(i64::from(found.calls), calls, "{what}");
                assert_eq!(i64::from(found.errors), errors, "{what}");
                let p95 = p95.unwrap_or_default();
                assert!(
                    (found.p95_ms - p95).abs() <= 0.03 * p95,
                    "{what}: {p95}, {found:?}"
                );
                let by_transport: u32 = found.by_transport.iter().map(|it| it.calls).sum();
                let by_operation: u32 = found.by_operation.iter().map(|it| it.calls).sum();
                let over_time: u32 = found.over_time.iter().map(|it| it.calls).sum();
                let sums = [by_transport, by_operation, over_time];
                assert_eq!(sums, [found.calls; 3], "{what}");
                assert!(found.over_time.len() <= 100, "{what}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a Postgres of its own, in TRICHROME_POSTGRES"]
async fn old_days_are_dropped_while_calls_are_read_and_written() {
    let mut installation = Installation::new("calls_dropped").await;
    assert_eq!(installation.upkeep("30").await.created, 8);
    // Long after the cutover: days that an upkeep created, and none with calls from before.
    installation.execute("DROP TABLE call_logs").await;
    for ago in [32, 31, 30] {
        installation
            .execute(&format!(
                "DO $$ DECLARE day timestamptz := date_bin('1 day', now(), '2001-01-01 00:00+00') \
                     - {ago} * interval '24 hours'; \
                 name text := 'calls_' || to_char(day AT TIME ZONE 'UTC', 'YYYYMMDD'); BEGIN \
                 EXECUTE format('CREATE TABLE %I (LIKE calls_other INCLUDING ALL)', name); \
                 EXECUTE format('ALTER TABLE calls ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', \
                     name, day, day + interval '24 hours'); END $$"
            ))
            .await;
    }
    installation
        .execute(&format!("INSERT INTO calls {}", random_calls(5_000, 33)))
        .await;
    check_sums(&mut installation).await;

    // A reader holds the tables for a while.
    let mut reader = PgConnection::connect(&installation.url).await.unwrap();
    reader
        .execute("BEGIN; SELECT count(*) FROM calls")
        .await
        .unwrap();
    let reading = tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(3)).await;
        reader.execute("COMMIT").await.unwrap();
    });
    let analytics = Analytics::new(installation.database.clone());
    let writing = tokio::spawn(async move {
        let (mut slowest, mut offset) = (Duration::ZERO, 0);
        while !reading.is_finished() {
            let started = Instant::now();
            let written_at = Some(OffsetDateTime::now_utc());
            let record = Record {
                written_at,
                ..record(offset, json!({}))
            };
            analytics.ingest([record]).await.unwrap();
            slowest = slowest.max(started.elapsed());
            offset += 1;
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        slowest
    });
    let done = installation.upkeep("30").await;
    let slowest = writing.await.unwrap();
    // The lock of an attempt is waited for half a second.
    assert!(
        slowest < Duration::from_millis(1500),
        "a write took {slowest:?}"
    );
    assert_eq!(done.dropped, 2, "{done:?}");
    assert!(done.complete, "{done:?}");
    let old = "SELECT count(*) FROM calls WHERE at < date_bin('1 day', now(), \
         '2001-01-01 00:00+00') - 30 * interval '24 hours'";
    assert_eq!(installation.number(old).await, 0);
    check_sums(&mut installation).await;
}

#[tokio::test]
#[ignore = "needs a Postgres of its own, in TRICHROME_POSTGRES"]
async fn calls_without_a_partition_are_kept_and_one_upkeep_runs_at_a_time() {
    let mut installation = Installation::new("calls_other").await;
    installation
        .execute(&format!("INSERT INTO calls {}", random_calls(10, 0)))
        .await;
    installation
        .execute(&format!("INSERT INTO calls {}", random_calls(10, 1)))
        .await;
    let done = installation.upkeep("30").await;
    // Today's are in the default partition, and stay there.
    assert_eq!(done.created, 7, "{done:?}");
    assert_eq!(installation.number("SELECT count(*) FROM calls").await, 20);
    check_sums(&mut installation).await;
    let held = installation
        .number("SELECT count(pg_advisory_lock(8390884931301829747))")
        .await;
    assert_eq!(held, 1);
    assert!(installation.upkeep("30").await.busy);
}
