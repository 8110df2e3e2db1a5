//! The errors of operations on pictures.

use std::error::Error as StdError;

use trichrome_image::ImageError;
use trichrome_proto::{
    error::{ErrorCode, Fault},
    wire::limits::MAX_IDEMPOTENCY_KEY,
};
use uuid::Uuid;

use crate::{content::ContentError, store::Quota, sweep::Refusal};

/// Why an operation on pictures failed. Messages of statuses below 500 are returned to the caller.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The title is only white space.
    #[error("title is blank; give the picture a title with at least one visible character")]
    BlankTitle,
    /// The content isn't base64, or is too large.
    #[error(transparent)]
    Content(#[from] ContentError),
    /// There are no bytes.
    #[error("\"base64\" or \"content\" is required; send the picture's bytes in one of them")]
    NoContent,
    /// There are bytes in both fields.
    #[error("\"base64\" and \"content\" are both given; send the picture's bytes in one of them")]
    TwoContents,
    /// The variant's name is unknown.
    #[error("variant must be \"original\", \"preview\" or \"thumbnail\"")]
    UnknownVariant,
    /// The variant can't be made, or not yet.
    #[error(
        "picture {0} has no such variant, or not yet; its state says which, and the original is there"
    )]
    NoVariant(Uuid),
    /// The month has another form.
    #[error("month must be a year and a month, such as 2026-07")]
    Month,
    /// The order's name is unknown.
    #[error("order must be \"taken\" or \"created\"")]
    Order,
    /// The content isn't a picture.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// The idempotency key is too long for the store.
    #[error("the idempotency key has {0} bytes; the limit is {MAX_IDEMPOTENCY_KEY}")]
    LongKey(usize),
    /// The cursor is invalid, or another user's.
    #[error("cursor is not from a list of yours; leave it out to start at the newest picture")]
    Cursor,
    /// The picture's id isn't a UUID.
    #[error("picture_id is not a UUID; list your pictures to see their ids")]
    MalformedId,
    /// There is no such picture, or it belongs to another user.
    #[error("you have no picture {0}; list your pictures to see their ids")]
    NotFound(Uuid),
    /// There is no such upload that is open or complete, or it belongs to another user.
    #[error("you have no upload {0}, or it has expired; begin a new one")]
    UploadNotFound(String),
    /// The file to upload is larger than this service takes.
    #[error("the file has {size} bytes; the limit is {limit} bytes")]
    UploadTooLarge {
        /// The declared size in bytes.
        size: u32,
        /// The limit in bytes.
        limit: u32,
    },
    /// A declaration at the beginning of an upload is invalid.
    #[error("{0}")]
    Declaration(String),
    /// Not all parts of an upload have arrived.
    #[error("the upload lacks {0}; get the upload for requests to send them with")]
    Incomplete(String),
    /// The uploaded file isn't a picture, or isn't the declared one. It was deleted.
    #[error("{0}; begin a new upload")]
    UploadRefused(String),
    /// The user's pictures would exceed the quota.
    #[error(
        "your pictures would exceed your quota of {} bytes and {} pictures; delete some first",
        .0.bytes, .0.pictures
    )]
    Quota(Quota),
    /// The token is valid, but its user was deleted.
    #[error("the token's user no longer exists; sign up again")]
    UserGone,
    /// The idempotency key was used for another operation, another picture, another title or other
    /// bytes.
    #[error("this idempotency key was used for another request; use a new key for a new request")]
    KeyReused,
    /// A sweep would delete too much.
    #[error(
        "{0}: nothing was deleted; run the sweep with \"dry_run\", and with \"force\" if it is right"
    )]
    Refused(#[from] Refusal),
    /// A store didn't respond, or refused for now. A retry may succeed.
    #[error("could not {doing}: the store is unavailable")]
    Unavailable {
        /// What was attempted.
        doing: &'static str,
        /// The cause.
        source: Box<dyn StdError + Send + Sync>,
    },
    /// A store refused a request: a bug or a wrong configuration.
    #[error("could not {doing}")]
    Internal {
        /// What was attempted.
        doing: &'static str,
        /// The cause.
        source: Box<dyn StdError + Send + Sync>,
    },
}

impl Error {
    /// The error for an invalid row or response.
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
            Self::Content(ContentError::TooLarge { .. }) | Self::UploadTooLarge { .. } => {
                ErrorCode::PayloadTooLarge
            }
            Self::Quota(_) => ErrorCode::QuotaExceeded,
            Self::BlankTitle
            | Self::Content(_)
            | Self::Image(_)
            | Self::LongKey(_)
            | Self::NoContent
            | Self::TwoContents
            | Self::UnknownVariant
            | Self::Month
            | Self::Order
            | Self::Cursor
            | Self::MalformedId
            | Self::Declaration(_)
            | Self::UploadRefused(_) => ErrorCode::InvalidArgument,
            Self::NotFound(_) | Self::NoVariant(_) | Self::UploadNotFound(_) => ErrorCode::NotFound,
            Self::UserGone => ErrorCode::Unauthenticated,
            Self::KeyReused | Self::Incomplete(_) | Self::Refused(_) => ErrorCode::Aborted,
            Self::Unavailable { .. } => ErrorCode::Unavailable,
            Self::Internal { .. } => ErrorCode::Internal,
        }
    }
}
