//! Postgres down: no call logs to read, and nothing else amiss.

use anyhow::{Result, ensure};
use serde_json::json;
use trichrome_tests::{
    call_logs, harness::Suite, scenario::Scenario, transport::Transport, wait::eventually,
};
use uuid::Uuid;

use crate::outage::{in_time, keeps_serving, unavailable, without};

pub(crate) fn add(suite: &mut Suite) {
    suite.once("faults::postgres_is_down", down);
}

async fn down(run: Scenario) -> Result<()> {
    let account = run.account().await?;
    let mut traces = Vec::new();
    without(&run, "postgres", async || {
        for transport in Transport::ALL {
            keeps_serving(&run, transport, &account).await?;
            unavailable(&run, transport, &account, "analytics-get", json!({})).await?;
            let entry = json!({"transport": "rest", "service": "s", "method": "m"});
            unavailable(&run, transport, &account, "analytics-log", entry).await?;

            let trace = Uuid::new_v4();
            let call = run.call_over(transport, "users-get", json!({"user_id": account.id}))?;
            let call = call.by(&account).trace(trace).send();
            in_time("users-get", call).await?.ok()?;
            // The gateway's logs wait in Kafka; REST's are sent once, and lost.
            if transport.logged_as() != "rest" {
                traces.push(trace);
            }
        }
        Ok(())
    })
    .await?;
    eventually(std::time::Duration::from_secs(60), async || {
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
