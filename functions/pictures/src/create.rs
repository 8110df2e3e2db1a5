//! Storing a picture.
//!
//! The object is stored first. Then one transaction checks that the user exists and has room, and
//! inserts the row and the idempotency key, all or nothing. If it fails, the object is deleted again.

use std::time::Duration;

use bytes::Bytes;
use sha2::{Digest as _, Sha256};
use tokio::time::timeout;
use trichrome_image::{self as image, Image};
use trichrome_proto::{
    pictures::{CreateUserPictureRequest, PictureMessage},
    wire::limits::{MAX_IDEMPOTENCY_KEY, MAX_PICTURE},
};
use uuid::Uuid;

use crate::{
    Error, Picture, PictureStore, content,
    picture::{Derivation, visible_title},
    store::{Creation, Insertion, KeyUse, Layout, NotInserted, ObjectKey, Quota, Source},
};

/// Extra time allowed for rolling back before the error is returned.
const ROLLBACK_TIMEOUT: Duration = Duration::from_secs(2);

/// The DynamoDB table of users (`USERS_TABLE`), which must contain a picture's owner.
#[derive(Clone, Debug)]
pub struct UsersTable(pub String);

/// Stores new pictures.
#[derive(Clone, Debug)]
pub struct NewPictures {
    store: PictureStore,
    users: UsersTable,
    quota: Quota,
}

impl NewPictures {
    /// Stores pictures of these users in this store, within the quota.
    pub fn new(store: PictureStore, users: UsersTable, quota: Quota) -> Self {
        Self {
            store,
            users,
            quota,
        }
    }

    /// Stores a picture of the caller. A repeated call with the same `key` stores no second one
    /// and returns the first, even if that has been deleted.
    ///
    /// There is one copy of the picture in memory: base64 is decoded in place, and sent from there.
    ///
    /// # Errors
    /// [`Error::BlankTitle`], [`Error::NoContent`], [`Error::TwoContents`], [`Error::Content`],
    /// [`Error::Image`] and [`Error::LongKey`] for an invalid request, [`Error::KeyReused`] if the
    /// key was used for another picture, [`Error::Quota`], [`Error::UserGone`] and
    /// [`Error::Unavailable`].
    pub async fn create(
        &self,
        caller: &str,
        key: Option<&str>,
        request: CreateUserPictureRequest,
    ) -> Result<PictureMessage, Error> {
        let title = visible_title(&request.title)?;
        let key = checked_key(key)?;
        let is_data_url = content::is_data_url(&request.base64);
        let bytes = Bytes::from(bytes(request)?);
        let image = image::inspect(&bytes)?;

        let picture = Picture {
            is_data_url,
            ..metadata(Uuid::now_v7(), caller, title, image, &bytes)?
        };
        let key = key.map(|key| Creation {
            key: key.to_owned(),
            created: picture.id,
            fingerprint: fingerprint(&picture.title, &bytes),
        });
        if let Some(key) = &key
            && let Some(first) = self.store.rows.key_use(caller, &key.key).await?
        {
            return self.first_picture(picture, key, first).await;
        }
        // Signed before there is an effect: what fails here is safe to repeat.
        let message = self.store.message(picture.clone()).await?;

        let content_type = image.format.content_type();
        let object = ObjectKey::original(picture.layout, caller, picture.id);
        let stored = self.store.objects.put(object, content_type, bytes);
        if let Err(error) = stored.await {
            // It may have been stored, and only the response lost.
            self.roll_back(&picture).await;
            return Err(error);
        }
        let inserted = self
            .store
            .rows
            .insert(
                &self.users.0,
                &picture,
                self.quota,
                Source::Request(key.as_ref()),
            )
            .await;
        match inserted {
            Ok(Insertion::Done) => Ok(message),
            Ok(Insertion::UserGone) => {
                self.roll_back(&picture).await;
                Err(Error::UserGone)
            }
            Ok(Insertion::QuotaExceeded) => {
                self.roll_back(&picture).await;
                Err(Error::Quota(self.quota))
            }
            Ok(Insertion::SourceTaken) => {
                self.roll_back(&picture).await;
                self.concurrent_picture(picture, key).await
            }
            Err(NotInserted::Certainly(error)) => {
                self.roll_back(&picture).await;
                Err(error)
            }
            Err(NotInserted::Perhaps(error)) => {
                // An object without a row takes space until the next sweep. A row without
                // its object would be a picture that can't be opened.
                tracing::error!(
                    user_id = caller,
                    picture_id = %picture.id,
                    "the picture's row may or may not have been inserted; keeping its object"
                );
                Err(error)
            }
        }
    }

