//! Watches how far each partition has been read, to find those that don't move on.
//!
//! librdkafka fetches a batch that it can't decode again and again. It reports some of these
//! errors, without their partition, and others not at all. So a partition is suspect if it has
//! records but its position stays the same, or if its position jumps back.

use std::{
    collections::{HashMap, HashSet},
    sync::{Mutex, MutexGuard, PoisonError},
};

use rdkafka::{Statistics, statistics::Partition};
use tokio::sync::mpsc::UnboundedSender;

/// The number of reports in a row with the same position that make a partition suspect. Doubled
/// after each inspection that finds nothing, because then the network is slow, not the batch bad.
const REPORTS: u32 = 3;

/// The most reports that are waited for.
const MAX_REPORTS: u32 = 60;

/// The number of prefetched bytes above which librdkafka may not fetch, because the records
/// aren't taken fast enough.
const ENOUGH_PREFETCHED: u64 = 8 * 1024 * 1024;

/// A partition of a topic.
pub(crate) type Place = (String, i32);

/// A position at which a partition may be unreadable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Suspect {
    pub(crate) topic: String,
    pub(crate) partition: i32,
    pub(crate) offset: i64,
}

/// What to do with a record that was read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Received {
    /// Process it.
    Next,
    /// Drop it: its partition is being inspected, and its position will be set.
    Dropped,
    /// Drop it: the position has jumped back. The partition is suspect.
    JumpedBack(Suspect),
}

/// How far a partition has been read.
#[derive(Debug, Default)]
struct Progress {
    /// The offset after the last record; `None` before the first one.
    next: Option<i64>,
    /// The position in the last report, and the number of reports with it.
    reported: Option<(i64, u32)>,
    /// How often [`REPORTS`] was doubled.
    doubled: u32,
    inspected: bool,
}

/// The positions of a reader's partitions.
#[derive(Debug)]
pub(crate) struct Watch {
    state: Mutex<State>,
    suspects: UnboundedSender<Suspect>,
}

#[derive(Debug, Default)]
struct State {
    partitions: HashMap<Place, Progress>,
    paused: HashSet<Place>,
}

impl State {
    fn at(&mut self, topic: &str, partition: i32) -> &mut Progress {
        self.partitions
            .entry((topic.to_owned(), partition))
            .or_default()
    }
}

impl Watch {
    /// A watch that reports to `suspects` what the statistics show.
    pub(crate) fn new(suspects: UnboundedSender<Suspect>) -> Self {
        Self {
            state: Mutex::default(),
            suspects,
        }
    }

    /// Forgets a partition that was assigned or revoked.
    pub(crate) fn forget(&self, topic: &str, partition: i32) {
        let place = (topic.to_owned(), partition);
        self.lock().partitions.remove(&place);
    }

    /// Sets where a partition is read from, unless a record has been read.
    pub(crate) fn starts_at(&self, topic: &str, partition: i32, offset: i64) {
        let mut state = self.lock();
        let progress = state.at(topic, partition);
        progress.next.get_or_insert(offset);
    }

    /// Notes that a partition is paused or resumed. A paused one isn't expected to move on.
    pub(crate) fn set_paused(&self, topic: &str, partition: i32, paused: bool) {
        let mut state = self.lock();
        let place = (topic.to_owned(), partition);
        if paused {
            state.paused.insert(place);
        } else {
            state.paused.remove(&place);
        }
    }

    /// Whether a partition isn't read at the moment: it is paused or inspected.
    pub(crate) fn is_held(&self, topic: &str, partition: i32) -> bool {
        let state = self.lock();
        let place = (topic.to_owned(), partition);
        let progress = state.partitions.get(&place);
        state.paused.contains(&place) || progress.is_some_and(|progress| progress.inspected)
    }

    /// Notes that a record was read.
    pub(crate) fn received(&self, topic: &str, partition: i32, offset: i64) -> Received {
        let mut state = self.lock();
        let progress = state.at(topic, partition);
        if progress.inspected {
            return Received::Dropped;
        }
        match progress.next {
            Some(next) if offset < next => {
                progress.inspected = true;
                Received::JumpedBack(Suspect {
                    topic: topic.to_owned(),
                    partition,
                    offset: next,
                })
            }
            _ => {
                progress.next = Some(offset + 1);
                progress.doubled = 0;
                Received::Next
            }
        }
    }

    /// Ends the inspection of a partition, which is read from `next` on. `readable` says that
    /// nothing was wrong with its position.
    pub(crate) fn inspected(&self, topic: &str, partition: i32, next: i64, readable: bool) {
        let mut state = self.lock();
        let progress = state.at(topic, partition);
        progress.inspected = false;
        progress.reported = None;
        progress.next = Some(next);
        progress.doubled = if readable { progress.doubled + 1 } else { 0 };
    }

