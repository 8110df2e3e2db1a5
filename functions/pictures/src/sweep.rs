//! Deleting the objects of interrupted and abandoned uploads.
//!
//! An upload stores its object before its row. A process that ends in between (out of time, out
//! of memory, a lost machine), or a client that never completes its upload, leaves an object
//! without a row, which is invisible. A derivative that is written while its picture is deleted
//! has no row either. S3's lifecycle rules can't tell them from those of a picture; only the table
//! can.
//!
//! Multipart uploads that were never completed are aborted. On AWS a lifecycle rule does it, too.
//!
//! A table that was restored or replaced lacks rows of pictures that exist, and a sweep would delete
//! them. So it counts first, and a [`Fuse`] may refuse to delete.

mod fuse;

use std::{
    collections::BTreeSet,
    time::{Duration, SystemTime},
};

use serde::Serialize;
use tokio::time::Instant;
use uuid::Uuid;

pub use self::fuse::{Fuse, Refusal};
use crate::{
    Error, PictureStore,
    store::{Marker, ObjectKey, READ_BATCH},
    upload::UPLOAD_LIFE,
};

/// The objects of a younger picture may belong to an upload in progress.
const MIN_AGE: Duration = UPLOAD_LIFE.saturating_add(Duration::from_secs(60 * 60));

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
    /// Number of abandoned multipart uploads.
    pub abandoned: u64,
    /// Whether all objects were checked, and those without a row deleted unless it is a dry run.
    pub complete: bool,
    /// Why the fuse refuses to delete; only in a dry run, else it is an error.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refusal: Option<String>,
}

/// The objects without a row.
#[derive(Default)]
struct Orphans {
    /// Their keys, up to [`MAX_REMOVED`].
    known: Vec<String>,
    /// The time of the oldest.
    oldest: Option<SystemTime>,
}

impl Orphans {
    fn add(&mut self, key: ObjectKey<'_>) {
        if self.known.len() < MAX_REMOVED {
            self.known.push(key.to_string());
        }
        let begun = begun(key.picture);
        self.oldest = match self.oldest {
            None => begun,
            Some(oldest) => Some(begun.map_or(oldest, |begun| begun.min(oldest))),
        };
    }
}

impl PictureStore {
    /// Deletes the objects that have no row, unless they are younger than an upload may be by
    /// their pictures' ids. Counts them first, within two thirds of the time until `deadline`, and
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
        // Whatever the fuse says: a picture's row is inserted after its parts were joined.
        swept.abandoned = self.abort_uploads(mode, deadline).await?;
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
                .filter_map(|key| ObjectKey::parse(key))
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
            let parsed: Vec<_> = keys
                .iter()
                .filter_map(|key| ObjectKey::parse(key))
                .collect();
            swept.foreign += (keys.len() - parsed.len()) as u64;
            let now = SystemTime::now();
            let old: Vec<_> = parsed
                .into_iter()
                .filter(|key| is_old(key.picture, now))
                .collect();
            for batch in old.chunks(READ_BATCH) {
                for key in self.without_row(batch).await? {
                    swept.orphans += 1;
                    orphans.add(key);
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

    /// Those of these objects, at most [`READ_BATCH`], whose picture has no row.
    async fn without_row<'a>(
        &self,
        objects: &[ObjectKey<'a>],
    ) -> Result<Vec<ObjectKey<'a>>, Error> {
        // A picture has several objects, and a request names a row once.
        let pictures: BTreeSet<_> = objects
            .iter()
            .map(|key| (key.user_id, key.picture))
            .collect();
        let pictures: Vec<_> = pictures.into_iter().collect();
        let existing = self.rows.existing(&pictures).await?;
        let has_none =
            |key: &ObjectKey<'_>| !existing.contains(&(key.user_id.to_owned(), key.picture));
        Ok(objects.iter().copied().filter(has_none).collect())
    }

    /// Deletes those of these objects that still have no row, and returns how many.
    async fn sweep_batch(&self, objects: &[ObjectKey<'_>]) -> Result<u64, Error> {
        let orphans = self.without_row(objects).await?;
        let keys: Vec<_> = orphans.iter().map(ObjectKey::to_string).collect();
        let count = keys.len() as u64;
        if count > 0 {
            self.objects.delete_batch(keys).await?;
        }
        Ok(count)
    }

    /// Aborts the multipart uploads of pictures that are too old to be completed, and returns how
    /// many there were. In a dry run it only counts.
    async fn abort_uploads(&self, mode: Mode, deadline: Instant) -> Result<u64, Error> {
        let mut abandoned = 0;
        let mut after = Some(Marker::default());
        while let Some(marker) = after
            && Instant::now() < deadline
        {
            let (open, next) = self.objects.open_uploads(None, marker).await?;
            let now = SystemTime::now();
            for upload in open {
                let is_abandoned =
                    ObjectKey::parse(&upload.key).is_some_and(|key| is_old(key.picture, now));
                if is_abandoned {
                    abandoned += 1;
                    if !matches!(mode, Mode::DryRun) {
                        self.objects.abort(&upload).await?;
                    }
                }
            }
            after = next;
        }
        Ok(abandoned)
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
