//! The objects in the pictures bucket: for each picture its unchanged bytes, and its derivatives.

use aws_sdk_s3::{
    Client,
    config::{Builder, RequestChecksumCalculation, ResponseChecksumValidation},
    error::{ProvideErrorMetadata, SdkError},
    primitives::{ByteStream, ByteStreamError},
    types::{Delete, ObjectIdentifier},
};
use aws_types::SdkConfig;
use bytes::Bytes;
use trichrome_aws::AwsSpans;
use trichrome_proto::wire::limits::MAX_PICTURE;
use uuid::Uuid;

use super::{Layout, Marker, ObjectKey, failed, object_key};
use crate::{Error, content::Encoder};

/// What reading a picture is called in errors.
pub(super) const READING: &str = "read a picture's bytes";

/// The pictures bucket.
#[derive(Clone, Debug)]
pub(crate) struct Objects {
    pub(super) client: Client,
    pub(super) bucket: String,
}

impl Objects {
    pub(crate) fn new(config: &SdkConfig, bucket: String) -> Self {
        let config = Builder::from(config)
            // Local stores have no host name for each bucket.
            .force_path_style(config.endpoint_url().is_some())
            // The signature includes a hash of the body, and TLS protects both directions. A
            // second checksum would cost time, and a body encoding that not all local stores
            // support.
            .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
            .response_checksum_validation(ResponseChecksumValidation::WhenRequired)
            .interceptor(AwsSpans::bucket(&bucket))
            .build();
        Self {
            client: Client::from_conf(config),
            bucket,
        }
    }

    /// Stores a picture's bytes.
    ///
    /// Without `If-None-Match`: the id is new, so nothing is overwritten, and a retry after a
    /// lost response must not fail because of its own object.
    pub(crate) async fn put(
        &self,
        key: ObjectKey<'_>,
        content_type: &str,
        bytes: Bytes,
    ) -> Result<(), Error> {
        self.client
            .put_object()
            .bucket(&self.bucket)
            .key(key.to_string())
            .content_type(content_type)
            .body(ByteStream::from(bytes))
            .send()
            .await
            .map_err(|error| failed("store a picture's bytes", error))?;
        Ok(())
    }

    /// A picture's bytes, encoded as base64 after a prefix while they are read; `None` if there is
    /// no object.
    pub(crate) async fn base64(
        &self,
        key: ObjectKey<'_>,
        prefix: &str,
    ) -> Result<Option<String>, Error> {
        let Some((mut body, length)) = self.open(key, READING).await? else {
            return Ok(None);
        };
        let mut encoder = Encoder::with_capacity(prefix, length.min(MAX_PICTURE));
        while let Some(piece) = body.next().await {
            encoder.push(&piece.map_err(|error| broken_off(READING, error))?);
        }
        Ok(Some(encoder.finish()))
    }

    /// A picture's bytes; `None` if there is no object.
    pub(crate) async fn bytes(&self, key: ObjectKey<'_>) -> Result<Option<Vec<u8>>, Error> {
        let Some((mut body, length)) = self.open(key, READING).await? else {
            return Ok(None);
        };
        let mut bytes = Vec::with_capacity(length.min(MAX_PICTURE));
        while let Some(piece) = body.next().await {
            bytes.extend_from_slice(&piece.map_err(|error| broken_off(READING, error))?);
        }
        Ok(Some(bytes))
    }

    /// Begins to read an object: its bytes to come, and their number, 0 if S3 doesn't say it. `None`
    /// if there is no object.
    pub(super) async fn open(
        &self,
        key: ObjectKey<'_>,
        doing: &'static str,
    ) -> Result<Option<(ByteStream, usize)>, Error> {
        let sent = self
            .client
            .get_object()
            .bucket(&self.bucket)
            .key(key.to_string())
            .send()
            .await;
        match sent {
            Ok(output) => {
                let length = usize::try_from(output.content_length.unwrap_or(0)).unwrap_or(0);
                Ok(Some((output.body, length)))
            }
            Err(error) if error.as_service_error().is_some_and(|e| e.is_no_such_key()) => Ok(None),
            Err(error) => Err(failed(doing, error)),
        }
    }

