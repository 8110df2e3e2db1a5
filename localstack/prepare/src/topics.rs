//! The Kafka topics: those of the contract, their dead-letter topics, and `results`.

use std::{collections::BTreeSet, time::Duration};

use anyhow::Context as _;
use rdkafka::{
    ClientConfig,
    admin::{AdminClient, AdminOptions, NewTopic, TopicReplication},
    client::DefaultClientContext,
    types::RDKafkaErrorCode,
};
use trichrome_proto::{
    contract,
    wire::{
        limits::MAX_RECORD,
        record::{RESULTS, dead_letter_topic},
    },
};

/// Partitions per topic, and so the number of gateways that can share it.
const PARTITIONS: i32 = 3;

/// Timeout of a request to the broker.
const TIMEOUT: Duration = Duration::from_secs(5);

/// The names of all topics.
#[must_use]
pub fn names() -> BTreeSet<String> {
    let commands = contract::OPERATIONS.iter().map(|it| it.command.topic);
    let triggers = contract::TRIGGERS.iter().map(|it| it.topic);
    commands
        .chain(triggers)
        .flat_map(|topic| [topic.to_owned(), dead_letter_topic(topic)])
        .chain([RESULTS.to_owned()])
        .collect()
}

/// Creates the missing topics.
///
/// # Errors
///
/// The broker can't be reached, or refuses a topic.
pub async fn ensure(brokers: &str) -> anyhow::Result<()> {
    let admin: AdminClient<DefaultClientContext> = ClientConfig::new()
        .set("bootstrap.servers", brokers)
        // The caller retries and reports the last error.
        .set("log_level", "0")
        .create()
        .context("configure a Kafka client")?;
    let names = names();
    let max_bytes = MAX_RECORD.to_string();
    let topics: Vec<_> = names
        .iter()
        .map(|name| {
            NewTopic::new(name, PARTITIONS, TopicReplication::Fixed(1))
                .set("max.message.bytes", &max_bytes)
        })
        .collect();
    let options = AdminOptions::new()
        .request_timeout(Some(TIMEOUT))
        .operation_timeout(Some(TIMEOUT));
    let results = admin
        .create_topics(&topics, &options)
        .await
        .context("create topics")?;
    for result in results {
        match result {
            Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
            Err((topic, code)) => anyhow::bail!("create topic {topic}: {code}"),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_topics_are_those_of_the_contract() {
        let names = names();
        for name in [
            "auth",
            "users",
            "pictures",
            "analytics",
            "analytics.dlq",
            "analyticsdata",
            "analyticsdata.dlq",
            "results",
        ] {
            assert!(names.contains(name), "{name}");
        }
        assert_eq!(names.len(), 11, "{names:?}");
    }
}
