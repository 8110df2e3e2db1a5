//! Which topics there are, and their settings.

use std::{collections::BTreeSet, time::Duration};

use trichrome_proto::{
    contract,
    wire::{
        limits::MAX_RECORD,
        record::{RESULTS, dead_letter_topic},
    },
};
use trichrome_startup::Variables;

/// How long records can be read. Commands carry passwords, answers carry tokens and pictures:
/// each is kept as long as a consumer may need to catch up, and no longer.
const RESULTS_RETENTION: Duration = Duration::from_mins(10);
const COMMANDS_RETENTION: Duration = Duration::from_hours(24);
const CALL_LOGS_RETENTION: Duration = Duration::from_hours(7 * 24);
const DEAD_LETTERS_RETENTION: Duration = Duration::from_hours(14 * 24);

/// Kafka deletes whole segments, and only closed ones: a record may outlive its retention by the
/// time that its segment is written to.
const MAX_SEGMENT: Duration = Duration::from_hours(1);

/// A topic and its settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topic {
    /// Its name.
    pub name: String,
    /// Kafka's names of settings, and their values.
    pub settings: Vec<(&'static str, String)>,
}

impl Topic {
    fn new(name: String, retention: Duration) -> Self {
        let segment = MAX_SEGMENT.min(retention);
        Self {
            name,
            settings: vec![
                ("cleanup.policy", "delete".to_owned()),
                ("max.message.bytes", MAX_RECORD.to_string()),
                ("retention.ms", retention.as_millis().to_string()),
                ("segment.ms", segment.as_millis().to_string()),
            ],
        }
    }
}

/// The size of all topics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// `KAFKA_TOPIC_PARTITIONS`: partitions of each topic, and so the number of gateways that can
    /// share its load.
    pub partitions: i32,
    /// `KAFKA_TOPIC_REPLICATION`: replicas of each partition; -1 is the broker's default.
    pub replication: i32,
}

impl Default for Layout {
    fn default() -> Self {
        Self {
            partitions: 3,
            replication: -1,
        }
    }
}

impl Layout {
    /// Reads the variables.
    pub fn read(variables: &mut Variables<'_>) -> Self {
        let default = Self::default();
        let count = |variables: &mut Variables<'_>, name, default, expected, max| {
            let parsed = variables.optional_with(name, expected, |text| {
                text.parse().ok().filter(|count| (1..=max).contains(count))
            });
            parsed.unwrap_or(default)
        };
        Self {
            partitions: count(
                variables,
                "KAFKA_TOPIC_PARTITIONS",
                default.partitions,
                "a number from 1 to 1000",
                1000,
            ),
            replication: count(
                variables,
                "KAFKA_TOPIC_REPLICATION",
                default.replication,
                "a number from 1 to 100; without it, the broker's default applies",
                100,
            ),
        }
    }

    /// All topics.
    #[must_use]
    pub fn topics(&self) -> Vec<Topic> {
        let commands: BTreeSet<_> = contract::OPERATIONS
            .iter()
            .map(|operation| operation.command.topic)
            .collect();
        let triggers: BTreeSet<_> = contract::TRIGGERS.iter().map(|it| it.topic).collect();
        let dead_letters = commands
            .iter()
            .chain(&triggers)
            .map(|topic| Topic::new(dead_letter_topic(topic), DEAD_LETTERS_RETENTION));
        let named = |retention| move |topic: &&str| Topic::new((*topic).to_owned(), retention);
        commands
            .iter()
            .map(named(COMMANDS_RETENTION))
            .chain(triggers.iter().map(named(CALL_LOGS_RETENTION)))
            .chain(dead_letters)
            .chain([Topic::new(RESULTS.to_owned(), RESULTS_RETENTION)])
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_topics_are_those_of_the_contract_with_their_retention() {
        let topics = Layout::default().topics();
        let minutes = |name: &str| {
            let topic = topics.iter().find(|topic| topic.name == name)?;
            let (_, value) = topic.settings.iter().find(|it| it.0 == "retention.ms")?;
            value.parse::<u64>().ok().map(|millis| millis / 60_000)
        };
        for (name, expected) in [
            ("results", 10),
            ("auth", 24 * 60),
            ("users", 24 * 60),
            ("pictures", 24 * 60),
            ("analytics", 24 * 60),
            ("analyticsdata", 7 * 24 * 60),
            ("analytics.dlq", 14 * 24 * 60),
            ("analyticsdata.dlq", 14 * 24 * 60),
        ] {
            assert_eq!(minutes(name), Some(expected), "{name}");
        }
        assert_eq!(topics.len(), 11, "{topics:?}");
    }

    #[test]
    fn segments_are_closed_before_their_records_have_to_go() {
        for topic in Layout::default().topics() {
            let millis = |name: &str| {
                let (_, value) = topic.settings.iter().find(|it| it.0 == name).unwrap();
                value.parse::<u64>().unwrap()
            };
            assert!(millis("segment.ms") <= millis("retention.ms"), "{topic:?}");
            assert!(millis("segment.ms") <= 3_600_000, "{topic:?}");
        }
    }

    #[test]
    fn partitions_and_replicas_come_from_variables() {
        let read = |pairs: &'static [(&str, &str)]| {
            let mut variables = Variables::new(|name| {
                let (_, value) = pairs.iter().find(|(key, _)| *key == name)?;
                Some((*value).to_owned())
            });
            let layout = Layout::read(&mut variables);
            variables.check().map(|()| layout)
        };
        assert_eq!(read(&[]).unwrap(), Layout::default());
        let layout = read(&[
            ("KAFKA_TOPIC_PARTITIONS", "12"),
            ("KAFKA_TOPIC_REPLICATION", "3"),
        ]);
        assert_eq!(
            layout.unwrap(),
            Layout {
                partitions: 12,
                replication: 3
            }
        );
        let error = read(&[
            ("KAFKA_TOPIC_PARTITIONS", "0"),
            ("KAFKA_TOPIC_REPLICATION", "all"),
        ]);
        assert_eq!(error.unwrap_err().problems.len(), 2);
    }
}
