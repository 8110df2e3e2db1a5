//! Every call is logged, and the service returns the logs.

use std::time::{Duration, SystemTime};

use anyhow::{Context as _, Result, ensure};
use futures::future::try_join_all;
use serde_json::{Value, json};
use trichrome_proto::error::ErrorCode;
use trichrome_tests::{
    account::Account,
    call_logs,
    clients::kafka::Record,
    harness::Suite,
    reply::{list, text},
    scenario::Scenario,
    wait::{SOON, eventually},
};
use uuid::Uuid;

pub(crate) fn add(suite: &mut Suite) {
    suite.each(
        "call_logs::every_outcome_is_logged_with_its_caller",
        outcomes,
    );
    suite.each("call_logs::concurrent_calls_get_their_own_replies", at_once);
    suite.each("analytics::a_logged_call_is_shown", shown);
    suite.each("analytics::logging_a_call_twice_stores_it_once", once);
    suite.each("analytics::others_entries_have_no_ids", anonymous);
    suite.each("analytics::any_logged_call_can_be_read", extremes);
    suite.once(
        "analytics::any_ingested_call_can_be_read",
        ingested_extremes,
    );
    suite.each("analytics::calls_of_earlier_versions_can_be_read", earlier);
}

async fn outcomes(run: Scenario) -> Result<()> {
    let (account, other) = (run.account().await?, run.account().await?);
    let unknown = Uuid::new_v4().to_string();
    let cases = [
        (
            "users-get",
            json!({"user_id": other.id}),
            Some(&account),
            None,
        ),
        (
            "users-get",
            json!({"user_id": unknown}),
            Some(&account),
            Some(ErrorCode::NotFound),
        ),
        (
            "users-get",
            json!({"user_id": "7"}),
            Some(&account),
            Some(ErrorCode::InvalidArgument),
        ),
        (
            "users-get",
            json!({"user_id": other.id}),
            None,
            Some(ErrorCode::Unauthenticated),
        ),
        (
            "pictures-list",
            json!({"user_id": other.id}),
            Some(&account),
            Some(ErrorCode::PermissionDenied),
        ),
    ];
    for (function, args, caller, refusal) in cases {
        let trace = Uuid::new_v4();
        let mut call = run.call(function, args)?.trace(trace);
        if let Some(account) = caller {
            call = call.by(account);
        }
        let reply = call.send().await?;
        ensure!(reply.code() == refusal, "{function}: {reply:?}");
        let logged = call_logs::one(&run.stack().postgres, trace).await?;
        let user_id = logged.user_id.map(|id| id.to_string());
        let expected = caller.map(|account| account.id.clone());
        ensure!(
            user_id == expected,
            "{function} {refusal:?}: logged for {user_id:?}"
        );
    }
    run.all_logged().await
}

/// Concurrent calls each get their own reply and call log.
async fn at_once(run: Scenario) -> Result<()> {
    let accounts = try_join_all((0..4).map(|_| run.account())).await?;
    let calls = accounts.iter().cycle().take(24).map(async |account| {
        let args = json!({"user_id": account.id});
        let user = run
            .call("users-get", args)?
            .by(account)
            .send()
            .await?
            .ok()?;
        let (got, expected) = (&user["username"], account.username.as_str());
        ensure!(*got == expected, "requested {expected}, got {got}");
        Ok(())
    });
    try_join_all(calls).await?;
    run.all_logged().await
}

/// Logs a call under a unique service name, by which the test finds it.
async fn log(run: &Scenario, account: &Account, service: &str, more: Value) -> Result<()> {
    let mut args = json!({"transport": "grpc", "service": service, "method": "Paint"});
    for (name, value) in more.as_object().context("more fields")? {
        args[name] = value.clone();
    }
    let logged = run
        .call("analytics-log", args)?
        .by(account)
        .send()
        .await?
        .ok()?;
    ensure!(logged == json!({}), "the reply has {logged}");
    Ok(())
}