    /// The unencoded bytes of an object of this size; `None` if there is no object, or an object of
    /// another size. There is one copy of them in memory.
    pub(crate) async fn read(
        &self,
        key: ObjectKey<'_>,
        size: u32,
    ) -> Result<Option<Vec<u8>>, Error> {
        let doing = "read an upload's bytes";
        let Some((mut body, length)) = self.open(key, doing).await? else {
            return Ok(None);
        };
        let size = size as usize;
        if length != size {
            return Ok(None);
        }
        let mut bytes = Vec::with_capacity(size);
        while let Some(piece) = body.next().await {
            let piece = piece.map_err(|error| broken_off(doing, error))?;
            // A body longer than its header says never reallocates.
            let room = size - bytes.len();
            bytes.extend_from_slice(&piece[..piece.len().min(room)]);
        }
        Ok((bytes.len() == size).then_some(bytes))
    }

    /// Whether there is an object.
    pub(crate) async fn exists(&self, key: ObjectKey<'_>) -> Result<bool, Error> {
        let sent = self
            .client
            .head_object()
            .bucket(&self.bucket)
            .key(key.to_string())
            .send()
            .await;
        match sent {
            Ok(_) => Ok(true),
            Err(error) if error.as_service_error().is_some_and(|e| e.is_not_found()) => Ok(false),
            Err(error) => Err(failed("look for an upload's object", error)),
        }
    }

    /// Deletes the bytes and the derivatives of a picture, those that exist.
    pub(crate) async fn delete(
        &self,
        layout: Layout,
        user_id: &str,
        id: Uuid,
    ) -> Result<(), Error> {
        let keys = ObjectKey::all(layout, user_id, id).map(|key| key.to_string());
        self.delete_batch(keys.collect()).await
    }

    /// Deletes all objects of a user, and returns how many there were. Also ends the uploads of
    /// parts that are in progress.
    pub(crate) async fn delete_all(&self, user_id: &str) -> Result<u64, Error> {
        let mut deleted = 0;
        for prefix in object_key::prefixes(user_id) {
            loop {
                // Always the first page, because the objects of earlier ones are deleted.
                let (keys, _) = self.page(Some(prefix.clone()), None).await?;
                if keys.is_empty() {
                    break;
                }
                deleted += keys.len() as u64;
                self.delete_batch(keys).await?;
            }
            let mut after = Some(Marker::default());
            while let Some(marker) = after {
                let (open, next) = self.open_uploads(Some(prefix.clone()), marker).await?;
                for upload in &open {
                    self.abort(upload).await?;
                }
                after = next;
            }
        }
        Ok(deleted)
    }

    /// A page of the keys of all objects, or of those with a prefix, in order, and the token of
    /// the next page.
    pub(crate) async fn page(
        &self,
        prefix: Option<String>,
        after: Option<String>,
    ) -> Result<(Vec<String>, Option<String>), Error> {
        let listed = self
            .client
            .list_objects_v2()
            .bucket(&self.bucket)
            .set_prefix(prefix)
            .set_continuation_token(after)
            .send()
            .await
            .map_err(|error| failed("list objects", error))?;
        let objects = listed.contents.unwrap_or_default();
        let keys = objects.into_iter().filter_map(|object| object.key);
        Ok((keys.collect(), listed.next_continuation_token))
    }

    /// Deletes objects by their keys, up to a thousand.
    pub(crate) async fn delete_batch(&self, keys: Vec<String>) -> Result<(), Error> {
        let doing = "delete objects";
        let broken = |error| Error::Internal {
            doing,
            source: Box::new(error),
        };
        let objects = keys
            .into_iter()
            .map(|key| ObjectIdentifier::builder().key(key).build())
            .collect::<Result<Vec<_>, _>>()
            .map_err(broken)?;
        let delete = Delete::builder()
            .set_objects(Some(objects))
            .quiet(true)
            .build()
            .map_err(broken)?;
        let output = self
            .client
            .delete_objects()
            .bucket(&self.bucket)
            .delete(delete)
            .send()
            .await
            .map_err(|error| failed(doing, error))?;
        match output.errors().first() {
            None => Ok(()),
            Some(error) => {
                let code = error.code().unwrap_or("no code").to_owned();
                Err(Error::Unavailable {
                    doing,
                    source: format!("S3 did not delete an object: {code}").into(),
                })
            }
        }
    }
}

/// Whether S3 refused a request because the multipart upload is complete, aborted, or never was.
pub(super) fn is_no_such_upload<E: ProvideErrorMetadata>(error: &SdkError<E>) -> bool {
    error.code() == Some("NoSuchUpload")
}

pub(super) fn broken_off(doing: &'static str, error: ByteStreamError) -> Error {
    Error::Unavailable {
        doing,
        source: Box::new(error),
    }
}
