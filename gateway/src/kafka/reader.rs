//! Reads records, and skips batches that can't be decoded.

use std::{sync::Arc, time::Duration};

use rdkafka::{
    ClientConfig, Offset, TopicPartitionList,
    consumer::{Consumer as _, ConsumerContext, StreamConsumer},
    error::{KafkaError, KafkaResult},
    message::{BorrowedMessage, Message as _},
};
use tokio::sync::{
    Mutex,
    mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
};

use super::{
    inspect::{self, Finding, Inspection},
    watch::{Received, Suspect, Watch},
};
use crate::ops::metrics::Metrics;

/// The pause after an error: the consumer repeats errors of an unreachable broker.
const ERROR_PAUSE: Duration = Duration::from_millis(200);

/// The timeout for asking for committed offsets.
const COMMITTED_TIMEOUT: Duration = Duration::from_secs(5);

/// A consumer's callbacks.
pub(crate) trait ReaderContext: ConsumerContext + 'static {
    /// The client's name in the log and the metrics.
    fn name(&self) -> &'static str;

    /// Notes an error of the consumer.
    fn failed(&self, _: &KafkaError) {}

    /// Notes that the records up to `last` were skipped. Returns the offset that may be stored.
    fn skipped(&self, topic: &str, partition: i32, last: i64) -> Option<i64>;
}

/// The result of an inspection.
struct Inspected {
    suspect: Suspect,
    finding: Result<Finding, KafkaError>,
}

/// What the watch and the inspections found out.
struct News {
    suspects: UnboundedReceiver<Suspect>,
    inspected: UnboundedReceiver<Inspected>,
}

/// A consumer that moves on, whatever a batch contains.
pub(crate) struct Reader<C: ReaderContext> {
    inner: Arc<StreamConsumer<C>>,
    inspection: Inspection,
    watch: Arc<Watch>,
    news: Mutex<News>,
    inspected: UnboundedSender<Inspected>,
    metrics: Arc<Metrics>,
}

impl<C: ReaderContext> Reader<C> {
    /// Creates a consumer. `context` gets the watch to report to.
    ///
    /// # Errors
    ///
    /// librdkafka rejects the settings.
    pub(crate) fn new(
        config: &ClientConfig,
        inspection: Inspection,
        metrics: Arc<Metrics>,
        context: impl FnOnce(Arc<Watch>) -> C,
    ) -> Result<Self, KafkaError> {
        let (found, suspects) = unbounded_channel();
        let (sender, inspected) = unbounded_channel();
        let watch = Arc::new(Watch::new(found));
        let inner = config.create_with_context(context(Arc::clone(&watch)))?;
        Ok(Self {
            inner: Arc::new(inner),
            inspection,
            watch,
            news: Mutex::new(News {
                suspects,
                inspected,
            }),
            inspected: sender,
            metrics,
        })
    }

    pub(crate) const fn consumer(&self) -> &Arc<StreamConsumer<C>> {
        &self.inner
    }

    pub(crate) fn context(&self) -> &C {
        self.inner.context()
    }

