//! What the broker knows, behind Tansu's [`Storage`]: topics, records and committed offsets
//! on disk, consumer groups in memory (their members join again after a restart).

use std::{
    collections::{BTreeMap, HashMap},
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use tansu_sans_io::{ErrorCode, record::deflated::Batch};
use tansu_storage::{Error, GroupDetail, StorageContainer, TopicId, Version};
use tokio::sync::Notify;
use url::Url;

use crate::{
    log::Log,
    offsets::Offsets,
    topics::{Topic, Topics},
};

/// Topic names end in file names, so the rule is Kafka's own: at most 249 of `a-zA-Z0-9._-`.
const MAX_NAME: usize = 249;

/// A topic's name and a partition's number.
type Partition = (String, i32);

/// The broker's state, shared by all connections.
#[derive(Clone, Debug)]
pub struct Store(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    directory: PathBuf,
    /// Tansu's engine without storage: answers for the parts of [`tansu_storage::Storage`]
    /// that are the same in any engine (who the one broker is, where it listens).
    base: StorageContainer,
    topics: Mutex<Topics>,
    logs: Mutex<HashMap<Partition, Arc<Mutex<Log>>>>,
    offsets: Mutex<Offsets>,
    groups: Mutex<BTreeMap<String, (GroupDetail, Version)>>,
    next_producer: AtomicI64,
    appended: Notify,
}

/// A poisoned lock is taken all the same: no state here is left half changed by a panic.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Store {
    /// Opens what `directory` holds, or begins there.
    pub async fn open(
        directory: &Path,
        cluster: &str,
        node: i32,
        listener: &Url,
    ) -> Result<Self, Error> {
        let logs = directory.join("logs");
        fs::create_dir_all(&logs)?;
        let topics = Topics::open(&directory.join("topics.json"))?;
        let mut open = HashMap::new();
        for (name, topic) in topics.all() {
            for partition in 0..topic.partitions {
                let log = Log::open(&file(directory, name, partition))?;
                open.insert((name.clone(), partition), Arc::new(Mutex::new(log)));
            }
        }
        Ok(Self(Arc::new(Inner {
            base: StorageContainer::builder()
                .cluster_id(cluster)
                .node_id(node)
                .advertised_listener(listener.clone())
                .storage(Url::parse("null://null")?)
                .silent(true)
                .build()
                .await?,
            topics: Mutex::new(topics),
            logs: Mutex::new(open),
            offsets: Mutex::new(Offsets::open(&directory.join("offsets.journal"))?),
            groups: Mutex::default(),
            next_producer: AtomicI64::new(first_producer()),
            appended: Notify::new(),
            directory: directory.to_owned(),
        })))
    }

    pub fn base(&self) -> &StorageContainer {
        &self.0.base
    }

    pub fn offsets(&self) -> MutexGuard<'_, Offsets> {
        lock(&self.0.offsets)
    }

    pub fn topics(&self) -> BTreeMap<String, Topic> {
        lock(&self.0.topics).all().clone()
    }

    pub fn topic(&self, id: &TopicId) -> Option<(String, Topic)> {
        let topics = lock(&self.0.topics);
        let name = match id {
            TopicId::Name(name) => name.as_str(),
            TopicId::Id(id) => topics.name_of(*id)?,
        };
        Some((name.to_owned(), topics.all().get(name)?.clone()))
    }

    pub fn log(&self, topic: &str, partition: i32) -> Option<Arc<Mutex<Log>>> {
        lock(&self.0.logs)
            .get(&(topic.to_owned(), partition))
            .cloned()
    }

    pub fn create(&self, name: String, partitions: i32, topic: Topic) -> Result<(), Error> {
        let mut topics = lock(&self.0.topics);
        if topics.all().contains_key(&name) {
            return Err(Error::Api(ErrorCode::TopicAlreadyExists));
        }
        let allowed = |c: char| c.is_ascii_alphanumeric() || c == '.' || c == '_' || c == '-';
        if name.is_empty() || name.len() > MAX_NAME || !name.chars().all(allowed) {
            return Err(Error::Api(ErrorCode::InvalidTopicException));
        }
        if partitions < 1 {
            return Err(Error::Api(ErrorCode::InvalidPartitions));
        }
        for partition in 0..partitions {
            let log = Log::open(&file(&self.0.directory, &name, partition))?;
            lock(&self.0.logs).insert((name.clone(), partition), Arc::new(Mutex::new(log)));
        }
        Ok(topics.insert(name, topic)?)
    }

    pub fn delete(&self, id: &TopicId) -> Result<ErrorCode, Error> {
        let Some((name, topic)) = self.topic(id) else {
            return Ok(ErrorCode::UnknownTopicOrPartition);
        };
        lock(&self.0.topics).remove(&name)?;
        for partition in 0..topic.partitions {
            let log = lock(&self.0.logs).remove(&(name.clone(), partition));
            if let Some(log) = log {
                lock(&log).remove()?;
            }
        }
        Ok(ErrorCode::None)
    }

    /// Appends a batch; its first offset.
    pub fn append(&self, topic: &str, partition: i32, batch: Batch) -> Result<i64, Error> {
        let unknown = Error::Api(ErrorCode::UnknownTopicOrPartition);
        let Some((_, description)) = self.topic(&TopicId::from(topic)) else {
            return Err(unknown);
        };
        let log = self.log(topic, partition).ok_or(unknown)?;
        let length = u64::try_from(batch.batch_length).unwrap_or(u64::MAX);
        if length > description.max_message_bytes() {
            return Err(Error::Api(ErrorCode::MessageTooLarge));
        }
        let offset = lock(&log).append(batch)?;
        self.0.appended.notify_waiters();
        Ok(offset)
    }

    /// Told after every append: a fetch waits on it instead of polling.
    pub fn appended(&self) -> &Notify {
        &self.0.appended
    }

    /// An id that no producer of this broker ever had, restarts included.
    pub fn new_producer(&self) -> i64 {
        self.0.next_producer.fetch_add(1, Ordering::Relaxed)
    }

    pub fn groups(&self) -> MutexGuard<'_, BTreeMap<String, (GroupDetail, Version)>> {
        lock(&self.0.groups)
    }
}

fn file(directory: &Path, topic: &str, partition: i32) -> PathBuf {
    directory
        .join("logs")
        .join(format!("{topic}-{partition}.log"))
}

fn first_producer() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or(Duration::ZERO);
    i64::try_from(since.as_micros()).unwrap_or_default()
}
