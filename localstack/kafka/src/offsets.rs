//! Committed offsets of consumer groups, in a journal with one JSON line per commit. It is
//! compacted when the broker starts.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    path::Path,
};

/// Group, topic, partition.
type Key = (String, String, i32);

/// Marks a deleted offset in the journal.
const DELETED: i64 = -1;

/// All committed offsets.
#[derive(Debug)]
pub(crate) struct Offsets {
    journal: File,
    latest: BTreeMap<Key, i64>,
}

impl Offsets {
    /// Reads and compacts the journal, or creates it.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(error),
        };
        // An incomplete line of a killed broker is skipped.
        let mut latest: BTreeMap<Key, i64> = text
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok())
            .collect();
        latest.retain(|_, offset| *offset != DELETED);
        let new = path.with_extension("new");
        let mut lines = String::new();
        for entry in &latest {
            lines.push_str(&serde_json::to_string(&entry)?);
            lines.push('\n');
        }
        fs::write(&new, lines)?;
        fs::rename(new, path)?;
        Ok(Self {
            journal: OpenOptions::new().append(true).open(path)?,
            latest,
        })
    }

    pub(crate) fn commit(
        &mut self,
        group: &str,
        topic: &str,
        partition: i32,
        offset: i64,
    ) -> io::Result<()> {
        let key = (group.to_owned(), topic.to_owned(), partition);
        let mut line = serde_json::to_vec(&(&key, offset))?;
        line.push(b'\n');
        self.journal.write_all(&line)?;
        self.latest.insert(key, offset);
        Ok(())
    }

    pub(crate) fn get(&self, group: &str, topic: &str, partition: i32) -> Option<i64> {
        self.latest
            .get(&(group.to_owned(), topic.to_owned(), partition))
            .copied()
    }

    /// Topic, partition and offset of everything this group committed.
    pub(crate) fn of_group(&self, group: &str) -> impl Iterator<Item = (&str, i32, i64)> {
        self.latest
            .iter()
            .filter(move |((name, _, _), _)| name == group)
            .map(|((_, topic, partition), offset)| (topic.as_str(), *partition, *offset))
    }

    /// The groups that committed anything.
    pub(crate) fn groups(&self) -> BTreeSet<&str> {
        self.latest.keys().map(|(group, _, _)| &**group).collect()
    }

    /// Forgets what this group committed.
    pub(crate) fn forget(&mut self, group: &str) -> io::Result<()> {
        let gone: Vec<_> = self
            .of_group(group)
            .map(|(topic, partition, _)| (topic.to_owned(), partition))
            .collect();
        for (topic, partition) in gone {
            self.commit(group, &topic, partition, DELETED)?;
        }
        self.latest.retain(|_, offset| *offset != DELETED);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_commit_survives_a_restart() {
        let path = std::env::temp_dir().join(format!("local-kafka-offsets-{}", std::process::id()));
        _ = fs::remove_file(&path);
        let mut offsets = Offsets::open(&path).unwrap();
        offsets.commit("g", "t", 0, 4).unwrap();
        offsets.commit("g", "t", 0, 7).unwrap();
        offsets.commit("gone", "t", 0, 7).unwrap();
        offsets.forget("gone").unwrap();
        let mut offsets = Offsets::open(&path).unwrap();
        assert_eq!(offsets.get("g", "t", 0), Some(7));
        assert_eq!(offsets.of_group("g").count(), 1);
        assert_eq!(offsets.get("gone", "t", 0), None);
        offsets.journal.write_all(b"[[\"g\",\"t").unwrap();
        assert_eq!(Offsets::open(&path).unwrap().get("g", "t", 0), Some(7));
        fs::remove_file(path).unwrap();
    }
}
