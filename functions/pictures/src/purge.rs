//! Removing all that a user has.

use crate::{Error, PictureStore};

/// What a purge removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Purged {
    /// Objects, those without a row included.
    pub objects: u64,
    /// Rows.
    pub rows: u64,
}

impl PictureStore {
    /// Removes all pictures of a user who is marked as being deleted, so that no new ones
    /// come. Objects go first, found by their keys and not by the rows: with them goes what
    /// a failed upload left behind. May be repeated, and goes on where it failed.
    ///
    /// Idempotency items stay: they expire by themselves, and hold no picture.
    ///
    /// # Errors
    /// [`Error::Unavailable`], after which the same call goes on.
    pub async fn purge(&self, user_id: &str) -> Result<Purged, Error> {
        let objects = self.objects.delete_all(user_id).await?;
        let rows = self.rows.delete_all(user_id).await?;
        Ok(Purged { objects, rows })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use trichrome_proto::error::{ErrorCode, Fault as _};

    use super::*;
    use crate::testing::{USER, object, object_error, replay, row};

    fn keys(count: usize) -> Value {
        let keys = (0..count)
            .map(|n| json!({ "user_id": { "S": USER }, "picture_id": { "S": n.to_string() } }));
        keys.collect()
    }

    fn listing(keys: &[&str]) -> String {
        let contents: String = keys
            .iter()
            .map(|key| format!("<Contents><Key>{key}</Key></Contents>"))
            .collect();
        format!("<ListBucketResult>{contents}</ListBucketResult>")
    }

    #[tokio::test(start_paused = true)]
    async fn all_goes_objects_first() {
        let left = json!([{ "DeleteRequest": { "Key": {
            "user_id": { "S": USER }, "picture_id": { "S": "7" },
        }}}]);
        let replay = replay(vec![
            object(listing(&["u/a", "u/b&amp;c"])),
            object("<DeleteResult/>"),
            object(listing(&[])),
            row(json!({ "Items": keys(26) })),
            row(json!({ "UnprocessedItems": { "pictures": left } })),
            row(json!({ "UnprocessedItems": {} })),
            row(json!({})),
            row(json!({ "Items": [] })),
        ]);
        let purged = replay.store.purge(USER).await.unwrap();
        assert_eq!(
            purged,
            Purged {
                objects: 2,
                rows: 26
            }
        );
        assert_eq!(
            replay.operations(),
            [
                "ListObjectsV2",
                "DeleteObjects",
                "ListObjectsV2",
                "Query",
                "BatchWriteItem",
                "BatchWriteItem",
                "BatchWriteItem",
                "Query",
            ]
        );
        let seen = replay.seen();
        assert!(
            seen[0].path.contains(&format!("prefix={USER}%2F")),
            "{}",
            seen[0].path
        );
        let batch = |at: usize| {
            let body = seen[at].json();
            body["RequestItems"]["pictures"].as_array().unwrap().len()
        };
        assert_eq!([batch(4), batch(5), batch(6)], [25, 1, 1]);
    }

    #[tokio::test]
    async fn nothing_left_is_fine() {
        let replay = replay(vec![object(listing(&[])), row(json!({ "Items": [] }))]);
        assert_eq!(replay.store.purge(USER).await.unwrap(), Purged::default());
    }

    #[tokio::test]
    async fn an_object_that_stays_keeps_the_rows() {
        let refused =
            "<DeleteResult><Error><Key>u/a</Key><Code>InternalError</Code></Error></DeleteResult>";
        for answers in [
            vec![object(listing(&["u/a"])), object(refused)],
            vec![object(listing(&["u/a"])), object_error(503, "SlowDown")],
        ] {
            let replay = replay(answers);
            let error = replay.store.purge(USER).await.unwrap_err();
            assert_eq!(error.code(), ErrorCode::Unavailable);
            assert_eq!(replay.operations(), ["ListObjectsV2", "DeleteObjects"]);
        }
    }
}
