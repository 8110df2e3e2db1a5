//! A gateway of version 0.1 and one of this version, side by side as in a rolling update.

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use futures::future::try_join_all;
use serde_json::json;
use trichrome_proto::{contract::by_function, wire::header::AUTHORIZATION};
use trichrome_tests::{
    clients::kafka::{PARTITIONS, Record},
    gateway::Replica,
    scenario::Scenario,
};
use uuid::Uuid;

/// Commands to each partition.
const COMMANDS: usize = 10;

/// The stack's gateway is of version 0.1. Both share the partitions of the command topics, and each
/// gets the answers to its own callers from whichever served them.
pub(crate) async fn share_the_topics(run: Scenario) -> Result<()> {
    let stack = run.stack();
    let account = run.account().await?;
    let newer = Replica::start(stack).await?;
    let operation = by_function("users-get").context("no such operation")?;
    let args = json!({"user_id": account.id});
    let commands = (0..PARTITIONS).flat_map(|partition| vec![partition; COMMANDS]);
    let answers = commands.map(|partition| {
        let event_id = Uuid::new_v4().to_string();
        let record = Record::named_by_key(operation, &event_id, &args)
            .token(&account.token)
            .partition(partition);
        async move {
            let mut expected = stack.kafka.expect(&event_id);
            stack.kafka.produce(&record).await?;
            let answer = expected.answer().await?;
            ensure!(answer.status()? == 200, "{answer:?}");
            anyhow::Ok(())
        }
    });
    try_join_all(answers).await?;
    let authorization = format!("Bearer {}", account.token);
    for gateway in [newer.http_url(), &stack.description.gateway_url] {
        // Some of the commands are served by the other gateway.
        for _ in 0..COMMANDS {
            let url = format!("{gateway}/events/users/{}", account.id);
            let headers = [(AUTHORIZATION, authorization.as_str())];
            let answer = stack.http.send("GET", &url, &headers, Bytes::new()).await?;
            ensure!(
                answer.status == 200,
                "{}: {}",
                answer.status,
                answer.start()
            );
            ensure!(answer.json()?["id"] == account.id.as_str(), "another user");
        }
    }
    newer.stop().await
}
