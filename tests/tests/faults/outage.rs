//! Stops a part of the stack and checks calls in the meantime.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use futures::future::try_join_all;
use serde_json::{Value, json};
use trichrome_proto::error::ErrorCode;
use trichrome_tests::{
    account::Account,
    control,
    images::Format,
    reply::{Reply, text},
    scenario::Scenario,
    transport::Transport,
    wait::eventually,
};

/// How long the stack may take to recover once the part is back.
const RECOVERY: Duration = Duration::from_secs(60);

/// The gateway's deadline for a call is ten seconds. The rest is for the way through Kafka and a
/// busy machine.
const DEADLINE: Duration = Duration::from_secs(25);

/// Runs `meanwhile` while a part is down. Then starts the part, also after a failure, and checks
/// that all calls work again.
pub(crate) async fn without(
    run: &Scenario,
    part: &str,
    meanwhile: impl AsyncFnOnce() -> Result<()>,
) -> Result<()> {
    all_serve(run).await.context("before")?;
    control::stop(run.stack(), part).await?;
    let outcome = meanwhile().await;
    control::start(run.stack(), part).await?;
    outcome.with_context(|| format!("while {part} is down"))?;
    all_serve(run)
        .await
        .with_context(|| format!("after {part} is back"))
}

/// Waits until uploads work over every transport and the call logs can be read.
pub(crate) async fn all_serve(run: &Scenario) -> Result<()> {
    over_each(Transport::ALL, async |transport| {
        eventually(RECOVERY, async || {
            let account = Account::sign_up(run, transport).await?;
            keeps_serving(run, transport, &account).await?;
            let read = run.call_over(transport, "analytics-get", json!({"limit": 1}))?;
            read.by(&account).send().await?.ok()?;
            Ok(())
        })
        .await
    })
    .await
}

/// Runs a check over several transports concurrently, because outages are slow to be reported.
pub(crate) async fn over_each(
    transports: impl IntoIterator<Item = Transport>,
    scenario: impl AsyncFn(Transport) -> Result<()>,
) -> Result<()> {
    let scenario = &scenario;
    let all = transports.into_iter().map(async |transport| {
        let outcome = scenario(transport).await;
        outcome.with_context(|| transport.to_string())
    });
    try_join_all(all).await?;
    Ok(())
}

/// Uploads, reads and deletes a picture.
pub(crate) async fn keeps_serving(
    run: &Scenario,
    transport: Transport,
    account: &Account,
) -> Result<()> {
    let picture = Format::Png.photo();
    let args = json!({"title": "through it all", "base64": picture.base64()});
    let created = serve(run, transport, account, "pictures-create", args).await?;
    let one = json!({"picture_id": text(&created, "id")?});
    let got = serve(run, transport, account, "pictures-get", one.clone()).await?;
    ensure!(
        got["base64"] == picture.base64(),
        "{transport}: other bytes came back"
    );
    serve(run, transport, account, "pictures-delete", one).await?;
    Ok(())
}

async fn serve(
    run: &Scenario,
    transport: Transport,
    account: &Account,
    function: &str,
    args: Value,
) -> Result<Value> {
    run.call_over(transport, function, args)?
        .by(account)
        .send()
        .await?
        .ok()
}

/// Checks that a call gets a reply within the deadline.
pub(crate) async fn in_time(
    what: &str,
    call: impl Future<Output = Result<Reply>>,
) -> Result<Reply> {
    let begun = Instant::now();
    let reply = call.await?;
    let took = begun.elapsed();
    ensure!(took < DEADLINE, "{what}: the reply took {took:?}");
    Ok(reply)
}

/// Checks that a call fails in time because a part is down. Returns the error code: after
/// `UNAVAILABLE` the call had no effect, after `DEADLINE_EXCEEDED` it may still have one.
pub(crate) async fn unavailable(
    run: &Scenario,
    transport: Transport,
    account: &Account,
    function: &str,
    args: Value,
) -> Result<ErrorCode> {
    let call = run.call_over(transport, function, args)?.by(account).send();
    let reply = in_time(function, call).await?;
    if reply.code() == Some(ErrorCode::DeadlineExceeded) {
        return Ok(ErrorCode::DeadlineExceeded);
    }
    // The message must not reveal internals.
    let reply = reply.refused(ErrorCode::Unavailable)?;
    let message = reply.message().to_lowercase();
    for inner in [
        "sql",
        "dynamo",
        "s3",
        "127.0.0.1",
        "connection refused",
        "os error",
    ] {
        ensure!(
            !message.contains(inner),
            "{function} over {transport} reveals {inner}: {message}"
        );
    }
    Ok(ErrorCode::Unavailable)
}
