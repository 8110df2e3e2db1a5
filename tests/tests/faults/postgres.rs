//! Postgres is down: call logs can't be read, and everything else works.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use futures::future::try_join;
use serde_json::json;
use trichrome_tests::{
    call_logs, control,
    harness::Suite,
    scenario::Scenario,
    transport::Transport,
    wait::{SOON, eventually},
};
use uuid::Uuid;

use crate::outage::{in_time, keeps_serving, over_each, unavailable, without};

pub(crate) fn add(suite: &mut Suite) {
    suite.once("faults::postgres_is_down", down);
    suite.once(
        "faults::call_logs_survive_a_kill_of_their_queue",
        queue_killed,
    );
}

/// Calls over each transport during the outage.
const CALLS: usize = 50;

/// How long their call logs may take to be stored afterwards.
const LOGGED: Duration = Duration::from_secs(90);

/// Call logs that wait for Postgres are still there after MiniStack was killed.
async fn queue_killed(run: Scenario) -> Result<()> {
    let account = run.account().await?;
    let traces: Vec<_> = (0..CALLS).map(|_| Uuid::new_v4()).collect();
    without(&run, "postgres", async || {
        let before = waiting(&run).await?;
        for trace in &traces {
            let args = json!({"user_id": account.id});
            let call = run.call_over(Transport::Rest, "users-get", args)?;
            call.by(&account).trace(*trace).send().await?.ok()?;
        }
        // They are sent after the response.
        eventually(SOON, async || {
            let sent = waiting(&run).await? - before;
            ensure!(sent >= CALLS, "{sent} of {CALLS} are in the queue");
            Ok(())
        })
        .await?;
        control::kill(run.stack(), "ministack").await
    })
    .await?;
    are_logged(&run, &traces).await
}

/// The number of call logs in the queue.
async fn waiting(run: &Scenario) -> Result<usize> {
    let description = &run.stack().description;
    let headers = [
        ("x-amz-target", "AmazonSQS.GetQueueAttributes"),
        ("content-type", "application/x-amz-json-1.0"),
    ];
    let request = json!({
        "QueueUrl": description.call_log_queue_url,
        "AttributeNames": ["All"],
    });
    let endpoint = &description.aws_endpoint;
    let http = &run.stack().http;
    let answer = http.send("POST", endpoint, &headers, request.to_string());
    let answer = answer.await?.json()?;
    let count = |name: &str| {
        let count = answer["Attributes"][name].as_str();
        let count = count.and_then(|count| count.parse::<usize>().ok());
        count.with_context(|| format!("no {name}: {answer}"))
    };
    Ok(count("ApproximateNumberOfMessages")? + count("ApproximateNumberOfMessagesNotVisible")?)
}

/// Waits until each of these traces has a call log.
async fn are_logged(run: &Scenario, traces: &[Uuid]) -> Result<()> {
    call_logs::all(&run.stack().postgres, traces, LOGGED).await
}

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
    are_logged(&run, &traces).await
}
