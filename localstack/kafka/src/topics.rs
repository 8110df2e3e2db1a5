//! The topics, in a JSON file.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Kafka's default for `max.message.bytes`.
const DEFAULT_MAX_MESSAGE_BYTES: u64 = 1_048_588;
const MAX_MESSAGE_BYTES: &str = "max.message.bytes";

/// Kafka's default for `retention.ms`, a week.
const DEFAULT_RETENTION_MS: i64 = 7 * 24 * 60 * 60 * 1000;
const RETENTION_MS: &str = "retention.ms";
const RETENTION_BYTES: &str = "retention.bytes";
const CLEANUP_POLICY: &str = "cleanup.policy";
/// How long Kafka appends to a segment before it may delete it. Here each batch is deleted by
/// itself, which is sooner.
const SEGMENT_MS: &str = "segment.ms";

/// How long a topic's records are kept. `None` stands for no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Retention {
    /// The age in milliseconds at which a batch is deleted.
    pub(crate) age: Option<i64>,
    /// The bytes of a partition beyond which its oldest batches are deleted.
    pub(crate) bytes: Option<u64>,
}

/// A topic.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Topic {
    pub(crate) id: Uuid,
    pub(crate) partitions: i32,
    pub(crate) config: BTreeMap<String, Option<String>>,
}

impl Topic {
    /// Maximum size of a record batch in bytes.
    pub(crate) fn max_message_bytes(&self) -> u64 {
        self.config
            .get(MAX_MESSAGE_BYTES)
            .and_then(|value| value.as_deref()?.parse().ok())
            .unwrap_or(DEFAULT_MAX_MESSAGE_BYTES)
    }

    pub(crate) fn retention(&self) -> Retention {
        let number = |name| self.config.get(name)?.as_deref()?.parse::<i64>().ok();
        let age = number(RETENTION_MS).unwrap_or(DEFAULT_RETENTION_MS);
        Retention {
            age: (age >= 0).then_some(age),
            bytes: number(RETENTION_BYTES).and_then(|bytes| bytes.try_into().ok()),
        }
    }

    /// Checks that the broker does what the configuration says.
    ///
    /// # Errors
    ///
    /// Names the setting that isn't supported or has an invalid value.
    pub(crate) fn check(&self) -> Result<(), String> {
        for (name, value) in &self.config {
            let value = value.as_deref().unwrap_or_default();
            let number = value.parse::<i64>();
            let valid = match name.as_str() {
                MAX_MESSAGE_BYTES => number.is_ok_and(|number| number >= 0),
                SEGMENT_MS => number.is_ok_and(|number| number >= 1),
                RETENTION_MS | RETENTION_BYTES => number.is_ok_and(|number| number >= -1),
                CLEANUP_POLICY => value == "delete",
                _ => {
                    return Err(format!(
                        "{name} isn't supported by the local broker, which knows \
                         {MAX_MESSAGE_BYTES}, {RETENTION_MS}, {RETENTION_BYTES}, \
                         {SEGMENT_MS} and {CLEANUP_POLICY}=delete; `cargo xtask up --kafka apache` runs Apache Kafka"
                    ));
                }
            };
            if !valid {
                return Err(format!("{name} can't be {value:?} on the local broker"));
            }
        }
        Ok(())
    }
}

/// All topics, by name.
#[derive(Debug)]
pub(crate) struct Topics {
    path: PathBuf,
    all: BTreeMap<String, Topic>,
}

impl Topics {
    /// Reads the file if it exists.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let all = match fs::read(path) {
            Ok(text) => serde_json::from_slice(&text)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => BTreeMap::new(),
            Err(error) => return Err(error),
        };
        Ok(Self {
            path: path.to_owned(),
            all,
        })
    }

    pub(crate) const fn all(&self) -> &BTreeMap<String, Topic> {
        &self.all
    }

    /// The name of the topic with this id.
    pub(crate) fn name_of(&self, id: Uuid) -> Option<&str> {
        self.all
            .iter()
            .find(|(_, topic)| topic.id == id)
            .map(|(name, _)| name.as_str())
    }

    pub(crate) fn insert(&mut self, name: String, topic: Topic) -> io::Result<()> {
        self.all.insert(name, topic);
        self.save()
    }

    pub(crate) fn remove(&mut self, name: &str) -> io::Result<Option<Topic>> {
        let topic = self.all.remove(name);
        self.save()?;
        Ok(topic)
    }

    /// Writes a second file and renames it, so that a killed broker leaves a complete one.
    fn save(&self) -> io::Result<()> {
        let new = self.path.with_extension("new");
        fs::write(&new, serde_json::to_vec_pretty(&self.all)?)?;
        fs::rename(new, &self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn topic(config: &[(&str, &str)]) -> Topic {
        let config = config.iter();
        Topic {
            id: Uuid::nil(),
            partitions: 1,
            config: config
                .map(|(name, value)| ((*name).to_owned(), Some((*value).to_owned())))
                .collect(),
        }
    }

    #[test]
    fn retention_is_kafkas() {
        let week = Retention {
            age: Some(DEFAULT_RETENTION_MS),
            bytes: None,
        };
        assert_eq!(topic(&[]).retention(), week);
        let set = topic(&[(RETENTION_MS, "600000"), (RETENTION_BYTES, "7")]);
        assert_eq!(
            (set.retention().age, set.retention().bytes),
            (Some(600_000), Some(7))
        );
        let unlimited = topic(&[(RETENTION_MS, "-1"), (RETENTION_BYTES, "-1")]);
        assert_eq!(
            (unlimited.retention().age, unlimited.retention().bytes),
            (None, None)
        );
    }

    #[test]
    fn settings_that_do_nothing_are_refused() {
        for good in [
            (MAX_MESSAGE_BYTES, "8388608"),
            (RETENTION_MS, "-1"),
            (CLEANUP_POLICY, "delete"),
            (SEGMENT_MS, "600000"),
        ] {
            assert_eq!(topic(&[good]).check(), Ok(()), "{good:?}");
        }
        for bad in [
            (CLEANUP_POLICY, "compact"),
            (RETENTION_MS, "soon"),
            (RETENTION_BYTES, "-2"),
            (SEGMENT_MS, "0"),
            ("segment.bytes", "1000"),
            ("retention.hours", "1"),
        ] {
            let error = topic(&[bad]).check().unwrap_err();
            assert!(error.contains(bad.0), "{error}");
        }
    }
}
