//! Deleting the objects of interrupted uploads.
//!
//! An upload stores its object before its row. A process that ends in between (out of time, out
//! of memory, a lost machine) leaves an object without a row, which is invisible. S3's lifecycle
//! rules can't tell it from a picture; only the table can.

use std::time::{Duration, SystemTime};

use serde::Serialize;
use tokio::time::Instant;
use uuid::Uuid;

use crate::{
    Error, PictureStore,
    store::{READ_BATCH, key, owner_and_picture},
};

/// A younger object may belong to an upload in progress, which takes seconds.
const MIN_AGE: Duration = Duration::from_secs(60 * 60);

/// The result of a sweep.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Swept {
    /// Number of objects that were checked.
    pub objects: u64,
    /// Number of objects without a row, which were deleted.
    pub removed: u64,
    /// Number of objects whose keys aren't those of pictures. They are kept.
    pub foreign: u64,
    /// Whether all objects were checked.
    pub complete: bool,
}

impl PictureStore {
    /// Deletes the objects that have no row, unless they are younger than an hour by their
    /// pictures' ids. Stops at `deadline` if it isn't done. Safe to run concurrently with
    /// anything else, including another sweep.
    ///
    /// Reads the table for each object: a hundred thousand take about ten seconds.
    ///
    /// # Errors
    /// [`Error::Unavailable`]. Objects that were deleted before had no row either.
    pub async fn sweep(&self, deadline: Instant) -> Result<Swept, Error> {
        let mut swept = Swept::default();
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
                swept.removed += self.sweep_batch(batch).await?;
            }
            if next.is_none() {
                swept.complete = true;
                break;
            }
            after = next;
        }
        Ok(swept)
    }

    async fn sweep_batch(&self, pictures: &[(&str, Uuid)]) -> Result<u64, Error> {
        let existing = self.rows.existing(pictures).await?;
        let orphans: Vec<_> = pictures
            .iter()
            .filter(|(user_id, id)| !existing.contains(&((*user_id).to_owned(), *id)))
            .map(|(user_id, id)| key(user_id, *id))
            .collect();
        let count = orphans.len() as u64;
        if count > 0 {
            self.objects.delete_batch(orphans).await?;
        }
        Ok(count)
    }
}

/// Whether a picture is old, by the time in its id. An id without a time isn't from this service.
fn is_old(id: Uuid, now: SystemTime) -> bool {
    let Some(time) = id.get_timestamp() else {
        return false;
    };
    let (seconds, nanos) = time.to_unix();
    let begun = SystemTime::UNIX_EPOCH + Duration::new(seconds, nanos);
    now.duration_since(begun).is_ok_and(|age| age >= MIN_AGE)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use trichrome_proto::error::{ErrorCode, Fault as _};
    use uuid::{NoContext, Timestamp};

    use super::*;
    use crate::testing::{USER, object, replay, row};

    fn id(age: Duration) -> Uuid {
        let begun = SystemTime::now() - age;
        let begun = begun.duration_since(SystemTime::UNIX_EPOCH).unwrap();
        let time = Timestamp::from_unix(NoContext, begun.as_secs(), begun.subsec_nanos());
        Uuid::new_v7(time)
    }

    fn listing(keys: &[String], next: Option<&str>) -> String {
        let contents: String = keys
            .iter()
            .map(|key| format!("<Contents><Key>{key}</Key></Contents>"))
            .collect();
        let next = next.map_or_else(String::new, |token| {
            format!("<NextContinuationToken>{token}</NextContinuationToken>")
        });
        format!("<ListBucketResult>{contents}{next}</ListBucketResult>")
    }

    fn keys(ids: &[Uuid]) -> Value {
        ids.iter()
            .map(|id| json!({"user_id": {"S": USER}, "picture_id": {"S": id.to_string()}}))
            .collect()
    }

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(60)
    }

    const DAY: Duration = Duration::from_secs(24 * 60 * 60);

    #[tokio::test(start_paused = true)]
    async fn only_old_objects_without_a_row_are_deleted() {
        let [kept, orphan, late, other] = [id(DAY), id(DAY), id(DAY), id(DAY)];
        let young = id(Duration::from_secs(60));
        let first = [
            key(USER, kept),
            key(USER, orphan),
            key(USER, late),
            key(USER, young),
            "a-report.csv".to_owned(),
        ];
        let left = json!({"pictures": {"Keys": keys(&[late])}});
        let replay = replay(vec![
            object(listing(&first, Some("further"))),
            // DynamoDB returns a part, and the rest in the next response.
            row(json!({"Responses": {"pictures": keys(&[kept])}, "UnprocessedKeys": left})),
            row(json!({"Responses": {"pictures": keys(&[late])}, "UnprocessedKeys": {}})),
            object("<DeleteResult/>"),
            object(listing(&[key(USER, other)], None)),
            row(json!({"Responses": {"pictures": keys(&[other])}})),
        ]);
        let swept = replay.store.sweep(soon()).await.unwrap();
        let expected = Swept {
            objects: 6,
            removed: 1,
            foreign: 1,
            complete: true,
        };
        assert_eq!(swept, expected);
        let seen = replay.seen();
        let deleted = String::from_utf8(seen[3].body.clone()).unwrap();
        assert!(deleted.contains(&key(USER, orphan)), "{deleted}");
        assert_eq!(deleted.matches("<Key>").count(), 1, "{deleted}");
        assert!(seen[4].path.contains("continuation-token=further"));
        let asked = &seen[1].json()["RequestItems"]["pictures"];
        assert_eq!(asked["ConsistentRead"], true);
        assert_eq!(
            asked["Keys"].as_array().unwrap().len(),
            3,
            "without the young one"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn an_object_is_kept_if_its_row_cannot_be_read() {
        let asked = id(DAY);
        let left = || row(json!({"UnprocessedKeys": {"pictures": {"Keys": keys(&[asked])}}}));
        let mut answers = vec![object(listing(&[key(USER, asked)], None))];
        answers.extend((0..8).map(|_| left()));
        let replay = replay(answers);
        let error = replay.store.sweep(soon()).await.unwrap_err();
        assert_eq!(error.code(), ErrorCode::Unavailable);
        assert!(!replay.operations().contains(&"DeleteObjects".to_owned()));
    }

    #[tokio::test]
    async fn the_deadline_stops_the_sweep() {
        let swept = replay(Vec::new()).store.sweep(Instant::now()).await;
        assert_eq!(swept.unwrap(), Swept::default());
    }
}