    /// Waits for the next record, through errors such as a broker that is down or a missing
    /// topic. Cancel safe: no record is lost.
    pub(crate) async fn next(&self) -> BorrowedMessage<'_> {
        let mut news = self.news.lock().await;
        loop {
            let News {
                suspects,
                inspected,
            } = &mut *news;
            let received = tokio::select! {
                biased;
                Some(inspected) = inspected.recv() => {
                    self.apply(inspected);
                    continue;
                }
                Some(suspect) = suspects.recv() => {
                    self.inspect(suspect);
                    continue;
                }
                received = self.inner.recv() => received,
            };
            match received {
                Ok(message) => {
                    match self.watch.received(
                        message.topic(),
                        message.partition(),
                        message.offset(),
                    ) {
                        Received::Next => return message,
                        Received::Dropped => {}
                        Received::JumpedBack(suspect) => self.inspect(suspect),
                    }
                }
                Err(error) => {
                    self.context().failed(&error);
                    let client = self.context().name();
                    tracing::debug!(client, %error, "kafka: nothing to read");
                    // The watch finds the partition of a batch that can't be decoded. Meanwhile
                    // the others are read.
                    let unreadable = matches!(
                        error,
                        KafkaError::MessageConsumption(code) if inspect::is_unreadable(code)
                    );
                    if !unreadable {
                        tokio::time::sleep(ERROR_PAUSE).await;
                    }
                }
            }
        }
    }

    /// Remembers where newly assigned partitions start, which shows when one jumps back.
    pub(crate) fn start_at_committed(&self, partitions: TopicPartitionList) {
        let (consumer, watch) = (Arc::clone(&self.inner), Arc::clone(&self.watch));
        drop(tokio::task::spawn_blocking(move || {
            let Ok(committed) = consumer.committed_offsets(partitions, COMMITTED_TIMEOUT) else {
                return;
            };
            for partition in committed.elements() {
                if let Offset::Offset(offset) = partition.offset() {
                    watch.starts_at(partition.topic(), partition.partition(), offset);
                }
            }
        }));
    }

    /// Forgets partitions that are no longer read.
    pub(crate) fn forget<'a>(&self, topic: &str, partitions: impl IntoIterator<Item = &'a i32>) {
        for partition in partitions {
            self.watch.forget(topic, *partition);
        }
    }

    /// Stops reading a partition. Its prefetched records are read again later.
    pub(crate) fn pause(&self, topic: &str, partition: i32) {
        self.watch.set_paused(topic, partition, true);
        self.log_failure(self.inner.pause(&just(topic, partition)));
    }

    /// Reads a partition again.
    pub(crate) fn resume(&self, topic: &str, partition: i32) {
        self.watch.set_paused(topic, partition, false);
        self.log_failure(self.inner.resume(&just(topic, partition)));
    }

    /// Pauses a partition and inspects it in the background.
    fn inspect(&self, suspect: Suspect) {
        let client = self.context().name();
        tracing::debug!(client, ?suspect, "inspecting a partition");
        self.log_failure(self.inner.pause(&just(&suspect.topic, suspect.partition)));
        let (inspection, inspected) = (self.inspection.clone(), self.inspected.clone());
        drop(tokio::task::spawn_blocking(move || {
            let finding = inspect::inspect(&inspection, &suspect);
            // Sending fails only if the reader has stopped.
            let _ignored = inspected.send(Inspected { suspect, finding });
        }));
    }

    /// Sets the position of an inspected partition and reads it again.
    fn apply(&self, inspected: Inspected) {
        let Inspected { suspect, finding } = inspected;
        let Suspect {
            topic,
            partition,
            offset,
        } = &suspect;
        let client = self.context().name();
        let readable = matches!(finding, Ok(Finding::Readable) | Err(_));
        let next = match finding {
            Ok(Finding::Unreadable { end }) => {
                tracing::error!(
                    client,
                    topic,
                    partition,
                    from = offset,
                    to = end - 1,
                    "skipping records that can't be decoded: a wrong checksum, an unknown codec, \
                     or damaged data"
                );
                self.metrics.records_unreadable(
                    client,
                    topic,
                    u64::try_from(end - offset).unwrap_or(1),
                );
                end
            }
            Ok(Finding::Gone { start }) => {
                tracing::warn!(
                    client,
                    topic,
                    partition,
                    from = offset,
                    to = start,
                    "the position doesn't exist any more; reading from the oldest record"
                );
                start
            }
            Ok(Finding::Readable) => *offset,
            Err(error) => {
                tracing::debug!(client, topic, partition, %error, "not inspected");
                *offset
            }
        };
        self.watch.inspected(topic, *partition, next, readable);
        // Without a timeout the calls only enqueue the change. They fail if the partition has
        // moved to another replica.
        let sought = self
            .inner
            .seek(topic, *partition, Offset::Offset(next), Duration::ZERO);
        self.log_failure(sought);
        if next > *offset
            && let Some(last) = self.context().skipped(topic, *partition, next - 1)
        {
            self.log_failure(self.inner.store_offset(topic, *partition, last));
        }
        self.log_failure(self.inner.resume(&just(topic, *partition)));
    }

    fn log_failure(&self, result: KafkaResult<()>) {
        if let Err(error) = result {
            let client = self.context().name();
            tracing::debug!(client, %error, "kafka: a partition was not set");
        }
    }
}

/// A list of one partition.
fn just(topic: &str, partition: i32) -> TopicPartitionList {
    let mut list = TopicPartitionList::new();
    list.add_partition(topic, partition);
    list
}
