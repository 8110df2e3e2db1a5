//! A queue and a share of the concurrency for each command topic, so that a flood on one topic, or
//! functions of one that hang, don't delay the others.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use tokio::sync::{
    Notify, OwnedSemaphorePermit, Semaphore,
    mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
};

/// The number of records that a lane holds before its topic is paused.
const MAX_RECORDS: usize = 1000;

/// The bytes that a lane holds before its topic is paused: two of the largest records.
const MAX_BYTES: usize = 16 * 1024 * 1024;

/// A lane's topic is resumed at this fraction of its limits. Pausing discards what librdkafka has
/// prefetched, so it should be rare.
const RESUME_DIVISOR: usize = 2;

/// What a lane holds.
#[derive(Debug, Default)]
struct Load {
    records: AtomicUsize,
    bytes: AtomicUsize,
    paused: AtomicBool,
    freed: Arc<Notify>,
}

impl Load {
    fn is_over(&self, divisor: usize) -> bool {
        self.records.load(Ordering::Acquire) >= MAX_RECORDS / divisor
            || self.bytes.load(Ordering::Acquire) >= MAX_BYTES / divisor
    }
}

/// An item's part of a lane's load, until it is dropped.
#[derive(Debug)]
struct Share {
    load: Arc<Load>,
    bytes: usize,
}

impl Share {
    fn take(load: &Arc<Load>, bytes: usize) -> Self {
        load.records.fetch_add(1, Ordering::AcqRel);
        load.bytes.fetch_add(bytes, Ordering::AcqRel);
        Self {
            load: Arc::clone(load),
            bytes,
        }
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.load.records.fetch_sub(1, Ordering::AcqRel);
        self.load.bytes.fetch_sub(self.bytes, Ordering::AcqRel);
        if self.load.paused.load(Ordering::Acquire) && !self.load.is_over(RESUME_DIVISOR) {
            self.load.freed.notify_one();
        }
    }
}

/// The sending end of a lane.
pub(crate) struct Lane<T> {
    topic: &'static str,
    items: UnboundedSender<Held<T>>,
    load: Arc<Load>,
}

/// The receiving end of a lane.
pub(crate) struct Queue<T>(UnboundedReceiver<Held<T>>);

/// An item that counts as part of its lane until it is taken.
#[derive(Debug)]
pub(crate) struct Held<T> {
    item: T,
    _share: Share,
}

impl<T> Held<T> {
    pub(crate) const fn get(&self) -> &T {
        &self.item
    }

    /// Takes the item out of its lane.
    pub(crate) fn take(self) -> T {
        self.item
    }
}

impl<T> Lane<T> {
    /// A lane that notifies `freed` when its topic should be resumed.
    pub(crate) fn new(topic: &'static str, freed: &Arc<Notify>) -> (Self, Queue<T>) {
        let (items, queue) = unbounded_channel();
        let load = Arc::new(Load {
            freed: Arc::clone(freed),
            ..Load::default()
        });
        (Self { topic, items, load }, Queue(queue))
    }

    pub(crate) const fn topic(&self) -> &'static str {
        self.topic
    }

    /// Adds an item of `bytes` bytes. Returns whether the topic is to be paused: it has more
    /// items than the lane should hold.
    pub(crate) fn push(&self, item: T, bytes: usize) -> bool {
        let _share = Share::take(&self.load, bytes);
        // Sending fails if the lane's worker has stopped, when the record is read again.
        drop(self.items.send(Held { item, _share }));
        let over = self.load.is_over(1);
        if over {
            self.load.paused.store(true, Ordering::Release);
        }
        over
    }

    /// Whether the topic is to be resumed: it was paused, and the lane has room again.
    pub(crate) fn should_resume(&self) -> bool {
        self.load.paused.load(Ordering::Acquire)
            && !self.load.is_over(RESUME_DIVISOR)
            && self.load.paused.swap(false, Ordering::AcqRel)
    }
}

