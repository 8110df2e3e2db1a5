//! Topics for answers and commands: whether they exist, and how many partitions they have.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures::future::BoxFuture;
use rdkafka::{
    consumer::Consumer as _,
    error::{KafkaError, RDKafkaErrorCode},
    metadata::Metadata,
};
use tokio::{sync::Semaphore, time::Instant};

use super::{consumer::GroupConsumer, producer::Producer};

/// How long an existing topic is trusted. A wrong number of partitions is noticed by the producer.
const TRUSTED: Duration = Duration::from_secs(60);

/// How long a topic counts as missing. It may be created any time.
const MISSING: Duration = Duration::from_secs(2);

/// The most topics that are remembered. Commands may name any.
const MAX_TOPICS: usize = 1000;

/// The most lookups at once.
const MAX_LOOKUPS: usize = 4;

/// The timeout of one lookup.
const TIMEOUT: Duration = Duration::from_secs(2);

/// What is known of a topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// It exists, with this number of partitions.
    Partitions(u32),
    Missing,
    /// No broker answers.
    Unknown,
}

/// Looks up topics.
pub(crate) trait Lookup: Send + Sync {
    /// The number of a topic's partitions; 0 if it doesn't exist.
    fn partitions<'a>(&'a self, topic: &'a str) -> BoxFuture<'a, Result<u32, KafkaError>>;
}

impl Lookup for GroupConsumer {
    fn partitions<'a>(&'a self, topic: &'a str) -> BoxFuture<'a, Result<u32, KafkaError>> {
        // A consumer's lookup creates no topic, unlike a producer's.
        let (consumer, topic) = (Arc::clone(self.consumer()), topic.to_owned());
        look_up(move || count(&consumer.fetch_metadata(Some(&topic), TIMEOUT)?, &topic))
    }
}

/// For topics that are produced to next, which creates them on some brokers as well.
impl Lookup for Producer {
    fn partitions<'a>(&'a self, topic: &'a str) -> BoxFuture<'a, Result<u32, KafkaError>> {
        let (producer, topic) = (self.clone(), topic.to_owned());
        look_up(move || count(&producer.metadata(&topic, TIMEOUT)?, &topic))
    }
}

fn look_up(
    blocking: impl FnOnce() -> Result<u32, KafkaError> + Send + 'static,
) -> BoxFuture<'static, Result<u32, KafkaError>> {
    let lookup = tokio::task::spawn_blocking(blocking);
    Box::pin(async { lookup.await.map_err(|_| KafkaError::Canceled)? })
}

/// The number of a topic's partitions; 0 if it doesn't exist.
fn count(metadata: &Metadata, topic: &str) -> Result<u32, KafkaError> {
    let Some(found) = metadata.topics().iter().find(|it| it.name() == topic) else {
        return Ok(0);
    };
    match found.error().map(RDKafkaErrorCode::from) {
        None => Ok(u32::try_from(found.partitions().len()).unwrap_or(u32::MAX)),
        Some(
            RDKafkaErrorCode::UnknownTopicOrPartition
            | RDKafkaErrorCode::InvalidTopic
            // An unauthorized topic is no more usable than a missing one.
            | RDKafkaErrorCode::TopicAuthorizationFailed,
        ) => Ok(0),
        Some(error) => Err(KafkaError::MetadataFetch(error)),
    }
}

/// Remembers topics that were looked up.
pub(crate) struct KnownTopics {
    lookup: Arc<dyn Lookup>,
    known: Mutex<HashMap<String, (Found, Instant)>>,
    lookups: Semaphore,
}

impl KnownTopics {
    pub(crate) fn new(lookup: Arc<dyn Lookup>) -> Self {
        Self {
            lookup,
            known: Mutex::default(),
            lookups: Semaphore::new(MAX_LOOKUPS),
        }
    }

    /// What is known of a topic, from memory or by a lookup of at most [`TIMEOUT`] each.
    pub(crate) async fn find(&self, topic: &str) -> Found {
        if let Some(found) = self.remembered(topic) {
            return found;
        }
        // The semaphore is never closed.
        let _slot = self.lookups.acquire().await;
        // Another command may have looked it up meanwhile.
        if let Some(found) = self.remembered(topic) {
            return found;
        }
        let found = match self.lookup.partitions(topic).await {
            Ok(0) => Found::Missing,
            Ok(partitions) => Found::Partitions(partitions),
            Err(error) => {
                tracing::debug!(%error, topic, "a topic was not looked up");
                return Found::Unknown;
            }
        };
        let mut known = self.known();
        if known.len() >= MAX_TOPICS {
            known.clear();
        }
        known.insert(topic.to_owned(), (found, Instant::now()));
        found
    }

    /// Forgets a topic that the producer found to be different.
    pub(crate) fn forget(&self, topic: &str) {
        self.known().remove(topic);
    }

    fn remembered(&self, topic: &str) -> Option<Found> {
        let (found, at) = *self.known().get(topic)?;
        let trusted = match found {
            Found::Partitions(_) => TRUSTED,
            Found::Missing | Found::Unknown => MISSING,
        };
        (at.elapsed() < trusted).then_some(found)
    }

    fn known(&self) -> MutexGuard<'_, HashMap<String, (Found, Instant)>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    /// A broker with a number of partitions for every topic, and a count of lookups.
    #[derive(Default)]
    pub(crate) struct Topics {
        pub(crate) partitions: AtomicU32,
        lookups: AtomicU32,
        is_down: bool,
    }

    impl Lookup for Topics {
        fn partitions<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<u32, KafkaError>> {
            self.lookups.fetch_add(1, Ordering::SeqCst);
            let result = if self.is_down {
                Err(KafkaError::Canceled)
            } else {
                Ok(self.partitions.load(Ordering::SeqCst))
            };
            Box::pin(std::future::ready(result))
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_topic_is_looked_up_once_a_minute() {
        let topics = Arc::new(Topics::default());
        topics.partitions.store(3, Ordering::SeqCst);
        let known = KnownTopics::new(Arc::clone(&topics) as _);
        for _ in 0..3 {
            assert_eq!(known.find("results").await, Found::Partitions(3));
        }
        assert_eq!(topics.lookups.load(Ordering::SeqCst), 1);
        topics.partitions.store(5, Ordering::SeqCst);
        tokio::time::advance(TRUSTED).await;
        assert_eq!(known.find("results").await, Found::Partitions(5));
        known.forget("results");
        known.find("results").await;
        assert_eq!(topics.lookups.load(Ordering::SeqCst), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn a_topic_that_is_created_is_soon_found() {
        let topics = Arc::new(Topics::default());
        let known = KnownTopics::new(Arc::clone(&topics) as _);
        assert_eq!(known.find("results.own").await, Found::Missing);
        topics.partitions.store(1, Ordering::SeqCst);
        assert_eq!(known.find("results.own").await, Found::Missing);
        tokio::time::advance(MISSING).await;
        assert_eq!(known.find("results.own").await, Found::Partitions(1));
    }

    #[tokio::test(start_paused = true)]
    async fn the_number_of_topics_is_bounded_and_an_outage_is_not_remembered() {
        let known = KnownTopics::new(Arc::new(Topics::default()));
        for n in 0..2 * MAX_TOPICS {
            known.find(&n.to_string()).await;
        }
        assert!(known.known().len() <= MAX_TOPICS);
        let down = Topics {
            is_down: true,
            ..Topics::default()
        };
        let known = KnownTopics::new(Arc::new(down));
        assert_eq!(known.find("results").await, Found::Unknown);
        assert!(known.known().is_empty());
    }
}
