//! The password of the database's role changes while calls are served.
//!
//! Needs a Postgres of its own that asks for passwords: `TRICHROME_POSTGRES`, the URL of a superuser.
//! `tests/tests/deployment.rs` has the same with deployed functions and Secrets Manager.

#![expect(
    clippy::unwrap_used,
    reason = "tests and their helpers fail by panicking"
)]

use std::{
    fs,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use sqlx::{Connection as _, Executor as _, PgConnection};
use trichrome_analytics::{Analytics, DatabaseSource, schema::migrate_database};
use trichrome_proto::{
    analytics::GetLogRequest,
    error::{ErrorCode, Fault as _},
};
use trichrome_startup::Variables;

const SOON: Duration = Duration::from_secs(30);

/// The outcomes of calls so far; `None` is a success.
type Outcomes = Arc<Mutex<Vec<Option<ErrorCode>>>>;

/// Waits until the last `calls` outcomes are `expected`.
async fn until(outcomes: &Outcomes, expected: Option<ErrorCode>, calls: usize) {
    let started = Instant::now();
    loop {
        {
            let outcomes = outcomes.lock().unwrap();
            let last = outcomes.iter().rev().take(calls);
            if outcomes.len() >= calls && last.into_iter().all(|it| *it == expected) {
                return;
            }
            assert!(started.elapsed() < SOON, "not {expected:?}: {outcomes:?}");
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
#[ignore = "needs a Postgres that asks for passwords, in TRICHROME_POSTGRES"]
async fn calls_go_on_with_a_rotated_password() {
    let url = std::env::var("TRICHROME_POSTGRES").expect("TRICHROME_POSTGRES");
    let mut server = PgConnection::connect(&url).await.unwrap();
    for statement in [
        "DROP DATABASE IF EXISTS rotation",
        "DROP ROLE IF EXISTS rotated",
        "CREATE ROLE rotated LOGIN PASSWORD 'one'",
        "CREATE DATABASE rotation OWNER rotated",
    ] {
        server.execute(statement).await.unwrap();
    }
    let (_, place) = url.rsplit_once('@').unwrap();
    let (place, _) = place.split_once('/').unwrap();
    let login = |password: &str| format!("postgres://rotated:{password}@{place}/rotation");
    let wrong = PgConnection::connect(&login("wrong")).await;
    wrong.expect_err("the server takes any password, so this test would show nothing");

    let file = std::env::temp_dir().join(format!("rotation-{}", std::process::id()));
    fs::write(&file, login("one")).unwrap();
    let source = format!("file:{}", file.display());
    let mut variables =
        Variables::new(|name| (name == "DATABASE_URL_SOURCE").then(|| source.clone()));
    let source = DatabaseSource::read(&mut variables).unwrap();
    let database = source.open(|| panic!("a file needs no AWS"));
    migrate_database(&database).await.unwrap();

    let outcomes = Outcomes::default();
    let calls = {
        let outcomes = Arc::clone(&outcomes);
        let analytics = Analytics::new(database);
        tokio::spawn(async move {
            loop {
                let outcome = analytics.read(GetLogRequest::default(), "caller").await;
                let outcome = outcome.err().map(|error| error.code());
                outcomes.lock().unwrap().push(outcome);
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        })
    };
    until(&outcomes, None, 20).await;
    server
        .execute("ALTER ROLE rotated PASSWORD 'two'")
        .await
        .unwrap();
    // Connections that are open stay open; these are closed, as by a failover.
    let close = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'rotated'";
    server.execute(close).await.unwrap();
    until(&outcomes, Some(ErrorCode::Unavailable), 5).await;

    fs::write(&file, login("two")).unwrap();
    until(&outcomes, None, 20).await;
    calls.abort();
    let outcomes = outcomes.lock().unwrap();
    let others: Vec<_> = outcomes
        .iter()
        .flatten()
        .filter(|code| **code != ErrorCode::Unavailable)
        .collect();
    assert!(others.is_empty(), "{others:?}");
    fs::remove_file(&file).unwrap();
}
