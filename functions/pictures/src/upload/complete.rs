//! Completing an upload.
//!
//! S3 checks what arrives against the pins of the presigned requests. The completion checks it once
//! more, with the bytes that it has to read anyway: their size, the checksum of each part, and
//! whether they are a picture. Then one transaction inserts the row and deletes the upload.
//!
//! Each step can be repeated, so a call that got no answer is. The bytes can't change in between: a
//! request can't overwrite an object, and is pinned to its checksum.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use sha2::{Digest as _, Sha256};
use trichrome_image::{self as image, Image};
use trichrome_proto::pictures::{CompleteUploadRequest, PictureMessage};
use uuid::Uuid;

use super::{Uploads, declaration::part_sizes, get::declared_parts, not_found, object, parse_id};
use crate::{
    Error, Picture,
    store::{End, Insertion, Layout, NotInserted, Source, Upload},
};

/// How many times the transaction is tried while what is known of the picture changes.
const ATTEMPTS: u32 = 4;

/// How many missing parts an error names.
const NAMED_PARTS: usize = 10;

impl Uploads {
    /// Checks what has arrived of an upload of the caller, and stores it as a picture. Repeated and
    /// concurrent calls return the same picture.
    ///
    /// Holds the file in memory once.
    ///
    /// # Errors
    /// [`Error::UploadNotFound`] if the caller has no such upload, or it was aborted or has expired;
    /// [`Error::Incomplete`] if parts are missing; [`Error::UploadRefused`] if the file isn't a
    /// picture or isn't as declared, and then it is deleted, and repeated calls get the same;
    /// [`Error::Quota`], after which the upload stays open; [`Error::UserGone`];
    /// [`Error::Unavailable`].
    pub async fn complete(
        &self,
        caller: &str,
        request: &CompleteUploadRequest,
    ) -> Result<PictureMessage, Error> {
        let id = parse_id(&request.upload_id)?;
        let Some(upload) = self.open_upload(caller, id).await? else {
            return self.completed(caller, id).await;
        };
        self.join_parts(&upload).await?;
        let image = match self.inspect(&upload).await? {
            Ok(image) => image,
            Err(reason) => return Err(self.refuse(&upload, reason).await),
        };
        self.insert(upload, image).await
    }

    /// An upload that can be completed; `None` if it is complete already.
    async fn open_upload(&self, caller: &str, id: Uuid) -> Result<Option<Upload>, Error> {
        let Some(upload) = self.store.rows.upload(caller, id).await? else {
            return Ok(None);
        };
        match upload.end {
            None => Ok(Some(upload)),
            Some(End::Aborted) => Err(not_found(id)),
            Some(End::Refused(reason)) => Err(Error::UploadRefused(reason)),
        }
    }

    /// The picture of an upload that is complete.
    async fn completed(&self, caller: &str, id: Uuid) -> Result<PictureMessage, Error> {
        let picture = self.store.rows.get(caller, id).await?;
        let picture = picture.ok_or_else(|| not_found(id))?;
        self.store.message(picture).await
    }

    /// Makes one object of the parts of an upload, if it has parts and they aren't joined yet.
    async fn join_parts(&self, upload: &Upload) -> Result<(), Error> {
        let Some(multipart) = &upload.multipart else {
            return Ok(());
        };
        let objects = &self.store.objects;
        let Some(stored) = objects.parts(object(upload), multipart).await? else {
            return Ok(());
        };
        let declared: Vec<_> = declared_parts(upload, &stored).collect();
        let missing: Vec<_> = (1..)
            .zip(&declared)
            .filter(|(_, part)| part.is_none())
            .map(|(number, _): (usize, _)| number.to_string())
            .collect();
        if !missing.is_empty() {
            let named = missing
                .iter()
                .take(NAMED_PARTS)
                .cloned()
                .collect::<Vec<_>>();
            let more = if missing.len() > NAMED_PARTS {
                " and more"
            } else {
                ""
            };
            let named = named.join(", ");
            return Err(Error::Incomplete(format!(
                "{} of {} parts: {named}{more}",
                missing.len(),
                declared.len()
            )));
        }
        let parts: Vec<_> = declared.into_iter().flatten().cloned().collect();
        objects.join(object(upload), multipart, &parts).await
    }

