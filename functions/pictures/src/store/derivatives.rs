//! The objects that `pictures-derive` reads and writes.

use aws_sdk_s3::primitives::ByteStream;
use bytes::Bytes;
use uuid::Uuid;

use super::{
    Derivative, ObjectKey, Objects, failed,
    objects::{READING, broken_off},
};
use crate::Error;

/// The media type of derivatives.
pub(crate) const DERIVATIVE_TYPE: &str = "image/webp";

/// For a browser's cache alone: the bytes of a picture and of its derivatives never change.
pub(crate) const CACHE_CONTROL: &str = "private, max-age=31536000, immutable";

impl Objects {
    /// An original's bytes; `None` if there is no such object.
    ///
    /// # Errors
    /// [`Error::Internal`] if it has more than `limit` bytes, and [`Error::Unavailable`].
    pub(crate) async fn read_original(
        &self,
        key: ObjectKey<'_>,
        limit: u32,
    ) -> Result<Option<Vec<u8>>, Error> {
        let Some((mut body, length)) = self.open(key, READING).await? else {
            return Ok(None);
        };
        let limit = limit as usize;
        let mut bytes = Vec::with_capacity(length.min(limit));
        while let Some(piece) = body.next().await {
            bytes.extend_from_slice(&piece.map_err(|error| broken_off(READING, error))?);
            if bytes.len() > limit {
                return Err(Error::unexpected(READING, "the object is too large"));
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
            .content_type(DERIVATIVE_TYPE)
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
