//! Deleting everything that a user stored.

use crate::{Error, PictureStore};

/// What a purge deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Purged {
    /// Number of objects, including those without a row.
    pub objects: u64,
    /// Number of rows.
    pub rows: u64,
}

impl PictureStore {
    /// Deletes all pictures of a user who is marked as being deleted and so gets no new ones.
    /// Objects are deleted first, and found by their keys, not by the rows, so that those of
    /// failed and open uploads are included. A repeated call continues after a failure.
    ///
    /// The counter is deleted before everything else: without it, no response that was kept counts.
    /// Idempotency items remain: they expire and contain no picture.
    ///
    /// # Errors
    /// [`Error::Unavailable`], after which a repeated call continues.
    pub async fn purge(&self, user_id: &str) -> Result<Purged, Error> {
        self.rows.delete_counter(user_id).await?;
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
    use crate::testing::{Answer, USER, object, object_error, replay, row};

    fn keys(count: usize) -> Value {
        let keys = (0..count)
            .map(|n| json!({ "user_id": { "S": USER }, "picture_id": { "S": n.to_string() } }));
        keys.collect()
    }

    fn no_items() -> Answer {
        row(json!({ "Items": [] }))
    }

    fn no_uploads() -> Answer {
        object("<ListMultipartUploadsResult/>")
    }

    fn listing(keys: &[&str]) -> String {
        let contents: String = keys
            .iter()
            .map(|key| format!("<Contents><Key>{key}</Key></Contents>"))
            .collect();
        format!("<ListBucketResult>{contents}</ListBucketResult>")
    }

    #[tokio::test(start_paused = true)]
    async fn the_counter_then_objects_then_rows_are_deleted() {
        let left = json!([{ "DeleteRequest": { "Key": {
            "user_id": { "S": USER }, "picture_id": { "S": "7" },
        }}}]);
        let upload = "<Upload><Key>originals/u/c</Key><UploadId>open</UploadId></Upload>";
        let uploads = format!("<ListMultipartUploadsResult>{upload}</ListMultipartUploadsResult>");
        let replay = replay(vec![
            no_items(),
            object(listing(&["u/a", "u/b&amp;c"])),
            object("<DeleteResult/>"),
            object(listing(&[])),
            no_uploads(),
            object(listing(&[])),
            no_uploads(),
            object(listing(&[])),
            object(uploads),
            object(""),
            row(json!({ "Items": keys(26) })),
            row(json!({ "UnprocessedItems": { "pictures": left } })),
            row(json!({ "UnprocessedItems": {} })),
            row(json!({})),
            row(json!({ "Items": [] })),
            row(json!({ "Items": keys(1) })),
            row(json!({})),
            row(json!({ "Items": [] })),
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
                "Query",
                "ListObjectsV2",
                "DeleteObjects",
                "ListObjectsV2",
                "ListMultipartUploads",
                "ListObjectsV2",
                "ListMultipartUploads",
                "ListObjectsV2",
                "ListMultipartUploads",
                "AbortMultipartUpload",
                "Query",
                "BatchWriteItem",
                "BatchWriteItem",
                "BatchWriteItem",
                "Query",
                "Query",
                "BatchWriteItem",
                "Query",
                "Query",
            ]
        );
        let seen = replay.seen();
        for (at, prefix) in [(1, ""), (5, "derived%2F"), (7, "originals%2F")] {
            let path = &seen[at].path;
            assert!(
                path.contains(&format!("prefix={prefix}{USER}%2F")),
                "{path}"
            );
        }
        for (at, partition) in [(0, "quota#"), (15, "upload#"), (18, "quota#")] {
            let asked = &seen[at].json()["ExpressionAttributeValues"][":user_id"]["S"];
            assert_eq!(asked, &format!("{partition}{USER}"));
        }
        let batch = |at: usize| {
            let body = seen[at].json();
            body["RequestItems"]["pictures"].as_array().unwrap().len()
        };
        assert_eq!([batch(11), batch(12), batch(13)], [25, 1, 1]);
    }

    #[tokio::test]
    async fn a_user_without_pictures_is_no_error() {
        let mut answers = vec![no_items()];
        for _ in 0..3 {
            answers.extend([object(listing(&[])), no_uploads()]);
        }
        answers.extend((0..3).map(|_| no_items()));
        let replay = replay(answers);
        assert_eq!(replay.store.purge(USER).await.unwrap(), Purged::default());
    }

    #[tokio::test]
    async fn rows_stay_if_an_object_could_not_be_deleted() {
        let refused =
            "<DeleteResult><Error><Key>u/a</Key><Code>InternalError</Code></Error></DeleteResult>";
        for answers in [
            vec![no_items(), object(listing(&["u/a"])), object(refused)],
            vec![
                no_items(),
                object(listing(&["u/a"])),
                object_error(503, "SlowDown"),
            ],
        ] {
            let replay = replay(answers);
            let error = replay.store.purge(USER).await.unwrap_err();
            assert_eq!(error.code(), ErrorCode::Unavailable);
            assert_eq!(
                replay.operations(),
                ["Query", "ListObjectsV2", "DeleteObjects"]
            );
        }
    }
}