    /// Compares the positions with those of the last report.
    pub(crate) fn observe(&self, statistics: &Statistics) {
        let mut state = self.lock();
        for (topic, report) in &statistics.topics {
            for partition in report.partitions.values().filter(|it| it.desired) {
                if state.paused.contains(&(topic.clone(), partition.partition)) {
                    continue;
                }
                let progress = state.at(topic, partition.partition);
                if !progress.stands_still(partition) {
                    continue;
                }
                progress.inspected = true;
                // Sending fails only if the reader has stopped.
                let _ignored = self.suspects.send(Suspect {
                    topic: topic.clone(),
                    partition: partition.partition,
                    offset: partition.next_offset,
                });
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Progress {
    fn stands_still(&mut self, report: &Partition) -> bool {
        let at = report.next_offset;
        let has_records = at >= 0 && report.hi_offset > at && report.fetch_state == "active";
        // Records that are prefetched come first.
        let is_read = match self.next {
            Some(next) if next >= at => true,
            // Control records are never received.
            _ => report.fetchq_cnt == 0,
        };
        let stands =
            has_records && is_read && !self.inspected && report.fetchq_size < ENOUGH_PREFETCHED;
        self.reported = match self.reported {
            _ if !stands => None,
            Some((last, count)) if last == at => Some((at, count + 1)),
            _ => Some((at, 1)),
        };
        let reports = REPORTS.saturating_mul(1 << self.doubled.min(10));
        self.reported
            .is_some_and(|(_, count)| count > reports.min(MAX_REPORTS))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use rdkafka::statistics::Topic;
    use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

    use super::*;

    fn watch() -> (Watch, UnboundedReceiver<Suspect>) {
        let (suspects, found) = unbounded_channel();
        (Watch::new(suspects), found)
    }

    fn report(next: i64, high: i64) -> Partition {
        Partition {
            partition: 1,
            desired: true,
            fetch_state: "active".to_owned(),
            next_offset: next,
            hi_offset: high,
            ..Partition::default()
        }
    }

    fn statistics(partition: Partition) -> Statistics {
        let topic = Topic {
            partitions: HashMap::from([(1, partition)]),
            ..Topic::default()
        };
        Statistics {
            topics: HashMap::from([("users".to_owned(), topic)]),
            ..Statistics::default()
        }
    }

    fn suspect(offset: i64) -> Suspect {
        Suspect {
            topic: "users".to_owned(),
            partition: 1,
            offset,
        }
    }

    #[test]
    fn a_partition_that_stands_still_is_suspect() {
        let (watch, mut found) = watch();
        for _ in 0..5 {
            watch.observe(&statistics(report(7, 9)));
        }
        assert_eq!(found.try_recv(), Ok(suspect(7)));
        assert!(found.try_recv().is_err(), "it is inspected once");
        assert!(watch.is_held("users", 1) && !watch.is_held("users", 0));
        assert_eq!(watch.received("users", 1, 7), Received::Dropped);
        watch.inspected("users", 1, 8, false);
        assert_eq!(watch.received("users", 1, 8), Received::Next);
    }

    #[test]
    fn a_partition_that_moves_or_has_nothing_or_is_paused_is_not_suspect() {
        let inactive = Partition {
            fetch_state: "offset-query".to_owned(),
            ..report(7, 9)
        };
        let revoked = Partition {
            desired: false,
            ..report(7, 9)
        };
        let full = Partition {
            fetchq_size: ENOUGH_PREFETCHED,
            ..report(7, 9)
        };
        let not_taken = Partition {
            fetchq_cnt: 1,
            ..report(7, 9)
        };
        for still in [report(9, 9), inactive, revoked, full, not_taken] {
            let (watch, mut found) = watch();
            for _ in 0..5 {
                watch.observe(&statistics(still.clone()));
            }
            assert!(found.try_recv().is_err(), "{still:?}");
        }
        let (watch, mut found) = watch();
        for next in 0..5 {
            watch.observe(&statistics(report(next, 9)));
        }
        watch.set_paused("users", 1, true);
        for _ in 0..5 {
            watch.observe(&statistics(report(5, 9)));
        }
        assert!(found.try_recv().is_err());
    }

    #[test]
    fn prefetched_records_come_first() {
        let (watch, mut found) = watch();
        assert_eq!(watch.received("users", 1, 5), Received::Next);
        let prefetched = Partition {
            fetchq_cnt: 1,
            ..report(7, 9)
        };
        for _ in 0..5 {
            watch.observe(&statistics(prefetched.clone()));
        }
        assert!(found.try_recv().is_err());
        assert_eq!(watch.received("users", 1, 6), Received::Next);
        for _ in 0..5 {
            watch.observe(&statistics(report(7, 9)));
        }
        assert_eq!(found.try_recv(), Ok(suspect(7)));
    }

    #[test]
    fn a_slow_network_is_given_more_time() {
        let (watch, mut found) = watch();
        let mut reports_until_suspect = || {
            let reports = (1..).find(|_| {
                watch.observe(&statistics(report(7, 9)));
                found.try_recv().is_ok()
            });
            watch.inspected("users", 1, 7, true);
            reports.unwrap()
        };
        assert_eq!(reports_until_suspect(), REPORTS + 1);
        assert_eq!(reports_until_suspect(), 2 * REPORTS + 1);
        for _ in 0..20 {
            reports_until_suspect();
        }
        assert_eq!(reports_until_suspect(), MAX_REPORTS + 1);
        assert_eq!(watch.received("users", 1, 7), Received::Next);
        for _ in 0..=REPORTS {
            watch.observe(&statistics(report(8, 9)));
        }
        assert_eq!(found.try_recv(), Ok(suspect(8)));
    }

    #[test]
    fn a_position_that_jumps_back_is_suspect() {
        let (watch, _) = watch();
        watch.starts_at("users", 1, 5);
        assert_eq!(
            watch.received("users", 1, 0),
            Received::JumpedBack(suspect(5))
        );
        watch.inspected("users", 1, 5, true);
        assert_eq!(watch.received("users", 1, 5), Received::Next);
        watch.starts_at("users", 1, 0);
        assert_eq!(
            watch.received("users", 1, 5),
            Received::JumpedBack(suspect(6))
        );
        watch.forget("users", 1);
        assert_eq!(watch.received("users", 1, 0), Received::Next);
    }
}
