//! A picture without its bytes.

use prost_types::Timestamp;
use trichrome_proto::pictures::PictureMessage;
use uuid::Uuid;

use crate::Error;

/// What is known of a stored picture.
#[derive(Clone, Debug, PartialEq)]
pub struct Picture {
    /// Its id, version 7: later pictures have greater ids.
    pub id: Uuid,
    /// Its owner's id.
    pub user_id: String,
    /// Its title, as its owner gave it.
    pub title: String,
    /// Its media type, told from its bytes.
    pub content_type: String,
    /// Its size in bytes.
    pub size_bytes: u32,
    /// Its width in pixels, as stored.
    pub width: u32,
    /// Its height in pixels, as stored.
    pub height: u32,
}

impl Picture {
    /// When it was stored, to the millisecond: its id says so.
    pub fn created_at(&self) -> Option<Timestamp> {
        let (seconds, nanos) = self.id.get_timestamp()?.to_unix();
        Some(Timestamp {
            seconds: i64::try_from(seconds).ok()?,
            nanos: i32::try_from(nanos).ok()?,
        })
    }

    /// The contract's message, with the bytes as base64 or without.
    pub fn into_message(self, base64: String) -> PictureMessage {
        PictureMessage {
            created_at: self.created_at(),
            id: self.id.to_string(),
            title: self.title,
            base64,
            user_id: self.user_id,
            content_type: self.content_type,
            size_bytes: self.size_bytes,
            width: self.width,
            height: self.height,
        }
    }
}

/// Reads a picture's id. The contract lets through UUIDs of any version and case, and
/// nothing else.
///
/// # Errors
/// [`Error::MalformedId`].
pub(crate) fn parse_id(id: &str) -> Result<Uuid, Error> {
    id.parse().map_err(|_| Error::MalformedId)
}
