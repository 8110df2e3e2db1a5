//! Deleting the objects of interrupted uploads.
//!
//! An upload stores its object before its row. A process that ends in between (out of time, out
//! of memory, a lost machine) leaves an object without a row, which is invisible. S3's lifecycle
//! rules can't tell it from a picture; only the table can.
//!
//! A table that was restored or replaced lacks rows of pictures that exist, and a sweep would delete
//! them. So it counts first, and a [`Fuse`] may refuse to delete.

mod fuse;

use std::time::{Duration, SystemTime};

use serde::Serialize;
use tokio::time::Instant;
use uuid::Uuid;

pub use self::fuse::{Fuse, Refusal};
use crate::{
    Error, PictureStore,
    store::{READ_BATCH, key, owner_and_picture},
};

/// A younger object may belong to an upload in progress, which takes seconds.
const MIN_AGE: Duration = Duration::from_secs(60 * 60);

/// Objects that one sweep deletes at most. The next one continues.
const MAX_REMOVED: usize = 10_000;

/// What a sweep may do.
#[derive(Clone, Copy, Debug)]
pub enum Mode {
    /// Only counts.
    DryRun,
    /// Deletes unless the fuse refuses.
    Guarded,
    /// Deletes whatever the fuse says, because an operator has checked what is deleted.
    Forced,
}

/// The result of a sweep.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Swept {
    /// Number of objects that were checked.
    pub objects: u64,
    /// Number of objects without a row.
    pub orphans: u64,
    /// Number of objects without a row that were deleted.
    pub removed: u64,
    /// Number of objects whose keys aren't those of pictures. They are kept.
    pub foreign: u64,
    /// Whether all objects were checked, and those without a row deleted unless it is a dry run.
    pub complete: bool,
    /// Why the fuse refuses to delete; only in a dry run, else it is an error.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refusal: Option<String>,
}

/// The objects without a row.
#[derive(Default)]
struct Orphans {
    /// Owner and picture, up to [`MAX_REMOVED`].
    known: Vec<(String, Uuid)>,
    /// The time of the oldest.
    oldest: Option<SystemTime>,
}

impl Orphans {
    fn add(&mut self, user_id: &str, id: Uuid) {
        if self.known.len() < MAX_REMOVED {
            self.known.push((user_id.to_owned(), id));
        }
        let begun = begun(id);
        self.oldest = match self.oldest {
            None => begun,
            Some(oldest) => Some(begun.map_or(oldest, |begun| begun.min(oldest))),
        };
    }
}

impl PictureStore {
    /// Deletes the objects that have no row, unless they are younger than an hour by their
    /// pictures' ids. Counts them first, within two thirds of the time until `deadline`, and
    /// deletes in the rest. Safe to run concurrently with anything else, including another sweep.
    ///
    /// Reads the table for each object: a hundred thousand take about ten seconds.
    ///
    /// # Errors
    /// [`Error::Refused`] if the fuse refuses, and then nothing was deleted.
    /// [`Error::Unavailable`]; objects that were deleted before had no row either.
    pub async fn sweep(&self, fuse: Fuse, mode: Mode, deadline: Instant) -> Result<Swept, Error> {
        let left = deadline.saturating_duration_since(Instant::now());
        let (mut swept, orphans) = self.count(deadline - left / 3).await?;
        let refusal = match orphans.oldest {
            Some(oldest) => {
                let created = self.rows.created().await?;
                fuse.refusal(&swept, oldest, created)
            }
            None => None,
        };
        match (mode, refusal) {
            (Mode::DryRun, refusal) => {
                swept.refusal = refusal.map(|refusal| refusal.to_string());
                return Ok(swept);
            }
            (Mode::Guarded, Some(refusal)) => return Err(refusal.into()),
            (Mode::Guarded | Mode::Forced, _) => {}
        }
        let mut done = (orphans.known.len() as u64) == swept.orphans;
        for batch in orphans.known.chunks(READ_BATCH) {
            if Instant::now() >= deadline {
                done = false;
                break;
            }
            let batch: Vec<_> = batch
                .iter()
                .map(|(user, id)| (user.as_str(), *id))
                .collect();
            swept.removed += self.sweep_batch(&batch).await?;
        }
        swept.complete &= done;
        Ok(swept)
    }

    /// Finds the objects without a row.
    async fn count(&self, deadline: Instant) -> Result<(Swept, Orphans), Error> {
        let (mut swept, mut orphans) = (Swept::default(), Orphans::default());
        let mut after = None;
        while Instant::now() < deadline {
            let (keys, next) = self.objects.page(None, after).await?;
            swept.objects += keys.len() as u64;
            let pictures: Vec<_> = keys
                .iter()
                .filter_map(|key| owner_and_picture(key))
                .collect();
            swept.foreign += (keys.len() - pictures.len()) as u64;
            let now = SystemTime::now();
            let old: Vec<_> = pictures
                .into_iter()
                .filter(|(_, id)| is_old(*id, now))
                .collect();
            for batch in old.chunks(READ_BATCH) {
                for (user_id, id) in self.without_row(batch).await? {
                    swept.orphans += 1;
                    orphans.add(user_id, id);
                }
            }
            if next.is_none() {
                swept.complete = true;
                break;
            }
            after = next;
        }
        Ok((swept, orphans))
    }

    /// Those of these pictures that have no row.
    async fn without_row<'a>(
        &self,
        pictures: &[(&'a str, Uuid)],
    ) -> Result<Vec<(&'a str, Uuid)>, Error> {
        let existing = self.rows.existing(pictures).await?;
        let has_none =
            |(user_id, id): &(&str, Uuid)| !existing.contains(&((*user_id).to_owned(), *id));
        Ok(pictures.iter().copied().filter(has_none).collect())
    }

    /// Deletes those of these objects that still have no row, and returns how many.
    async fn sweep_batch(&self, pictures: &[(&str, Uuid)]) -> Result<u64, Error> {
        let orphans = self.without_row(pictures).await?;
        let keys: Vec<_> = orphans
            .iter()
            .map(|(user_id, id)| key(user_id, *id))
            .collect();
        let count = keys.len() as u64;
        if count > 0 {
            self.objects.delete_batch(keys).await?;
        }
        Ok(count)
    }
}

/// The time in a picture's id. An id without one isn't from this service.
fn begun(id: Uuid) -> Option<SystemTime> {
    let (seconds, nanos) = id.get_timestamp()?.to_unix();
    Some(SystemTime::UNIX_EPOCH + Duration::new(seconds, nanos))
}

/// Whether a picture is old, by the time in its id.
fn is_old(id: Uuid, now: SystemTime) -> bool {
    begun(id).is_some_and(|begun| now.duration_since(begun).is_ok_and(|age| age >= MIN_AGE))
}

#[cfg(test)]
mod tests;
