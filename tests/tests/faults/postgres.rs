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

/// Calls over each transport during the outage.
const CALLS: usize = 50;

/// How long their call logs may take to be stored afterwards.
const LOGGED: Duration = Duration::from_secs(90);

async fn down(run: Scenario) -> Result<()> {
    let account = run.account().await?;
    let traces: Vec<_> = (0..CALLS * Transport::ALL.len())
        .map(|_| Uuid::new_v4())
        .collect();
    without(&run, "postgres", async || {
        over_each(Transport::ALL, async |transport| {
            keeps_serving(&run, transport, &account).await?;
            let entry = json!({"transport": "rest", "service": "s", "method": "m"});
            try_join(
                unavailable(&run, transport, &account, "analytics-get", json!({})),
                unavailable(&run, transport, &account, "analytics-log", entry),
            )
            .await?;
            let own = Transport::ALL.iter().position(|it| *it == transport);
            let own = own.context("a transport")? * CALLS;
            for trace in &traces[own..own + CALLS] {
                let call = run.call_over(transport, "users-get", json!({"user_id": account.id}))?;
                let call = call.by(&account).trace(*trace);
                in_time("users-get", call.send()).await?.ok()?;
            }
            Ok(())
        })
        .await
    })
    .await?;
    // The gateway's call logs have waited in Kafka, and REST's in SQS.
    eventually(LOGGED, async || {
        let logged = call_logs::of(&run.stack().postgres, &traces).await?;
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