    /// Deletes the object of a picture that could not be stored. A failure is only logged,
    /// because the caller gets the first error.
    async fn roll_back(&self, picture: &Picture) {
        // S3 may have notified `pictures-derive` of the object, so there may be derivatives.
        let deleted = self
            .store
            .objects
            .delete(picture.layout, &picture.user_id, picture.id);
        let error: &dyn std::error::Error = match timeout(ROLLBACK_TIMEOUT, deleted).await {
            Ok(Ok(())) => return,
            Ok(Err(error)) => &{ error },
            Err(elapsed) => &{ elapsed },
        };
        tracing::error!(
            user_id = picture.user_id,
            picture_id = %picture.id,
            error,
            "an object without a row could not be deleted"
        );
    }

    /// Returns the picture of a concurrent call that used the same key first.
    async fn concurrent_picture(
        &self,
        picture: Picture,
        key: Option<Creation>,
    ) -> Result<PictureMessage, Error> {
        let doing = "read an idempotency key";
        let key =
            key.ok_or_else(|| Error::unexpected(doing, "the key is taken, but the call has none"))?;
        let first = self.store.rows.key_use(&picture.user_id, &key.key).await?;
        let first =
            first.ok_or_else(|| Error::unexpected(doing, "the key is taken, but missing"))?;
        self.first_picture(picture, &key, first).await
    }

    /// Returns the picture that this key created first. Title and bytes are the same, and the id
    /// has the time, so no row is read.
    async fn first_picture(
        &self,
        picture: Picture,
        key: &Creation,
        first: KeyUse,
    ) -> Result<PictureMessage, Error> {
        match first {
            KeyUse::Create(first) if first.fingerprint == key.fingerprint => {
                let id = first.created;
                self.store.message(Picture { id, ..picture }).await
            }
            _ => Err(Error::KeyReused),
        }
    }
}

/// The bytes of a picture to store.
fn bytes(request: CreateUserPictureRequest) -> Result<Vec<u8>, Error> {
    let CreateUserPictureRequest {
        base64, content, ..
    } = request;
    match (base64.is_empty(), content.is_empty()) {
        (true, true) => Err(Error::NoContent),
        (false, false) => Err(Error::TwoContents),
        (false, true) => Ok(content::decode(base64)?),
        (true, false) if content.len() > MAX_PICTURE => {
            Err(Error::Content(content::ContentError::TooLarge {
                size: content.len(),
            }))
        }
        (true, false) => Ok(content),
    }
}

/// An idempotency key that the store can hold. An empty one counts as none.
///
/// # Errors
/// [`Error::LongKey`].
pub(crate) fn checked_key(key: Option<&str>) -> Result<Option<&str>, Error> {
    match key.filter(|key| !key.is_empty()) {
        Some(key) if key.len() > MAX_IDEMPOTENCY_KEY => Err(Error::LongKey(key.len())),
        key => Ok(key),
    }
}

/// The metadata of a picture.
fn metadata(
    id: Uuid,
    user_id: &str,
    title: String,
    image: Image,
    bytes: &[u8],
) -> Result<Picture, Error> {
    Ok(Picture {
        id,
        user_id: user_id.to_owned(),
        title,
        content_type: image.format.content_type().to_owned(),
        size_bytes: u32::try_from(bytes.len())
            .map_err(|_| Error::unexpected("measure a picture", "over 4 GiB"))?,
        width: image.size.width,
        height: image.size.height,
        layout: Layout::default(),
        is_data_url: false,
        derivation: Derivation::default(),
    })
}

/// A hash of title and bytes, which is the same for requests to store the same picture.
fn fingerprint(title: &str, bytes: &[u8]) -> String {
    let hash = Sha256::new()
        .chain_update((title.len() as u64).to_be_bytes())
        .chain_update(title)
        .chain_update(bytes)
        .finalize();
    hexadecimal(&hash)
}

pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests;
