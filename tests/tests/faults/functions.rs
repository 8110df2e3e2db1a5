//! Functions that are down, replaced or killed.

use std::cell::Cell;

use anyhow::{Context as _, Result, ensure};
use futures::future::try_join;
use serde_json::json;
use trichrome_tests::{
    account::Account,
    control,
    harness::Suite,
    scenario::Scenario,
    transport::Transport,
    wait::{SOON, eventually},
};

use crate::outage::{over_each, unavailable, without};

pub(crate) fn add(suite: &mut Suite) {
    suite.once("faults::the_functions_are_down", down);
    suite.once("faults::the_api_is_down", api_down);
    suite.once("faults::a_function_is_replaced", replaced);
    suite.once("faults::a_function_is_killed", killed);
}

/// The functions that another one's replacement must not disturb, and the one that is replaced.
const OTHERS: [&str; 2] = ["pictures-list", "users-get-by-username"];
const REPLACED: &str = "users-get";

/// Calls this function over REST and gRPC until `done`; how often.
async fn keep_calling(
    run: &Scenario,
    account: &Account,
    function: &str,
    done: &Cell<bool>,
) -> Result<usize> {
    let mut calls = 0;
    while !done.get() {
        for transport in [Transport::Rest, Transport::Grpc] {
            let args = match function {
                "users-get" => json!({"user_id": account.id}),
                "users-get-by-username" => json!({"username": account.username}),
                _ => json!({}),
            };
            let call = run.call_over(transport, function, args)?;
            let reply = call.by(account).send().await?;
            reply
                .ok()
                .with_context(|| format!("{function} over {transport}, call {calls}"))?;
            calls += 1;
        }
    }
    Ok(calls)
}

/// Replacing a function loses no call, its own included.
async fn replaced(run: Scenario) -> Result<()> {
    let account = run.account().await?;
    let done = Cell::new(false);
    let replace = async {
        for _ in 0..2 {
            control::restart(run.stack(), REPLACED).await?;
        }
        done.set(true);
        Ok(())
    };
    let own = keep_calling(&run, &account, REPLACED, &done);
    let other = keep_calling(&run, &account, OTHERS[0], &done);
    let (calls, ((), others)) = try_join(own, try_join(replace, other)).await?;
    ensure!(calls > 0 && others > 0, "{calls} and {others} calls");
    Ok(())
}

/// After a function's processes were killed, new ones serve, and the other functions did not
/// notice.
async fn killed(run: Scenario) -> Result<()> {
    let account = run.account().await?;
    let done = Cell::new(false);
    let kill = async {
        control::kill(run.stack(), REPLACED).await?;
        eventually(SOON, async || {
            let args = json!({"user_id": account.id});
            let call = run.call_over(Transport::Grpc, REPLACED, args)?;
            call.by(&account).send().await?.ok()?;
            Ok(())
        })
        .await?;
        done.set(true);
        Ok(())
    };
    let others = try_join(
        keep_calling(&run, &account, OTHERS[0], &done),
        keep_calling(&run, &account, OTHERS[1], &done),
    );
    try_join(kill, others).await?;
    Ok(())
}

async fn down(run: Scenario) -> Result<()> {
    let account = run.account().await?;
    let user = json!({"user_id": account.id});
    let gateway = run.stack().description.gateway_url.clone();
    let http = &run.stack().http;
    without(&run, "functions", async || {
        over_each(Transport::ALL, async |transport| {
            unavailable(&run, transport, &account, "users-get", user.clone()).await?;
            unavailable(&run, transport, &account, "pictures-list", json!({})).await?;
            Ok(())
        })
        .await?;
        let alive = http.get(&format!("{gateway}/healthz")).await?;
        ensure!(alive.status == 200, "/healthz: {}", alive.status);
        Ok(())
    })
    .await
}

/// The gateway isn't ready without the Invoke API.
async fn api_down(run: Scenario) -> Result<()> {
    let account = run.account().await?;
    let user = json!({"user_id": account.id});
    let gateway = run.stack().description.gateway_url.clone();
    let http = &run.stack().http;
    without(&run, "api", async || {
        // The REST API itself is down, so it can't return an error.
        let others = Transport::ALL.into_iter().filter(|&t| t != Transport::Rest);
        over_each(others, async |transport| {
            unavailable(&run, transport, &account, "users-get", user.clone()).await?;
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
