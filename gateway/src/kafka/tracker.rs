//! Tracks which offsets may be committed.
//!
//! Records of a partition are processed concurrently and end in any order, but a commit covers
//! all records before its offset. So only the contiguous prefix of processed records may be
//! committed: a record in progress holds back those behind it, and is read again after a crash.

use std::collections::{HashMap, VecDeque};

/// A record in progress.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ticket {
    pub(crate) topic: String,
    pub(crate) partition: i32,
    pub(crate) offset: i64,
    assignment: u64,
}

/// The records in progress, over all partitions.
#[derive(Debug, Default)]
pub(crate) struct Tracker {
    partitions: HashMap<(String, i32), Window>,
    assignments: u64,
}

/// The records of one partition, from the oldest in progress.
#[derive(Debug, Default)]
struct Window {
    assignment: u64,
    records: VecDeque<Record>,
}

#[derive(Debug)]
struct Record {
    offset: i64,
    /// In Unix milliseconds.
    created: i64,
    done: bool,
}

impl Tracker {
    /// Forgets a partition that was assigned or revoked: its next owner reads the records in
    /// progress again.
    pub(crate) fn forget(&mut self, topic: &str, partition: i32) {
        self.partitions.remove(&(topic.to_owned(), partition));
    }

    /// Starts to track a record that was created at a time in Unix milliseconds. The offsets of a
    /// partition must be in order.
    pub(crate) fn begin(
        &mut self,
        topic: &str,
        partition: i32,
        offset: i64,
        created: i64,
    ) -> Ticket {
        let assignments = &mut self.assignments;
        let window = self
            .partitions
            .entry((topic.to_owned(), partition))
            .or_insert_with(|| {
                *assignments += 1;
                Window {
                    assignment: *assignments,
                    records: VecDeque::new(),
                }
            });
        // A consumer whose position was reset reads records again. Drop the earlier reads, so
        // that the end of one isn't mistaken for the end of a later one.
        if window
            .records
            .back()
            .is_some_and(|last| last.offset >= offset)
        {
            *assignments += 1;
            window.assignment = *assignments;
            window.records.clear();
        }
        window.records.push_back(Record {
            offset,
            created,
            done: false,
        });
        Ticket {
            topic: topic.to_owned(),
            partition,
            offset,
            assignment: window.assignment,
        }
    }

    /// Whether a ticket's partition has neither been revoked nor read again since.
    pub(crate) fn holds(&self, ticket: &Ticket) -> bool {
        self.partitions
            .get(&(ticket.topic.clone(), ticket.partition))
            .is_some_and(|window| window.assignment == ticket.assignment)
    }

    /// Whether every record of a partition that was read is processed.
    pub(crate) fn is_idle(&self, topic: &str, partition: i32) -> bool {
        let window = self.partitions.get(&(topic.to_owned(), partition));
        window.is_none_or(|window| window.records.is_empty())
    }

    /// When the oldest record of a topic in progress was created, in Unix milliseconds. Records
    /// that weren't read yet are younger than those of their partition in progress.
    pub(crate) fn oldest(&self, topic: &str) -> Option<i64> {
        let windows = self.partitions.iter().filter(|((of, _), _)| of == topic);
        let fronts = windows.filter_map(|(_, window)| window.records.front());
        fronts.map(|record| record.created).min()
    }

    /// Marks a record as processed. Returns the last offset of the processed prefix if it has
    /// grown; that offset may be stored.
    pub(crate) fn end(&mut self, ticket: &Ticket) -> Option<i64> {
        let window = self
            .partitions
            .get_mut(&(ticket.topic.clone(), ticket.partition))
            .filter(|window| window.assignment == ticket.assignment)?;
        let at = window
            .records
            .binary_search_by_key(&ticket.offset, |record| record.offset)
            .ok()?;
        window.records.get_mut(at)?.done = true;
        let mut last = None;
        while let Some(record) = window.records.pop_front_if(|record| record.done) {
            last = Some(record.offset);
        }
        last
    }

