//! Renaming a picture.

use trichrome_proto::pictures::{PictureMessage, UpdateUserPictureRequest};

use uuid::Uuid;

use crate::{
    Error, Picture, PictureStore,
    create::checked_key,
    picture::{parse_id, visible_title},
    store::{KeyUse, Keyed},
};

impl PictureStore {
    /// Sets the title of a picture of the caller, and returns its metadata. A repeated call with
    /// the same `key` changes nothing and returns the same, even if the picture has another title
    /// since, or was deleted.
    ///
    /// # Errors
    /// [`Error::BlankTitle`]; [`Error::NotFound`] if the caller has no such picture or it is
    /// being deleted; [`Error::KeyReused`] if the key was used for something else;
    /// [`Error::Unavailable`].
    pub async fn update(
        &self,
        caller: &str,
        key: Option<&str>,
        request: &UpdateUserPictureRequest,
    ) -> Result<PictureMessage, Error> {
        let id = parse_id(&request.picture_id)?;
        let title = visible_title(&request.title)?;
        let picture = match checked_key(key)? {
            None => {
                let picture = self.rows.set_title(caller, id, &title).await?;
                picture.ok_or(Error::NotFound(id))?
            }
            Some(key) => match self.renamed_before(caller, key, id, &title).await? {
                Some(picture) => picture,
                None => self.rename(caller, key, id, title).await?,
            },
        };
        self.message(picture).await
    }

    /// Renames a picture and remembers the key.
    async fn rename(
        &self,
        caller: &str,
        key: &str,
        id: Uuid,
        title: String,
    ) -> Result<Picture, Error> {
        let picture = self.rows.get(caller, id).await?;
        let picture = picture.ok_or(Error::NotFound(id))?;
        let renamed = Picture { title, ..picture };
        match self.rows.set_title_with_key(&renamed, key).await? {
            Keyed::Done => Ok(renamed),
            Keyed::Missing => Err(Error::NotFound(id)),
            Keyed::KeyTaken => {
                let before = self.renamed_before(caller, key, id, &renamed.title).await?;
                before.ok_or(Error::KeyReused)
            }
        }
    }

    /// The result of an earlier call with this key, if there was one.
    async fn renamed_before(
        &self,
        caller: &str,
        key: &str,
        id: Uuid,
        title: &str,
    ) -> Result<Option<Picture>, Error> {
        match self.rows.key_use(caller, key).await? {
            None => Ok(None),
            Some(KeyUse::Rename(renamed)) if renamed.id == id && renamed.title == title => {
                Ok(Some(*renamed))
            }
            Some(_) => Err(Error::KeyReused),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use trichrome_proto::error::{ErrorCode, Fault as _};

    use super::*;
    use crate::testing::{Answer, Replay, USER, cancelled, item, replay, row, row_error};

    const ID: &str = "0190b6a0-1234-7000-8000-000000000001";

    async fn update(
        id: &str,
        title: &str,
        answers: Vec<Answer>,
    ) -> (Result<PictureMessage, Error>, Replay) {
        update_with(None, id, title, answers).await
    }

    async fn update_with(
        key: Option<&str>,
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
        (replay.store.update(USER, key, &request).await, replay)
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

    /// The idempotency item of a renaming.
    fn key_item(title: &str) -> Answer {
        let mut entry = item(ID, title, 5);
        entry["renamed_id"] = json!({ "S": ID });
        entry["user_id"] = json!({ "S": format!("idem#{USER}") });
        entry["picture_id"] = json!({ "S": "k" });
        entry["expires_at"] = json!({ "N": "4000000000" });
        row(json!({ "Item": entry }))
    }

    #[tokio::test]
    async fn the_key_is_remembered_with_the_title() {
        let before = row(json!({ "Item": item(ID, "Before", 5) }));
        let answers = vec![row(json!({})), before, row(json!({}))];
        let (result, replay) = update_with(Some("k"), ID, "A spot", answers).await;
        let message = result.unwrap();
        assert_eq!((message.title.as_str(), message.size_bytes), ("A spot", 5));
        assert_eq!(
            replay.operations(),
            ["GetItem", "GetItem", "TransactWriteItems"]
        );
        let items = replay.seen()[2].json()["TransactItems"].clone();
        let update = &items[0]["Update"];
        assert_eq!(update["Key"]["picture_id"]["S"], ID);
        assert_eq!(
            update["ConditionExpression"],
            "attribute_exists(picture_id) AND attribute_not_exists(deleting)"
        );
        let entry = &items[1]["Put"]["Item"];
        assert_eq!(entry["user_id"]["S"], format!("idem#{USER}"));
        assert_eq!(entry["picture_id"]["S"], "k");
        assert_eq!(entry["renamed_id"]["S"], ID);
        assert_eq!(entry["title"]["S"], "A spot");
    }

    #[tokio::test]
    async fn a_repeated_renaming_has_the_same_result() {
        let answers = vec![key_item("A spot")];
        let (result, replay) = update_with(Some("k"), ID, "A spot", answers).await;
        let message = result.unwrap();
        assert_eq!(
            (message.id.as_str(), message.title.as_str()),
            (ID, "A spot")
        );
        assert_eq!((message.user_id.as_str(), message.size_bytes), (USER, 5));
        assert_eq!(replay.operations(), ["GetItem"]);

        let taken = cancelled(&["None", "ConditionalCheckFailed"]);
        let before = row(json!({ "Item": item(ID, "Before", 5) }));
        let answers = vec![row(json!({})), before, taken, key_item("A spot")];
        let (result, _) = update_with(Some("k"), ID, "A spot", answers).await;
        assert_eq!(result.unwrap().title, "A spot");
    }

    #[tokio::test]
    async fn a_key_of_another_request_is_refused() {
        let deleted = row(json!({ "Item": {
            "deleted_id": { "S": ID },
            "expires_at": { "N": "4000000000" },
        }}));
        for used in [key_item("Another"), deleted] {
            let (result, _) = update_with(Some("k"), ID, "A spot", vec![used]).await;
            assert_eq!(result.unwrap_err().code(), ErrorCode::Aborted);
        }
    }

    #[tokio::test]
    async fn a_missing_picture_is_not_found_with_a_key_either() {
        let gone = cancelled(&["ConditionalCheckFailed", "None"]);
        let before = || row(json!({ "Item": item(ID, "Before", 5) }));
        for answers in [
            vec![row(json!({})), row(json!({}))],
            vec![row(json!({})), before(), gone],
        ] {
            let (result, _) = update_with(Some("k"), ID, "A spot", answers).await;
            assert_eq!(result.unwrap_err().code(), ErrorCode::NotFound);
        }
    }
}
