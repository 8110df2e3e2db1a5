//! Links to pictures' bytes, and the messages that carry them.

use std::time::Duration;

use trichrome_proto::pictures::{PictureLinks, PictureMessage};

use crate::{
    Content, Derivative, Error, ObjectKey, Picture, PictureStore,
    file_name::disposition,
    store::{CACHE_CONTROL, DERIVATIVE_TYPE, Presigned, ResponseHeaders},
};

/// How long a link is valid. A presigned one also ends with the credentials of the function that
/// signed it, which live for hours.
const LIFE: Duration = Duration::from_secs(60 * 60);

impl PictureStore {
    /// The contract's message of a picture: all but its bytes.
    ///
    /// # Errors
    /// [`Error::Unavailable`] and [`Error::Internal`] if there are no credentials to sign links with.
    pub(crate) async fn message(&self, picture: Picture) -> Result<PictureMessage, Error> {
        let links = self.links(&picture).await?;
        Ok(picture.into_message(links))
    }

    async fn links(&self, picture: &Picture) -> Result<PictureLinks, Error> {
        let original = self
            .link(picture, Content::Original(picture.layout))
            .await?;
        let mut links = PictureLinks {
            original: original.url,
            expires_at: Some(original.expires_at.into()),
            ..PictureLinks::default()
        };
        if picture.derivation.has_derivatives() {
            let link = async |derivative| {
                let link = self.link(picture, Content::Derivative(derivative)).await?;
                Ok::<_, Error>(link.url)
            };
            links.preview = link(Derivative::Preview).await?;
            links.thumbnail = link(Derivative::Thumbnail).await?;
        }
        Ok(links)
    }

    /// A link to an object of a picture.
    pub(crate) async fn link(
        &self,
        picture: &Picture,
        content: Content,
    ) -> Result<Presigned, Error> {
        let content_type = match content {
            Content::Original(_) => &picture.content_type,
            Content::Derivative(_) => DERIVATIVE_TYPE,
        };
        let key = ObjectKey {
            user_id: &picture.user_id,
            picture: picture.id,
            content,
        };
        let response = ResponseHeaders {
            cache_control: Some(CACHE_CONTROL.to_owned()),
            content_disposition: Some(disposition(&picture.title, content_type)),
            content_type: Some(content_type.to_owned()),
        };
        match &self.edge {
            Some(edge) => edge.get(key, &response, LIFE).await,
            None => self.presigner.get(key, response, LIFE).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        picture::{Derivation, Derived},
        testing::{USER, replay},
    };

    fn picture(derivation: Derivation) -> Picture {
        Picture {
            id: "0190b6a0-1234-7000-8000-000000000001".parse().unwrap(),
            user_id: USER.to_owned(),
            title: "Sunset.png".to_owned(),
            content_type: "image/jpeg".to_owned(),
            size_bytes: 5,
            width: 1,
            height: 2,
            layout: crate::Layout::Prefixed,
            is_data_url: false,
            derivation,
        }
    }

    fn ready(placeholder: Option<&str>) -> Derivation {
        Derivation::Ready(Derived {
            displayed_width: 2,
            displayed_height: 1,
            taken_at: Some("2026-07-14T18:03:21+02:00".to_owned()),
            placeholder: placeholder.map(str::to_owned),
        })
    }

    #[tokio::test]
    async fn a_picture_has_links_to_what_there_is() {
        let store = replay(vec![]).store;
        let message = store.message(picture(ready(Some("AA==")))).await.unwrap();
        assert_eq!((message.displayed_width, message.displayed_height), (2, 1));
        assert_eq!(message.taken_at, "2026-07-14T18:03:21+02:00");
        assert_eq!(
            (message.placeholder.as_str(), message.state.as_str()),
            ("AA==", "ready")
        );
        let links = message.links.unwrap();
        for (url, path, name, kind) in [
            (&links.original, "originals/", "Sunset.jpg", "image%2Fjpeg"),
            (&links.preview, "derived/", "Sunset.webp", "image%2Fwebp"),
            (&links.thumbnail, "derived/", "Sunset.webp", "image%2Fwebp"),
        ] {
            assert!(url.contains(path), "{url}");
            assert!(url.contains(name), "{url}");
            assert!(
                url.contains(&format!("response-content-type={kind}")),
                "{url}"
            );
            let cache = "response-cache-control=private%2C%20max-age%3D31536000%2C%20immutable";
            assert!(url.contains(cache), "{url}");
        }
        let now = prost_types::Timestamp::from(std::time::SystemTime::now()).seconds;
        let left = links.expires_at.unwrap().seconds - now;
        assert!((44 * 60..=60 * 60).contains(&left), "{left} s");

        for derivation in [
            Derivation::Processing,
            Derivation::Damaged("d".to_owned()),
            ready(None),
        ] {
            let message = store.message(picture(derivation.clone())).await.unwrap();
            assert_eq!(message.state, derivation.state());
            let links = message.links.unwrap();
            assert!(!links.original.is_empty());
            assert_eq!((links.preview.as_str(), links.thumbnail.as_str()), ("", ""));
        }
    }
}