async fn read(run: &Scenario, account: &Account, filter: Value) -> Result<Value> {
    run.call("analytics-get", filter)?
        .by(account)
        .send()
        .await?
        .ok()
}

async fn shown(run: Scenario) -> Result<()> {
    let (account, other) = (run.account().await?, run.account().await?);
    let service = format!("e2e-{}", Uuid::new_v4().simple());
    let trace = Uuid::new_v4().simple().to_string();
    log(
        &run,
        &account,
        &service,
        json!({"status": 201, "duration_ms": 12.5, "trace_id": trace}),
    )
    .await?;
    log(
        &run,
        &account,
        &service,
        json!({"status": 404, "transport": "events"}),
    )
    .await?;
    log(
        &run,
        &other,
        &service,
        json!({"status": 200, "method": "Draw"}),
    )
    .await?;

    let all = read(&run, &account, json!({"service": service, "totals": true})).await?;
    let logs = list(&all, "logs")?;
    ensure!(
        logs.len() == 3 && all["next_cursor"] == "",
        "{} logs",
        logs.len()
    );
    let methods: Vec<_> = logs.iter().map(|log| &log["method"]).collect();
    ensure!(
        methods == ["Draw", "Paint", "Paint"],
        "not newest first: {methods:?}"
    );
    let first = &logs[2];
    for (field, expected) in [
        ("transport", json!("grpc")),
        ("service", json!(service)),
        ("status", json!(201)),
        ("duration_ms", json!(12.5)),
        ("user_id", json!(account.id)),
        ("trace_id", json!(trace)),
        ("client", json!(true)),
    ] {
        ensure!(
            first[field] == expected,
            "{field} is {}, expected {expected}",
            first[field]
        );
    }
    let at: prost_types::Timestamp = text(first, "at")?.parse()?;
    let age = SystemTime::now().duration_since(SystemTime::try_from(at)?);
    ensure!(
        age.unwrap_or_default() < Duration::from_secs(300),
        "logged at {at}"
    );
    text(first, "id")?.parse::<Uuid>()?;
    let totals = &all["totals"];
    ensure!(
        totals["calls"] == 3 && totals["errors"] == 1,
        "the totals are {totals}"
    );
    let groups = list(totals, "by_transport")?;
    ensure!(
        groups[0]["name"] == "grpc" && groups[0]["calls"] == 2,
        "{groups:?}"
    );

    let before = SystemTime::try_from(at)? - Duration::from_secs(60);
    let before = prost_types::Timestamp::from(before).to_string();
    for (filter, expected) in [
        (json!({"method": "Draw"}), 1),
        (json!({"status": 404}), 1),
        (json!({"errors_only": true}), 1),
        (json!({"own": true}), 2),
        (json!({"transport": "events"}), 1),
        (json!({"transport": "rest"}), 0),
        (json!({"since": before}), 3),
        (json!({"until": before}), 0),
        (json!({"limit": 2}), 2),
    ] {
        let mut args = filter.clone();
        args["service"] = json!(service);
        let logs = read(&run, &account, args).await?;
        let found = list(&logs, "logs")?.len();
        ensure!(
            found == expected,
            "{filter}: {found} logs, expected {expected}"
        );
    }
    let first = read(&run, &account, json!({"service": service, "limit": 2})).await?;
    let args = json!({"service": service, "limit": 2, "cursor": first["next_cursor"]});
    let second = read(&run, &account, args).await?;
    let logs = list(&second, "logs")?;
    ensure!(
        logs.len() == 1 && logs[0]["status"] == 201,
        "the second page is {second}"
    );
    Ok(())
}

