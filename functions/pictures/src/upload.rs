//! Uploads of any size: the client sends the bytes to S3 with presigned requests.
//!
//! `begin` reserves the picture's id and answers the requests, which are pinned to what the client
//! declared. `complete` checks what arrived and inserts the picture's row. Until then the upload is
//! an item of the pictures table, and its object is one without a row.

mod abort;
mod begin;
mod complete;
mod declaration;
mod get;
#[cfg(test)]
mod tests;

use std::time::Duration;

use uuid::Uuid;

use crate::{
    Error, PictureStore, UsersTable,
    store::{Layout, ObjectKey, Quota, Upload},
};

/// How long an upload may take from its beginning to its completion.
pub(crate) const UPLOAD_LIFE: Duration = Duration::from_secs(24 * 60 * 60);

/// How long a presigned request is valid. The bucket's policy refuses older signatures.
const REQUEST_LIFE: Duration = Duration::from_secs(15 * 60);

/// Uploads of pictures.
#[derive(Clone, Debug)]
pub struct Uploads {
    store: PictureStore,
    users: UsersTable,
    quota: Quota,
    /// The largest file in bytes.
    max_bytes: u32,
}

impl Uploads {
    /// Uploads of these users to this store, within the quota, of files up to `max_bytes`.
    pub fn new(store: PictureStore, users: UsersTable, quota: Quota, max_bytes: u32) -> Self {
        Self {
            store,
            users,
            quota,
            max_bytes,
        }
    }

    /// Deletes what has arrived of an upload that won't become a picture. The item stays until it
    /// expires, and the sweep deletes what this can't.
    async fn discard(&self, upload: &Upload) -> Result<(), Error> {
        if let Some(multipart) = upload.open_multipart() {
            self.store.objects.abort(&multipart).await?;
        }
        self.store
            .objects
            .delete(Layout::Prefixed, &upload.user_id, upload.id)
            .await
    }
}

/// The key of an upload's object.
fn object(upload: &Upload) -> ObjectKey<'_> {
    ObjectKey::original(Layout::Prefixed, &upload.user_id, upload.id)
}

/// Parses an upload's id.
fn parse_id(id: &str) -> Result<Uuid, Error> {
    id.parse().map_err(|_| Error::UploadNotFound(id.to_owned()))
}

fn not_found(id: Uuid) -> Error {
    Error::UploadNotFound(id.to_string())
}
