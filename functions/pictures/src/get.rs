//! Reading a picture.

use trichrome_proto::{
    pictures::{GetUserPictureRequest, PictureMessage},
    wire::limits::MAX_PICTURE,
};

use crate::{Error, ObjectKey, Picture, PictureStore, picture::parse_id};

impl PictureStore {
    /// Returns a picture of the caller, with its bytes if the request wants them and there are at
    /// most 4 MiB.
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
        let form = Form::of(request.metadata_only, request.raw);
        let message = self.message(picture.clone()).await?;
        let message = self.with_bytes(&picture, message, form).await?;
        // Probably deleted between the two reads.
        message.ok_or(Error::NotFound(id))
    }

    /// A picture's message with its bytes in a form, unless there are more than [`MAX_PICTURE`];
    /// `None` if there is no object.
    pub(crate) async fn with_bytes(
        &self,
        picture: &Picture,
        mut message: PictureMessage,
        form: Form,
    ) -> Result<Option<PictureMessage>, Error> {
        let object = ObjectKey::original(picture.layout, &picture.user_id, picture.id);
        let found = match form {
            _ if picture.size_bytes as usize > MAX_PICTURE => Some(()),
            Form::None => Some(()),
            Form::Base64 => {
                let base64 = self.objects.base64(object, &prefix(picture)).await?;
                base64.map(|base64| message.base64 = base64)
            }
            Form::Raw => {
                let content = self.objects.bytes(object).await?;
                content.map(|content| message.content = content)
            }
        };
        if found.is_none() {
            tracing::warn!(
                user_id = picture.user_id,
                picture_id = %picture.id,
                "a row has no object"
            );
        }
        Ok(found.map(|()| message))
    }
}

/// How a picture's bytes are returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// Not at all.
    None,
    /// As `base64`.
    Base64,
    /// As `content`.
    Raw,
}

impl Form {
    pub(crate) const fn of(metadata_only: bool, raw: bool) -> Self {
        match (metadata_only, raw) {
            (true, _) => Self::None,
            (false, true) => Self::Raw,
            (false, false) => Self::Base64,
        }
    }
}

/// What precedes a picture's base64.
fn prefix(picture: &Picture) -> String {
    if picture.is_data_url {
        format!("data:{};base64,", picture.content_type)
    } else {
        String::new()
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
    async fn bytes_are_returned_as_requested() {
        let read = async |size, data_url, request: GetUserPictureRequest, answers: usize| {
            let mut row_item = item(ID, "A dot", size);
            if data_url {
                row_item["data_url"] = json!({ "BOOL": true });
            }
            let mut all = vec![row(json!({ "Item": row_item }))];
            all.extend((0..answers).map(|_| object("bytes")));
            let replay = replay(all);
            let request = GetUserPictureRequest {
                picture_id: ID.to_owned(),
                ..request
            };
            let message = replay.store.get(USER, &request).await.unwrap();
            assert_eq!(replay.operations().len(), 1 + answers);
            assert!(message.links.is_some());
            (message.base64, message.content)
        };
        let metadata = || GetUserPictureRequest {
            metadata_only: true,
            ..Default::default()
        };
        let raw = || GetUserPictureRequest {
            raw: true,
            ..Default::default()
        };
        let both = || GetUserPictureRequest {
            raw: true,
            ..metadata()
        };
        let none = (String::new(), Vec::new());
        assert_eq!(read(5, false, metadata(), 0).await, none);
        assert_eq!(read(5, false, both(), 0).await, none);
        let (base64, content) = read(5, true, raw(), 1).await;
        assert_eq!((base64.as_str(), content.as_slice()), ("", &b"bytes"[..]));
        let (base64, content) = read(5, true, Default::default(), 1).await;
        assert_eq!(base64, "data:image/png;base64,Ynl0ZXM=");
        assert!(content.is_empty());
        // Over the limit, only the links lead to the bytes.
        for request in [Default::default(), raw()] {
            assert_eq!(read(MAX_PICTURE + 1, true, request, 0).await, none);
        }
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