async fn once(run: Scenario) -> Result<()> {
    let account = run.account().await?;
    let service = format!("e2e-{}", Uuid::new_v4().simple());
    let key = Uuid::new_v4().to_string();
    for _ in 0..2 {
        let args = json!({"transport": "rest", "service": service, "method": "Paint"});
        let call = run.call("analytics-log", args)?.by(&account).key(&key);
        call.send().await?.ok()?;
    }
    eventually(SOON, async || {
        let logs = read(&run, &account, json!({"service": service})).await?;
        let found = list(&logs, "logs")?.len();
        ensure!(found == 1, "{found} logs");
        Ok(())
    })
    .await?;
    let postgres = &run.stack().postgres;
    for table in ["operations_by_hour", "operations_by_day"] {
        let query = format!("SELECT sum(calls)::int8 FROM {table} WHERE service = $1");
        let summed: i64 = sqlx::query_scalar(sqlx::AssertSqlSafe(query))
            .bind(&service)
            .fetch_one(postgres)
            .await?;
        ensure!(summed == 1, "{table} has {summed} calls");
    }
    // Stored in the partition of its day, not in the one for calls without.
    let partition: String = sqlx::query_scalar(
        "SELECT DISTINCT tableoid::regclass::text FROM calls WHERE service = $1",
    )
    .bind(&service)
    .fetch_one(postgres)
    .await?;
    ensure!(partition.starts_with("calls_2"), "stored in {partition}");
    Ok(())
}

/// Reads the totals of a service, and those of all entries.
async fn read_totals(run: &Scenario, account: &Account, service: &str) -> Result<Value> {
    read(run, account, json!({"totals": true, "limit": 1})).await?;
    let mut logs = read(run, account, json!({"service": service, "totals": true})).await?;
    Ok(logs["totals"].take())
}

async fn extremes(run: Scenario) -> Result<()> {
    let account = run.account().await?;
    let service = format!("e2e-{}", Uuid::new_v4().simple());
    let durations = [
        0.0,
        5e-324,
        -0.0,
        1e-310,
        f64::MIN_POSITIVE,
        1e-9,
        0.000_5,
        86_400_000.0,
    ];
    for duration in durations {
        log(&run, &account, &service, json!({"duration_ms": duration})).await?;
    }
    let method = "\u{10ffff}".repeat(128);
    log(&run, &account, &service, json!({"method": method})).await?;
    let totals = read_totals(&run, &account, &service).await?;
    ensure!(
        totals["calls"] == durations.len() + 1 && totals["p50_ms"] == json!(0.0),
        "the totals are {totals}"
    );
    for refused in [
        json!({"duration_ms": -5e-324}),
        json!({"duration_ms": 86_400_000.1}),
        json!({"duration_ms": f64::MAX}),
        json!({"status": u32::MAX}),
        json!({"method": "a\u{0}"}),
        json!({"method": "m".repeat(129)}),
    ] {
        let mut args = json!({"transport": "grpc", "service": service, "method": "Paint"});
        for (name, value) in refused.as_object().context("no fields")? {
            args[name] = value.clone();
        }
        let reply = run.call("analytics-log", args)?.by(&account).send().await?;
        reply
            .refused(ErrorCode::InvalidArgument)
            .with_context(|| refused.to_string())?;
    }
    Ok(())
}

/// Rows that an earlier version wrote, with a number of any size.
async fn earlier(run: Scenario) -> Result<()> {
    let account = run.account().await?;
    let service = format!("e2e-{}", Uuid::new_v4().simple());
    for duration in [0.0, 5e-324] {
        sqlx::query(
            "INSERT INTO call_logs (id, at, duration_ms, status, transport, service, method) \
             VALUES ($1, now(), $2, 200, 'rest', $3, 'Paint')",
        )
        .bind(Uuid::new_v4())
        .bind(duration)
        .bind(&service)
        .execute(&run.stack().postgres)
        .await?;
    }
    let totals = read_totals(&run, &account, &service).await?;
    ensure!(
        totals["calls"] == 2 && totals["p95_ms"] == json!(0.0),
        "the totals are {totals}"
    );
    Ok(())
}

