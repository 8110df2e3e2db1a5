//! The address of a picture's bytes.

use trichrome_proto::pictures::{GetPictureContentRequest, PictureContent};

use crate::{Content, Derivative, Error, PictureStore, picture::parse_id};

impl PictureStore {
    /// Returns a link to a variant of a picture of the caller. There is no fallback to the original:
    /// it may be large, and has metadata such as the place where it was taken.
    ///
    /// # Errors
    /// [`Error::UnknownVariant`]; [`Error::NotFound`] if the caller has no such picture or it is
    /// being deleted; [`Error::NoVariant`] if the variant isn't there; [`Error::Unavailable`].
    pub async fn content(
        &self,
        caller: &str,
        request: &GetPictureContentRequest,
    ) -> Result<PictureContent, Error> {
        let id = parse_id(&request.picture_id)?;
        let derivative = match request.variant.as_str() {
            "" | "original" => None,
            "preview" => Some(Derivative::Preview),
            "thumbnail" => Some(Derivative::Thumbnail),
            _ => return Err(Error::UnknownVariant),
        };
        let picture = self.rows.get(caller, id).await?;
        let picture = picture.ok_or(Error::NotFound(id))?;
        let content = match derivative {
            None => Content::Original(picture.layout),
            Some(derivative) if picture.derivation.has_derivatives() => {
                Content::Derivative(derivative)
            }
            Some(_) => return Err(Error::NoVariant(id)),
        };
        let link = self.link(&picture, content).await?;
        Ok(PictureContent {
            url: link.url,
            expires_at: Some(link.expires_at.into()),
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use trichrome_proto::error::{ErrorCode, Fault as _};

    use super::*;
    use crate::testing::{USER, item, replay, row};

    const ID: &str = "0190b6a0-1234-7000-8000-000000000001";

    async fn content(variant: &str, is_ready: bool) -> Result<PictureContent, Error> {
        let mut found = item(ID, "A dot", 5);
        if is_ready {
            found["state"] = json!({ "S": "ready" });
            found["displayed_width"] = json!({ "N": "1" });
            found["displayed_height"] = json!({ "N": "2" });
            found["placeholder"] = json!({ "S": "AA==" });
        }
        let replay = replay(vec![row(json!({ "Item": found }))]);
        let request = GetPictureContentRequest {
            picture_id: ID.to_owned(),
            variant: variant.to_owned(),
            ..Default::default()
        };
        replay.store.content(USER, &request).await
    }

    #[tokio::test]
    async fn a_variant_has_a_link_once_it_is_there() {
        for (variant, path) in [
            ("", format!("/bytes/{USER}/{ID}?")),
            ("original", format!("/bytes/{USER}/{ID}?")),
            (
                "preview",
                format!("/bytes/derived/{USER}/{ID}/preview.webp?"),
            ),
            (
                "thumbnail",
                format!("/bytes/derived/{USER}/{ID}/thumbnail.webp?"),
            ),
        ] {
            let found = content(variant, true).await.unwrap();
            assert!(found.url.contains(&path), "{}", found.url);
            assert!(found.expires_at.is_some());
        }
        assert!(content("original", false).await.is_ok());
        for (variant, code) in [
            ("preview", ErrorCode::NotFound),
            ("thumbnail", ErrorCode::NotFound),
            ("Preview", ErrorCode::InvalidArgument),
        ] {
            let error = content(variant, false).await.unwrap_err();
            assert_eq!(error.code(), code, "{variant}");
        }
    }

    #[tokio::test]
    async fn a_missing_picture_has_no_content() {
        let replay = replay(vec![row(json!({}))]);
        let request = GetPictureContentRequest {
            picture_id: ID.to_owned(),
            ..Default::default()
        };
        let error = replay.store.content(USER, &request).await.unwrap_err();
        assert_eq!(error.code(), ErrorCode::NotFound);
    }
}
