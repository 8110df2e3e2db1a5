//! A queue and a share of the concurrency for each command topic, so that a flood on one topic, or
//! functions of one that hang, don't delay the others.
//!
//! Within a topic, a partition has half of the room at most: a caller whose commands wait for one
//! that is retried doesn't stop the topic's other partitions.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::{
    Notify, OwnedSemaphorePermit, Semaphore,
    mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
};

/// What a lane holds before a partition that has more for it is paused: a number of records, and
/// the bytes of two of the largest.
const LANE: Room = Room {
    records: 1000,
    bytes: 16 * 1024 * 1024,
};

/// What a lane holds of one partition.
const PARTITION: Room = LANE.divided_by(2);

/// A partition is resumed when this fraction of its and its lane's room is used. Pausing discards
/// what librdkafka has prefetched, so it should be rare.
const RESUME_DIVISOR: usize = 2;

/// A number of records and their bytes.
#[derive(Clone, Copy, Debug, Default)]
struct Room {
    records: usize,
    bytes: usize,
}

impl Room {
    const fn divided_by(self, divisor: usize) -> Self {
        Self {
            records: self.records / divisor,
            bytes: self.bytes / divisor,
        }
    }

    const fn is_full(self, limit: Self) -> bool {
        self.records >= limit.records || self.bytes >= limit.bytes
    }

    const fn add(&mut self, bytes: usize) {
        self.records += 1;
        self.bytes += bytes;
    }

    const fn remove(&mut self, bytes: usize) {
        self.records = self.records.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(bytes);
    }
}

/// What a lane holds of a partition.
#[derive(Debug, Default)]
struct Part {
    used: Room,
    paused: bool,
}

/// What a lane holds.
#[derive(Debug, Default)]
struct Load {
    used: Room,
    partitions: HashMap<i32, Part>,
}

impl Load {
    /// The paused partitions that have room again.
    fn resumable(&mut self) -> impl Iterator<Item = (&i32, &mut Part)> {
        let is_full = self.used.is_full(LANE.divided_by(RESUME_DIVISOR));
        let resumes = move |part: &Part| {
            part.paused && !is_full && !part.used.is_full(PARTITION.divided_by(RESUME_DIVISOR))
        };
        self.partitions
            .iter_mut()
            .filter(move |(_, part)| resumes(part))
    }
}

#[derive(Debug)]
struct Shared {
    load: Mutex<Load>,
    freed: Arc<Notify>,
}

impl Shared {
    fn load(&self) -> MutexGuard<'_, Load> {
        self.load.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An item's part of a lane's load, until it is dropped.
#[derive(Debug)]
struct Share {
    shared: Arc<Shared>,
    partition: i32,
    bytes: usize,
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut load = self.shared.load();
        load.used.remove(self.bytes);
        if let Some(part) = load.partitions.get_mut(&self.partition) {
            part.used.remove(self.bytes);
            if part.used.records == 0 && !part.paused {
                load.partitions.remove(&self.partition);
            }
        }
        if load.resumable().next().is_some() {
            self.shared.freed.notify_one();
        }
    }
}

/// The sending end of a lane.
pub(crate) struct Lane<T> {
    topic: &'static str,
    items: UnboundedSender<Held<T>>,
    shared: Arc<Shared>,
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
    /// A lane that notifies `freed` when some of its partitions should be resumed.
    pub(crate) fn new(topic: &'static str, freed: &Arc<Notify>) -> (Self, Queue<T>) {
        let (items, queue) = unbounded_channel();
        let shared = Arc::new(Shared {
            load: Mutex::default(),
            freed: Arc::clone(freed),
        });
        let lane = Self {
            topic,
            items,
            shared,
        };
        (lane, Queue(queue))
    }

    pub(crate) const fn topic(&self) -> &'static str {
        self.topic
    }

    /// Adds an item of `bytes` bytes. Returns whether its partition is to be paused: the lane
    /// should hold no more of it.
    pub(crate) fn push(&self, item: T, partition: i32, bytes: usize) -> bool {
        let pauses = {
            let mut load = self.shared.load();
            load.used.add(bytes);
            let is_full = load.used.is_full(LANE);
            let part = load.partitions.entry(partition).or_default();
            part.used.add(bytes);
            part.paused |= is_full || part.used.is_full(PARTITION);
            part.paused
        };
        let _share = Share {
            shared: Arc::clone(&self.shared),
            partition,
            bytes,
        };
        // Sending fails if the lane's worker has stopped, when the record is read again.
        drop(self.items.send(Held { item, _share }));
        pauses
    }

    /// The partitions to resume: they were paused, and have room again.
    pub(crate) fn resumed(&self) -> Vec<i32> {
        let mut load = self.shared.load();
        let resumable = load.resumable().map(|(partition, part)| {
            part.paused = false;
            *partition
        });
        resumable.collect()
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

    /// Fills a partition until it is paused; returns the number of items.
    fn fill(lane: &Lane<usize>, partition: i32, bytes: usize) -> usize {
        (1..).find(|n| lane.push(*n, partition, bytes)).unwrap()
    }

    #[tokio::test]
    async fn a_full_partition_is_paused_until_it_is_half_empty() {
        let freed = Arc::new(Notify::new());
        for (bytes, fits) in [(1, PARTITION.records), (PARTITION.bytes / 8, 8)] {
            let (lane, mut queue) = Lane::new("users", &freed);
            assert_eq!(fill(&lane, 0, bytes), fits);
            assert!(!lane.push(0, 1, bytes), "the others go on");
            for n in 1..=fits / 2 {
                assert!(lane.resumed().is_empty());
                assert_eq!(queue.next().await.map(Held::take), Some(n));
            }
            let held = queue.next().await.unwrap();
            assert!(lane.resumed().is_empty(), "it still counts");
            assert_eq!(held.take(), fits / 2 + 1);
            freed.notified().now_or_never().expect("it was notified");
            assert_eq!(lane.resumed(), [0]);
            assert!(lane.resumed().is_empty());
        }
    }

    #[tokio::test]
    async fn the_room_of_all_partitions_is_limited() {
        let freed = Arc::new(Notify::new());
        let (lane, mut queue) = Lane::new("users", &freed);
        for partition in [0, 1] {
            fill(&lane, partition, 1);
        }
        assert!(lane.push(0, 2, 1), "there is no room");
        let mut resumed = Vec::new();
        while resumed.len() < 3 {
            drop(queue.next().await.unwrap());
            resumed.extend(lane.resumed());
        }
        resumed.sort_unstable();
        assert_eq!(resumed, [0, 1, 2]);
    }

    #[tokio::test]
    async fn a_stopped_worker_loses_no_count() {
        let freed = Arc::new(Notify::new());
        let (lane, queue) = Lane::new("users", &freed);
        drop(queue);
        assert!(lane.push((), 0, PARTITION.bytes));
        assert_eq!(lane.resumed(), [0]);
        assert!(!lane.push((), 0, 1));
        assert_eq!(lane.shared.load().used.records, 0);
    }
}
