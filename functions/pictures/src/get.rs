//! Reading a picture.

use trichrome_proto::pictures::{GetUserPictureRequest, PictureMessage};

use crate::{Error, ObjectKey, PictureStore, picture::parse_id};

impl PictureStore {
    /// Returns a picture of the caller, with its bytes.
    ///
    /// # Errors
    /// [`Error::NotFound`] if the caller has no such picture or it is being deleted, and
    /// [`Error::Unavailable`].
    pub async fn get(
        &self,
        caller: &str,
        request: &GetUserPictureRequest,
    ) -> Result<PictureMessage, Error> {
        let id = parse_id(&request.picture_id)?;
        let picture = self
            .rows
            .get(caller, id)
            .await?
            .ok_or(Error::NotFound(id))?;
        let object = ObjectKey::original(picture.layout, caller, id);
        match self.objects.get(object).await? {
            Some(base64) => Ok(picture.into_message(base64)),
            None => {
                // Probably deleted between the two reads.
                tracing::warn!(user_id = caller, picture_id = %id, "a row has no object");
                Err(Error::NotFound(id))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use trichrome_proto::error::{ErrorCode, Fault as _};

    use super::*;
    use crate::testing::{
        Answer, Replay, USER, item, object, object_error, replay, row, row_error,
    };

    const ID: &str = "0190b6a0-1234-7000-8000-000000000001";

    async fn get(id: &str, answers: Vec<Answer>) -> (Result<PictureMessage, Error>, Replay) {
        let replay = replay(answers);
        let request = GetUserPictureRequest {
            picture_id: id.to_owned(),
            ..Default::default()
        };
        (replay.store.get(USER, &request).await, replay)
    }

    fn found() -> Answer {
        row(json!({ "Item": item(ID, "A dot", 5) }))
    }

    #[tokio::test]
    async fn a_picture_is_returned_with_its_bytes() {
        let (result, replay) = get(&ID.to_uppercase(), vec![found(), object("bytes")]).await;
        let message = result.unwrap();
        assert_eq!(message.base64, "Ynl0ZXM=");
        assert_eq!((message.id.as_str(), message.title.as_str()), (ID, "A dot"));
        assert_eq!(
            (message.width, message.height, message.size_bytes),
            (1, 2, 5)
        );
        let seen = replay.seen();
        assert_eq!(seen[0].json()["Key"]["picture_id"]["S"], ID);
        assert_eq!(seen[0].json()["ConsistentRead"], true);
        assert!(seen[1].path.starts_with(&format!("/bytes/{USER}/{ID}")));
    }

    #[tokio::test]
    async fn a_pictures_bytes_are_read_where_its_row_says() {
        let mut prefixed = item(ID, "A dot", 5);
        prefixed["layout"] = json!({ "S": "prefixed" });
        let answers = vec![row(json!({ "Item": prefixed })), object("bytes")];
        let (result, replay) = get(ID, answers).await;
        result.unwrap();
        let path = &replay.seen()[1].path;
        assert!(
            path.starts_with(&format!("/bytes/originals/{USER}/{ID}")),
            "{path}"
        );
    }

    #[tokio::test]
    async fn a_missing_or_hidden_picture_is_not_found() {
        let mut hidden = item(ID, "A dot", 5);
        hidden["deleting"] = json!({ "BOOL": true });
        for answers in [
            vec![row(json!({}))],
            vec![row(json!({ "Item": hidden }))],
            vec![found(), object_error(404, "NoSuchKey")],
        ] {
            let (result, _) = get(ID, answers).await;
            assert_eq!(result.unwrap_err().code(), ErrorCode::NotFound);
        }
    }

    #[tokio::test]
    async fn failures_of_stores_have_their_codes() {
        for (answers, code) in [
            (
                vec![row_error(400, "ThrottlingException")],
                ErrorCode::Unavailable,
            ),
            (
                vec![row_error(500, "InternalServerError")],
                ErrorCode::Unavailable,
            ),
            (
                vec![row_error(400, "ValidationException")],
                ErrorCode::Internal,
            ),
            (
                vec![row(json!({ "Item": { "user_id": { "S": "?" } } }))],
                ErrorCode::Internal,
            ),
            (
                vec![found(), object_error(503, "SlowDown")],
                ErrorCode::Unavailable,
            ),
            (
                vec![found(), object_error(404, "NoSuchBucket")],
                ErrorCode::Internal,
            ),
        ] {
            let (result, _) = get(ID, answers).await;
            assert_eq!(result.unwrap_err().code(), code);
        }
    }

    #[tokio::test]
    async fn an_invalid_id_reaches_no_store() {
        let (result, replay) = get("../x", vec![]).await;
        assert_eq!(result.unwrap_err().code(), ErrorCode::InvalidArgument);
        assert!(replay.operations().is_empty());
    }
}
