//! The topics as commands for Apache Kafka's own tools, which know every login.

use std::fmt::Write as _;

use super::Layout;

const HEAD: &str = "\
#!/bin/sh
# Creates Trichrome's topics and sets their settings, with Apache Kafka's own tools. The arguments
# go to each of them: --command-config client.properties
set -eu
: \"${KAFKA_BROKERS:?the bootstrap brokers, such as localhost:9092}\"
";

/// A shell script that creates the missing topics and sets the settings of all of them.
#[must_use]
pub fn script(layout: &Layout) -> String {
    let mut script = HEAD.to_owned();
    let replication = match layout.replication {
        -1 => String::new(),
        replicas => format!(" --replication-factor {replicas}"),
    };
    for topic in layout.topics() {
        let name = &topic.name;
        let settings: Vec<_> = topic
            .settings
            .iter()
            .map(|(setting, value)| format!("{setting}={value}"))
            .collect();
        // Writing to a string doesn't fail.
        let _ = write!(
            script,
            "kafka-topics.sh --bootstrap-server \"$KAFKA_BROKERS\" \"$@\" --create \
             --if-not-exists --topic {name} --partitions {}{replication}\n\
             kafka-configs.sh --bootstrap-server \"$KAFKA_BROKERS\" \"$@\" --alter --topic {name} \
             --add-config {}\n",
            layout.partitions,
            settings.join(",")
        );
    }
    script
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_topic_is_created_and_gets_its_settings() {
        let layout = Layout {
            partitions: 6,
            replication: 3,
        };
        let script = script(&layout);
        for topic in layout.topics() {
            let name = &topic.name;
            let create = format!(" --topic {name} --partitions 6 --replication-factor 3\n");
            assert!(script.contains(&create), "{script}");
            let alter = format!(" --topic {name} --add-config cleanup.policy=delete,max.message");
            assert!(script.contains(&alter), "{script}");
        }
        let default = super::script(&Layout::default());
        assert!(!default.contains("--replication-factor"), "{default}");
    }
}
