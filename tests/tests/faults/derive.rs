//! Pictures that are being processed while a part is killed, and a message that can't be handled.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use futures::future::try_join_all;
use serde_json::{Value, json};
use trichrome_tests::{
    account::Account, control, harness::Suite, images::Format, reply::text, scenario::Scenario,
    wait::eventually,
};
use uuid::Uuid;

use crate::outage::all_serve;

pub(crate) fn add(suite: &mut Suite) {
    for part in ["functions", "ministack", "event-source"] {
        suite.once(
            &format!("faults::{part}_is_killed_while_pictures_are_processed"),
            move |run| killed(run, part),
        );
    }
    suite.once("faults::a_message_that_fails_delays_no_picture", poison);
}

/// More than the stack processes while they are uploaded.
const PICTURES: usize = 24;

/// Time allowed for processing them: the part's restart, the minute after which the messages of a
/// killed event source are delivered again, and a busy machine.
const PROCESSED: Duration = Duration::from_secs(240);

/// Time allowed for the deliveries of a message before it is given up: 1 + 2 + 4 + 8 + 16 s.
const GIVEN_UP: Duration = Duration::from_secs(120);

async fn upload(run: &Scenario, account: &Account) -> Result<String> {
    let args = json!({"title": "to be processed", "base64": Format::Jpeg.photo().base64()});
    let created = run
        .call("pictures-create", args)?
        .by(account)
        .send()
        .await?;
    Ok(text(&created.ok()?, "id")?.to_owned())
}

async fn state(run: &Scenario, account: &Account, id: &str) -> Result<String> {
    let args = json!({"picture_id": id, "metadata_only": true});
    let read = run.call("pictures-get", args)?.by(account).send().await?;
    Ok(text(&read.ok()?, "state")?.to_owned())
}

async fn are_ready(run: &Scenario, account: &Account, ids: &[String]) -> Result<()> {
    for id in ids {
        eventually(PROCESSED, async || {
            let state = state(run, account, id).await?;
            ensure!(state == "ready", "{id} is {state}");
            Ok(())
        })
        .await?;
    }
    Ok(())
}

async fn killed(run: Scenario, part: &'static str) -> Result<()> {
    all_serve(&run).await.context("before")?;
    let account = run.account().await?;
    let ids = try_join_all((0..PICTURES).map(|_| upload(&run, &account))).await?;
    let states = try_join_all(ids.iter().map(|id| state(&run, &account, id))).await?;
    let processing = states.iter().filter(|state| *state == "processing").count();
    ensure!(processing > 0, "all pictures were ready before the kill");
    control::kill(run.stack(), part).await?;
    are_ready(&run, &account, &ids)
        .await
        .with_context(|| format!("{processing} were processed when {part} was killed"))?;
    all_serve(&run).await.context("after")
}

async fn poison(run: Scenario) -> Result<()> {
    all_serve(&run).await.context("before")?;
    let queue = &run.stack().description.derive_queue_url;
    let mark = Uuid::new_v4().to_string();
    let message = json!({"QueueUrl": queue, "MessageBody": format!("not an event: {mark}")});
    sqs(&run, "SendMessage", &message).await?;
    let account = run.account().await?;
    let ids = try_join_all((0..3).map(|_| upload(&run, &account))).await?;
    are_ready(&run, &account, &ids).await?;

    // As localstack/prepare names it.
    let dead_letters = format!("{queue}-failed");
    let receive = json!({"QueueUrl": dead_letters, "MaxNumberOfMessages": 10});
    let found = eventually(GIVEN_UP, async || {
        let received = sqs(&run, "ReceiveMessage", &receive).await?;
        let messages = received["Messages"].as_array().into_iter().flatten();
        messages
            .into_iter()
            .find(|message| {
                message["Body"]
                    .as_str()
                    .is_some_and(|it| it.contains(&mark))
            })
            .cloned()
            .with_context(|| format!("no dead letter {mark}"))
    })
    .await?;
    let done = json!({"QueueUrl": dead_letters, "ReceiptHandle": found["ReceiptHandle"]});
    sqs(&run, "DeleteMessage", &done).await?;
    Ok(())
}

/// A request to SQS.
async fn sqs(run: &Scenario, action: &str, request: &Value) -> Result<Value> {
    let target = format!("AmazonSQS.{action}");
    let headers = [
        ("x-amz-target", target.as_str()),
        ("content-type", "application/x-amz-json-1.0"),
    ];
    let endpoint = &run.stack().description.aws_endpoint;
    let http = &run.stack().http;
    let answer = http.send("POST", endpoint, &headers, request.to_string());
    let answer = answer.await?;
    ensure!(answer.status == 200, "{action}: {}", answer.status);
    if answer.body.is_empty() {
        return Ok(Value::Null);
    }
    answer.json()
}
