//! Which offsets may be committed.
//!
//! Records of a partition are worked on side by side and end in any order, but a commit
//! says "everything before this". So only the contiguous prefix of what has ended counts:
//! a record that is still under way holds back those behind it, and after a crash it is
//! read again.

use std::collections::{HashMap, VecDeque};

/// A record that is being worked on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ticket {
    /// The topic it was read from.
    pub(crate) topic: String,
    /// The partition it was read from.
    pub(crate) partition: i32,
    /// Its offset.
    pub(crate) offset: i64,
    assignment: u64,
}

/// Keeps track of the records under way, over all partitions.
#[derive(Debug, Default)]
pub(crate) struct Tracker {
    partitions: HashMap<(String, i32), Window>,
    assignments: u64,
}

/// The records of one partition, from the oldest that is under way.
#[derive(Debug, Default)]
struct Window {
    assignment: u64,
    records: VecDeque<Record>,
}

#[derive(Debug)]
struct Record {
    offset: i64,
    done: bool,
}

impl Tracker {
    /// A partition was assigned, or taken away: what is under way of it counts no more, as
    /// its next owner reads it again.
    pub(crate) fn forget(&mut self, topic: &str, partition: i32) {
        self.partitions.remove(&(topic.to_owned(), partition));
    }

    /// A record was read. Offsets of one partition come in order.
    pub(crate) fn begin(&mut self, topic: &str, partition: i32, offset: i64) -> Ticket {
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
        // A consumer that was set back reads records again: the earlier reading counts no
        // more, or its end would be taken for this one's.
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
            done: false,
        });
        Ticket {
            topic: topic.to_owned(),
            partition,
            offset,
            assignment: window.assignment,
        }
    }

    /// A record is done with. `Some` is the offset up to which everything is, and that may
    /// be stored; the next to read is the one after it.
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

    /// Records under way, and those that are done but wait for one before them.
    pub(crate) fn len(&self) -> usize {
        self.partitions
            .values()
            .map(|window| window.records.len())
            .sum()
    }

    /// Whether nothing is under way.
    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn begin(tracker: &mut Tracker, offsets: impl IntoIterator<Item = i64>) -> Vec<Ticket> {
        offsets
            .into_iter()
            .map(|offset| tracker.begin("t", 0, offset))
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
    fn partitions_do_not_hold_each_other_back() {
        let mut tracker = Tracker::default();
        let _slow = tracker.begin("t", 0, 1);
        let quick = tracker.begin("t", 1, 1);
        let other = tracker.begin("u", 0, 1);
        assert_eq!(tracker.end(&quick), Some(1));
        assert_eq!(tracker.end(&other), Some(1));
        assert_eq!(tracker.len(), 1);
    }

    #[test]
    fn an_end_after_a_rebalance_counts_no_more() {
        let mut tracker = Tracker::default();
        let before = tracker.begin("t", 0, 5);
        tracker.forget("t", 0);
        assert_eq!(tracker.end(&before), None);
        // The partition comes back, and with it the same record.
        let after = tracker.begin("t", 0, 5);
        assert_eq!(tracker.end(&before), None);
        assert_eq!(tracker.end(&after), Some(5));
    }

    #[test]
    fn a_record_read_again_is_another_reading() {
        let mut tracker = Tracker::default();
        let first = begin(&mut tracker, 5..7);
        let again = begin(&mut tracker, 5..7);
        assert_eq!(tracker.end(&first[0]), None);
        assert_eq!(tracker.end(&again[0]), Some(5));
        assert_eq!(tracker.end(&again[1]), Some(6));
    }

    #[test]
    fn a_ticket_ends_once() {
        let mut tracker = Tracker::default();
        let ticket = tracker.begin("t", 0, 5);
        assert_eq!(tracker.end(&ticket), Some(5));
        assert_eq!(tracker.end(&ticket), None);
    }
}
