//! Looking at an upload: what has arrived, and how to send the rest.

use std::time::{SystemTime, UNIX_EPOCH};

use prost_types::Timestamp;
use trichrome_proto::pictures::{
    GetUploadRequest, Header, PresignedRequest, UploadMessage, UploadPart,
};
use uuid::Uuid;

use super::{REQUEST_LIFE, Uploads, declaration::part_sizes, not_found, object, parse_id};
use crate::{
    Error,
    store::{Pins, Presigned, StoredPart, Upload},
};

const OPEN: &str = "open";
const COMPLETED: &str = "completed";

impl Uploads {
    /// Returns an upload of the caller, with requests for the parts that haven't arrived.
    ///
    /// # Errors
    /// [`Error::UploadNotFound`] if the caller has no such upload, or it ended or expired, and
    /// [`Error::Unavailable`].
    pub async fn get(
        &self,
        caller: &str,
        request: &GetUploadRequest,
    ) -> Result<UploadMessage, Error> {
        self.get_by_id(caller, parse_id(&request.upload_id)?).await
    }

    pub(super) async fn get_by_id(&self, caller: &str, id: Uuid) -> Result<UploadMessage, Error> {
        let Some(upload) = self.store.rows.upload(caller, id).await? else {
            // The transaction that deletes an upload's item inserts its row.
            let picture = self.store.rows.get(caller, id).await?;
            let picture = picture.ok_or_else(|| not_found(id))?;
            return Ok(UploadMessage {
                id: id.to_string(),
                title: picture.title,
                size_bytes: picture.size_bytes,
                content_type: picture.content_type,
                state: COMPLETED.to_owned(),
                parts: Vec::new(),
                expires_at: None,
            });
        };
        if upload.end.is_some() {
            return Err(not_found(id));
        }
        let arrived = self.arrived(&upload).await?.ok_or_else(|| not_found(id))?;
        self.open_message(&upload, &arrived).await
    }

    /// Which parts have arrived as they were declared; `None` if S3 knows neither the parts nor the
    /// object.
    async fn arrived(&self, upload: &Upload) -> Result<Option<Vec<bool>>, Error> {
        let objects = &self.store.objects;
        let Some(multipart) = &upload.multipart else {
            return Ok(Some(vec![objects.exists(object(upload)).await?]));
        };
        match objects.parts(object(upload), multipart).await? {
            Some(stored) => Ok(Some(
                declared_parts(upload, &stored)
                    .map(|it| it.is_some())
                    .collect(),
            )),
            // A completion has joined the parts, but hasn't inserted the row.
            None if objects.exists(object(upload)).await? => Ok(Some(vec![true; upload.parts()])),
            None => Ok(None),
        }
    }

    /// The message of an open upload.
    pub(super) async fn open_message(
        &self,
        upload: &Upload,
        arrived: &[bool],
    ) -> Result<UploadMessage, Error> {
        let mut parts = Vec::with_capacity(arrived.len());
        let sizes = part_sizes(upload.size_bytes).zip(&upload.checksums);
        for ((number, (size, checksum)), arrived) in (1..).zip(sizes).zip(arrived) {
            let pins = Pins { size, checksum };
            let request = if *arrived {
                None
            } else {
                Some(self.request(upload, number, pins).await?)
            };
            parts.push(UploadPart {
                number,
                size_bytes: size,
                arrived: *arrived,
                request,
            });
        }
        Ok(UploadMessage {
            id: upload.id.to_string(),
            title: upload.title.clone(),
            size_bytes: upload.size_bytes,
            content_type: upload.content_type.clone(),
            state: OPEN.to_owned(),
            parts,
            expires_at: Some(Timestamp {
                seconds: i64::try_from(upload.expires_at).unwrap_or(i64::MAX),
                nanos: 0,
            }),
        })
    }

    /// The request to send a part with.
    async fn request(
        &self,
        upload: &Upload,
        number: u32,
        pins: Pins<'_>,
    ) -> Result<PresignedRequest, Error> {
        let presigner = &self.store.presigner;
        let signed = match &upload.multipart {
            None => {
                presigner
                    .put(object(upload), &upload.content_type, pins, REQUEST_LIFE)
                    .await?
            }
            Some(multipart) => {
                let number = i32::try_from(number).unwrap_or(i32::MAX);
                presigner
                    .part(object(upload), multipart, number, pins, REQUEST_LIFE)
                    .await?
            }
        };
        Ok(message(signed))
    }
}

/// For each part of an upload, what S3 has stored of it, if it has the declared size and checksum.
pub(super) fn declared_parts<'a>(
    upload: &'a Upload,
    stored: &'a [StoredPart],
) -> impl Iterator<Item = Option<&'a StoredPart>> {
    let declared = part_sizes(upload.size_bytes).zip(&upload.checksums);
    (1..).zip(declared).map(|(number, (size, checksum))| {
        stored.iter().find(|part| {
            part.number == number && part.size == i64::from(size) && part.checksum == *checksum
        })
    })
}

fn message(signed: Presigned) -> PresignedRequest {
    let headers = signed
        .headers
        .into_iter()
        .map(|(name, value)| Header { name, value });
    PresignedRequest {
        method: signed.method,
        url: signed.url,
        headers: headers.collect(),
        expires_at: Some(timestamp(signed.expires_at)),
    }
}

/// A time in whole seconds, as a signature has it.
fn timestamp(time: SystemTime) -> Timestamp {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp {
        seconds: i64::try_from(since.as_secs()).unwrap_or(i64::MAX),
        nanos: 0,
    }
}