async fn ingested_extremes(run: Scenario) -> Result<()> {
    let account = run.account().await?;
    let (kafka, postgres) = (&run.stack().kafka, &run.stack().postgres);
    let service = format!("e2e-{}", Uuid::new_v4().simple());
    let fields = [
        r#""duration_ms": 0"#,
        r#""duration_ms": 5e-324"#,
        r#""duration_ms": 1e-400"#,
        r#""duration_ms": -0.0"#,
        r#""duration_ms": -1e308"#,
        r#""duration_ms": 1e308"#,
        r#""status": -1"#,
        r#""status": 200.5"#,
        r#""status": 4294967295"#,
        r#""at": "0001-01-01T00:00:00Z""#,
        r#""at": "1970-01-01T00:00:00Z""#,
        r#""at": "9999-12-31T23:59:59.999999999Z""#,
        r#""at": "yesterday""#,
        r#""at": null"#,
        r#""user_id": "nobody\u0000", "trace_id": "z""#,
    ];
    for field in fields {
        let value = format!(
            r#"{{"transport": "grpc", "service": "{service}", "method": "Paint", {field}}}"#
        );
        kafka
            .produce(&Record::new("analyticsdata", &service, value))
            .await?;
    }
    eventually(SOON, async || {
        let stored: i64 = sqlx::query_scalar("SELECT count(*) FROM calls WHERE service = $1")
            .bind(&service)
            .fetch_one(postgres)
            .await?;
        ensure!(stored == fields.len() as i64, "{stored} stored");
        Ok(())
    })
    .await?;
    let totals = read_totals(&run, &account, &service).await?;
    ensure!(
        totals["calls"] == fields.len() && totals["p50_ms"] == json!(0.0),
        "the totals are {totals}"
    );
    // Entries of the future would be first in every unfiltered read for some minutes.
    sqlx::query("DELETE FROM calls WHERE service = $1")
        .bind(&service)
        .execute(postgres)
        .await?;
    Ok(())
}

/// Other users' entries are readable without user and trace ids, both those that they logged and
/// those of their calls.
async fn anonymous(run: Scenario) -> Result<()> {
    let (account, other) = (run.account().await?, run.account().await?);
    let service = format!("e2e-{}", Uuid::new_v4().simple());
    let trace = Uuid::new_v4().simple().to_string();
    // A client can't log in the name of another user.
    let fields = json!({"status": 500, "trace_id": trace});
    log(&run, &account, &service, fields).await?;

    let called = Uuid::new_v4();
    let args = json!({"user_id": account.id});
    let call = run.call("users-get", args)?.by(&account).trace(called);
    call.send().await?.ok()?;
    call_logs::one(&run.stack().postgres, called).await?;

    let logged = json!({"service": service, "totals": true});
    let calls = json!({"service": "users", "transport": run.transport().logged_as(), "limit": 500});
    for (reader, shown) in [(&account, true), (&other, false)] {
        let all = read(&run, reader, logged.clone()).await?;
        let (user_id, trace_id) = match shown {
            true => (account.id.as_str(), trace.as_str()),
            false => ("", ""),
        };
        let entry = &list(&all, "logs")?[0];
        ensure!(
            entry["user_id"] == user_id && entry["trace_id"] == trace_id,
            "{entry}"
        );
        ensure!(entry["status"] == 500 && entry["client"] == true, "{entry}");
        ensure!(all["totals"]["errors"] == 1, "{}", all["totals"]);

        let all = read(&run, reader, calls.clone()).await?;
        let logs = list(&all, "logs")?;
        let called = called.simple().to_string();
        let found = logs.iter().find(|log| log["trace_id"] == called.as_str());
        ensure!(found.is_some() == shown, "the call is {found:?}");
        ensure!(found.is_none_or(|log| log["client"] == false), "{found:?}");
        let foreign = logs.iter().find(|log| {
            !["", reader.id.as_str()].contains(&log["user_id"].as_str().unwrap_or("?"))
        });
        ensure!(foreign.is_none(), "read by {}: {foreign:?}", reader.id);
    }
    Ok(())
}