    /// Reads the object of an upload and checks it. The inner error says why it is refused.
    async fn inspect(&self, upload: &Upload) -> Result<Result<Image, String>, Error> {
        let objects = &self.store.objects;
        let Some(bytes) = objects.read(object(upload), upload.size_bytes).await? else {
            if objects.exists(object(upload)).await? {
                let size = upload.size_bytes;
                return Ok(Err(format!("the file hasn't the declared {size} bytes")));
            }
            return match upload.multipart {
                None => Err(Error::Incomplete("its file".to_owned())),
                // Neither parts nor an object: S3 gave the parts up.
                Some(_) => Err(not_found(upload.id)),
            };
        };
        if let Some(number) = changed_part(upload, &bytes) {
            return Ok(Err(format!(
                "part {number} of the file hasn't the declared checksum"
            )));
        }
        Ok(match image::inspect(&bytes) {
            Err(error) => Err(error.to_string()),
            Ok(image) if image.format.content_type() != upload.content_type => Err(format!(
                "the file is {}, but was declared as {}",
                image.format.content_type(),
                upload.content_type
            )),
            Ok(image) => Ok(image),
        })
    }

    /// Deletes a file that is refused. The reason is remembered first, so that a repeated call gets
    /// it, too.
    async fn refuse(&self, upload: &Upload, reason: String) -> Error {
        let (user_id, id) = (&upload.user_id, upload.id);
        if let Err(error) = self.store.rows.refuse_upload(user_id, id, &reason).await {
            return error;
        }
        self.discard_or_log(upload).await;
        Error::UploadRefused(reason)
    }

    async fn discard_or_log(&self, upload: &Upload) {
        if let Err(error) = self.discard(upload).await {
            tracing::warn!(
                %error,
                user_id = upload.user_id,
                upload_id = %upload.id,
                "the object of an upload is left to the sweep"
            );
        }
    }

    /// Inserts the picture's row. If `pictures-derive` adds what it found out at the same time, tries
    /// again with it.
    async fn insert(&self, upload: Upload, image: Image) -> Result<PictureMessage, Error> {
        let (caller, id) = (upload.user_id.clone(), upload.id);
        let mut upload = upload;
        for _ in 0..ATTEMPTS {
            let picture = Picture {
                id,
                user_id: upload.user_id.clone(),
                title: upload.title.clone(),
                content_type: upload.content_type.clone(),
                size_bytes: upload.size_bytes,
                width: image.size.width,
                height: image.size.height,
                layout: Layout::Prefixed,
                is_data_url: false,
                derivation: upload.derivation.clone(),
            };
            let inserted = self
                .store
                .rows
                .insert(&self.users.0, &picture, self.quota, Source::Upload)
                .await;
            match inserted {
                Ok(Insertion::Done) => return self.completed(&caller, id).await,
                Ok(Insertion::UserGone) => {
                    self.discard_or_log(&upload).await;
                    return Err(Error::UserGone);
                }
                Ok(Insertion::QuotaExceeded) => return Err(Error::Quota(self.quota)),
                Ok(Insertion::SourceTaken) => match self.open_upload(&caller, id).await? {
                    Some(changed) => upload = changed,
                    None => return self.completed(&caller, id).await,
                },
                // The object stays: a repeated call finds out how it ended.
                Err(NotInserted::Certainly(error) | NotInserted::Perhaps(error)) => {
                    return Err(error);
                }
            }
        }
        Err(Error::Unavailable {
            doing: "complete an upload",
            source: "the upload changed in every attempt".into(),
        })
    }
}

/// The number of the first part that hasn't the declared checksum.
fn changed_part(upload: &Upload, bytes: &[u8]) -> Option<usize> {
    let mut rest = bytes;
    let sizes = part_sizes(upload.size_bytes).zip(&upload.checksums);
    (1..)
        .zip(sizes)
        .find(|(_, (size, checksum))| {
            let (part, after) = rest.split_at((*size as usize).min(rest.len()));
            rest = after;
            STANDARD.encode(Sha256::digest(part)) != **checksum
        })
        .map(|(number, _)| number)
}
