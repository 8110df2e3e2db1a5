//! The data on disk: topics, records and committed offsets.

use std::{
    collections::{BTreeMap, HashMap},
    fs, io,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use kafka_protocol::error::ResponseError;
use tokio::sync::Notify;
use uuid::Uuid;

use crate::{
    batch::Batch,
    error::Error,
    log::Log,
    offsets::Offsets,
    topics::{Topic, Topics},
};

/// Kafka's limit: at most 249 of `a-zA-Z0-9._-`, since names are part of file names.
const MAX_NAME: usize = 249;

/// Maximum number of partitions per topic; each is a file.
const MAX_PARTITIONS: i32 = 1000;

/// Topic and partition number.
type Partition = (String, i32);

/// The broker's data, shared by all connections.
#[derive(Debug)]
pub(crate) struct Store {
    directory: PathBuf,
    topics: Mutex<Topics>,
    logs: Mutex<HashMap<Partition, Arc<Mutex<Log>>>>,
    offsets: Mutex<Offsets>,
    next_producer: AtomicI64,
    appended: Notify,
}

/// Locks a mutex even if it is poisoned: no panic leaves the state inconsistent.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Store {
    /// Opens or creates the data in `directory`.
    pub(crate) fn open(directory: &Path) -> io::Result<Self> {
        fs::create_dir_all(directory.join("logs"))?;
        let topics = Topics::open(&directory.join("topics.json"))?;
        let mut logs = HashMap::new();
        for (name, topic) in topics.all() {
            for partition in 0..topic.partitions {
                let mut log = Log::open(&file(directory, name, partition))?;
                log.expire(topic.retention(), now())?;
                logs.insert((name.clone(), partition), Arc::new(Mutex::new(log)));
            }
        }
        Ok(Self {
            topics: Mutex::new(topics),
            logs: Mutex::new(logs),
            offsets: Mutex::new(Offsets::open(&directory.join("offsets.journal"))?),
            next_producer: AtomicI64::new(first_producer()),
            appended: Notify::new(),
            directory: directory.to_owned(),
        })
    }

    pub(crate) fn offsets(&self) -> MutexGuard<'_, Offsets> {
        lock(&self.offsets)
    }

    pub(crate) fn topics(&self) -> BTreeMap<String, Topic> {
        lock(&self.topics).all().clone()
    }

    pub(crate) fn topic(&self, name: &str) -> Option<Topic> {
        lock(&self.topics).all().get(name).cloned()
    }

    pub(crate) fn topic_by_id(&self, id: Uuid) -> Option<(String, Topic)> {
        let topics = lock(&self.topics);
        let name = topics.name_of(id)?;
        Some((name.to_owned(), topics.all().get(name)?.clone()))
    }

    pub(crate) fn log(&self, topic: &str, partition: i32) -> Option<Arc<Mutex<Log>>> {
        lock(&self.logs)
            .get(&(topic.to_owned(), partition))
            .cloned()
    }

    /// Creates a topic, or only validates the request.
    pub(crate) fn create(
        &self,
        name: &str,
        topic: Topic,
        validate_only: bool,
    ) -> Result<(), Error> {
        let mut topics = lock(&self.topics);
        if topics.all().contains_key(name) {
            return Err(ResponseError::TopicAlreadyExists.into());
        }
        let allowed = |c: char| c.is_ascii_alphanumeric() || c == '.' || c == '_' || c == '-';
        let bad = name.is_empty() || name.len() > MAX_NAME || name == "." || name == "..";
        if bad || !name.chars().all(allowed) {
            return Err(ResponseError::InvalidTopicException.into());
        }
        if !(1..=MAX_PARTITIONS).contains(&topic.partitions) {
            return Err(ResponseError::InvalidPartitions.into());
        }
        if validate_only {
            return Ok(());
        }
        for partition in 0..topic.partitions {
            let log = Log::open(&file(&self.directory, name, partition))?;
            lock(&self.logs).insert((name.to_owned(), partition), Arc::new(Mutex::new(log)));
        }
        Ok(topics.insert(name.to_owned(), topic)?)
    }

    pub(crate) fn delete(&self, name: &str) -> Result<(), Error> {
        let Some(topic) = lock(&self.topics).remove(name)? else {
            return Err(ResponseError::UnknownTopicOrPartition.into());
        };
        for partition in 0..topic.partitions {
            let log = lock(&self.logs).remove(&(name.to_owned(), partition));
            if let Some(log) = log {
                lock(&log).remove()?;
            }
        }
        Ok(())
    }

    /// Appends a batch; returns its first offset and the oldest offset of the log.
    pub(crate) fn append(
        &self,
        topic: &str,
        partition: i32,
        batch: Batch,
    ) -> Result<(i64, i64), Error> {
        let unknown = ResponseError::UnknownTopicOrPartition;
        let limit = self.topic(topic).ok_or(unknown)?.max_message_bytes();
        let log = self.log(topic, partition).ok_or(unknown)?;
        if batch.head.bytes > limit {
            return Err(ResponseError::MessageTooLarge.into());
        }
        let mut log = lock(&log);
        let offset = log.append(batch)?;
        let start = log.start();
        drop(log);
        self.appended.notify_waiters();
        Ok((offset, start))
    }

    /// Deletes the records that are older than their topics keep them.
    pub(crate) fn expire(&self) {
        for (name, topic) in self.topics() {
            for partition in 0..topic.partitions {
                if let Some(log) = self.log(&name, partition)
                    && let Err(error) = lock(&log).expire(topic.retention(), now())
                {
                    eprintln!("{name}-{partition}: deleting old records: {error}");
                }
            }
        }
    }

    /// Notified after every append, so that fetches don't have to poll.
    pub(crate) fn appended(&self) -> &Notify {
        &self.appended
    }

    /// A producer id that is unique across restarts.
    pub(crate) fn new_producer(&self) -> i64 {
        self.next_producer.fetch_add(1, Ordering::Relaxed)
    }
}

fn file(directory: &Path, topic: &str, partition: i32) -> PathBuf {
    directory
        .join("logs")
        .join(format!("{topic}-{partition}.log"))
}

fn first_producer() -> i64 {
    i64::try_from(since_epoch().as_micros()).unwrap_or_default()
}

/// The current time in Unix milliseconds.
fn now() -> i64 {
    i64::try_from(since_epoch().as_millis()).unwrap_or_default()
}

fn since_epoch() -> Duration {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or(Duration::ZERO)
}
