//! Renaming a picture.

use trichrome_proto::pictures::{PictureMessage, UpdateUserPictureRequest};

use crate::{
    Error, PictureStore,
    picture::{parse_id, visible_title},
};

impl PictureStore {
    /// Sets the title of a picture of the caller, and returns its metadata.
    ///
    /// # Errors
    /// [`Error::BlankTitle`]; [`Error::NotFound`] if the caller has no such picture or it is
    /// being deleted; [`Error::Unavailable`].
    pub async fn update(
        &self,
        caller: &str,
        request: &UpdateUserPictureRequest,
    ) -> Result<PictureMessage, Error> {
        let id = parse_id(&request.picture_id)?;
        let title = visible_title(&request.title)?;
        let picture = self.rows.set_title(caller, id, &title).await?;
        let picture = picture.ok_or(Error::NotFound(id))?;
        Ok(picture.into_message(String::new()))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use trichrome_proto::error::{ErrorCode, Fault as _};

    use super::*;
    use crate::testing::{Answer, Replay, USER, item, replay, row, row_error};

    const ID: &str = "0190b6a0-1234-7000-8000-000000000001";

    async fn update(
        id: &str,
        title: &str,
        answers: Vec<Answer>,
    ) -> (Result<PictureMessage, Error>, Replay) {
        let replay = replay(answers);
        let request = UpdateUserPictureRequest {
            picture_id: id.to_owned(),
            title: title.to_owned(),
            ..Default::default()
        };
        (replay.store.update(USER, &request).await, replay)
    }

    #[tokio::test]
    async fn sets_the_title_alone() {
        let renamed = row(json!({ "Attributes": item(ID, "A spot", 5) }));
        // What can't be seen isn't stored.
        let title = "A\u{200b} spot\u{202e}";
        let (result, replay) = update(&ID.to_uppercase(), title, vec![renamed]).await;
        let message = result.unwrap();
        assert_eq!(
            (message.id.as_str(), message.title.as_str()),
            (ID, "A spot")
        );
        assert_eq!((message.base64.as_str(), message.size_bytes), ("", 5));
        assert_eq!(replay.operations(), ["UpdateItem"]);
        let request = replay.seen()[0].json();
        assert_eq!(request["Key"]["user_id"]["S"], USER);
        assert_eq!(request["Key"]["picture_id"]["S"], ID);
        assert_eq!(request["UpdateExpression"], "SET title = :title");
        assert_eq!(
            request["ExpressionAttributeValues"],
            json!({ ":title": { "S": "A spot" } })
        );
        assert_eq!(
            request["ConditionExpression"],
            "attribute_exists(picture_id) AND attribute_not_exists(deleting)"
        );
        assert_eq!(request["ReturnValues"], "ALL_NEW");
    }

    #[tokio::test]
    async fn a_missing_picture_is_not_found() {
        let refused = row_error(400, "ConditionalCheckFailedException");
        let (result, _) = update(ID, "A spot", vec![refused]).await;
        assert_eq!(result.unwrap_err().code(), ErrorCode::NotFound);
    }

    #[tokio::test]
    async fn invalid_requests_reach_no_store() {
        for (id, title) in [("../x", "A spot"), (ID, " \u{a0}\u{2003}"), (ID, "")] {
            let (result, replay) = update(id, title, vec![]).await;
            assert_eq!(result.unwrap_err().code(), ErrorCode::InvalidArgument);
            assert!(replay.operations().is_empty());
        }
    }

    #[tokio::test]
    async fn failures_of_the_store_are_distinguished() {
        let malformed = json!({ "Attributes": { "user_id": { "S": "?" } } });
        for (answer, code) in [
            (
                row_error(400, "ThrottlingException"),
                ErrorCode::Unavailable,
            ),
            (row_error(400, "ValidationException"), ErrorCode::Internal),
            (row(malformed), ErrorCode::Internal),
        ] {
            let (result, _) = update(ID, "A spot", vec![answer]).await;
            assert_eq!(result.unwrap_err().code(), code);
        }
    }
}
