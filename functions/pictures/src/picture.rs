//! The metadata of a picture.

use prost_types::Timestamp;
use trichrome_proto::pictures::PictureMessage;
use uuid::Uuid;

use crate::Error;

/// The metadata of a stored picture.
#[derive(Clone, Debug, PartialEq)]
pub struct Picture {
    /// A UUID of version 7: later pictures have greater ids.
    pub id: Uuid,
    /// The owner's id.
    pub user_id: String,
    /// The title given by the owner.
    pub title: String,
    /// The media type, detected from the bytes.
    pub content_type: String,
    /// The size in bytes.
    pub size_bytes: u32,
    /// The width in pixels, as stored.
    pub width: u32,
    /// The height in pixels, as stored.
    pub height: u32,
}

impl Picture {
    /// When it was stored, to the millisecond, from its id.
    pub fn created_at(&self) -> Option<Timestamp> {
        let (seconds, nanos) = self.id.get_timestamp()?.to_unix();
        Some(Timestamp {
            seconds: i64::try_from(seconds).ok()?,
            nanos: i32::try_from(nanos).ok()?,
        })
    }

    /// The contract's message. `base64` is empty for metadata only.
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

/// Checks a title beyond the contract's rules.
///
/// # Errors
/// [`Error::BlankTitle`].
pub(crate) fn check_title(title: &str) -> Result<(), Error> {
    if title.trim().is_empty() {
        return Err(Error::BlankTitle);
    }
    Ok(())
}

/// Parses a picture's id. The contract allows UUIDs of any version and case.
///
/// # Errors
/// [`Error::MalformedId`].
pub(crate) fn parse_id(id: &str) -> Result<Uuid, Error> {
    id.parse().map_err(|_| Error::MalformedId)
}
