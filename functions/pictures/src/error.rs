//! What can go wrong with a picture.

use std::error::Error as StdError;

use trichrome_proto::error::{ErrorCode, Fault};
use uuid::Uuid;

use crate::{content::ContentError, image::ImageError};

/// Why an operation on pictures failed. Below 500 the text is for the caller.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A title of nothing but white space.
    #[error("title is blank; give the picture a title with at least one visible character")]
    BlankTitle,
    /// The content is not base64, or too large.
    #[error(transparent)]
    Content(#[from] ContentError),
    /// The content is not a picture.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// The idempotency key is longer than the store's keys may be.
    #[error("the idempotency key has {0} bytes; the limit is {max}", max = crate::create::MAX_KEY_BYTES)]
    LongKey(usize),
    /// The cursor is somebody else's, or nobody's.
    #[error("cursor is not one that your list answered; leave it out to start at the newest")]
    Cursor,
    /// The picture's id is no UUID.
    #[error("picture_id is not a UUID; list your pictures to see their ids")]
    MalformedId,
    /// There is no such picture, or it is not the caller's.
    #[error("you have no picture {0}; list your pictures to see their ids")]
    NotFound(Uuid),
    /// The token is valid, and its user was deleted since.
    #[error("the token's user no longer exists; sign up again")]
    UserGone,
    /// The idempotency key came with another title or other bytes before.
    #[error("this idempotency key was used for another picture; use a new key for a new picture")]
    KeyReused,
    /// A store did not answer, or said that it cannot now. A repeat may succeed.
    #[error("could not {doing}: the store is unavailable")]
    Unavailable {
        /// What was being done.
        doing: &'static str,
        /// What the store said.
        source: Box<dyn StdError + Send + Sync>,
    },
    /// A store refused what it should take: a fault of code or configuration.
    #[error("could not {doing}")]
    Internal {
        /// What was being done.
        doing: &'static str,
        /// What the store said.
        source: Box<dyn StdError + Send + Sync>,
    },
}

impl Error {
    /// A row or an answer that is not as this crate writes and expects it.
    pub(crate) fn unexpected(doing: &'static str, what: &'static str) -> Self {
        Self::Internal {
            doing,
            source: what.into(),
        }
    }
}

impl Fault for Error {
    fn code(&self) -> ErrorCode {
        match self {
            Self::Content(ContentError::TooLarge { .. }) => ErrorCode::PayloadTooLarge,
            Self::BlankTitle
            | Self::Content(_)
            | Self::Image(_)
            | Self::LongKey(_)
            | Self::Cursor
            | Self::MalformedId => ErrorCode::InvalidArgument,
            Self::NotFound(_) => ErrorCode::NotFound,
            Self::UserGone => ErrorCode::Unauthenticated,
            Self::KeyReused => ErrorCode::Aborted,
            Self::Unavailable { .. } => ErrorCode::Unavailable,
            Self::Internal { .. } => ErrorCode::Internal,
        }
    }
}
