//! Deleting a picture.
//!
//! The row is marked, which hides the picture. Then the object is deleted, and then the row. A
//! failure in between leaves a hidden row, and a repeated call continues from there. If the row
//! were deleted first, a failure would leave an object without a row; if the object were, a
//! picture that can't be opened.

use trichrome_proto::pictures::DeleteUserPictureRequest;

use crate::{Error, PictureStore, picture::parse_id};

impl PictureStore {
    /// Deletes a picture of the caller.
    ///
    /// # Errors
    /// [`Error::NotFound`] if the caller has no such picture, and [`Error::Unavailable`], after
    /// which a repeated call continues.
    pub async fn delete(
        &self,
        caller: &str,
        request: &DeleteUserPictureRequest,
    ) -> Result<(), Error> {
        let id = parse_id(&request.picture_id)?;
        if !self.rows.begin_delete(caller, id).await? {
            return Err(Error::NotFound(id));
        }
        self.objects.delete(caller, id).await?;
        self.rows.delete(caller, id).await
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use trichrome_proto::error::{ErrorCode, Fault as _};

    use super::*;
    use crate::testing::{Answer, Replay, USER, object, object_error, replay, row, row_error};

    const ID: &str = "0190b6a0-1234-7000-8000-000000000001";

    async fn delete(answers: Vec<Answer>) -> (Result<(), Error>, Replay) {
        let replay = replay(answers);
        let request = DeleteUserPictureRequest {
            picture_id: ID.to_owned(),
            ..Default::default()
        };
        (replay.store.delete(USER, &request).await, replay)
    }

    #[tokio::test]
    async fn the_row_is_hidden_first_and_deleted_last() {
        let (result, replay) = delete(vec![row(json!({})), object(""), row(json!({}))]).await;
        result.unwrap();
        assert_eq!(
            replay.operations(),
            ["UpdateItem", "DeleteObject", "DeleteItem"]
        );
        let seen = replay.seen();
        assert_eq!(
            seen[0].json()["ConditionExpression"],
            "attribute_exists(picture_id)"
        );
        assert_eq!(seen[0].json()["Key"]["user_id"]["S"], USER);
        assert!(seen[1].path.starts_with(&format!("/bytes/{USER}/{ID}")));
        assert_eq!(seen[2].json()["Key"]["picture_id"]["S"], ID);
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
        let answers = vec![row(json!({})), object_error(500, "InternalError")];
        let (result, replay) = delete(answers).await;
        assert_eq!(result.unwrap_err().code(), ErrorCode::Unavailable);
        assert_eq!(replay.operations(), ["UpdateItem", "DeleteObject"]);
    }
}
