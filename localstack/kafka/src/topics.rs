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
