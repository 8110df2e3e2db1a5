//! A producer that can be replaced by one with another login.

use std::{
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use rdkafka::producer::{Producer, ProducerContext};

/// A producer in use. Records of one that was replaced are still delivered.
pub(crate) struct Replaceable<P>(RwLock<Arc<P>>);

impl<P: Send + Sync + 'static> Replaceable<P> {
    pub(crate) fn new(producer: P) -> Self {
        Self(RwLock::new(Arc::new(producer)))
    }

    /// The current producer, for anything but records: one that is replaced meanwhile may be closed.
    pub(crate) fn get(&self) -> Arc<P> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Enqueues a record, which must not block. The producer isn't replaced meanwhile.
    pub(crate) fn enqueue<T>(&self, enqueue: impl FnOnce(&P) -> T) -> T {
        enqueue(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Replaces the producer, and closes the one before once its records are delivered or
    /// `timeout` has passed. Blocks until then.
    pub(crate) fn replace<C>(&self, producer: P, timeout: Duration)
    where
        C: ProducerContext,
        P: Producer<C>,
    {
        let replaced = {
            let mut current = self.0.write().unwrap_or_else(PoisonError::into_inner);
            std::mem::replace(&mut *current, Arc::new(producer))
        };
        if let Err(error) = replaced.flush(timeout) {
            tracing::warn!(%error, "kafka: records of a replaced producer were not delivered");
        }
    }
}