    /// The number of records in progress, or processed behind one in progress.
    #[cfg(test)]
    fn len(&self) -> usize {
        self.partitions
            .values()
            .map(|window| window.records.len())
            .sum()
    }

    #[cfg(test)]
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn begin(tracker: &mut Tracker, offsets: impl IntoIterator<Item = i64>) -> Vec<Ticket> {
        offsets
            .into_iter()
            .map(|offset| tracker.begin("t", 0, offset, 0))
            .collect()
    }

    #[test]
    fn only_the_contiguous_prefix_is_stored() {
        let mut tracker = Tracker::default();
        let tickets = begin(&mut tracker, 10..14);
        assert_eq!(tracker.end(&tickets[1]), None);
        assert_eq!(tracker.end(&tickets[2]), None);
        assert_eq!(tracker.end(&tickets[0]), Some(12));
        assert_eq!(tracker.len(), 1);
        assert_eq!(tracker.end(&tickets[3]), Some(13));
        assert!(tracker.is_empty());
    }

    #[test]
    fn offsets_may_have_gaps() {
        let mut tracker = Tracker::default();
        let tickets = begin(&mut tracker, [3, 7, 20]);
        assert_eq!(tracker.end(&tickets[1]), None);
        assert_eq!(tracker.end(&tickets[0]), Some(7));
        assert_eq!(tracker.end(&tickets[2]), Some(20));
    }

    #[test]
    fn partitions_are_independent() {
        let mut tracker = Tracker::default();
        let _slow = tracker.begin("t", 0, 1, 0);
        let quick = tracker.begin("t", 1, 1, 0);
        let other = tracker.begin("u", 0, 1, 0);
        assert_eq!(tracker.end(&quick), Some(1));
        assert_eq!(tracker.end(&other), Some(1));
        assert_eq!(tracker.len(), 1);
        assert!(tracker.is_idle("t", 1) && !tracker.is_idle("t", 0));
    }

    #[test]
    fn a_ticket_from_before_a_rebalance_is_ignored() {
        let mut tracker = Tracker::default();
        let before = tracker.begin("t", 0, 5, 0);
        assert!(tracker.holds(&before));
        tracker.forget("t", 0);
        assert!(!tracker.holds(&before));
        assert_eq!(tracker.end(&before), None);
        // The partition is assigned again, and the same record is read.
        let after = tracker.begin("t", 0, 5, 0);
        assert_eq!(tracker.end(&before), None);
        assert_eq!(tracker.end(&after), Some(5));
    }

    #[test]
    fn a_ticket_from_before_a_reset_is_ignored() {
        let mut tracker = Tracker::default();
        let first = begin(&mut tracker, 5..7);
        let again = begin(&mut tracker, 5..7);
        assert_eq!(tracker.end(&first[0]), None);
        assert_eq!(tracker.end(&again[0]), Some(5));
        assert_eq!(tracker.end(&again[1]), Some(6));
    }

    #[test]
    fn the_oldest_record_in_progress_is_known() {
        let mut tracker = Tracker::default();
        let first = tracker.begin("t", 0, 1, 100);
        let _second = tracker.begin("t", 0, 2, 300);
        let other = tracker.begin("t", 1, 1, 200);
        let _elsewhere = tracker.begin("u", 0, 1, 50);
        assert_eq!(tracker.oldest("t"), Some(100));
        tracker.end(&first);
        assert_eq!(tracker.oldest("t"), Some(200));
        tracker.end(&other);
        assert_eq!(tracker.oldest("t"), Some(300));
        assert_eq!(tracker.oldest("v"), None);
    }

    #[test]
    fn a_ticket_ends_only_once() {
        let mut tracker = Tracker::default();
        let ticket = tracker.begin("t", 0, 5, 0);
        assert_eq!(tracker.end(&ticket), Some(5));
        assert_eq!(tracker.end(&ticket), None);
    }
}
