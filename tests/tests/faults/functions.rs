//! The functions, and with them the REST API, are down: the gateway reports it.

use anyhow::{Result, ensure};
use serde_json::json;
use trichrome_tests::{
    harness::Suite,
    scenario::Scenario,
    transport::Transport,
    wait::{SOON, eventually},
};

use crate::outage::{over_each, unavailable, without};

pub(crate) fn add(suite: &mut Suite) {
    suite.once("faults::the_functions_are_down", down);
}

async fn down(run: Scenario) -> Result<()> {
    let account = run.account().await?;
    let user = json!({"user_id": account.id});
    let gateway = run.stack().description.gateway_url.clone();
    let http = &run.stack().http;
    without(&run, "functions", async || {
        // The REST API itself is down, so it can't return an error.
        let others = Transport::ALL.into_iter().filter(|&t| t != Transport::Rest);
        over_each(others, async |transport| {
            unavailable(&run, transport, &account, "users-get", user.clone()).await?;
            unavailable(&run, transport, &account, "pictures-list", json!({})).await?;
            Ok(())
        })
        .await?;
        let alive = http.get(&format!("{gateway}/healthz")).await?;
        ensure!(alive.status == 200, "/healthz: {}", alive.status);
        eventually(SOON, async || {
            let ready = http.get(&format!("{gateway}/readyz")).await?;
            ensure!(ready.status == 503, "/readyz: {}", ready.status);
            let report = ready.json()?;
            ensure!(
                report["ready"] == false && report["checks"]["kafka"] == "ok",
                "{report}"
            );
            Ok(())
        })
        .await
    })
    .await
}
