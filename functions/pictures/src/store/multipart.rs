//! Multipart uploads: parts that S3 joins into one object.

use aws_sdk_s3::{
    error::ProvideErrorMetadata as _,
    operation::list_multipart_uploads::ListMultipartUploadsOutput,
    types::{ChecksumAlgorithm, CompletedMultipartUpload, CompletedPart},
};

use super::{ObjectKey, Objects, failed, objects::is_no_such_upload};
use crate::Error;

/// A multipart upload that is neither complete nor aborted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OpenUpload {
    /// The key of the object that it would become.
    pub(crate) key: String,
    pub(crate) upload_id: String,
}

/// A part that S3 has stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StoredPart {
    /// Counted from 1.
    pub(crate) number: i32,
    pub(crate) size: i64,
    /// The SHA-256 in base64.
    pub(crate) checksum: String,
    etag: String,
}

/// The key and the upload id where the next page begins.
pub(crate) type Marker = (Option<String>, Option<String>);

impl Objects {
    /// Begins a multipart upload whose parts have SHA-256 checksums, and returns its id.
    pub(crate) async fn begin_multipart(
        &self,
        key: ObjectKey<'_>,
        content_type: &str,
    ) -> Result<String, Error> {
        let doing = "begin a multipart upload";
        let begun = self
            .client
            .create_multipart_upload()
            .bucket(&self.bucket)
            .key(key.to_string())
            .content_type(content_type)
            .checksum_algorithm(ChecksumAlgorithm::Sha256)
            .send()
            .await
            .map_err(|error| failed(doing, error))?;
        begun
            .upload_id
            .ok_or_else(|| Error::unexpected(doing, "S3 returned no upload id"))
    }

    /// The parts of a multipart upload that S3 has stored, at most a thousand; `None` if it is
    /// complete or aborted.
    pub(crate) async fn parts(
        &self,
        key: ObjectKey<'_>,
        upload_id: &str,
    ) -> Result<Option<Vec<StoredPart>>, Error> {
        let listed = self
            .client
            .list_parts()
            .bucket(&self.bucket)
            .key(key.to_string())
            .upload_id(upload_id)
            .send()
            .await;
        let listed = match listed {
            Ok(listed) => listed,
            Err(error) if is_no_such_upload(&error) => return Ok(None),
            Err(error) => return Err(failed("list the parts of an upload", error)),
        };
        let parts = listed.parts.unwrap_or_default().into_iter();
        let stored = parts.filter_map(|part| {
            Some(StoredPart {
                number: part.part_number?,
                size: part.size?,
                checksum: part.checksum_sha256.unwrap_or_default(),
                etag: part.e_tag?,
            })
        });
        Ok(Some(stored.collect()))
    }

    /// Joins the parts of an upload into an object that doesn't exist yet. Succeeds if a concurrent
    /// or an earlier call joined them: the caller looks at the object in any case.
    pub(crate) async fn join(
        &self,
        key: ObjectKey<'_>,
        upload_id: &str,
        parts: &[StoredPart],
    ) -> Result<(), Error> {
        let parts = parts.iter().map(|part| {
            CompletedPart::builder()
                .part_number(part.number)
                .e_tag(&part.etag)
                .checksum_sha256(&part.checksum)
                .build()
        });
        let parts = CompletedMultipartUpload::builder()
            .set_parts(Some(parts.collect()))
            .build();
        // A response with status 200 may contain an error. The SDK treats it as one.
        let joined = self
            .client
            .complete_multipart_upload()
            .bucket(&self.bucket)
            .key(key.to_string())
            .upload_id(upload_id)
            .if_none_match("*")
            .multipart_upload(parts)
            .send()
            .await;
        match joined {
            Ok(_) => Ok(()),
            Err(error)
                if is_no_such_upload(&error)
                    || matches!(
                        error.code(),
                        Some("PreconditionFailed" | "ConditionalRequestConflict")
                    ) =>
            {
                Ok(())
            }
            Err(error) => Err(failed("join the parts of an upload", error)),
        }
    }

    /// A page of the open multipart uploads, of all keys or of those with a prefix, and where the
    /// next page begins.
    pub(crate) async fn open_uploads(
        &self,
        prefix: Option<String>,
        after: Marker,
    ) -> Result<(Vec<OpenUpload>, Option<Marker>), Error> {
        let listed = self
            .client
            .list_multipart_uploads()
            .bucket(&self.bucket)
            .set_prefix(prefix)
            .set_key_marker(after.0)
            .set_upload_id_marker(after.1)
            .send()
            .await
            .map_err(|error| failed("list multipart uploads", error))?;
        let next = next(&listed);
        let open = listed
            .uploads
            .unwrap_or_default()
            .into_iter()
            .filter_map(|upload| {
                Some(OpenUpload {
                    key: upload.key?,
                    upload_id: upload.upload_id?,
                })
            });
        Ok((open.collect(), next))
    }

    /// Aborts a multipart upload and deletes its parts. Succeeds if it is complete or aborted.
    pub(crate) async fn abort(&self, upload: &OpenUpload) -> Result<(), Error> {
        let aborted = self
            .client
            .abort_multipart_upload()
            .bucket(&self.bucket)
            .key(&upload.key)
            .upload_id(&upload.upload_id)
            .send()
            .await;
        match aborted {
            Ok(_) => Ok(()),
            Err(error) if is_no_such_upload(&error) => Ok(()),
            Err(error) => Err(failed("abort a multipart upload", error)),
        }
    }
}

fn next(listed: &ListMultipartUploadsOutput) -> Option<Marker> {
    listed.is_truncated.unwrap_or(false).then(|| {
        (
            listed.next_key_marker.clone(),
            listed.next_upload_id_marker.clone(),
        )
    })
}
