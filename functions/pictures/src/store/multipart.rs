//! Multipart uploads: parts that S3 joins into one object.

use aws_sdk_s3::operation::list_multipart_uploads::ListMultipartUploadsOutput;

use super::{Objects, failed, objects::is_no_such_upload};
use crate::Error;

/// A multipart upload that is neither complete nor aborted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OpenUpload {
    /// The key of the object that it would become.
    pub(crate) key: String,
    pub(crate) upload_id: String,
}

/// The key and the upload id where the next page begins.
pub(crate) type Marker = (Option<String>, Option<String>);

impl Objects {
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
