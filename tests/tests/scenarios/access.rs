//! What Kafka's ACLs (`deploy/kafka/acls.sh`) keep clients from.

use std::time::Duration;

use anyhow::{Result, ensure};
use rdkafka::{
    Message as _,
    consumer::{Consumer as _, StreamConsumer},
    error::{KafkaError, RDKafkaErrorCode},
};
use serde_json::json;
use tokio::time::timeout;
use trichrome_proto::wire::record::{RESULTS, STATUS};
use trichrome_tests::{
    clients::{
        broker::User,
        kafka::{Record, envelope, reader},
    },
    harness::Suite,
    scenario::Scenario,
    stack::Description,
    wait::SOON,
};
use uuid::Uuid;

pub(crate) fn add(suite: &mut Suite) {
    let has_acls = Description::read().is_ok_and(|stack| stack.kafka_access.is_some());
    suite.given(has_acls, "the broker has no ACLs", |suite| {
        suite.once("access::a_client_forges_no_answer", forged);
        suite.once("access::a_client_reads_no_commands", commands);
        suite.once("access::a_client_takes_no_commands_from_gateways", group);
    });
}

async fn forged(run: Scenario) -> Result<()> {
    let kafka = &run.stack().kafka;
    let event_id = Uuid::new_v4().to_string();
    let mut expected = kafka.expect(&event_id);
    let value = envelope(&event_id, &json!({"access_token": "forged"}));
    let answer = Record::new(RESULTS, "response", value).header(STATUS, "200");
    let refused = kafka.produce_as(User::Client, &answer).await;
    let problem = refused.err().map(|error| format!("{error:#}"));
    ensure!(
        problem
            .as_ref()
            .is_some_and(|problem| problem.contains("Topic authorization failed")),
        "a forged answer: {problem:?}"
    );
    // The same record is an answer if one who may writes it.
    kafka.produce_as(User::Admin, &answer).await?;
    let answer = expected.answer().await?;
    ensure!(answer.status()? == 200, "{answer:?}");
    let forged = expected.another(Duration::ZERO).await;
    ensure!(forged.is_none(), "a forged answer was written: {forged:?}");
    Ok(())
}

/// Reads until the broker refuses it with this code.
async fn is_refused(consumer: &StreamConsumer, code: RDKafkaErrorCode) -> Result<()> {
    let refusal = timeout(SOON, consumer.recv()).await?;
    match refusal {
        Err(KafkaError::MessageConsumption(refused)) if refused == code => Ok(()),
        Err(error) => Err(error.into()),
        Ok(record) => anyhow::bail!("read a record of {}", record.topic()),
    }
}

async fn commands(run: Scenario) -> Result<()> {
    let broker = &run.stack().kafka.broker;
    for topic in ["auth", "users", "pictures", "analytics"] {
        let consumer = reader(broker, User::Client, &[topic]).await?;
        is_refused(&consumer, RDKafkaErrorCode::TopicAuthorizationFailed).await?;
    }
    Ok(())
}

async fn group(run: Scenario) -> Result<()> {
    let mut config = run.stack().kafka.broker.config(User::Client)?;
    let consumer: StreamConsumer = config.set("group.id", "gateway").create()?;
    consumer.subscribe(&[RESULTS])?;
    is_refused(&consumer, RDKafkaErrorCode::GroupAuthorizationFailed).await
}
