//! The objects that `pictures-derive` reads and writes.

use aws_sdk_s3::primitives::ByteStream;
use bytes::Bytes;
use uuid::Uuid;

use super::{Derivative, ObjectKey, Objects, failed};
use crate::Error;

/// The media type of derivatives.
const CONTENT_TYPE: &str = "image/webp";

/// For a browser's cache alone: the bytes of a picture's derivative never change.
const CACHE_CONTROL: &str = "private, max-age=31536000, immutable";

impl Objects {
    /// An original's bytes; `None` if there is no such object.
    ///
    /// # Errors
    /// [`Error::Internal`] if it has more than `limit` bytes, and [`Error::Unavailable`].
    pub(crate) async fn read_original(
        &self,
        key: ObjectKey<'_>,
        limit: usize,
    ) -> Result<Option<Vec<u8>>, Error> {
        let doing = "read a picture's bytes";
        let sent = self
            .client
            .get_object()
            .bucket(&self.bucket)
            .key(key.to_string())
            .send()
            .await;
        let mut output = match sent {
            Ok(output) => output,
            Err(error) if error.as_service_error().is_some_and(|e| e.is_no_such_key()) => {
                return Ok(None);
            }
            Err(error) => return Err(failed(doing, error)),
        };
        let length = usize::try_from(output.content_length.unwrap_or(0)).unwrap_or(0);
        let mut bytes = Vec::with_capacity(length.min(limit));
        while let Some(piece) = output.body.next().await {
            let piece = piece.map_err(|error| Error::Unavailable {
                doing,
                source: Box::new(error),
            })?;
            bytes.extend_from_slice(&piece);
            if bytes.len() > limit {
                return Err(Error::unexpected(doing, "the object is too large"));
            }
        }
        Ok(Some(bytes))
    }

    /// Stores a derivative.
    pub(crate) async fn put_derivative(
        &self,
        key: ObjectKey<'_>,
        bytes: Bytes,
    ) -> Result<(), Error> {
        self.client
            .put_object()
            .bucket(&self.bucket)
            .key(key.to_string())
            .content_type(CONTENT_TYPE)
            .cache_control(CACHE_CONTROL)
            .body(ByteStream::from(bytes))
            .send()
            .await
            .map_err(|error| failed("store a derivative", error))?;
        Ok(())
    }

    /// Deletes a picture's derivatives, if there are any.
    pub(crate) async fn delete_derivatives(&self, user_id: &str, id: Uuid) -> Result<(), Error> {
        let keys = Derivative::ALL
            .map(|derivative| ObjectKey::derivative(derivative, user_id, id).to_string());
        self.delete_batch(keys.into()).await
    }
}
