//! Kafka is down: REST and gRPC still work, and events return an error.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use trichrome_proto::{error::ErrorCode, wire::record::RESULTS};
use trichrome_tests::{
    call_logs,
    harness::Suite,
    scenario::Scenario,
    transport::Transport,
    wait::{SOON, eventually},
};
use uuid::Uuid;

use crate::outage::{in_time, keeps_serving, over_each, unavailable, without};

pub(crate) fn add(suite: &mut Suite) {
    suite.once("faults::kafka_is_down", down);
    suite.once("faults::the_topic_of_results_is_missing", no_results);
}

async fn down(run: Scenario) -> Result<()> {
    let account = run.account().await?;
    let user = json!({"user_id": account.id});
    let gateway = run.stack().description.gateway_url.clone();
    let http = &run.stack().http;
    let served = [
        Transport::Rest,
        Transport::FacadeRest,
        Transport::FacadeGrpc,
        Transport::Grpc,
    ];
    let traces = served.map(|transport| (transport, Uuid::new_v4()));
    without(&run, "kafka", async || {
        // The Kafka client itself can't call anything without a broker, so only the facade is
        // tested.
        over_each([Transport::FacadeEvents], async |transport| {
            unavailable(&run, transport, &account, "users-get", user.clone()).await?;
            Ok(())
        })
        .await?;
        over_each(served, async |transport| {
            keeps_serving(&run, transport, &account).await?;
            let trace = traces.iter().find(|(own, _)| *own == transport);
            let call = run.call_over(transport, "users-get", user.clone())?;
            let call = call.by(&account).trace(trace.context("no trace")?.1);
            in_time("users-get", call.send()).await?.ok()?;
            Ok(())
        })
        .await?;
        let alive = http.get(&format!("{gateway}/healthz")).await?;
        ensure!(alive.status == 200, "/healthz: {}", alive.status);
        eventually(SOON, async || {
            let ready = http.get(&format!("{gateway}/readyz")).await?;
            ensure!(
                ready.status == 503,
                "/readyz: {} {}",
                ready.status,
                ready.start()
            );
            let report = ready.json()?;
            ensure!(report["checks"]["kafka"] != "ok", "{report}");
            Ok(())
        })
        .await
    })
    .await?;
    // The gateway buffers call logs until Kafka accepts them.
    let traces = traces.map(|(_, trace)| trace);
    call_logs::all(&run.stack().postgres, &traces, Duration::from_secs(60)).await
}

/// What `/readyz` says.
async fn ready(run: &Scenario) -> Result<(u16, Value)> {
    let url = format!("{}/readyz", run.stack().description.gateway_url);
    let ready = run.stack().http.get(&url).await?;
    Ok((ready.status, ready.json()?))
}

async fn no_results(run: Scenario) -> Result<()> {
    let account = run.account().await?;
    let kafka = &run.stack().kafka;
    kafka.delete_topic(RESULTS).await?;
    let noticed = eventually(SOON, async || {
        let (status, report) = ready(&run).await?;
        ensure!(status == 503, "/readyz: {status} {report}");
        ensure!(report["checks"]["results"] != "ok", "{report}");
        ensure!(report["checks"]["kafka"] == "ok", "{report}");
        Ok(())
    })
    .await;
    let user = json!({"user_id": account.id});
    let refused = unavailable(
        &run,
        Transport::FacadeEvents,
        &account,
        "users-get",
        user.clone(),
    )
    .await;
    kafka.create_topic(RESULTS).await?;
    noticed?;
    ensure!(refused? == ErrorCode::Unavailable);
    eventually(SOON, async || {
        let (status, report) = ready(&run).await?;
        ensure!(status == 200, "/readyz: {status} {report}");
        Ok(())
    })
    .await?;
    kafka.read_results_again().await?;
    // From now on, answers arrive.
    let call = run.call_over(Transport::FacadeEvents, "users-get", user)?;
    call.by(&account).send().await?.ok()?;
    Ok(())
}
