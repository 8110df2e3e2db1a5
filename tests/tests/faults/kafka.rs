//! Kafka down: REST and gRPC go on, and events say that they cannot.

use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::json;
use trichrome_tests::{
    call_logs,
    harness::Suite,
    scenario::Scenario,
    transport::Transport,
    wait::{SOON, eventually},
};
use uuid::Uuid;

use crate::outage::{in_time, keeps_serving, unavailable, without};

pub(crate) fn add(suite: &mut Suite) {
    suite.once("faults::kafka_is_down", down);
}

async fn down(run: Scenario) -> Result<()> {
    let account = run.account().await?;
    let user = json!({"user_id": account.id});
    let gateway = run.stack().description.gateway_url.clone();
    let http = &run.stack().http;
    let mut traces = Vec::new();
    without(&run, "kafka", async || {
        for transport in Transport::ALL {
            match transport {
                Transport::FacadeEvents => {
                    unavailable(&run, transport, &account, "users-get", user.clone()).await?;
                }
                // Without a broker there is nobody to ask.
                Transport::Kafka => {}
                _ => {
                    keeps_serving(&run, transport, &account).await?;
                    let trace = Uuid::new_v4();
                    let call = run.call_over(transport, "users-get", user.clone())?;
                    let call = call.by(&account).trace(trace).send();
                    in_time("users-get", call).await?.ok()?;
                    traces.push(trace);
                }
            }
        }
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
    // The gateway kept its call logs until Kafka took them.
    eventually(Duration::from_secs(60), async || {
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
