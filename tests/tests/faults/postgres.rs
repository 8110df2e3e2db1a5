//! Postgres is down: call logs can't be read, and everything else works.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use futures::future::try_join;
use serde_json::json;
use trichrome_tests::{
    call_logs, harness::Suite, scenario::Scenario, transport::Transport, wait::eventually,
};
use uuid::Uuid;

use crate::outage::{in_time, keeps_serving, over_each, unavailable, without};

pub(crate) fn add(suite: &mut Suite) {
    suite.once("faults::postgres_is_down", down);
}

async fn down(run: Scenario) -> Result<()> {
    let account = run.account().await?;
    let traces = Transport::ALL.map(|transport| (transport, Uuid::new_v4()));
    without(&run, "postgres", async || {
        over_each(Transport::ALL, async |transport| {
            keeps_serving(&run, transport, &account).await?;
            let entry = json!({"transport": "rest", "service": "s", "method": "m"});
            try_join(
                unavailable(&run, transport, &account, "analytics-get", json!({})),
                unavailable(&run, transport, &account, "analytics-log", entry),
            )
            .await?;
            let trace = traces.iter().find(|(own, _)| *own == transport);
            let call = run.call_over(transport, "users-get", json!({"user_id": account.id}))?;
            let call = call.by(&account).trace(trace.context("no trace")?.1);
            in_time("users-get", call.send()).await?.ok()?;
            Ok(())
        })
        .await
    })
    .await?;
    // The gateway's call logs wait in Kafka. REST's are sent once and are lost.
    let kept = traces
        .iter()
        .filter(|(transport, _)| transport.logged_as() != "rest");
    let kept: Vec<_> = kept.map(|(_, trace)| *trace).collect();
    eventually(Duration::from_secs(60), async || {
        let logged = call_logs::of(&run.stack().postgres, &kept).await?;
        ensure!(
            logged.len() == kept.len(),
            "{} of {} logged",
            logged.len(),
            kept.len()
        );
        Ok(())
    })
    .await
}
