//! Writes call logs for the topic `analyticsdata`.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    sync::oneshot,
    time::{Instant, timeout},
};
use trichrome_proto::analytics::AnalyticsEntryMessage;

/// How long an answer waits for its call log to be acknowledged.
const ACKNOWLEDGED_WITHIN: Duration = Duration::from_millis(250);

/// How long answers don't wait after one has waited in vain, because Kafka is slow or down.
const PATIENCE: Duration = Duration::from_secs(5);

/// Takes records without waiting. Records without room are dropped and counted.
pub(crate) trait LogSink: Send + Sync {
    fn put(&self, key: &str, value: &[u8]) -> Receipt;
}

/// Tells when the outcome of a call log is known: Kafka has acknowledged it, or it is lost.
#[derive(Debug)]
pub(crate) struct Receipt(Option<oneshot::Receiver<()>>);

impl Receipt {
    /// The receipt for a record that is in a queue. Dropping the sender counts as an outcome.
    pub(crate) fn pending() -> (oneshot::Sender<()>, Self) {
        let (sender, receiver) = oneshot::channel();
        (sender, Self(Some(receiver)))
    }

    /// The receipt for a record whose outcome is known.
    pub(crate) const fn known() -> Self {
        Self(None)
    }

    /// Waits until the outcome is known.
    pub(crate) async fn outcome(self) {
        if let Some(receiver) = self.0 {
            let _sent_or_dropped = receiver.await;
        }
    }
}

/// Writes call logs. Cheap to clone.
#[derive(Clone)]
pub(crate) struct CallLog {
    sink: Arc<dyn LogSink>,
    /// Until when answers don't wait.
    impatient_until: Arc<Mutex<Option<Instant>>>,
}

impl CallLog {
    pub(crate) fn new(sink: Arc<dyn LogSink>) -> Self {
        Self {
            sink,
            impatient_until: Arc::default(),
        }
    }

    /// Writes one entry, with its id as the key. Never fails or delays the call.
    pub(crate) fn write(&self, entry: &AnalyticsEntryMessage) -> Receipt {
        match serde_json::to_vec(entry) {
            Ok(value) => self.sink.put(&entry.id, &value),
            Err(error) => {
                tracing::error!(%error, "a call log could not be written");
                Receipt::known()
            }
        }
    }

    /// Waits until an entry's outcome is known, for at most 250 ms. If that isn't enough, the
    /// answers of the next five seconds don't wait, so that an outage of Kafka delays few calls.
    pub(crate) async fn acknowledged(&self, receipt: Receipt) {
        let until = *self.impatient_until();
        if until.is_some_and(|until| Instant::now() < until) {
            return;
        }
        if timeout(ACKNOWLEDGED_WITHIN, receipt.outcome())
            .await
            .is_err()
        {
            *self.impatient_until() = Some(Instant::now() + PATIENCE);
        }
    }

    fn impatient_until(&self) -> std::sync::MutexGuard<'_, Option<Instant>> {
        self.impatient_until
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::Mutex;

    use serde_json::Value;

    use super::*;

    /// Keeps call logs in memory.
    #[derive(Default)]
    pub(crate) struct Logged(Mutex<Vec<Value>>);

    impl LogSink for Logged {
        fn put(&self, key: &str, value: &[u8]) -> Receipt {
            let entry: Value = serde_json::from_slice(value).unwrap();
            assert_eq!(entry["id"], key);
            self.0.lock().unwrap().push(entry);
            Receipt::known()
        }
    }

    impl Logged {
        pub(crate) fn count(&self) -> usize {
            self.0.lock().unwrap().len()
        }

        pub(crate) fn only(&self) -> Value {
            let entries = self.0.lock().unwrap();
            assert_eq!(entries.len(), 1, "{entries:?}");
            entries[0].clone()
        }
    }

    #[test]
    fn an_entry_is_the_contracts_message() {
        let logged = Arc::new(Logged::default());
        let entry = AnalyticsEntryMessage {
            transport: "grpc".into(),
            id: "i".into(),
            status: 200,
            ..Default::default()
        };
        drop(CallLog::new(Arc::clone(&logged) as _).write(&entry));
        let read: AnalyticsEntryMessage = serde_json::from_value(logged.only()).unwrap();
        assert_eq!(read, entry);
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_waits_for_its_acknowledged_entry() {
        let log = CallLog::new(Arc::new(Logged::default()));
        let (sender, receipt) = Receipt::pending();
        let started = Instant::now();
        let acknowledge = async {
            tokio::time::sleep(Duration::from_millis(20)).await;
            sender.send(()).unwrap();
        };
        tokio::join!(log.acknowledged(receipt), acknowledge);
        assert_eq!(started.elapsed(), Duration::from_millis(20));
    }

    #[tokio::test(start_paused = true)]
    async fn an_outage_of_kafka_delays_one_answer_in_five_seconds() {
        let log = CallLog::new(Arc::new(Logged::default()));
        let mut senders = Vec::new();
        let mut wait = async || {
            let (sender, receipt) = Receipt::pending();
            senders.push(sender);
            let started = Instant::now();
            log.acknowledged(receipt).await;
            started.elapsed()
        };
        assert_eq!(wait().await, ACKNOWLEDGED_WITHIN);
        for _ in 0..100 {
            assert_eq!(wait().await, Duration::ZERO);
        }
        tokio::time::advance(PATIENCE).await;
        assert_eq!(wait().await, ACKNOWLEDGED_WITHIN);
    }

    #[tokio::test(start_paused = true)]
    async fn a_lost_entry_delays_no_answer() {
        let log = CallLog::new(Arc::new(Logged::default()));
        let (sender, receipt) = Receipt::pending();
        drop(sender);
        let started = Instant::now();
        log.acknowledged(receipt).await;
        assert_eq!(started.elapsed(), Duration::ZERO);
    }
}
