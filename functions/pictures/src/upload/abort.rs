//! Abandoning an upload.

use trichrome_proto::pictures::AbortUploadRequest;

use super::{Uploads, not_found, parse_id};
use crate::Error;

impl Uploads {
    /// Deletes what has arrived of an upload of the caller. After the upload is complete, it does
    /// nothing. A repeated call succeeds, too, and deletes what has arrived since.
    ///
    /// The upload is marked first: from then on it can't be completed, so that no picture loses its
    /// bytes.
    ///
    /// # Errors
    /// [`Error::UploadNotFound`] if the caller has no such upload, or it has expired, and
    /// [`Error::Unavailable`].
    pub async fn abort(&self, caller: &str, request: &AbortUploadRequest) -> Result<(), Error> {
        let id = parse_id(&request.upload_id)?;
        if let Some(upload) = self.store.rows.abort_upload(caller, id).await? {
            return self.discard(&upload).await;
        }
        match self.store.rows.get(caller, id).await? {
            Some(_) => Ok(()),
            None => Err(not_found(id)),
        }
    }
}
