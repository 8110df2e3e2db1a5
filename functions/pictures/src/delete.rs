//! Deleting a picture.
//!
//! The row is marked, which hides the picture. Then its objects are deleted, and then the row. A
//! failure in between leaves a hidden row, and a repeated call continues from there. If the row
//! were deleted first, a failure would leave objects without a row; if the objects were, a
//! picture that can't be opened. The idempotency key is remembered when the row is deleted.

use trichrome_proto::pictures::DeleteUserPictureRequest;
use uuid::Uuid;

use crate::{
    Error, PictureStore,
    create::checked_key,
    picture::parse_id,
    store::{KeyUse, Keyed},
};

impl PictureStore {
    /// Deletes a picture of the caller. A repeated call with the same `key` succeeds, too.
    ///
    /// # Errors
    /// [`Error::NotFound`] if the caller has no such picture, [`Error::KeyReused`] if the key was
    /// used for something else, and [`Error::Unavailable`], after which a repeated call continues.
    pub async fn delete(
        &self,
        caller: &str,
        key: Option<&str>,
        request: &DeleteUserPictureRequest,
    ) -> Result<(), Error> {
        let id = parse_id(&request.picture_id)?;
        let key = checked_key(key)?;
        if let Some(key) = key
            && self.was_deleted(caller, key, id).await?
        {
            return Ok(());
        }
        let Some(picture) = self.rows.begin_delete(caller, id).await? else {
            return match key {
                // A concurrent call with the same key may have deleted it since.
                Some(key) if self.was_deleted(caller, key, id).await? => Ok(()),
                _ => Err(Error::NotFound(id)),
            };
        };
        self.objects.delete(picture.layout, caller, id).await?;
        match (self.rows.delete(&picture, key).await?, key) {
            (Keyed::Done, _) => Ok(()),
            (_, Some(key)) if self.was_deleted(caller, key, id).await? => Ok(()),
            _ => Err(Error::KeyReused),
        }
    }

