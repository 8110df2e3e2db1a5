//! Storing a picture.
//!
//! The object is stored first, then one transaction makes the picture: it checks that the
//! user exists, and inserts the row and the idempotency key, or none of them. If it does
//! not come about, the object is deleted again.

use std::time::Duration;

use bytes::Bytes;
use sha2::{Digest as _, Sha256};
use tokio::time::timeout;
use trichrome_proto::pictures::{CreateUserPictureRequest, PictureMessage};
use uuid::Uuid;

use crate::{
    Error, Picture, PictureStore, content,
    image::{self, Image},
    store::{Insertion, KeyUse, NotInserted},
};

/// The longest idempotency key, in bytes. DynamoDB would take 1024.
pub(crate) const MAX_KEY_BYTES: usize = 255;

/// How long the caller, who waits for an error, waits for the undoing on top.
const UNDO_TIMEOUT: Duration = Duration::from_secs(2);

/// The DynamoDB table of users (`USERS_TABLE`), where a picture's owner must be.
#[derive(Clone, Debug)]
pub struct UsersTable(pub String);

/// Takes new pictures into a store.
#[derive(Clone, Debug)]
pub struct NewPictures {
    store: PictureStore,
    users: UsersTable,
}

impl NewPictures {
    /// Takes pictures of these users into this store.
    pub fn new(store: PictureStore, users: UsersTable) -> Self {
        Self { store, users }
    }

    /// Stores a picture of the caller's. The same `key` again stores no second one, and
    /// answers the first, even if that was deleted since.
    ///
    /// Holds one copy of the picture: it is decoded in the request's own memory and sent
    /// from there.
    ///
    /// # Errors
    /// [`Error::BlankTitle`], [`Error::Content`], [`Error::Image`], [`Error::LongKey`] for a
    /// wrong request; [`Error::KeyReused`] if the key came with another picture before;
    /// [`Error::UserGone`]; [`Error::Unavailable`].
    pub async fn create(
        &self,
        caller: &str,
        key: Option<&str>,
        request: CreateUserPictureRequest,
    ) -> Result<PictureMessage, Error> {
        let CreateUserPictureRequest { title, base64, .. } = request;
        if title.trim().is_empty() {
            return Err(Error::BlankTitle);
        }
        let key = key.filter(|key| !key.is_empty());
        if let Some(key) = key.filter(|key| key.len() > MAX_KEY_BYTES) {
            return Err(Error::LongKey(key.len()));
        }
        let bytes = Bytes::from(content::decode(base64)?);
        let image = image::inspect(&bytes)?;

        let picture = describe(Uuid::now_v7(), caller, title, image, &bytes)?;
        let key = key.map(|key| KeyUse {
            key: key.to_owned(),
            created: picture.id,
            fingerprint: fingerprint(&picture.title, &bytes),
        });
        if let Some(key) = &key
            && let Some(first) = self.store.rows.key_use(caller, &key.key).await?
        {
            return answer_first(picture, key, first);
        }

        let content_type = image.format.content_type();
        let stored = self
            .store
            .objects
            .put(caller, picture.id, content_type, bytes);
        if let Err(error) = stored.await {
            // It may have been stored, and only the answer lost.
            self.undo(&picture).await;
            return Err(error);
        }
        let inserted = self
            .store
            .rows
            .insert(&self.users.0, &picture, key.as_ref())
            .await;
        match inserted {
            Ok(Insertion::Done) => Ok(picture.into_message(String::new())),
            Ok(Insertion::UserGone) => {
                self.undo(&picture).await;
                Err(Error::UserGone)
            }
            Ok(Insertion::KeyTaken) => {
                self.undo(&picture).await;
                self.answer_winner(picture, key).await
            }
            Err(NotInserted::Certainly(error)) => {
                self.undo(&picture).await;
                Err(error)
            }
            Err(NotInserted::Perhaps(error)) => {
                // An object without a row costs its space until the next sweep; a row
                // without its object would be a picture that cannot be opened.
                tracing::error!(
                    user_id = caller,
                    picture_id = %picture.id,
                    "not known whether the picture's row was inserted: its object is kept"
                );
                Err(error)
            }
        }
    }

    /// Deletes the object of a picture that did not come about. A failure is only logged:
    /// the caller has to hear of the first one.
    async fn undo(&self, picture: &Picture) {
        let deleted = self.store.objects.delete(&picture.user_id, picture.id);
        let error: &dyn std::error::Error = match timeout(UNDO_TIMEOUT, deleted).await {
            Ok(Ok(())) => return,
            Ok(Err(error)) => &{ error },
            Err(elapsed) => &{ elapsed },
        };
        tracing::error!(
            user_id = picture.user_id,
            picture_id = %picture.id,
            error,
            "an object without a row is left behind"
        );
    }

    /// Answers the picture of another call that used the same key at the same time.
    async fn answer_winner(
        &self,
        picture: Picture,
        key: Option<KeyUse>,
    ) -> Result<PictureMessage, Error> {
        let doing = "read an idempotency key";
        let key = key.ok_or_else(|| Error::unexpected(doing, "taken without being given"))?;
        let first = self.store.rows.key_use(&picture.user_id, &key.key).await?;
        let first = first.ok_or_else(|| Error::unexpected(doing, "taken and yet not there"))?;
        answer_first(picture, &key, first)
    }
}

/// What is known of a picture before it is stored.
fn describe(
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
    })
}

/// Answers the picture that this key created first. It had this title and these bytes, and
/// its id says when it was stored, so no row is read.
fn answer_first(picture: Picture, key: &KeyUse, first: KeyUse) -> Result<PictureMessage, Error> {
    if first.fingerprint != key.fingerprint {
        return Err(Error::KeyReused);
    }
    let id = first.created;
    Ok(Picture { id, ..picture }.into_message(String::new()))
}

/// A hash of title and bytes; two requests with the same one ask for the same picture.
fn fingerprint(title: &str, bytes: &[u8]) -> String {
    let hash = Sha256::new()
        .chain_update((title.len() as u64).to_be_bytes())
        .chain_update(title)
        .chain_update(bytes)
        .finalize();
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests;