impl<T> Queue<T> {
    /// The next item, in order; `None` once the lane is dropped and empty. Cancel safe.
    pub(crate) async fn next(&mut self) -> Option<Held<T>> {
        self.0.recv().await
    }
}

/// The concurrency of all lanes: each has slots of its own, and all share the rest.
pub(crate) struct Slots {
    own: usize,
    shared: Arc<Semaphore>,
}

impl Slots {
    /// Divides `total` slots among a number of lanes. Half of them are the lanes' own; the other
    /// half goes to whichever lane needs it. A lane has at least one.
    pub(crate) fn new(total: usize, lanes: usize) -> Self {
        let lanes = lanes.max(1);
        let own = (total / 2 / lanes).max(1);
        let shared = total.saturating_sub(own * lanes);
        Self {
            own,
            shared: Arc::new(Semaphore::new(shared)),
        }
    }

    /// The slots of another lane.
    pub(crate) fn lane(&self) -> LaneSlots {
        LaneSlots {
            own: Arc::new(Semaphore::new(self.own)),
            shared: Arc::clone(&self.shared),
        }
    }
}

/// The slots that a lane may use.
pub(crate) struct LaneSlots {
    own: Arc<Semaphore>,
    shared: Arc<Semaphore>,
}

impl LaneSlots {
    /// Waits for a slot: one of the lane's own, or a shared one. Lanes that wait for a shared
    /// slot get one in turn. `None` doesn't happen: the semaphores are never closed.
    pub(crate) async fn acquire(&self) -> Option<OwnedSemaphorePermit> {
        let slot = tokio::select! {
            biased;
            own = Arc::clone(&self.own).acquire_owned() => own,
            shared = Arc::clone(&self.shared).acquire_owned() => shared,
        };
        slot.ok()
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    #[test]
    fn a_lane_cannot_use_up_the_slots_of_another() {
        let slots = Slots::new(32, 4);
        let (busy, other) = (slots.lane(), slots.lane());
        let take = |lane: &LaneSlots| lane.acquire().now_or_never().flatten();
        let taken: Vec<_> = std::iter::from_fn(|| take(&busy)).collect();
        assert_eq!(taken.len(), 4 + 16);
        let rest: Vec<_> = std::iter::from_fn(|| take(&other)).collect();
        assert_eq!(rest.len(), 4);
        drop(taken);
        assert!(take(&other).is_some());
    }

    #[test]
    fn every_lane_has_a_slot() {
        let slots = Slots::new(1, 4);
        let lanes: Vec<_> = (0..4).map(|_| slots.lane()).collect();
        let taken: Vec<_> = lanes
            .iter()
            .filter_map(|lane| lane.acquire().now_or_never().flatten())
            .collect();
        assert_eq!(taken.len(), 4);
    }

    #[tokio::test]
    async fn a_full_lane_is_paused_until_it_is_half_empty() {
        let freed = Arc::new(Notify::new());
        for (bytes, fits) in [(1, MAX_RECORDS), (MAX_BYTES / 8, 8)] {
            let (lane, mut queue) = Lane::new("users", &freed);
            let paused: Vec<_> = (0..fits).map(|n| lane.push(n, bytes)).collect();
            assert_eq!(paused.iter().filter(|paused| **paused).count(), 1);
            assert!(paused[fits - 1]);
            for n in 0..fits / 2 {
                assert!(!lane.should_resume());
                assert_eq!(queue.next().await.map(Held::take), Some(n));
            }
            let held = queue.next().await.unwrap();
            assert!(!lane.should_resume(), "it still counts");
            assert_eq!(held.take(), fits / 2);
            freed.notified().now_or_never().expect("it was notified");
            assert!(lane.should_resume());
            assert!(!lane.should_resume());
        }
    }

    #[tokio::test]
    async fn a_stopped_worker_loses_no_count() {
        let freed = Arc::new(Notify::new());
        let (lane, queue) = Lane::new("users", &freed);
        drop(queue);
        assert!(!lane.push((), MAX_BYTES));
    }
}