    /// Whether a call with this key has deleted this picture.
    async fn was_deleted(&self, caller: &str, key: &str, id: Uuid) -> Result<bool, Error> {
        match self.rows.key_use(caller, key).await? {
            None => Ok(false),
            Some(KeyUse::Delete(deleted)) if deleted == id => Ok(true),
            Some(_) => Err(Error::KeyReused),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use trichrome_proto::error::{ErrorCode, Fault as _};

    use super::*;
    use crate::testing::{
        Answer, Replay, USER, cancelled, item, object, object_error, replay, row, row_error,
    };

    const ID: &str = "0190b6a0-1234-7000-8000-000000000001";

    async fn delete(answers: Vec<Answer>) -> (Result<(), Error>, Replay) {
        delete_with(None, answers).await
    }

    async fn delete_with(key: Option<&str>, answers: Vec<Answer>) -> (Result<(), Error>, Replay) {
        let replay = replay(answers);
        let request = DeleteUserPictureRequest {
            picture_id: ID.to_owned(),
            ..Default::default()
        };
        (replay.store.delete(USER, key, &request).await, replay)
    }

    /// The row after it was marked.
    fn marked() -> Answer {
        let mut marked = item(ID, "A dot", 5);
        marked["layout"] = json!({ "S": "prefixed" });
        row(json!({ "Attributes": marked }))
    }

    fn deleted() -> Answer {
        object("<DeleteResult/>")
    }

    #[tokio::test]
    async fn the_row_is_hidden_first_and_deleted_last() {
        let (result, replay) = delete(vec![marked(), deleted(), row(json!({}))]).await;
        result.unwrap();
        assert_eq!(
            replay.operations(),
            ["UpdateItem", "DeleteObjects", "TransactWriteItems"]
        );
        let seen = replay.seen();
        assert_eq!(
            seen[0].json()["ConditionExpression"],
            "attribute_exists(picture_id)"
        );
        assert_eq!(seen[0].json()["Key"]["user_id"]["S"], USER);
        let objects = String::from_utf8(seen[1].body.clone()).unwrap();
        for key in [
            format!("originals/{USER}/{ID}"),
            format!("derived/{USER}/{ID}/thumbnail.webp"),
            format!("derived/{USER}/{ID}/preview.webp"),
        ] {
            assert!(objects.contains(&format!("<Key>{key}</Key>")), "{objects}");
        }
        let items = seen[2].json()["TransactItems"].clone();
        assert_eq!(items[0]["Delete"]["Key"]["picture_id"]["S"], ID);
        let counter = &items[1]["Update"];
        assert_eq!(counter["Key"]["user_id"]["S"], format!("quota#{USER}"));
        assert_eq!(
            counter["ExpressionAttributeValues"],
            json!({ ":size": { "N": "5" }, ":one": { "N": "1" } })
        );
    }

    #[tokio::test]
    async fn a_picture_from_before_is_deleted_where_it_is() {
        let flat = row(json!({ "Attributes": item(ID, "A dot", 5) }));
        let (result, replay) = delete(vec![flat, deleted(), row(json!({}))]).await;
        result.unwrap();
        let objects = String::from_utf8(replay.seen()[1].body.clone()).unwrap();
        assert!(
            objects.contains(&format!("<Key>{USER}/{ID}</Key>")),
            "{objects}"
        );
    }

    #[tokio::test]
    async fn a_missing_picture_is_not_found() {
        let (result, replay) =
            delete(vec![row_error(400, "ConditionalCheckFailedException")]).await;
        assert_eq!(result.unwrap_err().code(), ErrorCode::NotFound);
        assert_eq!(replay.operations(), ["UpdateItem"]);
    }

    #[tokio::test]
    async fn the_row_stays_as_long_as_the_object() {
        let answers = vec![marked(), object_error(500, "InternalError")];
        let (result, replay) = delete(answers).await;
        assert_eq!(result.unwrap_err().code(), ErrorCode::Unavailable);
        assert_eq!(replay.operations(), ["UpdateItem", "DeleteObjects"]);
    }

    /// An idempotency item that says this.
    fn key_item(name: &str, value: &str) -> Answer {
        row(json!({ "Item": {
            name: { "S": value },
            "fingerprint": { "S": "f" },
            "expires_at": { "N": "4000000000" },
        }}))
    }

    #[tokio::test]
    async fn the_key_is_remembered_with_the_deletion() {
        let answers = vec![row(json!({})), marked(), deleted(), row(json!({}))];
        let (result, replay) = delete_with(Some("k"), answers).await;
        result.unwrap();
        assert_eq!(
            replay.operations(),
            [
                "GetItem",
                "UpdateItem",
                "DeleteObjects",
                "TransactWriteItems"
            ]
        );
        let items = replay.seen()[3].json()["TransactItems"].clone();
        assert_eq!(items[0]["Delete"]["Key"]["picture_id"]["S"], ID);
        let put = &items[2]["Put"];
        assert_eq!(put["Item"]["user_id"]["S"], format!("idem#{USER}"));
        assert_eq!(put["Item"]["picture_id"]["S"], "k");
        assert_eq!(put["Item"]["deleted_id"]["S"], ID);
        assert_eq!(
            put["ConditionExpression"],
            "attribute_not_exists(picture_id) OR expires_at < :now"
        );
    }

    #[tokio::test]
    async fn a_repeated_deletion_succeeds() {
        let (result, replay) = delete_with(Some("k"), vec![key_item("deleted_id", ID)]).await;
        result.unwrap();
        assert_eq!(replay.operations(), ["GetItem"]);
    }

    #[tokio::test]
    async fn concurrent_calls_with_the_same_key_both_succeed() {
        // The other call deletes the row before this one marks it.
        let refused = row_error(400, "ConditionalCheckFailedException");
        let answers = vec![row(json!({})), refused, key_item("deleted_id", ID)];
        let (result, _) = delete_with(Some("k"), answers).await;
        result.unwrap();
        // The other call deletes the row after this one has marked it.
        let taken = cancelled(&["None", "None", "ConditionalCheckFailed"]);
        let answers = vec![
            row(json!({})),
            marked(),
            deleted(),
            taken,
            key_item("deleted_id", ID),
        ];
        let (result, _) = delete_with(Some("k"), answers).await;
        result.unwrap();
    }

    #[tokio::test]
    async fn a_picture_is_given_back_once() {
        // A concurrent call has deleted the row: only the key is left to remember.
        let gone = || cancelled(&["ConditionalCheckFailed", "None", "None"]);
        let answers = vec![row(json!({})), marked(), deleted(), gone(), row(json!({}))];
        let (result, replay) = delete_with(Some("k"), answers).await;
        result.unwrap();
        let items = replay.seen()[4].json()["TransactItems"].clone();
        assert_eq!(items.as_array().unwrap().len(), 1);
        assert_eq!(items[0]["Put"]["Item"]["deleted_id"]["S"], ID);

        let (result, replay) = delete(vec![marked(), deleted(), gone()]).await;
        result.unwrap();
        assert_eq!(replay.operations().len(), 3);
    }

    #[tokio::test]
    async fn the_pictures_of_a_user_from_before_are_counted_first() {
        let answers = vec![
            marked(),
            deleted(),
            cancelled(&["None", "ConditionalCheckFailed"]),
            row(json!({ "Items": [{ "size_bytes": { "N": "5" } }] })),
            row(json!({})),
            row(json!({})),
        ];
        let (result, replay) = delete(answers).await;
        result.unwrap();
        assert_eq!(
            replay.operations()[2..],
            [
                "TransactWriteItems",
                "Query",
                "PutItem",
                "TransactWriteItems"
            ]
        );
    }

    #[tokio::test]
    async fn another_key_does_not_make_a_missing_picture_deleted() {
        let refused = row_error(400, "ConditionalCheckFailedException");
        let answers = vec![row(json!({})), refused, row(json!({}))];
        let (result, _) = delete_with(Some("k"), answers).await;
        assert_eq!(result.unwrap_err().code(), ErrorCode::NotFound);
    }

    #[tokio::test]
    async fn a_key_of_another_request_is_refused() {
        const OTHER: &str = "0190b6a0-1234-7000-8000-000000000002";
        for used in [("deleted_id", OTHER), ("created_id", ID)] {
            let (result, replay) = delete_with(Some("k"), vec![key_item(used.0, used.1)]).await;
            assert_eq!(result.unwrap_err().code(), ErrorCode::Aborted);
            assert_eq!(replay.operations(), ["GetItem"]);
        }
    }
}
