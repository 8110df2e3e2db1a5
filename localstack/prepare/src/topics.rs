//! The Kafka topics: those of the contract, their dead-letter topics, and `results`.

mod commands;
mod layout;

use std::{collections::BTreeMap, time::Duration};

use anyhow::Context as _;
use rdkafka::{
    admin::{
        AdminClient, AdminOptions, AlterConfig, ConfigResource, ConfigSource, NewTopic,
        OwnedResourceSpecifier, ResourceSpecifier, TopicReplication,
    },
    client::DefaultClientContext,
    types::RDKafkaErrorCode,
};
use trichrome_kafka::Connection;

pub use commands::script;
pub use layout::{Layout, Topic};

/// Timeout of a request to the broker.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Creates the missing topics and compares the others with `layout`. Returns what differs, one
/// sentence each. With `correct`, settings are changed instead; the number of partitions never is,
/// since that would change which partition a key belongs to.
///
/// # Errors
///
/// The broker can't be reached, or refuses a topic.
pub async fn ensure(
    connection: &Connection,
    layout: &Layout,
    correct: bool,
) -> anyhow::Result<Vec<String>> {
    let admin: AdminClient<DefaultClientContext> = connection
        .client_config()
        // The caller retries and reports the last error.
        .set("log_level", "0")
        .create()
        .context("configure a Kafka client")?;
    let topics = layout.topics();
    let existing = create(&admin, layout, &topics).await?;
    compare(&admin, layout, &existing, correct).await
}

fn options() -> AdminOptions {
    AdminOptions::new()
        .request_timeout(Some(TIMEOUT))
        .operation_timeout(Some(TIMEOUT))
}

/// Creates topics; returns those that exist already.
async fn create<'a>(
    admin: &AdminClient<DefaultClientContext>,
    layout: &Layout,
    topics: &'a [Topic],
) -> anyhow::Result<Vec<&'a Topic>> {
    let new: Vec<_> = topics
        .iter()
        .map(|topic| {
            let new = NewTopic::new(
                &topic.name,
                layout.partitions,
                TopicReplication::Fixed(layout.replication),
            );
            let settings = topic.settings.iter();
            settings.fold(new, |new, (name, value)| new.set(name, value))
        })
        .collect();
    let results = admin
        .create_topics(&new, &options())
        .await
        .context("create topics")?;
    let mut existing = Vec::new();
    for (topic, result) in topics.iter().zip(results) {
        match result {
            Ok(_) => {}
            Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => existing.push(topic),
            Err((name, code)) => anyhow::bail!("create topic {name}: {code}"),
        }
    }
    Ok(existing)
}

async fn compare(
    admin: &AdminClient<DefaultClientContext>,
    layout: &Layout,
    topics: &[&Topic],
    correct: bool,
) -> anyhow::Result<Vec<String>> {
    if topics.is_empty() {
        return Ok(Vec::new());
    }
    let specifiers: Vec<_> = topics
        .iter()
        .map(|topic| ResourceSpecifier::Topic(&topic.name))
        .collect();
    let described = admin
        .describe_configs(&specifiers, &options())
        .await
        .context("describe topics")?;
    let metadata = admin
        .inner()
        .fetch_metadata(None, TIMEOUT)
        .context("list partitions")?;
    let mut differences = Vec::new();
    for description in described {
        let description = description.map_err(|code| anyhow::anyhow!("describe topics: {code}"))?;
        let OwnedResourceSpecifier::Topic(name) = &description.specifier else {
            continue;
        };
        let Some(topic) = topics.iter().find(|topic| topic.name == *name) else {
            continue;
        };
        let settings = different(topic, &description);
        if correct && !settings.is_empty() {
            alter(admin, topic, &description).await?;
        } else {
            differences.extend(settings);
        }
        let found = metadata.topics().iter().find(|it| it.name() == name);
        let partitions = found.map_or(0, |it| it.partitions().len());
        if usize::try_from(layout.partitions) != Ok(partitions) {
            differences.push(format!(
                "topic {name}: it has {partitions} partitions, not {}",
                layout.partitions
            ));
        }
    }
    Ok(differences)
}

/// The settings of an existing topic that aren't the layout's.
fn different(topic: &Topic, description: &ConfigResource) -> Vec<String> {
    let settings = topic.settings.iter();
    settings
        .filter_map(|(setting, wanted)| {
            let found = description
                .get(setting)
                .and_then(|entry| entry.value.as_deref())
                .unwrap_or("not set");
            (found != wanted)
                .then(|| format!("topic {}: {setting} is {found}, not {wanted}", topic.name))
        })
        .collect()
}

/// Changes a topic's settings to the layout's. The request replaces all of them, so it repeats the
/// topic's others.
async fn alter(
    admin: &AdminClient<DefaultClientContext>,
    topic: &Topic,
    description: &ConfigResource,
) -> anyhow::Result<()> {
    let kept = description
        .entries
        .iter()
        .filter(|entry| entry.source == ConfigSource::DynamicTopic)
        .filter_map(|entry| Some((entry.name.as_str(), entry.value.as_deref()?)));
    let mut settings: BTreeMap<&str, &str> = kept.collect();
    for (name, value) in &topic.settings {
        settings.insert(name, value);
    }
    let change = settings.into_iter().fold(
        AlterConfig::new(ResourceSpecifier::Topic(&topic.name)),
        |change, (name, value)| change.set(name, value),
    );
    let results = admin
        .alter_configs([&change], &options())
        .await
        .context("alter topics")?;
    for result in results {
        result.map_err(|(_, code)| anyhow::anyhow!("alter topic {}: {code}", topic.name))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use rdkafka::admin::ConfigEntry;

    use super::*;

    fn entry(name: &str, value: &str) -> ConfigEntry {
        ConfigEntry {
            name: name.to_owned(),
            value: Some(value.to_owned()),
            source: ConfigSource::DynamicTopic,
            is_read_only: false,
            is_default: false,
            is_sensitive: false,
        }
    }

    #[test]
    fn differences_name_the_topic_the_setting_and_both_values() {
        let topic = Topic {
            name: "auth".to_owned(),
            settings: vec![
                ("retention.ms", "86400000".to_owned()),
                ("max.message.bytes", "8388608".to_owned()),
            ],
        };
        let description = ConfigResource {
            specifier: OwnedResourceSpecifier::Topic("auth".to_owned()),
            entries: vec![entry("max.message.bytes", "1048588")],
        };
        assert_eq!(
            different(&topic, &description),
            [
                "topic auth: retention.ms is not set, not 86400000",
                "topic auth: max.message.bytes is 1048588, not 8388608",
            ]
        );
    }
}
