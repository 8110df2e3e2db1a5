//! When a sweep refuses to delete.

use std::time::{Duration, SystemTime};

use super::Swept;

/// Orphans that are deleted whatever their share: in a small bucket, a few are a large share.
const FLOOR: u64 = 10;

/// The limits of a sweep that no operator has confirmed.
#[derive(Clone, Copy, Debug)]
pub struct Fuse {
    /// The largest share of the objects that may be deleted, in percent.
    max_percent: f64,
}

/// Why a sweep refuses to delete.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The table doesn't know too many of the objects.
    #[error("{orphans} of {objects} objects have no row, which is more than {limit}")]
    Share {
        /// Objects without a row.
        orphans: u64,
        /// Objects that were checked.
        objects: u64,
        /// How many may be deleted.
        limit: u64,
    },
    /// The table can't know the objects: it was restored from a backup, or replaced.
    #[error(
        "the pictures table is {table_age:?} old, and an object without a row is {object_age:?} old"
    )]
    NewTable {
        /// How long ago the table was created.
        table_age: Duration,
        /// How long ago the oldest object without a row was.
        object_age: Duration,
    },
}

impl Fuse {
    /// A fuse with this largest share, in percent.
    pub fn new(max_percent: f64) -> Self {
        Self { max_percent }
    }

    /// Why the objects without a row may not be deleted, if they may not. `oldest` is the time of
    /// the oldest of them, and `created` that of the table.
    pub(super) fn refusal(
        self,
        swept: &Swept,
        oldest: SystemTime,
        created: SystemTime,
    ) -> Option<Refusal> {
        if oldest < created {
            return Some(Refusal::NewTable {
                table_age: age(created),
                object_age: age(oldest),
            });
        }
        // Exact, since the counts are below 2^53. Rounded down.
        let share = (swept.objects as f64 * self.max_percent / 100.0) as u64;
        let limit = share.max(FLOOR);
        (swept.orphans > limit).then_some(Refusal::Share {
            orphans: swept.orphans,
            objects: swept.objects,
            limit,
        })
    }
}

/// The age in whole seconds.
fn age(of: SystemTime) -> Duration {
    let age = SystemTime::now().duration_since(of).unwrap_or_default();
    Duration::from_secs(age.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(24 * 60 * 60);

    fn refusal(orphans: u64, objects: u64) -> Option<Refusal> {
        let swept = Swept {
            objects,
            orphans,
            ..Swept::default()
        };
        let oldest = SystemTime::now() - DAY;
        Fuse::new(10.0).refusal(&swept, oldest, oldest - DAY)
    }

    #[test]
    fn a_share_may_be_deleted_and_a_few_always() {
        for (orphans, objects) in [(1, 1), (10, 10), (10, 50), (100, 1000)] {
            assert_eq!(refusal(orphans, objects), None, "{orphans} of {objects}");
        }
        for (orphans, objects, limit) in [(11, 11, 10), (101, 1000, 100)] {
            let expected = Refusal::Share {
                orphans,
                objects,
                limit,
            };
            assert_eq!(refusal(orphans, objects), Some(expected));
        }
    }

    #[test]
    fn nothing_older_than_the_table_is_deleted() {
        let swept = Swept {
            objects: 1000,
            orphans: 1,
            ..Swept::default()
        };
        let created = SystemTime::now() - DAY;
        let fuse = Fuse::new(100.0);
        assert_eq!(fuse.refusal(&swept, created, created), None);
        let older = created - Duration::from_secs(1);
        let refusal = fuse.refusal(&swept, older, created).unwrap();
        assert!(matches!(refusal, Refusal::NewTable { .. }), "{refusal}");
    }
}
