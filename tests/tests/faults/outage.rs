//! A part that is down, and what is held to be true meanwhile.

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

/// How long the stack may take to serve again once the part does.
const RECOVERY: Duration = Duration::from_secs(60);

/// The gateway's deadline for a call is ten seconds; with the way to Kafka and back, and room
/// for a busy machine.
const DEADLINE: Duration = Duration::from_secs(25);

/// Runs `meanwhile` while a part is down. The part is started again whatever comes of it,
/// and everything has to be served again.
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

/// Waits until the main job is done over every transport, and the call logs can be read.
async fn all_serve(run: &Scenario) -> Result<()> {
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

/// Does the same over every transport at once: what is down takes its time to say so.
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

/// An upload, a look at it, and its end.
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

/// Holds a call to be answered in time.
pub(crate) async fn in_time(
    what: &str,
    call: impl Future<Output = Result<Reply>>,
) -> Result<Reply> {
    let begun = Instant::now();
    let reply = call.await?;
    let took = begun.elapsed();
    ensure!(took < DEADLINE, "{what}: answered only after {took:?}");
    Ok(reply)
}

/// Holds a call to be refused, in time, because a part is down. Answers the code: after
/// `UNAVAILABLE` nothing came of the call, after `DEADLINE_EXCEEDED` something still may.
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
    // The caller learns that it is not their fault, and no more than that.
    let reply = reply.refused(ErrorCode::Unavailable)?;
    let told = reply.message().to_lowercase();
    for inner in [
        "sql",
        "dynamo",
        "s3",
        "127.0.0.1",
        "connection refused",
        "os error",
    ] {
        ensure!(
            !told.contains(inner),
            "{function} over {transport} tells of {inner}: {told}"
        );
    }
    Ok(ErrorCode::Unavailable)
}
