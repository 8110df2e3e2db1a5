//! Beginning an upload.

use trichrome_proto::pictures::{BeginUploadRequest, UploadMessage};
use uuid::Uuid;

use super::{Uploads, declaration::Declaration, object};
use crate::{
    Error,
    create::checked_key,
    picture::Derivation,
    store::{Begun, KeyUse, Upload, expires_after},
    upload::UPLOAD_LIFE,
};

impl Uploads {
    /// Begins the upload of a file, and returns the requests to send its parts with. A repeated call
    /// with the same `key` begins no second upload and returns the first.
    ///
    /// The quota is checked to refuse early; the completion enforces it. Open uploads count, so that
    /// a user can't keep more than the quota without completing anything.
    ///
    /// # Errors
    /// [`Error::BlankTitle`], [`Error::Declaration`], [`Error::UploadTooLarge`] and
    /// [`Error::LongKey`] for an invalid request; [`Error::Quota`]; [`Error::KeyReused`] if the key
    /// was used for another request; [`Error::UploadNotFound`] if the first upload has ended since;
    /// [`Error::UserGone`]; [`Error::Unavailable`].
    pub async fn begin(
        &self,
        caller: &str,
        key: Option<&str>,
        request: BeginUploadRequest,
    ) -> Result<UploadMessage, Error> {
        let declared = Declaration::read(request, self.max_bytes)?;
        let key = checked_key(key)?;
        let fingerprint = declared.fingerprint();
        if let Some(key) = key
            && let Some(first) = self.store.rows.key_use(caller, key).await?
        {
            return self.first_upload(caller, first, &fingerprint).await;
        }
        self.check_room(caller, declared.size_bytes).await?;

        let mut upload = Upload {
            id: Uuid::now_v7(),
            user_id: caller.to_owned(),
            title: declared.title.clone(),
            content_type: declared.content_type.to_owned(),
            size_bytes: declared.size_bytes,
            checksums: declared.checksums.clone(),
            multipart: None,
            expires_at: expires_after(UPLOAD_LIFE),
            end: None,
            derivation: Derivation::Processing,
        };
        if declared.is_multipart() {
            let objects = &self.store.objects;
            let begun = objects.begin_multipart(object(&upload), declared.content_type);
            upload.multipart = Some(begun.await?);
        }
        let used = KeyUse::Begin {
            upload: upload.id,
            fingerprint: fingerprint.clone(),
        };
        let stored = self
            .store
            .rows
            .begin_upload(&self.users.0, &upload, key.map(|key| (key, &used)))
            .await;
        let error = match stored {
            Ok(Begun::Done) => {
                return self
                    .open_message(&upload, &vec![false; upload.parts()])
                    .await;
            }
            Ok(Begun::KeyTaken) => None,
            Ok(Begun::UserGone) => Some(Error::UserGone),
            // The item may have been stored. Without an answer, its parts are of no use.
            Err(error) => Some(error),
        };
        if let Some(multipart) = upload.open_multipart()
            && let Err(error) = self.store.objects.abort(&multipart).await
        {
            tracing::warn!(%error, upload_id = %upload.id, "a multipart upload is left to the sweep");
        }
        match (error, key) {
            (Some(error), _) => Err(error),
            (None, Some(key)) => {
                let first = self.store.rows.key_use(caller, key).await?;
                let first = first.ok_or(Error::KeyReused)?;
                self.first_upload(caller, first, &fingerprint).await
            }
            (None, None) => Err(Error::unexpected(
                "store an upload",
                "the key is taken, but the call has none",
            )),
        }
    }

    /// Refuses a file that the user has no room for.
    async fn check_room(&self, caller: &str, size_bytes: u32) -> Result<(), Error> {
        let rows = &self.store.rows;
        let mut usage = rows.usage(caller).await?.and(size_bytes);
        for open in rows.open_upload_sizes(caller).await? {
            usage = usage.and(open);
        }
        if usage.fits(self.quota) {
            Ok(())
        } else {
            Err(Error::Quota(self.quota))
        }
    }

    /// The upload that an earlier call with the same key began.
    async fn first_upload(
        &self,
        caller: &str,
        first: KeyUse,
        fingerprint: &str,
    ) -> Result<UploadMessage, Error> {
        match first {
            KeyUse::Begin {
                upload,
                fingerprint: first,
            } if first == fingerprint => self.get_by_id(caller, upload).await,
            _ => Err(Error::KeyReused),
        }
    }
}
